//! Shards: threads that carry media.
//!
//! A shard owns its sockets, its connections and a ring of frames for each producer that it has viewers of. It waits
//! in one poll set for datagrams, for commands and for frames; nothing it does waits for anybody else.

mod choosing;
mod command;
mod control;
mod leg;
mod routes;
mod sender;
mod stream;
mod table;
pub(crate) mod tcp;
mod tcp_limits;
mod wire;

#[cfg(test)]
mod narrow_tests;
#[cfg(test)]
mod simulation;

pub(crate) use command::{Command, FeedKey, LegCommand, LegSetup, PlainSetup, ShardHandle};
pub(crate) use leg::MAX_CONSUMERS;
pub(crate) use routes::{InsertError, Routes};
pub(crate) use sender::{Congestion, Extensions, LayerCodec, LayerSetup, SenderSetup, Wanted};
pub(crate) use wire::{Path, bind_all};

pub(crate) mod bench {
    //! What the fan-out benchmark drives without a connection.
    pub(crate) use super::control::Control;
    pub(crate) use super::sender::{Outlet, Sender};
    pub(crate) use super::wire::{Path, Sent, Wire};
}

use crate::consumer::ConsumerCloseReason;
use crate::dtls::DtlsIdentity;
use crate::error::StartError;
use crate::ice::Check;
use crate::rtcp::{self, Rtcp};
use crate::transport::CloseReason;
use command::{COMMAND_QUEUE, DATAGRAM_QUEUE, Forwarded};
use leg::Leg;
use mio::{Events, Poll, Token};
use parking_lot::Mutex;
use routes::Claim;
use sender::Outlet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};
use table::Table;
use vas_core::SharedClock;
use wire::{Origin, Received, SendOnly, Sockets, Wire};

/// Token of the waker; sockets have the ones from 0.
const WAKE: Token = Token(usize::MAX);
/// Between two looks at connections with packets waiting.
const TICK: Duration = Duration::from_millis(1);
/// Between two slices of housekeeping, in which a twentieth of the connections is visited: each of them once a second.
const HOUSEKEEPING: Duration = Duration::from_millis(50);
const HOUSEKEEPING_SLICES: usize = 20;
/// Between two looks for connections that no check ever came for.
const EXPIRY: Duration = Duration::from_secs(1);
/// Between two attempts to get segmentation back.
const RENEWAL: Duration = Duration::from_secs(10);
/// Reads of a socket before frames have their turn.
const RECEIVE_BATCHES: usize = 16;

/// What a shard is made of.
pub(crate) struct ShardParts {
    pub(crate) index: usize,
    pub(crate) sockets: Sockets,
    pub(crate) routes: Arc<Routes>,
    pub(crate) identity: Arc<DtlsIdentity>,
    pub(crate) clock: SharedClock,
    pub(crate) connect_timeout: Duration,
    pub(crate) consent_timeout: Duration,
    pub(crate) counters: Arc<ShardCounters>,
}

/// What is counted of a shard.
#[derive(Debug, Default)]
pub(crate) struct ShardCounters {
    pub(crate) transports: AtomicUsize,
    pub(crate) consumers: AtomicUsize,
    /// RTP payload bytes and packets sent, repairs apart.
    pub(crate) bytes: AtomicU64,
    /// Bits per second over about the last second.
    pub(crate) bps: AtomicU64,
}

/// A shard, to be [run](Self::run) on a thread of its own.
pub(crate) struct Shard {
    parts: ShardParts,
    poll: Poll,
    commands: Receiver<Command>,
    datagrams: Receiver<Forwarded>,
    ready: Arc<Mutex<Vec<FeedKey>>>,
    /// The buffer that `ready` is exchanged with.
    taken: Vec<FeedKey>,
    table: Table,
    scratch: Vec<u8>,
    report: Vec<u8>,
    next_tick: Instant,
    next_housekeeping: Instant,
    next_expiry: Instant,
    next_renewal: Instant,
    slice: usize,
    /// Bytes that the connections of each slice sent in their last second.
    sent: [u64; HOUSEKEEPING_SLICES],
    ended: Arc<AtomicBool>,
}

impl Shard {
    pub(crate) fn new(mut parts: ShardParts) -> Result<(Self, ShardHandle), StartError> {
        let poll = Poll::new().map_err(StartError::Thread)?;
        parts.sockets.register(poll.registry()).map_err(StartError::Thread)?;
        let waker = Arc::new(mio::Waker::new(poll.registry(), WAKE).map_err(StartError::Thread)?);
        let (sender, commands) = sync_channel(COMMAND_QUEUE);
        let (forward, datagrams) = sync_channel(DATAGRAM_QUEUE);
        let ended = Arc::new(AtomicBool::new(false));
        let ready = Arc::new(Mutex::new(Vec::new()));
        let handle = ShardHandle::new(sender, forward, ended.clone(), ready.clone(), waker);
        let now = parts.clock.now();
        let shard = Self {
            table: Table::new(parts.index),
            parts,
            poll,
            commands,
            datagrams,
            ready,
            taken: Vec::new(),
            scratch: Vec::with_capacity(64 << 10),
            report: Vec::with_capacity(256),
            next_tick: now,
            next_housekeeping: now,
            next_expiry: now,
            next_renewal: now,
            slice: 0,
            sent: [0; HOUSEKEEPING_SLICES],
            ended,
        };
        Ok((shard, handle))
    }

    /// Carries media until told to end.
    pub(crate) fn run(mut self) {
        let mut events = Events::with_capacity(16);
        let mut more = false;
        while !self.ended.load(Ordering::Acquire) {
            let more_to_read = more || self.parts.sockets.has_unread();
            let timeout = if more_to_read { Some(Duration::ZERO) } else { self.timeout() };
            if let Err(error) = self.poll.poll(&mut events, timeout)
                && error.kind() != std::io::ErrorKind::Interrupted
            {
                tracing::error!(shard = self.parts.index, %error, "a media thread can't wait for events");
                std::thread::sleep(TICK);
            }
            for event in &events {
                self.parts.sockets.set_ready(event);
            }
            more = self.receive();
            self.obey();
            self.fan_out();
            let now = self.parts.clock.now();
            if now >= self.next_tick && !self.table.busy.is_empty() {
                self.next_tick = now + TICK;
                self.tick(now);
            }
            if now >= self.next_housekeeping {
                self.next_housekeeping = now + HOUSEKEEPING;
                self.housekeeping(now);
            }
        }
        let now = self.parts.clock.now();
        let Self { parts, table, .. } = &mut self;
        table.close_all(&parts.routes, now, &mut parts.sockets.sender());
    }

    fn timeout(&self) -> Option<Duration> {
        let now = self.parts.clock.now();
        let until = |at: Instant| at.saturating_duration_since(now);
        if !self.table.busy.is_empty() {
            Some(until(self.next_tick))
        } else if !self.table.is_empty() || self.parts.sockets.has_connections() {
            Some(until(self.next_housekeeping))
        } else if self.parts.index != 0 {
            None
        } else {
            // Shard 0 expires connections that no check ever came for.
            Some(Duration::from_secs(1))
        }
    }

    fn receive(&mut self) -> bool {
        let Self { parts, table, scratch, .. } = self;
        let ShardParts { sockets, routes, identity, clock, .. } = parts;
        let now = clock.now();
        let more = sockets.receive(RECEIVE_BATCHES, now, |wire, received| {
            let Received { path, data } = received;
            Incoming { table, routes, identity, wire, scratch, now, clock, forwarded: false }
                .datagram(path, data);
        });
        for (shard, connection) in sockets.departures() {
            if let Some(owner) = routes.shard(shard) {
                // When the queue is full the viewer connects again.
                let _ = owner.send(Command::Connection(Box::new(connection)));
            }
        }
        while let Some(origin) = sockets.lost() {
            table.lost(origin, now);
        }
        more
    }

    fn obey(&mut self) {
        while let Ok(command) = self.commands.try_recv() {
            let Self { parts, table, scratch, .. } = self;
            let ShardParts { sockets, routes, identity, clock, .. } = parts;
            let now = clock.now();
            let mut wire = sockets.sender();
            match command {
                Command::Leg(id, command) => match (table.by_id(id), command) {
                    (Some(slot), command) => table.command(slot, command, routes, identity, now, &mut wire),
                    // The connection ended while this was on its way.
                    (None, LegCommand::AddConsumer(setup)) => {
                        setup.shared.set_closed(ConsumerCloseReason::Transport);
                    }
                    (None, _) => {}
                },
                Command::Plain(id, setup) => table.adopt_plain(id, &setup, routes, now),
                Command::Feed { key, frames, group } => {
                    table.feed_arrived(key, frames, group, now);
                    // A notice that came before this is gone.
                    table.fan_out(key, now, clock, &mut wire, scratch);
                }
                Command::FeedEnded(key) => table.feed_ended(key, routes, now, &mut wire),
                Command::Connection(connection) => sockets.adopt(*connection),
            }
        }
        // Behind the commands, which what is forwarded may depend on.
        while let Ok(Forwarded { path, data }) = self.datagrams.try_recv() {
            let Self { parts, table, scratch, .. } = self;
            let ShardParts { sockets, routes, identity, clock, .. } = parts;
            let (now, mut wire) = (clock.now(), sockets.sender());
            Incoming { table, routes, identity, wire: &mut wire, scratch, now, clock, forwarded: true }
                .datagram(&path, &data);
        }
    }

    /// Sends the frames that have arrived.
    fn fan_out(&mut self) {
        std::mem::swap(&mut *self.ready.lock(), &mut self.taken);
        let Self { parts, table, scratch, taken, .. } = self;
        let ShardParts { sockets, clock, .. } = parts;
        if taken.is_empty() {
            return;
        }
        let now = clock.now();
        for key in taken.drain(..) {
            table.fan_out(key, now, clock, &mut sockets.sender(), scratch);
        }
    }

    /// One millisecond of pacing, replays and handshake timers.
    fn tick(&mut self, now: Instant) {
        let Self { parts, table, scratch, .. } = self;
        let ShardParts { sockets, routes, clock, .. } = parts;
        table.tick(routes, now, clock, &mut sockets.sender(), scratch);
    }

    /// Visits a twentieth of the connections: consent, reports, counters.
    fn housekeeping(&mut self, now: Instant) {
        self.slice = (self.slice + 1) % HOUSEKEEPING_SLICES;
        let Self { parts, table, report, .. } = self;
        if now >= self.next_expiry {
            self.next_expiry = now + EXPIRY;
            parts.sockets.sweep(now);
            if parts.index == 0 {
                parts.routes.expire(now, parts.connect_timeout);
            }
        }
        if now >= self.next_renewal {
            self.next_renewal = now + RENEWAL;
            parts.sockets.renew_segmentation();
        }
        let wall = parts.clock.wall();
        let mut wire = parts.sockets.sender();
        let mut slot = self.slice;
        let mut bytes = 0;
        while slot < table.capacity() {
            if let Some(leg) = table.leg_mut(slot) {
                if let Some(reason) = overdue(leg, now, parts.connect_timeout, parts.consent_timeout) {
                    table.close(slot, reason, &parts.routes, now, &mut wire);
                } else {
                    bytes += each_second(leg, wall, &mut wire, report);
                    table.reconcile(slot, &parts.routes, now, &mut wire);
                }
            }
            slot += HOUSEKEEPING_SLICES;
        }
        let counters = &parts.counters;
        counters.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.sent[self.slice] = bytes;
        counters.bps.store(8 * self.sent.iter().sum::<u64>(), Ordering::Relaxed);
        let (transports, consumers) = table.count();
        counters.transports.store(transports, Ordering::Relaxed);
        counters.consumers.store(consumers, Ordering::Relaxed);
    }
}

/// Why a connection has come to its end, if it has.
fn overdue(
    leg: &mut Leg,
    now: Instant,
    connect_timeout: Duration,
    consent_timeout: Duration,
) -> Option<CloseReason> {
    if leg.srtp.is_none() && now.saturating_duration_since(leg.created) > connect_timeout {
        return Some(CloseReason::ConnectTimeout);
    }
    (!leg.consents(now, consent_timeout)).then_some(CloseReason::ConsentExpired)
}

/// Sends a connection's reports; gives the payload bytes that it has sent since its last.
fn each_second(
    leg: &mut Leg,
    wall: vas_core::WallTime,
    wire: &mut SendOnly<'_>,
    report: &mut Vec<u8>,
) -> u64 {
    let Some((srtp, path, consumers)) = leg.reporting() else { return 0 };
    let mut bytes = 0;
    for attached in consumers.iter_mut().flatten() {
        report.clear();
        bytes += attached.sender.each_second();
        attached.sender.write_report(report, wall);
        if !report.is_empty()
            && let Ok(sealed) = srtp.seal_rtcp(report)
        {
            let _ = wire.send(&path, &sealed, sealed.len());
        }
    }
    bytes
}

/// What handling a datagram needs.
struct Incoming<'a, 'w> {
    table: &'a mut Table,
    routes: &'a Arc<Routes>,
    identity: &'a Arc<DtlsIdentity>,
    wire: &'a mut SendOnly<'w>,
    scratch: &'a mut Vec<u8>,
    now: Instant,
    clock: &'a SharedClock,
    /// It came by way of the queue between shards.
    forwarded: bool,
}

impl Incoming<'_, '_> {
    /// Tells protocols apart by the first byte (RFC 7983, section 7).
    fn datagram(&mut self, path: &Path, data: &[u8]) {
        match data.first() {
            Some(0..=3) => self.stun(path, data),
            Some(20..=63) => self.dtls(path, data),
            // Viewers send reports (RFC 5761, section 4); RTP from them has no receiver.
            Some(128..=191) if data.get(1).is_some_and(|kind| (192..=223).contains(kind)) => {
                self.rtcp(path, data);
            }
            _ => {}
        }
    }

    /// Gives a datagram to the shard that owns its viewer; what came over TCP stays, as its connection is of this one.
    fn forward(&self, shard: usize, path: &Path, data: &[u8]) {
        if !self.forwarded
            && (shard == self.table.shard() || matches!(path.origin(), Origin::Udp(_)))
            && let Some(owner) = self.routes.shard(shard)
        {
            owner.forward(Forwarded { path: *path, data: data.to_vec() });
        }
    }

    fn stun(&mut self, path: &Path, data: &[u8]) {
        let Some(mut check) = Check::parse(data) else { return };
        let slot = match self.table.by_ufrag(&check.local_ufrag) {
            Some(slot) => slot,
            None => match self.routes.claim(&check.local_ufrag, self.table.shard()) {
                Claim::Mine(id, setup) => {
                    self.table.adopt(id, *setup, self.routes, self.identity, self.now, self.wire)
                }
                // To this very shard too: it is told of new credentials before it looks at what was forwarded.
                Claim::Owned(shard) => {
                    if shard == self.table.shard() || !self.wire.hand_over(path, shard) {
                        self.forward(shard, path, data);
                    }
                    return;
                }
                Claim::Unknown => return,
            },
        };
        let Some(leg) = self.table.leg_mut(slot) else { return };
        let Some(outcome) = leg.check(&mut check, *path, self.now, self.identity, self.wire) else { return };
        self.wire.prove(path);
        self.table.checked(slot, path, &outcome, self.routes, self.wire);
    }

    /// The connection that a path belongs to; what is another shard's is forwarded.
    fn owned(&self, path: &Path, data: &[u8]) -> Option<usize> {
        let slot = self.table.by_origin(path.origin());
        if slot.is_none()
            && let Origin::Udp(address) = path.origin()
            && let Some(shard) = self.routes.owner_of(address)
        {
            self.forward(shard, path, data);
        }
        slot
    }

    fn dtls(&mut self, path: &Path, data: &[u8]) {
        let Some(slot) = self.owned(path, data) else { return };
        let Some(leg) = self.table.leg_mut(slot) else { return };
        match leg.dtls(path, data, self.now, self.identity, self.wire) {
            Ok(true) => self.table.connected(slot, self.now),
            Ok(false) => self.table.list_if_busy(slot),
            Err(reason) => self.table.close(slot, reason, self.routes, self.now, self.wire),
        }
    }

    fn rtcp(&mut self, path: &Path, data: &[u8]) {
        let Some(slot) = self.owned(path, data) else { return };
        let Some((leg, feeds)) = self.table.leg_and_feeds(slot) else { return };
        let Some(Ok(opened)) = leg.srtp.as_mut().map(|srtp| srtp.open_rtcp(data)) else { return };
        leg.prove(path);
        let (Some(srtp), Some(own_path)) = (&mut leg.srtp, &leg.path) else { return };
        let wall = self.clock.wall();
        let mut outlet = Outlet {
            srtp,
            wire: self.wire,
            path: own_path,
            scratch: self.scratch,
            control: leg.control.as_deref_mut(),
            now: self.now,
            clock: self.clock,
        };
        let consumers = &mut leg.consumers;
        let mut each = |ssrc: u32, act: &mut dyn FnMut(&mut leg::Attached)| {
            if let Some(attached) = consumers.iter_mut().flatten().find(|a| a.sender.owns(ssrc)) {
                act(attached);
            }
        };
        let mut told = false;
        for packet in rtcp::packets(&opened) {
            match packet {
                Rtcp::Report { reports } => {
                    for block in reports {
                        let mut round_trip = None;
                        each(block.ssrc, &mut |attached| round_trip = attached.sender.report(&block, wall));
                        if let Some(control) = &mut outlet.control {
                            control.report(block.fraction_lost, round_trip, self.now);
                        }
                    }
                }
                Rtcp::Bandwidth { bitrate, .. } => {
                    if let Some(control) = &mut outlet.control {
                        control.remb(bitrate, self.now);
                        told = true;
                    }
                }
                Rtcp::TransportFeedback(feedback) => {
                    if let Some(control) = &mut outlet.control {
                        control.feedback(&feedback, self.now);
                        told = true;
                    }
                }
                Rtcp::Nack { media_ssrc, lost } => each(media_ssrc, &mut |attached| {
                    let ring = table::ring_of(feeds, attached.feed, attached.sender.layer());
                    attached.sender.retransmit(lost.clone(), &ring, &mut outlet);
                }),
                Rtcp::PictureLoss { media_ssrc } => {
                    each(media_ssrc, &mut |attached| attached.sender.request_key());
                }
                Rtcp::FullIntraRequest { requests } => {
                    for entry in requests {
                        each(entry.ssrc, &mut |attached| attached.sender.request_key());
                    }
                }
                Rtcp::Other => {}
            }
        }
        if told {
            self.table.share_out(slot, self.now);
        } else {
            self.table.list_if_busy(slot);
        }
    }
}
