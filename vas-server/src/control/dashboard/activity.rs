//! What happened lately, of every kind, in one list.
//!
//! Each kind is read from its own table from the cursor on, and the lists are merged. The cursor is a time and an id, so
//! that what happens meanwhile moves nothing.

use super::alerts::AlertView;
use super::alerts::view as alert_view;
use crate::auth::model::AuditFilter;
use crate::auth::{Principal, Scope};
use crate::control::captures::CaptureError;
use crate::control::{Control, ControlError};
use crate::rfc3339::time;
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::str::FromStr;
use utoipa::ToSchema;
use vas_core::model::{CaptureSource, StreamState, Transition};
use vas_core::ports::{BookmarkFilter, Page, SnapshotFilter, StreamFilter};
use vas_core::{DeviceId, ErrorKind, HasKind, StreamId, WallTime};

/// Something that happened.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Activity {
    /// Names it; not the id of what it is about.
    pub(crate) id: String,
    #[serde(skip)]
    when: WallTime,
    /// When (RFC 3339).
    #[schema(format = "date-time")]
    pub(crate) at: String,
    /// Which kind of thing.
    #[serde(rename = "type")]
    pub(crate) kind: ActivityType,
    #[schema(value_type = Option<String>, format = "uuid")]
    pub(crate) stream_id: Option<StreamId>,
    #[schema(value_type = Option<String>, format = "uuid")]
    pub(crate) device_id: Option<DeviceId>,
    /// The device's name, while there is one.
    pub(crate) name: Option<String>,
    /// A sentence for people.
    pub(crate) text: String,
    /// Who did it.
    pub(crate) by: Option<String>,
    /// More for programs, by kind: state `{from, to, code}`, bookmark `{bookmark_id, label, status}`, snapshot
    /// `{snapshot_id, status}`, alert the alert, sign_in `{outcome}`.
    #[schema(value_type = Object)]
    pub(crate) data: Value,
}

/// A kind of thing that happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ActivityType {
    /// A stream is in another state.
    State,
    /// A bookmark was made.
    Bookmark,
    /// A snapshot was taken.
    Snapshot,
    /// Something needs attention, or needed it.
    Alert,
    /// Somebody signed in, or was refused.
    SignIn,
}

/// Where a list goes on: what is older than this.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Cursor {
    at: i64,
    id: String,
}

impl FromStr for Cursor {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (at, id) = text.split_once('_').ok_or(())?;
        Ok(Self { at: at.parse().map_err(drop)?, id: id.to_owned() })
    }
}

impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}_{}", self.at, self.id)
    }
}

/// Why there is no list.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum ActivityError {
    /// The database failed.
    #[error(transparent)]
    Control(#[from] ControlError),
    /// Bookmarks or snapshots can't be read.
    #[error(transparent)]
    Captures(#[from] CaptureError),
}

impl HasKind for ActivityError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Control(error) => error.kind(),
            Self::Captures(error) => error.kind(),
        }
    }
}

/// Names of what is seen.
struct Names {
    devices: HashMap<DeviceId, String>,
    streams: HashMap<StreamId, DeviceId>,
}

impl Names {
    fn entry(
        &self,
        id: String,
        when: WallTime,
        kind: ActivityType,
        of: (Option<StreamId>, Option<DeviceId>),
        text: impl FnOnce(&str) -> String,
    ) -> Activity {
        let (stream_id, device) = of;
        let device_id = device.or_else(|| self.streams.get(&stream_id?).copied());
        let name = device_id.and_then(|device| self.devices.get(&device).cloned());
        let text = text(name.as_deref().unwrap_or("A camera that was removed"));
        let (by, data) = (None, Value::Null);
        Activity { id, when, at: time(when), kind, stream_id, device_id, name, text, by, data }
    }
}

impl Control {
    /// What happened before the cursor, or until now, the newest first, `limit` at most, and where the list goes on. Who
    /// may read the audit log is told of sign-ins, too.
    ///
    /// # Errors
    /// [`ActivityError`].
    pub(crate) async fn activity(
        &self,
        caller: &Principal,
        cursor: Option<Cursor>,
        limit: usize,
    ) -> Result<(Vec<Activity>, Option<Cursor>), ActivityError> {
        let before = match &cursor {
            Some(cursor) => WallTime::from_unix_micros(cursor.at).add_micros(1),
            None => self.inner.clock.wall().add_micros(1),
        };
        // One more tells whether there is more.
        let rows = limit as u64 + 1;
        let all = StreamFilter { with_closed: true, ..StreamFilter::default() };
        let streams = self.streams(all).await?.into_iter().map(|info| (info.stream.id, info.device.id));
        let names = Names { devices: self.device_names().await?, streams: streams.collect() };
        let mut found = self.state_activity(&names, before, rows).await?;
        found.extend(self.capture_activity(&names, before, rows).await?);
        found.extend(self.alert_activity(&names, before, rows).await?);
        if caller.may(Scope::Admin) {
            found.extend(self.sign_ins(&names, before, rows).await?);
        }
        Ok(page(found, cursor.as_ref(), limit))
    }

    async fn state_activity(
        &self,
        names: &Names,
        before: WallTime,
        rows: u64,
    ) -> Result<Vec<Activity>, ActivityError> {
        let only = self.sight().only();
        let changes = self.dashboard().changes();
        let found = changes.before(self.tenant(), only.as_deref(), before, rows).await;
        let found = found.map_err(ControlError::from)?;
        Ok(found.iter().map(|(stream, change)| state(names, *stream, change)).collect())
    }

    async fn capture_activity(
        &self,
        names: &Names,
        before: WallTime,
        rows: u64,
    ) -> Result<Vec<Activity>, ActivityError> {
        let page = Page { offset: 0, limit: rows };
        let filter = BookmarkFilter { created_before: Some(before), ..BookmarkFilter::default() };
        let (bookmarks, _) = self.captures().bookmarks(&filter, page).await?;
        let bookmarks = bookmarks.into_iter().map(|bookmark| {
            let of = (Some(bookmark.stream), Some(bookmark.device));
            let label = bookmark.label.as_deref().map(|label| format!(": {label}")).unwrap_or_default();
            let text = |name: &str| format!("{name} was bookmarked{label}");
            let id = format!("b{}", bookmark.id);
            let mut entry = names.entry(id, bookmark.created_at, ActivityType::Bookmark, of, text);
            entry.by = Some(bookmark.created_by);
            entry.data = json!({
                "bookmark_id": bookmark.id,
                "label": bookmark.label,
                "status": bookmark.status.as_str(),
            });
            entry
        });
        let mut found: Vec<_> = bookmarks.collect();
        let filter = SnapshotFilter { created_before: Some(before), ..SnapshotFilter::default() };
        let (snapshots, _) = self.captures().snapshots(&filter, page).await?;
        found.extend(snapshots.into_iter().map(|snapshot| {
            let of = (Some(snapshot.stream), Some(snapshot.device));
            let past =
                if snapshot.source == CaptureSource::Historical { "A past picture" } else { "A picture" };
            let text = |name: &str| format!("{past} of {name} was taken");
            let id = format!("s{}", snapshot.id);
            let mut entry = names.entry(id, snapshot.created_at, ActivityType::Snapshot, of, text);
            entry.by = Some(snapshot.created_by);
            entry.data = json!({ "snapshot_id": snapshot.id, "status": snapshot.status.as_str() });
            entry
        }));
        Ok(found)
    }

    async fn alert_activity(
        &self,
        names: &Names,
        before: WallTime,
        rows: u64,
    ) -> Result<Vec<Activity>, ActivityError> {
        let found = self.alerts_before(None, before, rows).await.map_err(ControlError::from)?;
        let entries = found.into_iter().map(|alert| {
            let (of, text) = ((alert.stream, alert.device), alert.text.clone());
            let id = format!("a{}", alert.id);
            let mut entry = names.entry(id, alert.since, ActivityType::Alert, of, |_| text);
            let shown: AlertView = alert_view(alert, entry.name.clone(), None);
            entry.data = json!({
                "alert_id": shown.id,
                "code": shown.code,
                "severity": shown.severity,
                "open": shown.until.is_none(),
            });
            entry
        });
        Ok(entries.collect())
    }

    async fn sign_ins(
        &self,
        names: &Names,
        before: WallTime,
        rows: u64,
    ) -> Result<Vec<Activity>, ActivityError> {
        let action = Some("session.create".to_owned());
        let filter = AuditFilter { action, before: Some(before), ..AuditFilter::default() };
        let page = Page { offset: 0, limit: rows };
        let listed = self.dashboard().audit().list(self.tenant(), &filter, page).await;
        let (found, _) = listed.map_err(ControlError::from)?;
        let entries = found.into_iter().map(|audit| {
            let done = if audit.allowed { "signed in" } else { "was refused to sign in" };
            let text = format!("{} {done}", audit.actor);
            let id = format!("u{}", audit.id);
            let mut entry = names.entry(id, audit.at, ActivityType::SignIn, (None, None), |_| text);
            entry.by = Some(audit.actor);
            entry.data = json!({ "outcome": if audit.allowed { "allowed" } else { "refused" } });
            entry
        });
        Ok(entries.collect())
    }
}

fn state(names: &Names, stream: StreamId, change: &Transition) -> Activity {
    let text = |name: &str| match change.to {
        StreamState::Live => format!("{name} is live"),
        StreamState::Error => format!("{name} failed: {}", change.reason.text),
        StreamState::Stopped => format!("{name} was stopped: {}", change.reason.text),
        StreamState::Closed => format!("The stream of {name} was deleted"),
        StreamState::Initializing => format!("{name} was started"),
        StreamState::Ready => format!("{name} answers"),
    };
    let id = format!("t{stream}-{}", change.at.as_unix_micros());
    let mut entry = names.entry(id, change.at, ActivityType::State, (Some(stream), None), text);
    entry.data = json!({ "from": change.from, "to": change.to, "code": change.reason.code });
    entry
}

/// The newest of what was found, older than the cursor, and where the list goes on.
fn page(mut found: Vec<Activity>, cursor: Option<&Cursor>, limit: usize) -> (Vec<Activity>, Option<Cursor>) {
    let place = |entry: &Activity| Cursor { at: entry.when.as_unix_micros(), id: entry.id.clone() };
    found.retain(|entry| cursor.is_none_or(|cursor| place(entry) < *cursor));
    found.sort_by_cached_key(|entry| std::cmp::Reverse(place(entry)));
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().map(place).filter(|_| more);
    (found, next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_follow_each_other_without_gaps() {
        let names = Names { devices: HashMap::new(), streams: HashMap::new() };
        let entry = |n: i64| {
            // Two at each time.
            let when = WallTime::from_unix_micros(n / 2);
            names.entry(format!("x{n}"), when, ActivityType::State, (None, None), |_| String::new())
        };
        let all: Vec<_> = (0..10).map(entry).collect();
        let (mut cursor, mut ids) = (None, Vec::new());
        loop {
            let (found, next) = page(all.clone(), cursor.as_ref(), 3);
            ids.extend(found.into_iter().map(|entry| entry.id));
            let Some(next) = next else { break };
            assert_eq!(next.to_string().parse(), Ok(next.clone()));
            cursor = Some(next);
        }
        assert_eq!(ids, ["x9", "x8", "x7", "x6", "x5", "x4", "x3", "x2", "x1", "x0"]);
        for text in ["", "12", "x_y"] {
            assert_eq!(text.parse::<Cursor>(), Err(()), "{text}");
        }
    }
}
