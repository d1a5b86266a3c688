//! `/v2/streams`.

use super::HttpState;
use super::device_fields::LONGEST_NAME;
use super::extract::{Id, JsonFields, QueryFields};
use super::guard::Scoped;
use super::listing::Listing;
use super::problem::Problem;
use super::schema;
use super::view::{HealthView, Pagination, StreamView, TransitionView};
use crate::control::{ControlError, HISTORY_KEPT, StreamInfo};
use axum::Json;
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::IntoResponse;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use vas_core::model::StreamState;
use vas_core::ports::{Page, StreamFilter};
use vas_core::{DeviceId, StreamId};

/// Streams in one answer at most.
const MAX_PAGE: u64 = 100;

pub(super) fn routes() -> OpenApiRouter<HttpState> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(show, delete))
        .routes(routes!(health))
        .routes(routes!(transitions))
}

/// A page of streams.
#[derive(Debug, Serialize, ToSchema)]
struct StreamList {
    streams: Vec<StreamView>,
    pagination: Pagination,
}

/// What became of a stream, the newest first.
#[derive(Debug, Serialize, ToSchema)]
struct TransitionList {
    #[schema(value_type = Uuid)]
    stream_id: StreamId,
    transitions: Vec<TransitionView>,
}

impl HttpState {
    /// A stream as answers show it.
    pub(super) fn stream_view(&self, info: &StreamInfo) -> StreamView {
        let (ids, viewers) = (self.control.live().ids(info.stream.id), self.control.viewers(info.stream.id));
        StreamView::new(info, ids, viewers, self.clock.wall())
    }

    /// A stream's health as answers show it.
    pub(super) fn health_view(&self, info: &StreamInfo) -> HealthView {
        let (ids, viewers) = (self.control.live().ids(info.stream.id), self.control.viewers(info.stream.id));
        let recording = self.control.recordings().status(info.device.id);
        HealthView::new(info, ids, viewers, &recording, self.clock.wall())
    }
}

/// List streams
///
/// Deleted streams are listed for those who ask for the state CLOSED.
#[utoipa::path(
    get, path = "/v2/streams", tag = "Streams", params(schema::StreamQuery),
    responses((status = 200, description = "A page of them, in a stable order.", body = StreamList)),
)]
async fn list(
    Scoped(state): Scoped<HttpState>,
    Ok(QueryFields(mut query)): Result<QueryFields, std::convert::Infallible>,
) -> Result<Json<StreamList>, Problem> {
    let wanted: Option<StreamState> =
        query.parsed("state", "must be INITIALIZING, READY, LIVE, ERROR, STOPPED or CLOSED");
    let device: Option<DeviceId> = query.parsed("camera_id", "must be a uuid");
    let page = Page {
        limit: query.integer("limit", 1, MAX_PAGE, MAX_PAGE),
        offset: query.integer("offset", 0, u64::MAX, 0),
    };
    let listing = Listing::<schema::StreamSort>::read(&mut query);
    query.finish()?;
    // Deleted streams are listed for those who ask for them.
    let filter = StreamFilter { device, with_closed: wanted == Some(StreamState::Closed) };
    let mut streams = state.control.streams(filter).await?;
    streams.retain(|info| wanted.is_none_or(|wanted| info.present.state == wanted));
    listing.apply(&mut streams);
    let pagination = Pagination::new(streams.len() as u64, page);
    let before = usize::try_from(page.offset).unwrap_or(usize::MAX);
    let shown = streams.iter().skip(before).take(page.limit as usize);
    Ok(Json(StreamList { streams: shown.map(|info| state.stream_view(info)).collect(), pagination }))
}

/// Start a stream of a device that has none that runs
#[utoipa::path(
    post, path = "/v2/streams", tag = "Streams", request_body = schema::NewStream,
    responses(
        (status = 201, description = "It was started.", body = StreamView, headers(("Location", description = "Where it is."))),
        (status = 404, description = "There is no such device."),
        (status = 409, description = "The device's stream runs already; `details.stream_id` names it."),
    ),
)]
async fn create(
    Scoped(state): Scoped<HttpState>,
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

/// Show a stream
#[utoipa::path(
    get, path = "/v2/streams/{id}", tag = "Streams", params(schema::StreamPath),
    responses((status = 200, description = "The stream.", body = StreamView)),
)]
async fn show(Scoped(state): Scoped<HttpState>, Id(id): Id<StreamId>) -> Result<Json<StreamView>, Problem> {
    Ok(Json(state.stream_view(&state.control.stream(id).await?)))
}

/// Delete a stream
///
/// Stops it and closes it for good; a later start of its device makes a new one. Recordings stay with the device.
#[utoipa::path(
    delete, path = "/v2/streams/{id}", tag = "Streams", params(schema::StreamPath),
    responses((status = 204, description = "It is closed.")),
)]
async fn delete(Scoped(state): Scoped<HttpState>, Id(id): Id<StreamId>) -> Result<StatusCode, Problem> {
    state.control.delete_stream(id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Show how well a stream does
#[utoipa::path(
    get, path = "/v2/streams/{id}/health", tag = "Health", params(schema::StreamPath),
    responses((status = 200, description = "Its health.", body = HealthView)),
)]
async fn health(Scoped(state): Scoped<HttpState>, Id(id): Id<StreamId>) -> Result<Json<HealthView>, Problem> {
    Ok(Json(state.health_view(&state.control.stream(id).await?)))
}

/// List a stream's changes of state, the newest first
#[utoipa::path(
    get, path = "/v2/streams/{id}/transitions", tag = "Streams", params(schema::StreamPath, schema::HistoryQuery),
    responses((status = 200, description = "The changes that are stored.", body = TransitionList)),
)]
async fn transitions(
    Scoped(state): Scoped<HttpState>,
    Id(id): Id<StreamId>,
    Ok(QueryFields(mut query)): Result<QueryFields, std::convert::Infallible>,
) -> Result<Json<TransitionList>, Problem> {
    let limit = query.integer("limit", 1, HISTORY_KEPT, 100);
    query.finish()?;
    let changes = state.control.history(id, limit).await?;
    let transitions = changes.iter().map(TransitionView::new).collect();
    Ok(Json(TransitionList { stream_id: id, transitions }))
}
