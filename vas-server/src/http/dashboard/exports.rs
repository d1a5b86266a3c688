//! `/v2/exports`: the same time of several cameras as clips that are made in the background.

use crate::control::dashboard::exports::{ExportError, ExportView, NewExport};
use crate::db::ExportId;
use crate::http::HttpState;
use crate::http::extract::{Id, JsonFields, PathId, path_parameter};
use crate::http::fields::Fields;
use crate::http::guard::Scoped;
use crate::http::hls::MP4;
use crate::http::playback::no_recording;
use crate::http::problem::Problem;
use axum::Json;
use axum::extract::FromRequestParts;
use axum::http::header::{CONTENT_DISPOSITION, LOCATION};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::Value;
use std::convert::Infallible;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use vas_core::model::WallRange;
use vas_core::{ErrorKind, HasKind, StreamId, WallTime};

/// Streams of one export at most.
const MAX_STREAMS: usize = 9;
/// Longest name in characters.
const LONGEST_NAME: usize = 100;

pub(super) fn routes() -> OpenApiRouter<HttpState> {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(show, delete)).routes(routes!(file))
}

impl PathId for ExportId {
    const WHAT: &'static str = "export";
}

/// What is to be exported.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes what is read in another way")]
struct NewExportBody {
    /// One to nine streams.
    stream_ids: Vec<uuid::Uuid>,
    /// RFC 3339 or Unix milliseconds.
    start: String,
    /// At most as long after the start as `hls.max_range_hours` says, and not in the future.
    end: String,
    /// Named after its first camera where it is missing.
    name: Option<String>,
}

/// The exports.
#[derive(Debug, Serialize, ToSchema)]
struct ExportList {
    /// The newest first.
    exports: Vec<ExportView>,
}

/// Begin an export
///
/// Answers at once; the event `system` with the type `export` tells how far it is.
#[utoipa::path(
    post, path = "/v2/exports", tag = "Exports", request_body = NewExportBody,
    responses(
        (status = 202, description = "It is queued.", body = ExportView, headers(("Location", description = "Where it is."))),
        (status = 404, description = "There is no such stream, or nothing was recorded (`NO_RECORDING`)."),
    ),
)]
async fn create(
    Scoped(state): Scoped<HttpState>,
    JsonFields(mut body): JsonFields,
) -> Result<Response, Problem> {
    let streams = read_streams(&mut body);
    let span = read_span(&state, &mut body);
    let name = body.text("name", LONGEST_NAME).filter(|name| !name.is_empty());
    body.finish()?;
    let span = span.ok_or_else(no_recording)?;
    let streams: Result<Vec<StreamId>, _> = streams.iter().map(|text| text.parse()).collect();
    let streams = streams.map_err(|_| Problem::not_found("stream"))?;
    let export = state.control.export(NewExport { streams, span, name }).await?;
    let location = format!("/v2/exports/{}", export.id);
    Ok((StatusCode::ACCEPTED, [(LOCATION, location)], Json(export)).into_response())
}

fn read_streams(body: &mut Fields) -> Vec<String> {
    let given = body.raw("stream_ids").and_then(Value::as_array);
    let texts = given.and_then(|ids| ids.iter().map(|id| id.as_str().map(str::to_owned)).collect());
    let mut streams: Vec<String> = texts.unwrap_or_default();
    streams.sort_unstable();
    streams.dedup();
    if streams.is_empty() || streams.len() > MAX_STREAMS {
        body.refuse("stream_ids", format!("must be a list of 1 to {MAX_STREAMS} ids of streams"));
    }
    streams
}

fn read_span(state: &HttpState, body: &mut Fields) -> Option<WallRange> {
    let (start, end): (Option<WallTime>, _) = (body.required_moment("start"), body.required_moment("end"));
    let span = WallRange::new(start?, end?);
    let longest = state.limits().longest_range;
    if span.is_empty() {
        body.refuse("end", "must lie after start");
    } else if u128::from(span.micros().unsigned_abs()) > longest.as_micros() {
        let hours = longest.as_secs() / 3_600;
        body.refuse("end", format!("must not lie more than {hours} hours after start"));
    } else if span.end > state.clock.wall() {
        body.refuse("end", "must not lie in the future");
    } else {
        return Some(span);
    }
    None
}

/// List exports
#[utoipa::path(
    get, path = "/v2/exports", tag = "Exports",
    responses((status = 200, description = "Those whose cameras the caller may all see.", body = ExportList)),
)]
async fn list(Scoped(state): Scoped<HttpState>) -> Result<Json<ExportList>, Problem> {
    Ok(Json(ExportList { exports: state.control.exports().await? }))
}

/// Show an export
#[utoipa::path(
    get, path = "/v2/exports/{id}", tag = "Exports",
    params(("id" = uuid::Uuid, Path, description = "The export's id.")),
    responses((status = 200, description = "The export.", body = ExportView)),
)]
async fn show(Scoped(state): Scoped<HttpState>, Id(id): Id<ExportId>) -> Result<Json<ExportView>, Problem> {
    Ok(Json(state.control.one_export(id).await?))
}

/// Delete an export with its files
#[utoipa::path(
    delete, path = "/v2/exports/{id}", tag = "Exports",
    params(("id" = uuid::Uuid, Path, description = "The export's id.")),
    responses((status = 204, description = "It is gone.")),
)]
async fn delete(Scoped(state): Scoped<HttpState>, Id(id): Id<ExportId>) -> Result<StatusCode, Problem> {
    state.control.delete_export(id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The name of a file in the path.
struct FileName(String);

impl<S: Send + Sync> FromRequestParts<S> for FileName {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        Ok(Self(path_parameter(parts, "name").await.unwrap_or_default()))
    }
}

/// Fetch a file of an export, or a range of it
#[utoipa::path(
    get, path = "/v2/exports/{id}/files/{name}", tag = "Exports",
    params(("id" = uuid::Uuid, Path, description = "The export's id."), ("name" = String, Path, description = "The file's name.")),
    responses(
        (status = 200, description = "An MP4 file.", content_type = "video/mp4"),
        (status = 206, description = "A range of it.", content_type = "video/mp4"),
        (status = 409, description = "It is not ready."),
    ),
)]
async fn file(
    Scoped(state): Scoped<HttpState>,
    Id(id): Id<ExportId>,
    FileName(name): FileName,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let stored = state.control.export_file(id, &name).await?;
    let mut response = state.captured_file(stored, MP4, &method, &headers).await?;
    // Names of files are plain: they were made here.
    if let Ok(value) = HeaderValue::from_str(&format!("attachment; filename=\"{name}\"")) {
        response.headers_mut().insert(CONTENT_DISPOSITION, value);
    }
    Ok(response)
}

impl From<ExportError> for Problem {
    fn from(error: ExportError) -> Self {
        match error {
            ExportError::NotFound(what) => Self::not_found(what),
            ExportError::NoRecording => no_recording(),
            ExportError::Control(error) => error.into(),
            ExportError::Storage(error) => error.into(),
            ExportError::Library(error) => error.into(),
            ExportError::Captures(error) => error.into(),
            error => {
                if matches!(error.kind(), ErrorKind::Internal | ErrorKind::Unavailable) {
                    tracing::error!(%error, "an export can't be given");
                }
                Self::of(&error)
            }
        }
    }
}
