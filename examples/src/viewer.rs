//! A WHEP viewer without sockets, threads or a clock of its own.
//!
//! A [`Viewer`] is the client end of one WebRTC session that receives one video stream: ICE towards the
//! candidates of the answer, DTLS in either role, SRTP, receiver reports, NACK and RTX. It is made of the
//! parts of the `rtc` crate that such a leg needs and no more, and counts most packets by their clear
//! headers, so that hundreds run in one thread beside the server under test. It works with any WHEP server.
//!
//! The owner moves datagrams and time:
//!
//! 1. [`Viewer::new`], then POST [`Viewer::offer`] to the endpoint and hand the answer to
//!    [`Viewer::accept_answer`];
//! 2. after each call below, send what [`Viewer::poll_transmit`] gives and look at [`Viewer::poll_event`];
//! 3. [`Viewer::handle_datagram`] for each datagram received, [`Viewer::handle_timeout`] when
//!    [`Viewer::poll_timeout`] is reached;
//! 4. [`Viewer::close`], and DELETE the session's URL.
//!
//! Absent on purpose: audio, trickle ICE, ICE over TCP, TURN, and decoding.

mod answer;
mod config;
mod dtls;
mod error;
mod event;
mod feedback;
mod ice;
mod keyframe;
mod missing;
mod offer;
mod playback;
mod receiver;
mod rtp;
mod sequence;
mod session;
mod stats;
#[cfg(test)]
mod tests;
mod transmit;
mod twcc;

use std::collections::VecDeque;
use std::fmt;
use std::net::SocketAddr;
use std::time::Instant;

use bytes::Bytes;
use rand::Rng;
use rand::distr::Alphanumeric;

pub use config::{Decrypt, Identity, SrtpOffer, ViewerConfig};
pub use error::{AnswerError, CloseReason, IdentityError};
pub use event::{Event, SenderReport};
pub use keyframe::Codec;
pub use rtp::{RtpHeader, RtpPacket};
pub use stats::ViewerStats;
pub use transmit::Transmit;

use feedback::Feedback;
use offer::Credentials;
use session::Session;

/// One viewer; the [module](self) says how to drive it.
pub struct Viewer {
    config: ViewerConfig,
    credentials: Credentials,
    offer: String,
    session: Option<Session>,
    closed: bool,
    transmits: VecDeque<Transmit>,
    events: VecDeque<Event>,
}

impl Viewer {
    /// A viewer with new credentials, which has not been answered.
    #[must_use]
    pub fn new(config: ViewerConfig) -> Self {
        let credentials = Credentials { ufrag: random_text(8), password: random_text(24) };
        // 62 bits, as RFC 8829, section 5.2.1, has it: a positive number that is not far from the limit.
        let offer = offer::write(&config, &credentials, rand::rng().random::<u64>() >> 2);
        Self {
            config,
            credentials,
            offer,
            session: None,
            closed: false,
            transmits: VecDeque::new(),
            events: VecDeque::new(),
        }
    }

    /// The SDP offer, for the body of the POST (`application/sdp`).
    #[must_use]
    pub fn offer(&self) -> &str {
        &self.offer
    }

    /// Takes the answer of the POST and starts connecting.
    ///
    /// # Errors
    ///
    /// When the answer is none, refuses the video, or lacks or has something that a connection cannot be made
    /// with. The viewer is then as before.
    pub fn accept_answer(&mut self, now: Instant, sdp: &str) -> Result<(), AnswerError> {
        if self.session.is_some() || self.closed {
            return Err(AnswerError::Repeated);
        }
        let mut answer = answer::parse(&self.config, sdp)?;
        let local = &self.config.candidates;
        answer.candidates.retain(|remote| {
            local.is_empty() || local.iter().any(|address| address.is_ipv4() == remote.is_ipv4())
        });
        if answer.candidates.is_empty() {
            return Err(AnswerError::NoCandidate);
        }
        let feedback = Feedback {
            ssrc: rand::rng().random_range(1..u32::MAX),
            cname: Bytes::from(random_text(12)),
            reduced_size: answer.reduced_size,
        };
        self.session = Some(Session::start(now, &self.config, &self.credentials, answer, feedback)?);
        self.handle_timeout(now);
        Ok(())
    }

    /// Takes a datagram received on the viewer's socket at `now`. Whatever does not belong is counted and
    /// dropped.
    pub fn handle_datagram(&mut self, now: Instant, from: SocketAddr, datagram: &[u8]) {
        if self.closed {
            return;
        }
        let Some(session) = &mut self.session else { return };
        let handled =
            session.handle_datagram(now, from, datagram, &self.config, &mut self.transmits, &mut self.events);
        self.settle(handled);
    }

    /// When [`Self::handle_timeout`] is to be called at the latest; `None` when there is nothing to wait for.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        if self.closed { None } else { self.session.as_ref()?.deadline() }
    }

    /// Does what is due at `now`: checks, retransmissions, reports and requests for missing packets.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.closed {
            return;
        }
        let Some(session) = &mut self.session else { return };
        let handled = session.handle_timeout(now, &self.config, &mut self.transmits);
        self.settle(handled);
    }

    /// The next datagram to send.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        self.transmits.pop_front()
    }

    /// The next thing that happened.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Asks for a keyframe by a picture loss indication (RFC 4585, section 6.3.1). Does nothing before a
    /// packet has come.
    pub fn request_keyframe(&mut self) {
        if let Some(session) = &mut self.session {
            session.request_keyframe(&mut self.transmits);
        }
    }

    /// Asks for packets by their sequence numbers, whether they are missing or not. Does nothing before a
    /// packet has come.
    pub fn send_nack(&mut self, sequences: &[u16]) {
        if let Some(session) = &mut self.session {
            session.send_nack(sequences, &mut self.transmits);
        }
    }

    /// From now on packets newer than the newest one do not count, while missing ones may still come. Called
    /// a little before the end, so that what was on its way is not counted as lost.
    pub fn finish_counting(&mut self) {
        if let Some(session) = &mut self.session {
            session.finish_counting();
        }
    }

    /// Ends the session with a DTLS close_notify.
    pub fn close(&mut self, now: Instant) {
        if self.closed {
            return;
        }
        if let Some(session) = &mut self.session {
            session.close(now, &mut self.transmits);
        }
        self.settle(Err(CloseReason::Local));
    }

    /// Whether media can come: the handshake is complete and the session has not ended.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        !self.closed && self.session.as_ref().is_some_and(Session::is_connected)
    }

    /// The counters up to now.
    #[must_use]
    pub fn stats(&self) -> ViewerStats {
        self.session.as_ref().map_or_else(ViewerStats::default, Session::stats)
    }

    /// Distinct packets received in their first transmission and RTP bytes received: the two counters to
    /// watch while a viewer runs, without the cost of [`Self::stats`].
    #[must_use]
    pub fn received(&self) -> (u64, u64) {
        self.session.as_ref().map_or((0, 0), Session::received)
    }

    fn settle(&mut self, handled: Result<(), CloseReason>) {
        if let Err(reason) = handled {
            self.closed = true;
            self.events.push_back(Event::Closed(reason));
        }
    }
}

/// Without the offer and the credentials: they are the session's secrets.
impl fmt::Debug for Viewer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let connected = self.is_connected();
        f.debug_struct("Viewer")
            .field("connected", &connected)
            .field("closed", &self.closed)
            .finish_non_exhaustive()
    }
}

/// Letters and digits, which every field of SDP and RTCP takes.
fn random_text(length: usize) -> String {
    rand::rng().sample_iter(Alphanumeric).take(length).map(char::from).collect()
}
