//! A viewer's connection within its shard: ICE, DTLS and SRTP, and the consumers on it.

use super::command::{FeedKey, LegSetup};
use super::sender::Sender;
use super::wire::{Path, Wire};
use crate::dtls::{DtlsEvent, DtlsIdentity, DtlsServer};
use crate::ice::{Check, IceCredentials};
use crate::rtcp;
use crate::srtp::Srtp;
use crate::transport::{CloseReason, TransportShared};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Addresses that a connection may hold valid at a time: candidate pairs and moves.
const MAX_ADDRESSES: usize = 8;

/// Consumers on one connection.
pub(crate) const MAX_CONSUMERS: usize = 64;

/// A consumer and the feed that it takes its frames from.
#[derive(Debug)]
pub(crate) struct Attached {
    pub(crate) feed: FeedKey,
    pub(crate) sender: Sender,
}

/// A connection.
#[derive(Debug)]
pub(crate) struct Leg {
    pub(crate) id: u64,
    pub(crate) shared: Arc<TransportShared>,
    /// The newest credentials first; older ones serve until the peer has moved to the new.
    ice: Vec<IceCredentials>,
    dtls: Option<DtlsServer>,
    pub(crate) srtp: Option<Srtp>,
    pub(crate) path: Option<Path>,
    /// Addresses with a valid check and the time of the last, oldest first.
    pub(crate) addresses: Vec<(SocketAddr, Path, Instant)>,
    /// Slots, so that an index stays right when another consumer goes.
    pub(crate) consumers: Vec<Option<Attached>>,
    pub(crate) created: Instant,
    /// Whether it is in the shard's list of connections that the next millisecond concerns.
    pub(crate) listed: bool,
    had_consumer: bool,
}

/// What a check led to.
#[derive(Debug, Default)]
pub(crate) struct CheckOutcome {
    /// An address that gave way to this one.
    pub(crate) lost: Option<SocketAddr>,
}

impl Leg {
    pub(crate) fn new(id: u64, setup: &LegSetup, now: Instant) -> Self {
        Self {
            id,
            shared: setup.shared.clone(),
            ice: vec![setup.ice.clone()],
            dtls: None,
            srtp: None,
            path: None,
            addresses: Vec::new(),
            consumers: Vec::new(),
            created: now,
            listed: false,
            had_consumer: false,
        }
    }

    /// The fragments that checks for this connection may name.
    pub(crate) fn ufrags(&self) -> impl Iterator<Item = &str> {
        self.ice.iter().map(|credentials| credentials.ufrag.as_str())
    }

    /// Accepts checks with these credentials too. The pair before the last is given up and returned.
    pub(crate) fn restart_ice(&mut self, credentials: IceCredentials) -> Option<String> {
        self.ice.insert(0, credentials);
        if self.ice.len() > 2 { self.ice.pop().map(|old| old.ufrag) } else { None }
    }

    /// Accepts a handshake from a peer with one of these fingerprints; a connection that has begun keeps its own.
    pub(crate) fn connect(
        &mut self,
        identity: &Arc<DtlsIdentity>,
        fingerprints: Arc<[[u8; 32]]>,
    ) -> Result<(), CloseReason> {
        if self.dtls.is_none() {
            let server = DtlsServer::new(identity.clone(), fingerprints)
                .map_err(|error| CloseReason::Handshake(error.to_string().into()))?;
            self.dtls = Some(server);
        }
        Ok(())
    }

    /// Answers a connectivity check; `None` when it is not genuine.
    pub(crate) fn check<W: Wire>(
        &mut self,
        check: &mut Check,
        path: Path,
        now: Instant,
        identity: &DtlsIdentity,
        wire: &mut W,
    ) -> Option<CheckOutcome> {
        let credentials = self.ice.iter().find(|own| own.ufrag == check.local_ufrag)?;
        let answer = check.respond(credentials.pwd.expose(), path.peer, &**identity.provider())?;
        let _ = wire.send(&path, &answer, answer.len());
        let mut outcome = CheckOutcome::default();
        if let Some(known) = self.addresses.iter_mut().find(|known| known.0 == path.peer) {
            (known.1, known.2) = (path, now);
        } else {
            if self.addresses.len() == MAX_ADDRESSES {
                // Never the one in use.
                let at = self.addresses.iter().position(|known| Some(known.0) != self.path.map(|p| p.peer));
                outcome.lost = at.map(|at| self.addresses.remove(at).0);
            }
            self.addresses.push((path.peer, path, now));
        }
        // Any valid check opens a path for the handshake; a nominating one decides it (RFC 8445, section 8.1.1).
        if self.path.is_none() || (check.nominates() && self.path != Some(path)) {
            self.path = Some(path);
        }
        Some(outcome)
    }

    /// Whether the peer still consents to be sent to (RFC 7675): its last check on the path in use is younger than
    /// `timeout`. When it has gone from there, the connection follows it to where it was last heard of.
    pub(crate) fn consents(&mut self, now: Instant, timeout: Duration) -> bool {
        let fresh = |known: &&(SocketAddr, Path, Instant)| now.saturating_duration_since(known.2) <= timeout;
        let Some(path) = self.path else { return true };
        if self.addresses.iter().filter(fresh).any(|known| known.0 == path.peer) {
            return true;
        }
        let newest = self.addresses.iter().filter(fresh).max_by_key(|known| known.2);
        self.path = newest.map(|known| known.1).or(self.path);
        newest.is_some()
    }

    /// Takes a DTLS datagram from a valid address. `Ok(true)`: the keys are there now.
    pub(crate) fn dtls<W: Wire>(
        &mut self,
        path: &Path,
        datagram: &[u8],
        now: Instant,
        identity: &DtlsIdentity,
        wire: &mut W,
    ) -> Result<bool, CloseReason> {
        // Before `connect` nobody could be verified; the client sends again.
        let Some(dtls) = &mut self.dtls else { return Ok(false) };
        let event = dtls.handle(now, datagram);
        // Also when it failed: the alert tells the client why.
        Self::flush(dtls, path, wire);
        match event.map_err(|error| CloseReason::Handshake(error.to_string().into()))? {
            Some(DtlsEvent::Keys(keys)) => {
                let srtp = Srtp::new(*keys, identity.provider())
                    .map_err(|error| CloseReason::Handshake(error.to_string().into()))?;
                self.srtp = Some(srtp);
                self.shared.set_connected();
                Ok(true)
            }
            Some(DtlsEvent::Closed) => Err(CloseReason::Peer),
            None => Ok(false),
        }
    }

    /// Sends what the handshake wants to send again.
    pub(crate) fn drive_dtls<W: Wire>(&mut self, now: Instant, wire: &mut W) -> Result<(), CloseReason> {
        let (Some(dtls), Some(path)) = (&mut self.dtls, &self.path) else { return Ok(()) };
        if dtls.poll_timeout().is_some_and(|at| at <= now) {
            let result = dtls.handle_timeout(now);
            Self::flush(dtls, path, wire);
            result.map_err(|error| CloseReason::Handshake(error.to_string().into()))?;
        }
        Ok(())
    }

    fn flush<W: Wire>(dtls: &mut DtlsServer, path: &Path, wire: &mut W) {
        while let Some(datagram) = dtls.poll_transmit() {
            let _ = wire.send(path, &datagram, datagram.len());
        }
    }

    /// Tells the peer that a stream ends (RFC 3550, section 6.6).
    pub(crate) fn say_bye<W: Wire>(&mut self, ssrc: u32, wire: &mut W) {
        if let (Some(srtp), Some(path)) = (&mut self.srtp, &self.path) {
            let mut bye = Vec::with_capacity(16);
            rtcp::write_bye(&mut bye, ssrc);
            if let Ok(sealed) = srtp.seal_rtcp(&bye) {
                let _ = wire.send(path, &sealed, sealed.len());
            }
        }
    }

    /// Tells the peer that the connection ends.
    pub(crate) fn say_goodbye<W: Wire>(&mut self, now: Instant, wire: &mut W) {
        if let (Some(dtls), Some(path)) = (&mut self.dtls, &self.path) {
            dtls.close(now);
            Self::flush(dtls, path, wire);
        }
    }

    /// Puts a consumer into a free slot.
    pub(crate) fn attach(&mut self, attached: Attached) -> usize {
        self.had_consumer = true;
        if let Some(slot) = self.consumers.iter().position(Option::is_none) {
            self.consumers[slot] = Some(attached);
            return slot;
        }
        self.consumers.push(Some(attached));
        self.consumers.len() - 1
    }

    /// A consumer came and ended at once.
    pub(crate) const fn had_consumer(&mut self) {
        self.had_consumer = true;
    }

    /// Whether it had consumers and all of them have ended.
    pub(crate) fn is_exhausted(&self) -> bool {
        self.had_consumer && self.consumers.iter().all(Option::is_none)
    }

    /// Whether packets wait on any consumer, or the handshake needs its timer.
    pub(crate) fn is_busy(&self) -> bool {
        (self.srtp.is_none() && self.dtls.as_ref().is_some_and(|dtls| dtls.poll_timeout().is_some()))
            || self.consumers.iter().flatten().any(|attached| attached.sender.is_busy())
    }
}
