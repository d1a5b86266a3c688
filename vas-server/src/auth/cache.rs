//! Rows that every request needs, kept for a few seconds: what another node changes is seen after that, what is changed
//! here at once.

use parking_lot::Mutex;
use std::collections::HashMap;
use std::hash::Hash;
use std::time::{Duration, Instant};

/// How long a row is kept.
const FRESH: Duration = Duration::from_secs(10);
/// Rows kept at most.
const KEPT: usize = 10_000;

/// Rows by their keys.
#[derive(Debug)]
pub(super) struct Cache<K, V> {
    rows: Mutex<HashMap<K, (Instant, V)>>,
}

impl<K, V> Default for Cache<K, V> {
    fn default() -> Self {
        Self { rows: Mutex::default() }
    }
}

impl<K: Eq + Hash, V: Clone> Cache<K, V> {
    /// A row that is fresh.
    pub(super) fn get(&self, key: &K, now: Instant) -> Option<V> {
        let rows = self.rows.lock();
        rows.get(key).filter(|(at, _)| now.saturating_duration_since(*at) < FRESH).map(|(_, row)| row.clone())
    }

    /// Keeps a row.
    pub(super) fn put(&self, key: K, row: V, now: Instant) {
        let mut rows = self.rows.lock();
        if rows.len() >= KEPT {
            rows.retain(|_, (at, _)| now.saturating_duration_since(*at) < FRESH);
        }
        if rows.len() < KEPT {
            rows.insert(key, (now, row));
        }
    }

    /// Forgets everything: something was changed.
    pub(super) fn clear(&self) {
        self.rows.lock().clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_kept_for_a_while_and_never_too_many() {
        let (cache, now) = (Cache::default(), Instant::now());
        cache.put(1, "one", now);
        assert_eq!(cache.get(&1, now), Some("one"));
        assert_eq!(cache.get(&1, now + FRESH), None);
        for n in 0..KEPT + 10 {
            cache.put(n, "more", now);
        }
        assert_eq!(cache.rows.lock().len(), KEPT);
        cache.put(KEPT + 20, "later", now + FRESH);
        assert_eq!(cache.rows.lock().len(), 1);
        cache.clear();
        assert_eq!(cache.get(&(KEPT + 20), now + FRESH), None);
    }
}
