//! What the threads that receive tell the one that watches.

use std::sync::atomic::{AtomicU64, Ordering};

/// Running totals over all viewers.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    connected: AtomicU64,
    ended: AtomicU64,
    packets: AtomicU64,
    bytes: AtomicU64,
}

impl Counters {
    pub(crate) fn add_connected(&self) {
        self.connected.fetch_add(1, Ordering::Relaxed);
    }

    /// A viewer ended by itself, connected or not.
    pub(crate) fn add_ended(&self) {
        self.ended.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn add_received(&self, packets: u64, bytes: u64) {
        self.packets.fetch_add(packets, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(crate) fn connected(&self) -> u64 {
        self.connected.load(Ordering::Relaxed)
    }

    pub(crate) fn ended(&self) -> u64 {
        self.ended.load(Ordering::Relaxed)
    }

    pub(crate) fn packets(&self) -> u64 {
        self.packets.load(Ordering::Relaxed)
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }
}
