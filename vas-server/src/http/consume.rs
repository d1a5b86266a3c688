//! The door of `mediasoup-client`: capabilities out, capabilities in, a consumer and its transport out. Trickled
//! candidates are taken and not needed: this side answers checks wherever they come from.
//!
//! A consumer's id is 122 random bits; who knows one may connect and end it. Each call on a consumer has a short form
//! without the stream.

use super::HttpState;
use super::extract::{Id, JsonFields, path_parameter};
use super::fields::Fields;
use super::guard::Scoped;
use super::ice;
use super::problem::Problem;
use super::schema;
use super::view::time;
use super::viewers::{ClientAddress, LAYERS, VIEWER, fallback, not_admitted, read_size};
use crate::control::{ConsumeFailure, ConsumeRequest, Consumed, ConsumerRecord, Control, NotWatchable};
use axum::Json;
use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::http::request::Parts;
use axum::response::IntoResponse;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use vas_core::StreamId;
use vas_sfu::ortc::{DtlsParameters, InvalidParameters, MediaKind, RtpCapabilities};
use vas_sfu::{
    ConnectError, ConsumeError, ConsumeOptions, ConsumerId, PreferredLayer, TransportError, TransportId,
    WebRtcTransport,
};

/// Longest name that a client gives itself, in characters.
const LONGEST_CLIENT_ID: usize = 200;

pub(super) fn routes() -> OpenApiRouter<HttpState> {
    let home =
        || OpenApiRouter::new().routes(routes!(end)).routes(routes!(connect)).routes(routes!(ice_candidate));
    OpenApiRouter::new()
        .routes(routes!(router_capabilities))
        .routes(routes!(consume))
        .routes(routes!(list))
        .nest("/v2/streams/{id}/consumers", home())
        .nest("/v2/consumers", home())
}

/// Show what can be sent to viewers
#[utoipa::path(
    get, path = "/v2/streams/{id}/router-capabilities", tag = "Watching", params(schema::StreamPath),
    responses((status = 200, description = "The same for every stream.", body = schema::RouterCapabilities)),
)]
async fn router_capabilities(
    Scoped(state): Scoped<HttpState>,
    Id(id): Id<StreamId>,
) -> Result<Json<Value>, Problem> {
    state.control.stream(id).await?;
    Ok(Json(json!({ "rtp_capabilities": state.control.live().router().rtp_capabilities() })))
}

/// Have a stream sent to a viewer
#[utoipa::path(
    post, path = "/v2/streams/{id}/consume", tag = "Watching", params(schema::StreamPath),
    request_body = schema::ConsumeRequest,
    responses(
        (status = 201, description = "The consumer and its transport.", body = schema::ConsumeAnswer,
         headers(("Location", description = "Where it is."))),
        (status = 409, description = "The stream does not run, or has no picture yet."),
        (status = 422, description = "A field is wrong, or no codec is in common (`UNSUPPORTED_CAPABILITIES`)."),
        (status = 503, description = "A limit on viewers is reached; `Retry-After` says when to try again."),
    ),
)]
async fn consume(
    Scoped(state): Scoped<HttpState>,
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
        let Ok(Scoped(control)) = Scoped::<Control>::from_request_parts(parts, state).await;
        let consumed = id.and_then(|id| control.consumers().get(id, stream));
        let consumed = consumed.ok_or_else(|| Problem::not_found("consumer; it may have ended"))?;
        // Of a stream that the caller sees: short forms name none.
        control.stream(consumed.stream).await?;
        Ok(Self(consumed))
    }
}

/// A consumer's transport has the viewer's certificates.
#[derive(Debug, Serialize, ToSchema)]
struct ConsumerConnected {
    /// Always `connected`: a wrong certificate shows as a failed handshake.
    status: &'static str,
    #[schema(value_type = Uuid)]
    consumer_id: ConsumerId,
    #[schema(value_type = Uuid)]
    transport_id: TransportId,
}

/// Connect a consumer's transport
#[utoipa::path(
    post, path = "/{consumer}/connect", tag = "Watching", params(schema::ConsumerPath),
    request_body = schema::ConnectRequest,
    responses(
        (status = 200, description = "The handshake may begin.", body = ConsumerConnected),
        (status = 409, description = "It was connected with other certificates, or is closed."),
    ),
)]
async fn connect(
    Named(Consumed { consumer, transport, .. }): Named,
    JsonFields(mut body): JsonFields,
) -> Result<Json<ConsumerConnected>, Problem> {
    let parameters = read_dtls(&mut body, "dtls_parameters");
    body.finish()?;
    if let Some(parameters) = parameters {
        transport.connect(&parameters)?;
    }
    let (consumer_id, transport_id) = (consumer.id(), transport.id());
    Ok(Json(ConsumerConnected { status: "connected", consumer_id, transport_id }))
}

/// A candidate was taken.
#[derive(Debug, Serialize, ToSchema)]
struct CandidateTaken {
    /// Always `acknowledged`.
    status: &'static str,
    #[schema(value_type = Uuid)]
    consumer_id: ConsumerId,
}

/// Trickle a candidate
///
/// The server has no need of it: it answers checks wherever they come from.
#[utoipa::path(
    post, path = "/{consumer}/ice-candidate", tag = "Watching", params(schema::ConsumerPath),
    request_body = schema::CandidateRequest,
    responses((status = 200, description = "It was taken.", body = CandidateTaken)),
)]
async fn ice_candidate(
    Named(Consumed { consumer, .. }): Named,
    JsonFields(mut body): JsonFields,
) -> Result<Json<CandidateTaken>, Problem> {
    read_candidate(&mut body);
    body.finish()?;
    Ok(Json(CandidateTaken { status: "acknowledged", consumer_id: consumer.id() }))
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

/// End a consumer
#[utoipa::path(
    delete, path = "/{consumer}", tag = "Watching", params(schema::ConsumerPath),
    responses((status = 204, description = "It has ended.")),
)]
async fn end(Scoped(state): Scoped<HttpState>, Named(Consumed { consumer, .. }): Named) -> StatusCode {
    state.control.consumers().end(consumer.id());
    StatusCode::NO_CONTENT
}

/// The consumers of a stream, those that ended lately among them.
#[derive(Debug, Serialize, ToSchema)]
struct ConsumerList {
    #[schema(value_type = Uuid)]
    stream_id: StreamId,
    total_consumers: usize,
    active_consumers: usize,
    consumers: Vec<ConsumerView>,
}

/// A consumer.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Consumer)]
struct ConsumerView {
    #[schema(value_type = Uuid)]
    id: ConsumerId,
    /// What the client calls itself.
    client_id: String,
    #[schema(value_type = schema::MediaKind)]
    kind: MediaKind,
    state: ConsumerState,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(format = DateTime)]
    last_seen_at: String,
    #[schema(format = DateTime)]
    closed_at: Option<String>,
}

/// How far a consumer has come.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
enum ConsumerState {
    Connecting,
    Connected,
    Closed,
}

/// List a stream's consumers
#[utoipa::path(
    get, path = "/v2/streams/{id}/consumers", tag = "Watching", params(schema::StreamPath),
    responses((status = 200, description = "The consumers.", body = ConsumerList)),
)]
async fn list(
    Scoped(state): Scoped<HttpState>,
    Id(stream): Id<StreamId>,
) -> Result<Json<ConsumerList>, Problem> {
    state.control.stream(stream).await?;
    let records = state.control.consumers().of(stream);
    Ok(Json(ConsumerList {
        stream_id: stream,
        total_consumers: records.len(),
        active_consumers: records.iter().filter(|record| record.closed_at.is_none()).count(),
        consumers: records.iter().map(ConsumerView::new).collect(),
    }))
}

impl ConsumerView {
    fn new(record: &ConsumerRecord) -> Self {
        Self {
            id: record.id,
            client_id: record.client.clone(),
            kind: record.kind,
            state: match (record.closed_at, record.connected) {
                (Some(_), _) => ConsumerState::Closed,
                (None, true) => ConsumerState::Connected,
                (None, false) => ConsumerState::Connecting,
            },
            created_at: time(record.created_at),
            last_seen_at: time(record.last_seen_at),
            closed_at: record.closed_at.map(time),
        }
    }
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
