//! One connection: reading requests, writing responses and interleaved packets, and the session's media, all in
//! one task, so that nothing is locked and closing the socket ends everything.
//!
//! What waits to be written is bounded: beyond [`RtspServerConfig::max_queue`] neither requests nor units are
//! read. A client that stays behind for [`RtspServerConfig::max_lag`] goes on at the newest key picture; the hub
//! bounds the rest.
//!
//! [`RtspServerConfig::max_queue`]: super::RtspServerConfig::max_queue
//! [`RtspServerConfig::max_lag`]: super::RtspServerConfig::max_lag

use super::Shared;
use super::auth::Gate;
use super::framer::{FrameError, Framer, Incoming};
use super::response::Response;
use super::session::Session;
use bytes::{Buf, BytesMut};
use rtsp_types::StatusCode;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use vas_core::hub::RecvError;
use vas_core::media::AccessUnit;

/// Between two looks at what has timed out.
const TICK: Duration = Duration::from_millis(500);
/// For a request to arrive whole, and for the first one at all.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// For a client to take some of what waits for it.
const WRITE_TIMEOUT: Duration = Duration::from_secs(20);
/// For what is left to be written once the connection is to close.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);
/// Room made for each read.
const READ_SIZE: usize = 4 << 10;
/// Empty buffers above this are given back.
const KEPT_BUFFER: usize = 1 << 20;

/// Why a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// The client closed it or the network broke.
    Gone,
    /// All that was to be written has been.
    Finished,
    /// The client was silent for too long.
    Silent,
    /// The server stops.
    Stopped,
}

/// What happened.
enum Event {
    Read(io::Result<usize>),
    Written(io::Result<usize>),
    Unit(Result<Arc<AccessUnit>, RecvError>),
    Tick,
    Stop,
}

pub(super) struct Connection {
    pub(super) shared: Arc<Shared>,
    pub(super) peer: SocketAddr,
    pub(super) local: SocketAddr,
    pub(super) gate: Gate,
    pub(super) session: Option<Session>,
    pub(super) out: BytesMut,
    input: BytesMut,
    framer: Framer,
    /// When the client last showed that it lives.
    pub(super) heard: Instant,
    /// When the bytes of a request, as yet incomplete, began to arrive.
    request_since: Option<Instant>,
    /// When the client last took something, or had nothing to take.
    progress: Instant,
    /// The connection closes once everything is written, or at this time.
    closing: Option<Instant>,
}

impl Connection {
    pub(super) fn new(shared: Arc<Shared>, peer: SocketAddr, local: SocketAddr) -> Self {
        let now = shared.clock.now();
        Self {
            gate: Gate::new(now),
            shared,
            peer,
            local,
            session: None,
            out: BytesMut::new(),
            input: BytesMut::new(),
            framer: Framer::default(),
            heard: now,
            request_since: Some(now),
            progress: now,
            closing: None,
        }
    }

    /// Serves the connection to its end.
    pub(super) async fn run(mut self, mut stream: TcpStream) {
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let end = loop {
            let event = self.wait(&mut stream, &mut tick).await;
            if let Some(end) = self.react(event).await {
                break end;
            }
            if self.closing.is_some() && self.out.is_empty() {
                break End::Finished;
            }
        };
        if end == End::Stopped && self.shared.polite.load(Ordering::Acquire) {
            self.end_session();
            // A client that has kept up gets all of it; nobody waits for one that has not.
            let _ = stream.try_write(&self.out);
        }
        tracing::debug!(peer = %self.peer, ?end, "rtsp client gone");
        self.drop_session();
    }

    async fn wait(&mut self, stream: &mut TcpStream, tick: &mut tokio::time::Interval) -> Event {
        let (mut reader, mut writer) = stream.split();
        self.input.reserve(READ_SIZE);
        let room = self.out.len() < self.shared.config.max_queue;
        let open = self.closing.is_none();
        let playing = self.session.as_ref().is_some_and(Session::is_playing);
        let next = async {
            match &mut self.session {
                Some(session) => session.next().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = self.shared.scope.cancelled() => Event::Stop,
            result = writer.write(&self.out), if !self.out.is_empty() => Event::Written(result),
            result = reader.read_buf(&mut self.input), if room && open => Event::Read(result),
            result = next, if room && open && playing => Event::Unit(result),
            _ = tick.tick() => Event::Tick,
        }
    }

    async fn react(&mut self, event: Event) -> Option<End> {
        match event {
            Event::Stop => return Some(End::Stopped),
            Event::Read(Ok(0) | Err(_)) | Event::Written(Ok(0) | Err(_)) => return Some(End::Gone),
            Event::Read(Ok(_)) => self.requests().await,
            Event::Written(Ok(count)) => self.written(count),
            Event::Unit(Ok(unit)) => self.deliver(&unit).await,
            Event::Unit(Err(RecvError::Lagged { missed })) => self.count_missed(missed),
            Event::Unit(Err(_)) => self.close(),
            Event::Tick => return self.check_times(),
        }
        None
    }

    fn written(&mut self, count: usize) {
        self.out.advance(count);
        self.progress = self.shared.clock.now();
        if self.out.is_empty() && self.out.capacity() > KEPT_BUFFER {
            self.out = BytesMut::new();
        }
        if self.session.as_ref().is_some_and(|session| session.is_playing() && session.is_interleaved()) {
            // The connection's own acknowledgements show that the client lives.
            self.heard = self.progress;
        }
    }

    async fn requests(&mut self) {
        let now = self.shared.clock.now();
        while self.closing.is_none() {
            match self.framer.next(&mut self.input) {
                Ok(Some(incoming)) => {
                    self.heard = now;
                    self.request_since = None;
                    if let Incoming::Request(request) = incoming {
                        self.respond(&request).await;
                    }
                }
                Ok(None) => break,
                Err(error) => {
                    let status = match error {
                        FrameError::TooLarge => StatusCode::RequestMessageBodyTooLarge,
                        FrameError::Malformed => StatusCode::BadRequest,
                    };
                    self.queue(&Response::from(status), None);
                    self.close();
                }
            }
        }
        if !self.input.is_empty() {
            self.request_since.get_or_insert(now);
        }
    }

    /// Queues a response.
    pub(super) fn queue(&mut self, response: &Response, cseq: Option<&str>) {
        self.wrote_nothing_before();
        response.write(cseq, &mut self.out);
    }

    /// The time to take something starts when there is something to take.
    fn wrote_nothing_before(&mut self) {
        if self.out.is_empty() {
            self.progress = self.shared.clock.now();
        }
    }

    async fn deliver(&mut self, unit: &AccessUnit) {
        self.wrote_nothing_before();
        let Some(session) = &mut self.session else { return };
        let age = self.shared.clock.wall().micros_since(unit.received);
        if age > i64::try_from(self.shared.config.max_lag.as_micros()).unwrap_or(i64::MAX)
            && let Some(missed) = session.skip_ahead(unit, &self.shared.hub)
        {
            self.count_missed(missed);
            return;
        }
        if session.send(unit, &self.shared.clock, &mut self.out).await.is_err() {
            self.close();
        }
    }

    fn count_missed(&self, units: u64) {
        self.shared.counters.units_skipped.fetch_add(units, Ordering::Relaxed);
    }

    fn check_times(&mut self) -> Option<End> {
        let now = self.shared.clock.now();
        let over = |since: Instant, limit| now.saturating_duration_since(since) > limit;
        if self.session.as_ref().is_some_and(Session::heard_over_udp) {
            self.heard = now;
        }
        let silent = self.request_since.is_some_and(|since| over(since, REQUEST_TIMEOUT))
            || over(self.heard, self.shared.config.session_timeout)
            || (!self.out.is_empty() && over(self.progress, WRITE_TIMEOUT));
        if self.closing.is_some_and(|since| over(since, CLOSE_TIMEOUT)) {
            return Some(End::Finished);
        }
        silent.then_some(End::Silent)
    }

    /// Ends the session with a goodbye, and the connection once that is written.
    fn close(&mut self) {
        self.end_session();
        self.closing = Some(self.shared.clock.now());
    }

    /// Ends the session with a goodbye.
    pub(super) fn end_session(&mut self) {
        if let Some(session) = &mut self.session {
            session.say_goodbye(self.shared.clock.wall(), &mut self.out);
        }
        self.drop_session();
    }

    fn drop_session(&mut self) {
        if self.session.take().is_some() {
            self.shared.counters.sessions.fetch_sub(1, Ordering::Relaxed);
        }
    }
}
