//! `/v2/streams`.

use super::HttpState;
use super::devices::LONGEST_NAME;
use super::extract::{Id, JsonFields, QueryFields};
use super::problem::Problem;
use super::view;
use crate::control::{ControlError, HISTORY_KEPT, StreamInfo};
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};
use vas_core::model::StreamState;
use vas_core::ports::StreamFilter;
use vas_core::{DeviceId, StreamId};

/// Streams in one answer at most.
const MAX_PAGE: u64 = 100;

pub(super) fn routes() -> Router<HttpState> {
    Router::new()
        .route("/v2/streams", get(list).post(create))
        .route("/v2/streams/{id}", get(show).delete(delete))
        .route("/v2/streams/{id}/health", get(health))
        .route("/v2/streams/{id}/transitions", get(transitions))
}

impl HttpState {
    /// A stream as answers show it.
    pub(super) fn stream_view(&self, info: &StreamInfo) -> Value {
        let (ids, viewers) = (self.control.live().ids(info.stream.id), self.control.viewers(info.stream.id));
        view::stream(info, ids, viewers, self.clock.wall())
    }

    /// A stream's health as answers show it.
    pub(super) fn health_view(&self, info: &StreamInfo) -> Value {
        let (ids, viewers) = (self.control.live().ids(info.stream.id), self.control.viewers(info.stream.id));
        let recording = self.control.recordings().status(info.device.id);
        view::health(info, ids, viewers, &recording, self.clock.wall())
    }
}

async fn list(
    State(state): State<HttpState>,
    Ok(QueryFields(mut query)): Result<QueryFields, std::convert::Infallible>,
) -> Result<Json<Value>, Problem> {
    let wanted: Option<StreamState> =
        query.parsed("state", "must be INITIALIZING, READY, LIVE, ERROR, STOPPED or CLOSED");
    let device: Option<DeviceId> = query.parsed("camera_id", "must be a uuid");
    let limit = query.integer("limit", 1, MAX_PAGE, MAX_PAGE);
    let offset = query.integer("offset", 0, u64::MAX, 0);
    query.finish()?;
    // Deleted streams are listed for those who ask for them.
    let filter = StreamFilter { device, with_closed: wanted == Some(StreamState::Closed) };
    let mut streams = state.control.streams(filter).await?;
    streams.retain(|info| wanted.is_none_or(|wanted| info.present.state == wanted));
    let total = streams.len();
    let page = streams.iter().skip(usize::try_from(offset).unwrap_or(usize::MAX)).take(limit as usize);
    let views: Vec<_> = page.map(|info| state.stream_view(info)).collect();
    Ok(Json(json!({
        "streams": views,
        "pagination": { "total": total, "limit": limit, "offset": offset },
    })))
}

async fn create(
    State(state): State<HttpState>,
    JsonFields(mut body): JsonFields,
) -> Result<impl IntoResponse, Problem> {
    let device: Option<DeviceId> = match body.required_text("camera_id", 200) {
        Some(text) => match text.parse() {
            Ok(id) => Some(id),
            Err(_) => {
                body.refuse("camera_id", "must be a uuid");
                None
            }
        },
        None => None,
    };
    let name = body.text("name", LONGEST_NAME).filter(|name| !name.is_empty());
    body.finish()?;
    let device = device.ok_or_else(|| Problem::from(ControlError::Internal))?;
    let started = state.control.create(device, name).await?;
    let info = state.control.stream(started.stream.id).await?;
    let location = format!("/v2/streams/{}", started.stream.id);
    Ok((StatusCode::CREATED, [(LOCATION, location)], Json(state.stream_view(&info))))
}

async fn show(State(state): State<HttpState>, Id(id): Id<StreamId>) -> Result<Json<Value>, Problem> {
    Ok(Json(state.stream_view(&state.control.stream(id).await?)))
}

async fn delete(State(state): State<HttpState>, Id(id): Id<StreamId>) -> Result<StatusCode, Problem> {
    state.control.delete_stream(id).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn health(State(state): State<HttpState>, Id(id): Id<StreamId>) -> Result<Json<Value>, Problem> {
    Ok(Json(state.health_view(&state.control.stream(id).await?)))
}

/// The stored changes of state, the newest first.
async fn transitions(
    State(state): State<HttpState>,
    Id(id): Id<StreamId>,
    Ok(QueryFields(mut query)): Result<QueryFields, std::convert::Infallible>,
) -> Result<Json<Value>, Problem> {
    let limit = query.integer("limit", 1, HISTORY_KEPT, 100);
    query.finish()?;
    let changes = state.control.history(id, limit).await?;
    Ok(Json(json!({
        "stream_id": id,
        "transitions": changes.iter().map(view::transition).collect::<Vec<_>>(),
    })))
}
