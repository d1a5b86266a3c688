//! Made once for all who ask at about the same time, and kept while there is room.

use parking_lot::Mutex;
use std::collections::HashMap;
use std::future::Future;
use std::hash::Hash;
use std::sync::Arc;
use std::time::{Duration, Instant};
use vas_core::SharedClock;

/// What knows its size in memory.
pub(super) trait Weighed {
    /// Bytes.
    fn bytes(&self) -> usize;
}

/// What is being made and what is kept, by what it is of. Whoever makes one holds its lock, so that others wait for it
/// rather than make another.
#[derive(Debug)]
pub(super) struct Kept<K, V> {
    shelf: Mutex<Shelf<K, V>>,
    /// Bytes that are kept at most.
    room: usize,
    /// Things that are kept at most, however small.
    count: usize,
    clock: SharedClock,
}

#[derive(Debug)]
struct Shelf<K, V> {
    slots: HashMap<K, Arc<Slot<V>>>,
    /// Counts the uses.
    uses: u64,
    bytes: usize,
}

#[derive(Debug)]
struct Slot<V> {
    made: tokio::sync::Mutex<Option<(Instant, Arc<V>)>>,
    state: Mutex<SlotState>,
}

/// When a slot was last used, and the bytes in it.
#[derive(Clone, Copy, Debug, Default)]
struct SlotState {
    used: u64,
    bytes: usize,
}

impl<K: Clone + Eq + Hash, V: Weighed> Kept<K, V> {
    pub(super) fn new(room: usize, count: usize, clock: SharedClock) -> Self {
        let shelf = Shelf { slots: HashMap::new(), uses: 0, bytes: 0 };
        Self { shelf: Mutex::new(shelf), room, count, clock }
    }

    /// What is kept under this key and no older than `fresh`, or else what `make` makes.
    pub(super) async fn get<E, F: Future<Output = Result<V, E>>>(
        &self,
        key: K,
        fresh: Duration,
        make: impl FnOnce() -> F,
    ) -> Result<Arc<V>, E> {
        let slot = self.slot(&key);
        let mut made = slot.made.lock().await;
        let now = self.clock.now();
        if let Some((at, value)) = &*made
            && now.saturating_duration_since(*at) <= fresh
        {
            return Ok(value.clone());
        }
        let value = Arc::new(make().await?);
        *made = Some((self.clock.now(), value.clone()));
        self.weigh(&key, &slot, value.bytes());
        Ok(value)
    }

    /// What is kept under this key and no older than `fresh`.
    pub(super) fn known(&self, key: &K, fresh: Duration) -> Option<Arc<V>> {
        let mut shelf = self.shelf.lock();
        shelf.uses += 1;
        let used = shelf.uses;
        let slot = shelf.slots.get(key)?;
        let made = slot.made.try_lock().ok()?;
        let (at, value) = made.as_ref()?;
        let is_fresh = self.clock.now().saturating_duration_since(*at) <= fresh;
        slot.state.lock().used = used;
        is_fresh.then(|| value.clone())
    }

    /// Keeps what was made elsewhere, in the place of what is there.
    pub(super) async fn put(&self, key: K, value: V) {
        let slot = self.slot(&key);
        let bytes = value.bytes();
        *slot.made.lock().await = Some((self.clock.now(), Arc::new(value)));
        self.weigh(&key, &slot, bytes);
    }

    fn slot(&self, key: &K) -> Arc<Slot<V>> {
        let mut shelf = self.shelf.lock();
        shelf.uses += 1;
        let used = shelf.uses;
        let new = || Arc::new(Slot { made: tokio::sync::Mutex::default(), state: Mutex::default() });
        let slot = shelf.slots.entry(key.clone()).or_insert_with(new).clone();
        slot.state.lock().used = used;
        slot
    }

    /// Counts what was made, and lets go what was not used for longest. What somebody makes or waits for is held by them,
    /// too, and stays.
    fn weigh(&self, key: &K, slot: &Arc<Slot<V>>, bytes: usize) {
        let mut shelf = self.shelf.lock();
        let known = shelf.slots.get(key).is_some_and(|known| Arc::ptr_eq(known, slot));
        if known {
            let before = std::mem::replace(&mut slot.state.lock().bytes, bytes);
            shelf.bytes = shelf.bytes - before + bytes;
        }
        while shelf.bytes > self.room || shelf.slots.len() > self.count {
            let idle = shelf.slots.iter().filter(|(_, slot)| Arc::strong_count(slot) == 1);
            let oldest = idle.min_by_key(|(_, slot)| slot.state.lock().used).map(|(key, _)| key.clone());
            let Some(gone) = oldest.and_then(|key| shelf.slots.remove(&key)) else { break };
            shelf.bytes -= gone.state.lock().bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use vas_core::SystemClock;

    impl Weighed for Vec<u8> {
        fn bytes(&self) -> usize {
            self.len()
        }
    }

    const LONG: Duration = Duration::from_secs(3_600);

    fn kept(room: usize) -> Kept<u32, Vec<u8>> {
        Kept::new(room, 100, SystemClock::shared())
    }

    #[tokio::test]
    async fn all_who_ask_at_once_are_given_one() {
        let (kept, made) = (kept(1_000), AtomicUsize::new(0));
        let ask = || {
            kept.get(1, LONG, async || {
                tokio::task::yield_now().await;
                made.fetch_add(1, Ordering::Relaxed);
                Ok::<_, ()>(vec![0; 10])
            })
        };
        let (a, b, c) = tokio::join!(ask(), ask(), ask());
        assert!(Arc::ptr_eq(&a.clone().unwrap(), &b.unwrap()) && Arc::ptr_eq(&a.unwrap(), &c.unwrap()));
        assert_eq!(made.load(Ordering::Relaxed), 1);
        // What is too old is made anew.
        tokio::time::sleep(Duration::from_millis(2)).await;
        kept.get(1, Duration::ZERO, async || Ok::<_, ()>(vec![0; 20])).await.unwrap();
        assert_eq!(kept.shelf.lock().bytes, 20);
    }

    #[tokio::test]
    async fn what_was_not_used_for_longest_goes() {
        let kept = kept(25);
        for key in [1, 2, 1, 3] {
            kept.get(key, LONG, async || Ok::<_, ()>(vec![0; 10])).await.unwrap();
        }
        let mut keys: Vec<_> = kept.shelf.lock().slots.keys().copied().collect();
        keys.sort_unstable();
        assert_eq!((keys, kept.shelf.lock().bytes), (vec![1, 3], 20));
    }

    #[tokio::test]
    async fn failures_are_not_kept() {
        let kept = kept(25);
        kept.get(1, LONG, async || Err::<Vec<u8>, _>("no")).await.unwrap_err();
        assert_eq!(*kept.get(1, LONG, async || Ok::<_, ()>(vec![1])).await.unwrap(), [1]);
    }
}
