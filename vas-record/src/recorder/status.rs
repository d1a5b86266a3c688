//! What is told of a recording that runs.

use crate::segment::Chunk;
use parking_lot::Mutex;
use vas_core::WallTime;

/// How the recording of one layer goes.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct RecorderStatus {
    /// Whether media is being recorded now.
    pub recording: bool,
    /// Since when without a break.
    pub since: Option<WallTime>,
    /// Up to where; what lies before is on the disk within a second or two.
    pub until: Option<WallTime>,
    /// Bytes recorded since the recording was switched on.
    pub bytes: u64,
    /// Pictures recorded since then.
    pub pictures: u64,
    /// Units of the stream that the recorder was too slow to read.
    pub missed: u64,
    /// Failures of the storage since then.
    pub failures: u64,
    /// The last of them; `None` again once recording has gone on.
    pub last_error: Option<String>,
}

/// The status as its job writes it.
#[derive(Debug, Default)]
pub(super) struct JobStatus {
    status: Mutex<RecorderStatus>,
}

impl JobStatus {
    pub(super) fn get(&self) -> RecorderStatus {
        self.status.lock().clone()
    }

    pub(super) fn begun(&self, now: WallTime) {
        let mut status = self.status.lock();
        status.last_error = None;
        if !status.recording {
            status.recording = true;
            status.since = Some(now);
        }
    }

    /// A chunk was taken that ends at `until`.
    pub(super) fn recorded(&self, chunk: &Chunk, until: WallTime) {
        let mut status = self.status.lock();
        status.until = Some(until);
        status.bytes += chunk.data.len() as u64;
        status.pictures += u64::from(chunk.pictures);
    }

    pub(super) fn lagged(&self, missed: u64) {
        self.status.lock().missed += missed;
    }

    pub(super) fn failed(&self, problem: String) {
        let mut status = self.status.lock();
        status.failures += 1;
        status.last_error = Some(problem);
        status.recording = false;
        status.since = None;
    }

    pub(super) fn idle(&self) {
        let mut status = self.status.lock();
        status.recording = false;
        status.since = None;
    }
}
