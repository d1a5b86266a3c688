//! Snapshots: `/v2/streams/{id}/snapshots`, `/v2/snapshots` and `/api/v1/snapshots`.

use super::HttpState;
use super::captures::{JPEG, metadata_view, read_author, read_metadata, read_page, read_source, read_text};
use super::extract::{Id, JsonFields, QueryFields};
use super::fields::Fields;
use super::guard::Scoped;
use super::problem::Problem;
use super::schema;
use super::view::{Pagination, time};
use crate::control::StreamInfo;
use crate::control::captures::NewSnapshot;
use axum::Json;
use axum::http::header::LOCATION;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Map, Value};
use std::convert::Infallible;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use vas_core::model::{CaptureSource, Snapshot};
use vas_core::ports::SnapshotFilter;
use vas_core::{DeviceId, SnapshotId, StreamId};

/// The two homes of the same calls.
const V1: &str = "/api/v1/snapshots";
const V2: &str = "/v2/snapshots";

pub(super) fn routes() -> OpenApiRouter<HttpState> {
    let home =
        || OpenApiRouter::new().routes(routes!(list)).routes(routes!(show, delete)).routes(routes!(image));
    OpenApiRouter::new()
        .routes(routes!(create))
        .routes(routes!(create_live))
        .routes(routes!(create_historical))
        .nest(V1, home())
        .nest(V2, home())
}

/// A stored picture.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Snapshot, example = json!({
    "id": "019ab3c4-8000-7000-8000-000000000001", "stream_id": "019ab3c4-6000-7000-8000-000000000003",
    "device_id": "019ab3c4-5d6e-7f80-9a1b-2c3d4e5f6071", "timestamp": "2026-11-22T10:00:10.000Z", "source": "live",
    "created_by": "guard", "format": "jpg", "file_size": 91204, "width": 1280, "height": 720,
    "image_url": "/v2/snapshots/019ab3c4-8000-7000-8000-000000000001/image", "metadata": {}, "status": "ready",
    "error": null, "created_at": "2026-11-22T10:00:10.000Z",
}))]
struct SnapshotView {
    #[schema(value_type = Uuid)]
    id: SnapshotId,
    #[schema(value_type = Uuid)]
    stream_id: StreamId,
    #[schema(value_type = Uuid)]
    device_id: DeviceId,
    /// Of the picture, once it is known; of the request before.
    #[schema(format = DateTime)]
    timestamp: String,
    #[schema(value_type = schema::CaptureSource)]
    source: &'static str,
    created_by: String,
    /// Always `jpg`.
    format: &'static str,
    /// In bytes, once it is ready.
    file_size: Option<u64>,
    width: Option<u32>,
    height: Option<u32>,
    /// A path on this server, where it is once it is ready.
    image_url: String,
    metadata: Map<String, Value>,
    #[schema(value_type = schema::CaptureState)]
    status: &'static str,
    /// Why it failed.
    error: Option<String>,
    #[schema(format = DateTime)]
    created_at: String,
}

impl SnapshotView {
    fn new(snapshot: &Snapshot) -> Self {
        let image = snapshot.image.as_ref();
        Self {
            id: snapshot.id,
            stream_id: snapshot.stream,
            device_id: snapshot.device,
            timestamp: time(snapshot.timestamp),
            source: snapshot.source.as_str(),
            created_by: snapshot.created_by.clone(),
            format: "jpg",
            file_size: image.map(|image| image.file.bytes),
            width: image.map(|image| image.width),
            height: image.map(|image| image.height),
            image_url: format!("{V2}/{}/image", snapshot.id),
            metadata: metadata_view(&snapshot.metadata),
            status: snapshot.status.as_str(),
            error: snapshot.problem.clone(),
            created_at: time(snapshot.created_at),
        }
    }
}

/// A page of snapshots.
#[derive(Debug, Serialize, ToSchema)]
struct SnapshotList {
    snapshots: Vec<SnapshotView>,
    pagination: Pagination,
}

/// Take a snapshot of a stream
#[utoipa::path(
    post, path = "/v2/streams/{id}/snapshots", tag = "Snapshots", params(schema::StreamPath),
    request_body = schema::NewSnapshot,
    responses(
        (status = 201, description = "It is being made.", body = SnapshotView, headers(("Location", description = "Where it is."))),
        (status = 404, description = "There is no such stream, or nothing is recorded at the time (`NO_RECORDING`)."),
        (status = 409, description = "The stream does not run, or has no picture yet."),
    ),
)]
async fn create(
    Scoped(state): Scoped<HttpState>,
    Id(id): Id<StreamId>,
    JsonFields(mut body): JsonFields,
) -> Result<Response, Problem> {
    let info = state.control.stream(id).await?;
    let source = read_source(&mut body);
    begin(&state, &info, source, body).await
}

/// Take a snapshot of a device's stream as it is now
#[utoipa::path(
    post, path = "/api/v1/snapshots/devices/{id}/capture/live", tag = "Snapshots", params(schema::DevicePath),
    request_body = schema::NewDeviceSnapshot,
    responses(
        (status = 201, description = "It is being made.", body = SnapshotView, headers(("Location", description = "Where it is."))),
        (status = 404, description = "There is no such stream, or nothing is recorded at the time (`NO_RECORDING`)."),
        (status = 409, description = "The stream does not run, or has no picture yet."),
    ),
)]
async fn create_live(
    Scoped(state): Scoped<HttpState>,
    Id(id): Id<DeviceId>,
    JsonFields(body): JsonFields,
) -> Result<Response, Problem> {
    begin(&state, &state.stream_of(id).await?, CaptureSource::Live, body).await
}

/// Take a snapshot of what was recorded of a device
#[utoipa::path(
    post, path = "/api/v1/snapshots/devices/{id}/capture/historical", tag = "Snapshots", params(schema::DevicePath),
    request_body = schema::NewDeviceSnapshot,
    responses(
        (status = 201, description = "It is being made.", body = SnapshotView, headers(("Location", description = "Where it is."))),
        (status = 404, description = "There is no such stream, or nothing is recorded at the time (`NO_RECORDING`)."),
        (status = 409, description = "The stream does not run, or has no picture yet."),
    ),
)]
async fn create_historical(
    Scoped(state): Scoped<HttpState>,
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
    let created_by = read_author(&mut body, &state.control.sight().name);
    let metadata = read_metadata(&mut body).unwrap_or_else(|| "{}".to_owned());
    body.finish()?;
    if source == CaptureSource::Live {
        state.control.watchable(info)?;
    }
    let (device, stream) = (info.device.id, info.stream.id);
    let new = NewSnapshot { device, stream, time: wanted, created_by, metadata };
    let snapshot = state.control.captures().take_snapshot(new).await?;
    let location = format!("{V2}/{}", snapshot.id);
    Ok((StatusCode::CREATED, [(LOCATION, location)], Json(SnapshotView::new(&snapshot))).into_response())
}

/// List snapshots, the newest first
#[utoipa::path(
    get, path = "", tag = "Snapshots", params(schema::SnapshotQuery),
    responses((status = 200, description = "A page of them.", body = SnapshotList)),
)]
async fn list(
    Scoped(state): Scoped<HttpState>,
    Ok(QueryFields(mut query)): Result<QueryFields, Infallible>,
) -> Result<Json<SnapshotList>, Problem> {
    let filter = SnapshotFilter {
        device: query.parsed("device_id", "must be a uuid"),
        among: None,
        stream: query.parsed("stream_id", "must be a uuid"),
        created_by: read_text(&mut query, "created_by"),
        source: query.parsed("source", "must be live or historical"),
        after: query.time("after"),
        before: query.time("before"),
        created_before: None,
    };
    let page = read_page(&mut query);
    query.finish()?;
    let (found, total) = state.control.captures().snapshots(&filter, page).await?;
    let snapshots = found.iter().map(SnapshotView::new).collect();
    Ok(Json(SnapshotList { snapshots, pagination: Pagination::new(total, page) }))
}

/// Show a snapshot
#[utoipa::path(
    get, path = "/{id}", tag = "Snapshots", params(schema::SnapshotPath),
    responses((status = 200, description = "The snapshot.", body = SnapshotView)),
)]
async fn show(
    Scoped(state): Scoped<HttpState>,
    Id(id): Id<SnapshotId>,
) -> Result<Json<SnapshotView>, Problem> {
    Ok(Json(SnapshotView::new(&state.control.captures().snapshot(id).await?)))
}

/// The picture of a snapshot
#[utoipa::path(
    get, path = "/{id}/image", tag = "Snapshots", params(schema::SnapshotPath),
    responses(schema::JpegFile, (status = 409, description = "It is not ready, or failed.")),
)]
async fn image(
    Scoped(state): Scoped<HttpState>,
    Id(id): Id<SnapshotId>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let image = state.control.captures().picture_of(id).await?;
    state.captured_file(image.file, JPEG, &method, &headers).await
}

/// Delete a snapshot with its file
#[utoipa::path(
    delete, path = "/{id}", tag = "Snapshots", params(schema::SnapshotPath),
    responses((status = 204, description = "It is deleted.")),
)]
async fn delete(Scoped(state): Scoped<HttpState>, Id(id): Id<SnapshotId>) -> Result<StatusCode, Problem> {
    state.control.captures().delete_snapshot(id).await?;
    Ok(StatusCode::NO_CONTENT)
}
