//! The sockets that are open.

use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use uuid::Uuid;
use vas_core::{StreamId, TaskScope, WallTime};

/// What is told of a socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SocketInfo {
    /// Its id.
    pub(crate) id: Uuid,
    /// When it was opened.
    pub(crate) connected_at: WallTime,
    /// When something last came from it.
    pub(crate) last_seen_at: WallTime,
    /// What is sent to its viewer.
    pub(crate) consumers: usize,
}

/// The sockets that are open, up to a limit. `Clone` hands out the same.
#[derive(Clone, Debug)]
pub(crate) struct Sockets {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    scope: TaskScope,
    limit: usize,
    open: Mutex<HashMap<Uuid, Arc<Shared>>>,
}

#[derive(Debug)]
struct Shared {
    /// `None`: of one that tells of all streams.
    stream: Option<StreamId>,
    connected_at: WallTime,
    last_seen_at: Mutex<WallTime>,
    consumers: AtomicUsize,
}

impl Sockets {
    /// None is open. Their tasks run in `scope`.
    pub(crate) fn new(scope: TaskScope, limit: usize) -> Self {
        Self { inner: Arc::new(Inner { scope, limit, open: Mutex::default() }) }
    }

    /// What the sockets' tasks run in.
    pub(super) fn scope(&self) -> &TaskScope {
        &self.inner.scope
    }

    /// Counts a socket in; `None` when the limit is reached.
    pub(super) fn admit(&self, stream: Option<StreamId>, now: WallTime) -> Option<Socket> {
        let shared = Arc::new(Shared {
            stream,
            connected_at: now,
            last_seen_at: Mutex::new(now),
            consumers: AtomicUsize::new(0),
        });
        let id = Uuid::now_v7();
        let mut open = self.inner.open.lock();
        if open.len() >= self.inner.limit {
            return None;
        }
        open.insert(id, shared.clone());
        drop(open);
        Some(Socket { id, shared, sockets: self.clone() })
    }

    /// The sockets on a stream, the oldest first.
    pub(super) fn of(&self, stream: StreamId) -> Vec<SocketInfo> {
        let open = self.inner.open.lock();
        let mut found: Vec<_> = open
            .iter()
            .filter(|(_, shared)| shared.stream == Some(stream))
            .map(|(id, shared)| SocketInfo {
                id: *id,
                connected_at: shared.connected_at,
                last_seen_at: *shared.last_seen_at.lock(),
                consumers: shared.consumers.load(Ordering::Relaxed),
            })
            .collect();
        drop(open);
        found.sort_by_key(|socket| socket.id);
        found
    }
}

/// An open socket's place among the others, until it is dropped.
#[derive(Debug)]
pub(super) struct Socket {
    id: Uuid,
    shared: Arc<Shared>,
    sockets: Sockets,
}

impl Socket {
    pub(super) const fn id(&self) -> Uuid {
        self.id
    }

    /// Notes a sign of life.
    pub(super) fn seen(&self, now: WallTime) {
        *self.shared.last_seen_at.lock() = now;
    }

    /// Notes how much is sent to its viewer.
    pub(super) fn set_consumers(&self, count: usize) {
        self.shared.consumers.store(count, Ordering::Relaxed);
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.sockets.inner.open.lock().remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_count_until_they_are_dropped() {
        let sockets = Sockets::new(TaskScope::new(), 2);
        let (stream, other) = (StreamId::random(), StreamId::random());
        let now = WallTime::from_unix_micros(1);
        let first = sockets.admit(Some(stream), now).unwrap();
        let _second = sockets.admit(Some(other), now).unwrap();
        assert!(sockets.admit(None, now).is_none());
        first.set_consumers(3);
        let found = sockets.of(stream);
        assert_eq!((found.len(), found[0].consumers), (1, 3));
        drop(first);
        assert!(sockets.of(stream).is_empty());
        assert!(sockets.admit(None, now).is_some());
    }
}
