//! Structured logs on standard error.

use crate::config::{Invalid, LogConfig, LogFormat};
use std::io::IsTerminal;
use std::sync::OnceLock;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::util::SubscriberInitExt;

type AnySubscriber = Box<dyn tracing::Subscriber + Send + Sync>;
type SetFilter = Box<dyn Fn(EnvFilter) + Send + Sync>;

/// Changes the level of the process's log; there is one, as there is one log.
static SET_FILTER: OnceLock<SetFilter> = OnceLock::new();

/// Starts logging for the whole process. Later calls change nothing.
///
/// # Errors
/// The level is none.
pub fn init(config: &LogConfig) -> Result<(), Invalid> {
    let (subscriber, set_filter) = build(config, std::io::stderr, std::io::stderr().is_terminal())?;
    if subscriber.try_init().is_ok() {
        let _ = SET_FILTER.set(set_filter);
    }
    Ok(())
}

/// Changes the level of the log that [`init`] started; where something else logs, nothing happens.
///
/// # Errors
/// The level is none.
pub fn set_level(config: &LogConfig) -> Result<(), Invalid> {
    let filter = config.filter()?;
    if let Some(set_filter) = SET_FILTER.get() {
        set_filter(filter);
    }
    Ok(())
}

/// A subscriber that writes lines of the configured form to `writer`.
///
/// # Errors
/// The level is none.
pub fn subscriber<W>(config: &LogConfig, writer: W, colours: bool) -> Result<AnySubscriber, Invalid>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    Ok(build(config, writer, colours)?.0)
}

/// A subscriber, and what changes its level.
fn build<W>(config: &LogConfig, writer: W, colours: bool) -> Result<(AnySubscriber, SetFilter), Invalid>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let builder = tracing_subscriber::fmt().with_env_filter(config.filter()?).with_writer(writer);
    Ok(match config.format {
        LogFormat::Text => {
            let builder = builder.with_ansi(colours).with_filter_reloading();
            let handle = builder.reload_handle();
            // An error means that the subscriber is gone, and nothing logs any more.
            (Box::new(builder.finish()), Box::new(move |filter| drop(handle.reload(filter))))
        }
        LogFormat::Json => {
            let builder = builder.json().flatten_event(true).with_filter_reloading();
            let handle = builder.reload_handle();
            (Box::new(builder.finish()), Box::new(move |filter| drop(handle.reload(filter))))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn the_level_changes_while_it_logs() {
        for format in [LogFormat::Text, LogFormat::Json] {
            let lines = Lines::default();
            let writer = lines.clone();
            let mut config = LogConfig { format, level: "warn".to_owned() };
            let (subscriber, set_filter) = build(&config, move || writer.clone(), false).unwrap();
            tracing::subscriber::with_default(subscriber, || {
                tracing::info!("before");
                config.level = "info".to_owned();
                set_filter(config.filter().unwrap());
                tracing::info!("after");
            });
            let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
            assert!(text.contains("after") && !text.contains("before"), "{text}");
        }
    }
}
