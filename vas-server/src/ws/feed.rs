//! `/ws/events`: the events of all streams over one socket.
//!
//! Nothing waits for a client but one message: one that is slow reads the bus later, and is told what it missed.

use super::session::{End, GOODBYE, IDLE, PING, SEND_TIMEOUT};
use super::sockets::Socket;
use super::{admit, upgrade_required};
use crate::auth::Lease;
use crate::control::events::EventReader;
use crate::http::{EventQuery, HttpState, Problem, Scoped, schema};
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade};
use axum::response::Response;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use std::time::Duration;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use vas_core::{SharedClock, TaskScope};

/// Largest message of a client in bytes: it has nothing to say but pings and its goodbye.
const MAX_MESSAGE: usize = 4 << 10;
/// Time between two looks at whether the client is still there.
const WATCH: Duration = Duration::from_secs(5);

/// Open a socket that tells of events
///
/// Its messages are those of `GET /v2/events`; what the client sends means nothing. A client that is slow loses events
/// and is told so, by `{"type": "gap"}` of the topic `system`.
#[utoipa::path(
    get, path = "/ws/events", tag = "Events", params(schema::EventParams),
    responses(
        (status = 101, description = "The connection goes on as a WebSocket."),
        (status = 426, description = "It was asked for without the WebSocket protocol."),
    ),
)]
pub(super) async fn open(
    Scoped(state): Scoped<HttpState>,
    query: EventQuery,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    let Ok(upgrade) = upgrade else { return Ok(upgrade_required()) };
    let socket = admit(&state, None)?;
    let scope = state.sockets().scope().clone();
    let upgrade = upgrade.max_message_size(MAX_MESSAGE).max_frame_size(MAX_MESSAGE);
    Ok(upgrade.on_upgrade(async move |connection| {
        let ended = scope.clone();
        // In the server's own scope, so that a shutdown waits for the goodbye.
        let feed = scope.spawn("events socket", async move {
            let reader = query.reader(state.control());
            let lease = state.control().sight().lease.clone();
            run(connection, reader, &socket, state.clock(), &lease, &ended).await;
        });
        // A panic was logged by the scope.
        let _ = feed.await;
    }))
}

async fn run(
    connection: WebSocket,
    mut reader: EventReader,
    socket: &Socket,
    clock: &SharedClock,
    lease: &Lease,
    scope: &TaskScope,
) {
    let (mut sink, mut messages) = connection.split();
    let end = tokio::select! {
        end = write(&mut sink, &mut reader) => end,
        end = listen(&mut messages, socket, clock) => end,
        () = lease.over() => End::Revoked,
        () = scope.cancelled() => End::Shutdown,
    };
    tracing::debug!(socket = %socket.id(), ?end, "an events socket ends");
    if let Some((code, reason)) = end.frame() {
        let frame = CloseFrame { code, reason: Utf8Bytes::from_static(reason) };
        let _ = timeout(GOODBYE, sink.send(Message::Close(Some(frame)))).await;
    }
    let _ = timeout(GOODBYE, sink.close()).await;
}

/// Sends events, and pings in between.
async fn write(sink: &mut SplitSink<WebSocket, Message>, reader: &mut EventReader) -> End {
    let mut pings = interval(PING);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let message = tokio::select! {
            event = reader.next() => Message::Text(event.text.into()),
            _ = pings.tick() => Message::Ping(Default::default()),
        };
        match timeout(SEND_TIMEOUT, sink.send(message)).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return End::Gone,
            Err(_) => return End::Slow,
        }
    }
}

/// Hears whether the client is still there. What it says means nothing.
async fn listen(messages: &mut SplitStream<WebSocket>, socket: &Socket, clock: &SharedClock) -> End {
    let mut last = Instant::now();
    loop {
        match timeout(WATCH, messages.next()).await {
            Ok(Some(Ok(Message::Close(_))) | None) => return End::Gone,
            Ok(Some(Ok(_))) => {
                last = Instant::now();
                socket.seen(clock.wall());
            }
            Ok(Some(Err(error))) => return End::of(&error),
            Err(_) if last.elapsed() > IDLE => return End::Idle,
            Err(_) => {}
        }
    }
}
