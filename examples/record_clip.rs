//! Records a camera into one fragmented MP4 file.
//!
//! ```text
//! cargo run -p vas-examples --example record_clip -- rtsp://user:password@10.0.0.5/main gate.mp4 --seconds 30
//! ```

#![expect(clippy::print_stdout, reason = "a program for people to run")]

use anyhow::{Context, bail};
use clap::Parser;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::fs::File;
use tokio::io::AsyncWriteExt;
use vas_core::hub::{RecvError, StartAt, StreamHub, Subscription};
use vas_core::media::{AccessUnit, StreamDesc};
use vas_core::{MediaTime, StreamId, SystemClock, TaskScope};
use vas_ingest::{IngestConfig, Source, Supervisor, probe};
use vas_record::mux::fmp4::{self, Fmp4Writer};

/// No picture for so long: the camera is gone.
const SILENCE: Duration = Duration::from_secs(15);

/// Records a camera into an MP4 file.
#[derive(Debug, Parser)]
struct Arguments {
    /// The camera's address, such as rtsp://user:password@10.0.0.5/main
    url: String,
    /// The file to write; it must not exist yet.
    file: PathBuf,
    /// Length of the recording.
    #[arg(long, default_value_t = 10)]
    seconds: u32,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let source = Source::parse(StreamId::random(), "camera", &arguments.url)?;
    // A camera that can't be read is told at once, rather than tried again.
    probe(&source, SILENCE).await?;
    let (hub, scope) = (StreamHub::default(), TaskScope::new());
    hub.open(source.stream);
    let subscription = hub.subscribe(source.stream, StartAt::NextKey)?;
    let supervisor = Supervisor::new(hub, &scope, SystemClock::shared(), IngestConfig::default());
    supervisor.start(source);
    let recorded = tokio::select! {
        recorded = record(subscription, &arguments) => recorded,
        _ = tokio::signal::ctrl_c() => Err(anyhow::anyhow!("interrupted; the file ends with its last whole chunk")),
    };
    supervisor.shutdown(Duration::from_secs(5)).await;
    recorded
}

/// Writes a chunk each time a group of pictures is complete, and the rest at the end.
async fn record(mut subscription: Subscription, arguments: &Arguments) -> anyhow::Result<()> {
    let mut unit = next(&mut subscription).await?;
    let desc = recordable(&*subscription.desc().context("the camera went away")?);
    let mut writer = Fmp4Writer::new(&desc)?;
    let mut file = File::create_new(&arguments.file).await.context("can't make the file")?;
    let mut size = write(&mut file, &writer.init_section()).await?;
    let start: MediaTime = unit.pts;
    let leader = unit.track;
    let mut pictures = 0_u32;
    while unit.track != leader || unit.pts.secs_since(start) < f64::from(arguments.seconds) {
        if desc.tracks.iter().any(|track| track.id == unit.track) {
            writer.push(&unit)?;
            pictures += u32::from(unit.is_video());
        }
        if unit.is_key()
            && let Some(chunk) = writer.take_chunk()
        {
            size += write(&mut file, &chunk).await?;
        }
        unit = next(&mut subscription).await?;
    }
    if let Some(chunk) = writer.finish() {
        size += write(&mut file, &chunk).await?;
    }
    file.sync_all().await?;
    println!("{}: {pictures} pictures, {size} bytes", arguments.file.display());
    Ok(())
}

async fn write(file: &mut File, bytes: &[u8]) -> anyhow::Result<usize> {
    file.write_all(bytes).await.context("can't write to the file")?;
    Ok(bytes.len())
}

/// The tracks that MP4 carries.
fn recordable(desc: &StreamDesc) -> StreamDesc {
    let (carried, left): (Vec<_>, Vec<_>) =
        desc.tracks.iter().cloned().partition(|track| fmp4::carries(&track.format));
    for track in left {
        println!("track {} ({}) is left out", track.id, track.format.codec());
    }
    StreamDesc { tracks: carried }
}

/// The next unit; what was missed shows as a longer picture.
async fn next(subscription: &mut Subscription) -> anyhow::Result<Arc<AccessUnit>> {
    loop {
        match tokio::time::timeout(SILENCE, subscription.next()).await {
            Ok(Ok(unit)) => return Ok(unit),
            Ok(Err(RecvError::Lagged { missed })) => println!("{missed} units were missed"),
            Ok(Err(error)) => return Err(error.into()),
            Err(_) => bail!("the camera sent nothing for {} seconds", SILENCE.as_secs()),
        }
    }
}
