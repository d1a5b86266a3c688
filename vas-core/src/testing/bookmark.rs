//! What every [`BookmarkRepo`] must do. An implementation's tests call the suite with an empty store; it panics at the
//! first thing that is not so.

use super::repo::device;
use crate::error::{ErrorKind, HasKind};
use crate::id::{BookmarkId, DeviceId, StreamId};
use crate::model::{
    Bookmark, BookmarkChange, CaptureSource, CaptureStatus, Device, StoredFile, TenantId, WallRange,
};
use crate::ports::{BookmarkFilter, BookmarkRepo, DeviceRepo, Page, RepoError};
use crate::time::WallTime;

const ALL: Page = Page { offset: 0, limit: u64::MAX };
const THEN: WallTime = WallTime::from_unix_micros(1_795_305_600_123_457);
const SECOND: i64 = 1_000_000;

const fn at(seconds: i64) -> WallTime {
    THEN.add_micros(seconds * SECOND)
}

const fn range(from: i64, to: i64) -> WallRange {
    WallRange::new(at(from), at(to))
}

/// A bookmark of a device that begins `start` seconds after an arbitrary moment and takes ten.
fn bookmark(device: &Device, stream: StreamId, start: i64) -> Bookmark {
    Bookmark {
        id: BookmarkId::random(),
        tenant: device.tenant.clone(),
        device: device.id,
        stream,
        center: at(start + 5),
        span: range(start, start + 10),
        source: CaptureSource::Live,
        label: None,
        created_by: "guard".to_owned(),
        event_type: None,
        confidence: None,
        tags: Vec::new(),
        metadata: "{}".to_owned(),
        status: CaptureStatus::Processing,
        problem: None,
        video: None,
        thumbnail: None,
        created_at: THEN,
    }
}

fn file(key: &str, bytes: u64) -> StoredFile {
    StoredFile { key: key.to_owned(), bytes }
}

fn missing(result: Result<impl std::fmt::Debug, RepoError>) -> bool {
    result.is_err_and(|error| error.kind() == ErrorKind::NotFound)
}

/// The suite of [`BookmarkRepo`]; `devices` is of the same store.
///
/// # Panics
/// Where the repository does not do what the trait says.
pub async fn bookmarks(devices: &dyn DeviceRepo, repo: &dyn BookmarkRepo) {
    let [gate, yard] = [device("gate"), device("yard")];
    for device in [&gate, &yard] {
        devices.insert(device).await.expect("insert");
    }
    let first = bookmark(&gate, StreamId::random(), 0);
    let second = Bookmark {
        source: CaptureSource::Historical,
        label: Some("'; DROP TABLE bookmarks; --".to_owned()),
        created_by: "detector".to_owned(),
        event_type: Some("person".to_owned()),
        confidence: Some(0.875),
        tags: vec!["a, b".to_owned(), "\"quoted\"".to_owned(), "Fußgänger".to_owned()],
        metadata: r#"{"boxes":[[0.1,0.2,0.3,0.4]]}"#.to_owned(),
        ..bookmark(&gate, first.stream, 100)
    };
    let third = bookmark(&yard, StreamId::random(), 50);
    for bookmark in [&first, &second, &third] {
        repo.insert(bookmark).await.expect("insert");
    }
    assert!(missing(repo.insert(&bookmark(&device("nowhere"), StreamId::random(), 0)).await));

    // What went in comes out, for its tenant alone.
    let tenant = TenantId::default();
    assert_eq!(repo.get(&tenant, second.id).await.expect("get"), Some(second.clone()));
    assert_eq!(repo.get(&TenantId::new("other"), second.id).await.expect("get"), None);
    assert_eq!(repo.get(&tenant, BookmarkId::random()).await.expect("get"), None);

    lists(repo, [&first, &second, &third]).await;
    changes(repo, &second).await;
    making(repo, [&first, &second, &third]).await;
    pins(repo, &gate, &yard).await;
    deleting(devices, repo, &first, &yard).await;
}

async fn lists(repo: &dyn BookmarkRepo, [first, second, third]: [&Bookmark; 3]) {
    let list = async |filter: BookmarkFilter, page| {
        let (found, total) = repo.list(&TenantId::default(), &filter, page).await.expect("list");
        (found.iter().map(|bookmark| bookmark.id).collect::<Vec<_>>(), total)
    };
    let all = BookmarkFilter::default;
    assert_eq!(list(all(), ALL).await, (vec![third.id, second.id, first.id], 3));
    assert_eq!(list(all(), Page { offset: 1, limit: 1 }).await, (vec![second.id], 3));
    assert_eq!(list(all(), Page { offset: 9, limit: 9 }).await, (vec![], 3));
    let of_stream = BookmarkFilter { stream: Some(first.stream), ..all() };
    assert_eq!(list(of_stream, ALL).await, (vec![second.id, first.id], 2));
    let of_device = BookmarkFilter { device: Some(third.device), ..all() };
    assert_eq!(list(of_device, ALL).await, (vec![third.id], 1));
    let of_event = BookmarkFilter { event_type: Some("person".to_owned()), ..all() };
    assert_eq!(list(of_event, ALL).await, (vec![second.id], 1));
    let by_guard = BookmarkFilter { created_by: Some("guard".to_owned()), ..all() };
    assert_eq!(list(by_guard, ALL).await, (vec![third.id, first.id], 2));
    let live = BookmarkFilter { source: Some(CaptureSource::Live), ..all() };
    assert_eq!(list(live, ALL).await, (vec![third.id, first.id], 2));
    let after = BookmarkFilter { start_after: Some(third.span.start), ..all() };
    assert_eq!(list(after.clone(), ALL).await, (vec![third.id, second.id], 2));
    let between = BookmarkFilter { start_before: Some(second.span.start), ..after };
    assert_eq!(list(between, ALL).await, (vec![third.id], 1));
    let odd = BookmarkFilter { created_by: Some("' OR 1=1 --".to_owned()), ..all() };
    assert_eq!(list(odd, ALL).await, (vec![], 0));
    let (found, total) = repo.list(&TenantId::new("other"), &all(), ALL).await.expect("list");
    assert_eq!((found, total), (vec![], 0));
}

async fn changes(repo: &dyn BookmarkRepo, second: &Bookmark) {
    let tenant = TenantId::default();
    let nothing = BookmarkChange::default();
    assert_eq!(repo.update(&tenant, second.id, &nothing).await.expect("update"), *second);
    let change = BookmarkChange {
        label: Some(None),
        event_type: Some(Some("car".to_owned())),
        tags: Some(vec!["red".to_owned()]),
        metadata: None,
    };
    let expected = Bookmark {
        label: None,
        event_type: Some("car".to_owned()),
        tags: vec!["red".to_owned()],
        ..second.clone()
    };
    assert_eq!(repo.update(&tenant, second.id, &change).await.expect("update"), expected);
    assert_eq!(repo.get(&tenant, second.id).await.expect("get"), Some(expected));
    for change in [&change, &nothing] {
        assert!(missing(repo.update(&TenantId::new("other"), second.id, change).await));
        assert!(missing(repo.update(&tenant, BookmarkId::random(), change).await));
    }
}

async fn making(repo: &dyn BookmarkRepo, [first, second, third]: [&Bookmark; 3]) {
    let unfinished = async |after, limit| {
        let found = repo.unfinished(after, limit).await.expect("unfinished");
        found.iter().map(|bookmark| bookmark.id).collect::<Vec<_>>()
    };
    assert_eq!(unfinished(None, 9).await, [first.id, second.id, third.id]);
    assert_eq!(unfinished(None, 2).await, [first.id, second.id]);
    assert_eq!(unfinished(Some(second.id), 2).await, [third.id]);
    let (video, picture) = (file("bookmarks/1.mp4", 1 << 40), file("bookmarks/1.jpg", 20_000));
    repo.ready(first.id, &video, Some(&picture)).await.expect("ready");
    repo.ready(second.id, &video, None).await.expect("ready");
    repo.fail(third.id, "nothing was recorded").await.expect("fail");
    assert_eq!(unfinished(None, 9).await, []);
    let get = async |id| repo.get(&TenantId::default(), id).await.expect("get").expect("it is there");
    let stored = get(first.id).await;
    let ready = Bookmark {
        status: CaptureStatus::Ready,
        video: Some(video),
        thumbnail: Some(picture),
        ..first.clone()
    };
    assert_eq!(stored, ready);
    assert_eq!(get(second.id).await.thumbnail, None);
    let stored = get(third.id).await;
    assert_eq!(stored.status, CaptureStatus::Failed);
    assert_eq!(stored.problem.as_deref(), Some("nothing was recorded"));
    assert!(missing(repo.fail(BookmarkId::random(), "").await));
    assert!(missing(repo.ready(BookmarkId::random(), &file("x", 1), None).await));
}

/// The devices have ready bookmarks from 0 to 10 and from 100 to 110, and a failed one.
async fn pins(repo: &dyn BookmarkRepo, gate: &Device, yard: &Device) {
    let more = [(105, gate), (10, gate), (200, gate), (0, yard)];
    let more = more.map(|(start, device)| bookmark(device, StreamId::random(), start));
    for bookmark in &more {
        repo.insert(bookmark).await.expect("insert");
    }
    let pinned =
        async |device: DeviceId, from, to| repo.pinned(device, range(from, to)).await.expect("pinned");
    let of_gate = [range(0, 20), range(100, 115), range(200, 210)];
    assert_eq!(pinned(gate.id, -1_000, 1_000).await, of_gate);
    assert_eq!(pinned(gate.id, 19, 100).await, [range(10, 20)]);
    assert_eq!(pinned(gate.id, 20, 100).await, []);
    assert_eq!(pinned(yard.id, -1_000, 1_000).await, [range(0, 10)], "failed ones keep nothing");
    assert_eq!(pinned(DeviceId::random(), -1_000, 1_000).await, []);
    let mut all: Vec<_> = of_gate.iter().map(|&range| (gate.id, range)).collect();
    all.push((yard.id, range(0, 10)));
    all.sort_by_key(|(device, range)| (*device, range.start));
    assert_eq!(repo.all_pinned().await.expect("all_pinned"), all);
    for bookmark in &more {
        repo.delete(&bookmark.tenant, bookmark.id).await.expect("delete").expect("it is there");
    }
    assert_eq!(pinned(gate.id, 150, 1_000).await, [], "nor do deleted ones");
    assert_eq!(repo.unfinished(None, 9).await.expect("unfinished"), []);
    let ids: Vec<_> = more.iter().map(|bookmark| bookmark.id).collect();
    repo.remove(&ids).await.expect("remove");
    assert_eq!(repo.deleted(9).await.expect("deleted"), []);
}

async fn deleting(devices: &dyn DeviceRepo, repo: &dyn BookmarkRepo, first: &Bookmark, yard: &Device) {
    let tenant = TenantId::default();
    assert_eq!(repo.delete(&TenantId::new("other"), first.id).await.expect("delete"), None);
    repo.remove(&[first.id]).await.expect("what is not marked is passed over");
    let deleted = repo.delete(&tenant, first.id).await.expect("delete").expect("it is there");
    assert_eq!(deleted.video.as_ref().map(|file| file.bytes), Some(1 << 40));
    assert_eq!(repo.delete(&tenant, first.id).await.expect("delete"), None);
    assert_eq!(repo.get(&tenant, first.id).await.expect("get"), None);
    assert!(missing(repo.update(&tenant, first.id, &BookmarkChange::default()).await));
    assert!(missing(repo.fail(first.id, "late").await));
    assert!(missing(repo.ready(first.id, &file("late", 1), None).await));
    assert_eq!(repo.list(&tenant, &BookmarkFilter::default(), ALL).await.expect("list").1, 2);
    assert_eq!(repo.deleted(9).await.expect("deleted"), [deleted]);
    for _ in 0..2 {
        repo.remove(&[first.id]).await.expect("remove");
    }
    assert_eq!(repo.deleted(9).await.expect("deleted"), []);

    // Bookmarks go with their device, but not before their files.
    assert!(devices.delete(&tenant, yard.id).await.expect("delete"));
    assert_eq!(repo.list(&tenant, &BookmarkFilter::default(), ALL).await.expect("list").1, 1);
    let left = repo.deleted(9).await.expect("deleted");
    assert_eq!(left.iter().map(|bookmark| bookmark.device).collect::<Vec<_>>(), [yard.id]);
}
