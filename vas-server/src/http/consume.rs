//! The door of `mediasoup-client`: capabilities out, capabilities in, a consumer and its transport out. Trickled
//! candidates are taken and not needed: this side answers checks wherever they come from.
//!
//! A consumer's id is 122 random bits; who knows one may connect and end it. Each call on a consumer has a short form
//! without the stream.

use super::HttpState;
use super::extract::{Id, JsonFields, path_parameter};
use super::fields::Fields;
use super::ice;
use super::problem::Problem;
use super::view;
use super::viewers::{ClientAddress, LAYERS, VIEWER, fallback, not_admitted, read_size};
use crate::control::{ConsumeFailure, ConsumeRequest, Consumed, ConsumerRecord, NotWatchable};
use axum::extract::{FromRequestParts, State};
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::http::request::Parts;
use axum::response::IntoResponse;
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use vas_core::StreamId;
use vas_sfu::ortc::{DtlsParameters, InvalidParameters, MediaKind, RtpCapabilities};
use vas_sfu::{
    ConnectError, ConsumeError, ConsumeOptions, ConsumerId, PreferredLayer, TransportError, TransportId,
    WebRtcTransport,
};

/// Longest name that a client gives itself, in characters.
const LONGEST_CLIENT_ID: usize = 200;
pub(super) fn routes() -> Router<HttpState> {
    Router::new()
        .route("/v2/streams/{id}/router-capabilities", get(router_capabilities))
        .route("/v2/streams/{id}/consume", post(consume))
        .route("/v2/streams/{id}/consumers", get(list))
        .route("/v2/streams/{id}/consumers/{consumer}", delete(end))
        .route("/v2/streams/{id}/consumers/{consumer}/connect", post(connect))
        .route("/v2/streams/{id}/consumers/{consumer}/ice-candidate", post(ice_candidate))
        .route("/v2/consumers/{consumer}", delete(end))
        .route("/v2/consumers/{consumer}/connect", post(connect))
        .route("/v2/consumers/{consumer}/ice-candidate", post(ice_candidate))
}

async fn router_capabilities(
    State(state): State<HttpState>,
    Id(id): Id<StreamId>,
) -> Result<Json<Value>, Problem> {
    state.control.stream(id).await?;
    Ok(Json(json!({ "rtp_capabilities": state.control.live().router().rtp_capabilities() })))
}

async fn consume(
    State(state): State<HttpState>,
    Id(stream): Id<StreamId>,
    ClientAddress(address): ClientAddress,
    JsonFields(mut body): JsonFields,
) -> Result<impl IntoResponse, Problem> {
    state.control.stream(stream).await?;
    let client = body.required_text("client_id", LONGEST_CLIENT_ID);
    let capabilities = read_capabilities(&mut body, "rtp_capabilities");
    let kind = read_kind(&mut body).unwrap_or(MediaKind::Video);
    let options = read_options(&mut body, state.control.live().layers(stream));
    let transport = body.text("transport_id", LONGEST_CLIENT_ID);
    body.finish()?;
    let transport = match transport {
        Some(id) => {
            Some(carrier(&state, &id).ok_or_else(|| Problem::not_found("transport; it may have closed"))?)
        }
        None => None,
    };
    let request = ConsumeRequest {
        stream,
        kind,
        // Both are there, or `finish` would have said so.
        client: client.unwrap_or_default(),
        address,
        capabilities: capabilities.unwrap_or_default(),
        transport,
        options,
    };
    let Consumed { consumer, transport, .. } =
        state.control.consume(request).await.map_err(|error| refused(error, stream))?;
    let id = consumer.id();
    let servers = state.control.live().ice_servers(VIEWER);
    let answer = json!({
        "consumer_id": id,
        "stream_id": stream,
        "producer_id": consumer.producer().id(),
        "kind": kind,
        "transport": {
            "id": transport.id(),
            "ice_parameters": transport.ice_parameters(),
            "ice_candidates": transport.ice_candidates(),
            "dtls_parameters": transport.dtls_parameters(),
        },
        "rtp_parameters": consumer.rtp_parameters(),
        "ice_servers": ice::json(&servers),
    });
    Ok((StatusCode::CREATED, [(LOCATION, format!("/v2/streams/{stream}/consumers/{id}"))], Json(answer)))
}

fn carrier(state: &HttpState, id: &str) -> Option<WebRtcTransport> {
    state.control.consumers().transport(id.parse::<TransportId>().ok()?)
}

/// What a viewer can receive; required.
pub(crate) fn read_capabilities(fields: &mut Fields, name: &str) -> Option<RtpCapabilities> {
    let capabilities: RtpCapabilities = fields.required_json(name)?;
    match capabilities.validate() {
        Ok(()) => Some(capabilities),
        Err(InvalidParameters { field, expected }) => {
            fields.refuse(&format!("{name}.{field}"), expected);
            None
        }
    }
}

/// The other end's certificates; required.
pub(crate) fn read_dtls(fields: &mut Fields, name: &str) -> Option<DtlsParameters> {
    let parameters: DtlsParameters = fields.required_json(name)?;
    match parameters.sha256() {
        Ok(_) => Some(parameters),
        Err(InvalidParameters { field, expected }) => {
            fields.refuse(&format!("{name}.{field}"), expected);
            None
        }
    }
}

/// Pictures or sound, where it is said.
pub(crate) fn read_kind(fields: &mut Fields) -> Option<MediaKind> {
    match fields.text("kind", 16)?.as_str() {
        "video" => Some(MediaKind::Video),
        "audio" => Some(MediaKind::Audio),
        _ => {
            fields.refuse("kind", "must be video or audio");
            None
        }
    }
}

/// How a consumer of a stream with so many layers is to begin.
pub(crate) fn read_options(fields: &mut Fields, layers: usize) -> ConsumeOptions {
    let paused = fields.flag("paused").unwrap_or(false);
    ConsumeOptions { paused, preferred: read_preferred(fields, layers) }
}

/// Which layer a viewer would have: one by its name or number, and the size in which the picture is shown.
pub(crate) fn read_preferred(fields: &mut Fields, layers: usize) -> PreferredLayer {
    let layer = match fields.raw("layer") {
        None | Some(Value::Null) => None,
        Some(layer) => {
            let named = layer.as_str().and_then(|name| LAYERS.iter().position(|known| *known == name));
            let place = named.or_else(|| layer.as_u64().and_then(|place| usize::try_from(place).ok()));
            if place.is_none_or(|place| place >= layers.max(1)) {
                fields.refuse(
                    "layer",
                    "must be a layer of the stream: main or 0, and sub or 1 where it has one",
                );
            }
            place
        }
    };
    PreferredLayer { layer, size: read_size(fields) }
}

/// A consumer that a path names, and its stream's id where the path has it.
struct Named(Consumed);

impl FromRequestParts<HttpState> for Named {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &HttpState) -> Result<Self, Problem> {
        let stream = match path_parameter(parts, "id").await {
            Some(id) => Some(id.parse().map_err(|_| Problem::not_found("stream"))?),
            None => None,
        };
        let id: Option<ConsumerId> = path_parameter(parts, "consumer").await.and_then(|id| id.parse().ok());
        let consumed = id.and_then(|id| state.control.consumers().get(id, stream));
        consumed.map(Self).ok_or_else(|| Problem::not_found("consumer; it may have ended"))
    }
}

async fn connect(
    Named(Consumed { consumer, transport, .. }): Named,
    JsonFields(mut body): JsonFields,
) -> Result<Json<Value>, Problem> {
    let parameters = read_dtls(&mut body, "dtls_parameters");
    body.finish()?;
    if let Some(parameters) = parameters {
        transport.connect(&parameters)?;
    }
    Ok(Json(json!({
        "status": "connected",
        "consumer_id": consumer.id(),
        "transport_id": transport.id(),
    })))
}

async fn ice_candidate(
    Named(Consumed { consumer, .. }): Named,
    JsonFields(mut body): JsonFields,
) -> Result<Json<Value>, Problem> {
    read_candidate(&mut body);
    body.finish()?;
    Ok(Json(json!({ "status": "acknowledged", "consumer_id": consumer.id() })))
}

/// A candidate as browsers give it: an object, its text, or null for the end of candidates. An ICE-lite agent needs
/// none of them.
pub(crate) fn read_candidate(fields: &mut Fields) {
    match fields.raw("candidate") {
        Some(Value::Object(_) | Value::String(_) | Value::Null) => {}
        Some(_) => fields.refuse("candidate", "must be an object, a text or null"),
        None => fields.refuse("candidate", "is required"),
    }
}

async fn end(State(state): State<HttpState>, Named(Consumed { consumer, .. }): Named) -> StatusCode {
    state.control.consumers().end(consumer.id());
    StatusCode::NO_CONTENT
}

async fn list(State(state): State<HttpState>, Id(stream): Id<StreamId>) -> Result<Json<Value>, Problem> {
    state.control.stream(stream).await?;
    let records = state.control.consumers().of(stream);
    let active = records.iter().filter(|record| record.closed_at.is_none()).count();
    Ok(Json(json!({
        "stream_id": stream,
        "total_consumers": records.len(),
        "active_consumers": active,
        "consumers": records.iter().map(record).collect::<Vec<_>>(),
    })))
}

fn record(record: &ConsumerRecord) -> Value {
    let state = match (record.closed_at, record.connected) {
        (Some(_), _) => "CLOSED",
        (None, true) => "CONNECTED",
        (None, false) => "CONNECTING",
    };
    json!({
        "id": record.id,
        "client_id": record.client,
        "kind": record.kind,
        "state": state,
        "created_at": view::time(record.created_at),
        "last_seen_at": view::time(record.last_seen_at),
        "closed_at": record.closed_at.map(view::time),
    })
}

/// Why a stream is not sent to a viewer. To one that can't decode it the way that is left is named.
pub(crate) fn refused(error: ConsumeFailure, stream: StreamId) -> Problem {
    match error {
        ConsumeFailure::Control(error) => error.into(),
        ConsumeFailure::NotWatchable(error) => error.into(),
        ConsumeFailure::NoTrack(_) => Problem::new(StatusCode::NOT_FOUND, "NOT_FOUND", error.to_string()),
        ConsumeFailure::Refused(ConsumeError::Unsupported(why)) => {
            let fallback = fallback(stream);
            let details = json!({ "kind": why.kind, "codecs": why.codecs, "fallback": fallback });
            let (status, code) = (StatusCode::UNPROCESSABLE_ENTITY, "UNSUPPORTED_CAPABILITIES");
            Problem::new(status, code, why.to_string()).with_details(details)
        }
        ConsumeFailure::Refused(ConsumeError::Admission(error))
        | ConsumeFailure::Transport(TransportError::Admission(error)) => not_admitted(&error),
        // The last: stopped at this very moment; the next attempt is told so.
        ConsumeFailure::Refused(ConsumeError::NoMedia | ConsumeError::Closed("producer")) => {
            NotWatchable::NoPicture.into()
        }
        other => Problem::of(&other),
    }
}

impl From<ConnectError> for Problem {
    fn from(error: ConnectError) -> Self {
        Self::of(&error)
    }
}
