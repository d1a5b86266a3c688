//! The connections and feeds of a shard, and the indexes over them.

use super::command::{FeedKey, LegCommand, LegSetup, PlainSetup};
use super::control::Control;
use super::leg::{Attached, CheckOutcome, Leg, MAX_CONSUMERS};
use super::routes::Routes;
use super::sender::{Live, Outlet, Sender};
use super::stream::FrameRing;
use super::wire::{Origin, Path, SendOnly, Wire};
use crate::consumer::ConsumerCloseReason;
use crate::dtls::DtlsIdentity;
use crate::frame::Frame;
use crate::layers::{Demand, Steering};
use crate::producer::{LayerCommand, LayerId, LayerShared};
use crate::transport::CloseReason;
use slab::Slab;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;
use vas_core::SharedClock;

/// A layer as a shard has it.
pub(super) struct Feed {
    layer: Arc<LayerShared>,
    /// Absent until the layer's task has answered.
    frames: Option<rtrb::Consumer<Arc<Frame>>>,
    pub(super) ring: FrameRing,
    pub(super) viewers: Vec<Viewer>,
}

/// Who takes a layer's frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Viewer {
    /// The connection.
    pub(super) slot: usize,
    /// The consumer's slot on it.
    pub(super) at: usize,
    /// The layer's place among those of the consumer.
    pub(super) layer: usize,
}

/// The connections and feeds of a shard.
pub(super) struct Table {
    shard: usize,
    pub(super) legs: Slab<Box<Leg>>,
    by_id: HashMap<u64, usize>,
    by_ufrag: HashMap<String, usize>,
    by_origin: HashMap<Origin, usize>,
    pub(super) feeds: HashMap<FeedKey, Feed>,
    by_layer: HashMap<LayerId, FeedKey>,
    next_feed: u64,
    /// Connections that the next millisecond concerns.
    pub(super) busy: Vec<usize>,
    finished: Vec<(usize, CloseReason)>,
    /// Viewers that have gone over to another layer, and the feed that they had before.
    switched: Vec<(usize, usize, FeedKey)>,
    /// Scratch space of sharing out.
    pub(super) demands: Vec<Demand>,
}

impl Table {
    pub(super) fn new(shard: usize) -> Self {
        Self {
            shard,
            legs: Slab::new(),
            by_id: HashMap::new(),
            by_ufrag: HashMap::new(),
            by_origin: HashMap::new(),
            feeds: HashMap::new(),
            by_layer: HashMap::new(),
            next_feed: 0,
            busy: Vec::new(),
            finished: Vec::new(),
            switched: Vec::new(),
            demands: Vec::new(),
        }
    }

    pub(super) const fn shard(&self) -> usize {
        self.shard
    }

    pub(super) fn is_empty(&self) -> bool {
        self.legs.is_empty()
    }

    /// Connections and consumers now.
    pub(super) fn count(&self) -> (usize, usize) {
        (self.legs.len(), self.feeds.values().map(|feed| feed.viewers.len()).sum())
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

    pub(super) fn by_origin(&self, origin: Origin) -> Option<usize> {
        self.by_origin.get(&origin).copied()
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

    /// Takes a plain connection.
    pub(super) fn adopt_plain(&mut self, id: u64, setup: &PlainSetup, routes: &Routes, now: Instant) {
        let leg = Leg::plain(id, setup, now);
        setup.shared.set_connected();
        let slot = self.legs.insert(Box::new(leg));
        self.by_id.insert(id, slot);
        for path in [setup.rtp, setup.rtcp] {
            self.by_origin.insert(path.origin(), slot);
            routes.add_address(id, path.peer, self.shard);
        }
    }

    /// A valid check has come on `path`, whose datagrams are this connection's from now on.
    pub(super) fn checked(
        &mut self,
        slot: usize,
        path: &Path,
        outcome: &CheckOutcome,
        routes: &Routes,
        wire: &mut SendOnly<'_>,
    ) {
        let Some(leg) = self.legs.get(slot) else { return };
        if let Some(lost) = outcome.lost {
            if self.by_origin.get(&lost.origin()) == Some(&slot) {
                self.by_origin.remove(&lost.origin());
            }
            if let Origin::Udp(address) = lost.origin() {
                routes.remove_address(leg.id, address);
            }
            wire.release(&lost);
        }
        if self.by_origin.get(&path.origin()) != Some(&slot) {
            self.by_origin.insert(path.origin(), slot);
            if let Origin::Udp(address) = path.origin() {
                routes.add_address(leg.id, address, self.shard);
            }
        }
    }

    /// A TCP connection has ended.
    pub(super) fn lost(&mut self, origin: Origin, now: Instant) {
        if let Some(slot) = self.by_origin.remove(&origin)
            && let Some(leg) = self.legs.get_mut(slot)
        {
            leg.lose(origin, now);
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
                            attached.sender.start(&feed.ring, now, leg.control.as_deref());
                        }
                    }
                }
                self.list_if_busy(slot);
            }
            LegCommand::SetWanted(id, wanted) => {
                for attached in leg.consumers.iter_mut().flatten() {
                    if attached.sender.setup().shared.id == id {
                        attached.sender.set_wanted(wanted);
                    }
                }
                self.share_out(slot, now);
            }
            LegCommand::RestartIce(credentials) => {
                let id = leg.id;
                self.by_ufrag.insert(credentials.ufrag.clone(), slot);
                if let Some(old) = leg.restart_ice(credentials) {
                    self.by_ufrag.remove(&old);
                    routes.remove_ufrag(id, &old);
                }
            }
            LegCommand::UseKeys(srtp) => {
                leg.use_keys(*srtp, now);
                self.connected(slot, now);
            }
            LegCommand::Close => self.close(slot, CloseReason::Requested, routes, now, wire),
        }
    }

    pub(super) fn add_consumer<W: Wire>(
        &mut self,
        slot: usize,
        mut sender: Sender,
        routes: &Arc<Routes>,
        now: Instant,
        wire: &mut W,
    ) {
        if sender.setup().layers.first().is_none_or(|first| first.layer.is_closed()) {
            sender.setup().shared.set_closed(ConsumerCloseReason::Producer);
            if let Some(leg) = self.legs.get_mut(slot) {
                leg.had_consumer();
            }
            self.close_if_exhausted(slot, CloseReason::Producer, routes, now, wire);
            return;
        }
        let layer = sender.first_layer();
        sender.begin_with(layer);
        let key = self.feed_of(&sender.setup().layers[layer].layer.clone());
        let (Some(feed), Some(leg)) = (self.feeds.get_mut(&key), self.legs.get_mut(slot)) else { return };
        let at = leg.attach(Attached {
            feed: key,
            target: None,
            steering: Steering::beginning_with(layer),
            sender,
        });
        feed.viewers.push(Viewer { slot, at, layer });
        if leg.srtp.is_some() {
            leg.make_control(now);
            if let Some(attached) = &mut leg.consumers[at] {
                attached.sender.start(&feed.ring, now, leg.control.as_deref());
            }
        }
        self.list_if_busy(slot);
    }

    /// The feed of a layer, opened where it is not yet.
    pub(super) fn feed_of(&mut self, layer: &Arc<LayerShared>) -> FeedKey {
        if let Some(key) = self.by_layer.get(&layer.id) {
            return *key;
        }
        self.next_feed += 1;
        let key = FeedKey(self.next_feed);
        layer.command(LayerCommand::Attach { shard: self.shard, key });
        self.by_layer.insert(layer.id, key);
        let feed =
            Feed { layer: layer.clone(), frames: None, ring: FrameRing::default(), viewers: Vec::new() };
        self.feeds.insert(key, feed);
        key
    }

    /// The feed of a layer, if it is open.
    #[cfg(test)]
    pub(super) fn open_feed(&self, layer: &Arc<LayerShared>) -> Option<FeedKey> {
        self.by_layer.get(&layer.id).copied()
    }

    /// A layer's task has answered: here are the group so far and the way its frames will come.
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
        for viewer in &feed.viewers {
            let Some(leg) = self.legs.get_mut(viewer.slot).filter(|leg| leg.srtp.is_some()) else { continue };
            let control = leg.control.as_deref();
            if let Some(Some(attached)) = leg.consumers.get_mut(viewer.at) {
                if attached.feed == key {
                    attached.sender.start(&feed.ring, now, control);
                } else if attached.sender.switch_now(&feed.ring, now, control) {
                    self.switched.push((viewer.slot, viewer.at, attached.gone_over(key)));
                }
                list(&mut self.busy, leg, viewer.slot);
            }
        }
        self.leave_old_feeds();
    }

    /// A layer has ended: if it is the first one, its producer has, and with it all its consumers.
    pub(super) fn feed_ended(
        &mut self,
        key: FeedKey,
        routes: &Arc<Routes>,
        now: Instant,
        wire: &mut SendOnly<'_>,
    ) {
        let Some(feed) = self.feeds.remove(&key) else { return };
        self.by_layer.remove(&feed.layer.id);
        for Viewer { slot, at, layer } in feed.viewers {
            let Some(leg) = self.legs.get_mut(slot) else { continue };
            let Some(Some(attached)) = leg.consumers.get_mut(at) else { continue };
            if attached.target == Some(key) {
                attached.target = None;
                attached.sender.aim(None);
            } else if layer == 0 {
                self.remove_consumer(slot, at, ConsumerCloseReason::Producer, wire);
                self.close_if_exhausted(slot, CloseReason::Producer, routes, now, wire);
            } else {
                // A sub stream went away: the others stay.
                self.share_out(slot, now);
            }
        }
    }

    /// Takes viewers that have another layer's frames now out of the feeds that they had before.
    fn leave_old_feeds(&mut self) {
        while let Some((slot, at, key)) = self.switched.pop() {
            self.leave(key, slot, at);
        }
    }

    pub(super) fn leave(&mut self, key: FeedKey, slot: usize, at: usize) {
        let Some(feed) = self.feeds.get_mut(&key) else { return };
        feed.viewers.retain(|viewer| (viewer.slot, viewer.at) != (slot, at));
        if feed.viewers.is_empty() {
            feed.layer.command(LayerCommand::Detach { shard: self.shard, key });
            self.by_layer.remove(&feed.layer.id);
            self.feeds.remove(&key);
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
    pub(super) fn reconcile<W: Wire>(
        &mut self,
        slot: usize,
        routes: &Arc<Routes>,
        now: Instant,
        wire: &mut W,
    ) {
        let Some(leg) = self.legs.get(slot) else { return };
        if leg.shared.is_closing() {
            return self.close(slot, CloseReason::Requested, routes, now, wire);
        }
        for at in 0..leg.consumers.len() {
            let Some(Some(attached)) = self.legs.get(slot).and_then(|leg| leg.consumers.get(at)) else {
                continue;
            };
            let setup = attached.sender.setup();
            if setup.layers[0].layer.is_closed() {
                self.remove_consumer(slot, at, ConsumerCloseReason::Producer, wire);
            } else if setup.shared.is_closed() {
                self.remove_consumer(slot, at, ConsumerCloseReason::Requested, wire);
            }
        }
        self.close_if_exhausted(slot, CloseReason::Requested, routes, now, wire);
        self.share_out(slot, now);
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
        for key in [Some(attached.feed), attached.target].into_iter().flatten() {
            self.leave(key, slot, at);
        }
    }

    /// The handshake is complete: media may flow at once.
    pub(super) fn connected(&mut self, slot: usize, now: Instant) {
        let Some(leg) = self.legs.get_mut(slot) else { return };
        leg.make_control(now);
        for attached in leg.consumers.iter_mut().flatten() {
            if let Some(feed) = self.feeds.get(&attached.feed) {
                attached.sender.start(&feed.ring, now, leg.control.as_deref());
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
    pub(super) fn fan_out<W: Wire>(
        &mut self,
        key: FeedKey,
        now: Instant,
        clock: &SharedClock,
        wire: &mut W,
        scratch: &mut Vec<u8>,
    ) {
        let Some(feed) = self.feeds.get_mut(&key) else { return };
        let Some(frames) = &mut feed.frames else { return };
        while let Ok(frame) = frames.pop() {
            for &Viewer { slot, at, layer } in &feed.viewers {
                let Some(leg) = self.legs.get_mut(slot) else { continue };
                let (Some(srtp), Some(path)) = (&mut leg.srtp, &leg.path) else { continue };
                let Some(Some(attached)) = leg.consumers.get_mut(at) else { continue };
                let control = leg.control.as_deref_mut();
                let mut outlet = Outlet { srtp, wire, path, scratch, control, now, clock };
                if attached.sender.live(layer, &frame, &mut outlet) == Live::Switched {
                    self.switched.push((slot, at, attached.gone_over(key)));
                }
                if attached.sender.is_busy() && !leg.listed {
                    leg.listed = true;
                    self.busy.push(slot);
                }
            }
            feed.ring.push(frame);
        }
        self.leave_old_feeds();
    }

    /// One millisecond of pacing, replays, probes and handshake timers for the connections on the list.
    pub(super) fn tick<W: Wire>(
        &mut self,
        routes: &Arc<Routes>,
        now: Instant,
        clock: &SharedClock,
        wire: &mut W,
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
                set_pace(leg.control.as_deref_mut(), &leg.consumers, now);
                let control = leg.control.as_deref_mut();
                let mut outlet = Outlet { srtp, wire, path, scratch, control, now, clock };
                for attached in leg.consumers.iter_mut().flatten().filter(|a| a.sender.is_busy()) {
                    let ring = feeds.get(&attached.feed).map(|feed| &feed.ring);
                    attached.sender.pump(ring, &mut outlet);
                }
                set_pace(outlet.control.as_deref_mut(), &leg.consumers, now);
                let padding = outlet.control.as_mut().map_or(0, |control| control.padding());
                if padding > 0
                    && let Some(attached) = leg.consumers.iter_mut().flatten().find(|a| a.sender.can_pad())
                {
                    let ring = ring_of(feeds, attached.feed, attached.sender.layer());
                    attached.sender.pad(padding, &ring, &mut outlet);
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
        let mut addresses = Vec::with_capacity(leg.paths.len());
        for known in &leg.paths {
            let origin = known.path.origin();
            if self.by_origin.get(&origin) == Some(&slot) {
                self.by_origin.remove(&origin);
            }
            if let Origin::Udp(address) = origin {
                addresses.push(address);
            }
            wire.release(&known.path);
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

/// A cached group leaves at the rate that the network carries, live pictures faster.
fn set_pace(control: Option<&mut Control>, consumers: &[Option<Attached>], now: Instant) {
    if let Some(control) = control {
        control.set_catching_up(consumers.iter().flatten().map(|a| a.sender.catching_up()).sum(), now);
    }
}

/// Gives the frames of the layer that is sent: those of the one before are gone with its feed.
pub(super) fn ring_of<'f>(
    feeds: &'f HashMap<FeedKey, Feed>,
    feed: FeedKey,
    present: usize,
) -> impl Fn(usize) -> Option<&'f FrameRing> {
    let ring = feeds.get(&feed).map(|feed| &feed.ring);
    move |layer| ring.filter(|_| layer == present)
}

fn list(busy: &mut Vec<usize>, leg: &mut Leg, slot: usize) {
    if !leg.listed && leg.is_busy() {
        leg.listed = true;
        busy.push(slot);
    }
}
