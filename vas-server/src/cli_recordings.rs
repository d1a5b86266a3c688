//! `vas-server recordings`: what was recorded, whether it is whole, and getting it out.

use crate::cli_table::{Table, count_of, length, size};
use anyhow::{Context, Result, bail, ensure};
use clap::{Args, Subcommand};
use futures_util::StreamExt;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use vas_core::model::WallRange;
use vas_core::ports::RecordingHead;
use vas_core::{DeviceId, WallTime};
use vas_record::clip::{self, ClipFormat, ClipInfo, ClipRequest};
use vas_record::verify::{self, Depth, Walk};
use vas_server::archive::{Archive, Purpose, format_time, parse_time};
use vas_server::config::Config;

/// Rows that are read at a time.
const PAGE: u64 = 1_000;
/// Files whose times lie no further apart, in microseconds, are listed as one stretch.
const JOINED: i64 = 500_000;
/// Longest clip: a month.
const LONGEST: Duration = Duration::from_secs(31 * 86_400);

/// What to do with recordings.
#[derive(Debug, Subcommand)]
pub(crate) enum RecordingsCommand {
    /// List what was recorded
    List(ListOptions),
    /// Look at every recording, and tell what is wrong
    Verify(VerifyOptions),
    /// Make the index fit the files again; the server must not run
    Repair(RepairOptions),
    /// Write a range as an MP4 file, exact to the picture
    Export(ExportOptions),
}

#[derive(Debug, Args)]
pub(crate) struct ListOptions {
    /// Id or name of the device; all devices where none is given
    #[arg(long, value_name = "DEVICE")]
    device: Option<String>,
    /// Only what ended after this time, such as 2026-11-22T10:00:00Z
    #[arg(long, value_name = "TIME", value_parser = time)]
    from: Option<WallTime>,
    /// Only what began before this time
    #[arg(long, value_name = "TIME", value_parser = time)]
    to: Option<WallTime>,
    /// Every file, in place of stretches without a break
    #[arg(long)]
    files: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct VerifyOptions {
    /// Id or name of the device; all devices where none is given
    #[arg(long, value_name = "DEVICE")]
    device: Option<String>,
    /// Whether files are there and have their lengths, without reading them
    #[arg(long)]
    quick: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct RepairOptions {
    /// Id or name of the device; all devices where none is given
    #[arg(long, value_name = "DEVICE")]
    device: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ExportOptions {
    /// Id or name of the device
    #[arg(long, value_name = "DEVICE")]
    device: String,
    /// First picture, such as 2026-11-22T10:00:00Z
    #[arg(long, value_name = "TIME", value_parser = time)]
    from: WallTime,
    /// End; the picture at this time is not in it
    #[arg(long, value_name = "TIME", value_parser = time)]
    to: WallTime,
    /// The file to write
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,
    /// The sub stream in place of the main stream
    #[arg(long)]
    sub: bool,
    /// Replace a file that is there
    #[arg(long)]
    force: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

fn time(text: &str) -> Result<WallTime, String> {
    parse_time(text).ok_or_else(|| "give it like 2026-11-22T10:00:00Z".to_owned())
}

/// Runs the command and gives what to print.
pub(crate) async fn run(config: &Config, command: &RecordingsCommand) -> Result<Report> {
    let purpose = match command {
        RecordingsCommand::Repair(_) => Purpose::Change,
        _ => Purpose::Look,
    };
    let archive = Archive::open(config, purpose).await?;
    let report = match command {
        RecordingsCommand::List(options) => list(&archive, options).await,
        RecordingsCommand::Verify(options) => verify(&archive, options).await,
        RecordingsCommand::Repair(options) => repair(&archive, options).await,
        RecordingsCommand::Export(options) => export(&archive, options).await,
    };
    archive.close().await;
    report
}

/// What a command found.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) text: String,
    /// Whether all is well.
    pub(crate) ok: bool,
}

impl Report {
    fn new(json: bool, value: &Value, text: String, ok: bool) -> Self {
        Self { text: if json { format!("{value:#}\n") } else { text }, ok }
    }
}

async fn device_of(archive: &Archive, given: Option<&String>) -> Result<Option<DeviceId>> {
    Ok(match given {
        Some(text) => Some(archive.device(text).await?),
        None => None,
    })
}

/// Recordings of a device or all, the oldest first.
async fn heads(archive: &Archive, device: Option<DeviceId>, before: WallTime) -> Result<Vec<RecordingHead>> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let page = archive.library().repo().oldest(device, after, before, PAGE).await?;
        let Some(last) = page.last() else { return Ok(all) };
        after = Some((last.span.start, last.id));
        all.extend(page);
    }
}

async fn list(archive: &Archive, options: &ListOptions) -> Result<Report> {
    let device = device_of(archive, options.device.as_ref()).await?;
    let names = archive.names().await?;
    let end_of_time = WallTime::from_unix_micros(i64::MAX);
    let mut heads = heads(archive, device, options.to.unwrap_or(end_of_time)).await?;
    heads.retain(|head| options.from.is_none_or(|from| head.span.end > from));
    heads.sort_by_key(|head| (head.device, head.layer, head.span.start));
    let mut rows: Vec<Row> = Vec::new();
    for head in &heads {
        match rows.last_mut() {
            Some(last) if !options.files && last.is_continued_by(head) => last.add(head),
            _ => rows.push(Row::of(head)),
        }
    }
    let name = |device: &DeviceId| names.get(device).cloned().unwrap_or_else(|| "(deleted)".to_owned());
    let value: Vec<_> = rows.iter().map(|row| row.json(&name(&row.device))).collect();
    let mut table = Table::new(["DEVICE", "LAYER", "START", "END", "LENGTH", "FILES", "SIZE"]);
    for row in &rows {
        table.row([
            name(&row.device),
            layer_name(row.layer).to_owned(),
            format_time(row.span.start),
            format_time(row.span.end),
            length(row.span.micros()),
            row.files.to_string(),
            size(row.bytes),
        ]);
    }
    let bytes = rows.iter().map(|row| row.bytes).sum();
    let mut text = table.finish();
    let _ = writeln!(text, "{}, {}", count_of(heads.len() as u64, "file"), size(bytes));
    Ok(Report::new(options.json, &json!(value), text, true))
}

/// A line of a list: a file, or several that go on.
struct Row {
    device: DeviceId,
    layer: u8,
    span: WallRange,
    bytes: u64,
    files: u64,
    thinned: bool,
}

impl Row {
    const fn of(head: &RecordingHead) -> Self {
        let &RecordingHead { device, layer, span, bytes, thinned, .. } = head;
        Self { device, layer, span, bytes, files: 1, thinned }
    }

    fn is_continued_by(&self, head: &RecordingHead) -> bool {
        (self.device, self.layer) == (head.device, head.layer)
            && head.span.start.micros_since(self.span.end) <= JOINED
    }

    fn add(&mut self, head: &RecordingHead) {
        self.span.end = self.span.end.max(head.span.end);
        self.bytes += head.bytes;
        self.files += 1;
        self.thinned |= head.thinned;
    }

    fn json(&self, name: &str) -> Value {
        json!({
            "device_id": self.device,
            "name": name,
            "layer": layer_name(self.layer),
            "start": format_time(self.span.start),
            "end": format_time(self.span.end),
            "duration_seconds": self.span.micros() as f64 / 1e6,
            "files": self.files,
            "bytes": self.bytes,
            "thinned": self.thinned,
        })
    }
}

/// What is wrong with a recording.
struct Finding {
    head: RecordingHead,
    fault: String,
}

/// Goes through recordings, with a bar that shows how far it is.
async fn faults(archive: &Archive, device: Option<DeviceId>, depth: Depth) -> Result<(u64, Vec<Finding>)> {
    let usage = archive.library().repo().usage().await?;
    let files = usage.iter().filter(|usage| device.is_none_or(|device| usage.device == device));
    let bar = ProgressBar::new(files.map(|usage| usage.files).sum());
    bar.set_style(style("{bar:40} {pos}/{len} files  {eta} left  {msg}")?);
    let mut walk = Walk::new(archive.library(), device, depth);
    let (mut count, mut findings) = (0, Vec::new());
    while let Some((head, fault)) = walk.next().await? {
        count += 1;
        bar.inc(1);
        if let Some(fault) = fault {
            findings.push(Finding { head, fault: fault.to_string() });
            bar.set_message(count_of(findings.len() as u64, "fault"));
        }
    }
    bar.finish_and_clear();
    Ok((count, findings))
}

async fn verify(archive: &Archive, options: &VerifyOptions) -> Result<Report> {
    let device = device_of(archive, options.device.as_ref()).await?;
    let depth = if options.quick { Depth::Length } else { Depth::Content };
    let (count, findings) = faults(archive, device, depth).await?;
    let orphans = match device {
        Some(_) => Vec::new(),
        None => verify::orphans(archive.library()).await?,
    };
    let ok = findings.is_empty() && orphans.is_empty();
    let value = json!({
        "recordings": count,
        "faults": findings.iter().map(Finding::json).collect::<Vec<_>>(),
        "orphans": orphans.iter().map(|(file, bytes)| json!({ "file": file, "bytes": bytes })).collect::<Vec<_>>(),
        "ok": ok,
    });
    let names = archive.names().await?;
    let mut text = findings_table(&findings, &names);
    if !orphans.is_empty() {
        let mut table = Table::new(["FILE WITHOUT A ROW", "SIZE"]);
        orphans.iter().for_each(|(file, bytes)| table.row([file.clone(), size(*bytes)]));
        text.push_str(&table.finish());
    }
    let recordings = count_of(count, "recording");
    let _ = match (ok, findings.len()) {
        (true, _) => writeln!(text, "{recordings}, all whole"),
        (false, 0) => {
            let orphans = count_of(orphans.len() as u64, "file");
            writeln!(text, "{recordings}, all whole; {orphans} without a row in the index")
        }
        (false, faults) => {
            let faults = count_of(faults as u64, "fault");
            writeln!(text, "{recordings}, {faults}; stop the server and run `vas-server recordings repair`")
        }
    };
    Ok(Report::new(options.json, &value, text, ok))
}

impl Finding {
    fn json(&self) -> Value {
        json!({
            "recording": self.head.id,
            "device_id": self.head.device,
            "layer": layer_name(self.head.layer),
            "start": format_time(self.head.span.start),
            "fault": self.fault,
        })
    }
}

fn findings_table(findings: &[Finding], names: &HashMap<DeviceId, String>) -> String {
    if findings.is_empty() {
        return String::new();
    }
    let mut table = Table::new(["DEVICE", "LAYER", "START", "RECORDING", "FAULT"]);
    for Finding { head, fault } in findings {
        table.row([
            names.get(&head.device).cloned().unwrap_or_else(|| "(deleted)".to_owned()),
            layer_name(head.layer).to_owned(),
            format_time(head.span.start),
            head.id.to_string(),
            fault.clone(),
        ]);
    }
    table.finish()
}

async fn repair(archive: &Archive, options: &RepairOptions) -> Result<Report> {
    let device = device_of(archive, options.device.as_ref()).await?;
    let (count, mut findings) = faults(archive, device, Depth::Content).await?;
    let mut ok = true;
    for finding in &mut findings {
        let done = match verify::repair(archive.library(), archive.spool(), &finding.head).await {
            Ok(Some(head)) => format!("repaired: {} are left", length(head.span.micros())),
            Ok(None) => "removed from the index".to_owned(),
            Err(error) => {
                ok = false;
                format!("not repaired: {error}")
            }
        };
        let _ = write!(finding.fault, "; {done}");
    }
    let value = json!({
        "recordings": count,
        "repaired": findings.iter().map(Finding::json).collect::<Vec<_>>(),
        "ok": ok,
    });
    let mut text = findings_table(&findings, &archive.names().await?);
    let faults = count_of(findings.len() as u64, "fault");
    let _ = writeln!(text, "{} looked at, {faults} found", count_of(count, "recording"));
    Ok(Report::new(options.json, &value, text, ok))
}

async fn export(archive: &Archive, options: &ExportOptions) -> Result<Report> {
    ensure!(options.from < options.to, "--to must lie after --from");
    let output = &options.output;
    if output.exists() && !options.force {
        bail!("{} is there already; choose another name, or replace it with --force", output.display());
    }
    let request = ClipRequest {
        device: archive.device(&options.device).await?,
        layer: u8::from(options.sub),
        range: WallRange::new(options.from, options.to),
        format: ClipFormat::Progressive,
        longest: LONGEST,
    };
    let spinner = ProgressBar::new_spinner().with_message("looking through the recordings");
    spinner.enable_steady_tick(Duration::from_millis(100));
    let planned = clip::plan(archive.library(), &request).await;
    spinner.finish_and_clear();
    let planned = Arc::new(planned?);
    let info = planned.info().clone();
    // Under another name until it is whole: what has the name can be played.
    let part = part_of(output)?;
    let written = write(archive, &planned, &part).await;
    if let Err(error) = written {
        let _ = tokio::fs::remove_file(&part).await;
        return Err(error.context(format!("can't write {}", output.display())));
    }
    tokio::fs::rename(&part, output).await.with_context(|| format!("can't write {}", output.display()))?;
    Ok(Report::new(options.json, &clip_json(&info, output), clip_text(&info, output), true))
}

/// Where a file is written before it has its name.
fn part_of(output: &Path) -> Result<PathBuf> {
    let name = output.file_name().context("--output must name a file")?;
    let mut part = std::ffi::OsString::from(".");
    part.push(name);
    part.push(".part");
    Ok(output.with_file_name(part))
}

async fn write(archive: &Archive, clip: &Arc<clip::Clip>, part: &Path) -> Result<()> {
    let bytes = clip.info().bytes;
    let bar = ProgressBar::new(bytes);
    bar.set_style(style("{bar:40} {bytes}/{total_bytes}  {bytes_per_sec}  {eta} left")?);
    let mut file = tokio::fs::File::create(part).await?;
    let mut stream = clip.clone().stream(Arc::new(archive.library().clone()), 0..bytes);
    while let Some(piece) = stream.next().await {
        let piece = piece?;
        file.write_all(&piece).await?;
        bar.inc(piece.len() as u64);
    }
    file.flush().await?;
    file.sync_all().await?;
    bar.finish_and_clear();
    Ok(())
}

fn clip_json(info: &ClipInfo, output: &Path) -> Value {
    let gap = |(range, reason): &(WallRange, vas_core::model::GapReason)| json!({ "start": format_time(range.start), "end": format_time(range.end), "reason": reason.as_str() });
    json!({
        "file": output,
        "start": format_time(info.start),
        "end": format_time(info.end),
        "duration_seconds": info.duration.as_secs_f64(),
        "pictures": info.pictures,
        "bytes": info.bytes,
        "codecs": info.codecs,
        "gaps": info.gaps.iter().map(gap).collect::<Vec<_>>(),
    })
}

fn clip_text(info: &ClipInfo, output: &Path) -> String {
    let mut text = format!(
        "{}: {} from {} to {}, {} pictures, {}\n",
        output.display(),
        length(i64::try_from(info.duration.as_micros()).unwrap_or(i64::MAX)),
        format_time(info.start),
        format_time(info.end),
        info.pictures,
        size(info.bytes),
    );
    if !info.gaps.is_empty() {
        let mut table = Table::new(["GAP FROM", "TO", "LENGTH", "WHY"]);
        for (range, reason) in &info.gaps {
            let (start, end) = (format_time(range.start), format_time(range.end));
            table.row([start, end, length(range.micros()), reason.to_string()]);
        }
        text.push_str(&table.finish());
    }
    text
}

fn style(template: &str) -> Result<ProgressStyle> {
    Ok(ProgressStyle::with_template(template)?.progress_chars("━╸ "))
}

const fn layer_name(layer: u8) -> &'static str {
    if layer == 0 { "main" } else { "sub" }
}
