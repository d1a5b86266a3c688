//! The events that are kept, and what each is made of.

use super::{Event, Owner, Topic};
use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write;
use std::sync::Arc;

/// Events that are kept at most.
const MAX_EVENTS: usize = 8_192;
/// Bytes of them at most.
const MAX_BYTES: usize = 8 << 20;

/// What a part of a message is, and whose.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) whose: Owner,
    /// JSON.
    pub(super) text: String,
}

/// What an event says.
#[derive(Debug)]
pub(super) enum Body {
    /// One thing, of somebody or, with `None`, of everybody.
    One { whose: Option<Owner>, data: String },
    /// Something of many, of which each reader gets what it may see. `head`: the JSON object without its last brace.
    Parts { head: String, parts: Vec<Part> },
}

/// An event as it is kept.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) seq: u64,
    pub(super) topic: Topic,
    /// RFC 3339.
    pub(super) at: String,
    pub(super) body: Body,
}

impl Entry {
    /// The event for somebody who may see what `sees` says; `None` where that is nothing of it.
    pub(super) fn event(&self, sees: impl Fn(&Owner) -> bool) -> Option<Event> {
        let data = match &self.body {
            Body::One { whose, data } => {
                whose.as_ref().is_none_or(&sees).then_some(())?;
                data.clone()
            }
            Body::Parts { head, parts } => {
                let seen: Vec<_> =
                    parts.iter().filter(|part| sees(&part.whose)).map(|part| part.text.as_str()).collect();
                format!("{head}\"streams\":[{}]}}", seen.join(","))
            }
        };
        let Self { seq, topic, at, .. } = self;
        let mut text = String::with_capacity(data.len() + 96);
        // Writing to a string can't fail.
        let _ = write!(text, "{{\"seq\":{seq},\"topic\":\"{topic}\",\"at\":\"{at}\",\"data\":{data}}}");
        Some(Event { seq: *seq, topic: *topic, text })
    }

    fn bytes(&self) -> usize {
        match &self.body {
            Body::One { data, .. } => data.len(),
            Body::Parts { head, parts } => {
                head.len() + parts.iter().map(|part| part.text.len()).sum::<usize>()
            }
        }
    }
}

/// The events that are kept.
#[derive(Debug)]
pub(super) struct Ring {
    entries: VecDeque<Arc<Entry>>,
    bytes: usize,
    /// Of each topic the newest event that does not last.
    fleeting: BTreeMap<Topic, Arc<Entry>>,
    newest: u64,
    /// The newest of those that are no longer kept, or the number before the first.
    dropped: u64,
}

impl Ring {
    /// An empty ring, whose first event has the number after `first`.
    pub(super) const fn new(first: u64) -> Self {
        Self { entries: VecDeque::new(), bytes: 0, fleeting: BTreeMap::new(), newest: first, dropped: first }
    }

    /// Adds an event, and gives its number.
    pub(super) fn push(&mut self, entry: impl FnOnce(u64) -> Entry, lasting: bool) -> u64 {
        self.newest += 1;
        let entry = Arc::new(entry(self.newest));
        if !lasting {
            self.fleeting.insert(entry.topic, entry);
            return self.newest;
        }
        self.bytes += entry.bytes();
        self.entries.push_back(entry);
        while self.entries.len() > MAX_EVENTS || self.bytes > MAX_BYTES {
            let Some(oldest) = self.entries.pop_front() else { break };
            self.bytes -= oldest.bytes();
            self.dropped = oldest.seq;
        }
        self.newest
    }

    pub(super) const fn newest(&self) -> u64 {
        self.newest
    }

    /// Everything after this number is still there that lasts.
    pub(super) const fn dropped(&self) -> u64 {
        self.dropped
    }

    /// The first event after `after` that somebody wants.
    pub(super) fn first_after(&self, after: u64, wanted: impl Fn(&Entry) -> Option<Event>) -> Option<Event> {
        let start = self.entries.partition_point(|entry| entry.seq <= after);
        let lasting = self.entries.range(start..).find_map(|entry| wanted(entry));
        let fleeting = self.fleeting.values().filter(|entry| entry.seq > after);
        let fleeting = fleeting.filter_map(|entry| wanted(entry)).min_by_key(|event| event.seq);
        [lasting, fleeting].into_iter().flatten().min_by_key(|event| event.seq)
    }
}
