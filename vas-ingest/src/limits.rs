//! How many connects are under way at once, in all and to one host, and who goes first.
//!
//! A source that failed last time may use half of the slots at most, so that dead cameras, which hold a slot for the
//! whole of the connect timeout, never hold up the living.

use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::{Arc, Weak};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Slots, of which failing sources may use a part.
#[derive(Debug)]
struct Gate {
    all: Arc<Semaphore>,
    failing: Arc<Semaphore>,
}

impl Gate {
    fn new(slots: usize) -> Self {
        let slots = slots.clamp(1, Semaphore::MAX_PERMITS);
        Self { all: Arc::new(Semaphore::new(slots)), failing: Arc::new(Semaphore::new((slots / 2).max(1))) }
    }

    async fn enter(&self, failing: bool) -> Vec<OwnedSemaphorePermit> {
        let mut permits = Vec::with_capacity(2);
        if failing {
            permits.extend(self.failing.clone().acquire_owned().await);
        }
        permits.extend(self.all.clone().acquire_owned().await);
        permits
    }
}

/// The connects of all sources.
#[derive(Debug)]
pub(crate) struct ConnectLimits {
    total: Gate,
    per_host: usize,
    hosts: Mutex<HashMap<String, Weak<Gate>>>,
}

/// The connects to one host; shared by the sources of that host.
#[derive(Clone, Debug)]
pub(crate) struct HostSlots(Arc<Gate>);

/// The right to connect; dropping it lets the next one in.
#[derive(Debug)]
#[must_use = "dropping the permit gives the slot away"]
pub(crate) struct ConnectPermit {
    _permits: [Vec<OwnedSemaphorePermit>; 2],
}

impl ConnectLimits {
    pub(crate) fn new(total: usize, per_host: usize) -> Self {
        Self { total: Gate::new(total), per_host, hosts: Mutex::default() }
    }

    /// The slots of `host`; known as long as one of its sources keeps them.
    pub(crate) fn host(&self, host: &str) -> HostSlots {
        let mut hosts = self.hosts.lock();
        if let Some(gate) = hosts.get(host).and_then(Weak::upgrade) {
            return HostSlots(gate);
        }
        hosts.retain(|_, gate| gate.strong_count() > 0);
        let gate = Arc::new(Gate::new(self.per_host));
        hosts.insert(host.to_owned(), Arc::downgrade(&gate));
        HostSlots(gate)
    }

    /// Waits for a slot. `failing`: the source's last attempt failed. Cancel-safe.
    pub(crate) async fn acquire(&self, host: &HostSlots, failing: bool) -> ConnectPermit {
        // The host first: waiting for it must not hold a slot that another host could use.
        let of_host = host.0.enter(failing).await;
        let of_all = self.total.enter(failing).await;
        ConnectPermit { _permits: [of_host, of_all] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    #[test]
    fn failing_sources_leave_half_of_the_slots_to_the_others() {
        let limits = ConnectLimits::new(4, 8);
        let host = limits.host("dead");
        let mut held = Vec::new();
        while let Some(permit) = limits.acquire(&host, true).now_or_never() {
            held.push(permit);
        }
        assert_eq!(held.len(), 2);
        let living = limits.host("living");
        let fresh: Vec<_> = std::iter::from_fn(|| limits.acquire(&living, false).now_or_never()).collect();
        assert_eq!(fresh.len(), 2);
        held.clear();
        assert!(limits.acquire(&host, true).now_or_never().is_some());
    }

    #[test]
    fn one_host_is_limited_alone_and_forgotten_after_use() {
        let limits = ConnectLimits::new(32, 2);
        let host = limits.host("a");
        let held: Vec<_> =
            std::iter::from_fn(|| limits.acquire(&limits.host("a"), false).now_or_never()).collect();
        assert_eq!(held.len(), 2);
        assert!(limits.acquire(&limits.host("b"), false).now_or_never().is_some());
        drop((held, host));
        let _ = limits.host("c");
        assert_eq!(limits.hosts.lock().len(), 1);
    }
}
