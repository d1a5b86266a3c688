//! Signalling over WebSocket (RFC 6455): one socket for a viewer of one stream or several, with answers to its requests
//! and news of what it watches. What a socket made ends with it.

mod events;
mod message;
mod requests;
mod session;
mod sockets;

pub(crate) use sockets::Sockets;

use crate::http::viewers::ClientAddress;
use crate::http::{HttpState, Id, Problem, time};
use axum::extract::State;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::http::header::UPGRADE;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};
use session::Session;
use vas_core::StreamId;

/// Largest message of a client in bytes.
const MAX_MESSAGE: usize = 64 << 10;

pub(crate) fn routes() -> Router<HttpState> {
    Router::new()
        .route("/ws/signaling/{id}", get(open))
        .route("/ws/streams/{id}/connections", get(connections))
}

/// Opens a socket on a stream, in whatever state it is: the socket tells when that changes.
async fn open(
    State(state): State<HttpState>,
    Id(stream): Id<StreamId>,
    ClientAddress(address): ClientAddress,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    state.control().stream(stream).await?;
    let Ok(upgrade) = upgrade else { return Ok(upgrade_required()) };
    let socket = state.sockets().admit(stream, state.clock().wall()).ok_or_else(|| {
        let description = "too many sockets are open; close some or raise http.max_connections";
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "LIMIT_REACHED", description).retry_after(5)
    })?;
    let scope = state.sockets().scope().clone();
    let upgrade = upgrade.max_message_size(MAX_MESSAGE).max_frame_size(MAX_MESSAGE);
    Ok(upgrade.on_upgrade(async move |connection| {
        let ended = scope.clone();
        // In the server's own scope, so that a shutdown waits for the goodbye.
        let session = scope.spawn("signalling", async move {
            Session::new(state, socket, address).run(connection, ended).await;
        });
        // A panic was logged by the scope.
        let _ = session.await;
    }))
}

fn upgrade_required() -> Response {
    let description = "connect with the WebSocket protocol";
    let problem = Problem::new(StatusCode::UPGRADE_REQUIRED, "UPGRADE_REQUIRED", description);
    let mut response = problem.into_response();
    response.headers_mut().insert(UPGRADE, HeaderValue::from_static("websocket"));
    response
}

async fn connections(
    State(state): State<HttpState>,
    Id(stream): Id<StreamId>,
) -> Result<Json<Value>, Problem> {
    state.control().stream(stream).await?;
    Ok(Json(room(&state, stream)))
}

/// The sockets that are open on a stream.
fn room(state: &HttpState, stream: StreamId) -> Value {
    let connections: Vec<_> = state
        .sockets()
        .of(stream)
        .into_iter()
        .map(|socket| {
            json!({
                "id": socket.id,
                "connected_at": time(socket.connected_at),
                "last_seen_at": time(socket.last_seen_at),
                "consumers": socket.consumers,
            })
        })
        .collect();
    json!({ "stream_id": stream, "connection_count": connections.len(), "connections": connections })
}
