//! The requests of a socket's client.

use super::message::{Request, answer, refusal, unknown_type};
use super::session::Session;
use crate::control::{ConsumeRequest, Consumed};
use crate::http::{Fields, Problem, consume, ice, time, viewers, whep};
use axum::http::StatusCode;
use serde_json::{Value, json};
use vas_core::StreamId;
use vas_sfu::ortc::MediaKind;
use vas_sfu::{ConsumerId, ProducerId, TransportId, ViewerOptions, WebRtcTransport};

/// Transports of one socket, those of offers among them.
const MAX_TRANSPORTS: usize = 8;

impl Session {
    /// Does what a client asks for, and gives the answer. Without an id it is the one that old clients look for.
    pub(super) async fn carry_out(&mut self, request: Request) -> Value {
        let Request { kind, id, fields } = request;
        match self.payload_for(&kind, fields).await {
            Ok(payload) if id.is_none() => match kind.as_str() {
                "ping" => json!({ "type": "pong", "timestamp": payload["timestamp"] }),
                "get_room_info" => {
                    let mut message = payload;
                    message["type"] = "room_info".into();
                    message
                }
                "offer" => json!({ "type": "answer", "sdp": payload["sdp"], "payload": payload }),
                _ => answer(&kind, None, payload),
            },
            Ok(payload) => answer(&kind, id, payload),
            Err(problem) => refusal(&kind, id, &problem),
        }
    }

    async fn payload_for(&mut self, kind: &str, fields: Fields) -> Result<Value, Problem> {
        match kind {
            "connect" => self.connect().await,
            "getRouterRtpCapabilities" => Ok(self.router_capabilities()),
            "createWebRtcTransport" => self.create_transport(),
            "connectWebRtcTransport" => self.connect_transport(fields),
            "consume" => self.consume(fields).await,
            "resumeConsumer" => self.with_consumer(fields, |consumed| consumed.consumer.resume()),
            "pauseConsumer" => self.with_consumer(fields, |consumed| consumed.consumer.pause()),
            "closeConsumer" => self.close_consumer(fields),
            "setPreferredLayer" => self.set_preferred_layer(fields),
            "ice_candidate" => Self::ice_candidate(fields),
            "get_room_info" => Ok(json!(super::Room::of(&self.state, self.stream))),
            "ping" => Ok(json!({ "timestamp": time(self.state.clock().wall()) })),
            "offer" => self.offer(fields).await,
            _ => Err(unknown_type()),
        }
    }

    /// What a client wants to know first.
    async fn connect(&mut self) -> Result<Value, Problem> {
        let (control, stream) = (self.state.control(), self.stream);
        let info = control.stream(stream).await?;
        let producers = control.live().producers(stream);
        let producers: Vec<_> = producers
            .iter()
            .map(|producer| json!({ "id": producer.id(), "kind": producer.kind() }))
            .collect();
        Ok(json!({
            "connectionId": self.socket.id(),
            "streamId": stream,
            "state": info.present.state,
            "producers": producers,
        }))
    }

    /// The capabilities themselves, and once more by name for clients that look for them so.
    fn router_capabilities(&self) -> Value {
        let capabilities = json!(self.state.control().live().router().rtp_capabilities());
        let mut payload = capabilities.clone();
        payload["rtpCapabilities"] = capabilities;
        payload
    }

    fn create_transport(&mut self) -> Result<Value, Problem> {
        self.have_room()?;
        let live = self.state.control().live();
        let router = live.router();
        let transport = match self.address {
            Some(address) => router.create_webrtc_transport_for(address),
            None => router.create_webrtc_transport(),
        };
        let stream = self.stream;
        let transport = transport.map_err(|error| consume::refused(error.into(), stream))?;
        let payload = json!({
            "id": transport.id(),
            "iceParameters": transport.ice_parameters(),
            "iceCandidates": transport.ice_candidates(),
            "dtlsParameters": transport.dtls_parameters(),
            "iceServers": ice::json(&live.ice_servers(viewers::VIEWER)),
        });
        self.transports.insert(transport.id(), transport);
        Ok(payload)
    }

    fn have_room(&self) -> Result<(), Problem> {
        if self.transports.len() + self.offers.len() < MAX_TRANSPORTS {
            return Ok(());
        }
        let description = format!("a socket has at most {MAX_TRANSPORTS} transports; use those that it has");
        Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "LIMIT_REACHED", description))
    }

    fn connect_transport(&self, mut fields: Fields) -> Result<Value, Problem> {
        let id = fields.required_text("transportId", 64);
        let parameters = consume::read_dtls(&mut fields, "dtlsParameters");
        fields.finish()?;
        let transport = self.transport(id.as_deref())?;
        if let Some(parameters) = parameters {
            transport.connect(&parameters)?;
        }
        Ok(json!({ "transportId": transport.id() }))
    }

    /// A transport of this socket; without an id the only one.
    fn transport(&self, id: Option<&str>) -> Result<&WebRtcTransport, Problem> {
        let found = match id {
            Some(id) => id.parse::<TransportId>().ok().and_then(|id| self.transports.get(&id)),
            None if self.transports.len() == 1 => self.transports.values().next(),
            None => return Err(required("transportId")),
        };
        found.ok_or_else(|| Problem::not_found("transport on this socket; it may have closed"))
    }

    async fn consume(&mut self, mut fields: Fields) -> Result<Value, Problem> {
        let transport = fields.text("transportId", 64);
        let producer = fields.text("producerId", 64);
        let stream = fields.text("streamId", 64);
        let kind = consume::read_kind(&mut fields);
        let capabilities = consume::read_capabilities(&mut fields, "rtpCapabilities");
        let (stream, kind) = self.wanted(producer.as_deref(), stream.as_deref(), kind)?;
        let layers = self.state.control().live().layers(stream);
        let options = consume::read_options(&mut fields, layers);
        fields.finish()?;
        let transport = Some(self.transport(transport.as_deref())?.clone());
        let request = ConsumeRequest {
            stream,
            kind,
            client: self.socket.id().to_string(),
            address: self.address,
            // It is there, or `finish` would have said so.
            capabilities: capabilities.unwrap_or_default(),
            transport,
            options,
        };
        let consumed = self.state.control().consume(request).await;
        let consumed = consumed.map_err(|error| consume::refused(error, stream))?;
        let consumer = &consumed.consumer;
        self.events.follow(stream);
        self.events.follow_layers(consumer);
        let payload = json!({
            "id": consumer.id(),
            "consumerId": consumer.id(),
            "producerId": consumer.producer().id(),
            "streamId": stream,
            "transportId": consumed.transport.id(),
            "kind": kind,
            "type": "simple",
            "rtpParameters": consumer.rtp_parameters(),
            "paused": options.paused,
        });
        self.consumers.insert(consumer.id(), consumed);
        Ok(payload)
    }

    /// What is to be consumed: a producer by its id, or a stream's video or sound.
    fn wanted(
        &self,
        producer: Option<&str>,
        stream: Option<&str>,
        kind: Option<MediaKind>,
    ) -> Result<(StreamId, MediaKind), Problem> {
        if let Some(id) = producer {
            let id: Option<ProducerId> = id.parse().ok();
            let producer = id.and_then(|id| self.state.control().live().producer(id));
            let (stream, producer) =
                producer.ok_or_else(|| Problem::not_found("producer; it may have closed"))?;
            return Ok((stream, producer.kind()));
        }
        let stream = match stream {
            Some(id) => id.parse().map_err(|_| Problem::not_found("stream"))?,
            None => self.stream,
        };
        Ok((stream, kind.unwrap_or(MediaKind::Video)))
    }

    /// The consumer of this socket that a request names.
    fn consumer(&self, id: Option<&str>) -> Result<&Consumed, Problem> {
        let id: Option<ConsumerId> = id.and_then(|id| id.parse().ok());
        let consumed = id.and_then(|id| self.consumers.get(&id));
        consumed.ok_or_else(|| Problem::not_found("consumer on this socket; it may have ended"))
    }

    fn with_consumer(&self, mut fields: Fields, act: impl FnOnce(&Consumed)) -> Result<Value, Problem> {
        let id = fields.required_text("consumerId", 64);
        fields.finish()?;
        let consumed = self.consumer(id.as_deref())?;
        act(consumed);
        Ok(json!({ "consumerId": consumed.consumer.id() }))
    }

    fn close_consumer(&mut self, mut fields: Fields) -> Result<Value, Problem> {
        let id = fields.required_text("consumerId", 64);
        fields.finish()?;
        let id = self.consumer(id.as_deref())?.consumer.id();
        self.consumers.remove(&id);
        self.state.control().consumers().end(id);
        Ok(json!({ "consumerId": id }))
    }

    /// A layer by its name or number, or none for the best one; and the size in which the picture is shown.
    fn set_preferred_layer(&self, mut fields: Fields) -> Result<Value, Problem> {
        let id = fields.required_text("consumerId", 64);
        let consumed = self.consumer(id.as_deref()).cloned();
        let layers = consumed
            .as_ref()
            .map_or(usize::MAX, |consumed| self.state.control().live().layers(consumed.stream));
        let preferred = consume::read_preferred(&mut fields, layers);
        fields.finish()?;
        let consumer = consumed?.consumer;
        consumer.set_preferred_layer(preferred);
        Ok(json!({ "consumerId": consumer.id(), "layer": preferred.layer }))
    }

    fn ice_candidate(mut fields: Fields) -> Result<Value, Problem> {
        consume::read_candidate(&mut fields);
        fields.finish()?;
        Ok(json!({ "status": "acknowledged" }))
    }

    /// The offer of a plain RTCPeerConnection: the WHEP door, through the socket.
    async fn offer(&mut self, mut fields: Fields) -> Result<Value, Problem> {
        let sdp = fields.any_text("sdp");
        fields.finish()?;
        self.have_room()?;
        let (control, stream) = (self.state.control(), self.stream);
        control.watchable(&control.stream(stream).await?)?;
        let options = ViewerOptions { client: self.address, ..ViewerOptions::default() };
        let viewer =
            control.live().watch(stream, &sdp.unwrap_or_default(), options, control.sight().lease.clone());
        let viewer = viewer.map_err(|error| whep::refused(&error, stream))?;
        self.offers.push(viewer.session);
        Ok(json!({ "type": "answer", "sdp": viewer.description }))
    }
}

fn required(field: &str) -> Problem {
    Problem::fields(&[(field.to_owned(), "is required".to_owned())].into())
}
