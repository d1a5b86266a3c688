//! A range of what was recorded as one MP4 file.
//!
//! Players ask for a file piece by piece; planning it reads its media once, so that the newest plans are kept.

use super::HttpState;
use super::extract::{Id, QueryFields};
use super::guard::Scoped;
use super::hls::{MP4, VOLATILE};
use super::media_range::Offer;
use super::playback::{no_recording, read_layer};
use super::problem::Problem;
use super::schema;
use super::view::time;
use axum::body::Body;
use axum::http::header::CONTENT_DISPOSITION;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};
use axum::response::Response;
use futures_util::{StreamExt, stream};
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use vas_core::model::WallRange;
use vas_core::{DeviceId, StreamId, WallTime};
use vas_record::clip::{Clip, ClipError, ClipFormat, ClipInfo, ClipRequest, Footage, plan};

/// Plans that are kept. One of a day takes about 30 MB, one of a minute some kilobytes.
const KEPT: usize = 8;
/// Plans that are made at the same time: each reads its media as fast as the disk gives it.
const MAKERS: usize = 4;
/// A range whose end is younger than this, in microseconds, may still grow, and is planned anew each time.
const SETTLED: i64 = 30_000_000;
/// Gaps that are listed in a header at most.
const MAX_GAPS: usize = 50;

const X_CLIP_START: HeaderName = HeaderName::from_static("x-clip-start");
const X_CLIP_END: HeaderName = HeaderName::from_static("x-clip-end");
const X_CLIP_DURATION: HeaderName = HeaderName::from_static("x-clip-duration");
const X_CLIP_PICTURES: HeaderName = HeaderName::from_static("x-clip-pictures");
const X_CLIP_GAPS: HeaderName = HeaderName::from_static("x-clip-gaps");

/// What an answer says of a clip beside its bytes; pages of other sites are to see it too.
pub(super) const HEADERS: [HeaderName; 5] =
    [X_CLIP_START, X_CLIP_END, X_CLIP_DURATION, X_CLIP_PICTURES, X_CLIP_GAPS];

pub(super) fn routes() -> OpenApiRouter<HttpState> {
    OpenApiRouter::new().routes(routes!(clip))
}

/// What a clip is of. Two that are equal are the same clip once their range is settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ClipOf {
    pub(super) device: DeviceId,
    pub(super) layer: u8,
    pub(super) range: WallRange,
    pub(super) format: ClipFormat,
}

/// Plans, the oldest first.
type Kept = VecDeque<(ClipOf, Arc<Clip>)>;

/// The newest plans. `Clone` hands out the same.
#[derive(Clone, Debug)]
pub(super) struct ClipPlans {
    kept: Arc<Mutex<Kept>>,
    makers: Arc<Semaphore>,
}

impl Default for ClipPlans {
    fn default() -> Self {
        Self { kept: Arc::default(), makers: Arc::new(Semaphore::new(MAKERS)) }
    }
}

impl ClipPlans {
    async fn get(
        &self,
        footage: &dyn Footage,
        of: ClipOf,
        longest: Duration,
        now: WallTime,
    ) -> Result<Arc<Clip>, ClipError> {
        if let Some(clip) = self.take(of) {
            return Ok(clip);
        }
        // The semaphore is never closed.
        let _permit = self.makers.acquire().await;
        // Somebody may have made it meanwhile.
        if let Some(clip) = self.take(of) {
            return Ok(clip);
        }
        let ClipOf { device, layer, range, format } = of;
        let clip = Arc::new(plan(footage, &ClipRequest { device, layer, range, format, longest }).await?);
        if now.micros_since(range.end) > SETTLED {
            self.keep(of, clip.clone());
        }
        Ok(clip)
    }

    fn take(&self, of: ClipOf) -> Option<Arc<Clip>> {
        self.kept.lock().iter().find(|(known, _)| *known == of).map(|(_, clip)| clip.clone())
    }

    fn keep(&self, of: ClipOf, clip: Arc<Clip>) {
        let mut kept = self.kept.lock();
        if kept.len() >= KEPT {
            kept.pop_front();
        }
        kept.push_back((of, clip));
    }

    /// A plan that does not hold any more: a file was changed.
    fn forget(&self, of: ClipOf) {
        self.kept.lock().retain(|(known, _)| *known != of);
    }
}

/// Fetch what was recorded as one MP4
///
/// The headers `X-Clip-Start`, `X-Clip-End`, `X-Clip-Duration`, `X-Clip-Pictures` and `X-Clip-Gaps` say what is in it.
#[utoipa::path(
    get, path = "/v2/streams/{id}/clip.mp4", tag = "Recordings", params(schema::StreamPath, schema::ClipQuery),
    responses(
        schema::Mp4File,
        (status = 404, description = "There is no such stream, or nothing is recorded in the range (`NO_RECORDING`)."),
    ),
)]
async fn clip(
    Scoped(state): Scoped<HttpState>,
    Id(id): Id<StreamId>,
    Ok(QueryFields(mut query)): Result<QueryFields, Infallible>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let device = state.control.stream(id).await?.device;
    let range = query.wall_range(state.limits.longest_range);
    let layer = read_layer(&mut query);
    query.finish()?;
    let range = range.ok_or_else(no_recording)?;
    let of = ClipOf { device: device.id, layer, range, format: ClipFormat::Progressive };
    let mut response = state.clip(of, &method, &headers).await?;
    let name = format!("attachment; filename=\"{}\"", file_name(&device.fields.name, range.start));
    if let Ok(value) = HeaderValue::from_str(&name) {
        response.headers_mut().insert(CONTENT_DISPOSITION, value);
    }
    Ok(response)
}

impl HttpState {
    /// The answer to a request for a clip, or for a range of its bytes.
    pub(super) async fn clip(
        &self,
        of: ClipOf,
        method: &Method,
        headers: &HeaderMap,
    ) -> Result<Response, Problem> {
        let library = self.recorded()?.library().clone();
        let (longest, now) = (self.limits.longest_range, self.clock.wall());
        let clip = self.clips.get(&library, of, longest, now).await?;
        let info = clip.info().clone();
        let tag = tag(of, &info);
        let offer = Offer { content_type: MP4, len: info.bytes, tag: &tag, cache: VOLATILE };
        let body = match offer.wanted(method, headers) {
            Some(wanted) => {
                let mut pieces = clip.stream(Arc::new(library), wanted);
                // Taken before the answer begins: what fails at once can still be told.
                match pieces.next().await {
                    Some(Err(error)) => {
                        self.clips.forget(of);
                        return Err(error.into());
                    }
                    first => Body::from_stream(stream::iter(first).chain(pieces)),
                }
            }
            None => Body::empty(),
        };
        let mut response = offer.answer(method, headers, |_| body);
        describe(&info, response.headers_mut());
        Ok(response)
    }
}

/// Tells versions of a clip apart: footage that was lost or thinned makes another one.
fn tag(of: ClipOf, info: &ClipInfo) -> String {
    let micros = |time: WallTime| time.as_unix_micros();
    let (start, end) = (micros(info.start), micros(info.end));
    format!("{}-{}-{start:x}-{end:x}-{:x}", of.device.as_uuid().simple(), of.layer, info.bytes)
}

/// What is truly in a clip, in headers.
fn describe(info: &ClipInfo, headers: &mut HeaderMap) {
    let mut gaps = String::new();
    for (range, reason) in info.gaps.iter().take(MAX_GAPS) {
        let separator = if gaps.is_empty() { "" } else { ", " };
        let _ = write!(gaps, "{separator}{}/{};{reason}", time(range.start), time(range.end));
    }
    for (name, text) in [
        (X_CLIP_START, time(info.start)),
        (X_CLIP_END, time(info.end)),
        (X_CLIP_DURATION, format!("{:.3}", info.duration.as_secs_f64())),
        (X_CLIP_PICTURES, info.pictures.to_string()),
        (X_CLIP_GAPS, gaps),
    ] {
        if let Ok(value) = HeaderValue::from_str(&text) {
            headers.insert(name, value);
        }
    }
}

/// A name that every file system takes (RFC 6266, section 4.3, leaves that to us).
fn file_name(device: &str, start: WallTime) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
    let device: String = device.chars().take(60).map(plain).collect();
    let start: String = time(start).chars().take(19).filter(char::is_ascii_alphanumeric).collect();
    format!("{device}_{start}.mp4")
}

impl From<ClipError> for Problem {
    fn from(error: ClipError) -> Self {
        match error {
            ClipError::NoRecording => no_recording(),
            ClipError::Library(error) => error.into(),
            ClipError::TooLong { .. } => Self::fields(&[("end".to_owned(), error.to_string())].into()),
            error => {
                tracing::error!(%error, "a clip can't be made");
                Self::of(&error)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vas_core::model::GapReason;

    #[test]
    fn file_names_are_plain() {
        let start = WallTime::from_unix_micros(1_795_341_600_500_000);
        assert_eq!(file_name("Gate \"1\"/../ä", start), "Gate__1_______20261122T100000.mp4");
    }

    #[test]
    fn gaps_are_told() {
        let at = |seconds: i64| WallTime::from_unix_micros(1_795_341_600_000_000 + seconds * 1_000_000);
        let info = ClipInfo {
            start: at(0),
            end: at(9),
            gaps: vec![
                (WallRange::new(at(2), at(3)), GapReason::SourceLost),
                (WallRange::new(at(5), at(6)), GapReason::Storage),
            ],
            pictures: 175,
            duration: Duration::from_millis(7_000),
            bytes: 1,
            codecs: String::new(),
        };
        let mut headers = HeaderMap::new();
        describe(&info, &mut headers);
        let of = |name: HeaderName| headers[name].to_str().unwrap();
        assert_eq!((of(X_CLIP_START), of(X_CLIP_DURATION)), ("2026-11-22T10:00:00.000Z", "7.000"));
        assert_eq!(
            of(X_CLIP_GAPS),
            "2026-11-22T10:00:02.000Z/2026-11-22T10:00:03.000Z;source_lost, \
             2026-11-22T10:00:05.000Z/2026-11-22T10:00:06.000Z;storage"
        );
    }
}
