//! Bookmarks: `/v2/streams/{id}/bookmarks`, `/v2/bookmarks` and `/api/v1/bookmarks`.

use super::HttpState;
use super::captures::{JPEG, metadata_view, read_author, read_metadata, read_page, read_source, read_text};
use super::extract::{Id, JsonFields, QueryFields};
use super::fields::Fields;
use super::guard::Scoped;
use super::hls::MP4;
use super::problem::Problem;
use super::schema;
use super::view::{Pagination, time};
use crate::control::StreamInfo;
use crate::control::captures::{LONGEST_BOOKMARK, NewBookmark};
use axum::Json;
use axum::http::header::LOCATION;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Map, Value};
use std::convert::Infallible;
use std::time::Duration;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use vas_core::model::{Bookmark, BookmarkChange, CaptureSource, CaptureStatus};
use vas_core::ports::BookmarkFilter;
use vas_core::{BookmarkId, DeviceId, StreamId};

/// The two homes of the same calls.
const V1: &str = "/api/v1/bookmarks";
const V2: &str = "/v2/bookmarks";
/// Seconds before and after the moment, where nothing is said.
const AROUND: f64 = 5.0;
/// Tags of one bookmark, and characters of one tag.
const MAX_TAGS: usize = 50;
const LONGEST_TAG: usize = 100;

pub(super) fn routes() -> OpenApiRouter<HttpState> {
    let home = || {
        OpenApiRouter::new()
            .routes(routes!(list))
            .routes(routes!(show, change, delete))
            .routes(routes!(video))
            .routes(routes!(thumbnail))
    };
    OpenApiRouter::new()
        .routes(routes!(create))
        .routes(routes!(create_live))
        .routes(routes!(create_historical))
        .nest(V1, home())
        .nest(V2, home())
}

/// A stretch of a device's recordings that somebody wants to keep.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Bookmark, example = json!({
    "id": "019ab3c4-7000-7000-8000-000000000001", "stream_id": "019ab3c4-6000-7000-8000-000000000003",
    "device_id": "019ab3c4-5d6e-7f80-9a1b-2c3d4e5f6071", "center_timestamp": "2026-11-22T10:00:10.000Z",
    "start_time": "2026-11-22T10:00:05.000Z", "end_time": "2026-11-22T10:00:15.000Z", "duration_seconds": 10.0,
    "source": "live", "label": "Delivery", "created_by": "guard", "event_type": null, "confidence": null,
    "tags": ["parcel"], "video_url": "/v2/bookmarks/019ab3c4-7000-7000-8000-000000000001/video",
    "thumbnail_url": "/v2/bookmarks/019ab3c4-7000-7000-8000-000000000001/thumbnail", "file_size": 2621440,
    "status": "ready", "error": null, "metadata": {}, "created_at": "2026-11-22T10:00:10.000Z",
}))]
struct BookmarkView {
    #[schema(value_type = Uuid)]
    id: BookmarkId,
    #[schema(value_type = Uuid)]
    stream_id: StreamId,
    #[schema(value_type = Uuid)]
    device_id: DeviceId,
    /// The moment it is about.
    #[schema(format = DateTime)]
    center_timestamp: String,
    #[schema(format = DateTime)]
    start_time: String,
    #[schema(format = DateTime)]
    end_time: String,
    duration_seconds: f64,
    #[schema(value_type = schema::CaptureSource)]
    source: &'static str,
    label: Option<String>,
    created_by: String,
    event_type: Option<String>,
    /// 0 to 1.
    confidence: Option<f64>,
    tags: Vec<String>,
    /// Once it is ready: a path on this server.
    video_url: Option<String>,
    /// Once it is ready, and where its picture can be decoded: a path on this server.
    thumbnail_url: Option<String>,
    /// Of the clip, in bytes.
    file_size: Option<u64>,
    #[schema(value_type = schema::CaptureState)]
    status: &'static str,
    /// Why it failed.
    error: Option<String>,
    metadata: Map<String, Value>,
    #[schema(format = DateTime)]
    created_at: String,
}

impl BookmarkView {
    fn new(bookmark: &Bookmark) -> Self {
        let url = |there: bool, what: &str| there.then(|| format!("{V2}/{}/{what}", bookmark.id));
        Self {
            id: bookmark.id,
            stream_id: bookmark.stream,
            device_id: bookmark.device,
            center_timestamp: time(bookmark.center),
            start_time: time(bookmark.span.start),
            end_time: time(bookmark.span.end),
            duration_seconds: bookmark.span.micros() as f64 / 1e6,
            source: bookmark.source.as_str(),
            label: bookmark.label.clone(),
            created_by: bookmark.created_by.clone(),
            event_type: bookmark.event_type.clone(),
            confidence: bookmark.confidence,
            tags: bookmark.tags.clone(),
            video_url: url(bookmark.status == CaptureStatus::Ready, "video"),
            thumbnail_url: url(bookmark.thumbnail.is_some(), "thumbnail"),
            file_size: bookmark.video.as_ref().map(|file| file.bytes),
            status: bookmark.status.as_str(),
            error: bookmark.problem.clone(),
            metadata: metadata_view(&bookmark.metadata),
            created_at: time(bookmark.created_at),
        }
    }
}

/// A page of bookmarks.
#[derive(Debug, Serialize, ToSchema)]
struct BookmarkList {
    bookmarks: Vec<BookmarkView>,
    pagination: Pagination,
}

/// Make a bookmark of a stream
#[utoipa::path(
    post, path = "/v2/streams/{id}/bookmarks", tag = "Bookmarks", params(schema::StreamPath),
    request_body = schema::NewBookmark,
    responses(
        (status = 201, description = "It is being made.", body = BookmarkView, headers(("Location", description = "Where it is."))),
        (status = 404, description = "There is no such stream, or nothing is recorded at the time (`NO_RECORDING`)."),
        (status = 409, description = "The stream does not run or is not recorded."),
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

/// Make a bookmark of a device's stream as it is now
#[utoipa::path(
    post, path = "/api/v1/bookmarks/devices/{id}/capture/live", tag = "Bookmarks", params(schema::DevicePath),
    request_body = schema::NewDeviceBookmark,
    responses(
        (status = 201, description = "It is being made.", body = BookmarkView, headers(("Location", description = "Where it is."))),
        (status = 404, description = "There is no such stream, or nothing is recorded at the time (`NO_RECORDING`)."),
        (status = 409, description = "The stream does not run or is not recorded."),
    ),
)]
async fn create_live(
    Scoped(state): Scoped<HttpState>,
    Id(id): Id<DeviceId>,
    JsonFields(body): JsonFields,
) -> Result<Response, Problem> {
    begin(&state, &state.stream_of(id).await?, CaptureSource::Live, body).await
}

/// Make a bookmark of what was recorded of a device
#[utoipa::path(
    post, path = "/api/v1/bookmarks/devices/{id}/capture/historical", tag = "Bookmarks", params(schema::DevicePath),
    request_body = schema::NewDeviceBookmark,
    responses(
        (status = 201, description = "It is being made.", body = BookmarkView, headers(("Location", description = "Where it is."))),
        (status = 404, description = "There is no such stream, or nothing is recorded at the time (`NO_RECORDING`)."),
        (status = 409, description = "The stream does not run or is not recorded."),
    ),
)]
async fn create_historical(
    Scoped(state): Scoped<HttpState>,
    Id(id): Id<DeviceId>,
    JsonFields(body): JsonFields,
) -> Result<Response, Problem> {
    begin(&state, &state.stream_of(id).await?, CaptureSource::Historical, body).await
}

/// A bookmark of a stream as a request of `caller` describes it. What is wrong is noted in `body`.
pub(super) fn read_new(
    info: &StreamInfo,
    source: CaptureSource,
    caller: &str,
    body: &mut Fields,
) -> NewBookmark {
    let center = match source {
        CaptureSource::Live => body.time("center_timestamp"),
        CaptureSource::Historical => body.required_time("center_timestamp"),
    };
    let before = read_seconds(body, "before_seconds");
    let after = read_seconds(body, "after_seconds");
    if before.is_zero() && after.is_zero() {
        body.refuse("after_seconds", "must be more than 0 where before_seconds is 0");
    }
    NewBookmark {
        device: info.device.id,
        stream: info.stream.id,
        source,
        center,
        before,
        after,
        label: read_text(body, "label"),
        event_type: read_text(body, "event_type"),
        confidence: body.number("confidence", 0.0, 1.0),
        tags: read_tags(body).unwrap_or_default(),
        created_by: read_author(body, caller),
        metadata: read_metadata(body).unwrap_or_else(|| "{}".to_owned()),
    }
}

async fn begin(
    state: &HttpState,
    info: &StreamInfo,
    source: CaptureSource,
    mut body: Fields,
) -> Result<Response, Problem> {
    let new = read_new(info, source, &state.control.sight().name, &mut body);
    body.finish()?;
    if source == CaptureSource::Live {
        state.control.watchable(info)?;
    }
    let bookmark = state.control.captures().add_bookmark(new).await?;
    let location = format!("{V2}/{}", bookmark.id);
    Ok((StatusCode::CREATED, [(LOCATION, location)], Json(BookmarkView::new(&bookmark))).into_response())
}

fn read_seconds(fields: &mut Fields, name: &str) -> Duration {
    let seconds = fields.number(name, 0.0, LONGEST_BOOKMARK.as_secs_f64()).unwrap_or(AROUND);
    Duration::try_from_secs_f64(seconds).unwrap_or_default()
}

fn read_tags(fields: &mut Fields) -> Option<Vec<String>> {
    let given = fields.raw("tags").filter(|tags| !tags.is_null())?;
    let tag = |value: &Value| {
        let text = value.as_str()?.trim();
        (!text.is_empty() && text.chars().count() <= LONGEST_TAG).then(|| text.to_owned())
    };
    let tags = given.as_array().filter(|tags| tags.len() <= MAX_TAGS);
    let tags: Option<Vec<_>> = tags.and_then(|tags| tags.iter().map(tag).collect());
    if tags.is_none() {
        let expected = format!("must be at most {MAX_TAGS} texts of 1 to {LONGEST_TAG} characters");
        fields.refuse("tags", expected);
    }
    tags
}

/// List bookmarks, the newest first
#[utoipa::path(
    get, path = "", tag = "Bookmarks", params(schema::BookmarkQuery),
    responses((status = 200, description = "A page of them.", body = BookmarkList)),
)]
async fn list(
    Scoped(state): Scoped<HttpState>,
    Ok(QueryFields(mut query)): Result<QueryFields, Infallible>,
) -> Result<Json<BookmarkList>, Problem> {
    let filter = BookmarkFilter {
        device: query.parsed("device_id", "must be a uuid"),
        among: None,
        stream: query.parsed("stream_id", "must be a uuid"),
        event_type: read_text(&mut query, "event_type"),
        created_by: read_text(&mut query, "created_by"),
        source: query.parsed("source", "must be live or historical"),
        start_after: query.time("start_after"),
        start_before: query.time("start_before"),
        created_before: None,
        text: read_text(&mut query, "q"),
        tag: read_text(&mut query, "tag"),
    };
    let page = read_page(&mut query);
    query.finish()?;
    let (found, total) = state.control.captures().bookmarks(&filter, page).await?;
    let bookmarks = found.iter().map(BookmarkView::new).collect();
    Ok(Json(BookmarkList { bookmarks, pagination: Pagination::new(total, page) }))
}

/// Show a bookmark
#[utoipa::path(
    get, path = "/{id}", tag = "Bookmarks", params(schema::BookmarkPath),
    responses((status = 200, description = "The bookmark.", body = BookmarkView)),
)]
async fn show(
    Scoped(state): Scoped<HttpState>,
    Id(id): Id<BookmarkId>,
) -> Result<Json<BookmarkView>, Problem> {
    Ok(Json(BookmarkView::new(&state.control.captures().bookmark(id).await?)))
}

/// Change what is said of a bookmark
#[utoipa::path(
    put, path = "/{id}", tag = "Bookmarks", params(schema::BookmarkPath), request_body = schema::BookmarkChange,
    responses((status = 200, description = "The bookmark as it is now.", body = BookmarkView)),
)]
async fn change(
    Scoped(state): Scoped<HttpState>,
    Id(id): Id<BookmarkId>,
    JsonFields(mut body): JsonFields,
) -> Result<Json<BookmarkView>, Problem> {
    let given = |body: &Fields, name: &str| body.has(name);
    let (label, event_type) = (given(&body, "label"), given(&body, "event_type"));
    let change = BookmarkChange {
        label: label.then(|| read_text(&mut body, "label")),
        event_type: event_type.then(|| read_text(&mut body, "event_type")),
        tags: read_tags(&mut body),
        metadata: read_metadata(&mut body),
    };
    body.finish()?;
    Ok(Json(BookmarkView::new(&state.control.captures().change_bookmark(id, &change).await?)))
}

/// The clip of a bookmark
#[utoipa::path(
    get, path = "/{id}/video", tag = "Bookmarks", params(schema::BookmarkPath),
    responses(schema::Mp4File, (status = 409, description = "It is not ready, or failed.")),
)]
async fn video(
    Scoped(state): Scoped<HttpState>,
    Id(id): Id<BookmarkId>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let file = state.control.captures().video_of(id).await?;
    state.captured_file(file, MP4, &method, &headers).await
}

/// The picture of a bookmark
#[utoipa::path(
    get, path = "/{id}/thumbnail", tag = "Bookmarks", params(schema::BookmarkPath),
    responses(schema::JpegFile, (status = 409, description = "It is not ready, or failed.")),
)]
async fn thumbnail(
    Scoped(state): Scoped<HttpState>,
    Id(id): Id<BookmarkId>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let file = state.control.captures().thumbnail_of(id).await?;
    state.captured_file(file, JPEG, &method, &headers).await
}

/// Delete a bookmark with its files
#[utoipa::path(
    delete, path = "/{id}", tag = "Bookmarks", params(schema::BookmarkPath),
    responses((status = 204, description = "It is deleted.")),
)]
async fn delete(Scoped(state): Scoped<HttpState>, Id(id): Id<BookmarkId>) -> Result<StatusCode, Problem> {
    state.control.captures().delete_bookmark(id).await?;
    Ok(StatusCode::NO_CONTENT)
}
