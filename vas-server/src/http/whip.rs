//! The WHIP door: a publisher's SDP offer in, an answer and a session URL out (RFC 9725).
//!
//! A device is an endpoint; it has one session at a time. Session URLs hold 190 random bits; who knows one may end the
//! session.

use super::HttpState;
use super::extract::{Id, path_parameter, read_body};
use super::guard::Scoped;
use super::ice;
use super::problem::Problem;
use super::schema;
use super::whep::{ACCEPT_PATCH, ACCEPT_POST, FRAGMENT, SDP, must_be, precondition, text};
use crate::control::{Control, PublishError};
use axum::extract::{FromRequestParts, Request};
use axum::http::header::{ALLOW, CONTENT_TYPE, ETAG, LINK, LOCATION};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use vas_core::DeviceId;
use vas_sfu::whip::{WhipError, WhipPatch, WhipPatchError, WhipSession};

/// When to try again a device that has a publisher: one that is gone without a word is noticed by then.
const RETRY_SECONDS: u64 = 5;
/// What publishers are called towards TURN servers.
const PUBLISHER: &str = "publisher";

pub(super) fn routes() -> OpenApiRouter<HttpState> {
    OpenApiRouter::new().routes(routes!(publish, endpoint_options, empty)).routes(routes!(
        end,
        patch,
        session_options,
        session_exists
    ))
}

/// Publish to a device over WebRTC (WHIP, RFC 9725)
///
/// The device's address begins with `whip://`, and its stream is started.
#[utoipa::path(
    post, path = "/v2/whip/{id}", tag = "Publishing", params(schema::DevicePath),
    request_body(content = String, content_type = "application/sdp", description = "The offer (RFC 8866)."),
    responses(
        (status = 201, description = "The answer; `Link` names STUN and TURN servers.", body = String,
         content_type = "application/sdp",
         headers(("Location", description = "The session."), ("ETag", description = "Of its ICE session."))),
        (status = 400, description = "The body is no SDP."),
        (status = 406, description = "No codec is in common."),
        (status = 409, description = "The device has a publisher already, takes none, or does not run."),
        (status = 503, description = "A limit on publishers is reached; `Retry-After` says when to try again."),
    ),
)]
async fn publish(
    Scoped(state): Scoped<HttpState>,
    Id(device): Id<DeviceId>,
    request: Request,
) -> Result<Response, Problem> {
    state.control.device(device).await?;
    must_be(request.headers(), SDP)?;
    let offer = text(read_body(request, state.limits.sdp_bytes).await?)?;
    let (session, answer) = state.control.publish(device, &offer).await.map_err(refused)?;
    let headers = [
        (CONTENT_TYPE, SDP.to_owned()),
        (LOCATION, format!("/v2/whip/{device}/{}", session.id())),
        (ETAG, session.etag()),
        (ACCEPT_PATCH, FRAGMENT.to_owned()),
    ];
    let mut response = (StatusCode::CREATED, headers, answer).into_response();
    add_ice_servers(&state, response.headers_mut());
    Ok(response)
}

fn add_ice_servers(state: &HttpState, headers: &mut HeaderMap) {
    for link in ice::links(&state.control.live().ice_servers(PUBLISHER)) {
        headers.append(LINK, link);
    }
}

fn refused(error: PublishError) -> Problem {
    match error {
        PublishError::Control(error) => error.into(),
        PublishError::Refused(WhipError::BadOffer(_)) => {
            Problem::new(StatusCode::BAD_REQUEST, "INVALID_SDP", error.to_string())
        }
        PublishError::Refused(WhipError::NotAcceptable(_)) => {
            Problem::new(StatusCode::NOT_ACCEPTABLE, "NO_COMMON_CODEC", error.to_string())
        }
        PublishError::Refused(WhipError::Taken(_)) => {
            Problem::new(StatusCode::CONFLICT, "CONFLICT", "the device has a publisher already")
                .retry_after(RETRY_SECONDS)
        }
        PublishError::Stopped => Problem::new(StatusCode::CONFLICT, "STREAM_NOT_LIVE", error.to_string())
            .with_details(json!({ "current_state": "stopped" })),
        error => Problem::of(&error),
    }
}

/// A session, of the URL.
struct Session(WhipSession);

impl FromRequestParts<HttpState> for Session {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &HttpState) -> Result<Self, Problem> {
        let Id(device) = Id::from_request_parts(parts, state).await?;
        let name = path_parameter(parts, "session").await.unwrap_or_default();
        let Ok(Scoped(control)) = Scoped::<Control>::from_request_parts(parts, state).await;
        let session = control.published(device, &name).await;
        session.map(Self).ok_or_else(|| Problem::not_found("session; it may have ended"))
    }
}

/// End a WHIP session
///
/// When this is answered, the device takes another one.
#[utoipa::path(
    delete, path = "/v2/whip/{id}/{session}", tag = "Publishing", params(schema::WhipSessionPath),
    responses((status = 200, description = "It has ended.")),
)]
async fn end(Session(session): Session) -> StatusCode {
    session.close();
    session.closed().await;
    StatusCode::OK
}

/// Trickle, or restart ICE (RFC 9725, section 4.3)
#[utoipa::path(
    patch, path = "/v2/whip/{id}/{session}", tag = "Publishing", params(schema::WhipSessionPath, schema::IfMatch),
    request_body(content = String, content_type = "application/trickle-ice-sdpfrag", description = "A fragment (RFC 8840)."),
    responses(
        (status = 200, description = "ICE was restarted: the server's fragment.", body = String,
         content_type = "application/trickle-ice-sdpfrag", headers(("ETag", description = "Of the new ICE session."))),
        (status = 204, description = "It was taken."),
        (status = 400, description = "The body is no SDP."),
        (status = 409, description = "The session is closed."),
        (status = 412, description = "ICE was restarted meanwhile."),
        (status = 428, description = "`If-Match` is missing."),
    ),
)]
async fn patch(
    Scoped(state): Scoped<HttpState>,
    Session(session): Session,
    request: Request,
) -> Result<Response, Problem> {
    must_be(request.headers(), FRAGMENT)?;
    precondition(request.headers(), &session.etag())?;
    let fragment = text(read_body(request, state.limits.sdp_bytes).await?)?;
    Ok(match session.patch(&fragment).await.map_err(not_taken)? {
        WhipPatch::Trickled => StatusCode::NO_CONTENT.into_response(),
        WhipPatch::Restarted(answer) => {
            ([(CONTENT_TYPE, FRAGMENT.to_owned()), (ETAG, session.etag())], answer).into_response()
        }
    })
}

fn not_taken(error: WhipPatchError) -> Problem {
    match error {
        WhipPatchError::BadFragment(_) => {
            Problem::new(StatusCode::BAD_REQUEST, "INVALID_SDP", error.to_string())
        }
        error => Problem::of(&error),
    }
}

/// Ask what a WHIP endpoint takes
#[utoipa::path(
    options, path = "/v2/whip/{id}", tag = "Publishing", params(schema::DevicePath),
    responses((status = 200, description = "`Accept-Post` says it; `Link` names STUN and TURN servers.")),
)]
async fn endpoint_options(
    Scoped(state): Scoped<HttpState>,
    Id(device): Id<DeviceId>,
) -> Result<Response, Problem> {
    state.control.device(device).await?;
    let headers = [(ALLOW, "GET, HEAD, OPTIONS, POST"), (ACCEPT_POST, SDP)];
    let mut response = (StatusCode::OK, headers).into_response();
    add_ice_servers(&state, response.headers_mut());
    Ok(response)
}

/// Ask what a WHIP session takes
#[utoipa::path(
    options, path = "/v2/whip/{id}/{session}", tag = "Publishing", params(schema::WhipSessionPath),
    responses((status = 200, description = "`Accept-Patch` says it.")),
)]
async fn session_options(_session: Session) -> Response {
    let headers = [(ALLOW, "DELETE, GET, HEAD, OPTIONS, PATCH"), (ACCEPT_PATCH, FRAGMENT)];
    (StatusCode::OK, headers).into_response()
}

/// Ask whether there is a WHIP endpoint
///
/// It has no representation (RFC 9725, section 4.2).
#[utoipa::path(
    get, path = "/v2/whip/{id}", tag = "Publishing", params(schema::DevicePath),
    responses((status = 204, description = "There is.")),
)]
async fn empty(Scoped(state): Scoped<HttpState>, Id(device): Id<DeviceId>) -> Result<Response, Problem> {
    state.control.device(device).await?;
    Ok((StatusCode::NO_CONTENT, [(ACCEPT_POST, SDP)]).into_response())
}

/// Ask whether there is a WHIP session
///
/// It has no representation.
#[utoipa::path(
    get, path = "/v2/whip/{id}/{session}", tag = "Publishing", params(schema::WhipSessionPath),
    responses((status = 204, description = "There is.")),
)]
async fn session_exists(_session: Session) -> StatusCode {
    StatusCode::NO_CONTENT
}
