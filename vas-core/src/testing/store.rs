//! What every [`SegmentStore`] must do. An implementation's tests call the suite with an empty store; it panics at the
//! first thing that is not so.

use crate::error::{ErrorKind, HasKind};
use crate::ports::store::{MAX_READ, SegmentStore, StoreError, StoreKey, Stored};
use futures_util::future::{join_all, select};
use futures_util::{StreamExt as _, TryStreamExt as _};
use std::path::{Path, PathBuf};
use std::pin::pin;

/// More than one part of an upload in parts, and not a whole number of them.
const LARGE: usize = (17 << 20) + 11;
/// Files that are put at the same time.
const AT_ONCE: usize = 12;

/// The key that `text` spells.
///
/// # Panics
/// If it spells none.
#[must_use]
pub fn key(text: &str) -> StoreKey {
    StoreKey::parse(text).expect("a valid key")
}

/// Writes a file into the spool.
///
/// # Panics
/// If it can't be written.
pub fn spooled(spool: &Path, name: &str, contents: &[u8]) -> PathBuf {
    let path = spool.join(name);
    std::fs::write(&path, contents).expect("the spool takes a file");
    path
}

/// `len` bytes, of which no two neighbouring stretches are alike.
#[must_use]
pub fn contents(len: usize) -> Vec<u8> {
    (0..len).map(|n| (n ^ (n >> 8) ^ (n >> 17)) as u8).collect()
}

/// All that is listed below `prefix`, in the order of the keys.
///
/// # Panics
/// If listing fails.
pub async fn listed(store: &dyn SegmentStore, prefix: Option<&str>) -> Vec<(String, u64)> {
    let prefix = prefix.map(key);
    let all: Vec<Stored> = store.list(prefix.as_ref()).try_collect().await.expect("list");
    let mut all: Vec<_> = all.into_iter().map(|stored| (stored.key.to_string(), stored.len)).collect();
    all.sort();
    all
}

/// The suite; `spool` is a folder to take files from.
///
/// # Panics
/// Where the store does not do what the trait says.
pub async fn suite(store: &dyn SegmentStore, spool: &Path) {
    store.check().await.expect("check");
    if let Some(space) = store.space().await.expect("space") {
        assert!(space.free <= space.total && space.total > 0, "{space:?}");
    }
    nothing_there(store, spool).await;
    ranges(store, spool).await;
    large(store, spool).await;
    lists(store, spool).await;
    replacing(store, spool).await;
    at_once(store, spool).await;
    assert_eq!(listed(store, None).await, [], "the suite clears up");
    assert_eq!(std::fs::read_dir(spool).expect("the spool").count(), 0, "the spool is empty");
}

fn missing(result: Result<impl std::fmt::Debug, StoreError>) {
    match result {
        Err(error) => assert_eq!(error.kind(), ErrorKind::NotFound, "{error:?}"),
        Ok(value) => panic!("nothing was expected, not {value:?}"),
    }
}

async fn nothing_there(store: &dyn SegmentStore, spool: &Path) {
    let absent = key("nowhere/a.mp4");
    missing(store.len(&absent).await);
    missing(store.read(&absent, 0..1).await);
    missing(store.read(&absent, 0..0).await);
    missing(store.put(&absent, &spool.join("absent")).await);
    missing(store.put_copy(&absent, &spool.join("absent")).await);
    store.delete(&absent).await.expect("deleting nothing");
    assert_eq!(listed(store, None).await, []);
    assert_eq!(listed(store, Some("nowhere")).await, []);
}

async fn ranges(store: &dyn SegmentStore, spool: &Path) {
    let (name, bytes) = (key("device/2025/11/22/A-z_0.9.mp4"), contents(1_000));
    let file = spooled(spool, "a", &bytes);
    assert_eq!(store.put_copy(&name, &file).await.expect("put_copy"), 1_000);
    assert!(file.exists(), "a copied file stays");
    assert_eq!(store.put(&name, &file).await.expect("put"), 1_000);
    assert!(!file.exists(), "a file is taken out of the spool");
    missing(store.put(&name, &file).await);
    assert_eq!(store.len(&name).await.expect("len"), 1_000);
    for range in [0..1_000, 0..1, 999..1_000, 500..500, 17..613] {
        let got = store.read(&name, range.clone()).await.expect("read");
        assert_eq!(got, bytes[range.start as usize..range.end as usize], "{range:?}");
    }
    for range in [0..1_001, 999..1_001, 1_000..1_001, 5_000..5_001] {
        match store.read(&name, range.clone()).await {
            Err(StoreError::TooShort { len: 1_000, wanted, .. }) => assert_eq!(wanted, range.end),
            other => panic!("{range:?} is too long, not {other:?}"),
        }
    }
    let too_large = store.read(&name, 0..MAX_READ + 1).await;
    assert!(matches!(too_large, Err(StoreError::TooLarge(_))), "{too_large:?}");
    // A folder is no file.
    missing(store.len(&key("device/2025")).await);
    missing(store.read(&key("device/2025"), 0..1).await);
    store.delete(&key("device/2025")).await.expect("deleting a folder does nothing");
    assert_eq!(store.len(&name).await.expect("len"), 1_000);
    store.delete(&name).await.expect("delete");
    store.delete(&name).await.expect("deleting twice");
    missing(store.len(&name).await);

    assert_eq!(store.put(&name, &spooled(spool, "empty", b"")).await.expect("put"), 0);
    assert_eq!(store.read(&name, 0..0).await.expect("read"), "");
    store.delete(&name).await.expect("delete");
}

async fn large(store: &dyn SegmentStore, spool: &Path) {
    let (name, bytes) = (key("large"), contents(LARGE));
    assert_eq!(store.put(&name, &spooled(spool, "large", &bytes)).await.expect("put"), LARGE as u64);
    assert_eq!(store.len(&name).await.expect("len"), LARGE as u64);
    let got = store.read(&name, 0..LARGE as u64).await.expect("read");
    assert!(got == bytes, "the large file is another");
    let middle = (8 << 20) - 3..(8 << 20) + 4;
    let got = store.read(&name, middle.start as u64..middle.end as u64).await.expect("read");
    assert_eq!(got, bytes[middle]);
    store.delete(&name).await.expect("delete");
}

async fn lists(store: &dyn SegmentStore, spool: &Path) {
    let all = ["a/1/x", "a/1/y", "a/2/x", "a1", "ab/1/x", "b"];
    for (n, name) in all.into_iter().enumerate() {
        store.put(&key(name), &spooled(spool, "x", &contents(n))).await.expect("put");
    }
    let with = |names: &[&str]| {
        let len = |name: &str| all.iter().position(|&other| other == name).unwrap_or_default() as u64;
        names.iter().map(|&name| (name.to_owned(), len(name))).collect::<Vec<_>>()
    };
    assert_eq!(listed(store, None).await, with(&all));
    // Whole names count.
    assert_eq!(listed(store, Some("a")).await, with(&["a/1/x", "a/1/y", "a/2/x"]));
    assert_eq!(listed(store, Some("a/1")).await, with(&["a/1/x", "a/1/y"]));
    assert_eq!(listed(store, Some("b")).await, []);
    assert_eq!(listed(store, Some("c")).await, []);
    // A list may be left half read.
    assert!(store.list(None).next().await.is_some_and(|first| first.is_ok()));
    for name in all {
        store.delete(&key(name)).await.expect("delete");
    }
}

/// Readers meanwhile see the old file or the new one, whole.
async fn replacing(store: &dyn SegmentStore, spool: &Path) {
    let name = key("device/replaced");
    let filled = |n: u8| vec![n; 10_000 + usize::from(n)];
    store.put(&name, &spooled(spool, "x", &filled(0))).await.expect("put");
    let writing = pin!(async {
        for n in 1..10 {
            store.put(&name, &spooled(spool, "x", &filled(n))).await.expect("put");
        }
    });
    let reading = pin!(async {
        loop {
            let got = store.read(&name, 0..10_000).await.expect("there is always one");
            assert!(got.iter().all(|&byte| byte == got[0]), "two files in one");
            // A store in memory is never waited for, and would leave the writer no turn.
            tokio::task::yield_now().await;
        }
    });
    select(writing, reading).await;
    assert_eq!(store.len(&name).await.expect("len"), 10_009);
    assert_eq!(store.read(&name, 10_008..10_009).await.expect("read"), [9].as_slice());
    // Smaller too, as when a file is thinned.
    store.put(&name, &spooled(spool, "x", b"thin")).await.expect("put");
    assert_eq!(store.len(&name).await.expect("len"), 4);
    assert_eq!(listed(store, None).await, [("device/replaced".to_owned(), 4)]);
    store.delete(&name).await.expect("delete");
}

async fn at_once(store: &dyn SegmentStore, spool: &Path) {
    let name = |n: usize| key(&format!("device{}/{n}/file", n % 3));
    join_all((0..AT_ONCE).map(|n| async move {
        let file = spooled(spool, &format!("at-once-{n}"), &contents(n * 100));
        store.put(&name(n), &file).await.expect("put");
        // Its folder goes and comes back meanwhile.
        store.delete(&name(n)).await.expect("delete");
        let file = spooled(spool, &format!("at-once-{n}"), &contents(n * 100));
        store.put(&name(n), &file).await.expect("put");
    }))
    .await;
    for n in 0..AT_ONCE {
        let got = store.read(&name(n), 0..n as u64 * 100).await.expect("read");
        assert!(got == contents(n * 100), "file {n}");
    }
    join_all((0..AT_ONCE).map(|n| async move { store.delete(&name(n)).await.expect("delete") })).await;
}
