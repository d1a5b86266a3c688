//! The program `vas-server`: reads the command line and the configuration, and runs the library.

mod cli;
mod cli_accounts;
mod cli_backend;
mod cli_devices;
mod cli_import;
mod cli_output;
mod cli_recordings;
mod cli_table;

use anyhow::{Context, Result};
use clap::{CommandFactory, Parser};
use cli::{Cli, Command, ConfigOptions};
use cli_output::Output;
use serde_json::json;
use std::fmt::Write as _;
use std::io::Write;
use std::process::ExitCode;
use tokio::signal::unix::{Signal, SignalKind, signal};
use vas_core::TaskScope;
use vas_server::checkup::{self, Finding, Verdict};
use vas_server::config::{AuthMode, Config, ConfigError, DEFAULT_TOML, Loaded, Sources, nearest_variable};
use vas_server::logging;

/// What a demo without a folder of its own keeps of its recordings, in MB.
#[cfg(feature = "test-camera")]
const DEMO_RECORDINGS_MB: u32 = 500;

const UNKNOWN_VARIABLE: &str =
    "this environment variable looks like a setting and is none; see `vas-server config`";

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
    if let Some(text) = printed(cli.command.as_ref()) {
        say(&text)?;
        return Ok(ExitCode::SUCCESS);
    }
    let sources = cli.settings.sources();
    let loaded = match (sources.load(), &cli.command) {
        (Err(error), Some(Command::Check(options))) => return told(&not_loaded(&error, options.json)),
        (loaded, _) => loaded?,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("vas")
        .build()
        .context("can't start the runtime")?;
    let result = runtime.block_on(async {
        match cli.command.unwrap_or(Command::Serve) {
            Command::Serve => serve(sources, &loaded).await,
            #[cfg(feature = "test-camera")]
            Command::Demo(options) => {
                started(&loaded)?;
                let is_told = loaded.is_set("auth.mode");
                demo(loaded.config, is_told, &options).await
            }
            Command::Config(_) => say(&loaded.effective()),
            Command::Completion { .. } | Command::Openapi => Ok(()),
            Command::Check(options) => return told(&report(&checkup::check(&loaded).await, options.json)),
            Command::User(command) => return told(&cli_accounts::users(&loaded.config, &command).await?),
            Command::Client(command) => return told(&cli_accounts::clients(&loaded.config, &command).await?),
            Command::Device(command) => return told(&cli_devices::run(&loaded.config, &command).await?),
            Command::Import(options) => return told(&cli_import::run(&loaded.config, &options).await?),
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

/// What commands print that need no settings.
fn printed(command: Option<&Command>) -> Option<String> {
    match command? {
        Command::Config(ConfigOptions { schema: true, .. }) => {
            Some(format!("{:#}\n", vas_server::config::schema()))
        }
        Command::Config(ConfigOptions { effective: false, .. }) => Some(DEFAULT_TOML.to_owned()),
        Command::Openapi => Some(vas_server::openapi()),
        Command::Completion { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut Cli::command(), "vas-server", &mut script);
            Some(String::from_utf8_lossy(&script).into_owned())
        }
        _ => None,
    }
}

/// Starts logging and tells what is odd about the configuration.
fn started(loaded: &Loaded) -> Result<()> {
    logging::init(&loaded.config.log)?;
    for name in &loaded.unknown_variables {
        tracing::warn!(name, meant = nearest_variable(name), "{UNKNOWN_VARIABLE}");
    }
    Ok(())
}

async fn serve(sources: Sources, loaded: &Loaded) -> Result<()> {
    started(loaded)?;
    let signals = Signals::new()?;
    vas_server::run(sources, loaded, signals.shutdown()).await?;
    Ok(())
}

#[cfg(feature = "test-camera")]
async fn demo(mut config: Config, is_told: bool, options: &cli::DemoOptions) -> Result<()> {
    let signals = Signals::new()?;
    // Nobody but this machine reaches it: a first look needs no password.
    if !is_told && config.http.listen.ip().is_loopback() {
        config.auth.mode = AuthMode::Open;
    }
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

/// Prints what a command found; its exit code.
fn told(output: &Output) -> Result<ExitCode> {
    say(&output.text)?;
    Ok(if output.ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What a check tells where the settings can't be read.
fn not_loaded(error: &ConfigError, json: bool) -> Output {
    let finding = Finding { subject: "settings", verdict: Verdict::Bad, text: error.to_string() };
    report(&[finding], json)
}

/// What a check found, as it is printed.
fn report(findings: &[Finding], json: bool) -> Output {
    let mut text = String::new();
    let width = findings.iter().map(|finding| finding.subject.chars().count()).max().unwrap_or(0);
    let mut values = Vec::new();
    for Finding { subject, verdict, text: more } in findings {
        let (mark, name) = match verdict {
            Verdict::Good => ('✓', "good"),
            Verdict::Odd => ('!', "odd"),
            Verdict::Bad => ('✗', "bad"),
        };
        let _ = writeln!(text, "{mark} {subject:<width$}  {more}");
        values.push(json!({ "subject": subject, "verdict": name, "text": more }));
    }
    let ok = findings.iter().all(|finding| finding.verdict != Verdict::Bad);
    Output::new(json, &json!({ "ok": ok, "findings": values }), text, ok)
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
