//! What every [`SnapshotRepo`] must do. An implementation's tests call the suite with an empty store; it panics at the
//! first thing that is not so.

use super::repo::device;
use crate::error::{ErrorKind, HasKind};
use crate::id::{SnapshotId, StreamId};
use crate::model::{CaptureSource, CaptureStatus, Device, Snapshot, SnapshotImage, StoredFile, TenantId};
use crate::ports::{DeviceRepo, Page, RepoError, SnapshotFilter, SnapshotRepo};
use crate::time::WallTime;

const ALL: Page = Page { offset: 0, limit: u64::MAX };
const THEN: WallTime = WallTime::from_unix_micros(1_795_305_600_123_457);

/// A live snapshot of a device at `micros` microseconds after an arbitrary moment.
fn snapshot(device: &Device, micros: i64) -> Snapshot {
    Snapshot {
        id: SnapshotId::random(),
        tenant: device.tenant.clone(),
        device: device.id,
        stream: StreamId::random(),
        timestamp: THEN.add_micros(micros),
        source: CaptureSource::Live,
        created_by: "guard".to_owned(),
        metadata: "{}".to_owned(),
        status: CaptureStatus::Processing,
        problem: None,
        image: None,
        created_at: THEN,
    }
}

fn image() -> SnapshotImage {
    let file = StoredFile { key: "snapshots/1.jpg".to_owned(), bytes: 20_000 };
    SnapshotImage { file, width: 640, height: 360 }
}

fn missing(result: Result<impl std::fmt::Debug, RepoError>) -> bool {
    result.is_err_and(|error| error.kind() == ErrorKind::NotFound)
}

/// The suite of [`SnapshotRepo`]; `devices` is of the same store.
///
/// # Panics
/// Where the repository does not do what the trait says.
pub async fn snapshots(devices: &dyn DeviceRepo, repo: &dyn SnapshotRepo) {
    let [gate, yard] = [device("gate"), device("yard")];
    for device in [&gate, &yard] {
        devices.insert(device).await.expect("insert");
    }
    let first = snapshot(&gate, 0);
    let second = Snapshot {
        source: CaptureSource::Historical,
        created_by: "'; DROP TABLE snapshots; --".to_owned(),
        metadata: r#"{"why":"test"}"#.to_owned(),
        stream: first.stream,
        ..snapshot(&gate, 2)
    };
    let third = snapshot(&yard, 1);
    for snapshot in [&first, &second, &third] {
        repo.insert(snapshot).await.expect("insert");
    }
    assert!(missing(repo.insert(&snapshot(&device("nowhere"), 0)).await));

    // What went in comes out, for its tenant alone.
    let tenant = TenantId::default();
    assert_eq!(repo.get(&tenant, second.id).await.expect("get"), Some(second.clone()));
    assert_eq!(repo.get(&TenantId::new("other"), second.id).await.expect("get"), None);
    assert_eq!(repo.get(&tenant, SnapshotId::random()).await.expect("get"), None);

    lists(repo, [&first, &second, &third]).await;
    making(repo, [&first, &second, &third]).await;
    deleting(devices, repo, &first, &yard).await;
}

async fn lists(repo: &dyn SnapshotRepo, [first, second, third]: [&Snapshot; 3]) {
    let list = async |filter: SnapshotFilter, page| {
        let (found, total) = repo.list(&TenantId::default(), &filter, page).await.expect("list");
        (found.iter().map(|snapshot| snapshot.id).collect::<Vec<_>>(), total)
    };
    let all = SnapshotFilter::default;
    assert_eq!(list(all(), ALL).await, (vec![third.id, second.id, first.id], 3));
    assert_eq!(list(all(), Page { offset: 1, limit: 1 }).await, (vec![second.id], 3));
    let of_stream = SnapshotFilter { stream: Some(first.stream), ..all() };
    assert_eq!(list(of_stream, ALL).await, (vec![second.id, first.id], 2));
    let of_device = SnapshotFilter { device: Some(third.device), ..all() };
    assert_eq!(list(of_device, ALL).await, (vec![third.id], 1));
    let by_guard = SnapshotFilter { created_by: Some("guard".to_owned()), ..all() };
    assert_eq!(list(by_guard, ALL).await, (vec![third.id, first.id], 2));
    let past = SnapshotFilter { source: Some(CaptureSource::Historical), ..all() };
    assert_eq!(list(past, ALL).await, (vec![second.id], 1));
    let after = SnapshotFilter { after: Some(third.timestamp), ..all() };
    assert_eq!(list(after.clone(), ALL).await, (vec![third.id, second.id], 2));
    let between = SnapshotFilter { before: Some(second.timestamp), ..after };
    assert_eq!(list(between, ALL).await, (vec![third.id], 1));
    let (found, total) = repo.list(&TenantId::new("other"), &all(), ALL).await.expect("list");
    assert_eq!((found, total), (vec![], 0));
}

async fn making(repo: &dyn SnapshotRepo, [first, second, third]: [&Snapshot; 3]) {
    let unfinished = async |after, limit| {
        let found = repo.unfinished(after, limit).await.expect("unfinished");
        found.iter().map(|snapshot| snapshot.id).collect::<Vec<_>>()
    };
    assert_eq!(unfinished(None, 9).await, [first.id, second.id, third.id]);
    assert_eq!(unfinished(None, 1).await, [first.id]);
    assert_eq!(unfinished(Some(first.id), 1).await, [second.id]);
    let taken = first.timestamp.add_micros(-40_000);
    repo.ready(first.id, taken, &image()).await.expect("ready");
    repo.fail(second.id, "the picture can't be decoded").await.expect("fail");
    assert_eq!(unfinished(None, 9).await, [third.id]);
    let get = async |id| repo.get(&TenantId::default(), id).await.expect("get").expect("it is there");
    let ready =
        Snapshot { status: CaptureStatus::Ready, timestamp: taken, image: Some(image()), ..first.clone() };
    assert_eq!(get(first.id).await, ready);
    let failed = Snapshot {
        status: CaptureStatus::Failed,
        problem: Some("the picture can't be decoded".to_owned()),
        ..second.clone()
    };
    assert_eq!(get(second.id).await, failed);
    assert!(missing(repo.fail(SnapshotId::random(), "").await));
    assert!(missing(repo.ready(SnapshotId::random(), taken, &image()).await));
}

async fn deleting(devices: &dyn DeviceRepo, repo: &dyn SnapshotRepo, first: &Snapshot, yard: &Device) {
    let tenant = TenantId::default();
    assert_eq!(repo.delete(&TenantId::new("other"), first.id).await.expect("delete"), None);
    repo.remove(&[first.id]).await.expect("what is not marked is passed over");
    let deleted = repo.delete(&tenant, first.id).await.expect("delete").expect("it is there");
    assert_eq!(deleted.image, Some(image()));
    assert_eq!(repo.delete(&tenant, first.id).await.expect("delete"), None);
    assert_eq!(repo.get(&tenant, first.id).await.expect("get"), None);
    assert!(missing(repo.fail(first.id, "late").await));
    assert_eq!(repo.list(&tenant, &SnapshotFilter::default(), ALL).await.expect("list").1, 2);
    assert_eq!(repo.deleted(9).await.expect("deleted"), [deleted]);
    for _ in 0..2 {
        repo.remove(&[first.id]).await.expect("remove");
    }
    assert_eq!(repo.deleted(9).await.expect("deleted"), []);

    // Snapshots go with their device, but not before their files.
    assert!(devices.delete(&tenant, yard.id).await.expect("delete"));
    assert_eq!(repo.list(&tenant, &SnapshotFilter::default(), ALL).await.expect("list").1, 1);
    let left = repo.deleted(9).await.expect("deleted");
    assert_eq!(left.iter().map(|snapshot| snapshot.device).collect::<Vec<_>>(), [yard.id]);
    assert_eq!(repo.unfinished(None, 9).await.expect("unfinished"), []);
}
