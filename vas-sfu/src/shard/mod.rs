//! Shards: threads that carry media.
//!
//! A shard owns its sockets, its connections and a ring of frames for each producer that it has viewers of. It waits
//! in one poll set for datagrams, for commands and for frames; nothing it does waits for anybody else.

mod command;
mod leg;
mod routes;
mod sender;
mod stream;
mod table;
mod wire;

pub(crate) use command::{Command, FeedKey, LegCommand, LegSetup, ShardHandle};
pub(crate) use leg::MAX_CONSUMERS;
pub(crate) use routes::{InsertError, Routes};
pub(crate) use sender::SenderSetup;
pub(crate) use wire::bind_all;

pub(crate) mod bench {
    //! What the fan-out benchmark drives without a connection.
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
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};
use table::Table;
use vas_core::SharedClock;
use wire::{Path, Received, SendOnly, Sockets, Wire};

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
    ended: Arc<AtomicBool>,
}

impl Shard {
    pub(crate) fn new(parts: ShardParts) -> Result<(Self, ShardHandle), StartError> {
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
            ended,
        };
        Ok((shard, handle))
    }

    /// Carries media until told to end.
    pub(crate) fn run(mut self) {
        let mut events = Events::with_capacity(16);
        let mut more = false;
        while !self.ended.load(Ordering::Acquire) {
            let timeout = if more { Some(Duration::ZERO) } else { self.timeout() };
            if let Err(error) = self.poll.poll(&mut events, timeout)
                && error.kind() != std::io::ErrorKind::Interrupted
            {
                tracing::error!(shard = self.parts.index, %error, "a media thread can't wait for events");
                std::thread::sleep(TICK);
            }
            for event in &events {
                self.parts.sockets.set_readable(event.token());
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
        } else if self.table.is_empty() && self.parts.index != 0 {
            None
        } else if self.table.is_empty() {
            // Shard 0 expires connections that no check ever came for.
            Some(Duration::from_secs(1))
        } else {
            Some(until(self.next_housekeeping))
        }
    }

    fn receive(&mut self) -> bool {
        let Self { parts, table, scratch, .. } = self;
        let ShardParts { sockets, routes, identity, clock, .. } = parts;
        let now = clock.now();
        sockets.receive(RECEIVE_BATCHES, |wire, received| {
            let Received { path, data } = received;
            Incoming { table, routes, identity, wire, scratch, now, clock, forwarded: false }
                .datagram(path, data);
        })
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
                Command::Feed { key, frames, group } => {
                    table.feed_arrived(key, frames, group, now);
                    // A notice that came before this is gone.
                    table.fan_out(key, &mut wire, scratch);
                }
                Command::FeedEnded(key) => table.feed_ended(key, routes, now, &mut wire),
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
        for key in taken.drain(..) {
            table.fan_out(key, &mut parts.sockets.sender(), scratch);
        }
    }

    /// One millisecond of pacing, replays and handshake timers.
    fn tick(&mut self, now: Instant) {
        let Self { parts, table, scratch, .. } = self;
        table.tick(&parts.routes, now, &mut parts.sockets.sender(), scratch);
    }

    /// Visits a twentieth of the connections: consent, reports, counters.
    fn housekeeping(&mut self, now: Instant) {
        self.slice = (self.slice + 1) % HOUSEKEEPING_SLICES;
        let Self { parts, table, report, .. } = self;
        if parts.index == 0 && now >= self.next_expiry {
            self.next_expiry = now + EXPIRY;
            parts.routes.expire(now, parts.connect_timeout);
        }
        if now >= self.next_renewal {
            self.next_renewal = now + RENEWAL;
            parts.sockets.renew_segmentation();
        }
        let wall = parts.clock.wall();
        let mut wire = parts.sockets.sender();
        let mut slot = self.slice;
        while slot < table.capacity() {
            if let Some(leg) = table.leg_mut(slot) {
                if let Some(reason) = overdue(leg, now, parts.connect_timeout, parts.consent_timeout) {
                    table.close(slot, reason, &parts.routes, now, &mut wire);
                } else {
                    each_second(leg, wall, &mut wire, report);
                    table.reconcile(slot, &parts.routes, now, &mut wire);
                }
            }
            slot += HOUSEKEEPING_SLICES;
        }
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

fn each_second(leg: &mut Leg, wall: vas_core::WallTime, wire: &mut SendOnly<'_>, report: &mut Vec<u8>) {
    let (Some(srtp), Some(path)) = (&mut leg.srtp, &leg.path) else { return };
    for attached in leg.consumers.iter_mut().flatten() {
        report.clear();
        attached.sender.each_second();
        attached.sender.write_report(report, wall);
        if !report.is_empty()
            && let Ok(sealed) = srtp.seal_rtcp(report)
        {
            let _ = wire.send(path, &sealed, sealed.len());
        }
    }
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

    fn forward(&self, shard: usize, path: &Path, data: &[u8]) {
        if !self.forwarded
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
                Claim::Owned(shard) => return self.forward(shard, path, data),
                Claim::Unknown => return,
            },
        };
        let Some(leg) = self.table.leg_mut(slot) else { return };
        let Some(outcome) = leg.check(&mut check, *path, self.now, self.identity, self.wire) else { return };
        self.table.checked(slot, path.peer, &outcome, self.routes);
    }

    fn dtls(&mut self, path: &Path, data: &[u8]) {
        let Some(slot) = self.table.by_address(path.peer) else {
            if let Some(shard) = self.routes.owner_of(path.peer) {
                self.forward(shard, path, data);
            }
            return;
        };
        let Some(leg) = self.table.leg_mut(slot) else { return };
        match leg.dtls(path, data, self.now, self.identity, self.wire) {
            Ok(true) => self.table.connected(slot, self.now),
            Ok(false) => self.table.list_if_busy(slot),
            Err(reason) => self.table.close(slot, reason, self.routes, self.now, self.wire),
        }
    }

    fn rtcp(&mut self, path: &Path, data: &[u8]) {
        let Some(slot) = self.table.by_address(path.peer) else {
            if let Some(shard) = self.routes.owner_of(path.peer) {
                self.forward(shard, path, data);
            }
            return;
        };
        let Some((leg, feeds)) = self.table.leg_and_feeds(slot) else { return };
        let (Some(srtp), Some(own_path)) = (&mut leg.srtp, &leg.path) else { return };
        let Ok(opened) = srtp.open_rtcp(data) else { return };
        let wall = self.clock.wall();
        let mut outlet = Outlet { srtp, wire: self.wire, path: own_path, scratch: self.scratch };
        let consumers = &mut leg.consumers;
        let mut each = |ssrc: u32, act: &mut dyn FnMut(&mut leg::Attached)| {
            if let Some(attached) = consumers.iter_mut().flatten().find(|a| a.sender.owns(ssrc)) {
                act(attached);
            }
        };
        for packet in rtcp::packets(&opened) {
            match packet {
                Rtcp::Report { reports } => {
                    for block in reports {
                        each(block.ssrc, &mut |attached| attached.sender.report(&block, wall));
                    }
                }
                Rtcp::Bandwidth { bitrate, ssrcs } => {
                    for ssrc in ssrcs {
                        each(ssrc, &mut |attached| attached.sender.bandwidth(bitrate));
                    }
                }
                Rtcp::Nack { media_ssrc, lost } => each(media_ssrc, &mut |attached| {
                    let Some(feed) = feeds.get(&attached.feed) else { return };
                    attached.sender.retransmit(lost.clone(), &feed.ring, &mut outlet);
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
        self.table.list_if_busy(slot);
    }
}
