//! The WHEP door: an SDP offer in, an answer and a session URL out (draft-ietf-wish-whep, on the pattern of
//! RFC 9725).
//!
//! Session URLs hold 190 random bits; who knows one may end the session.

use super::HttpState;
use super::extract::{Id, media_type, path_parameter, read_body};
use super::problem::Problem;
use crate::control::WatchError;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{FromRequestParts, Request, State};
use axum::http::header::{ALLOW, CONTENT_TYPE, ETAG, IF_MATCH, LINK, LOCATION};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde_json::json;
use vas_core::StreamId;
use vas_core::model::StreamState;
use vas_sfu::{ConsumeError, FragmentOutcome, WhepError, WhepSession};

const SDP: &str = "application/sdp";
const FRAGMENT: &str = "application/trickle-ice-sdpfrag";
const ACCEPT_POST: HeaderName = HeaderName::from_static("accept-post");
const ACCEPT_PATCH: HeaderName = HeaderName::from_static("accept-patch");
/// When to try again a stream that has no picture yet.
const RETRY_SECONDS: u64 = 2;

pub(super) fn routes() -> Router<HttpState> {
    Router::new().route("/v2/streams/{id}/whep", post(watch).options(endpoint_options).get(empty)).route(
        "/v2/streams/{id}/whep/{session}",
        axum::routing::delete(end).patch(patch).options(session_options).get(session_exists),
    )
}

async fn watch(
    State(state): State<HttpState>,
    Id(id): Id<StreamId>,
    request: Request,
) -> Result<Response, Problem> {
    let info = state.control.stream(id).await?;
    must_be(request.headers(), SDP)?;
    let offer = text(read_body(request, state.limits.sdp_bytes).await?)?;
    match info.present.state {
        StreamState::Live => {}
        StreamState::Initializing | StreamState::Ready => return Err(no_producer()),
        state => {
            let current = state.name().to_ascii_lowercase();
            let description = format!("the stream is {current}: {}", info.present.reason);
            return Err(Problem::new(StatusCode::CONFLICT, "STREAM_NOT_LIVE", description)
                .with_details(json!({ "current_state": current })));
        }
    }
    let viewer = state.control.live().watch(id, &offer).map_err(|error| refused(&error))?;
    let location = format!("/v2/streams/{id}/whep/{}", viewer.session);
    let headers = [
        (CONTENT_TYPE, SDP.to_owned()),
        (LOCATION, location),
        (ETAG, viewer.etag),
        (ACCEPT_PATCH, FRAGMENT.to_owned()),
    ];
    let mut response = (StatusCode::CREATED, headers, viewer.answer).into_response();
    for server in state.ice_servers.iter() {
        if let Ok(link) = HeaderValue::from_str(&format!("<{server}>; rel=\"ice-server\"")) {
            response.headers_mut().append(LINK, link);
        }
    }
    Ok(response)
}

fn no_producer() -> Problem {
    let description = "the camera has not sent a picture yet; try again soon";
    Problem::new(StatusCode::CONFLICT, "NO_PRODUCER", description).retry_after(RETRY_SECONDS)
}

fn refused(error: &WatchError) -> Problem {
    match error {
        WatchError::Refused(WhepError::BadOffer(_)) => {
            Problem::new(StatusCode::BAD_REQUEST, "INVALID_SDP", error.to_string())
        }
        WatchError::Refused(WhepError::NoCommonCodec { .. }) => {
            Problem::new(StatusCode::NOT_ACCEPTABLE, "NO_COMMON_CODEC", error.to_string())
        }
        // The last: stopped at this very moment; the next attempt is told so.
        WatchError::NotRunning
        | WatchError::Refused(WhepError::NoMedia | WhepError::Consume(ConsumeError::Closed(_))) => {
            no_producer()
        }
        other => Problem::of(other),
    }
}

/// A session and its name, of the URL.
struct Session {
    stream: StreamId,
    name: String,
    session: WhepSession,
}

impl FromRequestParts<HttpState> for Session {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &HttpState) -> Result<Self, Problem> {
        let Id(stream) = Id::from_request_parts(parts, state).await?;
        let name = path_parameter(parts, "session").await.unwrap_or_default();
        let session = state.control.live().session(stream, &name);
        let session = session.ok_or_else(|| Problem::not_found("session; it may have ended"))?;
        Ok(Self { stream, name, session })
    }
}

async fn end(State(state): State<HttpState>, Session { stream, name, .. }: Session) -> StatusCode {
    state.control.live().end(stream, &name);
    StatusCode::OK
}

/// A trickled candidate, of which an ICE-lite server has no need, or a restart of ICE.
async fn patch(
    State(state): State<HttpState>,
    Session { session, .. }: Session,
    request: Request,
) -> Result<Response, Problem> {
    must_be(request.headers(), FRAGMENT)?;
    // The present tag, or any (RFC 9725, section 4.3.1). Without the header the request is taken as for any.
    let matches = |tag: &HeaderValue| tag.as_bytes() == b"*" || tag.as_bytes() == session.etag().as_bytes();
    if request.headers().get(IF_MATCH).is_some_and(|tag| !matches(tag)) {
        let description = "the session's ICE was restarted meanwhile; its entity tag is another now";
        return Err(Problem::new(StatusCode::PRECONDITION_FAILED, "PRECONDITION_FAILED", description));
    }
    let fragment = text(read_body(request, state.limits.sdp_bytes).await?)?;
    let outcome = session
        .patch(&fragment)
        .map_err(|error| Problem::new(StatusCode::BAD_REQUEST, "INVALID_SDP", error.to_string()))?;
    Ok(match outcome {
        FragmentOutcome::Trickled => StatusCode::NO_CONTENT.into_response(),
        FragmentOutcome::Restarted(answer) => {
            ([(CONTENT_TYPE, FRAGMENT.to_owned()), (ETAG, session.etag())], answer).into_response()
        }
    })
}

async fn endpoint_options(State(state): State<HttpState>, Id(id): Id<StreamId>) -> Result<Response, Problem> {
    state.control.stream(id).await?;
    let headers = [(ALLOW, "GET, OPTIONS, POST"), (ACCEPT_POST, SDP)];
    Ok((StatusCode::NO_CONTENT, headers).into_response())
}

async fn session_options(_session: Session) -> Response {
    let headers = [(ALLOW, "DELETE, GET, OPTIONS, PATCH"), (ACCEPT_PATCH, FRAGMENT)];
    (StatusCode::NO_CONTENT, headers).into_response()
}

/// The draft leaves GET for later: an empty success.
async fn empty(State(state): State<HttpState>, Id(id): Id<StreamId>) -> Result<Response, Problem> {
    state.control.stream(id).await?;
    Ok((StatusCode::NO_CONTENT, [(ACCEPT_POST, SDP)]).into_response())
}

async fn session_exists(_session: Session) -> StatusCode {
    StatusCode::NO_CONTENT
}

fn must_be(headers: &HeaderMap, expected: &'static str) -> Result<(), Problem> {
    if media_type(headers).is_some_and(|given| given == expected) {
        return Ok(());
    }
    let description = format!("send the body as {expected}");
    Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "UNSUPPORTED_MEDIA_TYPE", description))
}

fn text(body: Bytes) -> Result<String, Problem> {
    String::from_utf8(body.into())
        .map_err(|_| Problem::new(StatusCode::BAD_REQUEST, "INVALID_SDP", "the body is no SDP"))
}
