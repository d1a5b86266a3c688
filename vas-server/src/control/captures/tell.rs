//! What whoever listens is told of bookmarks and snapshots.

use super::Captures;
use crate::control::events::{CaptureEvent, CaptureEventType, Topic};
use vas_core::model::{Bookmark, CaptureStatus, Snapshot};

impl Captures {
    /// Tells what became of a bookmark; `problem`: why it failed.
    pub(super) fn tell_finished_bookmark(&self, made: &Bookmark, problem: Option<String>) {
        let status = if problem.is_some() { CaptureStatus::Failed } else { CaptureStatus::Ready };
        self.tell_bookmark(CaptureEventType::Finished, &Bookmark { status, problem, ..made.clone() });
    }

    /// Tells what became of a snapshot; `problem`: why it failed.
    pub(super) fn tell_finished_snapshot(&self, made: &Snapshot, problem: Option<String>) {
        let status = if problem.is_some() { CaptureStatus::Failed } else { CaptureStatus::Ready };
        self.tell_snapshot(CaptureEventType::Finished, &Snapshot { status, problem, ..made.clone() });
    }

    /// Tells of a bookmark as it is.
    pub(super) fn tell_bookmark(&self, kind: CaptureEventType, bookmark: &Bookmark) {
        let event = CaptureEvent {
            kind,
            id: bookmark.id.as_uuid(),
            stream_id: bookmark.stream,
            device_id: bookmark.device,
            status: bookmark.status.as_str(),
            error: bookmark.problem.clone(),
        };
        self.inner.events.publish(Topic::Bookmark, Some(&bookmark.tenant), Some(bookmark.device), &event);
    }

    /// Tells of a snapshot as it is.
    pub(super) fn tell_snapshot(&self, kind: CaptureEventType, snapshot: &Snapshot) {
        let event = CaptureEvent {
            kind,
            id: snapshot.id.as_uuid(),
            stream_id: snapshot.stream,
            device_id: snapshot.device,
            status: snapshot.status.as_str(),
            error: snapshot.problem.clone(),
        };
        self.inner.events.publish(Topic::Snapshot, Some(&snapshot.tenant), Some(snapshot.device), &event);
    }
}
