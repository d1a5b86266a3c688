//! Playing what was recorded: playlists of any range, and the media that they name.

use super::HttpState;
use super::extract::{Id, QueryFields};
use super::fields::Fields;
use super::guard::Scoped;
use super::hls::{IMMUTABLE, MP4, MPEG_TS, MediaFile, VOLATILE, playlist};
use super::media_range::Offer;
use super::media_url::Purpose;
use super::playback_names::{Recorded, RecordedNames};
use super::problem::Problem;
use super::schema;
use super::viewers::LAYERS;
use crate::control::recording::{NotRecording, Running};
use axum::body::Body;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::Response;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use std::convert::Infallible;
use std::ops::Range;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;
use vas_core::model::recording::RecordingState;
use vas_core::model::{Recording, WallRange};
use vas_core::ports::StoreError;
use vas_core::{DeviceId, HasKind, StreamId};
use vas_record::hls::vod::{Plan, playable};
use vas_record::hls::{TsCacheError, TsKey, TsSource};
use vas_record::library::{Library, LibraryError};

/// Bytes of a file that are read at a time.
const PIECE: u64 = 1 << 20;
/// Where the media of playlists of streams lies, as seen from them.
const FOLDER: &str = "media/";

pub(super) fn routes() -> OpenApiRouter<HttpState> {
    OpenApiRouter::new().routes(routes!(playback)).routes(routes!(media_of_stream))
}

/// 404: there is nothing to show.
pub(super) fn no_recording() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "NO_RECORDING", "nothing is recorded in this range")
}

/// The form of a playlist's media.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Byte ranges of the stored files.
    Cmaf,
    /// MPEG-TS segments.
    Ts,
}

/// `?layer=main` or `sub`; the main stream where nothing is said.
pub(super) fn read_layer(query: &mut Fields) -> u8 {
    let Some(name) = query.text("layer", 20) else { return 0 };
    let layer = LAYERS.iter().position(|layer| *layer == name);
    if layer.is_none() {
        query.refuse("layer", "must be main or sub");
    }
    layer.unwrap_or_default() as u8
}

/// Play what was recorded, as HLS
#[utoipa::path(
    get, path = "/v2/streams/{id}/playback.m3u8", tag = "HLS", params(schema::StreamPath, schema::PlaybackQuery),
    responses(
        (status = 200, description = "The playlist, with the UTC of each part and discontinuities at gaps.", body = String, content_type = "application/vnd.apple.mpegurl"),
        (status = 404, description = "There is no such stream, or nothing is recorded in the range (`NO_RECORDING`)."),
    ),
)]
async fn playback(
    Scoped(state): Scoped<HttpState>,
    Id(id): Id<StreamId>,
    Ok(QueryFields(mut query)): Result<QueryFields, Infallible>,
) -> Result<Response, Problem> {
    let device = state.control.stream(id).await?.device.id;
    let range = query.wall_range(state.limits.longest_range);
    let layer = read_layer(&mut query);
    let form = match query.text("format", 20).as_deref() {
        None | Some("cmaf") => Form::Cmaf,
        Some("ts") => Form::Ts,
        Some(_) => {
            query.refuse("format", "must be cmaf or ts");
            Form::Cmaf
        }
    };
    query.finish()?;
    let range = range.ok_or_else(no_recording)?;
    state.recorded_playlist(Shown { device, layer, range, form }, id.as_uuid(), FOLDER).await
}

/// What a playlist is of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shown {
    pub(super) device: DeviceId,
    pub(super) layer: u8,
    pub(super) range: WallRange,
    pub(super) form: Form,
}

impl HttpState {
    /// What records, and what has been recorded.
    pub(super) fn recorded(&self) -> Result<Running, Problem> {
        Ok(self.control.recordings().engine()?)
    }

    /// The playlist of a range of a device, whose media lies under the path of `of`, in `folder` as seen from the
    /// playlist.
    pub(super) async fn recorded_playlist(
        &self,
        shown: Shown,
        of: Uuid,
        folder: &'static str,
    ) -> Result<Response, Problem> {
        let Shown { device, layer, range, form } = shown;
        let engine = self.recorded()?;
        let files = engine.library().recordings(device, layer, range).await?;
        let now = self.clock.wall();
        let ended =
            range.end <= now || engine.recorder.status(device, layer).is_none_or(|status| !status.recording);
        let plan = Plan::new(&files, range, ended);
        if plan.is_empty() {
            return Err(no_recording());
        }
        let names = RecordedNames { urls: &self.media_urls, of, folder, files: &files, now };
        Ok(playlist(match form {
            Form::Cmaf => plan.playlist(&names),
            Form::Ts => plan.ts_playlist(&names),
        }))
    }

    /// What a name in a playlist of `of` stands for.
    pub(super) async fn recorded_media(
        &self,
        of: Uuid,
        name: &str,
        method: &Method,
        headers: &HeaderMap,
    ) -> Result<Response, Problem> {
        let unknown = || Problem::not_found("media");
        let named = self.media_urls.check(Purpose::Recorded, of, name, self.clock.wall())?;
        let (recorded, thinned) = Recorded::parse(named.label, named.extension).ok_or_else(unknown)?;
        let engine = self.recorded()?;
        let recording = engine.library().get(recorded.recording()).await?.ok_or_else(unknown)?;
        if recording.thinned != thinned {
            return Err(unknown());
        }
        match recorded {
            Recorded::File(_) => file(engine.library(), recording, method, headers).await,
            Recorded::Ts(segment) => {
                let bytes = segment.bytes(&recording).ok_or_else(unknown)?;
                let (first, last) = (segment.first, segment.last);
                let key = TsKey::Recorded { recording: recording.id, first, last };
                let source = async {
                    let init = engine.library().init_bytes(&recording).await?;
                    let chunks = vec![engine.library().read(&recording, bytes).await?];
                    Ok::<_, LibraryError>(TsSource { init, chunks })
                };
                let media = self.ts_cache.get(key, source).await.map_err(not_made)?;
                Ok(whole(&media, MPEG_TS, name, method, headers))
            }
            Recorded::PlayableInit(_) => {
                let init = engine.library().init(&recording).await?;
                let section = playable::section(&recording, &init).map_err(|error| Problem::of(&error))?;
                Ok(whole(&section, MP4, name, method, headers))
            }
            Recorded::Playable(stretch) => {
                let key =
                    TsKey::Playable { recording: recording.id, first: stretch.first, last: stretch.last };
                // Looked at before anything is read, so that what is not there is told as such.
                stretch.bytes(&recording).ok_or_else(unknown)?;
                let source = playable::source(engine.library(), &recording, &stretch);
                let media = self.ts_cache.playable(key, source).await.map_err(not_made)?;
                Ok(whole(&media, MP4, name, method, headers))
            }
        }
    }
}

/// Why a segment can't be made.
fn not_made(error: TsCacheError<LibraryError>) -> Problem {
    match error {
        TsCacheError::Source(LibraryError::Store(StoreError::NotFound(_))) => Problem::not_found("media"),
        error => Problem::of(&error),
    }
}

/// What was computed, and never changes.
fn whole(
    media: &Bytes,
    content_type: &'static str,
    name: &str,
    method: &Method,
    headers: &HeaderMap,
) -> Response {
    let offer = Offer { content_type, len: media.len() as u64, tag: name, cache: IMMUTABLE };
    offer.answer(method, headers, |range| Body::from(media.slice(range.start as usize..range.end as usize)))
}

/// Media that a playlist of recordings names
#[utoipa::path(
    get,
    path = "/v2/streams/{id}/media/{name}",
    tag = "HLS",
    params(schema::StreamMediaPath),
    responses(schema::Media)
)]
async fn media_of_stream(
    Scoped(state): Scoped<HttpState>,
    Id(id): Id<StreamId>,
    MediaFile(name): MediaFile,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    state.recorded_media(id.as_uuid(), &name, &method, &headers).await
}

/// A file, or a range of it.
async fn file(
    library: &Library,
    recording: Recording,
    method: &Method,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    let is_whole = recording.state == RecordingState::Complete;
    // What is being written grows, and nothing of it changes.
    let tag = format!("{}-{}", recording.id.as_uuid().simple(), recording.bytes);
    let cache = if is_whole { IMMUTABLE } else { VOLATILE };
    let offer = Offer { content_type: MP4, len: recording.bytes, tag: &tag, cache };
    let Some(wanted) = offer.wanted(method, headers) else {
        return Ok(offer.answer(method, headers, |_| Body::empty()));
    };
    // Read before the answer begins: a store that fails can still be told of.
    let first = wanted.start..wanted.end.min(wanted.start.saturating_add(PIECE));
    let rest = first.end..wanted.end;
    let first = library.read(&recording, first).await?;
    let body = Body::from_stream(stream::iter([Ok(first)]).chain(pieces(library.clone(), recording, rest)));
    Ok(offer.answer(method, headers, |_| body))
}

/// The bytes of a range of a file, a piece at a time.
fn pieces(
    library: Library,
    recording: Recording,
    range: Range<u64>,
) -> impl futures_util::Stream<Item = Result<Bytes, LibraryError>> + Send {
    stream::try_unfold((library, recording, range), |(library, recording, range)| async move {
        if range.is_empty() {
            return Ok(None);
        }
        let end = range.end.min(range.start.saturating_add(PIECE));
        let bytes = library.read(&recording, range.start..end).await?;
        Ok(Some((bytes, (library, recording, end..range.end))))
    })
}

impl From<NotRecording> for Problem {
    fn from(error: NotRecording) -> Self {
        Self::of(&error)
    }
}

impl From<LibraryError> for Problem {
    fn from(error: LibraryError) -> Self {
        use vas_core::ErrorKind::{Internal, Unavailable};
        if matches!(error.kind(), Internal | Unavailable) {
            let source = std::error::Error::source(&error).map(ToString::to_string);
            tracing::error!(%error, source, "recorded media can't be given");
        }
        Self::of(&error)
    }
}
