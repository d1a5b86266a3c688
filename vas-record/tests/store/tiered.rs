//! [`TieredStore`]: in front of a store in memory that can be taken away, and in front of S3.

use crate::moto::Moto;
use crate::object::s3;
use crate::proxy::{Proxy, Weather};
use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};
use tempfile::TempDir;
use vas_core::ports::store::{SegmentStore, Space, StoreError, StoreKey, Stored};
use vas_core::testing::ManualClock;
use vas_core::testing::store::{contents, key, listed, spooled, suite};
use vas_core::{Clock as _, SystemClock, TaskScope, WallTime};
use vas_record::store::disk::{Fault, TestDisk};
use vas_record::store::{LocalStore, ObjectOptions, ObjectStore, SPOOL, TieredConfig, TieredStore};

/// Nothing that is waited for takes longer.
const PATIENCE: Duration = Duration::from_secs(60);

/// A store that can be out of reach, and counts what is asked of it.
#[derive(Debug)]
struct Remote {
    store: ObjectStore,
    down: AtomicBool,
    puts: AtomicU64,
}

impl Remote {
    fn new() -> Arc<Self> {
        let store = ObjectStore::from_url("memory:", ObjectOptions::default(), TaskScope::new()).unwrap();
        Arc::new(Self { store, down: AtomicBool::new(false), puts: AtomicU64::new(0) })
    }

    fn set_down(&self, down: bool) {
        self.down.store(down, Ordering::Relaxed);
    }

    fn reach(&self) -> Result<&ObjectStore, StoreError> {
        if self.down.load(Ordering::Relaxed) {
            Err(StoreError::Unavailable("out of reach".into()))
        } else {
            Ok(&self.store)
        }
    }
}

#[async_trait]
impl SegmentStore for Remote {
    async fn put(&self, key: &StoreKey, file: &Path) -> Result<u64, StoreError> {
        self.reach()?.put(key, file).await
    }

    async fn put_copy(&self, key: &StoreKey, file: &Path) -> Result<u64, StoreError> {
        self.puts.fetch_add(1, Ordering::Relaxed);
        self.reach()?.put_copy(key, file).await
    }

    async fn read(&self, key: &StoreKey, range: Range<u64>) -> Result<Bytes, StoreError> {
        self.reach()?.read(key, range).await
    }

    async fn len(&self, key: &StoreKey) -> Result<u64, StoreError> {
        self.reach()?.len(key).await
    }

    fn list(&self, prefix: Option<&StoreKey>) -> BoxStream<'static, Result<Stored, StoreError>> {
        match self.reach() {
            Ok(store) => store.list(prefix),
            Err(error) => Box::pin(futures_util::stream::once(async { Err(error) })),
        }
    }

    async fn delete(&self, key: &StoreKey) -> Result<(), StoreError> {
        self.reach()?.delete(key).await
    }

    async fn space(&self) -> Result<Option<Space>, StoreError> {
        self.reach()?.space().await
    }

    async fn check(&self) -> Result<(), StoreError> {
        self.reach()?.check().await
    }
}

async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let began = Instant::now();
    while !holds().await {
        assert!(began.elapsed() < PATIENCE, "{what} does not come about");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn settled(store: &TieredStore) {
    until("the remote store catching up", async || {
        let status = store.status();
        status.uploads == 0 && status.deletes == 0
    })
    .await;
}

async fn tiered(local: &LocalStore, remote: &Arc<Remote>, scope: &TaskScope) -> TieredStore {
    let config = TieredConfig::default();
    TieredStore::open(local.clone(), remote.clone(), config, Arc::new(SystemClock), scope).await.unwrap()
}

async fn local() -> (TempDir, LocalStore) {
    let folder = tempfile::tempdir().unwrap();
    let store = LocalStore::create(&folder.path().join("store")).await.unwrap();
    (folder, store)
}

#[tokio::test]
async fn it_conforms() {
    let ((_folder, local), remote, scope) = (local().await, Remote::new(), TaskScope::new());
    let store = tiered(&local, &remote, &scope).await;
    suite(&store, &local.spool()).await;
    settled(&store).await;
    assert_eq!(listed(&*remote, None).await, []);
    assert!(scope.shutdown(Duration::from_secs(10)).await);
}

#[tokio::test]
async fn it_conforms_while_the_remote_store_is_slow_to_take_anything() {
    let ((_folder, local), scope) = (local().await, TaskScope::new());
    let moto = Moto::start().await;
    let proxy = Proxy::start(moto.address()).await;
    proxy.set(Weather::Slow(8 << 20));
    let (config, clock) = (TieredConfig::default(), Arc::new(SystemClock));
    let store = TieredStore::open(local.clone(), Arc::new(s3(proxy.url(), &scope)), config, clock, &scope)
        .await
        .unwrap();
    suite(&store, &local.spool()).await;
    proxy.set(Weather::Fine);
    settled(&store).await;
    assert_eq!(listed(&s3(proxy.url(), &scope), None).await, []);
    assert!(scope.shutdown(Duration::from_secs(10)).await);
    assert_eq!(moto.unfinished_uploads().await, 0);
}

#[tokio::test]
async fn an_outage_is_waited_for_also_over_restarts() {
    let ((_folder, local), remote) = (local().await, Remote::new());
    let put = async |store: &TieredStore, name: &str, len| {
        store.put(&key(name), &spooled(&local.spool(), "x", &contents(len))).await.unwrap();
    };
    let first = TaskScope::new();
    let store = tiered(&local, &remote, &first).await;
    put(&store, "device/old", 10).await;
    settled(&store).await;

    remote.set_down(true);
    for n in 0..30 {
        put(&store, &format!("device/{n}"), 100 + n).await;
    }
    store.delete(&key("device/old")).await.unwrap();
    store.delete(&key("device/7")).await.unwrap();
    // What is deleted is gone although the remote store still has it, and the rest can be played.
    assert!(matches!(store.read(&key("device/old"), 0..1).await, Err(StoreError::NotFound(_))));
    assert!(store.read(&key("device/8"), 0..108).await.unwrap() == contents(108));
    until("the failure showing", async || store.status().last_error.is_some()).await;
    let status = store.status();
    assert_eq!((status.uploads, status.deletes), (29, 2));
    assert!(status.last_error.unwrap().contains("out of reach"));
    // A deletion outlives a file that was to take its place and did not come.
    assert!(matches!(
        store.put(&key("device/old"), Path::new("/nowhere")).await,
        Err(StoreError::NotFound(_))
    ));
    assert_eq!((store.status().uploads, store.status().deletes), (29, 2));
    store.check().await.unwrap();
    assert!(first.shutdown(Duration::from_secs(10)).await);
    drop(store);

    let second = TaskScope::new();
    let store = tiered(&local, &remote, &second).await;
    assert_eq!((store.status().uploads, store.status().deletes), (29, 2));
    assert!(matches!(store.len(&key("device/old")).await, Err(StoreError::NotFound(_))));
    remote.set_down(false);
    settled(&store).await;
    assert_eq!(store.status().last_error, None);
    let mut all: Vec<_> = (0..30).filter(|n| *n != 7).map(|n| (format!("device/{n}"), 100 + n)).collect();
    all.sort();
    assert_eq!(listed(&*remote, None).await, all);
    assert_eq!(listed(&store, None).await, all);
    assert!(second.shutdown(Duration::from_secs(10)).await);
}

#[tokio::test]
async fn what_is_replaced_or_deleted_during_its_upload_ends_up_right() {
    let ((_folder, local), remote, scope) = (local().await, Remote::new(), TaskScope::new());
    let store = tiered(&local, &remote, &scope).await;
    for round in 0..40 {
        let name = key(&format!("device/{}", round % 4));
        store.put(&name, &spooled(&local.spool(), "x", &contents(1_000 + round))).await.unwrap();
        if round % 3 == 0 {
            store.delete(&name).await.unwrap();
        }
    }
    settled(&store).await;
    let there = listed(&local, None).await;
    assert_eq!(listed(&*remote, None).await, there);
    assert!(scope.shutdown(Duration::from_secs(10)).await);
}

#[tokio::test]
async fn local_copies_go_when_there_are_others() {
    let ((_folder, local), remote, scope) = (local().await, Remote::new(), TaskScope::new());
    // It lay here before the store was tiered.
    local.put(&key("device/before"), &spooled(&local.spool(), "x", &contents(50))).await.unwrap();
    let clock = Arc::new(ManualClock::new(WallTime::from(SystemTime::UNIX_EPOCH)));
    let hour = Duration::from_secs(3_600);
    clock.step_wall(SystemClock.wall().as_unix_micros());
    let config = TieredConfig { keep_local: hour, keep_local_bytes: Some(1_000), at_once: 1 };
    let store =
        TieredStore::open(local.clone(), remote.clone(), config, clock.clone(), &scope).await.unwrap();
    for n in 0..4 {
        store.put(&key(&format!("device/{n}")), &spooled(&local.spool(), "x", &contents(300))).await.unwrap();
        let path = local.path_of(&key(&format!("device/{n}")));
        let written = SystemTime::from(clock.wall()) - Duration::from_secs(600 - n * 60);
        std::fs::File::open(path).unwrap().set_modified(written).unwrap();
    }
    settled(&store).await;
    // By size: the oldest of those that are uploaded.
    assert_eq!(store.evict().await.unwrap(), 1);
    let names = |files: Vec<(String, u64)>| files.into_iter().map(|(name, _)| name).collect::<Vec<_>>();
    assert_eq!(names(listed(&local, None).await), ["device/1", "device/2", "device/3", "device/before"]);
    assert!(store.read(&key("device/0"), 0..300).await.unwrap() == contents(300));
    // By age, but only what the remote store has; the rest is uploaded first.
    clock.advance(hour * 2);
    assert_eq!(store.evict().await.unwrap(), 3);
    assert_eq!(names(listed(&local, None).await), ["device/before"]);
    settled(&store).await;
    remote.set_down(true);
    assert!(store.evict().await.is_err());
    assert_eq!(names(listed(&local, None).await), ["device/before"], "nothing is given up unseen");
    remote.set_down(false);
    assert_eq!(store.evict().await.unwrap(), 1);
    assert_eq!(listed(&local, None).await, []);
    assert_eq!(listed(&store, None).await.len(), 5);
    assert!(store.read(&key("device/before"), 0..50).await.unwrap() == contents(50));

    // A file that is rewritten lies on the disk again, and goes the same way.
    store.put(&key("device/1"), &spooled(&local.spool(), "x", b"thin")).await.unwrap();
    assert_eq!(store.len(&key("device/1")).await.unwrap(), 4);
    settled(&store).await;
    assert_eq!(remote.len(&key("device/1")).await.unwrap(), 4);
    store.delete(&key("device/2")).await.unwrap();
    settled(&store).await;
    assert!(matches!(store.len(&key("device/2")).await, Err(StoreError::NotFound(_))));
    assert!(scope.shutdown(Duration::from_secs(10)).await);
}

#[tokio::test]
async fn a_power_cut_forgets_neither_uploads_nor_deletions() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("disk");
    std::fs::create_dir(&root).unwrap();
    let disk = TestDisk::open(&root).unwrap();
    let local = LocalStore::create_on(Arc::new(disk.clone())).await.unwrap();
    let (id, remote, scope) = (local.id(), Remote::new(), TaskScope::new());
    let store = tiered(&local, &remote, &scope).await;
    let outside = |name: &str, bytes: &[u8]| spooled(folder.path(), name, bytes);
    store.put(&key("device/uploaded"), &outside("a", b"a")).await.unwrap();
    settled(&store).await;
    remote.set_down(true);
    store.put(&key("device/waiting"), &outside("b", b"bb")).await.unwrap();
    store.delete(&key("device/uploaded")).await.unwrap();
    disk.cut();
    assert!(scope.shutdown(Duration::from_secs(10)).await);
    disk.restore(0).unwrap();

    remote.set_down(false);
    let scope = TaskScope::new();
    let local = LocalStore::open_on(Arc::new(disk.clone()), Some(id)).await.unwrap();
    let store = tiered(&local, &remote, &scope).await;
    settled(&store).await;
    let waiting = [("device/waiting".to_owned(), 2)];
    assert_eq!(listed(&*remote, None).await, waiting);
    assert_eq!(listed(&store, None).await, waiting);
    assert!(root.join(SPOOL).is_dir());

    // A broken disk does not keep what lies elsewhere from being played, and loses no wish.
    disk.set_fault(Fault::Fails(std::io::ErrorKind::StorageFull));
    assert!(matches!(store.delete(&key("device/waiting")).await, Err(StoreError::Full(_))));
    assert_eq!(store.len(&key("device/waiting")).await.unwrap(), 2);
    disk.set_fault(Fault::None);
    store.delete(&key("device/waiting")).await.unwrap();
    settled(&store).await;
    assert_eq!(listed(&*remote, None).await, []);
    assert!(scope.shutdown(Duration::from_secs(10)).await);
}

#[tokio::test]
async fn a_disk_that_is_taken_out_does_not_empty_the_queue() {
    let ((folder, local), remote, scope) = (local().await, Remote::new(), TaskScope::new());
    let store = tiered(&local, &remote, &scope).await;
    remote.set_down(true);
    store.put(&key("device/a"), &spooled(&local.spool(), "x", b"x")).await.unwrap();
    let (here, away) = (folder.path().join("store"), folder.path().join("away"));
    std::fs::rename(&here, &away).unwrap();
    std::fs::create_dir(&here).unwrap();
    remote.set_down(false);
    let asked = remote.puts.load(Ordering::Relaxed);
    until("an attempt", async || remote.puts.load(Ordering::Relaxed) > asked + 1).await;
    assert_eq!(store.status().uploads, 1);
    assert!(matches!(store.put(&key("device/b"), &away).await, Err(StoreError::NotMounted { .. })));
    std::fs::remove_dir(&here).unwrap();
    std::fs::rename(&away, &here).unwrap();
    settled(&store).await;
    assert_eq!(listed(&*remote, None).await, [("device/a".to_owned(), 1)]);
    assert!(scope.shutdown(Duration::from_secs(10)).await);
}
