//! The program `vas-server`: reads the command line and the configuration, and runs the library.

mod cli;
mod cli_recordings;
mod cli_table;

use anyhow::{Context, Result};
use clap::Parser;
use cli::{Cli, Command};
use std::io::Write;
use std::process::ExitCode;
use tokio::signal::unix::{Signal, SignalKind, signal};
use vas_core::TaskScope;
use vas_server::config::{Config, DEFAULT_TOML, Loaded};
use vas_server::{Database, logging};

/// What a demo without a folder of its own keeps of its recordings, in MB.
#[cfg(feature = "test-camera")]
const DEMO_RECORDINGS_MB: u32 = 500;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(code) => code,
        Err(error) => {
            // In one line and without a backtrace: almost always it is a setting or a port that is taken.
            let _ = writeln!(std::io::stderr(), "error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> Result<ExitCode> {
    if matches!(cli.command, Some(Command::Config)) {
        say(DEFAULT_TOML)?;
        return Ok(ExitCode::SUCCESS);
    }
    let loaded = cli.settings.sources().load()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("vas")
        .build()
        .context("can't start the runtime")?;
    let result = runtime.block_on(async {
        match cli.command.unwrap_or(Command::Serve) {
            Command::Serve => serve(&started(loaded)?).await,
            #[cfg(feature = "test-camera")]
            Command::Demo(options) => demo(started(loaded)?, &options).await,
            Command::Check => check(&loaded).await,
            Command::Config => Ok(()),
            Command::Recordings(command) => {
                let report = cli_recordings::run(&loaded.config, &command).await?;
                say(&report.text)?;
                return Ok(if report.ok { ExitCode::SUCCESS } else { ExitCode::FAILURE });
            }
        }
        .map(|()| ExitCode::SUCCESS)
    });
    // A name that is still being looked up must not hold up the end.
    runtime.shutdown_background();
    result
}

/// Starts logging and tells what is odd about the configuration.
fn started(Loaded { config, unknown_variables }: Loaded) -> Result<Config> {
    logging::init(&config.log)?;
    for name in unknown_variables {
        tracing::warn!(
            name,
            "this environment variable looks like a setting and is none; see `vas-server config`"
        );
    }
    Ok(config)
}

async fn serve(config: &Config) -> Result<()> {
    let signals = Signals::new()?;
    vas_server::run(config, signals.shutdown()).await?;
    Ok(())
}

#[cfg(feature = "test-camera")]
async fn demo(mut config: Config, options: &cli::DemoOptions) -> Result<()> {
    let signals = Signals::new()?;
    // Without a folder of its own a demo leaves nothing behind, and what it records stays small.
    let folder = (config.database.url.is_empty() && config.data_dir == Config::default().data_dir)
        .then(|| std::env::temp_dir().join(format!("vas-demo-{}", std::process::id())));
    if let Some(folder) = &folder {
        folder.clone_into(&mut config.data_dir);
        config.recording.retention.max_total_mb = DEMO_RECORDINGS_MB;
    }
    let demo = vas_server::demo::Demo::start(&config, &options.demo()).await?;
    say(&demo.banner())?;
    signals.shutdown().await;
    demo.stop().await;
    if let Some(folder) = folder {
        std::fs::remove_dir_all(&folder).with_context(|| format!("can't remove {}", folder.display()))?;
    }
    Ok(())
}

async fn check(loaded: &Loaded) -> Result<()> {
    let config = &loaded.config;
    Database::connect(&config.database_url()).await?.close().await;
    for name in &loaded.unknown_variables {
        say(&format!("warning: {name} looks like a setting and is none\n"))?;
    }
    say(&format!("configuration and database are fine; HTTP would listen on {}\n", config.http.listen))
}

fn say(text: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    // A reader that went away, such as `head`, has seen what it wanted.
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        result => Ok(result?),
    }
}

/// Interrupt and terminate: the first asks for a shutdown in order, the second ends the process.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn new() -> Result<Self> {
        let on = |kind| signal(kind).context("can't watch signals");
        Ok(Self { interrupt: on(SignalKind::interrupt())?, terminate: on(SignalKind::terminate())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }

    async fn shutdown(mut self) {
        self.next().await;
        tracing::info!("stopping; another signal ends at once");
        TaskScope::new().spawn("second signal", async move {
            self.next().await;
            std::process::exit(130);
        });
    }
}
