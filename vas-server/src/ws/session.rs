//! One socket: messages in, answers and events out, and the end of both.

use super::events::{Event, Events};
use super::message::{NoRequest, Request, event};
use super::sockets::Socket;
use crate::control::Consumed;
use crate::http::{HttpState, time};
use axum::extract::ws::{CloseCode, CloseFrame, Message, Utf8Bytes, WebSocket, close_code};
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::net::IpAddr;
use std::pin::pin;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use vas_core::model::Transition;
use vas_core::{StreamId, TaskScope};
use vas_sfu::{ConsumerId, LayerState, Thinning, TransportId, WebRtcTransport};

/// Messages that may wait for a client; one that takes them more slowly than they come is let go.
const QUEUE: usize = 64;
/// Time for one message to leave.
pub(super) const SEND_TIMEOUT: Duration = Duration::from_secs(10);
/// Time for the goodbye to leave.
pub(super) const GOODBYE: Duration = Duration::from_secs(1);
/// Time between two pings (RFC 6455, section 5.5.2), by which middle boxes keep the connection, too.
pub(super) const PING: Duration = Duration::from_secs(20);
/// A socket from which nothing has come for so long, not even an answer to a ping, has gone.
pub(super) const IDLE: Duration = Duration::from_secs(60);

/// Why a socket ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The client closed it or has gone.
    Gone,
    /// Nothing came.
    Idle,
    /// Too much waits for the client.
    Slow,
    /// A message was too large.
    TooLarge,
    /// A message was no text.
    NoText,
    /// What let the client in was taken back.
    Revoked,
    /// The server shuts down.
    Shutdown,
}

impl End {
    /// The end that a failure to read is.
    pub(super) fn of(error: &axum::Error) -> Self {
        // The library's own text; it has no other way to tell.
        if error.to_string().contains("too long") { Self::TooLarge } else { Self::Gone }
    }

    pub(super) const fn frame(self) -> Option<(CloseCode, &'static str)> {
        match self {
            Self::Gone => None,
            Self::Idle => Some((close_code::POLICY, "nothing came for a minute")),
            Self::Slow => Some((close_code::POLICY, "messages are not taken in time")),
            Self::TooLarge => Some((close_code::SIZE, "the message is larger than is taken here")),
            Self::NoText => Some((close_code::UNSUPPORTED, "messages are JSON in text frames")),
            Self::Revoked => Some((close_code::POLICY, "the access was taken back")),
            Self::Shutdown => Some((close_code::AWAY, "the server is shutting down")),
        }
    }
}

/// An open socket and what was made over it, which ends with it.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) state: HttpState,
    pub(super) socket: Socket,
    /// The stream in its address.
    pub(super) stream: StreamId,
    /// Where the client is.
    pub(super) address: Option<IpAddr>,
    pub(super) transports: HashMap<TransportId, WebRtcTransport>,
    pub(super) consumers: HashMap<ConsumerId, Consumed>,
    /// Sessions that offers led to, by their names.
    pub(super) offers: Vec<String>,
    pub(super) events: Events,
}

impl Session {
    pub(super) fn new(state: HttpState, socket: Socket, stream: StreamId, address: Option<IpAddr>) -> Self {
        let mut events = Events::new(state.control());
        events.follow(stream);
        let (transports, consumers) = (HashMap::new(), HashMap::new());
        Self { state, socket, stream, address, transports, consumers, offers: Vec::new(), events }
    }

    /// Serves the socket until it ends, at the latest with `scope`.
    pub(super) async fn run(mut self, connection: WebSocket, scope: TaskScope) {
        let (sink, messages) = connection.split();
        let (queue, waiting) = mpsc::channel(QUEUE);
        let mut writer = pin!(write(sink, waiting));
        let end = tokio::select! {
            end = self.serve(messages, &queue, &scope) => end,
            () = &mut writer => End::Gone,
        };
        tracing::debug!(socket = %self.socket.id(), ?end, "a signalling socket ends");
        // The viewer's media ends now, whether or not the goodbye arrives.
        self.close();
        if let Some((code, reason)) = end.frame() {
            let frame = CloseFrame { code, reason: Utf8Bytes::from_static(reason) };
            if queue.try_send(Message::Close(Some(frame))).is_ok() {
                drop(queue);
                let _ = timeout(GOODBYE, writer).await;
            }
        }
    }

    async fn serve(
        &mut self,
        mut messages: SplitStream<WebSocket>,
        queue: &mpsc::Sender<Message>,
        scope: &TaskScope,
    ) -> End {
        let mut ping = interval(PING);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut last = Instant::now();
        let lease = self.state.control().sight().lease.clone();
        let mut over = pin!(lease.over());
        loop {
            let sent = tokio::select! {
                message = messages.next() => {
                    last = Instant::now();
                    self.socket.seen(self.state.clock().wall());
                    match message {
                        Some(Ok(Message::Text(text))) => {
                            let answer = self.take(&text).await;
                            send(queue, &answer)
                        }
                        Some(Ok(Message::Binary(_))) => return End::NoText,
                        Some(Ok(Message::Ping(_) | Message::Pong(_))) => true,
                        Some(Ok(Message::Close(_))) | None => return End::Gone,
                        Some(Err(error)) => return End::of(&error),
                    }
                }
                event = self.events.next() => {
                    let messages = self.tell(event).await;
                    messages.iter().all(|message| send(queue, message))
                }
                _ = ping.tick() => {
                    if last.elapsed() > IDLE {
                        return End::Idle;
                    }
                    queue.try_send(Message::Ping(Default::default())).is_ok()
                }
                () = &mut over => return End::Revoked,
                () = scope.cancelled() => return End::Shutdown,
            };
            if !sent {
                return End::Slow;
            }
        }
    }

    async fn take(&mut self, text: &str) -> Value {
        match Request::parse(text) {
            Ok(request) => {
                self.forget_ended();
                let answer = self.carry_out(request).await;
                self.socket.set_consumers(self.consumers.len() + self.offers.len());
                answer
            }
            Err(NoRequest(answer)) => answer,
        }
    }

    fn forget_ended(&mut self) {
        use vas_sfu::TransportState::Closed;
        self.consumers.retain(|_, consumed| !consumed.consumer.is_closed());
        self.transports.retain(|_, transport| !matches!(transport.state(), Closed(_)));
        let live = self.state.control().live();
        let stream = self.stream;
        self.offers.retain(|name| live.session(stream, name).is_some());
    }

    /// What the client is told of an event.
    async fn tell(&mut self, event: Event) -> Vec<Value> {
        match event {
            Event::State(stream, change) => vec![stream_state(stream, &change)],
            Event::StatesMissed => {
                let mut messages = Vec::new();
                for stream in self.events.streams() {
                    if let Ok(info) = self.state.control().stream(stream).await {
                        let (to, reason, at) = (info.present.state, info.present.reason, info.present.since);
                        messages.push(stream_state(stream, &Transition { from: to, to, reason, at }));
                    }
                }
                messages
            }
            Event::ProducerNew(producer) => vec![producer_event("producer_new", &producer, json!([]))],
            Event::ProducerClosed(producer) => {
                let of = |consumed: &Consumed| consumed.consumer.producer().id() == producer.id;
                let ended: Vec<_> =
                    self.consumers.extract_if(|_, consumed| of(consumed)).map(|(id, _)| id).collect();
                self.socket.set_consumers(self.consumers.len() + self.offers.len());
                vec![producer_event("producer_closed", &producer, json!(ended))]
            }
            Event::Layers(id, layers) => {
                let consumed = self.consumers.get(&id);
                consumed.map(|consumed| consumer_layers(consumed, layers)).into_iter().collect()
            }
        }
    }

    /// Ends what was made over the socket.
    fn close(&mut self) {
        for (id, _) in self.consumers.drain() {
            self.state.control().consumers().end(id);
        }
        for (_, transport) in self.transports.drain() {
            transport.close();
        }
        for offer in self.offers.drain(..) {
            self.state.control().live().end(self.stream, &offer);
        }
    }
}

impl Drop for Session {
    /// Also after a panic.
    fn drop(&mut self) {
        self.close();
    }
}

/// What a viewer gets, so that a page can say why the picture is smaller or slower.
fn consumer_layers(consumed: &Consumed, state: LayerState) -> Value {
    let layers = consumed.consumer.producer().layers();
    let format = state.current.and_then(|current| layers.get(current)?.format.clone());
    let size = format.as_ref().and_then(|format| format.video()).map(|video| (video.width, video.height));
    let thinning = match state.thinning {
        Thinning::None => "none",
        Thinning::NonReference => "non_reference",
        Thinning::KeysOnly => "keys_only",
    };
    let payload = json!({
        "consumerId": consumed.consumer.id(),
        "layer": state.current,
        "layers": layers.len(),
        "width": size.map(|(width, _)| width),
        "height": size.map(|(_, height)| height),
        "thinning": thinning,
        "estimateBps": state.estimate_bps,
    });
    event("consumer_layers", payload)
}

fn stream_state(stream: StreamId, change: &Transition) -> Value {
    let payload = json!({
        "streamId": stream,
        "state": change.to,
        "previousState": change.from,
        "reason": { "code": change.reason.code, "text": change.reason.text },
        "at": time(change.at),
    });
    event("stream_state", payload)
}

fn producer_event(kind: &str, producer: &super::events::ProducerInfo, consumers: Value) -> Value {
    let mut payload =
        json!({ "producerId": producer.id, "streamId": producer.stream, "kind": producer.kind });
    if kind == "producer_closed" {
        payload["consumerIds"] = consumers;
    }
    event(kind, payload)
}

/// Puts a message into the queue; `false` when it is full.
fn send(queue: &mpsc::Sender<Message>, message: &Value) -> bool {
    queue.try_send(Message::Text(message.to_string().into())).is_ok()
}

/// Sends what waits until there is no more, or the client does not take it.
async fn write(mut sink: SplitSink<WebSocket, Message>, mut waiting: mpsc::Receiver<Message>) {
    while let Some(message) = waiting.recv().await {
        if !matches!(timeout(SEND_TIMEOUT, sink.send(message)).await, Ok(Ok(()))) {
            return;
        }
    }
    let _ = timeout(GOODBYE, sink.close()).await;
}
