//! What the doors for viewers have in common: where a viewer comes from, what it would have, and the limits.

pub(crate) use super::client::ClientAddress;

use super::extract::QueryFields;
use super::fields::Fields;
use super::problem::Problem;
use crate::control::NotWatchable;
use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde_json::{Value, json};
use vas_core::StreamId;
use vas_sfu::{AdmissionError, PreferredLayer};

/// Longest side of a picture, in pixels, that a viewer may say it shows.
const LONGEST_SIDE: u64 = 16_384;
/// Names of layers, in their order.
pub(super) const LAYERS: [&str; 2] = ["main", "sub"];
/// What viewers are called towards TURN servers.
pub(crate) const VIEWER: &str = "viewer";
/// When to try again a stream that failed or does not run, in seconds.
const NOT_LIVE_SECONDS: u64 = 10;
/// When to try again a stream that has no picture yet, in seconds.
const NO_PICTURE_SECONDS: u64 = 2;
/// When to try again where a limit is reached, in seconds.
const RETRY_SECONDS: u64 = 5;

/// What is left to a viewer that can't decode a stream: HLS, where its player may have more codecs, else stills.
pub(super) fn fallback(stream: StreamId) -> Value {
    json!({
        "hls": format!("/v2/streams/{stream}/hls/playlist.m3u8"),
        "stills": format!("/v2/streams/{stream}/still.jpg"),
    })
}

/// `?width=&height=` of the picture as it is shown, and `?layer=main` or `sub` for no other than that.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct WantedLayer(pub(super) PreferredLayer);

impl<S: Send + Sync> FromRequestParts<S> for WantedLayer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Ok(QueryFields(mut query)) = QueryFields::from_request_parts(parts, state).await;
        let size = read_size(&mut query);
        let layer = query.text("layer", 20).and_then(|name| {
            let place = LAYERS.iter().position(|layer| *layer == name);
            if place.is_none() {
                query.refuse("layer", "must be main or sub");
            }
            place
        });
        query.finish()?;
        Ok(Self(PreferredLayer { layer, size }))
    }
}

/// The `width` and `height`, in pixels, in which a viewer shows the picture; both or neither.
pub(super) fn read_size(fields: &mut Fields) -> Option<(u32, u32)> {
    match ["width", "height"].map(|side| fields.optional_integer(side, 1, LONGEST_SIDE)) {
        [Some(width), Some(height)] => Some((width as u32, height as u32)),
        [None, None] => None,
        [width, _] => {
            fields.refuse(if width.is_none() { "width" } else { "height" }, "give width and height");
            None
        }
    }
}

impl WantedLayer {
    /// What a viewer of a stream with so many layers is given.
    ///
    /// # Errors
    /// 422 where the stream does not have the layer.
    pub(super) fn of(self, layers: usize) -> Result<PreferredLayer, Problem> {
        match self.0.layer.filter(|place| *place >= layers.max(1)) {
            Some(place) => {
                let why = format!("the camera has no {} stream", LAYERS[place]);
                Err(Problem::fields(&[("layer".to_owned(), why)].into()))
            }
            None => Ok(self.0),
        }
    }
}

impl From<NotWatchable> for Problem {
    fn from(error: NotWatchable) -> Self {
        let description = error.to_string();
        match error {
            NotWatchable::NotLive { state, .. } => {
                let details = json!({ "current_state": state.name().to_ascii_lowercase() });
                Self::new(StatusCode::CONFLICT, "STREAM_NOT_LIVE", description)
                    .retry_after(NOT_LIVE_SECONDS)
                    .with_details(details)
            }
            NotWatchable::NoPicture => {
                Self::new(StatusCode::CONFLICT, "NO_PRODUCER", description).retry_after(NO_PICTURE_SECONDS)
            }
        }
    }
}

/// Why a viewer is not let in: 429 where its own address has enough, else 503.
pub(super) fn not_admitted(error: &AdmissionError) -> Problem {
    let (status, limit) = match error {
        AdmissionError::Address { .. } => (StatusCode::TOO_MANY_REQUESTS, "viewers_per_address"),
        AdmissionError::Stream { .. } => (StatusCode::SERVICE_UNAVAILABLE, "viewers_per_stream"),
        AdmissionError::Egress { .. } => (StatusCode::SERVICE_UNAVAILABLE, "egress"),
        _ => (StatusCode::SERVICE_UNAVAILABLE, "viewers"),
    };
    Problem::new(status, "LIMIT_REACHED", error.to_string())
        .retry_after(RETRY_SECONDS)
        .and_detail("limit", json!(limit))
}
