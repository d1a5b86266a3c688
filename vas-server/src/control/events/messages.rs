//! What the server's own events say, member by member.

use crate::control::dashboard::alerts::AlertEvent;
use crate::control::dashboard::exports::ExportEvent;
use serde::Serialize;
use utoipa::ToSchema;
use vas_core::model::{ReasonCode, StreamState};
use vas_core::{DeviceId, StreamId};

/// `stream_state`: a stream is in another state, or, where both are the same, will be tried again at another time.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct StreamStateEvent {
    /// The stream.
    #[schema(value_type = String, format = Uuid)]
    pub(crate) stream_id: StreamId,
    /// Its device.
    #[schema(value_type = String, format = Uuid)]
    pub(crate) device_id: DeviceId,
    /// The state that it is in.
    #[schema(value_type = crate::http::schema::State)]
    pub(crate) state: StreamState,
    /// The state that it was in.
    #[schema(value_type = crate::http::schema::State)]
    pub(crate) previous_state: StreamState,
    /// What led to it.
    pub(crate) reason: EventReason,
    /// Since when (RFC 3339).
    #[schema(format = DateTime)]
    pub(crate) since: String,
    /// Attempts to reach the camera, the present one included; starts over after a good while of media.
    pub(crate) attempt: u32,
    /// When the next attempt begins, while the source waits for it.
    #[schema(format = DateTime)]
    pub(crate) next_retry_at: Option<String>,
}

/// What led to a state.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EventReason {
    /// For programs, such as `CONNECTION_REFUSED`.
    #[schema(value_type = String)]
    pub(crate) code: ReasonCode,
    /// For people.
    pub(crate) text: String,
}

/// One stream in `metrics`, whose `data` is `{"streams": [...]}`.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct StreamFigures {
    /// The stream.
    #[schema(value_type = String, format = Uuid)]
    pub(crate) stream_id: StreamId,
    /// Its device.
    #[schema(value_type = String, format = Uuid)]
    pub(crate) device_id: DeviceId,
    /// The state that it is in.
    #[schema(value_type = crate::http::schema::State)]
    pub(crate) state: StreamState,
    /// Pictures a second.
    pub(crate) fps: f64,
    /// What the camera sends, main and sub stream together, in kbit/s.
    pub(crate) bitrate_kbps: f64,
    /// Share of packets lost over the last two seconds, 0 to 1.
    pub(crate) loss: f64,
    /// Who watches, connected or not yet.
    pub(crate) viewers: usize,
    /// Whether it is being recorded.
    pub(crate) recording: bool,
}

/// What happens to a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RecordingEventType {
    /// Media is being recorded from now on.
    Started,
    /// No longer.
    Stopped,
    /// Something between the last and the present media was not recorded.
    Gap,
    /// It should be recorded and can't be.
    Failed,
}

/// `recording`: something happened to the recording of a stream. Every two seconds there is also one of all streams that
/// are recorded, `{"type": "progress", "streams": [RecordingProgress]}`.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RecordingEvent {
    /// What.
    #[serde(rename = "type")]
    pub(crate) kind: RecordingEventType,
    /// How far it is.
    #[serde(flatten)]
    pub(crate) progress: RecordingProgress,
    /// Why it failed or has a gap, where that is known.
    pub(crate) error: Option<String>,
}

/// How far the recording of a stream is.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct RecordingProgress {
    /// The stream.
    #[schema(value_type = String, format = Uuid)]
    pub(crate) stream_id: StreamId,
    /// Its device.
    #[schema(value_type = String, format = Uuid)]
    pub(crate) device_id: DeviceId,
    /// `main` or `sub`; null where it concerns both.
    pub(crate) layer: Option<&'static str>,
    /// Since when without a break (RFC 3339).
    #[schema(format = DateTime)]
    pub(crate) since: Option<String>,
    /// Up to where (RFC 3339).
    #[schema(format = DateTime)]
    pub(crate) until: Option<String>,
    /// Bytes since it was switched on.
    pub(crate) bytes: u64,
}

/// What happens to a bookmark or snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum CaptureEventType {
    /// It is being made.
    Created,
    /// It is ready, or failed.
    Finished,
    /// What is said of it was changed.
    Changed,
    /// It was deleted.
    Deleted,
}

/// `bookmark` and `snapshot`: what became of one; the call that gives it tells more.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CaptureEvent {
    /// What.
    #[serde(rename = "type")]
    pub(crate) kind: CaptureEventType,
    /// The bookmark or snapshot.
    #[schema(value_type = String, format = Uuid)]
    pub(crate) id: uuid::Uuid,
    /// Its stream.
    #[schema(value_type = String, format = Uuid)]
    pub(crate) stream_id: StreamId,
    /// Its device.
    #[schema(value_type = String, format = Uuid)]
    pub(crate) device_id: DeviceId,
    /// `processing`, `ready` or `failed`.
    #[schema(value_type = crate::http::schema::CaptureState)]
    pub(crate) status: &'static str,
    /// Why it failed.
    pub(crate) error: Option<String>,
}

/// `system`: the events themselves, or what there is to list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SystemEventType {
    /// The first message: events are told from here on.
    Connected,
    /// Events were lost between the last one and the next: what is shown is to be asked for anew.
    Gap,
    /// A device was added.
    DeviceAdded,
    /// A device was changed.
    DeviceChanged,
    /// A device was deleted.
    DeviceDeleted,
}

/// `system`.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SystemEvent {
    /// What.
    #[serde(rename = "type")]
    pub(crate) kind: SystemEventType,
    /// The device that it is about.
    #[schema(value_type = String, format = Uuid)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) device_id: Option<DeviceId>,
}

/// `metrics`: figures of all streams, once a second.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes what the bus puts together for each reader")]
pub(crate) struct MetricsEvent {
    streams: Vec<StreamFigures>,
}

/// How far all recordings are, every two seconds.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes what the bus puts together for each reader")]
pub(crate) struct RecordingProgressEvent {
    /// Always `progress`.
    r#type: String,
    streams: Vec<RecordingProgress>,
}

/// `recording`.
#[derive(ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "describes what is published in two ways")]
pub(crate) enum RecordingMessage {
    Change(RecordingEvent),
    Progress(RecordingProgressEvent),
}

/// `system`.
#[derive(ToSchema)]
#[serde(untagged)]
#[expect(dead_code, clippy::large_enum_variant, reason = "describes what is published in two ways")]
pub(crate) enum SystemMessage {
    Event(SystemEvent),
    Export(ExportEvent),
}

/// What an event is about, and what it says.
#[derive(ToSchema)]
#[serde(tag = "topic", content = "data", rename_all = "snake_case")]
#[expect(dead_code, reason = "describes what each topic publishes")]
pub(crate) enum EventBody {
    StreamState(StreamStateEvent),
    Metrics(MetricsEvent),
    Recording(RecordingMessage),
    Bookmark(CaptureEvent),
    Snapshot(CaptureEvent),
    Alert(AlertEvent),
    System(SystemMessage),
}

/// One event, as a message of `/ws/events` and the data of `/v2/events`.
#[derive(ToSchema)]
#[expect(dead_code, reason = "the bus writes messages piece by piece")]
pub(crate) struct EventMessage {
    /// Its number; later events have greater ones, not always the next.
    seq: u64,
    /// When (RFC 3339).
    #[schema(format = DateTime)]
    at: String,
    #[serde(flatten)]
    body: EventBody,
}
