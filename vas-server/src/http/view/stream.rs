//! Streams.

use super::{seconds_since, some_number, tenths, time};
use crate::control::{LiveIds, StreamInfo, ViewerCounts};
use crate::http::schema::State;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;
use vas_core::media::{Codec, StreamDesc, TrackFormat};
use vas_core::model::{Reason, ReasonCode, StreamState, Transition};
use vas_core::{DeviceId, StreamId, WallTime};
use vas_ingest::{Health, IngestStatus};

/// The payload type under which video is listed. What a viewer receives has the number of its own offer.
const VIDEO_PAYLOAD_TYPE: u8 = 96;
/// The payload type under which sound is listed.
const AUDIO_PAYLOAD_TYPE: u8 = 97;

/// A stream: what comes from a device. A device has one at most, whose id survives stop and restart.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Stream, example = json!({
    "id": "019ab3c4-6000-7000-8000-000000000003", "name": "Gate",
    "camera_id": "019ab3c4-5d6e-7f80-9a1b-2c3d4e5f6071", "device_id": "019ab3c4-5d6e-7f80-9a1b-2c3d4e5f6071",
    "room_id": "019ab3c4-5d6e-7f80-9a1b-2c3d4e5f6071", "state": "LIVE",
    "state_reason": { "code": "KEY_PICTURE", "text": "the first key picture has arrived" },
    "state_since": "2026-11-22T10:00:01.250Z", "next_retry_at": null,
    "codec_config": {
        "video": { "codec": "H264", "profile": "42e01f", "payloadType": 96, "width": 1280, "height": 720, "fps": 25.0 },
    },
    "producer": {
        "id": "019ab3c4-6000-7000-8000-000000000002", "mediasoup_id": "019ab3c4-6000-7000-8000-000000000002",
        "transport_id": "019ab3c4-6000-7000-8000-000000000001", "state": "ACTIVE", "ssrc": 2,
    },
    "consumers": { "count": 2, "active": 2 },
    "endpoints": {
        "webrtc": "/v2/streams/019ab3c4-6000-7000-8000-000000000003/whep",
        "whep": "/v2/streams/019ab3c4-6000-7000-8000-000000000003/whep",
        "hls": "/v2/streams/019ab3c4-6000-7000-8000-000000000003/hls/playlist.m3u8",
        "hls_low_latency": "/v2/streams/019ab3c4-6000-7000-8000-000000000003/hls/index.m3u8",
        "recordings": "/v2/streams/019ab3c4-6000-7000-8000-000000000003/recordings",
        "health": "/v2/streams/019ab3c4-6000-7000-8000-000000000003/health",
    },
    "metrics": {
        "bitrate_kbps": 2104.3, "fps": 25.0, "packet_loss": 0.0, "jitter_ms": 1.2, "keyframe_interval_s": 2.0,
        "last_frame_age_ms": 18,
    },
    "created_at": "2026-11-22T10:00:00.000Z", "started_at": "2026-11-22T10:00:00.000Z", "uptime_seconds": 3600,
}))]
pub(in crate::http) struct StreamView {
    #[schema(value_type = Uuid)]
    id: StreamId,
    /// Its own, or its device's.
    name: String,
    /// The device.
    #[schema(value_type = Uuid)]
    camera_id: DeviceId,
    /// The same.
    #[schema(value_type = Uuid)]
    device_id: DeviceId,
    /// The same.
    #[schema(value_type = Uuid)]
    room_id: DeviceId,
    #[schema(value_type = State)]
    state: StreamState,
    state_reason: StateReason,
    #[schema(format = DateTime)]
    state_since: String,
    /// When the next attempt begins, while the camera is waited for.
    #[schema(format = DateTime)]
    next_retry_at: Option<String>,
    codec_config: CodecConfig,
    /// While it runs.
    producer: Option<ProducerView>,
    consumers: ConsumersView,
    endpoints: Endpoints,
    metrics: MetricsView,
    #[schema(format = DateTime)]
    created_at: String,
    /// While it runs.
    #[schema(format = DateTime)]
    started_at: Option<String>,
    /// Since it was started; 0 while it does not run.
    uptime_seconds: i64,
}

impl StreamView {
    /// `ids`: while it runs.
    pub(in crate::http) fn new(
        info: &StreamInfo,
        ids: Option<LiveIds>,
        viewers: ViewerCounts,
        now: WallTime,
    ) -> Self {
        let StreamInfo { stream, device, present } = info;
        let ingest = present.ingest.as_ref();
        Self {
            id: stream.id,
            name: stream.name.as_ref().unwrap_or(&device.fields.name).clone(),
            camera_id: stream.device,
            device_id: stream.device,
            room_id: stream.device,
            state: present.state,
            state_reason: StateReason::new(&present.reason),
            state_since: time(present.since),
            next_retry_at: ingest.and_then(|status| status.next_retry_at).map(time),
            codec_config: CodecConfig::new(ingest),
            producer: ids.map(|ids| ProducerView::new(ids, present.state)),
            consumers: viewers.into(),
            endpoints: Endpoints::new(stream.id),
            metrics: MetricsView::new(ingest),
            created_at: time(stream.created_at),
            started_at: stream.wanted.then(|| time(stream.started_at)),
            uptime_seconds: uptime(info, now),
        }
    }
}

/// Seconds since a stream that runs was started.
pub(super) fn uptime(info: &StreamInfo, now: WallTime) -> i64 {
    let started = info.present.ingest.as_ref().and_then(|status| status.started_at);
    started.map_or(0, |started| seconds_since(started, now))
}

/// What led to a state.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct StateReason {
    /// For programs.
    #[schema(value_type = String, example = "CONNECTION_REFUSED")]
    code: ReasonCode,
    /// For people.
    text: String,
}

impl StateReason {
    fn new(reason: &Reason) -> Self {
        Self { code: reason.code, text: reason.text.clone() }
    }
}

/// How a stream's tracks are coded.
#[derive(Debug, Serialize, ToSchema)]
struct CodecConfig {
    /// Null while it is unknown.
    video: Option<VideoConfig>,
    /// While the camera sends sound.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = AudioConfig)]
    audio: Option<AudioConfig>,
}

/// How pictures are coded.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct VideoConfig {
    /// `H264`, `H265`, `AV1`...
    codec: &'static str,
    /// The profile, such as the profile-level-id of H.264.
    profile: String,
    #[serde(rename = "payloadType")]
    payload_type: u8,
    width: u32,
    height: u32,
    fps: Option<f64>,
}

/// How sound is coded.
#[derive(Debug, Serialize, ToSchema)]
struct AudioConfig {
    codec: &'static str,
    #[serde(rename = "payloadType")]
    payload_type: u8,
    #[serde(rename = "clockRate")]
    clock_rate: u32,
    channels: u8,
}

impl CodecConfig {
    fn new(ingest: Option<&IngestStatus>) -> Self {
        let desc = ingest.and_then(|status| status.desc.as_deref());
        Self { video: ingest.and_then(VideoConfig::new), audio: desc.and_then(AudioConfig::new) }
    }
}

impl VideoConfig {
    pub(super) fn new(status: &IngestStatus) -> Option<Self> {
        let (desc, health): (&StreamDesc, &Health) = (status.desc.as_deref()?, &status.health);
        let format = desc.tracks.iter().find_map(|track| track.format.video())?;
        let profile = format.rfc6381.split_once('.').map_or("", |(_, profile)| profile);
        Some(Self {
            codec: Codec::Video(format.codec).encoding_name(),
            profile: profile.to_owned(),
            payload_type: VIDEO_PAYLOAD_TYPE,
            // A camera may change its picture while it runs.
            width: some_number(health.width).unwrap_or(format.width),
            height: some_number(health.height).unwrap_or(format.height),
            fps: if health.fps > 0.0 { Some(tenths(health.fps)) } else { format.fps.map(tenths) },
        })
    }
}

impl AudioConfig {
    fn new(desc: &StreamDesc) -> Option<Self> {
        let format = desc.tracks.iter().find_map(|track| match &*track.format {
            TrackFormat::Audio(audio) => Some(audio),
            _ => None,
        })?;
        Some(Self {
            codec: Codec::Audio(format.codec).encoding_name(),
            payload_type: AUDIO_PAYLOAD_TYPE,
            clock_rate: format.clock_rate.get(),
            channels: format.channels,
        })
    }
}

/// What viewers are sent from.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Producer)]
pub(super) struct ProducerView {
    id: Uuid,
    /// The same.
    mediasoup_id: Uuid,
    /// The transport from the camera.
    transport_id: Uuid,
    state: ProducerState,
    /// Tells producers apart; every viewer is sent an SSRC of its own.
    ssrc: u32,
}

/// Whether a producer has media.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
enum ProducerState {
    /// Media flows.
    Active,
    /// The camera is waited for.
    Waiting,
}

impl ProducerView {
    pub(super) fn new(ids: LiveIds, state: StreamState) -> Self {
        Self {
            id: ids.video,
            mediasoup_id: ids.video,
            transport_id: ids.transport,
            state: if state == StreamState::Live { ProducerState::Active } else { ProducerState::Waiting },
            ssrc: ids.video.as_u128() as u32,
        }
    }
}

/// How many watch.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ConsumerCounts)]
pub(super) struct ConsumersView {
    /// All, whether or not media flows yet.
    count: usize,
    /// Those that are connected.
    active: usize,
}

impl From<ViewerCounts> for ConsumersView {
    fn from(viewers: ViewerCounts) -> Self {
        Self { count: viewers.total, active: viewers.active }
    }
}

/// Where to find what belongs to a stream: paths on this server.
#[derive(Debug, Serialize, ToSchema)]
struct Endpoints {
    webrtc: String,
    whep: String,
    hls: String,
    hls_low_latency: String,
    recordings: String,
    health: String,
}

impl Endpoints {
    fn new(id: StreamId) -> Self {
        let of = |what: &str| format!("/v2/streams/{id}/{what}");
        Self {
            webrtc: of("whep"),
            whep: of("whep"),
            hls: of("hls/playlist.m3u8"),
            hls_low_latency: of("hls/index.m3u8"),
            recordings: of("recordings"),
            health: of("health"),
        }
    }
}

/// Figures of a stream over the last two seconds; zeros while it does not run.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = StreamMetrics)]
pub(super) struct MetricsView {
    bitrate_kbps: f64,
    fps: f64,
    /// Share of packets lost, 0 to 1.
    packet_loss: f64,
    /// Jitter of the pictures' arrival (RFC 3550).
    jitter_ms: f64,
    /// Media time between the last two key pictures.
    keyframe_interval_s: Option<f64>,
    /// Null before the first picture.
    last_frame_age_ms: Option<u64>,
}

impl MetricsView {
    pub(super) fn new(ingest: Option<&IngestStatus>) -> Self {
        let idle = Health::default();
        let health = ingest.map_or(&idle, |status| &status.health);
        Self {
            bitrate_kbps: tenths(health.bitrate_kbps),
            fps: tenths(health.fps),
            packet_loss: health.packet_loss,
            jitter_ms: tenths(health.jitter_ms),
            keyframe_interval_s: health.keyframe_interval_s,
            last_frame_age_ms: health.last_frame_age_ms,
        }
    }
}

/// A change of a stream's state.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Transition)]
pub(in crate::http) struct TransitionView {
    #[schema(value_type = State)]
    from: StreamState,
    #[schema(value_type = State)]
    to: StreamState,
    reason: StateReason,
    #[schema(format = DateTime)]
    at: String,
}

impl TransitionView {
    pub(in crate::http) fn new(change: &Transition) -> Self {
        Self {
            from: change.from,
            to: change.to,
            reason: StateReason::new(&change.reason),
            at: time(change.at),
        }
    }
}
