//! `/v2/streams/{id}/thumbnail.jpg` and `storyboard.jpg`: small pictures for walls and timelines.

use super::timeline::tag;
use crate::control::dashboard::pictures::{PictureError, end_of, is_past};
use crate::http::HttpState;
use crate::http::captures::JPEG;
use crate::http::extract::{Id, QueryFields};
use crate::http::guard::Scoped;
use crate::http::media_range::Offer;
use crate::http::playback::no_recording;
use crate::http::problem::Problem;
use crate::http::schema::StreamPath;
use crate::http::view::time;
use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};
use axum::response::{IntoResponse, Response};
use std::convert::Infallible;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use vas_core::{StreamId, WallTime};
use vas_record::snapshot::{RecordedSnapshotError, StoryboardRequest};

/// When the picture was taken.
const X_CAPTURED_AT: HeaderName = HeaderName::from_static("x-captured-at");
const X_STORYBOARD_COLUMNS: HeaderName = HeaderName::from_static("x-storyboard-columns");
const X_STORYBOARD_ROWS: HeaderName = HeaderName::from_static("x-storyboard-rows");
/// Width and height of each picture in pixels, such as `160x90`.
const X_STORYBOARD_TILE: HeaderName = HeaderName::from_static("x-storyboard-tile");
/// Unix milliseconds of each picture; nothing between commas where none is.
const X_STORYBOARD_TIMES: HeaderName = HeaderName::from_static("x-storyboard-times");

/// Pictures in a row of a storyboard.
const COLUMNS: usize = 10;
/// Of what lies in the past: it does not change, and is gone when retention takes it.
const PAST: &str = "private, max-age=86400, immutable";
/// Of what may still change.
const PRESENT: &str = "private, no-cache";
/// Widths of thumbnails are multiples of this, so that viewers share what is decoded.
const WIDTHS: u32 = 80;

pub(super) fn routes() -> OpenApiRouter<HttpState> {
    OpenApiRouter::new().routes(routes!(thumbnail)).routes(routes!(storyboard))
}

/// Of when, and how large.
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes what is read in another way")]
struct ThumbnailQuery {
    /// RFC 3339 or Unix milliseconds; live where it is missing.
    t: Option<String>,
    /// Width in pixels at most, rounded up to a multiple of 80.
    #[param(minimum = 16, maximum = 1920, default = 320)]
    w: Option<u32>,
}

/// Of when, how many, and how large.
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes what is read in another way")]
struct StoryboardQuery {
    /// RFC 3339 or Unix milliseconds of the first picture.
    start: String,
    /// Milliseconds from picture to picture.
    #[param(minimum = 200, maximum = 3_600_000)]
    step_ms: u64,
    /// Pictures.
    #[param(minimum = 1, maximum = 120, default = 60)]
    count: Option<u32>,
    /// Width of a picture in pixels.
    #[param(minimum = 40, maximum = 320, default = 160)]
    w: Option<u32>,
}

/// Show a small picture of a stream, of now or of a time
///
/// It is the nearest key picture at or before the time.
#[utoipa::path(
    get, path = "/v2/streams/{id}/thumbnail.jpg", tag = "Dashboard", params(StreamPath, ThumbnailQuery),
    responses(
        (status = 200, description = "The picture.", content_type = "image/jpeg",
            headers(("X-Captured-At", description = "When it was taken."))),
        (status = 404, description = "There is no such stream, or nothing was recorded (`NO_RECORDING`)."),
        (status = 409, description = "The stream shows nothing at present."),
    ),
)]
async fn thumbnail(
    Scoped(state): Scoped<HttpState>,
    Id(id): Id<StreamId>,
    Ok(QueryFields(mut query)): Result<QueryFields, Infallible>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let wanted = query.moment("t");
    let width = (query.integer("w", 16, 1_920, 320) as u32).next_multiple_of(WIDTHS);
    query.finish()?;
    let (cache, picture) = match wanted {
        None => {
            state.control.stream(id).await?.watchable()?;
            let picture = state.control.live_thumbnail(id, width).await?;
            let headers = [
                (CONTENT_TYPE, JPEG.to_owned()),
                (CACHE_CONTROL, "no-store".to_owned()),
                (X_CAPTURED_AT, time(picture.time)),
            ];
            return Ok((headers, picture.jpeg.clone()).into_response());
        }
        Some(wanted) => {
            let cache = if is_past(wanted, state.clock.wall()) { PAST } else { PRESENT };
            (cache, state.control.recorded_thumbnail(id, wanted, width).await?)
        }
    };
    let tag = tag(&picture.jpeg);
    let offer = Offer { content_type: JPEG, len: picture.jpeg.len() as u64, tag: &tag, cache };
    let mut response = offer.answer(&method, &headers, |range| {
        Body::from(picture.jpeg.slice(range.start as usize..range.end as usize))
    });
    describe(&mut response, [(X_CAPTURED_AT, time(picture.time))]);
    Ok(response)
}

/// Show small pictures of a stretch of time in one
///
/// They lie row by row, ten in a row. Where nothing was recorded the place is dark.
#[utoipa::path(
    get, path = "/v2/streams/{id}/storyboard.jpg", tag = "Dashboard", params(StreamPath, StoryboardQuery),
    responses(
        (status = 200, description = "The pictures.", content_type = "image/jpeg", headers(
            ("X-Storyboard-Columns", description = "Pictures in a row."),
            ("X-Storyboard-Rows", description = "Rows."),
            ("X-Storyboard-Tile", description = "Width and height of a picture in pixels, such as `160x90`."),
            ("X-Storyboard-Times", description = "Unix milliseconds of each picture; nothing between commas where there is none."),
        )),
        (status = 404, description = "There is no such stream, or nothing was recorded (`NO_RECORDING`)."),
    ),
)]
async fn storyboard(
    Scoped(state): Scoped<HttpState>,
    Id(id): Id<StreamId>,
    Ok(QueryFields(mut query)): Result<QueryFields, Infallible>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let start = query.required_moment("start");
    if !query.has("step_ms") {
        query.refuse("step_ms", "is required");
    }
    let step = query.integer("step_ms", 200, 3_600_000, 1_000);
    let count = query.integer("count", 1, 120, 60) as usize;
    let width = query.integer("w", 40, 320, 160) as u32;
    query.finish()?;
    let start = start.ok_or_else(no_recording)?;
    let step = i64::try_from(step).unwrap_or(i64::MAX).saturating_mul(1_000);
    let of = |device| StoryboardRequest { device, start, step, count, columns: COLUMNS, width };
    let board = state.control.storyboard(id, of).await?;
    // The device does not matter for the time.
    let end = end_of(&of(uuid::Uuid::nil().into()));
    let cache = if is_past(end, state.clock.wall()) { PAST } else { PRESENT };
    let tag = tag(&board.jpeg);
    let offer = Offer { content_type: JPEG, len: board.jpeg.len() as u64, tag: &tag, cache };
    let mut response = offer.answer(&method, &headers, |range| {
        Body::from(board.jpeg.slice(range.start as usize..range.end as usize))
    });
    let millis = |time: &Option<WallTime>| {
        time.map_or_else(String::new, |time| time.as_unix_micros().div_euclid(1_000).to_string())
    };
    let times: Vec<_> = board.times.iter().map(millis).collect();
    describe(
        &mut response,
        [
            (X_STORYBOARD_COLUMNS, board.columns.to_string()),
            (X_STORYBOARD_ROWS, board.rows.to_string()),
            (X_STORYBOARD_TILE, format!("{}x{}", board.tile.0, board.tile.1)),
            (X_STORYBOARD_TIMES, times.join(",")),
        ],
    );
    Ok(response)
}

fn describe<const N: usize>(response: &mut Response, headers: [(HeaderName, String); N]) {
    for (name, text) in headers {
        if let Ok(value) = HeaderValue::from_str(&text) {
            response.headers_mut().insert(name, value);
        }
    }
}

impl From<PictureError> for Problem {
    fn from(error: PictureError) -> Self {
        match error {
            PictureError::Control(error) => error.into(),
            PictureError::Storage(error) => error.into(),
            PictureError::Recorded(RecordedSnapshotError::NoRecording) => no_recording(),
            PictureError::Recorded(RecordedSnapshotError::Library(error)) => error.into(),
            PictureError::Live(error) | PictureError::Recorded(RecordedSnapshotError::Snapshot(error)) => {
                error.into()
            }
            error => Self::of(&error),
        }
    }
}
