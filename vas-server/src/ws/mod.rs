//! Signalling over WebSocket (RFC 6455): one socket for a viewer of one stream or several, with answers to its requests
//! and news of what it watches. What a socket made ends with it.

mod events;
mod feed;
mod message;
mod requests;
mod session;
mod sockets;

pub(crate) use sockets::Sockets;

use crate::http::viewers::ClientAddress;
use crate::http::{HttpState, Id, Problem, Scoped, schema, time};
use axum::Json;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::http::header::UPGRADE;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use session::Session;
use sockets::{Socket, SocketInfo};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;
use vas_core::StreamId;

/// Largest message of a client in bytes.
const MAX_MESSAGE: usize = 64 << 10;

pub(crate) fn routes() -> OpenApiRouter<HttpState> {
    OpenApiRouter::new().routes(routes!(open)).routes(routes!(connections)).routes(routes!(feed::open))
}

/// Open a signalling socket on a stream
///
/// In whatever state the stream is: the socket tells when that changes. Messages are JSON,
/// `{"type", "id"?, "payload"?}`; each request with an `id` has one answer,
/// `{"type", "id", "ok": true, "payload"}` or `{"type", "id", "ok": false, "error"}`.
#[utoipa::path(
    get, path = "/ws/signaling/{id}", tag = "Watching", params(schema::StreamPath),
    responses(
        (status = 101, description = "The connection goes on as a WebSocket."),
        (status = 426, description = "It was asked for without the WebSocket protocol."),
    ),
)]
async fn open(
    Scoped(state): Scoped<HttpState>,
    Id(stream): Id<StreamId>,
    ClientAddress(address): ClientAddress,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    state.control().stream(stream).await?;
    let Ok(upgrade) = upgrade else { return Ok(upgrade_required()) };
    let socket = admit(&state, Some(stream))?;
    let scope = state.sockets().scope().clone();
    let upgrade = upgrade.max_message_size(MAX_MESSAGE).max_frame_size(MAX_MESSAGE);
    Ok(upgrade.on_upgrade(async move |connection| {
        let ended = scope.clone();
        // In the server's own scope, so that a shutdown waits for the goodbye.
        let session = scope.spawn("signalling", async move {
            Session::new(state, socket, stream, address).run(connection, ended).await;
        });
        // A panic was logged by the scope.
        let _ = session.await;
    }))
}

/// A place for one more socket.
fn admit(state: &HttpState, stream: Option<StreamId>) -> Result<Socket, Problem> {
    state.sockets().admit(stream, state.clock().wall()).ok_or_else(|| {
        let description = "too many sockets are open; close some or raise http.max_connections";
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "LIMIT_REACHED", description).retry_after(5)
    })
}

fn upgrade_required() -> Response {
    let description = "connect with the WebSocket protocol";
    let problem = Problem::new(StatusCode::UPGRADE_REQUIRED, "UPGRADE_REQUIRED", description);
    let mut response = problem.into_response();
    response.headers_mut().insert(UPGRADE, HeaderValue::from_static("websocket"));
    response
}

/// The sockets that are open on a stream.
#[derive(Debug, Serialize, ToSchema)]
struct Room {
    #[schema(value_type = Uuid)]
    stream_id: StreamId,
    connection_count: usize,
    connections: Vec<Connection>,
}

/// A socket.
#[derive(Debug, Serialize, ToSchema)]
struct Connection {
    id: Uuid,
    #[schema(format = DateTime)]
    connected_at: String,
    /// When something last came from it.
    #[schema(format = DateTime)]
    last_seen_at: String,
    /// What is sent to its viewer.
    consumers: usize,
}

/// List the signalling sockets on a stream
#[utoipa::path(
    get, path = "/ws/streams/{id}/connections", tag = "Watching", params(schema::StreamPath),
    responses((status = 200, description = "Those that are open.", body = Room)),
)]
async fn connections(
    Scoped(state): Scoped<HttpState>,
    Id(stream): Id<StreamId>,
) -> Result<Json<Room>, Problem> {
    state.control().stream(stream).await?;
    Ok(Json(Room::of(&state, stream)))
}

impl Room {
    fn of(state: &HttpState, stream: StreamId) -> Self {
        let sockets = state.sockets().of(stream);
        let connections: Vec<_> = sockets.into_iter().map(Connection::from).collect();
        Self { stream_id: stream, connection_count: connections.len(), connections }
    }
}

impl From<SocketInfo> for Connection {
    fn from(socket: SocketInfo) -> Self {
        Self {
            id: socket.id,
            connected_at: time(socket.connected_at),
            last_seen_at: time(socket.last_seen_at),
            consumers: socket.consumers,
        }
    }
}
