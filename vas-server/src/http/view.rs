//! Devices and streams as clients see them. Field names are those of the contract with existing clients.

use super::recordings_view;
use crate::control::recording::RecordingStatus;
use crate::control::{LiveIds, StreamInfo, ViewerCounts};
use chrono::{DateTime, SecondsFormat};
use serde::Serialize;
use serde_json::{Map, Value, json};
use vas_core::media::{Codec, StreamDesc, TrackFormat};
use vas_core::model::{CameraUrl, Device, StreamState, Transition};
use vas_core::{DeviceId, StreamId, WallTime};
use vas_ingest::{Health, IngestStatus, Probe, TransportMode};

/// The payload type under which video is listed. What a viewer receives has the number of its own offer.
const VIDEO_PAYLOAD_TYPE: u8 = 96;
/// The payload type under which sound is listed.
const AUDIO_PAYLOAD_TYPE: u8 = 97;

/// A time as it stands in answers: RFC 3339 in UTC, with milliseconds.
pub(crate) fn time(time: WallTime) -> String {
    let time = DateTime::from_timestamp_micros(time.as_unix_micros()).unwrap_or_default();
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// Whole seconds from `earlier` to `now`.
fn seconds_since(earlier: WallTime, now: WallTime) -> i64 {
    now.micros_since(earlier).max(0) / 1_000_000
}

/// A device.
#[derive(Debug, Serialize)]
pub(super) struct DeviceView {
    id: DeviceId,
    name: String,
    description: Option<String>,
    /// The password masked.
    rtsp_url: String,
    /// Of the sub stream, the password masked.
    sub_rtsp_url: Option<String>,
    is_active: bool,
    location: Option<String>,
    created_at: String,
    updated_at: Option<String>,
}

impl DeviceView {
    /// `is_active`: whether its stream runs.
    pub(super) fn new(device: &Device, is_active: bool) -> Self {
        let fields = &device.fields;
        Self {
            id: device.id,
            name: fields.name.clone(),
            description: fields.description.clone(),
            rtsp_url: fields.url.masked(),
            sub_rtsp_url: fields.sub_url.as_ref().map(CameraUrl::masked),
            is_active,
            location: fields.location.clone(),
            created_at: time(device.created_at),
            updated_at: device.updated_at.map(time),
        }
    }
}

/// What a trial found at an address. `url`: the address, masked.
pub(super) fn probe(url: &str, probe: &Probe) -> Value {
    let track = |video: bool| probe.tracks.iter().find(|track| track.codec.is_video() == video);
    let video = track(true).map(|track| {
        json!({
            "codec": track.codec.encoding_name(),
            "profile": some_text(&track.profile_level_id),
            "rfc6381": some_text(&track.rfc6381),
            "width": some_number(track.width),
            "height": some_number(track.height),
            "fps": track.fps.map(tenths),
        })
    });
    let audio = track(false).map(|track| {
        json!({
            "codec": track.codec.encoding_name(),
            "clock_rate": track.clock_rate,
            "channels": track.channels,
        })
    });
    let message = match track(true) {
        Some(track) if track.width > 0 => {
            format!("the camera sends {} in {}x{}", track.codec.encoding_name(), track.width, track.height)
        }
        Some(track) => format!("the camera sends {}", track.codec.encoding_name()),
        None => {
            "a publisher is waited for at this address; there is nothing to try before it comes".to_owned()
        }
    };
    json!({
        "valid": true,
        "rtsp_url": url,
        "ssrc": probe.video_ssrc,
        "message": message,
        "video": video,
        "audio": audio,
    })
}

fn some_text(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}

fn some_number(number: u32) -> Option<u32> {
    Some(number).filter(|number| *number > 0)
}

fn tenths(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

/// A stream. `ids`: while it runs.
pub(super) fn stream(info: &StreamInfo, ids: Option<LiveIds>, viewers: ViewerCounts, now: WallTime) -> Value {
    let StreamInfo { stream, device, present } = info;
    let id = stream.id;
    let ingest = present.ingest.as_ref();
    json!({
        "id": id,
        "name": stream.name.as_deref().unwrap_or(&device.fields.name),
        "camera_id": stream.device,
        "device_id": stream.device,
        "room_id": stream.device,
        "state": present.state,
        "state_reason": { "code": present.reason.code, "text": present.reason.text },
        "state_since": time(present.since),
        "next_retry_at": ingest.and_then(|status| status.next_retry_at).map(time),
        "codec_config": codec_config(ingest),
        "producer": ids.map(|ids| producer(ids, present.state)),
        "consumers": { "count": viewers.total, "active": viewers.active },
        "endpoints": endpoints(id),
        "metrics": metrics(ingest),
        "created_at": time(stream.created_at),
        "started_at": stream.wanted.then(|| time(stream.started_at)),
        "uptime_seconds": uptime(info, now),
    })
}

/// Seconds since a stream that runs was started.
fn uptime(info: &StreamInfo, now: WallTime) -> i64 {
    let started = info.present.ingest.as_ref().and_then(|status| status.started_at);
    started.map_or(0, |started| seconds_since(started, now))
}

fn endpoints(id: StreamId) -> Value {
    let whep = format!("/v2/streams/{id}/whep");
    json!({
        "webrtc": whep,
        "whep": whep,
        "hls": format!("/v2/streams/{id}/hls/playlist.m3u8"),
        "hls_low_latency": format!("/v2/streams/{id}/hls/index.m3u8"),
        "recordings": format!("/v2/streams/{id}/recordings"),
        "health": format!("/v2/streams/{id}/health"),
    })
}

fn producer(ids: LiveIds, state: StreamState) -> Value {
    json!({
        "id": ids.video,
        "mediasoup_id": ids.video,
        "transport_id": ids.transport,
        "state": if state == StreamState::Live { "ACTIVE" } else { "WAITING" },
        // Tells producers apart; every viewer is sent an SSRC of its own.
        "ssrc": ids.video.as_u128() as u32,
    })
}

fn codec_config(ingest: Option<&IngestStatus>) -> Value {
    let mut config = Map::new();
    let status = ingest.and_then(|status| Some((status, status.desc.as_deref()?)));
    let video = status.and_then(|(status, desc)| video_config(desc, &status.health));
    config.insert("video".to_owned(), json!(video));
    if let Some(audio) = status.and_then(|(_, desc)| audio_config(desc)) {
        config.insert("audio".to_owned(), audio);
    }
    Value::Object(config)
}

fn video_config(desc: &StreamDesc, health: &Health) -> Option<Value> {
    let format = desc.tracks.iter().find_map(|track| track.format.video())?;
    let profile = format.rfc6381.split_once('.').map_or("", |(_, profile)| profile);
    Some(json!({
        "codec": Codec::Video(format.codec).encoding_name(),
        "profile": profile,
        "payloadType": VIDEO_PAYLOAD_TYPE,
        // A camera may change its picture while it runs.
        "width": some_number(health.width).unwrap_or(format.width),
        "height": some_number(health.height).unwrap_or(format.height),
        "fps": if health.fps > 0.0 { Some(tenths(health.fps)) } else { format.fps.map(tenths) },
    }))
}

fn audio_config(desc: &StreamDesc) -> Option<Value> {
    let format = desc.tracks.iter().find_map(|track| match &*track.format {
        TrackFormat::Audio(audio) => Some(audio),
        _ => None,
    })?;
    Some(json!({
        "codec": Codec::Audio(format.codec).encoding_name(),
        "payloadType": AUDIO_PAYLOAD_TYPE,
        "clockRate": format.clock_rate,
        "channels": format.channels,
    }))
}

fn metrics(ingest: Option<&IngestStatus>) -> Value {
    let idle = Health::default();
    let health = ingest.map_or(&idle, |status| &status.health);
    json!({
        "bitrate_kbps": tenths(health.bitrate_kbps),
        "fps": tenths(health.fps),
        "packet_loss": health.packet_loss,
        "jitter_ms": tenths(health.jitter_ms),
        "keyframe_interval_s": health.keyframe_interval_s,
        "last_frame_age_ms": health.last_frame_age_ms,
    })
}

/// How well a stream does, for a glance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
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

    pub(super) fn of(info: &StreamInfo) -> Self {
        let lossy =
            info.present.ingest.as_ref().is_some_and(|status| status.health.packet_loss > Self::LOSSY);
        let stale =
            info.present.ingest.as_ref().is_some_and(|status| {
                status.health.last_frame_age_ms.is_some_and(|age| age > Self::STALE_MS)
            });
        match info.present.state {
            StreamState::Live if !lossy && !stale => Self::Healthy,
            StreamState::Live | StreamState::Ready | StreamState::Initializing => Self::Degraded,
            StreamState::Error | StreamState::Stopped | StreamState::Closed => Self::Unhealthy,
        }
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Degraded => "degraded",
            Self::Unhealthy => "unhealthy",
        }
    }
}

/// A stream's health.
pub(super) fn health(
    info: &StreamInfo,
    ids: Option<LiveIds>,
    viewers: ViewerCounts,
    recording: &RecordingStatus,
    now: WallTime,
) -> Value {
    let StreamInfo { stream, present, .. } = info;
    let verdict = Verdict::of(info);
    let ingest = present.ingest.as_ref();
    let failed = present.state == StreamState::Error;
    json!({
        "stream_id": stream.id,
        "status": verdict.name(),
        "is_healthy": verdict == Verdict::Healthy,
        "state": present.state,
        "uptime_seconds": uptime(info, now),
        "metrics": metrics(ingest),
        "producer": ids.map(|ids| producer(ids, present.state)),
        "consumers": { "count": viewers.total, "active": viewers.active },
        "ingest": ingest.map(|main| ingest_view(main, present.sub.as_ref())),
        // Clients of systems that ran one ffmpeg per camera look here.
        "ffmpeg": {
            "status": match present.state {
                StreamState::Error => "error",
                StreamState::Stopped | StreamState::Closed => "stopped",
                _ => "running",
            },
        },
        "recording": recordings_view::status(recording),
        "last_error": failed.then_some(&present.reason.text),
        "checked_at": time(now),
    })
}

/// The main stream's source, and both streams' under `layers`, the largest picture first.
fn ingest_view(main: &IngestStatus, sub: Option<&IngestStatus>) -> Value {
    let mut view = source_view(main);
    let layers = [Some(("main", main)), sub.map(|sub| ("sub", sub))];
    view["layers"] = layers.into_iter().flatten().map(|(name, status)| layer_view(name, status)).collect();
    view
}

fn layer_view(name: &str, status: &IngestStatus) -> Value {
    let mut view = source_view(status);
    view["name"] = json!(name);
    view["video"] = json!(status.desc.as_deref().and_then(|desc| video_config(desc, &status.health)));
    view["last_error"] = json!((status.state == StreamState::Error).then_some(&status.reason.text));
    view
}

fn source_view(status: &IngestStatus) -> Value {
    json!({
        "status": status.state,
        "endpoint": status.endpoint,
        "transport": status.transport.map(|transport| match transport {
            TransportMode::Udp => "udp",
            _ => "tcp",
        }),
        "attempt": status.attempt,
        "next_retry_at": status.next_retry_at.map(time),
        "started_at": status.started_at.map(time),
        "health": status.health,
    })
}

/// A change of a stream's state.
pub(super) fn transition(change: &Transition) -> Value {
    json!({
        "from": change.from,
        "to": change.to,
        "reason": { "code": change.reason.code, "text": change.reason.text },
        "at": time(change.at),
    })
}
