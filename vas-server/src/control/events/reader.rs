//! Reading the bus at one's own pace.

use super::messages::{SystemEvent, SystemEventType};
use super::ring::Entry;
use super::{Event, Events, Owner, Topic};
use crate::auth::DeviceAccess;
use serde_json::json;
use tokio::sync::watch;
use vas_core::model::TenantId;

/// Who reads, and so what may be read.
#[derive(Clone, Debug)]
pub(crate) struct Audience {
    tenant: TenantId,
    devices: DeviceAccess,
}

impl Audience {
    /// Everything of a tenant.
    pub(crate) const fn of(tenant: TenantId) -> Self {
        Self { tenant, devices: DeviceAccess::All }
    }

    /// Of what concerns single devices, only that of these.
    pub(crate) fn limited_to(self, devices: DeviceAccess) -> Self {
        Self { devices, ..self }
    }

    fn sees(&self, owner: &Owner) -> bool {
        let seen = match owner.device {
            Some(device) => self.devices.contains(device),
            // What concerns all of a tenant may tell of any of its devices.
            None => self.devices == DeviceAccess::All,
        };
        self.tenant == owner.tenant && seen
    }
}

/// A reader of the bus.
#[derive(Debug)]
pub(crate) struct EventReader {
    events: Events,
    audience: Audience,
    topics: Vec<Topic>,
    /// What was read last.
    after: u64,
    /// The reader does not know yet where it stands.
    is_new: bool,
    /// The number that was asked for is not one that can be gone on from.
    is_gap: bool,
    wake: watch::Receiver<u64>,
}

impl EventReader {
    pub(super) fn new(events: Events, audience: Audience, topics: Vec<Topic>, since: Option<u64>) -> Self {
        let wake = events.inner.newest.subscribe();
        let newest = events.inner.ring.lock().newest();
        // A number that no event has had yet is of another server, or of another time of the clock.
        let is_gap = since.is_some_and(|since| since > newest);
        let after = since.unwrap_or(newest).min(newest);
        Self { events, audience, topics, after, is_new: true, is_gap, wake }
    }

    /// The next event; waits for it. The first one says from where on the reader is told. Cancel-safe.
    pub(crate) async fn next(&mut self) -> Event {
        loop {
            self.wake.borrow_and_update();
            if let Some(event) = self.take() {
                return event;
            }
            if self.wake.changed().await.is_err() {
                // The bus lives as long as this reader, which holds it.
                std::future::pending::<()>().await;
            }
        }
    }

    fn take(&mut self) -> Option<Event> {
        if std::mem::take(&mut self.is_new) {
            return Some(self.about_myself(SystemEventType::Connected));
        }
        let ring = self.events.inner.ring.lock();
        if self.is_gap || self.after < ring.dropped() {
            self.after = self.after.max(ring.dropped());
            drop(ring);
            self.is_gap = false;
            return Some(self.about_myself(SystemEventType::Gap));
        }
        let found = ring.first_after(self.after, |entry| self.wanted(entry));
        self.after = found.as_ref().map_or(ring.newest(), |event| event.seq);
        found
    }

    fn wanted(&self, entry: &Entry) -> Option<Event> {
        self.topics.contains(&entry.topic).then_some(())?;
        entry.event(|owner| self.audience.sees(owner))
    }

    /// What the reader is told whatever its topics are. Its number is that of what it was told last.
    fn about_myself(&self, kind: SystemEventType) -> Event {
        let at = crate::rfc3339::time(self.events.inner.clock.wall());
        let data = SystemEvent { kind, device_id: None };
        let message = json!({ "seq": self.after, "topic": Topic::System.name(), "at": at, "data": data });
        Event { seq: self.after, topic: Topic::System, text: message.to_string() }
    }
}
