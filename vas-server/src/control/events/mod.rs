//! The bus of events: what happened and how things are, for whoever wants to be told at once.
//!
//! There is one ring for all, bounded in number and in bytes, and readers that walk it at their own pace: a slow one
//! costs no memory, and is told when it has been overtaken. What is only worth knowing while it is new, such as figures
//! of every second, does not stand in the ring; of that the newest is kept.
//!
//! Numbers begin at the time of the start, so that they go on rising when the server is started again, and one of
//! before is found out to be old.

mod facts;
mod messages;
mod reader;
mod ring;

pub(super) use facts::Facts;
pub(crate) use messages::{CaptureEvent, CaptureEventType, EventMessage, SystemEvent, SystemEventType};
pub(crate) use reader::{Audience, EventReader};

use parking_lot::Mutex;
use ring::{Body, Entry, Part, Ring};
use serde::Serialize;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use tokio::sync::watch;
use vas_core::model::TenantId;
use vas_core::{DeviceId, SharedClock};

/// What an event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Topic {
    /// A stream's state changed, or a failed one will be tried again.
    StreamState,
    /// Figures of all streams, once a second. Not repeated to whoever was away.
    Metrics,
    /// Recording begins, goes on, has a gap, ends.
    Recording,
    /// A bookmark came, changed, went.
    Bookmark,
    /// A snapshot came, changed, went.
    Snapshot,
    /// Something needs attention, or no longer does.
    Alert,
    /// The server itself; also what there is to know of the events.
    System,
}

impl Topic {
    /// Every topic.
    pub(crate) const ALL: [Self; 7] = [
        Self::StreamState,
        Self::Metrics,
        Self::Recording,
        Self::Bookmark,
        Self::Snapshot,
        Self::Alert,
        Self::System,
    ];

    /// Its name in messages.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::StreamState => "stream_state",
            Self::Metrics => "metrics",
            Self::Recording => "recording",
            Self::Bookmark => "bookmark",
            Self::Snapshot => "snapshot",
            Self::Alert => "alert",
            Self::System => "system",
        }
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A text that names no topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no such topic")]
pub(crate) struct UnknownTopic;

impl FromStr for Topic {
    type Err = UnknownTopic;

    fn from_str(text: &str) -> Result<Self, UnknownTopic> {
        Self::ALL.into_iter().find(|topic| topic.name() == text).ok_or(UnknownTopic)
    }
}

/// Whose something is.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Owner {
    tenant: TenantId,
    /// `None`: it concerns the whole tenant, and is for those who see all of it.
    device: Option<DeviceId>,
}

/// One event, as a reader is given it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    /// Its number; later events have greater ones, not always the next.
    pub(crate) seq: u64,
    /// What it is about.
    pub(crate) topic: Topic,
    /// The message: `{"seq", "topic", "at", "data"}` as JSON.
    pub(crate) text: String,
}

/// The bus. `Clone` hands out the same.
#[derive(Clone, Debug)]
pub(crate) struct Events {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    ring: Mutex<Ring>,
    /// The number of the newest event; wakes readers.
    newest: watch::Sender<u64>,
    clock: SharedClock,
}

impl Events {
    /// An empty bus.
    pub(crate) fn new(clock: SharedClock) -> Self {
        let first = u64::try_from(clock.wall().as_unix_micros()).unwrap_or_default();
        let inner = Inner { ring: Mutex::new(Ring::new(first)), newest: watch::Sender::new(first), clock };
        Self { inner: Arc::new(inner) }
    }

    /// Tells of something. `tenant`: whose it is, `None` for what concerns everybody; `device`: which of its devices it
    /// is about, `None` for what is only for those who see all of them. `data` should name what it is by a member `type`.
    pub(crate) fn publish(
        &self,
        topic: Topic,
        tenant: Option<&TenantId>,
        device: Option<DeviceId>,
        data: &impl Serialize,
    ) {
        let Some(data) = json(data) else { return };
        let whose = tenant.map(|tenant| Owner { tenant: tenant.clone(), device });
        self.push(topic, Body::One { whose, data }, true);
    }

    /// Tells how things are with many devices, in one message that holds for each reader what it may see: `head` with
    /// the member `streams` added. Whoever was away is not told later.
    fn tell_all<T: Serialize>(
        &self,
        topic: Topic,
        head: &serde_json::Map<String, serde_json::Value>,
        parts: impl Iterator<Item = (Owner, T)>,
    ) {
        let parts = parts.filter_map(|(whose, part)| Some(Part { whose, text: json(&part)? }));
        let Some(mut head) = json(head) else { return };
        // `{}` or `{"type":"x"}`: the list is put before the last brace.
        head.pop();
        if head.len() > 1 {
            head.push(',');
        }
        self.push(topic, Body::Parts { head, parts: parts.collect() }, false);
    }

    fn push(&self, topic: Topic, body: Body, lasting: bool) {
        let at = crate::rfc3339::time(self.inner.clock.wall());
        let mut ring = self.inner.ring.lock();
        let seq = ring.push(|seq| Entry { seq, topic, at, body }, lasting);
        // Under the lock, so that it never goes back.
        self.inner.newest.send_replace(seq);
    }

    /// Whether anybody is told: figures for nobody are not worth collecting.
    fn has_readers(&self) -> bool {
        self.inner.newest.receiver_count() > 0
    }

    /// Reads from the event after `since` on, or from now on, what is of these topics and for this audience.
    pub(crate) fn read(&self, audience: Audience, topics: Vec<Topic>, since: Option<u64>) -> EventReader {
        EventReader::new(self.clone(), audience, topics, since)
    }
}

/// `None` is a fault of the program: what is told of can always be written as JSON.
fn json(data: &(impl Serialize + ?Sized)) -> Option<String> {
    serde_json::to_string(data).inspect_err(|error| tracing::error!(%error, "an event can't be written")).ok()
}

#[cfg(test)]
mod tests;
