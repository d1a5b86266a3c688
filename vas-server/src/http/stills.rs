//! `/v2/streams/{id}/still.jpg`: the newest picture, for viewers that can play nothing else.

use super::HttpState;
use super::captures::JPEG;
use super::extract::{Id, QueryFields};
use super::guard::Scoped;
use super::problem::Problem;
use super::schema;
use super::view::time;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use std::convert::Infallible;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use vas_core::{ErrorKind, HasKind, StreamId};
use vas_record::snapshot::SnapshotError;

/// When the picture was taken.
const X_CAPTURED_AT: HeaderName = HeaderName::from_static("x-captured-at");

pub(super) fn routes() -> OpenApiRouter<HttpState> {
    OpenApiRouter::new().routes(routes!(still))
}

/// The newest picture of a stream
#[utoipa::path(
    get, path = "/v2/streams/{id}/still.jpg", tag = "Watching", params(schema::StreamPath, schema::StillQuery),
    responses(
        (status = 200, description = "A JPEG.", body = String, content_type = "image/jpeg",
         headers(("X-Captured-At", description = "When it was taken (RFC 3339)."))),
        (status = 409, description = "The stream does not run, or has no picture yet."),
        (status = 422, description = "A parameter is wrong, or the stream's codec has no decoder here (`NO_STILL`)."),
        (status = 504, description = "No picture could be decoded in time."),
    ),
)]
async fn still(
    Scoped(state): Scoped<HttpState>,
    Id(id): Id<StreamId>,
    Ok(QueryFields(mut query)): Result<QueryFields, Infallible>,
) -> Result<Response, Problem> {
    // A few sizes serve all, so that viewers share what is decoded.
    let width = query.optional_integer("width", 1, 8_192).map(|width| (width as u32).next_multiple_of(160));
    query.finish()?;
    state.control.watchable(&state.control.stream(id).await?)?;
    let still = state.control.captures().still(id, width).await?;
    let headers = [
        (CONTENT_TYPE, JPEG.to_owned()),
        (CACHE_CONTROL, "no-store".to_owned()),
        (X_CAPTURED_AT, time(still.time)),
    ];
    Ok((headers, still.jpeg.clone()).into_response())
}

impl From<SnapshotError> for Problem {
    fn from(error: SnapshotError) -> Self {
        match error.kind() {
            // The stream's codec has no decoder here: nothing a viewer can change.
            ErrorKind::InvalidInput | ErrorKind::Protocol => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, "NO_STILL", error.to_string())
            }
            _ => Self::of(&error),
        }
    }
}
