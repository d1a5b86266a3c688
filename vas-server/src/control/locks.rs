//! One lock for each key that somebody works on.

use parking_lot::Mutex;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;
use tokio::sync::OwnedMutexGuard;

/// Locks by key. A lock exists while somebody holds it or waits for it.
#[derive(Debug)]
pub(super) struct Locks<K> {
    locks: Mutex<HashMap<K, Arc<tokio::sync::Mutex<()>>>>,
}

impl<K> Default for Locks<K> {
    fn default() -> Self {
        Self { locks: Mutex::default() }
    }
}

impl<K: Copy + Eq + Hash> Locks<K> {
    /// Waits until nobody else holds the key's lock, and holds it until the guard is dropped.
    pub(super) async fn lock(&self, key: K) -> OwnedMutexGuard<()> {
        let lock = {
            let mut locks = self.locks.lock();
            // Those that nobody holds or waits for; the map stays as small as the work under way.
            locks.retain(|_, lock| Arc::strong_count(lock) > 1);
            locks.entry(key).or_default().clone()
        };
        lock.lock_owned().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_same_key_waits_and_another_does_not() {
        let locks = Locks::default();
        let first = locks.lock(1).await;
        let _other = locks.lock(2).await;
        let mut again = Box::pin(locks.lock(1));
        assert!(futures_util::poll!(&mut again).is_pending());
        drop(first);
        again.await;
        drop(locks.lock(3).await);
        assert!(locks.locks.lock().len() <= 3);
    }
}
