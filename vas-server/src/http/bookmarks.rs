//! Bookmarks: `/v2/streams/{id}/bookmarks`, `/v2/bookmarks` and `/api/v1/bookmarks`.

use super::HttpState;
use super::captures::{JPEG, metadata_view, read_author, read_metadata, read_page, read_source, read_text};
use super::extract::{Id, JsonFields, QueryFields};
use super::fields::Fields;
use super::hls::MP4;
use super::problem::Problem;
use super::view::time;
use crate::control::StreamInfo;
use crate::control::captures::{LONGEST_BOOKMARK, NewBookmark};
use axum::extract::State;
use axum::http::header::LOCATION;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use std::convert::Infallible;
use std::time::Duration;
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

pub(super) fn routes() -> Router<HttpState> {
    let of = |home: &str| {
        Router::new()
            .route(home, get(list))
            .route(&format!("{home}/{{id}}"), get(show).put(change).delete(delete))
            .route(&format!("{home}/{{id}}/video"), get(video))
            .route(&format!("{home}/{{id}}/thumbnail"), get(thumbnail))
    };
    Router::new()
        .route("/v2/streams/{id}/bookmarks", post(create))
        .route("/api/v1/bookmarks/devices/{id}/capture/live", post(create_live))
        .route("/api/v1/bookmarks/devices/{id}/capture/historical", post(create_historical))
        .merge(of(V1))
        .merge(of(V2))
}

fn view(bookmark: &Bookmark) -> Value {
    let url = |there: bool, what: &str| there.then(|| format!("{V2}/{}/{what}", bookmark.id));
    let ready = bookmark.status == CaptureStatus::Ready;
    json!({
        "id": bookmark.id,
        "stream_id": bookmark.stream,
        "device_id": bookmark.device,
        "center_timestamp": time(bookmark.center),
        "start_time": time(bookmark.span.start),
        "end_time": time(bookmark.span.end),
        "duration_seconds": bookmark.span.micros() as f64 / 1e6,
        "source": bookmark.source.as_str(),
        "label": bookmark.label,
        "created_by": bookmark.created_by,
        "event_type": bookmark.event_type,
        "confidence": bookmark.confidence,
        "tags": bookmark.tags,
        "video_url": url(ready, "video"),
        "thumbnail_url": url(bookmark.thumbnail.is_some(), "thumbnail"),
        "file_size": bookmark.video.as_ref().map(|file| file.bytes),
        "status": bookmark.status.as_str(),
        "error": bookmark.problem,
        "metadata": metadata_view(&bookmark.metadata),
        "created_at": time(bookmark.created_at),
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
    let center = match source {
        CaptureSource::Live => body.time("center_timestamp"),
        CaptureSource::Historical => body.required_time("center_timestamp"),
    };
    let before = read_seconds(&mut body, "before_seconds");
    let after = read_seconds(&mut body, "after_seconds");
    if before.is_zero() && after.is_zero() {
        body.refuse("after_seconds", "must be more than 0 where before_seconds is 0");
    }
    let new = NewBookmark {
        device: info.device.id,
        stream: info.stream.id,
        source,
        center,
        before,
        after,
        label: read_text(&mut body, "label"),
        event_type: read_text(&mut body, "event_type"),
        confidence: body.number("confidence", 0.0, 1.0),
        tags: read_tags(&mut body).unwrap_or_default(),
        created_by: read_author(&mut body),
        metadata: read_metadata(&mut body).unwrap_or_else(|| "{}".to_owned()),
    };
    body.finish()?;
    if source == CaptureSource::Live {
        info.watchable()?;
    }
    let bookmark = state.control.captures().add_bookmark(new).await?;
    let location = format!("{V2}/{}", bookmark.id);
    Ok((StatusCode::CREATED, [(LOCATION, location)], Json(view(&bookmark))).into_response())
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

async fn list(
    State(state): State<HttpState>,
    Ok(QueryFields(mut query)): Result<QueryFields, Infallible>,
) -> Result<Json<Value>, Problem> {
    let filter = BookmarkFilter {
        device: query.parsed("device_id", "must be a uuid"),
        stream: query.parsed("stream_id", "must be a uuid"),
        event_type: read_text(&mut query, "event_type"),
        created_by: read_text(&mut query, "created_by"),
        source: query.parsed("source", "must be live or historical"),
        start_after: query.time("start_after"),
        start_before: query.time("start_before"),
    };
    let page = read_page(&mut query);
    query.finish()?;
    let (found, total) = state.control.captures().bookmarks(&filter, page).await?;
    Ok(Json(json!({
        "bookmarks": found.iter().map(view).collect::<Vec<_>>(),
        "pagination": { "total": total, "limit": page.limit, "offset": page.offset },
    })))
}

async fn show(State(state): State<HttpState>, Id(id): Id<BookmarkId>) -> Result<Json<Value>, Problem> {
    Ok(Json(view(&state.control.captures().bookmark(id).await?)))
}

async fn change(
    State(state): State<HttpState>,
    Id(id): Id<BookmarkId>,
    JsonFields(mut body): JsonFields,
) -> Result<Json<Value>, Problem> {
    let given = |body: &Fields, name: &str| body.has(name);
    let (label, event_type) = (given(&body, "label"), given(&body, "event_type"));
    let change = BookmarkChange {
        label: label.then(|| read_text(&mut body, "label")),
        event_type: event_type.then(|| read_text(&mut body, "event_type")),
        tags: read_tags(&mut body),
        metadata: read_metadata(&mut body),
    };
    body.finish()?;
    Ok(Json(view(&state.control.captures().change_bookmark(id, &change).await?)))
}

async fn video(
    State(state): State<HttpState>,
    Id(id): Id<BookmarkId>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let file = state.control.captures().video_of(id).await?;
    state.captured_file(file, MP4, &method, &headers).await
}

async fn thumbnail(
    State(state): State<HttpState>,
    Id(id): Id<BookmarkId>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let file = state.control.captures().thumbnail_of(id).await?;
    state.captured_file(file, JPEG, &method, &headers).await
}

async fn delete(State(state): State<HttpState>, Id(id): Id<BookmarkId>) -> Result<StatusCode, Problem> {
    state.control.captures().delete_bookmark(id).await?;
    Ok(StatusCode::NO_CONTENT)
}
