//! The ring of one stream: a fixed number of slots, written by one and read by many without a lock.
//!
//! Slot `n % slots` holds unit `n`. The writer stores the unit, then publishes it by raising `head`; a reader that
//! finds another number in the slot than it asked for has been overtaken.

use crate::media::{AccessUnit, StreamDesc};
use arc_swap::{ArcSwap, ArcSwapOption};
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// "No unit": larger than any number a stream reaches.
pub(super) const NONE: u64 = u64::MAX;

/// Bounds of a stream's ring.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct HubConfig {
    /// Bytes of payload that a stream may hold, at least its newest unit. Default 16 MiB.
    pub max_bytes: usize,
    /// Units that a stream may hold; rounded up to a power of two. Default 2,048.
    pub max_units: usize,
    /// How long units before the current group of pictures are kept for readers that are a little behind,
    /// in microseconds. Default 1 s.
    pub slack_micros: i64,
}

impl Default for HubConfig {
    fn default() -> Self {
        Self { max_bytes: 16 << 20, max_units: 2_048, slack_micros: 1_000_000 }
    }
}

impl HubConfig {
    /// Bounds of `max_bytes` bytes and `max_units` units a stream.
    #[must_use]
    pub fn bounded(max_bytes: usize, max_units: usize) -> Self {
        Self { max_bytes, max_units, ..Self::default() }
    }
}

/// Counters of a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct StreamStats {
    /// Units pushed since the stream came to the hub.
    pub units: u64,
    /// Bytes of payload pushed since then.
    pub bytes: u64,
    /// Units held now.
    pub cached_units: u64,
    /// Bytes held now.
    pub cached_bytes: u64,
    /// Whether a reader can start at once, from the cached group of pictures.
    pub group_cached: bool,
    /// Groups of pictures that outgrew the bounds; starts had to wait for the next key picture.
    pub groups_overflowed: u64,
    /// Subscriptions now.
    pub subscriptions: usize,
    /// Units that readers missed because they fell behind.
    pub missed: u64,
    /// Whether a source publishes the stream now.
    pub published: bool,
}

#[derive(Debug)]
pub(super) struct Ring {
    slots: Box<[ArcSwapOption<AccessUnit>]>,
    max_bytes: usize,
    slack_micros: i64,
    /// Number of the next unit to be written.
    pub(super) head: AtomicU64,
    /// Number of the oldest unit held.
    pub(super) tail: AtomicU64,
    /// Where the current group of pictures starts; [`NONE`] while no start is held.
    pub(super) group: AtomicU64,
    pub(super) closed: AtomicBool,
    /// The same for those who wait for nothing else.
    pub(super) end: CancellationToken,
    pub(super) notify: Notify,
    pub(super) subscriptions: AtomicUsize,
    pub(super) missed: AtomicU64,
    bytes_pushed: AtomicU64,
    bytes_held: AtomicU64,
    overflowed: AtomicU64,
    desc: ArcSwap<Option<Arc<StreamDesc>>>,
    /// The writer's own state, here while no writer has it.
    writer: Mutex<Option<WriterState>>,
}

#[derive(Debug, Default)]
pub(super) struct WriterState {
    pub(super) epoch: u32,
    /// Whether the present group has outgrown the bounds, so that it is counted once.
    group_lost: bool,
}

impl Ring {
    pub(super) fn new(config: &HubConfig) -> Self {
        let slots = config.max_units.clamp(2, 1 << 20).next_power_of_two();
        Self {
            slots: (0..slots).map(|_| ArcSwapOption::empty()).collect(),
            max_bytes: config.max_bytes,
            slack_micros: config.slack_micros,
            head: AtomicU64::new(0),
            tail: AtomicU64::new(0),
            group: AtomicU64::new(NONE),
            closed: AtomicBool::new(false),
            end: CancellationToken::new(),
            notify: Notify::new(),
            subscriptions: AtomicUsize::new(0),
            missed: AtomicU64::new(0),
            bytes_pushed: AtomicU64::new(0),
            bytes_held: AtomicU64::new(0),
            overflowed: AtomicU64::new(0),
            desc: ArcSwap::from_pointee(None),
            writer: Mutex::new(Some(WriterState::default())),
        }
    }

    pub(super) fn take_writer(&self) -> Option<WriterState> {
        self.writer.lock().take()
    }

    /// The writer is done: who joins now finds nothing to start from, as the pictures are of the past.
    pub(super) fn give_back(&self, state: WriterState) {
        self.group.store(NONE, Ordering::Release);
        self.desc.store(Arc::new(None));
        *self.writer.lock() = Some(state);
        self.notify.notify_waiters();
    }

    pub(super) fn desc(&self) -> Option<Arc<StreamDesc>> {
        self.desc.load().as_ref().clone()
    }

    pub(super) fn set_desc(&self, desc: Arc<StreamDesc>) {
        self.desc.store(Arc::new(Some(desc)));
    }

    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.end.cancel();
        self.notify.notify_waiters();
    }

    fn slot(&self, seq: u64) -> &ArcSwapOption<AccessUnit> {
        &self.slots[(seq % self.slots.len() as u64) as usize]
    }

    /// Unit `seq`, unless it has been overwritten or dropped.
    pub(super) fn get(&self, seq: u64) -> Option<Arc<AccessUnit>> {
        let unit = self.slot(seq).load_full()?;
        (unit.seq == seq).then_some(unit)
    }

    /// Appends `unit`, which starts a group when `starts_group`. Called by the one writer.
    pub(super) fn push(&self, state: &mut WriterState, mut unit: AccessUnit, starts_group: bool) {
        let seq = self.head.load(Ordering::Relaxed);
        let size = unit.data.len() as u64;
        unit.seq = seq;
        unit.epoch = state.epoch;
        let received = unit.received;

        while !self.has_room(seq, size) {
            self.drop_oldest(state);
        }
        self.bytes_held.fetch_add(size, Ordering::Relaxed);
        self.bytes_pushed.fetch_add(size, Ordering::Relaxed);
        self.slot(seq).store(Some(Arc::new(unit)));
        if starts_group {
            self.group.store(seq, Ordering::Release);
            state.group_lost = false;
        }
        self.head.store(seq + 1, Ordering::Release);

        // What lies before the group serves only readers that are a little behind.
        let group = self.group.load(Ordering::Relaxed);
        if group != NONE {
            while let Some(oldest) = self.oldest_before(group)
                && received.micros_since(oldest.received) > self.slack_micros
            {
                self.drop_oldest(state);
            }
        }
        self.notify.notify_waiters();
    }

    fn has_room(&self, head: u64, size: u64) -> bool {
        let held = head - self.tail.load(Ordering::Relaxed);
        held == 0
            || (held < self.slots.len() as u64
                && self.bytes_held.load(Ordering::Relaxed) + size <= self.max_bytes as u64)
    }

    fn oldest_before(&self, limit: u64) -> Option<Arc<AccessUnit>> {
        let tail = self.tail.load(Ordering::Relaxed);
        if tail < limit { self.get(tail) } else { None }
    }

    fn drop_oldest(&self, state: &mut WriterState) {
        let tail = self.tail.load(Ordering::Relaxed);
        if tail == self.group.load(Ordering::Relaxed) {
            // The rest of the group can't be decoded without its start.
            self.group.store(NONE, Ordering::Release);
            if !state.group_lost {
                state.group_lost = true;
                self.overflowed.fetch_add(1, Ordering::Relaxed);
            }
        }
        self.tail.store(tail + 1, Ordering::Release);
        if let Some(unit) = self.slot(tail).swap(None) {
            self.bytes_held.fetch_sub(unit.data.len() as u64, Ordering::Relaxed);
        }
    }

    pub(super) fn stats(&self) -> StreamStats {
        let (head, tail) = (self.head.load(Ordering::Acquire), self.tail.load(Ordering::Acquire));
        StreamStats {
            units: head,
            bytes: self.bytes_pushed.load(Ordering::Relaxed),
            cached_units: head.saturating_sub(tail),
            cached_bytes: self.bytes_held.load(Ordering::Relaxed),
            group_cached: self.group.load(Ordering::Acquire) != NONE,
            groups_overflowed: self.overflowed.load(Ordering::Relaxed),
            subscriptions: self.subscriptions.load(Ordering::Relaxed),
            missed: self.missed.load(Ordering::Relaxed),
            published: self.desc.load().is_some(),
        }
    }
}
