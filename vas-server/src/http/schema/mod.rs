//! Types that only describe: parameters and bodies that `Fields` reads, and words of other crates. The names of their
//! fields are those that handlers read.

#![expect(dead_code, reason = "they describe what is read in another way")]

mod answers;
mod bodies;
mod ortc;
mod params;

pub(crate) use answers::*;
pub(crate) use bodies::*;
pub(crate) use ortc::*;
pub(crate) use params::*;

use utoipa::ToSchema;

/// The state of a stream.
#[derive(ToSchema)]
#[schema(as = StreamState, rename_all = "UPPERCASE")]
pub(crate) enum State {
    /// Started; the camera has not described itself yet.
    Initializing,
    /// Described and set up; no key picture yet.
    Ready,
    /// Media flows.
    Live,
    /// The camera failed; retries go on.
    Error,
    /// Stopped on request.
    Stopped,
    /// Deleted.
    Closed,
}

/// How far a bookmark or snapshot has come.
#[derive(ToSchema)]
#[schema(as = CaptureStatus, rename_all = "lowercase")]
pub(crate) enum CaptureState {
    /// It is being made.
    Processing,
    /// It is there.
    Ready,
    /// It can't be made.
    Failed,
}

/// Where a bookmark or snapshot comes from.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
pub(crate) enum CaptureSource {
    /// The stream as it is now.
    Live,
    /// What was recorded.
    Historical,
}

/// When a stream that runs is recorded.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
pub(crate) enum RecordingMode {
    /// Always.
    Continuous,
    /// At the times of the schedule.
    Schedule,
    /// Around events.
    Event,
    /// Never.
    Off,
}

/// One of the streams that a camera sends.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
pub(crate) enum Layer {
    /// The large picture.
    Main,
    /// The small one.
    Sub,
}

/// The direction of a sort.
#[derive(Clone, Copy, Debug, ToSchema)]
#[schema(rename_all = "lowercase")]
pub(crate) enum Order {
    /// The smallest, first or oldest first.
    Asc,
    /// The other way round.
    Desc,
}

/// Any error answer (RFC 9457).
#[derive(ToSchema)]
#[schema(example = json!({
    "type": "about:blank", "title": "Not Found", "status": 404, "detail": "there is no such stream",
    "instance": "/v2/streams/019ab3c4-6000-7000-8000-000000000003", "error": "NOT_FOUND",
    "error_description": "there is no such stream", "details": null,
    "request_id": "5c1c4c0e-8a3b-4c2f-9d0e-2f6f0f6f7a11",
}))]
pub(crate) struct Problem {
    /// Always `about:blank`: `error` says which problem it is.
    r#type: String,
    /// The status in words.
    title: String,
    /// The status.
    status: u16,
    /// The same as `error_description`.
    detail: String,
    /// The path of the request.
    instance: String,
    /// A code that stays: `NOT_FOUND`, `VALIDATION_ERROR`, `STREAM_NOT_LIVE`...
    error: String,
    /// A sentence for people.
    error_description: String,
    /// More for programs, such as `{"fields": {"name": "is required"}}` or `{"retry_after_seconds": 2}`.
    details: Option<serde_json::Map<String, serde_json::Value>>,
    /// Also in `X-Request-Id`; stands in the server's log.
    request_id: String,
}
