//! `/api/v1/devices`.

use super::HttpState;
use super::extract::{Id, JsonFields, QueryFields};
use super::fields::Fields;
use super::problem::Problem;
use super::view::{self, DeviceView, time};
use crate::control::{DevicePatch, NewDevice, Started, Validation};
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use vas_core::DeviceId;
use vas_core::model::mask_url;
use vas_core::ports::Page;

/// Longest name of a device or stream, in characters.
pub(super) const LONGEST_NAME: usize = 200;
const LONGEST_TEXT: usize = 2_000;
/// Longer than any URL that is taken, so that the URL's own check says what is wrong.
const LONGEST_URL: usize = 4_096;
/// Devices in one answer at most.
const MAX_PAGE: u64 = 1_000;

pub(super) fn routes() -> Router<HttpState> {
    Router::new()
        .route("/api/v1/devices", get(list).post(add))
        .route("/api/v1/devices/validate", post(validate))
        .route("/api/v1/devices/{id}", get(show).put(change).delete(delete))
        .route("/api/v1/devices/{id}/start-stream", post(start_stream))
        .route("/api/v1/devices/{id}/stop-stream", post(stop_stream))
        .route("/api/v1/devices/{id}/status", get(status))
}

async fn list(
    State(state): State<HttpState>,
    Ok(QueryFields(mut query)): Result<QueryFields, std::convert::Infallible>,
) -> Result<Json<Vec<DeviceView>>, Problem> {
    let page = Page {
        offset: query.integer("skip", 0, u64::MAX, 0),
        limit: query.integer("limit", 1, MAX_PAGE, 100),
    };
    query.finish()?;
    let devices = state.control.devices(page).await?;
    let active = state.control.active_devices().await?;
    Ok(Json(devices.iter().map(|device| DeviceView::new(device, active.contains(&device.id))).collect()))
}

async fn add(
    State(state): State<HttpState>,
    JsonFields(mut body): JsonFields,
) -> Result<(StatusCode, Json<DeviceView>), Problem> {
    let (name, url) = (body.required_text("name", LONGEST_NAME), body.required_text("rtsp_url", LONGEST_URL));
    let new = NewDevice {
        name: name.unwrap_or_default(),
        url: url.unwrap_or_default(),
        sub_url: optional_text(&mut body, "sub_rtsp_url", LONGEST_URL).flatten(),
        description: optional_text(&mut body, "description", LONGEST_TEXT).flatten(),
        location: optional_text(&mut body, "location", LONGEST_TEXT).flatten(),
    };
    body.finish()?;
    let device = state.control.add_device(new).await?;
    Ok((StatusCode::CREATED, Json(DeviceView::new(&device, false))))
}

async fn show(State(state): State<HttpState>, Id(id): Id<DeviceId>) -> Result<Json<DeviceView>, Problem> {
    let device = state.control.device(id).await?;
    Ok(Json(DeviceView::new(&device, state.control.is_active(id).await?)))
}

async fn change(
    State(state): State<HttpState>,
    Id(id): Id<DeviceId>,
    JsonFields(mut body): JsonFields,
) -> Result<Json<DeviceView>, Problem> {
    // Unknown before wrong: what is asked of a device that is not there does not matter.
    state.control.device(id).await?;
    let given = |body: &mut Fields, name, longest| {
        if body.has(name) { body.required_text(name, longest) } else { None }
    };
    let patch = DevicePatch {
        name: given(&mut body, "name", LONGEST_NAME),
        url: given(&mut body, "rtsp_url", LONGEST_URL),
        sub_url: optional_text(&mut body, "sub_rtsp_url", LONGEST_URL),
        description: optional_text(&mut body, "description", LONGEST_TEXT),
        location: optional_text(&mut body, "location", LONGEST_TEXT),
    };
    body.finish()?;
    let device = state.control.change_device(id, patch).await?;
    Ok(Json(DeviceView::new(&device, state.control.is_active(id).await?)))
}

/// `None`: the field is not there. An empty text is as good as null.
fn optional_text(body: &mut Fields, name: &str, longest: usize) -> Option<Option<String>> {
    let there = body.has(name);
    let text = body.text(name, longest).filter(|text| !text.is_empty());
    there.then_some(text)
}

async fn delete(State(state): State<HttpState>, Id(id): Id<DeviceId>) -> Result<StatusCode, Problem> {
    state.control.delete_device(id).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn validate(
    State(state): State<HttpState>,
    JsonFields(mut body): JsonFields,
) -> Result<Json<Value>, Problem> {
    let name = body.text("name", LONGEST_NAME);
    // Any text is an answer of 200, but there must be one.
    let url = body.any_text("rtsp_url");
    body.finish()?;
    let url = url.unwrap_or_default();
    let shown = mask_url(&url);
    Ok(Json(match state.control.validate(&name.unwrap_or_else(|| "validate".to_owned()), &url).await {
        Validation::Valid(probe) => view::probe(&shown, &probe),
        Validation::Invalid(error) => json!({ "valid": false, "rtsp_url": shown, "error": error }),
    }))
}

async fn start_stream(State(state): State<HttpState>, Id(id): Id<DeviceId>) -> Result<Json<Value>, Problem> {
    Ok(Json(started(&state.control.start(id).await?)))
}

/// The answer to a start, wherever it was asked for.
pub(super) fn started(started: &Started) -> Value {
    let Started { stream, ids, ran } = started;
    let mut producers = json!({ "video": ids.video });
    if let Some(audio) = ids.audio {
        producers["audio"] = json!(audio);
    }
    json!({
        "status": "success",
        "device_id": stream.device,
        "room_id": stream.device,
        "transport_id": ids.transport,
        "producers": producers,
        "stream": {
            "status": if *ran { "active" } else { "started" },
            "started_at": time(stream.started_at),
        },
        "reconnect": ran,
        "v2_stream_id": stream.id,
    })
}

async fn stop_stream(State(state): State<HttpState>, Id(id): Id<DeviceId>) -> Result<Json<Value>, Problem> {
    state.control.device(id).await?;
    if let Some(stream) = state.control.stream_of(id).await? {
        state.control.stop(stream.id).await?;
    }
    Ok(Json(stopped(id)))
}

/// The answer to a stop, wherever it was asked for.
pub(super) fn stopped(device: DeviceId) -> Value {
    json!({ "status": "success", "device_id": device, "stopped": true })
}

async fn status(State(state): State<HttpState>, Id(id): Id<DeviceId>) -> Result<Json<Value>, Problem> {
    let device = state.control.device(id).await?;
    let stream = state.control.stream_of(id).await?.filter(|stream| stream.wanted);
    let mut view = json!(DeviceView::new(&device, stream.is_some()));
    view["device_id"] = json!(id);
    view["streaming"] = json!({
        "active": stream.is_some(),
        "room_id": stream.as_ref().map(|_| id),
        "started_at": stream.as_ref().map(|stream| time(stream.started_at)),
        "stream_id": stream.as_ref().map(|stream| stream.id),
    });
    Ok(Json(view))
}
