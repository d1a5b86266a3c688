//! How well streams do.

use super::stream::{ConsumersView, MetricsView, ProducerView, VideoConfig, uptime};
use super::time;
use crate::control::recording::RecordingStatus;
use crate::control::{LiveIds, StreamInfo, ViewerCounts};
use crate::http::recordings_view::RecordingStatusView;
use crate::http::schema::State;
use serde::Serialize;
use utoipa::ToSchema;
use vas_core::model::{ReasonCode, StreamState};
use vas_core::{StreamId, WallTime};
use vas_ingest::{Health, IngestStatus, TransportMode};

/// How well something does, for a glance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = HealthStatus)]
pub(in crate::http) enum Verdict {
    /// Media flows.
    Healthy,
    /// On its way, or with losses.
    Degraded,
    /// Nothing comes.
    Unhealthy,
}

impl Verdict {
    /// Share of packets lost from which a stream is called degraded.
    const LOSSY: f64 = 0.02;
    /// Age of the newest picture, in milliseconds, from which a live stream is called degraded.
    const STALE_MS: u64 = 5_000;

    pub(in crate::http) fn of(info: &StreamInfo) -> Self {
        let lossy =
            info.present.ingest.as_ref().is_some_and(|status| status.health.packet_loss > Self::LOSSY);
        let stale =
            info.present.ingest.as_ref().is_some_and(|status| {
                status.health.last_frame_age_ms.is_some_and(|age| age > Self::STALE_MS)
            });
        match info.present.state {
            StreamState::Live if !lossy && !stale => Self::Healthy,
            // It sleeps until somebody watches.
            StreamState::Initializing if info.present.reason.code == ReasonCode::Idle => Self::Healthy,
            StreamState::Live | StreamState::Ready | StreamState::Initializing => Self::Degraded,
            StreamState::Error | StreamState::Stopped | StreamState::Closed => Self::Unhealthy,
        }
    }
}

/// A stream's health.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = StreamHealth)]
pub(in crate::http) struct HealthView {
    #[schema(value_type = Uuid)]
    stream_id: StreamId,
    status: Verdict,
    is_healthy: bool,
    #[schema(value_type = State)]
    state: StreamState,
    uptime_seconds: i64,
    metrics: MetricsView,
    /// While it runs.
    producer: Option<ProducerView>,
    consumers: ConsumersView,
    /// While it runs.
    ingest: Option<IngestView>,
    ffmpeg: FfmpegView,
    recording: RecordingStatusView,
    /// The camera's own reason while the state is ERROR.
    last_error: Option<String>,
    #[schema(format = DateTime)]
    checked_at: String,
}

impl HealthView {
    pub(in crate::http) fn new(
        info: &StreamInfo,
        ids: Option<LiveIds>,
        viewers: ViewerCounts,
        recording: &RecordingStatus,
        now: WallTime,
    ) -> Self {
        let StreamInfo { stream, present, .. } = info;
        let verdict = Verdict::of(info);
        let ingest = present.ingest.as_ref();
        Self {
            stream_id: stream.id,
            status: verdict,
            is_healthy: verdict == Verdict::Healthy,
            state: present.state,
            uptime_seconds: uptime(info, now),
            metrics: MetricsView::new(ingest),
            producer: ids.map(|ids| ProducerView::new(ids, present.state)),
            consumers: viewers.into(),
            ingest: ingest.map(|main| IngestView::new(main, present.sub.as_ref())),
            ffmpeg: FfmpegView { status: FfmpegStatus::of(present.state) },
            recording: RecordingStatusView::new(recording),
            last_error: (present.state == StreamState::Error).then(|| present.reason.text.clone()),
            checked_at: time(now),
        }
    }
}

/// Clients of systems that ran one ffmpeg per camera look here.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Ffmpeg)]
struct FfmpegView {
    status: FfmpegStatus,
}

/// The ingest task's status in the words of those clients.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum FfmpegStatus {
    Running,
    Stopped,
    Error,
}

impl FfmpegStatus {
    const fn of(state: StreamState) -> Self {
        match state {
            StreamState::Error => Self::Error,
            StreamState::Stopped | StreamState::Closed => Self::Stopped,
            _ => Self::Running,
        }
    }
}

/// The main stream's source, and both streams' under `layers`, the largest picture first.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Ingest)]
struct IngestView {
    #[serde(flatten)]
    source: SourceView,
    layers: Vec<LayerView>,
}

impl IngestView {
    fn new(main: &IngestStatus, sub: Option<&IngestStatus>) -> Self {
        let layers = [Some(("main", main)), sub.map(|sub| ("sub", sub))];
        let layers =
            layers.into_iter().flatten().map(|(name, status)| LayerView::new(name, status)).collect();
        Self { source: SourceView::new(main), layers }
    }
}

/// One of the streams that a camera sends.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = IngestLayer)]
struct LayerView {
    #[serde(flatten)]
    source: SourceView,
    /// `main` or `sub`.
    name: &'static str,
    video: Option<VideoConfig>,
    last_error: Option<String>,
}

impl LayerView {
    fn new(name: &'static str, status: &IngestStatus) -> Self {
        Self {
            source: SourceView::new(status),
            name,
            video: VideoConfig::new(status),
            last_error: (status.state == StreamState::Error).then(|| status.reason.text.clone()),
        }
    }
}

/// A source: what connects to a camera.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = IngestSource)]
struct SourceView {
    #[schema(value_type = State)]
    status: StreamState,
    /// Host and port of the camera.
    endpoint: String,
    /// Null while no session is set up.
    transport: Option<Transport>,
    /// Attempts since it was started; starts over after a good while of media.
    attempt: u32,
    #[schema(format = DateTime)]
    next_retry_at: Option<String>,
    #[schema(format = DateTime)]
    started_at: Option<String>,
    health: SourceHealthView,
}

/// How media comes from a camera.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = IngestTransport)]
enum Transport {
    Tcp,
    Udp,
}

impl SourceView {
    fn new(status: &IngestStatus) -> Self {
        Self {
            status: status.state,
            endpoint: status.endpoint.clone(),
            transport: status.transport.map(|transport| match transport {
                TransportMode::Udp => Transport::Udp,
                _ => Transport::Tcp,
            }),
            attempt: status.attempt,
            next_retry_at: status.next_retry_at.map(time),
            started_at: status.started_at.map(time),
            health: SourceHealthView::new(&status.health),
        }
    }
}

/// Figures and counters of a source.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SourceHealth)]
pub(in crate::http) struct SourceHealthView {
    /// Over the last two seconds.
    fps: f64,
    /// Over the last two seconds.
    bitrate_kbps: f64,
    /// Pictures and packets of sound since it was started.
    units: u64,
    /// RTP packets since then, estimated.
    packets: u64,
    /// RTP packets lost since then.
    lost: u64,
    /// Share of packets lost over the last two seconds, 0 to 1.
    packet_loss: f64,
    jitter_ms: f64,
    keyframe_interval_s: Option<f64>,
    last_frame_age_ms: Option<u64>,
    /// How fast the camera's media clock runs against this machine's, in parts per million.
    clock_drift_ppm: Option<f64>,
    /// Pictures are sent in another order than they are shown.
    b_frames: bool,
    /// 0 until known.
    width: u32,
    /// 0 until known.
    height: u32,
    /// Changes of resolution or profile while it ran.
    format_changes: u64,
    /// Malformed pieces of media that were dropped.
    garbage: u64,
    /// Leaps of the camera's media clock that were passed over.
    clock_jumps: u64,
    /// Sessions that have reached media, this one included.
    sessions: u64,
}

impl SourceHealthView {
    pub(in crate::http) fn new(health: &Health) -> Self {
        Self {
            fps: health.fps,
            bitrate_kbps: health.bitrate_kbps,
            units: health.units,
            packets: health.packets,
            lost: health.lost,
            packet_loss: health.packet_loss,
            jitter_ms: health.jitter_ms,
            keyframe_interval_s: health.keyframe_interval_s,
            last_frame_age_ms: health.last_frame_age_ms,
            clock_drift_ppm: health.clock_drift_ppm,
            b_frames: health.b_frames,
            width: health.width,
            height: health.height,
            format_changes: health.format_changes,
            garbage: health.garbage,
            clock_jumps: health.clock_jumps,
            sessions: health.sessions,
        }
    }
}
