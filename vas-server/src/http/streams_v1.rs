//! `/api/v1/streams` and `/api/v1/rtsp/streams`: the same streams for older clients, which name a stream by its own
//! id or by its device's.

use super::HttpState;
use super::devices::{started, stopped};
use super::extract::path_parameter;
use super::problem::Problem;
use crate::control::StreamInfo;
use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use uuid::Uuid;
use vas_core::ports::StreamFilter;

pub(super) fn routes() -> Router<HttpState> {
    Router::new()
        .route("/api/v1/streams", get(list))
        .route("/api/v1/streams/{id}/start", post(start))
        .route("/api/v1/streams/{id}/stop", post(stop))
        .route("/api/v1/rtsp/streams/{id}/start", post(start))
        .route("/api/v1/rtsp/streams/{id}/stop", post(stop))
        .route("/api/v1/rtsp/streams/{id}/reconnect", post(reconnect))
        .route("/api/v1/rtsp/streams/{id}/health", get(health))
        .route("/api/v1/rtsp/streams/{id}/stats", get(stats))
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

async fn list(State(state): State<HttpState>) -> Result<Json<Vec<Value>>, Problem> {
    let streams = state.control.streams(StreamFilter::default()).await?;
    Ok(Json(streams.iter().map(|info| state.stream_view(info)).collect()))
}

async fn start(State(state): State<HttpState>, EitherId(id): EitherId) -> Result<Json<Value>, Problem> {
    let (device, _) = state.control.resolve(id).await?;
    Ok(Json(started(&state.control.start(device).await?)))
}

async fn stop(State(state): State<HttpState>, EitherId(id): EitherId) -> Result<Json<Value>, Problem> {
    let (device, stream) = state.control.resolve(id).await?;
    if let Some(stream) = stream {
        state.control.stop(stream.id).await?;
    }
    Ok(Json(stopped(device)))
}

async fn reconnect(State(state): State<HttpState>, EitherId(id): EitherId) -> Result<Json<Value>, Problem> {
    let (device, _) = state.control.resolve(id).await?;
    Ok(Json(started(&state.control.restart(device).await?)))
}

async fn health(State(state): State<HttpState>, EitherId(id): EitherId) -> Result<Json<Value>, Problem> {
    Ok(Json(state.health_view(&state.info(id).await?)))
}

async fn stats(State(state): State<HttpState>, EitherId(id): EitherId) -> Result<Json<Value>, Problem> {
    let info = state.info(id).await?;
    let ingest = info.present.ingest.as_ref();
    Ok(Json(json!({
        "stream_id": info.stream.id,
        "device_id": info.stream.device,
        "state": info.present.state,
        "stats": ingest.map(|status| &status.health),
        "attempt": ingest.map(|status| status.attempt),
    })))
}
