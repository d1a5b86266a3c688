//! Bookmarks and snapshots.

use super::recording::span;
use super::{signed, unsigned};
use crate::db::entity::{bookmark, snapshot};
use sea_orm::ActiveValue::Set;
use vas_core::WallTime;
use vas_core::model::{
    Bookmark, CaptureSource, CaptureStatus, Snapshot, SnapshotImage, StoredFile, TenantId,
};

/// Tags as a JSON array.
pub(in crate::db) fn tags_text(tags: &[String]) -> String {
    serde_json::Value::from(tags).to_string()
}

fn file(key: Option<String>, bytes: Option<i64>) -> Option<StoredFile> {
    Some(StoredFile { key: key?, bytes: unsigned(bytes?) })
}

/// A source or status that a newer version wrote is taken for one known here.
fn source(name: &str) -> CaptureSource {
    name.parse().unwrap_or(CaptureSource::Historical)
}

fn status(name: &str) -> CaptureStatus {
    name.parse().unwrap_or(CaptureStatus::Failed)
}

pub(in crate::db) fn bookmark_row(bookmark: &Bookmark) -> bookmark::ActiveModel {
    let key = |file: &Option<StoredFile>| file.as_ref().map(|file| file.key.clone());
    let bytes = |file: &Option<StoredFile>| file.as_ref().map(|file| signed(file.bytes));
    bookmark::ActiveModel {
        id: Set(bookmark.id.as_uuid()),
        tenant_id: Set(bookmark.tenant.as_str().to_owned()),
        device_id: Set(bookmark.device.as_uuid()),
        stream_id: Set(bookmark.stream.as_uuid()),
        center_us: Set(bookmark.center.as_unix_micros()),
        start_us: Set(bookmark.span.start.as_unix_micros()),
        end_us: Set(bookmark.span.end.as_unix_micros()),
        source: Set(bookmark.source.as_str().to_owned()),
        label: Set(bookmark.label.clone()),
        created_by: Set(bookmark.created_by.clone()),
        event_type: Set(bookmark.event_type.clone()),
        confidence: Set(bookmark.confidence),
        tags: Set(tags_text(&bookmark.tags)),
        metadata: Set(bookmark.metadata.clone()),
        status: Set(bookmark.status.as_str().to_owned()),
        problem: Set(bookmark.problem.clone()),
        video_key: Set(key(&bookmark.video)),
        video_bytes: Set(bytes(&bookmark.video)),
        thumbnail_key: Set(key(&bookmark.thumbnail)),
        thumbnail_bytes: Set(bytes(&bookmark.thumbnail)),
        created_us: Set(bookmark.created_at.as_unix_micros()),
        deleted: Set(false),
    }
}

pub(in crate::db) fn bookmark(row: bookmark::Model) -> Bookmark {
    Bookmark {
        id: row.id.into(),
        tenant: TenantId::new(row.tenant_id),
        device: row.device_id.into(),
        stream: row.stream_id.into(),
        center: WallTime::from_unix_micros(row.center_us),
        span: span(row.start_us, row.end_us),
        source: source(&row.source),
        label: row.label,
        created_by: row.created_by,
        event_type: row.event_type,
        confidence: row.confidence,
        tags: serde_json::from_str(&row.tags).unwrap_or_default(),
        metadata: row.metadata,
        status: status(&row.status),
        problem: row.problem,
        video: file(row.video_key, row.video_bytes),
        thumbnail: file(row.thumbnail_key, row.thumbnail_bytes),
        created_at: WallTime::from_unix_micros(row.created_us),
    }
}

pub(in crate::db) fn snapshot_row(snapshot: &Snapshot) -> snapshot::ActiveModel {
    snapshot::ActiveModel {
        id: Set(snapshot.id.as_uuid()),
        tenant_id: Set(snapshot.tenant.as_str().to_owned()),
        device_id: Set(snapshot.device.as_uuid()),
        stream_id: Set(snapshot.stream.as_uuid()),
        taken_us: Set(snapshot.timestamp.as_unix_micros()),
        source: Set(snapshot.source.as_str().to_owned()),
        created_by: Set(snapshot.created_by.clone()),
        metadata: Set(snapshot.metadata.clone()),
        status: Set(snapshot.status.as_str().to_owned()),
        problem: Set(snapshot.problem.clone()),
        created_us: Set(snapshot.created_at.as_unix_micros()),
        deleted: Set(false),
        ..image_columns(snapshot.image.as_ref())
    }
}

/// The columns that tell of the picture.
pub(in crate::db) fn image_columns(image: Option<&SnapshotImage>) -> snapshot::ActiveModel {
    snapshot::ActiveModel {
        image_key: Set(image.map(|image| image.file.key.clone())),
        image_bytes: Set(image.map(|image| signed(image.file.bytes))),
        width: Set(image.map(|image| i64::from(image.width))),
        height: Set(image.map(|image| i64::from(image.height))),
        ..Default::default()
    }
}

pub(in crate::db) fn snapshot(row: snapshot::Model) -> Snapshot {
    let image = file(row.image_key, row.image_bytes).map(|file| {
        let pixels = |number: Option<i64>| number.and_then(|n| u32::try_from(n).ok()).unwrap_or_default();
        SnapshotImage { file, width: pixels(row.width), height: pixels(row.height) }
    });
    Snapshot {
        id: row.id.into(),
        tenant: TenantId::new(row.tenant_id),
        device: row.device_id.into(),
        stream: row.stream_id.into(),
        timestamp: WallTime::from_unix_micros(row.taken_us),
        source: source(&row.source),
        created_by: row.created_by,
        metadata: row.metadata,
        status: status(&row.status),
        problem: row.problem,
        image,
        created_at: WallTime::from_unix_micros(row.created_us),
    }
}
