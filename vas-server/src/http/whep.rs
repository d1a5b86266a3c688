//! The WHEP door: an SDP offer in, an answer and a session URL out (draft-ietf-wish-whep, on the pattern of
//! RFC 9725).
//!
//! Session URLs hold 190 random bits; who knows one may end the session.

use super::HttpState;
use super::extract::{Id, media_type, path_parameter, read_body};
use super::guard::Scoped;
use super::ice;
use super::problem::{Problem, Verbatim};
use super::schema;
use super::viewers::{ClientAddress, VIEWER, WantedLayer, fallback, not_admitted};
use crate::control::{Control, NotWatchable, WatchError};
use axum::body::Bytes;
use axum::extract::{FromRequestParts, Request};
use axum::http::header::{ACCEPT, ALLOW, CONTENT_TYPE, ETAG, IF_MATCH, LINK, LOCATION};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use vas_core::StreamId;
use vas_sfu::{
    AnswerError, ConsumeError, FragmentOutcome, PatchError, TransportError, ViewerOptions, WhepError,
    WhepSession,
};

pub(super) const SDP: &str = "application/sdp";
pub(super) const FRAGMENT: &str = "application/trickle-ice-sdpfrag";
/// What a session takes: fragments, and the answer to a counter-offer.
const PATCHES: &str = "application/trickle-ice-sdpfrag, application/sdp";
pub(super) const ACCEPT_POST: HeaderName = HeaderName::from_static("accept-post");
pub(super) const ACCEPT_PATCH: HeaderName = HeaderName::from_static("accept-patch");

pub(super) fn routes() -> OpenApiRouter<HttpState> {
    OpenApiRouter::new().routes(routes!(watch, endpoint_options, empty)).routes(routes!(
        end,
        patch,
        session_options,
        session_exists
    ))
}

/// Watch a stream over WebRTC (WHEP)
#[utoipa::path(
    post, path = "/v2/streams/{id}/whep", tag = "Watching", params(schema::StreamPath, schema::WhepQuery),
    request_body(content = String, content_type = "application/sdp", description = "The offer (RFC 8866)."),
    responses(
        (status = 201, description = "The answer; `Link` names STUN and TURN servers.", body = String,
         content_type = "application/sdp",
         headers(("Location", description = "The session."), ("ETag", description = "Of its ICE session."))),
        (status = 400, description = "The body is no SDP."),
        (status = 406, description = "No codec is in common: a counter-offer, or a problem for who accepts those.",
         content((String = "application/sdp"), (schema::Problem = "application/problem+json"))),
        (status = 409, description = "The stream does not run, or has no picture yet."),
        (status = 503, description = "A limit on viewers is reached; `Retry-After` says when to try again."),
    ),
)]
async fn watch(
    Scoped(state): Scoped<HttpState>,
    Id(id): Id<StreamId>,
    ClientAddress(client): ClientAddress,
    wanted: Result<WantedLayer, Problem>,
    request: Request,
) -> Result<Response, Problem> {
    let info = state.control.stream(id).await?;
    must_be(request.headers(), SDP)?;
    let wants_problems = wants_problems(request.headers());
    let offer = text(read_body(request, state.limits.sdp_bytes).await?)?;
    state.control.watchable(&info)?;
    let preferred = wanted?.of(state.control.live().layers(id))?;
    let options = ViewerOptions { client, preferred };
    let (live, lease) = (state.control.live(), state.control.sight().lease.clone());
    let (status, viewer) = match live.watch(id, &offer, options, lease.clone()) {
        Ok(viewer) => (StatusCode::CREATED, viewer),
        // The viewer may have kept the codec back; what it answers will tell.
        Err(WatchError::Refused(WhepError::NoCommonCodec { .. })) if !wants_problems => {
            let viewer = live.counter_offer(id, options, lease).map_err(|error| refused(&error, id))?;
            (StatusCode::NOT_ACCEPTABLE, viewer)
        }
        Err(error) => return Err(refused(&error, id)),
    };
    let headers = [
        (CONTENT_TYPE, SDP.to_owned()),
        (LOCATION, format!("/v2/streams/{id}/whep/{}", viewer.session)),
        (ETAG, viewer.etag),
        (ACCEPT_PATCH, PATCHES.to_owned()),
    ];
    let mut response = (status, headers, viewer.description).into_response();
    for link in ice::links(&live.ice_servers(VIEWER)) {
        response.headers_mut().append(LINK, link);
    }
    response.extensions_mut().insert(Verbatim);
    Ok(response)
}

/// Whether a client would have a refusal as a problem document, where the draft has a counter-offer: a page that falls
/// back to HLS says so.
fn wants_problems(headers: &HeaderMap) -> bool {
    let mut accepted = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    accepted.any(|list| list.to_ascii_lowercase().contains("application/problem+json"))
}

/// The refusal of a viewer that can't decode the stream: it names the ways that are left.
fn unsupported(status: StatusCode, description: String, stream: StreamId) -> Problem {
    let details = json!({ "fallback": fallback(stream) });
    Problem::new(status, "UNSUPPORTED_CODEC", description).with_details(details)
}

/// The refusal of a viewer of `stream`.
pub(crate) fn refused(error: &WatchError, stream: StreamId) -> Problem {
    match error {
        WatchError::Refused(WhepError::BadOffer(_)) => {
            Problem::new(StatusCode::BAD_REQUEST, "INVALID_SDP", error.to_string())
        }
        WatchError::Refused(WhepError::NoCommonCodec { .. }) => {
            unsupported(StatusCode::NOT_ACCEPTABLE, error.to_string(), stream)
        }
        WatchError::Refused(
            WhepError::Transport(TransportError::Admission(error))
            | WhepError::Consume(ConsumeError::Admission(error)),
        ) => not_admitted(error),
        // The last: stopped at this very moment; the next attempt is told so.
        WatchError::NotRunning
        | WatchError::Refused(WhepError::NoMedia | WhepError::Consume(ConsumeError::Closed(_))) => {
            NotWatchable::NoPicture.into()
        }
        other => Problem::of(other),
    }
}

/// A session and its name, of the URL.
pub(super) struct Session {
    stream: StreamId,
    name: String,
    session: WhepSession,
}

impl Session {
    pub(super) fn into_inner(self) -> WhepSession {
        self.session
    }
}

impl FromRequestParts<HttpState> for Session {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &HttpState) -> Result<Self, Problem> {
        let Id(stream) = Id::from_request_parts(parts, state).await?;
        let name = path_parameter(parts, "session").await.unwrap_or_default();
        let Ok(Scoped(control)) = Scoped::<Control>::from_request_parts(parts, state).await;
        control.stream(stream).await?;
        let session = control.live().session(stream, &name);
        let session = session.ok_or_else(|| Problem::not_found("session; it may have ended"))?;
        Ok(Self { stream, name, session })
    }
}

/// End a WHEP session
#[utoipa::path(
    delete, path = "/v2/streams/{id}/whep/{session}", tag = "Watching", params(schema::WhepSessionPath),
    responses((status = 200, description = "It has ended.")),
)]
async fn end(Scoped(state): Scoped<HttpState>, Session { stream, name, .. }: Session) -> StatusCode {
    state.control.live().end(stream, &name);
    StatusCode::OK
}

/// Trickle, restart ICE, or answer a counter-offer
///
/// The server has no need of trickled candidates. `If-Match` says which ICE session a fragment is meant for.
#[utoipa::path(
    patch, path = "/v2/streams/{id}/whep/{session}", tag = "Watching",
    params(schema::WhepSessionPath, schema::IfMatch),
    request_body(content((String = "application/trickle-ice-sdpfrag"), (String = "application/sdp")), description = "A fragment (RFC 8840), or the answer to a counter-offer."),
    responses(
        (status = 200, description = "ICE was restarted: the server's fragment.", body = String,
         content_type = "application/trickle-ice-sdpfrag", headers(("ETag", description = "Of the new ICE session."))),
        (status = 204, description = "It was taken."),
        (status = 400, description = "The body is no SDP."),
        (status = 409, description = "There is no counter-offer to answer, or the session is closed."),
        (status = 412, description = "ICE was restarted meanwhile."),
        (status = 422, description = "The answer takes nothing of the counter-offer."),
        (status = 428, description = "`If-Match` is missing."),
    ),
)]
async fn patch(
    Scoped(state): Scoped<HttpState>,
    Session { stream, session, .. }: Session,
    request: Request,
) -> Result<Response, Problem> {
    if media_type(request.headers()).is_some_and(|given| given == SDP) {
        let answer = text(read_body(request, state.limits.sdp_bytes).await?)?;
        session.answer(&answer).map_err(|error| match error {
            AnswerError::Rejected => unsupported(StatusCode::UNPROCESSABLE_ENTITY, error.to_string(), stream),
            AnswerError::BadAnswer(_) => {
                Problem::new(StatusCode::BAD_REQUEST, "INVALID_SDP", error.to_string())
            }
            error => Problem::of(&error),
        })?;
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    must_be(request.headers(), FRAGMENT)?;
    precondition(request.headers(), &session.etag())?;
    let fragment = text(read_body(request, state.limits.sdp_bytes).await?)?;
    let outcome = session.patch(&fragment).map_err(|error| match error {
        PatchError::BadFragment(_) => Problem::new(StatusCode::BAD_REQUEST, "INVALID_SDP", error.to_string()),
        error => Problem::of(&error),
    })?;
    Ok(match outcome {
        FragmentOutcome::Trickled => StatusCode::NO_CONTENT.into_response(),
        FragmentOutcome::Restarted(answer) => {
            ([(CONTENT_TYPE, FRAGMENT.to_owned()), (ETAG, session.etag())], answer).into_response()
        }
    })
}

/// Which ICE session a fragment is meant for must be said (RFC 9725, section 4.3.1): by its entity tag, or with `*` for
/// whichever it is, as restarts are sent.
pub(super) fn precondition(headers: &HeaderMap, etag: &str) -> Result<(), Problem> {
    let mut given = headers.get_all(IF_MATCH).iter().filter_map(|value| value.to_str().ok()).peekable();
    if given.peek().is_none() {
        let description = "send If-Match with the entity tag of the ICE session, or * to restart it";
        return Err(Problem::new(StatusCode::PRECONDITION_REQUIRED, "PRECONDITION_REQUIRED", description));
    }
    // Some clients put the asterisk in quotes, as the draft's example does.
    let matches = |tag: &str| tag == etag || tag == "*" || tag == "\"*\"";
    if given.flat_map(|list| list.split(',')).any(|tag| matches(tag.trim())) {
        return Ok(());
    }
    let description = "the session's ICE was restarted meanwhile; its entity tag is another now";
    Err(Problem::new(StatusCode::PRECONDITION_FAILED, "PRECONDITION_FAILED", description))
}

/// Ask what a WHEP endpoint takes
#[utoipa::path(
    options, path = "/v2/streams/{id}/whep", tag = "Watching", params(schema::StreamPath),
    responses((status = 200, description = "`Accept-Post` says it.")),
)]
async fn endpoint_options(
    Scoped(state): Scoped<HttpState>,
    Id(id): Id<StreamId>,
) -> Result<Response, Problem> {
    state.control.stream(id).await?;
    let headers = [(ALLOW, "GET, HEAD, OPTIONS, POST"), (ACCEPT_POST, SDP)];
    Ok((StatusCode::OK, headers).into_response())
}

/// Ask what a WHEP session takes
#[utoipa::path(
    options, path = "/v2/streams/{id}/whep/{session}", tag = "Watching", params(schema::WhepSessionPath),
    responses((status = 200, description = "`Accept-Patch` says it.")),
)]
async fn session_options(_session: Session) -> Response {
    let headers = [(ALLOW, "DELETE, GET, HEAD, OPTIONS, PATCH"), (ACCEPT_PATCH, PATCHES)];
    (StatusCode::OK, headers).into_response()
}

/// Ask whether there is a WHEP endpoint
///
/// It has no representation.
#[utoipa::path(
    get, path = "/v2/streams/{id}/whep", tag = "Watching", params(schema::StreamPath),
    responses((status = 204, description = "There is.")),
)]
async fn empty(Scoped(state): Scoped<HttpState>, Id(id): Id<StreamId>) -> Result<Response, Problem> {
    state.control.stream(id).await?;
    Ok((StatusCode::NO_CONTENT, [(ACCEPT_POST, SDP)]).into_response())
}

/// Ask whether there is a WHEP session
///
/// It has no representation.
#[utoipa::path(
    get, path = "/v2/streams/{id}/whep/{session}", tag = "Watching", params(schema::WhepSessionPath),
    responses((status = 204, description = "There is.")),
)]
async fn session_exists(_session: Session) -> StatusCode {
    StatusCode::NO_CONTENT
}

pub(super) fn must_be(headers: &HeaderMap, expected: &'static str) -> Result<(), Problem> {
    if media_type(headers).is_some_and(|given| given == expected) {
        return Ok(());
    }
    let description = format!("send the body as {expected}");
    Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "UNSUPPORTED_MEDIA_TYPE", description))
}

pub(super) fn text(body: Bytes) -> Result<String, Problem> {
    String::from_utf8(body.into())
        .map_err(|_| Problem::new(StatusCode::BAD_REQUEST, "INVALID_SDP", "the body is no SDP"))
}
