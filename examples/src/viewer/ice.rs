//! The controlling side of ICE towards a server with few candidates (RFC 8445), with consent checks (RFC
//! 7675).
//!
//! Checks go to every candidate; the first that answers is used and nominated at once, as there is nothing
//! better to wait for on a server with host candidates. A server that is a full ICE agent checks the viewer
//! too and gets its answers.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rand::Rng;
use rtc::crypto::RTCCrypto;
use rtc::ice::attributes::control::AttrControlling;
use rtc::ice::attributes::priority::PriorityAttr;
use rtc::ice::attributes::use_candidate::UseCandidateAttr;
use rtc::stun::attributes::ATTR_USERNAME;
use rtc::stun::fingerprint::FINGERPRINT;
use rtc::stun::integrity::MessageIntegrity;
use rtc::stun::message::{BINDING_REQUEST, BINDING_SUCCESS, Message, Setter, TransactionId};
use rtc::stun::textattrs::TextAttribute;
use rtc::stun::xoraddr::XorMappedAddress;

use super::config::{Identity, ViewerConfig};
use super::error::CloseReason;
use super::offer::Credentials;
use super::transmit::Transmit;

/// The time between the first checks of two candidates (Ta, RFC 8445, section 14.2, is 50 ms at most by
/// default).
const PACING: Duration = Duration::from_millis(20);
const FIRST_RETRY: Duration = Duration::from_millis(100);
const LONGEST_RETRY: Duration = Duration::from_millis(1600);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Half of RFC 7675's interval, which is what browsers do in practice; varied by a fifth either way.
const CONSENT_INTERVAL: Duration = Duration::from_millis(2500);
const MAX_PENDING: usize = 32;
/// A peer-reflexive candidate's priority, as the PRIORITY attribute asks for (RFC 8445, section 7.1.1).
const PRIORITY: u32 = (110 << 24) | (65_535 << 8) | 255;

/// A candidate of the server that has not answered yet.
#[derive(Debug)]
struct Unanswered {
    address: SocketAddr,
    due: Instant,
    retry: Duration,
}

#[derive(Debug)]
struct Pending {
    id: TransactionId,
    to: SocketAddr,
    sent: Instant,
}

#[derive(Debug)]
struct Selected {
    address: SocketAddr,
    check_due: Instant,
    answered: Instant,
}

/// The state of one viewer's checks.
pub(super) struct Checker {
    identity: Identity,
    /// Sent: the server's fragment, then ours. Requests from the server have it the other way round.
    username: String,
    username_from_server: String,
    local_password: String,
    remote_password: String,
    tie_breaker: u64,
    candidates: Vec<Unanswered>,
    pending: VecDeque<Pending>,
    selected: Option<Selected>,
    started: Instant,
    round_trip: Duration,
    consent_timeout: Duration,
}

impl Checker {
    pub(super) fn new(
        now: Instant,
        config: &ViewerConfig,
        local: &Credentials,
        remote: &Credentials,
        candidates: Vec<SocketAddr>,
    ) -> Self {
        let candidates = (0..)
            .zip(candidates)
            .map(|(at, address)| Unanswered { address, due: now + PACING * at, retry: FIRST_RETRY })
            .collect();
        Self {
            identity: config.identity.clone(),
            username: format!("{}:{}", remote.ufrag, local.ufrag),
            username_from_server: format!("{}:{}", local.ufrag, remote.ufrag),
            local_password: local.password.clone(),
            remote_password: remote.password.clone(),
            tie_breaker: rand::rng().random(),
            candidates,
            pending: VecDeque::with_capacity(4),
            selected: None,
            started: now,
            round_trip: Duration::ZERO,
            consent_timeout: config.consent_timeout,
        }
    }

    /// The server's address, once a check was answered.
    pub(super) fn selected(&self) -> Option<SocketAddr> {
        self.selected.as_ref().map(|selected| selected.address)
    }

    /// The round trip of the latest check.
    pub(super) fn round_trip(&self) -> Duration {
        self.round_trip
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        match &self.selected {
            Some(selected) => Some(selected.check_due.min(selected.answered + self.consent_timeout)),
            None => {
                let check = self.candidates.iter().map(|candidate| candidate.due).min();
                Some(check.unwrap_or(self.started).min(self.started + CONNECT_TIMEOUT))
            }
        }
    }

    /// Sends the checks that are due.
    pub(super) fn handle_timeout(
        &mut self,
        now: Instant,
        out: &mut VecDeque<Transmit>,
    ) -> Result<(), CloseReason> {
        if let Some(selected) = &mut self.selected {
            if now >= selected.answered + self.consent_timeout {
                return Err(CloseReason::ConsentExpired(self.consent_timeout));
            }
            if now >= selected.check_due {
                selected.check_due = now + CONSENT_INTERVAL.mul_f64(rand::rng().random_range(0.8..1.2));
                let address = selected.address;
                self.check(now, address, true, out);
            }
            return Ok(());
        }
        if now >= self.started + CONNECT_TIMEOUT {
            return Err(CloseReason::NoConnectivity(CONNECT_TIMEOUT));
        }
        let mut due = Vec::new();
        for candidate in self.candidates.iter_mut().filter(|candidate| candidate.due <= now) {
            candidate.due = now + candidate.retry;
            candidate.retry = (candidate.retry * 2).min(LONGEST_RETRY);
            due.push(candidate.address);
        }
        for address in due {
            self.check(now, address, false, out);
        }
        Ok(())
    }

    /// Takes a STUN message; true when it selected the server's address.
    pub(super) fn handle(
        &mut self,
        now: Instant,
        from: SocketAddr,
        datagram: &[u8],
        out: &mut VecDeque<Transmit>,
    ) -> bool {
        let mut message = Message::new();
        if message.unmarshal_binary(datagram).is_err() {
            return false;
        }
        if message.typ == BINDING_REQUEST {
            self.answer(from, &mut message, out);
            return false;
        }
        let Some(at) = self.pending.iter().position(|p| p.id == message.transaction_id && p.to == from)
        else {
            return false;
        };
        let password = self.remote_password.as_bytes();
        if message.typ != BINDING_SUCCESS
            || MessageIntegrity::check(&mut message, password, self.identity.crypto()).is_err()
        {
            return false;
        }
        if let Some(answered) = self.pending.remove(at) {
            self.round_trip = now.duration_since(answered.sent);
        }
        if let Some(selected) = &mut self.selected {
            if selected.address == from {
                selected.answered = now;
            }
            return false;
        }
        self.selected = Some(Selected { address: from, check_due: now + CONSENT_INTERVAL, answered: now });
        self.check(now, from, true, out);
        true
    }

    fn check(&mut self, now: Instant, to: SocketAddr, nominate: bool, out: &mut VecDeque<Transmit>) {
        let id = TransactionId::new();
        let mut setters: Vec<Box<dyn Setter>> = vec![
            Box::new(id),
            Box::new(BINDING_REQUEST),
            Box::new(TextAttribute::new(ATTR_USERNAME, self.username.clone())),
            Box::new(PriorityAttr(PRIORITY)),
            Box::new(AttrControlling(self.tie_breaker)),
        ];
        if nominate {
            setters.push(Box::new(UseCandidateAttr::new()));
        }
        out.push_back(Transmit { to, payload: seal(setters, &self.remote_password, self.identity.crypto()) });
        if self.pending.len() == MAX_PENDING {
            self.pending.pop_front();
        }
        self.pending.push_back(Pending { id, to, sent: now });
    }

    /// Answers a check of the server (RFC 8445, section 7.3).
    fn answer(&self, from: SocketAddr, request: &mut Message, out: &mut VecDeque<Transmit>) {
        let crypto = self.identity.crypto();
        let known = request.get(ATTR_USERNAME).is_ok_and(|name| name == self.username_from_server.as_bytes());
        if !known || MessageIntegrity::check(request, self.local_password.as_bytes(), crypto).is_err() {
            return;
        }
        let setters: Vec<Box<dyn Setter>> = vec![
            Box::new(request.transaction_id),
            Box::new(BINDING_SUCCESS),
            Box::new(XorMappedAddress { ip: from.ip(), port: from.port() }),
        ];
        out.push_back(Transmit { to: from, payload: seal(setters, &self.local_password, crypto) });
    }
}

/// Ends a message with MESSAGE-INTEGRITY and FINGERPRINT (RFC 8445, section 7.1).
fn seal<'a>(mut setters: Vec<Box<dyn Setter + 'a>>, password: &str, crypto: &'a dyn RTCCrypto) -> Bytes {
    setters.push(Box::new(MessageIntegrity::new_short_term_integrity_with_provider(
        password.to_owned(),
        crypto,
    )));
    setters.push(Box::new(FINGERPRINT));
    let mut message = Message::new();
    message.build(&setters).expect("invariant: short attributes and HMAC-SHA1 are always there");
    Bytes::from(message.raw)
}
