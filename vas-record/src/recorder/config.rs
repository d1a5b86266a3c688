//! What a recorder may use, and how often it does things.

use std::time::Duration;

/// Settings of a [`Recorder`](super::Recorder).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RecorderConfig {
    /// A file ends with the first group of pictures that makes it this long. Default 60 s.
    pub file: Duration,
    /// The stream is read so often: reading many units at a time costs a fraction of waking for each. Default 100 ms,
    /// which the hub's slack covers several times.
    pub read: Duration,
    /// What was recorded is written to the disk so often. With [`read`](Self::read) and the half second of a chunk, this is
    /// what `kill -9` may cost: one second in all. Default 400 ms.
    pub flush: Duration,
    /// What was written is made durable so often: what a power cut may cost. Default 5 s.
    pub sync: Duration,
    /// A stream that sends nothing for so long has its file closed. Default 10 s.
    pub silence: Duration,
    /// After a failure of the storage recording begins again this much later. Default 3 s.
    pub retry: Duration,
    /// Bytes of one stream that may wait for the disk; then its file ends and the rest is lost until the disk goes on.
    /// Default 16 MiB.
    pub max_pending: usize,
    /// The same for all streams together. Default 512 MiB.
    pub max_pending_total: usize,
    /// Bytes that one stream which is recorded on events may keep for the time before them. Default 32 MiB.
    pub max_pre_roll: usize,
    /// Files that are put into the store at the same time. Default 4.
    pub max_puts: usize,
    /// The fence of this node, which goes into every row. Default 1.
    pub fence: u64,
}

impl Default for RecorderConfig {
    fn default() -> Self {
        Self {
            file: Duration::from_secs(60),
            read: Duration::from_millis(100),
            flush: Duration::from_millis(400),
            sync: Duration::from_secs(5),
            silence: Duration::from_secs(10),
            retry: Duration::from_secs(3),
            max_pending: 16 << 20,
            max_pending_total: 512 << 20,
            max_pre_roll: 32 << 20,
            max_puts: 4,
            fence: 1,
        }
    }
}

/// When a stream is recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RecordMode {
    /// Always.
    #[default]
    Continuous,
    /// When something happens: from `pre` before [`Recorder::trigger`](super::Recorder::trigger) until `post` after the
    /// last one. The time before is kept in memory, bounded by [`RecorderConfig::max_pre_roll`].
    OnEvent {
        /// Kept from before the event.
        pre: Duration,
        /// Kept from after it.
        post: Duration,
    },
}
