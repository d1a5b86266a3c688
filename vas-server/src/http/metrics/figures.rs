//! What is told of the process, of viewers, of cameras and of recordings. Base units: seconds and bytes.

use super::text::{Exposition, Kind};
use crate::control::{Control, ControlError, StreamInfo};
use crate::http::HttpState;
use crate::http::system::{kilobytes, process_cpu};
use std::fmt::Display;
use std::time::Duration;
use vas_core::DeviceId;
use vas_core::model::StreamState;
use vas_core::ports::StreamFilter;
use vas_ingest::Health;

/// A disk that answers at all answers within this.
const DISK: Duration = Duration::from_secs(1);

/// Everything.
///
/// # Errors
/// The database failed.
pub(super) async fn write(
    state: &HttpState,
    control: &Control,
    per_stream: bool,
) -> Result<String, ControlError> {
    let streams = control.streams(StreamFilter::default()).await?;
    let mut text = Exposition::default();
    process(&mut text, state);
    viewers(&mut text, state, control, &streams);
    sources(&mut text, &streams, per_stream);
    recordings(&mut text, state, control, &streams, per_stream).await;
    state.traffic.write(&mut text);
    Ok(text.into_text())
}

fn process(text: &mut Exposition, state: &HttpState) {
    text.family("vas_build_info", Kind::Gauge, "The version of the server.");
    text.sample("vas_build_info", &[("version", env!("CARGO_PKG_VERSION"))], 1);
    let uptime = state.uptime_seconds();
    text.single("vas_uptime_seconds", Kind::Gauge, "Seconds since the server was started.", uptime);
    if let Some(seconds) = process_cpu() {
        text.single("process_cpu_seconds_total", Kind::Counter, "CPU time of the process.", seconds);
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    for (name, line, help) in [
        ("process_resident_memory_bytes", "VmRSS:", "Memory of the process in use."),
        ("process_virtual_memory_bytes", "VmSize:", "Memory of the process in all."),
    ] {
        if let Some(bytes) = kilobytes(&status, line) {
            text.single(name, Kind::Gauge, help, bytes);
        }
    }
    if let Ok(open) = std::fs::read_dir("/proc/self/fd") {
        text.single("process_open_fds", Kind::Gauge, "Open file descriptors.", open.count());
    }
}

fn viewers(text: &mut Exposition, state: &HttpState, control: &Control, streams: &[StreamInfo]) {
    let shards = state.sfu.stats();
    let bytes: u64 = shards.iter().map(|shard| shard.bytes).sum();
    let connections: usize = shards.iter().map(|shard| shard.transports).sum();
    text.single(
        "vas_egress_bytes_total",
        Kind::Counter,
        "Media sent to viewers over WebRTC, without repairs.",
        bytes,
    );
    text.single("vas_viewer_connections", Kind::Gauge, "Connections of viewers over WebRTC.", connections);
    let counts: Vec<_> = streams.iter().map(|info| control.viewers(info.stream.id)).collect();
    let all: usize = counts.iter().map(|count| count.total).sum();
    let active: usize = counts.iter().map(|count| count.active).sum();
    text.family("vas_viewers", Kind::Gauge, "Viewers of streams over WebRTC, by whether media can flow.");
    text.sample("vas_viewers", &[("state", "connected")], active);
    text.sample("vas_viewers", &[("state", "connecting")], all.saturating_sub(active));
}

/// Figures of single streams, or their sum.
fn each<T: Display + Default + Copy + std::iter::Sum>(
    text: &mut Exposition,
    (name, kind, help): (&str, Kind, &str),
    per_stream: bool,
    values: impl Iterator<Item = (DeviceId, T)>,
) {
    text.family(name, kind, help);
    if per_stream {
        for (device, value) in values {
            text.sample(name, &[("device", &device.to_string())], value);
        }
    } else {
        text.sample(name, &[], values.map(|(_, value)| value).sum::<T>());
    }
}

fn sources(text: &mut Exposition, streams: &[StreamInfo], per_stream: bool) {
    text.family("vas_streams", Kind::Gauge, "Streams by state.");
    for state in StreamState::ALL {
        let count = streams.iter().filter(|info| info.present.state == state).count();
        text.sample("vas_streams", &[("state", &state.name().to_ascii_lowercase())], count);
    }
    let layers = |info: &StreamInfo, of: fn(&Health) -> f64| {
        let layers = info.present.ingest.iter().chain(&info.present.sub);
        (info.stream.device, layers.map(|status| of(&status.health)).sum::<f64>())
    };
    let up =
        streams.iter().map(|info| (info.stream.device, u64::from(info.present.state == StreamState::Live)));
    each(text, ("vas_stream_live", Kind::Gauge, "Whether a stream is live."), per_stream, up);
    type Figure = (&'static str, Kind, &'static str, fn(&Health) -> f64);
    let figures: [Figure; 6] = [
        ("vas_ingest_packets_total", Kind::Counter, "RTP packets from cameras.", |health| {
            health.packets as f64
        }),
        (
            "vas_ingest_packets_lost_total",
            Kind::Counter,
            "RTP packets of cameras that were lost.",
            |health| health.lost as f64,
        ),
        ("vas_ingest_units_total", Kind::Counter, "Pictures and pieces of sound from cameras.", |health| {
            health.units as f64
        }),
        ("vas_ingest_garbage_total", Kind::Counter, "Malformed pieces of media from cameras.", |health| {
            health.garbage as f64
        }),
        ("vas_ingest_sessions_total", Kind::Counter, "Sessions with cameras that sent media.", |health| {
            health.sessions as f64
        }),
        ("vas_ingest_bytes_per_second", Kind::Gauge, "Media from cameras, of late.", |health| {
            (health.bitrate_kbps * 1_000.0 / 8.0).round()
        }),
    ];
    for (name, kind, help, of) in figures {
        each(text, (name, kind, help), per_stream, streams.iter().map(|info| layers(info, of)));
    }
}

async fn recordings(
    text: &mut Exposition,
    state: &HttpState,
    control: &Control,
    streams: &[StreamInfo],
    per_stream: bool,
) {
    let recordings = control.recordings();
    let now = state.clock.wall();
    let layers: Vec<_> = streams
        .iter()
        .flat_map(|info| {
            let layers = recordings.status(info.stream.device).layers.into_iter();
            // Of a camera with two layers the main one stands for it.
            layers.take(1).map(move |layer| (info.stream.device, layer.status))
        })
        .collect();
    let active = layers.iter().filter(|(_, status)| status.recording).count();
    text.single("vas_recordings_active", Kind::Gauge, "Streams that are being recorded.", active);
    let bytes = layers.iter().map(|(device, status)| (*device, status.bytes));
    each(text, ("vas_recording_bytes_total", Kind::Counter, "Media recorded."), per_stream, bytes);
    let missed = layers.iter().map(|(device, status)| (*device, status.missed));
    let help = "Units of streams that recording was too slow for.";
    each(text, ("vas_recording_missed_units_total", Kind::Counter, help), per_stream, missed);
    let failures = layers.iter().map(|(device, status)| (*device, status.failures));
    let help = "Failures of the storage while recording.";
    each(text, ("vas_recording_failures_total", Kind::Counter, help), per_stream, failures);
    // A sum of lags tells nothing: without figures of single streams, the longest.
    const LAG: &str = "vas_recording_lag_seconds";
    let lag = layers.iter().filter(|(_, status)| status.recording).filter_map(|(device, status)| {
        let behind = now.micros_since(status.until?).max(0) as f64 / 1e6;
        Some((*device, behind))
    });
    if per_stream {
        each(text, (LAG, Kind::Gauge, "How far behind the present recording is."), true, lag);
    } else {
        let longest = lag.map(|(_, behind)| behind).fold(0.0, f64::max);
        text.single(LAG, Kind::Gauge, "How far behind the present the slowest recording is.", longest);
    }
    let Ok(engine) = recordings.engine() else { return };
    if let Ok(Ok(Some(space))) = tokio::time::timeout(DISK, engine.library().store().space()).await {
        text.single("vas_storage_free_bytes", Kind::Gauge, "Room left for recordings.", space.free);
        text.single("vas_storage_size_bytes", Kind::Gauge, "Size of the disk of recordings.", space.total);
    }
}
