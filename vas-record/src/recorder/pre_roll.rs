//! What is kept in memory of the time before an event.

use crate::segment::Chunk;
use std::collections::VecDeque;
use std::time::Duration;

/// The newest chunks of a stream, from a key picture on.
#[derive(Debug, Default)]
pub(super) struct PreRoll {
    chunks: VecDeque<Chunk>,
    bytes: usize,
}

impl PreRoll {
    /// Adds a chunk, and lets whole groups of pictures go that are not needed to reach `wanted` back, or that no longer
    /// fit into `max_bytes`.
    pub(super) fn push(&mut self, chunk: Chunk, wanted: Duration, max_bytes: usize) {
        if self.chunks.back().is_some_and(|last| last.section.run != chunk.section.run) {
            self.clear();
        }
        self.bytes += chunk.data.len();
        self.chunks.push_back(chunk);
        while self.bytes > max_bytes || self.second_group_suffices(wanted) {
            self.drop_group();
        }
    }

    /// All of it, from a key picture on.
    pub(super) fn drain(&mut self) -> VecDeque<Chunk> {
        self.bytes = 0;
        let mut chunks = std::mem::take(&mut self.chunks);
        while chunks.front().is_some_and(|chunk| !chunk.key) {
            chunks.pop_front();
        }
        chunks
    }

    fn second_group_suffices(&self, wanted: Duration) -> bool {
        let Some(last) = self.chunks.back() else { return false };
        let second = self.chunks.iter().skip(1).find(|chunk| chunk.key);
        let back = |chunk: &Chunk| last.wall.micros_since(chunk.wall);
        second.is_some_and(|chunk| back(chunk) >= i64::try_from(wanted.as_micros()).unwrap_or(i64::MAX))
    }

    fn drop_group(&mut self) {
        let mut first = true;
        while let Some(chunk) = self.chunks.front() {
            if chunk.key && !first {
                return;
            }
            first = false;
            self.bytes -= chunk.data.len();
            self.chunks.pop_front();
        }
    }

    fn clear(&mut self) {
        self.chunks.clear();
        self.bytes = 0;
    }
}
