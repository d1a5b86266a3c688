//! `/v2/timeline`: tiles of the timeline.
//!
//! Times in the answer are Unix milliseconds: there are thousands of them, and they become pixels.

use crate::control::dashboard::timeline::{Gap, Happening, Lane, MAX_BUCKETS, Tile, TimelineError};
use crate::http::HttpState;
use crate::http::extract::QueryFields;
use crate::http::fields::Fields;
use crate::http::guard::Scoped;
use crate::http::media_range::Offer;
use crate::http::problem::Problem;
use aws_lc_rs::digest::{SHA256, digest};
use axum::body::Body;
use axum::http::{HeaderMap, Method};
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use std::convert::Infallible;
use std::fmt::Write;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use vas_core::model::{Bookmark, WallRange};
use vas_core::{BookmarkId, DeviceId, StreamId, WallTime};

/// Streams in one timeline at most.
const MAX_STREAMS: usize = 16;
/// Longest list of streams in characters: uuids with commas between.
const LONGEST_LIST: usize = MAX_STREAMS * 40;
/// Bounds of a bucket in milliseconds: a second and a day.
const BUCKET_MS: std::ops::RangeInclusive<u64> = 1_000..=86_400_000;
/// Of what lies in the past. Bookmarks are still added to it and retention takes it away, so not for long.
const PAST: &str = "private, max-age=600, immutable";
/// Of what still grows.
const PRESENT: &str = "private, no-cache";
/// Bytes of the hash that make a tag.
const TAG_BYTES: usize = 16;

pub(super) fn routes() -> OpenApiRouter<HttpState> {
    OpenApiRouter::new().routes(routes!(timeline))
}

/// Which streams and when.
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes what is read in another way")]
struct TimelineQuery {
    /// 1 to 16 ids with commas between.
    stream_ids: String,
    /// RFC 3339 or Unix milliseconds; rounded down to a bucket.
    start: String,
    /// Rounded up to a bucket; at most 1,024 buckets after the start.
    end: String,
    /// Length of a bucket in milliseconds.
    #[param(minimum = 1_000, maximum = 86_400_000)]
    bucket_ms: u64,
}

/// A tile of the timeline. Times are Unix milliseconds.
#[derive(Debug, Serialize, ToSchema)]
struct TimelineView {
    /// Length of a bucket.
    bucket_ms: i64,
    /// Where the first bucket begins: a multiple of `bucket_ms`.
    start: i64,
    /// Where the last bucket ends.
    end: i64,
    /// Buckets.
    buckets: usize,
    /// One for each stream, in the order asked for.
    lanes: Vec<LaneView>,
    /// The server's present; null in a tile of the past.
    live_edge: Option<i64>,
}

/// One stream's part.
#[derive(Debug, Serialize, ToSchema)]
struct LaneView {
    #[schema(value_type = String, format = "uuid")]
    stream_id: StreamId,
    #[schema(value_type = String, format = "uuid")]
    device_id: DeviceId,
    /// What was recorded, as pairs of start and end, clipped to the tile.
    ranges: Vec<[i64; 2]>,
    /// A byte for each bucket in base64: 0, nothing was recorded, to 255, all of it was.
    coverage: String,
    /// A byte for each bucket in base64: bits for each pixel of the pictures between key pictures, 28 steps for each
    /// doubling; 0: unknown. Null where it is not known of any bucket.
    activity: Option<String>,
    /// Why something is missing, where that is known.
    gaps: Vec<GapView>,
    bookmarks: Vec<MarkView>,
    events: Vec<EventView>,
    /// Where the oldest recording begins that is kept.
    retained_from: Option<i64>,
}

/// A stretch without a recording.
#[derive(Debug, Serialize, ToSchema)]
struct GapView {
    start: i64,
    end: i64,
    /// `started`, `source_lost`, `silence`, `lagged` or `storage`.
    reason: &'static str,
}

/// A bookmark.
#[derive(Debug, Serialize, ToSchema)]
struct MarkView {
    #[schema(value_type = String, format = "uuid")]
    id: BookmarkId,
    /// The moment it is about.
    at: i64,
    start: i64,
    end: i64,
    label: Option<String>,
}

/// What happened in a bucket.
#[derive(Debug, Serialize, ToSchema)]
struct EventView {
    /// The first time.
    at: i64,
    /// `camera_lost` or `snapshot`.
    #[serde(rename = "type")]
    kind: &'static str,
    /// How often.
    count: u32,
}

/// Show what was recorded when
///
/// A tile in equal buckets, for several streams at once. One that lies in the past does not change but for bookmarks and
/// retention, and may be kept by caches for ten minutes.
#[utoipa::path(
    get, path = "/v2/timeline", tag = "Dashboard", params(TimelineQuery),
    responses(
        (status = 200, description = "The tile.", body = TimelineView, headers(("ETag", description = "Which version it is."))),
        (status = 304, description = "The caller has this version."),
        (status = 404, description = "One of the streams is unknown."),
    ),
)]
async fn timeline(
    Scoped(state): Scoped<HttpState>,
    Ok(QueryFields(mut query)): Result<QueryFields, Infallible>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let streams = read_streams(&mut query);
    let tile = read_tile(&mut query);
    query.finish()?;
    let Some(tile) = tile else { return Err(Problem::not_found("time")) };
    let streams: Result<Vec<StreamId>, _> = streams.iter().map(|text| text.parse()).collect();
    // As with an id in a path: a text that is none is as unknown as one that nothing has.
    let streams = streams.map_err(|_| Problem::not_found("stream"))?;
    let lanes = state.control.timeline(streams, tile).await?;
    let now = state.clock.wall();
    let is_past = tile.is_past(now);
    let view = TimelineView {
        bucket_ms: tile.width / 1_000,
        start: millis(tile.range.start),
        end: millis(tile.range.end),
        buckets: tile.count,
        lanes: lanes.into_iter().map(lane).collect(),
        live_edge: (!is_past).then(|| millis(now)),
    };
    let body = serde_json::to_vec(&view).unwrap_or_default();
    let tag = tag(&body);
    let cache = if is_past { PAST } else { PRESENT };
    let offer = Offer { content_type: "application/json", len: body.len() as u64, tag: &tag, cache };
    Ok(offer.answer(&method, &headers, |range| {
        let part = body.get(range.start as usize..range.end as usize).unwrap_or_default();
        Body::from(part.to_vec())
    }))
}

/// The ids of streams with commas between, each once.
fn read_streams(query: &mut Fields) -> Vec<String> {
    let Some(text) = query.required_text("stream_ids", LONGEST_LIST) else { return Vec::new() };
    let mut streams: Vec<String> = Vec::new();
    for id in text.split(',').map(str::trim).filter(|id| !id.is_empty()) {
        if !streams.iter().any(|known| known == id) {
            streams.push(id.to_owned());
        }
    }
    if streams.is_empty() || streams.len() > MAX_STREAMS {
        query.refuse("stream_ids", format!("must be 1 to {MAX_STREAMS} ids of streams, separated by commas"));
    }
    streams
}

fn read_tile(query: &mut Fields) -> Option<Tile> {
    if !query.has("bucket_ms") {
        query.refuse("bucket_ms", "is required");
    }
    let bucket = query.integer("bucket_ms", *BUCKET_MS.start(), *BUCKET_MS.end(), *BUCKET_MS.start());
    let (start, end) = (query.required_moment("start"), query.required_moment("end"));
    let (start, end) = (start?, end?);
    if end <= start {
        query.refuse("end", "must lie after start");
        return None;
    }
    let tile = Tile::aligned(WallRange::new(start, end), i64::try_from(bucket).ok()?.checked_mul(1_000)?);
    if tile.count > MAX_BUCKETS {
        query.refuse("bucket_ms", format!("must be longer: there may be {MAX_BUCKETS} buckets at most"));
        return None;
    }
    Some(tile)
}

const fn millis(time: WallTime) -> i64 {
    time.as_unix_micros().div_euclid(1_000)
}

fn lane(lane: Lane) -> LaneView {
    let Lane { stream, device, ranges, coverage, activity, gaps, bookmarks, happenings, retained_from } =
        lane;
    LaneView {
        stream_id: stream,
        device_id: device,
        ranges: ranges.iter().map(|range| [millis(range.start), millis(range.end)]).collect(),
        coverage: STANDARD.encode(coverage),
        activity: activity.map(|levels| STANDARD.encode(levels)),
        gaps: gaps.into_iter().map(gap).collect(),
        bookmarks: bookmarks.into_iter().map(mark).collect(),
        events: happenings.into_iter().map(event).collect(),
        retained_from: retained_from.map(millis),
    }
}

fn gap(Gap { span, reason }: Gap) -> GapView {
    GapView { start: millis(span.start), end: millis(span.end), reason: reason.as_str() }
}

fn mark(Bookmark { id, center, span, label, .. }: Bookmark) -> MarkView {
    MarkView { id, at: millis(center), start: millis(span.start), end: millis(span.end), label }
}

fn event(Happening { at, kind, count }: Happening) -> EventView {
    EventView { at: millis(at), kind, count }
}

/// An entity tag of an answer: the same for the same bytes.
pub(super) fn tag(body: &[u8]) -> String {
    let hash = digest(&SHA256, body);
    hash.as_ref().iter().take(TAG_BYTES).fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

impl From<TimelineError> for Problem {
    fn from(error: TimelineError) -> Self {
        match error {
            TimelineError::Control(error) => error.into(),
            TimelineError::Captures(error) => error.into(),
            TimelineError::Library(error) => error.into(),
            TimelineError::Storage(error) => error.into(),
            TimelineError::Index(error) => {
                tracing::error!(%error, "a timeline can't be made");
                Self::of(&error)
            }
        }
    }
}
