//! Devices.

use super::{Success, some_number, tenths, time};
use crate::control::demand::IDLE_SECONDS;
use crate::control::recording::RecordingStatus;
use crate::control::{Present, Started};
use crate::db::{DeviceOptions, DeviceTransport};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;
use vas_core::DeviceId;
use vas_core::media::Codec;
use vas_core::model::{CameraUrl, Device};
use vas_core::ports::StreamRecord;
use vas_ingest::{Health, IngestStatus, Probe, ProbedTrack};

/// A device: a camera as its owner describes it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Device, example = json!({
    "id": "019ab3c4-5d6e-7f80-9a1b-2c3d4e5f6071", "name": "Gate", "description": null,
    "rtsp_url": "rtsp://viewer:***@192.0.2.10:554/stream1", "sub_rtsp_url": null, "is_active": true,
    "location": "North entrance", "group": null, "on_demand": false, "idle_seconds": 60, "autostart": true,
    "transport": "auto", "created_at": "2026-11-22T10:00:00.000Z", "updated_at": null,
}))]
pub(crate) struct DeviceView {
    #[schema(value_type = Uuid)]
    id: DeviceId,
    /// Unique in the tenant.
    name: String,
    /// Free text.
    description: Option<String>,
    /// Where its main stream is; the password is masked.
    rtsp_url: String,
    /// Where its sub stream is; the password is masked.
    sub_rtsp_url: Option<String>,
    /// Whether its stream runs.
    is_active: bool,
    /// Free text.
    location: Option<String>,
    /// A name under which several devices are shown together.
    group: Option<String>,
    /// Its stream, once started, runs only while somebody watches it.
    on_demand: bool,
    /// Seconds without viewers after which a stream on demand sleeps again.
    idle_seconds: u32,
    /// Its stream is started whenever the server starts.
    autostart: bool,
    /// How media travels from the camera.
    transport: DeviceTransport,
    /// Whether and when it is recorded; null where no server runs that would tell.
    recording: Option<DeviceRecording>,
    /// Its streams, the main one first.
    layers: Vec<DeviceLayer>,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(format = DateTime)]
    updated_at: Option<String>,
}

/// Whether and when a device is recorded.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DeviceRecording {
    /// Media is being recorded now.
    active: bool,
    /// `continuous`, `schedule`, `event` or `off`.
    mode: &'static str,
}

/// A stream of a device.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DeviceLayer {
    /// 0: the main stream; 1: the sub stream.
    id: u8,
    /// In pixels; null until it is known.
    width: Option<u32>,
    height: Option<u32>,
    /// Such as `H264`; null until it is known.
    codec: Option<&'static str>,
}

/// The streams of a device, with what its running ones are known to be.
fn layers(device: &Device, present: Option<&Present>) -> Vec<DeviceLayer> {
    let layer = |id, status: Option<&IngestStatus>| {
        let desc = status.and_then(|status| status.desc.as_deref());
        let format = desc.and_then(|desc| desc.tracks.iter().find_map(|track| track.format.video()));
        let side = |of: fn(&Health) -> u32| status.map(|status| of(&status.health)).filter(|side| *side > 0);
        DeviceLayer {
            id,
            width: side(|health| health.width),
            height: side(|health| health.height),
            codec: format.map(|format| Codec::Video(format.codec).encoding_name()),
        }
    };
    let main = layer(0, present.and_then(|present| present.ingest.as_ref()));
    let sub =
        device.fields.sub_url.as_ref().map(|_| layer(1, present.and_then(|present| present.sub.as_ref())));
    std::iter::once(main).chain(sub).collect()
}

impl DeviceView {
    /// The same with how its streams and its recording are at present.
    pub(crate) fn at_present(
        mut self,
        device: &Device,
        recording: &RecordingStatus,
        present: Option<&Present>,
    ) -> Self {
        self.recording = Some(DeviceRecording { active: recording.active, mode: recording.mode.name() });
        self.layers = layers(device, present);
        self
    }

    /// `is_active`: whether its stream runs.
    pub(crate) fn new(device: &Device, options: DeviceOptions, is_active: bool) -> Self {
        let fields = &device.fields;
        Self {
            id: device.id,
            name: fields.name.clone(),
            description: fields.description.clone(),
            rtsp_url: fields.url.masked(),
            sub_rtsp_url: fields.sub_url.as_ref().map(CameraUrl::masked),
            is_active,
            location: fields.location.clone(),
            group: options.group,
            on_demand: options.on_demand,
            idle_seconds: options.idle_seconds.unwrap_or(IDLE_SECONDS),
            autostart: options.autostart,
            transport: options.transport,
            recording: None,
            layers: layers(device, None),
            created_at: time(device.created_at),
            updated_at: device.updated_at.map(time),
        }
    }
}

/// A device, and whether its stream runs.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DeviceStatus)]
pub(in crate::http) struct DeviceStatusView {
    #[serde(flatten)]
    device: DeviceView,
    /// The same as `id`.
    #[schema(value_type = Uuid)]
    device_id: DeviceId,
    streaming: StreamingView,
}

impl DeviceStatusView {
    /// `stream`: the stream that runs, if one does.
    pub(in crate::http) fn new(
        device: &Device,
        options: DeviceOptions,
        stream: Option<&StreamRecord>,
    ) -> Self {
        let streaming = StreamingView {
            active: stream.is_some(),
            room_id: stream.map(|stream| stream.device),
            started_at: stream.map(|stream| time(stream.started_at)),
            stream_id: stream.map(|stream| stream.id.as_uuid()),
        };
        Self { device: DeviceView::new(device, options, stream.is_some()), device_id: device.id, streaming }
    }
}

/// Whether a device's stream runs.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Streaming)]
struct StreamingView {
    active: bool,
    /// The device's id, while its stream runs.
    #[schema(value_type = Option<Uuid>)]
    room_id: Option<DeviceId>,
    #[schema(format = DateTime)]
    started_at: Option<String>,
    /// The stream that runs.
    stream_id: Option<Uuid>,
}

/// The answer to a start.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Started, example = json!({
    "status": "success", "device_id": "019ab3c4-5d6e-7f80-9a1b-2c3d4e5f6071",
    "room_id": "019ab3c4-5d6e-7f80-9a1b-2c3d4e5f6071", "transport_id": "019ab3c4-6000-7000-8000-000000000001",
    "producers": { "video": "019ab3c4-6000-7000-8000-000000000002" },
    "stream": { "status": "started", "started_at": "2026-11-22T10:00:00.000Z" },
    "reconnect": false, "v2_stream_id": "019ab3c4-6000-7000-8000-000000000003",
}))]
pub(in crate::http) struct StartedView {
    status: Success,
    #[schema(value_type = Uuid)]
    device_id: DeviceId,
    /// The device's id.
    #[schema(value_type = Uuid)]
    room_id: DeviceId,
    /// The transport from the camera.
    transport_id: Uuid,
    producers: ProducersView,
    stream: StartView,
    /// It ran already.
    reconnect: bool,
    /// The stream's id.
    v2_stream_id: Uuid,
}

/// The producers of a stream.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = StartedProducers)]
struct ProducersView {
    video: Uuid,
    /// While the camera sends sound.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Uuid)]
    audio: Option<Uuid>,
}

/// How a start went.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = StartedStream)]
struct StartView {
    status: StartStatus,
    #[schema(format = DateTime)]
    started_at: String,
}

/// Whether a start changed something.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum StartStatus {
    /// It runs from now on.
    Started,
    /// It ran already.
    Active,
}

impl StartedView {
    pub(in crate::http) fn new(started: &Started) -> Self {
        let Started { stream, ids, ran } = started;
        Self {
            status: Success::Success,
            device_id: stream.device,
            room_id: stream.device,
            transport_id: ids.transport,
            producers: ProducersView { video: ids.video, audio: ids.audio },
            stream: StartView {
                status: if *ran { StartStatus::Active } else { StartStatus::Started },
                started_at: time(stream.started_at),
            },
            reconnect: *ran,
            v2_stream_id: stream.id.as_uuid(),
        }
    }
}

/// The answer to a stop.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Stopped)]
pub(in crate::http) struct StoppedView {
    status: Success,
    #[schema(value_type = Uuid)]
    device_id: DeviceId,
    /// Always true: also where it did not run.
    stopped: bool,
}

impl StoppedView {
    pub(in crate::http) const fn new(device: DeviceId) -> Self {
        Self { status: Success::Success, device_id: device, stopped: true }
    }
}

/// What a trial found at an address.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
#[schema(as = Validation)]
pub(in crate::http) enum ValidationView {
    /// A camera that can be used.
    Valid(Box<ValidView>),
    /// None, and why.
    Invalid(InvalidView),
}

/// What a camera sends.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ValidCamera)]
pub(in crate::http) struct ValidView {
    /// Always true.
    valid: bool,
    /// What was tried, its password masked.
    rtsp_url: String,
    /// The SSRC that the camera announces.
    ssrc: Option<u32>,
    /// A sentence for people.
    message: String,
    video: Option<ProbedVideo>,
    audio: Option<ProbedAudio>,
}

/// Why a camera can't be used.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = InvalidCamera)]
pub(in crate::http) struct InvalidView {
    /// Always false.
    valid: bool,
    /// What was tried, its password masked.
    rtsp_url: String,
    /// What is wrong.
    error: String,
}

/// The pictures that a camera sends.
#[derive(Debug, Serialize, ToSchema)]
struct ProbedVideo {
    /// `H264`, `H265`, `AV1`...
    codec: &'static str,
    /// The profile-level-id of H.264.
    profile: Option<String>,
    /// The codec as HTML media elements name it (RFC 6381).
    rfc6381: Option<String>,
    width: Option<u32>,
    height: Option<u32>,
    fps: Option<f64>,
}

/// The sound that a camera sends.
#[derive(Debug, Serialize, ToSchema)]
struct ProbedAudio {
    codec: &'static str,
    clock_rate: u32,
    channels: u8,
}

impl ValidationView {
    /// `url`: the address, masked.
    pub(in crate::http) fn valid(url: String, probe: &Probe) -> Self {
        let track = |video: bool| probe.tracks.iter().find(|track| track.codec.is_video() == video);
        Self::Valid(Box::new(ValidView {
            valid: true,
            rtsp_url: url,
            ssrc: probe.video_ssrc,
            message: message(track(true)),
            video: track(true).map(|track| ProbedVideo {
                codec: track.codec.encoding_name(),
                profile: some_text(&track.profile_level_id),
                rfc6381: some_text(&track.rfc6381),
                width: some_number(track.width),
                height: some_number(track.height),
                fps: track.fps.map(tenths),
            }),
            audio: track(false).map(|track| ProbedAudio {
                codec: track.codec.encoding_name(),
                clock_rate: track.clock_rate,
                channels: track.channels,
            }),
        }))
    }

    pub(in crate::http) const fn invalid(url: String, error: String) -> Self {
        Self::Invalid(InvalidView { valid: false, rtsp_url: url, error })
    }
}

fn message(video: Option<&ProbedTrack>) -> String {
    match video {
        Some(track) if track.width > 0 => {
            format!("the camera sends {} in {}x{}", track.codec.encoding_name(), track.width, track.height)
        }
        Some(track) => format!("the camera sends {}", track.codec.encoding_name()),
        None => {
            "a publisher is waited for at this address; there is nothing to try before it comes".to_owned()
        }
    }
}

fn some_text(text: &str) -> Option<String> {
    Some(text.to_owned()).filter(|text| !text.is_empty())
}
