//! Prints what a camera sends: its tracks, then once a second what an operator wants to know.
//!
//! ```text
//! cargo run -p vas-examples --example print_camera -- rtsp://user:password@10.0.0.5/main
//! ```

#![expect(clippy::print_stdout, reason = "printing is what this program does")]

use anyhow::Context;
use clap::Parser;
use std::time::Duration;
use vas_core::media::TrackFormat;
use vas_core::model::stream::StreamState;
use vas_core::{StreamId, SystemClock, TaskScope};
use vas_ingest::{Health, IngestConfig, IngestStatus, Source, Supervisor, TransportMode, probe};

/// Prints what a camera sends.
#[derive(Debug, Parser)]
struct Arguments {
    /// The camera's address, such as rtsp://user:password@10.0.0.5/main
    url: String,
    /// Receive media over UDP instead of TCP.
    #[arg(long)]
    udp: bool,
    /// End after so many seconds; without it, at Ctrl-C.
    #[arg(long)]
    seconds: Option<u64>,
    /// Describe the camera and end.
    #[arg(long)]
    probe: bool,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let transport = if arguments.udp { TransportMode::Udp } else { TransportMode::Auto };
    let source = Source::parse(StreamId::random(), "camera", &arguments.url)?.with_transport(transport);
    println!("camera {}", source.endpoint());
    if arguments.probe {
        return describe(&source).await;
    }

    let (hub, scope) = (vas_core::hub::StreamHub::default(), TaskScope::new());
    let supervisor = Supervisor::new(hub, &scope, SystemClock::shared(), IngestConfig::default());
    let stream = source.stream;
    let mut transitions = supervisor.transitions();
    supervisor.start(source);

    let mut second = tokio::time::interval(Duration::from_secs(1));
    let mut left = arguments.seconds.map_or(u64::MAX, |seconds| seconds + 1);
    loop {
        tokio::select! {
            _ = tokio::signal::ctrl_c() => break,
            Ok((_, change)) = transitions.recv() => {
                println!("  {:<12} {}", change.to.name(), change.reason);
                if change.to == StreamState::Live {
                    print_live(&supervisor.status(stream).context("the stream is known")?);
                }
            }
            _ = second.tick() => {
                let status = supervisor.status(stream).context("the stream is known")?;
                if status.state == StreamState::Live {
                    println!("{}", figures(&status.health));
                }
                left -= 1;
                if left == 0 {
                    break;
                }
            }
        }
    }
    supervisor.shutdown(Duration::from_secs(5)).await;
    Ok(())
}

async fn describe(source: &Source) -> anyhow::Result<()> {
    let probe = probe(source, Duration::from_secs(10)).await?;
    for track in &probe.tracks {
        let fps = track.fps.map_or_else(String::new, |fps| format!(" {fps:.2} fps"));
        let size = if track.codec.is_video() {
            format!("{}x{}{fps}", track.width, track.height)
        } else {
            format!("{} Hz, channels: {}", track.clock_rate, track.channels)
        };
        println!("  {:<14} {:<14} {size}", track.codec.to_string(), track.rfc6381);
    }
    if let Some(ssrc) = probe.video_ssrc {
        println!("  ssrc {ssrc:08x}");
    }
    Ok(())
}

/// The tracks, and the head of the table that follows.
fn print_live(status: &IngestStatus) {
    for track in status.desc.iter().flat_map(|desc| &desc.tracks) {
        let detail = match &*track.format {
            TrackFormat::Video(video) => format!("{}x{}", video.width, video.height),
            TrackFormat::Audio(audio) => format!("{} Hz, channels: {}", audio.clock_rate, audio.channels),
            _ => String::new(),
        };
        println!(
            "  track {}      {:<14} {:<14} {detail}",
            track.id,
            track.format.codec(),
            track.format.rfc6381()
        );
    }
    println!("\n     fps    kbit/s   key every     lost   jitter   last picture   order      drift");
}

fn figures(health: &Health) -> String {
    let or_dash = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
    format!(
        "{:8.2} {:9.0} {:>11} {:>8} {:>8} {:>14}   {:<8} {:>7}",
        health.fps,
        health.bitrate_kbps,
        or_dash(health.keyframe_interval_s.map(|interval| format!("{interval:.2} s"))),
        format!("{:.2} %", health.packet_loss * 100.0),
        format!("{:.1} ms", health.jitter_ms),
        or_dash(health.last_frame_age_ms.map(|age| format!("{age} ms ago"))),
        if health.b_frames { "B-frames" } else { "straight" },
        or_dash(health.clock_drift_ppm.map(|drift| format!("{drift:.0} ppm"))),
    )
}
