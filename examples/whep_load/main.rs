//! Opens many viewers on WHEP endpoints and reports what they received.
//!
//! ```text
//! cargo run --release -p vas-examples --example whep_load -- \
//!     --url http://127.0.0.1:8080/v2/streams/ID/whep --viewers 200 --seconds 30 --server-pid $(pidof vas-server)
//! ```
//!
//! Works with any WHEP server. The viewers are [`vas_examples::viewer::Viewer`]s: they connect, decrypt a
//! sample, report and ask for what is missing as a browser does, but decode nothing. The main thread does all
//! the signalling; one or more threads own the sockets.

mod args;
mod counters;
mod process;
mod receive;
mod report;
mod run;
mod signalling;
mod table;
mod worker;

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;

use args::Args;

fn main() -> anyhow::Result<ExitCode> {
    let args = Args::parse();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let report = runtime.block_on(run::run(&args))?;
    let text = if args.json { serde_json::to_string_pretty(&report)? + "\n" } else { table::render(&report) };
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(if report.viewers.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
