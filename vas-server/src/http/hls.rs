//! Live HLS: the MPEG-TS playlist that old clients know, and the low-latency form (RFC 8216bis).
//!
//! Playlists are asked for as any other resource; what they name carries its own permission (see `media_url`), so that
//! a `<video>` element can fetch it. A stream's window is made with the first request and goes when nobody asks.

use super::HttpState;
use super::extract::{Id, QueryFields, path_parameter};
use super::guard::Scoped;
use super::hls_names::{LiveNames, Piece, RENDITIONS, playlist_name};
use super::media_range::Offer;
use super::media_url::Purpose;
use super::problem::Problem;
use super::schema;
use crate::control::NotWatchable;
use crate::control::recording::{Window, WindowError};
use axum::body::Body;
use axum::extract::FromRequestParts;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use std::convert::Infallible;
use std::ops::Range;
use std::time::Duration;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use vas_core::StreamId;
use vas_core::hub::SubscribeError;
use vas_core::model::StreamState;
use vas_record::hls::live::{LiveError, Reload, RenditionReport};
use vas_record::hls::{TsCacheError, multivariant};

/// Of playlists (RFC 8216, section 4).
pub(super) const PLAYLIST: &str = "application/vnd.apple.mpegurl";
/// Of MPEG-TS segments.
pub(super) const MPEG_TS: &str = "video/mp2t";
/// Of fragmented MP4.
pub(super) const MP4: &str = "video/mp4";
/// What a name stands for never changes.
pub(super) const IMMUTABLE: &str = "public, max-age=3600, immutable";
/// The next answer is another one.
pub(super) const VOLATILE: &str = "no-store";
/// How long the first request waits for a whole segment.
const FIRST_SEGMENT: Duration = Duration::from_secs(10);
/// How long it waits beyond that for a sub stream, which is offered only when it is there.
const SUB_STREAM: Duration = Duration::from_secs(3);
/// When to ask again for what did not come, in seconds.
const RETRY_SECONDS: u64 = 2;

pub(super) fn routes() -> OpenApiRouter<HttpState> {
    OpenApiRouter::new().routes(routes!(ts_playlist)).routes(routes!(index)).routes(routes!(piece))
}

/// An answer with a playlist.
pub(super) fn playlist(text: String) -> Response {
    ([(CONTENT_TYPE, PLAYLIST), (CACHE_CONTROL, VOLATILE)], text).into_response()
}

/// Play a stream live, as HLS of MPEG-TS segments
///
/// The form for old players. The first request waits for the first segment, ten seconds at most.
#[utoipa::path(
    get, path = "/v2/streams/{id}/hls/playlist.m3u8", tag = "HLS", params(schema::StreamPath),
    responses(
        (status = 200, description = "The playlist.", body = String, content_type = "application/vnd.apple.mpegurl"),
        (status = 409, description = "The stream does not run, or has no picture yet."),
    ),
)]
async fn ts_playlist(Scoped(state): Scoped<HttpState>, Id(id): Id<StreamId>) -> Result<Response, Problem> {
    state.control.watchable(&state.control.stream(id).await?)?;
    let window = state.windows.open(id, 0).map_err(not_offered)?;
    first_segment(&window).await?;
    let names = state.live_names(id, 0, &window);
    let text = window.live.ts_playlist(&|sequence| names.ts(sequence)).await.map_err(not_given)?;
    Ok(playlist(text))
}

/// Play a stream live, as low-latency HLS
#[utoipa::path(
    get, path = "/v2/streams/{id}/hls/index.m3u8", tag = "HLS", params(schema::StreamPath),
    responses(
        (status = 200, description = "The multivariant playlist.", body = String, content_type = "application/vnd.apple.mpegurl"),
        (status = 409, description = "The stream does not run, or has no picture yet."),
    ),
)]
async fn index(Scoped(state): Scoped<HttpState>, Id(id): Id<StreamId>) -> Result<Response, Problem> {
    let info = state.control.stream(id).await?;
    state.control.watchable(&info)?;
    let main = state.windows.open(id, 0).map_err(not_offered)?;
    let sub_is_live = info.present.sub.as_ref().is_some_and(|sub| sub.state == StreamState::Live);
    let sub = if sub_is_live { state.windows.open(id, 1).ok() } else { None };
    first_segment(&main).await?;
    let mut variants = vec![(0, main.live.variant().await.map_err(not_given)?)];
    if let Some(sub) = sub
        && let Ok(Ok(variant)) = tokio::time::timeout(SUB_STREAM, sub.live.variant()).await
    {
        variants.push((1, variant));
    }
    let now = state.clock.wall();
    let name = |rendition| playlist_name(&state.media_urls, id.as_uuid(), rendition, now);
    let variants = variants.iter().map(|(rendition, variant)| (name(*rendition), variant));
    Ok(playlist(multivariant::playlist(variants)))
}

/// Media and playlists that a live playlist names
#[utoipa::path(
    get, path = "/v2/streams/{id}/hls/{name}", tag = "HLS", params(schema::StreamMediaPath),
    responses(schema::Media, (status = 409, description = "The stream does not run.")),
)]
async fn piece(
    Scoped(state): Scoped<HttpState>,
    Id(id): Id<StreamId>,
    MediaFile(name): MediaFile,
    Ok(QueryFields(query)): Result<QueryFields, Infallible>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let named = state.media_urls.check(Purpose::Live, id.as_uuid(), &name, state.clock.wall())?;
    let unknown = || Problem::not_found("media");
    let (piece, rendition) = Piece::parse(named.label, named.extension).ok_or_else(unknown)?;
    if piece == Piece::Playlist {
        return media_playlist(&state, id, rendition, query).await;
    }
    let window = state.windows.get(id, rendition).ok_or_else(unknown)?;
    let chunks = match piece {
        Piece::Init(section) => vec![window.live.init(section).map_err(not_given)?],
        Piece::Segment(sequence) => window.live.segment(sequence).map_err(not_given)?.chunks,
        Piece::Part(sequence, part) => window.live.part(sequence, part).await.map_err(not_given)?,
        Piece::Ts(sequence) => vec![window.live.ts(sequence, &state.ts_cache).await.map_err(not_made)?],
        Piece::Playlist => return Err(unknown()),
    };
    let len = chunks.iter().map(|chunk| chunk.len() as u64).sum();
    let content_type = if matches!(piece, Piece::Ts(_)) { MPEG_TS } else { MP4 };
    let offer = Offer { content_type, len, tag: &name, cache: IMMUTABLE };
    Ok(offer.answer(&method, &headers, |range| body_of(chunks, range)))
}

/// The media playlist of the low-latency form, which may wait for what the player asks for (section 6.2.5 there).
async fn media_playlist(
    state: &HttpState,
    id: StreamId,
    rendition: u8,
    mut query: super::Fields,
) -> Result<Response, Problem> {
    let skip = query.text("_HLS_skip", 10);
    if skip.as_deref().is_some_and(|skip| !["YES", "v2"].contains(&skip)) {
        query.refuse("_HLS_skip", "must be YES or v2");
    }
    let reload = Reload {
        segment: query.optional_integer("_HLS_msn", 0, u64::MAX),
        part: query.optional_integer("_HLS_part", 0, u32::MAX.into()).map(|part| part as u32),
        skip: skip.is_some(),
    };
    query.finish()?;
    // Made anew where it was given up: a player that was suspended goes on.
    state.control.runs(id)?;
    let window = state.windows.open(id, rendition).map_err(not_offered)?;
    let names = state.live_names(id, rendition, &window);
    let others = || state.reports(id, rendition);
    let text = window.live.playlist(reload, &names, &others).await.map_err(not_given)?;
    Ok(playlist(text))
}

impl HttpState {
    fn live_names<'a>(&'a self, stream: StreamId, rendition: u8, window: &'a Window) -> LiveNames<'a> {
        LiveNames { urls: &self.media_urls, stream, rendition, window, now: self.clock.wall() }
    }

    /// How far the other renditions of a stream have come.
    fn reports(&self, stream: StreamId, rendition: u8) -> Vec<RenditionReport> {
        let now = self.clock.wall();
        let report = |other: u8| {
            let newest = self.windows.get(stream, other)?.live.newest()?;
            Some(RenditionReport {
                uri: playlist_name(&self.media_urls, stream.as_uuid(), other, now),
                newest,
            })
        };
        (0..RENDITIONS.len() as u8).filter(|other| *other != rendition).filter_map(report).collect()
    }
}

/// The last part of a path, as it names media. Whatever is no text is as unknown as a name that nothing has.
#[derive(Debug)]
pub(super) struct MediaFile(pub(super) String);

impl<S: Send + Sync> FromRequestParts<S> for MediaFile {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        path_parameter(parts, "name").await.map(Self).ok_or_else(|| Problem::not_found("media"))
    }
}

/// Waits for the first whole segment of a window.
async fn first_segment(window: &Window) -> Result<(), Problem> {
    match tokio::time::timeout(FIRST_SEGMENT, window.live.wait_ready()).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(LiveError::Timeout)) | Err(_) => Err(NotWatchable::NoPicture.into()),
        Ok(Err(error)) => Err(not_given(error)),
    }
}

fn not_offered(error: WindowError) -> Problem {
    match error {
        WindowError::NotRunning(SubscribeError::NotFound(_)) => NotWatchable::NoPicture.into(),
        error => Problem::of(&error),
    }
}

pub(super) fn not_given(error: LiveError) -> Problem {
    match error {
        LiveError::TooFarAhead | LiveError::PartWithoutSegment => {
            Problem::new(StatusCode::BAD_REQUEST, "BAD_REQUEST", error.to_string())
        }
        LiveError::NotFound => Problem::new(StatusCode::NOT_FOUND, "NOT_FOUND", error.to_string()),
        error => Problem::of(&error).retry_after(RETRY_SECONDS),
    }
}

fn not_made(error: TsCacheError<LiveError>) -> Problem {
    match error {
        TsCacheError::Source(error) => not_given(error),
        error => Problem::of(&error),
    }
}

/// The bytes of a range of what lies in chunks, without copying them.
fn body_of(chunks: Vec<Bytes>, range: Range<u64>) -> Body {
    let mut at = 0;
    let cut = chunks.into_iter().filter_map(move |chunk| {
        let (start, end) = (at, at + chunk.len() as u64);
        at = end;
        let (from, to) = (range.start.clamp(start, end), range.end.clamp(start, end));
        (from < to).then(|| chunk.slice((from - start) as usize..(to - start) as usize))
    });
    let cut: Vec<Result<Bytes, Infallible>> = cut.map(Ok).collect();
    Body::from_stream(stream::iter(cut))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_range_of_chunks_is_that_of_their_bytes() {
        let chunks = || vec![Bytes::from_static(b"abc"), Bytes::new(), Bytes::from_static(b"defg")];
        for (range, text) in [(0..7, "abcdefg"), (2..4, "cd"), (3..7, "defg"), (0..3, "abc"), (5..6, "f")] {
            let body = axum::body::to_bytes(body_of(chunks(), range), 100).await.unwrap();
            assert_eq!(body, text);
        }
    }
}
