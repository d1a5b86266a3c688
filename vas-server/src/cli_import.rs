//! `vas-server import`: cameras out of the configuration of MediaMTX, go2rtc or Frigate.

use crate::cli_backend::{Backend, ServerOptions};
use crate::cli_devices::{add_all, reason, results};
use crate::cli_output::Output;
use crate::cli_table::{Table, count_of};
use anyhow::{Context, Result};
use clap::Args;
use serde_json::{Map, Value, json};
use std::fmt::Write as _;
use std::path::PathBuf;
use vas_server::config::Config;
use vas_server::import::{self, Found, FoundDevice, Transport};
use vas_server::registry::Purpose;

/// A configuration file of another server.
#[derive(Debug, Args)]
pub(crate) struct ImportOptions {
    /// mediamtx.yml, go2rtc.yaml or Frigate's config.yml; which it is, it tells itself
    file: PathBuf,
    /// Add the cameras; without it, only what would be added is shown
    #[arg(long)]
    apply: bool,
    /// Start the streams of those that are switched on
    #[arg(long, requires = "apply")]
    start: bool,
    #[command(flatten)]
    server: ServerOptions,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command and gives what to print.
pub(crate) async fn run(config: &Config, options: &ImportOptions) -> Result<Output> {
    let path = options.file.display();
    let text = std::fs::read_to_string(&options.file).with_context(|| format!("can't read {path}"))?;
    let found = import::read(&text, &|name| std::env::var(name).ok()).with_context(|| path.to_string())?;
    let purpose = if options.apply { Purpose::Change } else { Purpose::Look };
    let backend = Backend::open(config, &options.server, purpose).await?;
    let rows: Vec<_> = found.devices.iter().map(fields).collect();
    let result = add_all(&backend, &rows, !options.apply).await;
    let result = match result {
        Ok(result) if options.start => start(&backend, &found, result).await,
        result => result,
    };
    backend.close().await;
    let result = result?;
    Ok(if options.apply {
        let mut output = results(options.json, &with_skipped(&found, &result));
        if !options.json {
            output.text.push_str(&skipped(&found));
        }
        output
    } else {
        preview(options.json, &found, &result)
    })
}

async fn start(backend: &Backend, found: &Found, result: Value) -> Result<Value> {
    for entry in result["results"].as_array().into_iter().flatten() {
        let enabled =
            found.devices.iter().any(|device| device.enabled && entry["name"] == device.name.as_str());
        if let (true, Some(id)) = (enabled, entry["id"].as_str()) {
            backend.set_running(id, true).await?;
        }
    }
    Ok(result)
}

/// A camera as the API takes it.
fn fields(device: &FoundDevice) -> Map<String, Value> {
    let transport = match device.transport {
        Some(Transport::Tcp) => "tcp",
        Some(Transport::Udp) => "udp",
        None => "auto",
    };
    let fields = json!({
        "name": device.name,
        "rtsp_url": device.url.expose(),
        "sub_rtsp_url": device.sub_url.as_ref().map(|url| url.expose().to_owned()),
        "on_demand": device.on_demand && device.enabled,
        "idle_seconds": device.idle_seconds.map(|seconds| seconds.clamp(10, 86_400)),
        "transport": transport,
    });
    match fields {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

fn with_skipped(found: &Found, result: &Value) -> Value {
    let mut value = result.clone();
    let skipped = found.skipped.iter();
    value["format"] = json!(found.format.name());
    value["skipped"] =
        skipped.map(|skipped| json!({ "entry": skipped.entry, "reason": skipped.reason })).collect();
    value["missing_variables"] = json!(found.missing);
    value
}

/// What would be added.
fn preview(json: bool, found: &Found, result: &Value) -> Output {
    let mut table = Table::new(["NAME", "ADDRESS", "SUB STREAM", "RUNS", "RESULT"]);
    let no_results = Vec::new();
    let outcomes = result["results"].as_array().unwrap_or(&no_results);
    for (device, outcome) in found.devices.iter().zip(outcomes) {
        let runs = match (device.enabled, device.on_demand) {
            (false, _) => "switched off",
            (true, true) => "on demand",
            (true, false) => "always",
        };
        let outcome = if outcome["error"].is_null() { "new".to_owned() } else { reason(&outcome["error"]) };
        let sub = device.masked_sub_url().unwrap_or_else(|| "none".to_owned());
        table.row([device.name.clone(), device.masked_url(), sub, runs.to_owned(), outcome]);
    }
    let mut text = format!(
        "{}: {}\n\n{}",
        found.format.name(),
        count_of(found.devices.len() as u64, "camera"),
        table.finish()
    );
    text.push_str(&skipped(found));
    let _ = writeln!(text, "\nNothing was added yet; add --apply.");
    Output::new(json, &with_skipped(found, result), text, result["failed"] == 0)
}

/// What can't be added, and why.
fn skipped(found: &Found) -> String {
    if found.skipped.is_empty() {
        return String::new();
    }
    let mut table = Table::new(["LEFT OUT", "WHY"]);
    for skipped in &found.skipped {
        table.row([skipped.entry.clone(), skipped.reason.clone()]);
    }
    let mut text = format!("\n{}", table.finish());
    if !found.missing.is_empty() {
        let names: Vec<_> = found.missing.iter().map(String::as_str).collect();
        let _ = writeln!(text, "\nEnvironment variables that are not set: {}", names.join(", "));
    }
    text
}
