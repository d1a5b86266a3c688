//! `vas-server device`: the devices, on a running server or in the database.

use crate::cli_backend::{Backend, ServerOptions};
use crate::cli_output::{Output, confirmed, passphrase};
use crate::cli_table::{Table, count_of};
use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Map, Value, json};
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use vas_core::Secret;
use vas_server::config::Config;
use vas_server::portable::Document;
use vas_server::registry::Purpose;

/// Devices that are added at a time, between steps of the progress bar.
const CHUNK: usize = 100;
/// Largest file that is read, in bytes.
const MAX_FILE: u64 = 32 << 20;

/// What to do with devices.
#[derive(Debug, Subcommand)]
pub(crate) enum DeviceCommand {
    /// List devices
    List(ListOptions),
    /// Show one device
    Show(OneOptions),
    /// Add a device
    Add(Box<AddOptions>),
    /// Add devices from a CSV table, a JSON array or an exported document
    Import(FileOptions),
    /// Write devices as a document that `import` reads
    Export(ExportOptions),
    /// Delete a device with its recordings
    Delete(DeleteOptions),
    /// Start a device's stream
    Start(OneOptions),
    /// Stop a device's stream
    Stop(OneOptions),
}

#[derive(Debug, Args)]
pub(crate) struct ListOptions {
    #[command(flatten)]
    server: ServerOptions,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct OneOptions {
    /// Its id or name
    device: String,
    #[command(flatten)]
    server: ServerOptions,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct AddOptions {
    /// A name that no other device has
    name: String,
    /// Address of the main stream, such as rtsp://user:password@192.0.2.10:554/stream
    #[arg(value_name = "URL")]
    rtsp_url: String,
    /// Address of the sub stream
    #[arg(long, value_name = "URL")]
    sub_url: Option<String>,
    /// Free text
    #[arg(long)]
    description: Option<String>,
    /// Where it hangs
    #[arg(long)]
    location: Option<String>,
    /// A name under which several devices are shown together
    #[arg(long)]
    group: Option<String>,
    /// auto, tcp or udp
    #[arg(long, default_value = "auto")]
    transport: String,
    /// Run its stream only while somebody watches
    #[arg(long)]
    on_demand: bool,
    /// Seconds without viewers after which it sleeps then
    #[arg(long, value_name = "SECONDS", requires = "on_demand")]
    idle_seconds: Option<u32>,
    /// Start its stream whenever the server starts
    #[arg(long)]
    autostart: bool,
    /// Start its stream now
    #[arg(long)]
    start: bool,
    #[command(flatten)]
    server: ServerOptions,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct FileOptions {
    /// A .csv table (name, rtsp_url, ...), a .json array of devices, or what `export` wrote
    file: PathBuf,
    /// Only tell what would come of it
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    server: ServerOptions,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ExportOptions {
    /// The file to write; without it, standard output
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Take passwords along, encrypted with a passphrase (asked for, or VAS_PASSPHRASE)
    #[arg(long)]
    secrets: bool,
    #[command(flatten)]
    server: ServerOptions,
}

#[derive(Debug, Args)]
pub(crate) struct DeleteOptions {
    /// Its id or name
    device: String,
    /// Don't ask
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    server: ServerOptions,
}

/// Runs the command and gives what to print.
pub(crate) async fn run(config: &Config, command: &DeviceCommand) -> Result<Output> {
    let (server, purpose) = match command {
        DeviceCommand::List(options) => (&options.server, Purpose::Look),
        DeviceCommand::Show(options) => (&options.server, Purpose::Look),
        DeviceCommand::Export(options) => (&options.server, Purpose::Look),
        DeviceCommand::Add(options) => (&options.server, Purpose::Change),
        DeviceCommand::Import(options) if options.dry_run => (&options.server, Purpose::Look),
        DeviceCommand::Import(options) => (&options.server, Purpose::Change),
        DeviceCommand::Delete(options) => (&options.server, Purpose::Change),
        DeviceCommand::Start(options) | DeviceCommand::Stop(options) => (&options.server, Purpose::Change),
    };
    let backend = Backend::open(config, server, purpose).await?;
    let output = match command {
        DeviceCommand::List(options) => list(&backend, options).await,
        DeviceCommand::Show(options) => show(&backend, options).await,
        DeviceCommand::Add(options) => add(&backend, options).await,
        DeviceCommand::Import(options) => import(&backend, options).await,
        DeviceCommand::Export(options) => export(&backend, options).await,
        DeviceCommand::Delete(options) => delete(&backend, options).await,
        DeviceCommand::Start(options) => set_running(&backend, options, true).await,
        DeviceCommand::Stop(options) => set_running(&backend, options, false).await,
    };
    backend.close().await;
    output
}

async fn list(backend: &Backend, options: &ListOptions) -> Result<Output> {
    let devices = backend.devices().await?;
    let mut table = Table::new(["NAME", "ADDRESS", "SUB", "RUNS", "GROUP", "ID"]);
    for device in &devices {
        let runs = match (device["is_active"] == true, device["on_demand"] == true) {
            (true, true) => "on demand",
            (true, false) => "yes",
            (false, _) => "no",
        };
        let sub = if device["sub_rtsp_url"].is_null() { "no" } else { "yes" };
        let text = |name: &str| device[name].as_str().unwrap_or_default().to_owned();
        table.row([
            text("name"),
            text("rtsp_url"),
            sub.to_owned(),
            runs.to_owned(),
            text("group"),
            text("id"),
        ]);
    }
    let text = format!("{}{}\n", table.finish(), count_of(devices.len() as u64, "device"));
    Ok(Output::new(options.json, &json!(devices), text, true))
}

async fn show(backend: &Backend, options: &OneOptions) -> Result<Output> {
    let device = backend.device(&options.device).await?;
    let mut table = Table::new(["FIELD", "VALUE"]);
    for (name, value) in device.as_object().into_iter().flatten() {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        table.row([name.clone(), value]);
    }
    Ok(Output::new(options.json, &device, table.finish(), true))
}

async fn add(backend: &Backend, options: &AddOptions) -> Result<Output> {
    let fields = json!({
        "name": options.name,
        "rtsp_url": options.rtsp_url,
        "sub_rtsp_url": options.sub_url,
        "description": options.description,
        "location": options.location,
        "group": options.group,
        "transport": options.transport,
        "on_demand": options.on_demand,
        "idle_seconds": options.idle_seconds,
        "autostart": options.autostart,
    });
    let Value::Object(fields) = fields else { bail!("a device is an object") };
    let added = backend.add(&[fields], false).await?;
    let result = &added["results"][0];
    let Some(id) = result["id"].as_str() else {
        bail!("the device was not added: {}", reason(&result["error"]));
    };
    if options.start {
        backend.set_running(id, true).await?;
    }
    Ok(Output::new(options.json, result, format!("added {} as {id}\n", options.name), true))
}

async fn import(backend: &Backend, options: &FileOptions) -> Result<Output> {
    let (rows, running) = rows_of(&options.file)?;
    let result = add_all(backend, &rows, options.dry_run).await?;
    if !options.dry_run {
        for entry in result["results"].as_array().into_iter().flatten() {
            if let Some(id) = entry["id"].as_str()
                && running.iter().any(|name| entry["name"] == name.as_str())
            {
                backend.set_running(id, true).await?;
            }
        }
    }
    Ok(results(options.json, &result))
}

/// Adds devices in steps, with a progress bar where there are many.
pub(crate) async fn add_all(backend: &Backend, rows: &[Map<String, Value>], trial: bool) -> Result<Value> {
    // In a trial names within the request are compared, so it goes in one.
    let size = if trial { rows.len().max(1) } else { CHUNK };
    let bar = if rows.len() > size { ProgressBar::new(rows.len() as u64) } else { ProgressBar::hidden() };
    bar.set_style(ProgressStyle::with_template("{bar:40} {pos}/{len} devices  {eta} left")?);
    let (mut results, mut failed) = (Vec::new(), 0);
    for chunk in rows.chunks(size) {
        let done = backend.add(chunk, trial).await?;
        failed += done["failed"].as_u64().unwrap_or_default();
        results.extend(done["results"].as_array().cloned().unwrap_or_default());
        bar.inc(chunk.len() as u64);
    }
    bar.finish_and_clear();
    for (index, result) in results.iter_mut().enumerate() {
        result["row"] = json!(index + 1);
    }
    let added = results.len() as u64 - failed.min(results.len() as u64);
    Ok(json!({ "dry_run": trial, "added": added, "failed": failed, "results": results }))
}

/// What became of many devices, as it is printed.
pub(crate) fn results(json: bool, result: &Value) -> Output {
    let mut table = Table::new(["ROW", "NAME", "RESULT", "WHY"]);
    for entry in result["results"].as_array().into_iter().flatten() {
        let text = |name: &str| entry[name].as_str().unwrap_or_default().to_owned();
        let why = if entry["error"].is_null() { String::new() } else { reason(&entry["error"]) };
        table.row([entry["row"].to_string(), text("name"), text("status"), why]);
    }
    let (added, failed) = (result["added"].as_u64().unwrap_or(0), result["failed"].as_u64().unwrap_or(0));
    let done = if result["dry_run"] == true { "would be added" } else { "added" };
    let text = format!("{}{} {done}, {failed} failed\n", table.finish(), count_of(added, "device"));
    Output::new(json, result, text, failed == 0)
}

/// The sentence of an error, with the fields that are wrong.
pub(crate) fn reason(error: &Value) -> String {
    let sentence = error["error_description"].as_str().unwrap_or_default();
    match error["details"]["fields"].as_object() {
        Some(fields) => {
            let fields =
                fields.iter().map(|(name, why)| format!("{name}: {}", why.as_str().unwrap_or_default()));
            fields.collect::<Vec<_>>().join("; ")
        }
        None => sentence.to_owned(),
    }
}

type Rows = Vec<Map<String, Value>>;

/// The devices of a file, and the names of those that are to run.
fn rows_of(path: &Path) -> Result<(Rows, Vec<String>)> {
    let size = std::fs::metadata(path).with_context(|| format!("can't read {}", path.display()))?.len();
    if size > MAX_FILE {
        bail!("{} is larger than {} MB", path.display(), MAX_FILE >> 20);
    }
    let text = std::fs::read_to_string(path).with_context(|| format!("can't read {}", path.display()))?;
    let is_table = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("csv"));
    if is_table {
        let rows = vas_server::registry::rows_of_csv(text.as_bytes());
        let rows = rows.map_err(|why| anyhow::anyhow!("{}: {why}", path.display()))?;
        return Ok((objects(rows, path)?, Vec::new()));
    }
    match serde_json::from_str(&text).with_context(|| format!("{} is no JSON", path.display()))? {
        Value::Array(rows) => Ok((objects(rows, path)?, Vec::new())),
        document => {
            let document: Document = serde_json::from_value(document).with_context(|| {
                format!("{} is neither an array of devices nor an export", path.display())
            })?;
            let passphrase = if document.secrets.is_some() { Some(passphrase(false)?) } else { None };
            let secrets = document.open(passphrase.as_ref())?;
            let running = document.devices.iter().filter(|device| device.is_active);
            let running = running.map(|device| device.name.clone()).collect();
            Ok((document.devices.iter().map(|device| device.request(secrets.as_ref())).collect(), running))
        }
    }
}

fn objects(rows: Vec<Value>, path: &Path) -> Result<Rows> {
    let object = |row| match row {
        Value::Object(object) => Ok(object),
        _ => bail!("{}: each device must be an object", path.display()),
    };
    rows.into_iter().map(object).collect()
}

async fn export(backend: &Backend, options: &ExportOptions) -> Result<Output> {
    let passphrase: Option<Secret> = if options.secrets { Some(passphrase(true)?) } else { None };
    let document = backend.export(passphrase.as_ref()).await?;
    let text = format!("{}\n", serde_json::to_string_pretty(&document)?);
    let Some(path) = &options.output else { return Ok(Output::text(text)) };
    std::fs::write(path, text).with_context(|| format!("can't write {}", path.display()))?;
    Ok(Output::text(format!("{} in {}\n", count_of(document.devices.len() as u64, "device"), path.display())))
}

async fn delete(backend: &Backend, options: &DeleteOptions) -> Result<Output> {
    let device = backend.device(&options.device).await?;
    let (name, id) = (device["name"].as_str().unwrap_or_default(), device["id"].as_str().unwrap_or_default());
    if !options.yes {
        if !std::io::stdin().is_terminal() {
            bail!("nothing was deleted; add --yes");
        }
        if !confirmed(&format!("Delete {name} with everything that was recorded of it?"))? {
            return Ok(Output::text("nothing was deleted\n"));
        }
    }
    backend.delete(id).await?;
    Ok(Output::text(format!("deleted {name}\n")))
}

async fn set_running(backend: &Backend, options: &OneOptions, running: bool) -> Result<Output> {
    let device = backend.device(&options.device).await?;
    backend.set_running(device["id"].as_str().unwrap_or_default(), running).await?;
    let device = backend.device(&options.device).await?;
    let name = device["name"].as_str().unwrap_or_default();
    let text = match (running, backend.is_database()) {
        (true, true) => format!("{name} runs when the server starts\n"),
        (true, false) => format!("{name} was started\n"),
        (false, true) => format!("{name} stays stopped when the server starts\n"),
        (false, false) => format!("{name} was stopped\n"),
    };
    Ok(Output::new(options.json, &device, text, true))
}
