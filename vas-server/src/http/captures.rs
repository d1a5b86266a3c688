//! What bookmarks and snapshots have in common in requests and answers.

use super::HttpState;
use super::extract::PathId;
use super::fields::Fields;
use super::hls::IMMUTABLE;
use super::media_range::Offer;
use super::playback::no_recording;
use super::problem::Problem;
use crate::control::StreamInfo;
use crate::control::captures::CaptureError;
use axum::body::Body;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::Response;
use futures_util::{StreamExt, stream};
use serde_json::{Map, Value};
use vas_core::model::{CaptureSource, StoredFile};
use vas_core::ports::Page;
use vas_core::{BookmarkId, DeviceId, ErrorKind, HasKind, SnapshotId};

pub(super) const JPEG: &str = "image/jpeg";
/// Bytes of a file that are read at a time.
const PIECE: u64 = 1 << 20;
/// Longest text in characters.
const LONGEST_TEXT: usize = 200;
/// Bytes of metadata at most.
const MAX_METADATA: usize = 16 << 10;

impl PathId for BookmarkId {
    const WHAT: &'static str = "bookmark";
}

impl PathId for SnapshotId {
    const WHAT: &'static str = "snapshot";
}

/// A short text.
pub(super) fn read_text(fields: &mut Fields, name: &str) -> Option<String> {
    fields.text(name, LONGEST_TEXT).filter(|text| !text.is_empty())
}

/// Where its media comes from; required.
pub(super) fn read_source(fields: &mut Fields) -> CaptureSource {
    if !fields.has("source") {
        fields.refuse("source", "is required");
    }
    fields.parsed("source", "must be live or historical").unwrap_or(CaptureSource::Live)
}

/// Who makes it: `caller` where nobody is named.
pub(super) fn read_author(fields: &mut Fields, caller: &str) -> String {
    read_text(fields, "created_by").unwrap_or_else(|| caller.to_owned())
}

/// A JSON object as text; `None` where none is given.
pub(super) fn read_metadata(fields: &mut Fields) -> Option<String> {
    match fields.raw("metadata") {
        None | Some(Value::Null) => None,
        Some(object @ Value::Object(_)) => {
            let text = object.to_string();
            if text.len() > MAX_METADATA {
                fields.refuse("metadata", format!("must have at most {MAX_METADATA} bytes"));
            }
            Some(text)
        }
        Some(_) => {
            fields.refuse("metadata", "must be an object");
            None
        }
    }
}

/// `limit` and `offset` of a list.
pub(super) fn read_page(query: &mut Fields) -> Page {
    Page { limit: query.integer("limit", 1, 100, 50), offset: query.integer("offset", 0, u64::MAX >> 1, 0) }
}

/// Metadata as it stands in answers.
pub(super) fn metadata_view(text: &str) -> Map<String, Value> {
    serde_json::from_str(text).unwrap_or_default()
}

impl HttpState {
    /// The stream of a device, running or not: what the calls by device are about.
    pub(super) async fn stream_of(&self, device: DeviceId) -> Result<StreamInfo, Problem> {
        let stream = self.control.stream_of(device).await?;
        let stream = stream.ok_or_else(|| Problem::not_found("stream of this device; start it once"))?;
        Ok(self.control.stream(stream.id).await?)
    }

    /// A file of a bookmark or a snapshot, or a range of it.
    pub(super) async fn captured_file(
        &self,
        file: StoredFile,
        content_type: &'static str,
        method: &Method,
        headers: &HeaderMap,
    ) -> Result<Response, Problem> {
        // The name holds the id, and what it names never changes.
        let tag = format!("{:x}-{}", file.bytes, file.key.rsplit('/').next().unwrap_or_default());
        let offer = Offer { content_type, len: file.bytes, tag: &tag, cache: IMMUTABLE };
        let Some(wanted) = offer.wanted(method, headers) else {
            return Ok(offer.answer(method, headers, |_| Body::empty()));
        };
        let captures = self.control.captures();
        // Read before the answer begins: a store that fails can still be told of.
        let first = wanted.start..wanted.end.min(wanted.start.saturating_add(PIECE));
        let rest = first.end..wanted.end;
        let first = captures.read(&file, first).await?;
        let pieces = stream::try_unfold((captures, file, rest), |(captures, file, rest)| async move {
            if rest.is_empty() {
                return Ok::<_, CaptureError>(None);
            }
            let end = rest.end.min(rest.start.saturating_add(PIECE));
            let bytes = captures.read(&file, rest.start..end).await?;
            Ok(Some((bytes, (captures, file, end..rest.end))))
        });
        let body = Body::from_stream(stream::iter([Ok(first)]).chain(pieces));
        Ok(offer.answer(method, headers, |_| body))
    }
}

impl From<CaptureError> for Problem {
    fn from(error: CaptureError) -> Self {
        match error {
            CaptureError::NoRecording => no_recording(),
            CaptureError::NotFound(what) => Self::not_found(what),
            CaptureError::NotRecorded => {
                Self::new(StatusCode::CONFLICT, "NOT_RECORDED", CaptureError::NotRecorded.to_string())
            }
            CaptureError::Library(error) => error.into(),
            error => {
                if matches!(error.kind(), ErrorKind::Internal | ErrorKind::Unavailable) {
                    let source = std::error::Error::source(&error).map(ToString::to_string);
                    tracing::error!(%error, source, "a bookmark or snapshot can't be given");
                }
                Self::of(&error)
            }
        }
    }
}
