//! The reading end of a stream.

use super::ring::{NONE, Ring};
use crate::media::{AccessUnit, StreamDesc};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Where a subscription starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartAt {
    /// At the start of the cached group of pictures; at the next key picture when none is cached.
    LastKey,
    /// At the next key picture to arrive.
    NextKey,
    /// At the next unit, whatever it is.
    Next,
}

/// Why there is no next unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecvError {
    /// The reader fell behind; reading goes on at a key picture.
    #[error("fell behind; {missed} units were missed")]
    Lagged {
        /// Units passed over so far; those before the next key picture come on top.
        missed: u64,
    },
    /// There will be no more.
    #[error("the stream was closed: {0}")]
    Closed(CloseReason),
}

/// Why a stream was closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CloseReason {
    /// It was removed from the hub.
    Removed,
}

impl std::fmt::Display for CloseReason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Removed => f.write_str("removed from the hub"),
        }
    }
}

/// A reader of a stream, at its own pace.
#[derive(Debug)]
#[must_use = "a subscription does nothing unless it is read"]
pub struct Subscription {
    ring: Arc<Ring>,
    cursor: u64,
    wait_for_key: bool,
}

impl Subscription {
    pub(super) fn new(ring: Arc<Ring>, start: StartAt) -> Self {
        ring.subscriptions.fetch_add(1, Ordering::Relaxed);
        let head = ring.head.load(Ordering::Acquire);
        let group = ring.group.load(Ordering::Acquire);
        let (cursor, wait_for_key) = match start {
            StartAt::LastKey if group != NONE => (group, true),
            StartAt::LastKey | StartAt::NextKey => (head, true),
            StartAt::Next => (head, false),
        };
        Self { ring, cursor, wait_for_key }
    }

    /// The next unit. Cancel-safe: a unit is never lost to a future that was dropped.
    ///
    /// # Errors
    /// [`RecvError::Lagged`] after falling behind, once; the next call goes on. [`RecvError::Closed`] at the end.
    pub async fn next(&mut self) -> Result<Arc<AccessUnit>, RecvError> {
        loop {
            if let Some(result) = self.try_next() {
                return result;
            }
            let ring = self.ring.clone();
            let mut arrival = pin!(ring.notify.notified());
            // Registered before the second look, so that no arrival falls between the two.
            arrival.as_mut().enable();
            if let Some(result) = self.try_next() {
                return result;
            }
            arrival.await;
        }
    }

    /// The next unit if there is one already.
    pub fn try_next(&mut self) -> Option<Result<Arc<AccessUnit>, RecvError>> {
        loop {
            // Read before `head`: what was pushed before the end is still read.
            let closed = self.ring.closed.load(Ordering::Acquire);
            if self.cursor >= self.ring.head.load(Ordering::Acquire) {
                return closed.then_some(Err(RecvError::Closed(CloseReason::Removed)));
            }
            let Some(unit) = self.ring.get(self.cursor) else { return Some(Err(self.fall_behind())) };
            self.cursor += 1;
            if self.wait_for_key && unit.is_video() && !unit.is_key() {
                continue;
            }
            if self.wait_for_key && !unit.is_video() && self.has_video() {
                continue;
            }
            self.wait_for_key = false;
            return Some(Ok(unit));
        }
    }

    fn has_video(&self) -> bool {
        self.desc().is_some_and(|desc| desc.video().is_some())
    }

    fn fall_behind(&mut self) -> RecvError {
        let group = self.ring.group.load(Ordering::Acquire);
        let resume =
            if group != NONE && group > self.cursor { group } else { self.ring.head.load(Ordering::Acquire) };
        let missed = resume.saturating_sub(self.cursor);
        self.ring.missed.fetch_add(missed, Ordering::Relaxed);
        self.cursor = resume;
        self.wait_for_key = true;
        RecvError::Lagged { missed }
    }

    /// Units that have arrived and not been read.
    #[must_use]
    pub fn backlog(&self) -> u64 {
        self.ring.head.load(Ordering::Acquire).saturating_sub(self.cursor)
    }

    /// What the stream carries; `None` while nobody publishes it.
    #[must_use]
    pub fn desc(&self) -> Option<Arc<StreamDesc>> {
        self.ring.desc()
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.ring.subscriptions.fetch_sub(1, Ordering::Relaxed);
    }
}
