//! A viewer's connection within its shard: ICE, DTLS and SRTP, and the consumers on it.

use super::command::{FeedKey, LegSetup, PlainSetup};
use super::control::Control;
use super::sender::{Congestion, Sender};
use super::wire::{Origin, Path, Wire};
use crate::dtls::{DtlsEvent, DtlsIdentity, DtlsServer, is_hello};
use crate::ice::{Check, IceCredentials};
use crate::layers::{Demand, LayerRate, MAX_LAYERS, Steering, Wish, allocate};
use crate::ortc::MediaKind;
use crate::rtcp;
use crate::srtp::Srtp;
use crate::transport::{CloseReason, TransportShared};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Paths that a connection may hold valid at a time: candidate pairs and moves.
const MAX_PATHS: usize = 8;

/// What a stream of sound is reckoned to take, in bits per second.
const AUDIO_BPS: u64 = 64_000;

/// Consumers on one connection.
pub(crate) const MAX_CONSUMERS: usize = 64;

/// A consumer and the feeds that it takes its frames from.
#[derive(Debug)]
pub(crate) struct Attached {
    /// Of the layer that is sent.
    pub(crate) feed: FeedKey,
    /// Of the layer that it goes over to.
    pub(crate) target: Option<FeedKey>,
    /// Which layer it is to have, and what led there.
    pub(crate) steering: Steering,
    pub(crate) sender: Sender,
}

impl Attached {
    /// The layer aimed at is the one that is sent now; gives the feed of the one before.
    pub(crate) fn gone_over(&mut self, key: FeedKey) -> FeedKey {
        self.target = None;
        std::mem::replace(&mut self.feed, key)
    }
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
    /// The path that the newest nominating check named. A check proves a password and no address, for whoever sees one
    /// can send it again from elsewhere: media follows once the peer's keys have been used there.
    nominated: Option<Path>,
    /// Paths with a valid check, oldest first.
    pub(crate) paths: Vec<KnownPath>,
    /// When the path in use ended, until the peer has proved another one.
    broken: Option<Instant>,
    /// Slots, so that an index stays right when another consumer goes.
    pub(crate) consumers: Vec<Option<Attached>>,
    pub(crate) created: Instant,
    /// Whether it is in the shard's list of connections that the next millisecond concerns.
    pub(crate) listed: bool,
    had_consumer: bool,
    /// What the connection may send; made when media begins to flow.
    pub(crate) control: Option<Box<Control>>,
    /// When the last flight of the handshake left, and the shortest time until an answer.
    flight: Option<Instant>,
    pub(crate) round_trip: Option<Duration>,
    /// Where reports go, of a plain connection; else they go where media goes.
    reports: Option<Path>,
}

/// A path on which a valid check has come.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KnownPath {
    pub(crate) path: Path,
    /// The time of its last valid check.
    checked: Instant,
    /// The peer's keys have been used on it.
    proved: bool,
}

/// What a check led to.
#[derive(Debug, Default)]
pub(crate) struct CheckOutcome {
    /// A path that gave way to this one.
    pub(crate) lost: Option<Path>,
}

impl Leg {
    pub(crate) fn new(id: u64, setup: &LegSetup, now: Instant) -> Self {
        Self::of(id, setup.shared.clone(), vec![setup.ice.clone()], now)
    }

    fn of(id: u64, shared: Arc<TransportShared>, ice: Vec<IceCredentials>, now: Instant) -> Self {
        Self {
            id,
            shared,
            ice,
            dtls: None,
            srtp: None,
            path: None,
            nominated: None,
            paths: Vec::new(),
            broken: None,
            consumers: Vec::new(),
            created: now,
            listed: false,
            had_consumer: false,
            control: None,
            flight: None,
            round_trip: None,
            reports: None,
        }
    }

    /// A plain connection: nothing is sealed, nothing checked.
    pub(crate) fn plain(id: u64, setup: &PlainSetup, now: Instant) -> Self {
        let known = |path| KnownPath { path, checked: now, proved: true };
        let mut paths = vec![known(setup.rtp)];
        if setup.rtcp.peer != setup.rtp.peer {
            paths.push(known(setup.rtcp));
        }
        Self {
            srtp: Some(Srtp::clear()),
            path: Some(setup.rtp),
            paths,
            reports: Some(setup.rtcp),
            ..Self::of(id, setup.shared.clone(), Vec::new(), now)
        }
    }

    /// Whether it goes to where an administrator has allowed it to go, who needs not consent again and again.
    pub(crate) const fn is_plain(&self) -> bool {
        self.reports.is_some()
    }

    /// What reports need to be sent.
    pub(crate) fn reporting(&mut self) -> Option<(&mut Srtp, Path, &mut [Option<Attached>])> {
        let path = self.reports.or(self.path)?;
        Some((self.srtp.as_mut()?, path, &mut self.consumers))
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

    /// Takes the place of the handshake: the peer has these keys and is near.
    pub(crate) fn use_keys(&mut self, srtp: Srtp, now: Instant) {
        self.srtp = Some(srtp);
        self.control = Some(Box::new(Control::new(false, Some(Duration::ZERO), now)));
        self.shared.set_connected();
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
        let origin = path.origin();
        if let Some(known) = self.paths.iter_mut().find(|known| known.path.origin() == origin) {
            (known.path, known.checked) = (path, now);
        } else {
            if self.paths.len() == MAX_PATHS {
                // Never the one in use.
                let in_use = self.path.map(|path| path.origin());
                let at = self.paths.iter().position(|known| Some(known.path.origin()) != in_use);
                outcome.lost = at.map(|at| self.paths.remove(at).path);
            }
            self.paths.push(KnownPath { path, checked: now, proved: false });
        }
        if check.nominates() {
            self.nominated = Some(path);
        }
        // Any valid check opens a path for the handshake; a nominating one decides it (RFC 8445, section 8.1.1).
        // Later it needs a proof, but for another address of ours towards the same one of the peer.
        let in_use = self.path.map(|path| path.origin());
        if in_use.is_none() || (check.nominates() && (self.srtp.is_none() || in_use == Some(origin))) {
            (self.path, self.broken) = (Some(path), None);
        }
        Some(outcome)
    }

    /// A packet made with the peer's keys has come on this path: media goes there if it was nominated.
    pub(crate) fn prove(&mut self, path: &Path) {
        let origin = path.origin();
        if let Some(known) = self.paths.iter_mut().find(|known| known.path.origin() == origin) {
            known.proved = true;
            if self.nominated.is_some_and(|nominated| nominated.origin() == origin) {
                (self.path, self.broken) = (self.nominated, None);
            }
        }
    }

    /// Whether the peer still consents to be sent to (RFC 7675): its last check on the path in use is younger than
    /// `timeout`. When it has gone from there, the connection follows it to where it was last heard of. A peer whose path
    /// has ended has as long to prove another one; nothing is sent to it meanwhile.
    pub(crate) fn consents(&mut self, now: Instant, timeout: Duration) -> bool {
        if self.is_plain() {
            return true;
        }
        let fresh = |known: &&KnownPath| now.saturating_duration_since(known.checked) <= timeout;
        let Some(path) = self.path else { return true };
        if self.paths.iter().filter(fresh).any(|known| known.path.origin() == path.origin()) {
            return true;
        }
        let elsewhere = self.paths.iter().filter(fresh).filter(|known| known.proved);
        if let Some(newest) = elsewhere.max_by_key(|known| known.checked) {
            (self.path, self.broken) = (Some(newest.path), None);
            return true;
        }
        self.broken.is_some_and(|since| now.saturating_duration_since(since) <= timeout)
    }

    /// A path has ended. Media goes to where the peer was last heard of, if there is another such place.
    pub(crate) fn lose(&mut self, origin: Origin, now: Instant) {
        self.paths.retain(|known| known.path.origin() != origin);
        self.nominated = self.nominated.filter(|nominated| nominated.origin() != origin);
        if self.path.is_some_and(|path| path.origin() == origin) {
            let proved = self.paths.iter().filter(|known| known.proved || self.srtp.is_none());
            match proved.max_by_key(|known| known.checked) {
                Some(known) => self.path = Some(known.path),
                None => self.broken = Some(now),
            }
        }
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
        // One that comes again has crossed our answer: a far client would pass for a near one.
        if !is_hello(datagram)
            && let Some(sent) = self.flight.take().filter(|_| self.srtp.is_none())
        {
            let taken = now.saturating_duration_since(sent);
            self.round_trip = Some(self.round_trip.map_or(taken, |known| known.min(taken)));
        }
        let event = dtls.handle(now, datagram);
        // Also when it failed: the alert tells the client why.
        if Self::flush(dtls, path, wire) {
            self.flight = Some(now);
        }
        match event.map_err(|error| CloseReason::Handshake(error.to_string().into()))? {
            Some(DtlsEvent::Keys(keys)) => {
                let srtp = Srtp::new(*keys, identity.provider())
                    .map_err(|error| CloseReason::Handshake(error.to_string().into()))?;
                self.srtp = Some(srtp);
                // The end of the handshake was authenticated, and came from where the peer sends.
                (self.path, self.broken) = (Some(*path), None);
                self.prove(path);
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
            // An answer now may be to either flight.
            self.flight = None;
            result.map_err(|error| CloseReason::Handshake(error.to_string().into()))?;
        }
        Ok(())
    }

    /// Tells whether there was anything to send.
    fn flush<W: Wire>(dtls: &mut DtlsServer, path: &Path, wire: &mut W) -> bool {
        let mut sent = false;
        while let Some(datagram) = dtls.poll_transmit() {
            let _ = wire.send(path, &datagram, datagram.len());
            sent = true;
        }
        sent
    }

    /// Tells the peer that a stream ends (RFC 3550, section 6.6).
    pub(crate) fn say_bye<W: Wire>(&mut self, ssrc: u32, wire: &mut W) {
        if let Some((srtp, path, _)) = self.reporting() {
            let mut bye = Vec::with_capacity(16);
            rtcp::write_bye(&mut bye, ssrc);
            if let Ok(sealed) = srtp.seal_rtcp(&bye) {
                let _ = wire.send(&path, &sealed, sealed.len());
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

    /// Media begins to flow: what the connection may send is looked after from now on.
    pub(crate) fn make_control(&mut self, now: Instant) {
        // Only consumers know how the viewer tells of packets; who connects first and consumes later has none yet.
        let consumes = self.consumers.iter().any(Option::is_some);
        if self.control.is_none() && consumes && !self.is_plain() {
            let told = |attached: &Attached| {
                matches!(attached.sender.setup().extensions.congestion, Congestion::TransportWide(_))
            };
            let transport_wide = self.consumers.iter().flatten().any(told);
            self.control = Some(Box::new(Control::new(transport_wide, self.round_trip, now)));
        }
    }

    /// Decides which layer each consumer is to have and what is left out of it; probes for more where more is wanted.
    /// `demands` is scratch space.
    pub(crate) fn share_out(&mut self, now: Instant, demands: &mut Vec<Demand>) {
        let Some(control) = &mut self.control else { return };
        let Some(mut budget) = control.budget(now) else { return };
        let mut sound = 0;
        demands.clear();
        for attached in self.consumers.iter().flatten() {
            let setup = attached.sender.setup();
            if setup.kind == MediaKind::Audio {
                sound += AUDIO_BPS;
                continue;
            }
            let mut rates = [LayerRate::default(); MAX_LAYERS];
            for (rate, layer) in rates.iter_mut().zip(&setup.layers) {
                let measured = layer.layer.measured(now);
                let codec = layer.codec.map(|codec| codec.codec);
                let usable = codec.is_some() && codec == measured.codec && !layer.layer.is_closed();
                let (width, height) = measured.size;
                let bps = (measured.bps > 0).then_some(measured.bps);
                *rate = LayerRate { bps, width, height, usable };
            }
            let wish = Wish { size: setup.wanted.size, paused: setup.paused, pinned: setup.wanted.layer };
            let rates = &rates[..setup.layers.len().min(MAX_LAYERS)];
            demands.push(Demand::new(rates, wish, attached.steering));
        }
        budget.bps = budget.bps.saturating_sub(sound);
        if let Some(wanted) = allocate(budget, demands, now) {
            control.probe(wanted.saturating_add(sound), now);
        }
        let pictures = |attached: &&mut Attached| attached.sender.setup().kind == MediaKind::Video;
        for (attached, demand) in self.consumers.iter_mut().flatten().filter(pictures).zip(demands) {
            attached.steering = demand.steering();
            attached.sender.set_thinning(attached.steering.choice().thinning);
        }
        let estimate_bps = control.estimate();
        let (queue, round_trip) = control.delays();
        for attached in self.consumers.iter_mut().flatten() {
            attached.sender.tell_layers(estimate_bps, queue, round_trip);
        }
    }

    /// Puts a consumer into a free slot.
    pub(crate) fn attach(&mut self, attached: Attached) -> usize {
        self.had_consumer = true;
        if let Some(slot) = self.consumers.iter().position(Option::is_none) {
            self.consumers[slot] = Some(attached);
            return slot;
        }
        // One is what most have; a vector's own first step would be room for four.
        self.consumers.reserve_exact(1);
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
            || self.control.as_ref().is_some_and(|control| control.is_probing())
            || self.consumers.iter().flatten().any(|attached| attached.sender.is_busy())
    }
}
