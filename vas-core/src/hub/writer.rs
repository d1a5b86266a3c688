//! The writing end of a stream.

use super::ring::{Ring, WriterState};
use crate::media::{AccessUnit, StreamDesc, Track};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// The exclusive right to write a stream. Dropping it ends the source's session; the stream stays in the hub for
/// the next one.
#[derive(Debug)]
#[must_use = "dropping the writer ends the session"]
pub struct StreamWriter {
    ring: Arc<Ring>,
    state: WriterState,
    desc: Arc<StreamDesc>,
    has_video: bool,
}

impl StreamWriter {
    pub(super) fn start(ring: Arc<Ring>, desc: StreamDesc) -> Option<Self> {
        let mut state = ring.take_writer()?;
        state.epoch = state.epoch.wrapping_add(1);
        let has_video = desc.video().is_some();
        let desc = Arc::new(desc);
        ring.set_desc(desc.clone());
        Some(Self { ring, state, desc, has_video })
    }

    /// Appends a unit, giving it its `seq` and `epoch`. Never waits; when the bounds are reached, the oldest units
    /// go. A unit with a new format changes the stream's description.
    pub fn push(&mut self, unit: AccessUnit) {
        if let Some(index) = self.desc.tracks.iter().position(|track| track.id == unit.track)
            && !Arc::ptr_eq(&self.desc.tracks[index].format, &unit.format)
        {
            let mut desc = (*self.desc).clone();
            desc.tracks[index] = Track { id: unit.track, format: unit.format.clone() };
            self.desc = Arc::new(desc);
            self.ring.set_desc(self.desc.clone());
        }
        // A stream of sound alone can be entered anywhere.
        let starts_group = if self.has_video { unit.is_key() } else { true };
        self.ring.push(&mut self.state, unit, starts_group);
    }

    /// What the stream carries at present.
    #[must_use]
    pub fn desc(&self) -> &Arc<StreamDesc> {
        &self.desc
    }

    /// Subscriptions of the stream at present.
    #[must_use]
    pub fn subscriptions(&self) -> usize {
        self.ring.subscriptions.load(Ordering::Relaxed)
    }

    /// Whether the stream was removed from the hub, so that nobody can read what is pushed from now on.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.ring.closed.load(Ordering::Acquire)
    }
}

impl Drop for StreamWriter {
    fn drop(&mut self) {
        self.ring.give_back(std::mem::take(&mut self.state));
    }
}
