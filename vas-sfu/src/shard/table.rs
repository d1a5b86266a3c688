//! The connections and feeds of a shard, and the indexes over them.

use super::command::{FeedKey, LegCommand, LegSetup};
use super::leg::{Attached, CheckOutcome, Leg, MAX_CONSUMERS};
use super::routes::Routes;
use super::sender::{Outlet, Sender};
use super::stream::FrameRing;
use super::wire::{SendOnly, Wire};
use crate::consumer::ConsumerCloseReason;
use crate::dtls::DtlsIdentity;
use crate::frame::Frame;
use crate::producer::{ProducerCommand, ProducerId, ProducerShared};
use crate::transport::CloseReason;
use slab::Slab;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

/// A producer as a shard has it.
pub(super) struct Feed {
    producer: Arc<ProducerShared>,
    /// Absent until the producer has answered.
    frames: Option<rtrb::Consumer<Arc<Frame>>>,
    pub(super) ring: FrameRing,
    /// Connection and consumer slot of each viewer.
    viewers: Vec<(usize, usize)>,
}

/// The connections and feeds of a shard.
pub(super) struct Table {
    shard: usize,
    legs: Slab<Box<Leg>>,
    by_id: HashMap<u64, usize>,
    by_ufrag: HashMap<String, usize>,
    by_address: HashMap<SocketAddr, usize>,
    feeds: HashMap<FeedKey, Feed>,
    by_producer: HashMap<ProducerId, FeedKey>,
    next_feed: u64,
    /// Connections that the next millisecond concerns.
    pub(super) busy: Vec<usize>,
    finished: Vec<(usize, CloseReason)>,
}

impl Table {
    pub(super) fn new(shard: usize) -> Self {
        Self {
            shard,
            legs: Slab::new(),
            by_id: HashMap::new(),
            by_ufrag: HashMap::new(),
            by_address: HashMap::new(),
            feeds: HashMap::new(),
            by_producer: HashMap::new(),
            next_feed: 0,
            busy: Vec::new(),
            finished: Vec::new(),
        }
    }

    pub(super) const fn shard(&self) -> usize {
        self.shard
    }

    pub(super) fn is_empty(&self) -> bool {
        self.legs.is_empty()
    }

    /// Slots, used or not.
    pub(super) fn capacity(&self) -> usize {
        self.legs.capacity()
    }

    pub(super) fn leg_mut(&mut self, slot: usize) -> Option<&mut Leg> {
        self.legs.get_mut(slot).map(|leg| &mut **leg)
    }

    pub(super) fn leg_and_feeds(&mut self, slot: usize) -> Option<(&mut Leg, &HashMap<FeedKey, Feed>)> {
        Some((self.legs.get_mut(slot)?, &self.feeds))
    }

    pub(super) fn by_id(&self, id: u64) -> Option<usize> {
        self.by_id.get(&id).copied()
    }

    pub(super) fn by_ufrag(&self, ufrag: &str) -> Option<usize> {
        self.by_ufrag.get(ufrag).copied()
    }

    pub(super) fn by_address(&self, address: SocketAddr) -> Option<usize> {
        self.by_address.get(&address).copied()
    }

    /// Takes over a connection whose first check has come to this shard.
    pub(super) fn adopt(
        &mut self,
        id: u64,
        setup: LegSetup,
        routes: &Arc<Routes>,
        identity: &Arc<DtlsIdentity>,
        now: Instant,
        wire: &mut SendOnly<'_>,
    ) -> usize {
        let slot = self.legs.insert(Box::new(Leg::new(id, &setup, now)));
        self.by_id.insert(id, slot);
        self.by_ufrag.insert(setup.ice.ufrag, slot);
        for command in setup.pending {
            self.command(slot, command, routes, identity, now, wire);
        }
        slot
    }

    /// A valid check has come from `peer`, whose datagrams are this connection's from now on.
    pub(super) fn checked(&mut self, slot: usize, peer: SocketAddr, outcome: &CheckOutcome, routes: &Routes) {
        let Some(leg) = self.legs.get(slot) else { return };
        if let Some(address) = outcome.lost {
            if self.by_address.get(&address) == Some(&slot) {
                self.by_address.remove(&address);
            }
            routes.remove_address(leg.id, address);
        }
        if self.by_address.get(&peer) != Some(&slot) {
            self.by_address.insert(peer, slot);
            routes.add_address(leg.id, peer, self.shard);
        }
    }

    pub(super) fn command(
        &mut self,
        slot: usize,
        command: LegCommand,
        routes: &Arc<Routes>,
        identity: &Arc<DtlsIdentity>,
        now: Instant,
        wire: &mut SendOnly<'_>,
    ) {
        let Some(leg) = self.legs.get_mut(slot) else { return };
        match command {
            LegCommand::Connect { fingerprints } => {
                if let Err(reason) = leg.connect(identity, fingerprints) {
                    self.close(slot, reason, routes, now, wire);
                }
            }
            LegCommand::AddConsumer(setup) => {
                if leg.consumers.iter().flatten().count() < MAX_CONSUMERS {
                    self.add_consumer(slot, Sender::new(*setup, now), routes, now, wire);
                } else {
                    setup.shared.set_closed(ConsumerCloseReason::Transport);
                }
            }
            LegCommand::RemoveConsumer(id) => {
                let wanted =
                    |a: &Option<Attached>| a.as_ref().is_some_and(|a| a.sender.setup().shared.id == id);
                if let Some(at) = leg.consumers.iter().position(wanted) {
                    self.remove_consumer(slot, at, ConsumerCloseReason::Requested, wire);
                    self.close_if_exhausted(slot, CloseReason::Requested, routes, now, wire);
                }
            }
            LegCommand::SetPaused(id, paused) => {
                for attached in leg.consumers.iter_mut().flatten() {
                    if attached.sender.setup().shared.id == id {
                        attached.sender.set_paused(paused);
                        if let Some(feed) = self.feeds.get(&attached.feed)
                            && leg.srtp.is_some()
                        {
                            attached.sender.start(&feed.ring, now);
                        }
                    }
                }
                self.list_if_busy(slot);
            }
            LegCommand::RestartIce(credentials) => {
                let id = leg.id;
                self.by_ufrag.insert(credentials.ufrag.clone(), slot);
                if let Some(old) = leg.restart_ice(credentials) {
                    self.by_ufrag.remove(&old);
                    routes.remove_ufrag(id, &old);
                }
            }
            LegCommand::Close => self.close(slot, CloseReason::Requested, routes, now, wire),
        }
    }

    fn add_consumer(
        &mut self,
        slot: usize,
        sender: Sender,
        routes: &Arc<Routes>,
        now: Instant,
        wire: &mut SendOnly<'_>,
    ) {
        let producer = sender.setup().producer.clone();
        if producer.is_closed() {
            sender.setup().shared.set_closed(ConsumerCloseReason::Producer);
            if let Some(leg) = self.legs.get_mut(slot) {
                leg.had_consumer();
            }
            self.close_if_exhausted(slot, CloseReason::Producer, routes, now, wire);
            return;
        }
        let key = match self.by_producer.get(&producer.id) {
            Some(key) => *key,
            None => self.open_feed(producer),
        };
        let (Some(feed), Some(leg)) = (self.feeds.get_mut(&key), self.legs.get_mut(slot)) else { return };
        let at = leg.attach(Attached { feed: key, sender });
        feed.viewers.push((slot, at));
        if leg.srtp.is_some()
            && let Some(attached) = &mut leg.consumers[at]
        {
            attached.sender.start(&feed.ring, now);
        }
        self.list_if_busy(slot);
    }

    fn open_feed(&mut self, producer: Arc<ProducerShared>) -> FeedKey {
        self.next_feed += 1;
        let key = FeedKey(self.next_feed);
        producer.command(ProducerCommand::Attach { shard: self.shard, key });
        self.by_producer.insert(producer.id, key);
        self.feeds
            .insert(key, Feed { producer, frames: None, ring: FrameRing::default(), viewers: Vec::new() });
        key
    }

    /// The producer has answered: here are the group so far and the way its frames will come.
    pub(super) fn feed_arrived(
        &mut self,
        key: FeedKey,
        frames: rtrb::Consumer<Arc<Frame>>,
        group: Vec<Arc<Frame>>,
        now: Instant,
    ) {
        let Some(feed) = self.feeds.get_mut(&key) else { return };
        feed.frames = Some(frames);
        for frame in group {
            feed.ring.push(frame);
        }
        for &(slot, at) in &feed.viewers {
            if let Some(leg) = self.legs.get_mut(slot)
                && leg.srtp.is_some()
                && let Some(Some(attached)) = leg.consumers.get_mut(at)
            {
                attached.sender.start(&feed.ring, now);
                list(&mut self.busy, leg, slot);
            }
        }
    }

    /// The producer has ended, and with it all its consumers.
    pub(super) fn feed_ended(
        &mut self,
        key: FeedKey,
        routes: &Arc<Routes>,
        now: Instant,
        wire: &mut SendOnly<'_>,
    ) {
        let Some(feed) = self.feeds.remove(&key) else { return };
        self.by_producer.remove(&feed.producer.id);
        for (slot, at) in feed.viewers {
            let Some(leg) = self.legs.get_mut(slot) else { continue };
            if let Some(attached) = leg.consumers[at].take() {
                leg.say_bye(attached.sender.setup().ssrc, wire);
                attached.sender.setup().shared.set_closed(ConsumerCloseReason::Producer);
            }
            self.close_if_exhausted(slot, CloseReason::Producer, routes, now, wire);
        }
    }

    /// Ends a connection that was to live as long as its consumers, when the last of them has ended.
    fn close_if_exhausted<W: Wire>(
        &mut self,
        slot: usize,
        reason: CloseReason,
        routes: &Routes,
        now: Instant,
        wire: &mut W,
    ) {
        if self.legs.get(slot).is_some_and(|leg| leg.is_exhausted() && leg.shared.closes_with_consumers()) {
            self.close(slot, reason, routes, now, wire);
        }
    }

    /// Once a second for a connection: what its handles have asked for and may not have reached this shard, for a queue
    /// was full.
    pub(super) fn reconcile(
        &mut self,
        slot: usize,
        routes: &Arc<Routes>,
        now: Instant,
        wire: &mut SendOnly<'_>,
    ) {
        let Some(leg) = self.legs.get(slot) else { return };
        if leg.shared.is_closing() {
            return self.close(slot, CloseReason::Requested, routes, now, wire);
        }
        for at in 0..leg.consumers.len() {
            let Some(Some(attached)) = self.legs.get(slot).and_then(|leg| leg.consumers.get(at)) else {
                continue;
            };
            let (feed, setup) = (attached.feed, attached.sender.setup());
            if setup.producer.is_closed() {
                // Ends this consumer with all others of the producer.
                return self.feed_ended(feed, routes, now, wire);
            }
            if setup.shared.is_closed() {
                self.remove_consumer(slot, at, ConsumerCloseReason::Requested, wire);
            }
        }
        self.close_if_exhausted(slot, CloseReason::Requested, routes, now, wire);
    }

    fn remove_consumer<W: Wire>(
        &mut self,
        slot: usize,
        at: usize,
        reason: ConsumerCloseReason,
        wire: &mut W,
    ) {
        let Some(leg) = self.legs.get_mut(slot) else { return };
        let Some(attached) = leg.consumers.get_mut(at).and_then(Option::take) else { return };
        leg.say_bye(attached.sender.setup().ssrc, wire);
        attached.sender.setup().shared.set_closed(reason);
        let Some(feed) = self.feeds.get_mut(&attached.feed) else { return };
        feed.viewers.retain(|viewer| *viewer != (slot, at));
        if feed.viewers.is_empty() {
            let key = attached.feed;
            feed.producer.command(ProducerCommand::Detach { shard: self.shard, key });
            self.by_producer.remove(&feed.producer.id);
            self.feeds.remove(&key);
        }
    }

    /// The handshake is complete: media may flow at once.
    pub(super) fn connected(&mut self, slot: usize, now: Instant) {
        let Some(leg) = self.legs.get_mut(slot) else { return };
        for attached in leg.consumers.iter_mut().flatten() {
            if let Some(feed) = self.feeds.get(&attached.feed) {
                attached.sender.start(&feed.ring, now);
            }
        }
        self.list_if_busy(slot);
    }

    /// Puts a connection with something to do on the list of the next millisecond.
    pub(super) fn list_if_busy(&mut self, slot: usize) {
        if let Some(leg) = self.legs.get_mut(slot) {
            list(&mut self.busy, leg, slot);
        }
    }

    /// Sends the frames of a feed to its viewers.
    pub(super) fn fan_out(&mut self, key: FeedKey, wire: &mut SendOnly<'_>, scratch: &mut Vec<u8>) {
        let Some(feed) = self.feeds.get_mut(&key) else { return };
        let Some(frames) = &mut feed.frames else { return };
        while let Ok(frame) = frames.pop() {
            for &(slot, at) in &feed.viewers {
                let Some(leg) = self.legs.get_mut(slot) else { continue };
                let (Some(srtp), Some(path)) = (&mut leg.srtp, &leg.path) else { continue };
                let Some(Some(attached)) = leg.consumers.get_mut(at) else { continue };
                attached.sender.live(&frame, &mut Outlet { srtp, wire, path, scratch });
                if attached.sender.is_busy() && !leg.listed {
                    leg.listed = true;
                    self.busy.push(slot);
                }
            }
            feed.ring.push(frame);
        }
    }

    /// One millisecond of pacing, replays and handshake timers for the connections on the list.
    pub(super) fn tick(
        &mut self,
        routes: &Arc<Routes>,
        now: Instant,
        wire: &mut SendOnly<'_>,
        scratch: &mut Vec<u8>,
    ) {
        let (legs, feeds, finished) = (&mut self.legs, &self.feeds, &mut self.finished);
        self.busy.retain(|&slot| {
            let Some(leg) = legs.get_mut(slot) else { return false };
            if let Err(reason) = leg.drive_dtls(now, wire) {
                finished.push((slot, reason));
                return false;
            }
            if let (Some(srtp), Some(path)) = (&mut leg.srtp, &leg.path) {
                for attached in leg.consumers.iter_mut().flatten().filter(|a| a.sender.is_busy()) {
                    if let Some(feed) = feeds.get(&attached.feed) {
                        attached.sender.pump(&feed.ring, now, &mut Outlet { srtp, wire, path, scratch });
                    }
                }
            }
            leg.listed = leg.is_busy();
            leg.listed
        });
        for (slot, reason) in std::mem::take(&mut self.finished) {
            self.close(slot, reason, routes, now, wire);
        }
    }

    /// Ends a connection.
    pub(super) fn close<W: Wire>(
        &mut self,
        slot: usize,
        reason: CloseReason,
        routes: &Routes,
        now: Instant,
        wire: &mut W,
    ) {
        let Some(leg) = self.legs.get_mut(slot) else { return };
        if reason == CloseReason::ConsentExpired {
            // Nothing may be sent there any more, a goodbye included (RFC 7675, section 5.1).
            leg.path = None;
        }
        for at in 0..leg.consumers.len() {
            self.remove_consumer(slot, at, ConsumerCloseReason::Transport, wire);
        }
        let mut leg = self.legs.remove(slot);
        leg.say_goodbye(now, wire);
        self.busy.retain(|listed| *listed != slot);
        self.by_id.remove(&leg.id);
        for ufrag in leg.ufrags() {
            self.by_ufrag.remove(ufrag);
        }
        let addresses: Vec<SocketAddr> = leg.addresses.iter().map(|known| known.0).collect();
        for address in &addresses {
            if self.by_address.get(address) == Some(&slot) {
                self.by_address.remove(address);
            }
        }
        routes.remove(leg.id, &addresses);
        tracing::debug!(transport = %leg.shared.id, %reason, "viewer's connection ended");
        leg.shared.set_closed(reason);
    }

    /// Ends every connection, for the SFU shuts down.
    pub(super) fn close_all<W: Wire>(&mut self, routes: &Routes, now: Instant, wire: &mut W) {
        let slots: Vec<usize> = self.legs.iter().map(|(slot, _)| slot).collect();
        for slot in slots {
            self.close(slot, CloseReason::Shutdown, routes, now, wire);
        }
    }
}

fn list(busy: &mut Vec<usize>, leg: &mut Leg, slot: usize) {
    if !leg.listed && leg.is_busy() {
        leg.listed = true;
        busy.push(slot);
    }
}
