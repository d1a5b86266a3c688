//! Which layer each consumer of a connection has, and how it goes over to another.

use super::leg::{Attached, Leg};
use super::table::{Table, Viewer};
use slab::Slab;
use std::time::Instant;

impl Table {
    /// Shares what the connection is believed to carry out to its consumers: which layer each of them gets, and how much
    /// of it.
    pub(super) fn share_out(&mut self, slot: usize, now: Instant) {
        let Some(leg) = self.legs.get_mut(slot).filter(|leg| leg.srtp.is_some()) else { return };
        leg.share_out(now, &mut self.demands);
        for at in 0..leg.consumers.len() {
            let Some(Some(attached)) = self.legs[slot].consumers.get(at) else { continue };
            let Some(wanted) = attached.steering.choice().layer else { continue };
            let (present, aimed) = (attached.sender.layer(), attached.sender.target());
            if wanted == present && aimed.is_some() {
                self.take_aim(slot, at, None, now);
            } else if wanted != present && aimed != Some(wanted) {
                self.take_aim(slot, at, Some(wanted), now);
            }
        }
        self.list_if_busy(slot);
    }

    /// Lets a consumer go over to `layer`, or stay where it is.
    fn take_aim(&mut self, slot: usize, at: usize, layer: Option<usize>, now: Instant) {
        let attached = |legs: &mut Slab<Box<Leg>>| -> Option<Attached> {
            legs.get_mut(slot)?.consumers.get_mut(at)?.take()
        };
        let Some(mut consumer) = attached(&mut self.legs) else { return };
        if let Some(key) = consumer.target.take() {
            self.leave(key, slot, at);
        }
        consumer.sender.aim(layer);
        let mut old = None;
        if let Some(layer) = layer {
            let key = self.feed_of(&consumer.sender.setup().layers[layer].layer.clone());
            consumer.target = Some(key);
            let control = self.legs.get(slot).and_then(|leg| leg.control.as_deref());
            if let Some(feed) = self.feeds.get_mut(&key) {
                feed.viewers.push(Viewer { slot, at, layer });
                if consumer.sender.switch_now(&feed.ring, now, control) {
                    old = Some(consumer.gone_over(key));
                }
            }
        }
        if let Some(leg) = self.legs.get_mut(slot) {
            leg.consumers[at] = Some(consumer);
        }
        if let Some(key) = old {
            self.leave(key, slot, at);
        }
    }
}
