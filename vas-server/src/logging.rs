//! Structured logs on standard error.

use crate::config::{Invalid, LogConfig, LogFormat};
use std::io::IsTerminal;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::util::SubscriberInitExt;

/// Starts logging for the whole process. Later calls change nothing.
///
/// # Errors
/// The level is none.
pub fn init(config: &LogConfig) -> Result<(), Invalid> {
    subscriber(config, std::io::stderr, std::io::stderr().is_terminal())?.try_init().ok();
    Ok(())
}

/// A subscriber that writes lines of the configured form to `writer`.
///
/// # Errors
/// The level is none.
pub fn subscriber<W>(
    config: &LogConfig,
    writer: W,
    colours: bool,
) -> Result<Box<dyn tracing::Subscriber + Send + Sync>, Invalid>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let builder = tracing_subscriber::fmt().with_env_filter(config.filter()?).with_writer(writer);
    Ok(match config.format {
        LogFormat::Text => Box::new(builder.with_ansi(colours).finish()),
        LogFormat::Json => Box::new(builder.json().flatten_event(true).finish()),
    })
}
