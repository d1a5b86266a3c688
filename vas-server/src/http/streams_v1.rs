//! `/api/v1/streams` and `/api/v1/rtsp/streams`: the same streams for older clients, which name a stream by its own
//! id or by its device's.

use super::HttpState;
use super::extract::path_parameter;
use super::guard::Scoped;
use super::problem::Problem;
use super::schema;
use super::view::{HealthView, SourceHealthView, StartedView, StoppedView, StreamView};
use crate::control::StreamInfo;
use axum::Json;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;
use vas_core::model::StreamState;
use vas_core::ports::StreamFilter;
use vas_core::{DeviceId, StreamId};

pub(super) fn routes() -> OpenApiRouter<HttpState> {
    let both = || OpenApiRouter::new().routes(routes!(start)).routes(routes!(stop));
    let rtsp = both().routes(routes!(reconnect)).routes(routes!(health)).routes(routes!(stats));
    OpenApiRouter::new()
        .routes(routes!(list))
        .nest("/api/v1/streams", both())
        .nest("/api/v1/rtsp/streams", rtsp)
}

/// The id of a stream or of its device.
pub(super) struct EitherId(pub(super) Uuid);

impl<S: Send + Sync> FromRequestParts<S> for EitherId {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        let text = path_parameter(parts, "id").await;
        let id = text.and_then(|text| Uuid::parse_str(&text).ok());
        id.map(Self).ok_or_else(|| Problem::not_found("stream"))
    }
}

impl HttpState {
    async fn info(&self, id: Uuid) -> Result<StreamInfo, Problem> {
        let (_, stream) = self.control.resolve(id).await?;
        let stream = stream.ok_or_else(|| Problem::not_found("stream"))?;
        Ok(self.control.stream(stream.id).await?)
    }
}

/// List all streams
#[utoipa::path(
    get, path = "/api/v1/streams", tag = "Streams",
    responses((status = 200, description = "Those that were not deleted.", body = Vec<StreamView>)),
)]
async fn list(Scoped(state): Scoped<HttpState>) -> Result<Json<Vec<StreamView>>, Problem> {
    let streams = state.control.streams(StreamFilter::default()).await?;
    Ok(Json(streams.iter().map(|info| state.stream_view(info)).collect()))
}

/// Start a stream
#[utoipa::path(
    post, path = "/{id}/start", tag = "Streams", params(schema::EitherPath),
    responses((status = 200, description = "It runs, from now on or already.", body = StartedView)),
)]
async fn start(
    Scoped(state): Scoped<HttpState>,
    EitherId(id): EitherId,
) -> Result<Json<StartedView>, Problem> {
    let (device, _) = state.control.resolve(id).await?;
    Ok(Json(StartedView::new(&state.control.start(device).await?)))
}

/// Stop a stream
#[utoipa::path(
    post, path = "/{id}/stop", tag = "Streams", params(schema::EitherPath),
    responses((status = 200, description = "It does not run, from now on or before.", body = StoppedView)),
)]
async fn stop(
    Scoped(state): Scoped<HttpState>,
    EitherId(id): EitherId,
) -> Result<Json<StoppedView>, Problem> {
    let (device, stream) = state.control.resolve(id).await?;
    if let Some(stream) = stream {
        state.control.stop(stream.id).await?;
    }
    Ok(Json(StoppedView::new(device)))
}

/// Begin anew with the camera
///
/// Viewers stay. A stream that does not run is started.
#[utoipa::path(
    post, path = "/{id}/reconnect", tag = "Streams", params(schema::EitherPath),
    responses((status = 200, description = "It runs.", body = StartedView)),
)]
async fn reconnect(
    Scoped(state): Scoped<HttpState>,
    EitherId(id): EitherId,
) -> Result<Json<StartedView>, Problem> {
    let (device, _) = state.control.resolve(id).await?;
    Ok(Json(StartedView::new(&state.control.restart(device).await?)))
}

/// Show how well a stream does
#[utoipa::path(
    get, path = "/{id}/health", tag = "Health", params(schema::EitherPath),
    responses((status = 200, description = "Its health.", body = HealthView)),
)]
async fn health(
    Scoped(state): Scoped<HttpState>,
    EitherId(id): EitherId,
) -> Result<Json<HealthView>, Problem> {
    Ok(Json(state.health_view(&state.info(id).await?)))
}

/// Figures of a stream.
#[derive(Debug, Serialize, ToSchema)]
struct StreamStats {
    #[schema(value_type = Uuid)]
    stream_id: StreamId,
    #[schema(value_type = Uuid)]
    device_id: DeviceId,
    #[schema(value_type = schema::State)]
    state: StreamState,
    /// While it runs.
    stats: Option<SourceHealthView>,
    /// Attempts to reach the camera, while it runs.
    attempt: Option<u32>,
}

/// Show a stream's figures
#[utoipa::path(
    get, path = "/{id}/stats", tag = "Streams", params(schema::EitherPath),
    responses((status = 200, description = "Its figures.", body = StreamStats)),
)]
async fn stats(
    Scoped(state): Scoped<HttpState>,
    EitherId(id): EitherId,
) -> Result<Json<StreamStats>, Problem> {
    let info = state.info(id).await?;
    let ingest = info.present.ingest.as_ref();
    Ok(Json(StreamStats {
        stream_id: info.stream.id,
        device_id: info.stream.device,
        state: info.present.state,
        stats: ingest.map(|status| SourceHealthView::new(&status.health)),
        attempt: ingest.map(|status| status.attempt),
    }))
}
