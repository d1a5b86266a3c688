//! `POST {WHEP session}/layer`: how large a viewer shows the picture, and whether it looks.
//!
//! A wall of tiles has a session each; a signalling socket each besides would be too many.

use crate::http::HttpState;
use crate::http::extract::JsonFields;
use crate::http::problem::Problem;
use crate::http::whep::Session;
use axum::Json;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use vas_sfu::PreferredLayer;
use vas_sfu::ortc::MediaKind;

/// Longest side of a picture, in pixels, that a viewer may say it shows.
const LONGEST_SIDE: u64 = 16_384;

pub(super) fn routes() -> OpenApiRouter<HttpState> {
    OpenApiRouter::new().routes(routes!(layer))
}

/// What a viewer would have. What is missing stays as it is, but both sides are given together.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "describes what is read in another way")]
struct WantedLayer {
    /// Width in pixels that the picture is shown at; null: as large as there is.
    max_width: Option<u32>,
    /// Height in pixels; null: whatever follows from the width.
    max_height: Option<u32>,
    /// Whether nothing is to be sent.
    paused: Option<bool>,
}

/// What a viewer is sent.
#[derive(Debug, Serialize, ToSchema)]
struct SentLayer {
    /// 0: the main stream, 1: the sub stream; null until something is sent. Another one follows at its next key picture.
    layer: Option<usize>,
    /// What was asked for just now; null where that was not said.
    paused: Option<bool>,
}

/// Say how large the picture is shown
///
/// No layer larger than that is sent. A session that is paused keeps its connection and goes on at once.
#[utoipa::path(
    post, path = "/v2/streams/{id}/whep/{session}/layer", tag = "Watching", request_body = WantedLayer,
    params(("id" = uuid::Uuid, Path, description = "The stream's id."), ("session" = String, Path, description = "The session's name.")),
    responses((status = 200, description = "What is sent at present.", body = SentLayer)),
)]
async fn layer(session: Session, JsonFields(mut body): JsonFields) -> Result<Json<SentLayer>, Problem> {
    let has_size = body.has("max_width") || body.has("max_height");
    let width = body.optional_integer("max_width", 1, LONGEST_SIDE);
    let height = body.optional_integer("max_height", 1, LONGEST_SIDE);
    let paused = body.flag("paused");
    body.finish()?;
    let session = session.into_inner();
    let mut current = None;
    for consumer in session.consumers() {
        if consumer.kind() == MediaKind::Video {
            if has_size {
                // A layer is large enough when it covers the sides that are given.
                let side = |side: Option<u64>| side.unwrap_or(1) as u32;
                let size = (width.is_some() || height.is_some()).then(|| (side(width), side(height)));
                consumer.set_preferred_layer(PreferredLayer { layer: None, size });
            }
            current = consumer.watch_layers().borrow().current;
        }
        match paused {
            Some(true) => consumer.pause(),
            Some(false) => consumer.resume(),
            None => {}
        }
    }
    Ok(Json(SentLayer { layer: current, paused }))
}
