//! Snapshots: `/v2/streams/{id}/snapshots`, `/v2/snapshots` and `/api/v1/snapshots`.

use super::HttpState;
use super::captures::{JPEG, metadata_view, read_author, read_metadata, read_page, read_source, read_text};
use super::extract::{Id, JsonFields, QueryFields};
use super::fields::Fields;
use super::problem::Problem;
use super::view::time;
use crate::control::StreamInfo;
use crate::control::captures::NewSnapshot;
use axum::extract::State;
use axum::http::header::LOCATION;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use std::convert::Infallible;
use vas_core::model::{CaptureSource, Snapshot};
use vas_core::ports::SnapshotFilter;
use vas_core::{DeviceId, SnapshotId, StreamId};

/// The two homes of the same calls.
const V1: &str = "/api/v1/snapshots";
const V2: &str = "/v2/snapshots";

pub(super) fn routes() -> Router<HttpState> {
    let of = |home: &str| {
        Router::new()
            .route(home, get(list))
            .route(&format!("{home}/{{id}}"), get(show).delete(delete))
            .route(&format!("{home}/{{id}}/image"), get(image))
    };
    Router::new()
        .route("/v2/streams/{id}/snapshots", post(create))
        .route("/api/v1/snapshots/devices/{id}/capture/live", post(create_live))
        .route("/api/v1/snapshots/devices/{id}/capture/historical", post(create_historical))
        .merge(of(V1))
        .merge(of(V2))
}

fn view(snapshot: &Snapshot) -> Value {
    let image = snapshot.image.as_ref();
    json!({
        "id": snapshot.id,
        "stream_id": snapshot.stream,
        "device_id": snapshot.device,
        "timestamp": time(snapshot.timestamp),
        "source": snapshot.source.as_str(),
        "created_by": snapshot.created_by,
        "format": "jpg",
        "file_size": image.map(|image| image.file.bytes),
        "width": image.map(|image| image.width),
        "height": image.map(|image| image.height),
        "image_url": format!("{V2}/{}/image", snapshot.id),
        "metadata": metadata_view(&snapshot.metadata),
        "status": snapshot.status.as_str(),
        "error": snapshot.problem,
        "created_at": time(snapshot.created_at),
    })
}

async fn create(
    State(state): State<HttpState>,
    Id(id): Id<StreamId>,
    JsonFields(mut body): JsonFields,
) -> Result<Response, Problem> {
    let info = state.control.stream(id).await?;
    let source = read_source(&mut body);
    begin(&state, &info, source, body).await
}

async fn create_live(
    State(state): State<HttpState>,
    Id(id): Id<DeviceId>,
    JsonFields(body): JsonFields,
) -> Result<Response, Problem> {
    begin(&state, &state.stream_of(id).await?, CaptureSource::Live, body).await
}

async fn create_historical(
    State(state): State<HttpState>,
    Id(id): Id<DeviceId>,
    JsonFields(body): JsonFields,
) -> Result<Response, Problem> {
    begin(&state, &state.stream_of(id).await?, CaptureSource::Historical, body).await
}

async fn begin(
    state: &HttpState,
    info: &StreamInfo,
    source: CaptureSource,
    mut body: Fields,
) -> Result<Response, Problem> {
    let wanted = match source {
        CaptureSource::Live => None,
        CaptureSource::Historical => body.required_time("timestamp"),
    };
    let created_by = read_author(&mut body);
    let metadata = read_metadata(&mut body).unwrap_or_else(|| "{}".to_owned());
    body.finish()?;
    if source == CaptureSource::Live {
        info.watchable()?;
    }
    let (device, stream) = (info.device.id, info.stream.id);
    let new = NewSnapshot { device, stream, time: wanted, created_by, metadata };
    let snapshot = state.control.captures().take_snapshot(new).await?;
    let location = format!("{V2}/{}", snapshot.id);
    Ok((StatusCode::CREATED, [(LOCATION, location)], Json(view(&snapshot))).into_response())
}

async fn list(
    State(state): State<HttpState>,
    Ok(QueryFields(mut query)): Result<QueryFields, Infallible>,
) -> Result<Json<Value>, Problem> {
    let filter = SnapshotFilter {
        device: query.parsed("device_id", "must be a uuid"),
        stream: query.parsed("stream_id", "must be a uuid"),
        created_by: read_text(&mut query, "created_by"),
        source: query.parsed("source", "must be live or historical"),
        after: query.time("after"),
        before: query.time("before"),
    };
    let page = read_page(&mut query);
    query.finish()?;
    let (found, total) = state.control.captures().snapshots(&filter, page).await?;
    Ok(Json(json!({
        "snapshots": found.iter().map(view).collect::<Vec<_>>(),
        "pagination": { "total": total, "limit": page.limit, "offset": page.offset },
    })))
}

async fn show(State(state): State<HttpState>, Id(id): Id<SnapshotId>) -> Result<Json<Value>, Problem> {
    Ok(Json(view(&state.control.captures().snapshot(id).await?)))
}

async fn image(
    State(state): State<HttpState>,
    Id(id): Id<SnapshotId>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let image = state.control.captures().picture_of(id).await?;
    state.captured_file(image.file, JPEG, &method, &headers).await
}

async fn delete(State(state): State<HttpState>, Id(id): Id<SnapshotId>) -> Result<StatusCode, Problem> {
    state.control.captures().delete_snapshot(id).await?;
    Ok(StatusCode::NO_CONTENT)
}
