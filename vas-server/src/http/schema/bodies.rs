//! Bodies of requests.

use super::{CaptureSource, RecordingMode};
use crate::db::DeviceTransport;
use serde_json::{Map, Value};
use utoipa::ToSchema;
use uuid::Uuid;

/// A device to be added.
#[derive(ToSchema)]
#[schema(example = json!({
    "name": "Gate", "rtsp_url": "rtsp://viewer:secret@192.0.2.10:554/stream1", "location": "North entrance",
}))]
pub(crate) struct NewDevice {
    /// Unique in the tenant.
    #[schema(min_length = 1, max_length = 200)]
    name: String,
    /// `rtsp://` or `rtsps://` with user name and password where the camera asks for them; `whip://name` for a camera
    /// that publishes by itself.
    #[schema(min_length = 1, max_length = 2048)]
    rtsp_url: String,
    /// The address of a smaller picture of the same camera.
    #[schema(max_length = 2048)]
    sub_rtsp_url: Option<String>,
    #[schema(max_length = 2000)]
    description: Option<String>,
    #[schema(max_length = 2000)]
    location: Option<String>,
    /// A name under which several devices are shown together.
    #[schema(max_length = 100)]
    group: Option<String>,
    /// The stream, once started, runs only while somebody watches it.
    on_demand: Option<bool>,
    /// Seconds without viewers after which a stream on demand sleeps again.
    idle_seconds: Option<u32>,
    /// The stream is started whenever the server starts.
    autostart: Option<bool>,
    /// How media travels from the camera.
    transport: Option<DeviceTransport>,
}

/// What is to be changed of a device: what is left out stays, what is null is emptied.
#[derive(ToSchema)]
#[schema(example = json!({ "name": "Gate (north)", "location": null }))]
pub(crate) struct DeviceChange {
    #[schema(min_length = 1, max_length = 200, value_type = String, required = false)]
    name: Option<String>,
    /// An address whose password is masked as in answers keeps the password.
    #[schema(min_length = 1, max_length = 2048, value_type = String, required = false)]
    rtsp_url: Option<String>,
    #[schema(max_length = 2048)]
    sub_rtsp_url: Option<String>,
    #[schema(max_length = 2000)]
    description: Option<String>,
    #[schema(max_length = 2000)]
    location: Option<String>,
    /// A name under which several devices are shown together.
    #[schema(max_length = 100)]
    group: Option<String>,
    /// The stream, once started, runs only while somebody watches it.
    on_demand: Option<bool>,
    /// Seconds without viewers after which a stream on demand sleeps again.
    idle_seconds: Option<u32>,
    /// The stream is started whenever the server starts.
    autostart: Option<bool>,
    /// How media travels from the camera.
    transport: Option<DeviceTransport>,
}

/// An address to be tried.
#[derive(ToSchema)]
#[schema(example = json!({ "rtsp_url": "rtsp://viewer:secret@192.0.2.10:554/stream1" }))]
pub(crate) struct DeviceTrial {
    #[schema(max_length = 200)]
    name: Option<String>,
    /// Any text; one that is no address is an answer of `valid: false`.
    rtsp_url: String,
}

/// A stream to be started.
#[derive(ToSchema)]
#[schema(example = json!({ "camera_id": "019ab3c4-5d6e-7f80-9a1b-2c3d4e5f6071" }))]
pub(crate) struct NewStream {
    /// The device.
    camera_id: Uuid,
    /// Its own name; the device's where none is given.
    #[schema(max_length = 200)]
    name: Option<String>,
}

/// How a device is recorded: what is left out stays, what is null follows the settings again.
#[derive(ToSchema)]
#[schema(example = json!({ "mode": "event", "retention_days": 14 }))]
pub(crate) struct RecordingOptions {
    mode: Option<RecordingMode>,
    /// Days that recordings are kept; 0: until room is needed.
    #[schema(minimum = 0, maximum = 36525)]
    retention_days: Option<u32>,
}

/// A bookmark to be made.
#[derive(ToSchema)]
#[schema(example = json!({ "source": "live", "before_seconds": 10, "after_seconds": 5, "label": "Delivery" }))]
pub(crate) struct NewBookmark {
    source: CaptureSource,
    #[serde(flatten)]
    rest: NewDeviceBookmark,
}

/// A bookmark to be made of a source that the address names.
#[derive(ToSchema)]
#[schema(example = json!({ "before_seconds": 10, "after_seconds": 5, "label": "Delivery" }))]
pub(crate) struct NewDeviceBookmark {
    /// The moment it is about (RFC 3339): now where it is left out of a live one, required of a historical one.
    #[schema(format = DateTime)]
    center_timestamp: Option<String>,
    #[schema(minimum = 0, maximum = 3600, default = 5)]
    before_seconds: Option<f64>,
    #[schema(minimum = 0, maximum = 3600, default = 5)]
    after_seconds: Option<f64>,
    #[schema(max_length = 200)]
    label: Option<String>,
    #[schema(max_length = 200)]
    event_type: Option<String>,
    #[schema(minimum = 0, maximum = 1)]
    confidence: Option<f64>,
    #[schema(max_items = 50)]
    tags: Option<Vec<String>>,
    /// The caller's name where it is left out.
    #[schema(max_length = 200)]
    created_by: Option<String>,
    /// 16 KiB at most.
    metadata: Option<Map<String, Value>>,
}

/// What is to be changed of a bookmark: what is left out stays, what is null is emptied.
#[derive(ToSchema)]
#[schema(example = json!({ "label": "Delivery", "tags": ["parcel"] }))]
pub(crate) struct BookmarkChange {
    #[schema(max_length = 200)]
    label: Option<String>,
    #[schema(max_length = 200)]
    event_type: Option<String>,
    #[schema(max_items = 50)]
    tags: Option<Vec<String>>,
    metadata: Option<Map<String, Value>>,
}

/// A snapshot to be taken.
#[derive(ToSchema)]
#[schema(example = json!({ "source": "live" }))]
pub(crate) struct NewSnapshot {
    source: CaptureSource,
    #[serde(flatten)]
    rest: NewDeviceSnapshot,
}

/// A snapshot to be taken of a source that the address names.
#[derive(ToSchema)]
#[schema(example = json!({ "timestamp": "2026-11-22T10:00:00Z" }))]
pub(crate) struct NewDeviceSnapshot {
    /// RFC 3339; required of a historical one.
    #[schema(format = DateTime)]
    timestamp: Option<String>,
    /// The caller's name where it is left out.
    #[schema(max_length = 200)]
    created_by: Option<String>,
    /// 16 KiB at most.
    metadata: Option<Map<String, Value>>,
}
