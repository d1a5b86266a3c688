//! Many cameras recorded at once, and with a viewer each: how far this machine goes.
//!
//! The cameras are one loop of 2 Mb/s that a process of its own serves as often as it is asked for; each is a device with
//! an RTSP connection, a stream and files of its own.

use super::node::Node;
use super::{SOON, killed::now, stretches_of};
use crate::process::{Process, built, run};
use crate::turn;
use crate::wait::until;
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// Bits a second of a camera.
const RATE: &str = "2M";
/// Media that may be missing at the end of a recording while it goes on, in microseconds: what is not written yet.
const BEHIND: i64 = 3_000_000;

/// Eight seconds of pictures that take their 2 Mb/s, in a loop.
async fn footage(to: &Path) -> Result<()> {
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args([
        "-v",
        "error",
        "-f",
        "lavfi",
        "-i",
        "testsrc2=size=1280x720:rate=25:duration=8,noise=alls=20",
    ]);
    ffmpeg.args(["-c:v", "libx264", "-preset", "veryfast", "-bf", "0", "-g", "50", "-pix_fmt", "yuv420p"]);
    ffmpeg.args(["-b:v", RATE, "-minrate", RATE, "-maxrate", RATE, "-bufsize", RATE]).arg(to);
    run("ffmpeg", ffmpeg, Duration::from_secs(120)).await.map(drop)
}

/// Seconds of CPU that a process has taken, and its resident memory in KiB (proc(5)).
fn cost(id: u32) -> Result<(f64, u64)> {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat"))?;
    // What follows the name, which may hold anything: state is the third field, user and system time the 14th and 15th.
    let fields: Vec<_> = stat.rsplit_once(')').context("a name")?.1.split_whitespace().collect();
    let ticks = fields[11].parse::<f64>()? + fields[12].parse::<f64>()?;
    let pages: u64 = fields[21].parse()?;
    Ok((ticks / 100.0, pages * 4))
}

/// What became of the cameras of a run.
#[derive(Debug, Default)]
struct Outcome {
    /// Recorded without a gap, up to the present, with every packet.
    whole: usize,
    /// The one that is the most behind the present, in milliseconds.
    behind: i64,
    troubles: Vec<String>,
}

async fn record(cameras: usize, watched: bool, seconds: u64) -> Result<()> {
    let _turn = turn::alone().await;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("loop.mp4");
    footage(&file).await?;
    let mut source = Command::new(built("examples/test_camera")?);
    source.args(["--listen", "127.0.0.1:0", "--count", "0", "--file"]).arg(&file);
    let mut source = Process::spawn("test_camera", source)?;
    let url = source
        .wait_for_line(SOON, "the camera's address", |line| {
            line.split_whitespace()
                .find(|word| word.starts_with("rtsp://") && word.ends_with("/loop"))
                .map(str::to_owned)
        })
        .await?;
    let node = Node::start_with(vec![
        ("VAS_MEDIA_MAX_VIEWERS_PER_ADDRESS", "0".to_owned()),
        ("VAS_RECORDING_RETENTION_MIN_FREE_MB", "0".to_owned()),
    ])
    .await?;
    let mut streams = Vec::new();
    for n in 0..cameras {
        // Each device has a URL of its own, of which the camera passes over the query.
        streams.push(node.add(&format!("camera {n}"), &format!("{url}?camera={n}")).await?.1);
    }
    let all = Duration::from_secs(60 + cameras as u64);
    until(all, "all cameras live", async || {
        for stream in &streams {
            let health = node.get(&format!("v2/streams/{stream}/health")).await.ok()?;
            if health["state"] != "LIVE" {
                return None;
            }
        }
        Some(())
    })
    .await
    .with_context(|| node.tail())?;

    let began = now()?;
    let (before, watch) = (cost(node.id())?, Instant::now());
    let viewers = if watched { Some(watch_all(&node, &streams, seconds).await?) } else { None };
    if viewers.is_none() {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
    }
    let after = cost(node.id())?;
    let share = (after.0 - before.0) / watch.elapsed().as_secs_f64();
    let outcome = look(&node, &streams, began).await?;
    println!(
        "{cameras} cameras at {RATE}b/s{} for {seconds} s: {} whole, {} ms behind at most; {share:.2} cores, {} MiB; load {}",
        if watched { " with a viewer each" } else { "" },
        outcome.whole,
        outcome.behind,
        after.1 >> 10,
        std::fs::read_to_string("/proc/loadavg")?.trim(),
    );
    if let Some(report) = viewers {
        println!(
            "viewers: {} packets received, {} lost",
            report["packets"]["received"], report["packets"]["lost"]
        );
    }
    outcome.troubles.iter().take(10).for_each(|trouble| println!("{trouble}"));
    ensure!(outcome.whole == cameras, "{} of {cameras} were recorded whole", outcome.whole);
    Ok(())
}

/// One viewer for each stream; gives the report of their process.
async fn watch_all(node: &Node, streams: &[String], seconds: u64) -> Result<Value> {
    let mut viewers = Command::new(built("examples/whep_load")?);
    viewers.args(["--json", "--viewers", &streams.len().to_string(), "--seconds", &seconds.to_string()]);
    for stream in streams {
        viewers.args(["--url", &format!("{}/v2/streams/{stream}/whep", node.page)]);
    }
    let report = run("whep_load", viewers, Duration::from_secs(seconds + 180)).await?;
    serde_json::from_str(&report).context(report)
}

/// Looks at what was recorded of each camera since `began`.
async fn look(node: &Node, streams: &[String], began: i64) -> Result<Outcome> {
    let mut outcome = Outcome::default();
    for stream in streams {
        let stretches = stretches_of(&node.get(&format!("v2/streams/{stream}/recordings")).await?)?;
        let health = node.get(&format!("v2/streams/{stream}/health")).await?;
        let now = now()?;
        let lost = health["ingest"]["packet_loss"].as_f64().or(health["metrics"]["packet_loss"].as_f64());
        let whole = stretches.iter().any(|(start, end)| *start <= began && *end >= now - BEHIND);
        let behind = stretches.last().map_or(i64::MAX, |(_, end)| now - end) / 1_000;
        outcome.behind = outcome.behind.max(behind);
        if whole && lost.is_none_or(|lost| lost == 0.0) {
            outcome.whole += 1;
        } else {
            outcome
                .troubles
                .push(format!("{stream}: {} stretches, {behind} ms behind, {lost:?} lost", stretches.len()));
        }
    }
    Ok(outcome)
}

/// The short form of what follows.
#[tokio::test(flavor = "multi_thread")]
async fn ten_cameras() -> Result<()> {
    record(10, true, 10).await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes the whole machine for a minute"]
async fn a_hundred_cameras() -> Result<()> {
    record(100, false, 60).await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes the whole machine for a minute"]
async fn two_hundred_cameras_with_a_viewer_each() -> Result<()> {
    record(200, true, 60).await
}
