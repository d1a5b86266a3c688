//! [`LocalStore`].

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;
use vas_core::ports::store::{SegmentStore as _, StoreError};
use vas_core::testing::store::{contents, key, listed, spooled, suite};
use vas_record::store::disk::{DiskIo, Fault, TestDisk};
use vas_record::store::{LocalStore, OpenError};

/// A new store in a folder of its own.
async fn store() -> (TempDir, LocalStore) {
    let folder = tempfile::tempdir().unwrap();
    let store = LocalStore::create(&folder.path().join("store")).await.unwrap();
    (folder, store)
}

/// A new store on a disk that can be made to fail.
async fn on_test_disk() -> (TempDir, TestDisk, LocalStore) {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("disk");
    std::fs::create_dir(&root).unwrap();
    let disk = TestDisk::open(&root).unwrap();
    let store = LocalStore::create_on(Arc::new(disk.clone())).await.unwrap();
    (folder, disk, store)
}

/// Writes a file of the spool the way the recorder does, and syncs neither it nor the folder.
fn recorded(disk: &TestDisk, name: &str, bytes: &[u8]) -> PathBuf {
    let path = Path::new(vas_record::store::SPOOL).join(name);
    disk.create(&path).unwrap().append(&[io::IoSlice::new(bytes)]).unwrap();
    disk.root().join(path)
}

#[tokio::test]
async fn it_conforms_with_a_spool_of_its_own() {
    let (_folder, store) = store().await;
    suite(&store, &store.spool()).await;
}

#[tokio::test]
async fn it_conforms_with_a_spool_elsewhere() {
    let (_folder, store) = store().await;
    let spool = tempfile::tempdir_in("/dev/shm").unwrap();
    suite(&store, spool.path()).await;
}

#[tokio::test]
async fn empty_folders_vanish_and_its_own_stay() {
    let (folder, store) = store().await;
    for name in ["device/2025/a", "device/2025/b"] {
        store.put(&key(name), &spooled(&store.spool(), "x", b"x")).await.unwrap();
    }
    store.delete(&key("device/2025/a")).await.unwrap();
    assert!(folder.path().join("store/device/2025/b").exists());
    store.delete(&key("device/2025/b")).await.unwrap();
    let mut left: Vec<_> = std::fs::read_dir(folder.path().join("store"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    left.sort();
    assert_eq!(left, [".spool", ".vas-store.json"]);
}

#[tokio::test]
async fn only_an_empty_folder_becomes_a_store() {
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(LocalStore::open(folder.path(), None).await, Err(OpenError::NoStore)));
    std::fs::create_dir(folder.path().join("lost+found")).unwrap();
    let store = LocalStore::create(folder.path()).await.unwrap();
    assert!(matches!(LocalStore::create(folder.path()).await, Err(OpenError::NotEmpty)));
    let again = LocalStore::open(folder.path(), Some(store.id())).await.unwrap();
    assert_eq!(again.id(), store.id());

    std::fs::write(folder.path().join(".vas-store.json"), "{").unwrap();
    assert!(matches!(LocalStore::open(folder.path(), None).await, Err(OpenError::BadIdentity(_))));
    let later = format!(r#"{{"id":"{}","version":2}}"#, store.id());
    std::fs::write(folder.path().join(".vas-store.json"), later).unwrap();
    assert!(matches!(LocalStore::open(folder.path(), None).await, Err(OpenError::TooNew(2))));
}

/// Nothing but `NotMounted`, with the file left in the spool.
async fn refused(store: &LocalStore, file: &Path) {
    for result in [
        store.put(&key("device/a"), file).await.map(|_| ()),
        store.put_copy(&key("device/a"), file).await.map(|_| ()),
        store.delete(&key("device/a")).await,
        store.check().await,
    ] {
        assert!(matches!(result, Err(StoreError::NotMounted { .. })), "{result:?}");
    }
    assert!(file.exists());
}

#[tokio::test]
async fn a_disk_that_is_not_there_or_another_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (here, away) = (folder.path().join("disk"), folder.path().join("away"));
    let store = LocalStore::create(&here).await.unwrap();
    store.put(&key("device/kept"), &spooled(&store.spool(), "x", b"kept")).await.unwrap();
    let file = spooled(folder.path(), "x", b"x");

    // Taken out: the folder it was mounted on is there, and empty.
    std::fs::rename(&here, &away).unwrap();
    std::fs::create_dir(&here).unwrap();
    refused(&store, &file).await;
    let opened = LocalStore::open(&here, Some(store.id())).await;
    assert!(matches!(opened, Err(OpenError::Store(StoreError::NotMounted { found: None, .. }))));
    assert_eq!(std::fs::read_dir(&here).unwrap().count(), 0, "nothing is written there");

    // Swapped for another store.
    let other = LocalStore::create(&here).await.unwrap();
    refused(&store, &file).await;
    let opened = LocalStore::open(&here, Some(store.id())).await;
    let Err(OpenError::Store(StoreError::NotMounted { found: Some(found), .. })) = opened else {
        panic!("{opened:?}");
    };
    assert_eq!(found, other.id().to_string());
    assert_eq!(listed(&other, None).await, []);

    // Back again, as a copy: everything has another inode.
    std::fs::remove_dir_all(&here).unwrap();
    assert!(std::process::Command::new("cp").arg("-a").args([&away, &here]).status().unwrap().success());
    std::fs::remove_dir_all(&away).unwrap();
    store.check().await.unwrap();
    store.put(&key("device/a"), &file).await.unwrap();
    assert_eq!(listed(&store, None).await, [("device/a".to_owned(), 1), ("device/kept".to_owned(), 4)]);
    assert!(here.join("device/a").exists());
}

#[tokio::test]
async fn links_lead_nowhere() {
    let (folder, store) = store().await;
    let outside = folder.path().join("outside");
    std::fs::create_dir(&outside).unwrap();
    std::fs::write(outside.join("secret"), b"secret").unwrap();
    let root = folder.path().join("store");
    std::os::unix::fs::symlink(&outside, root.join("device")).unwrap();
    std::os::unix::fs::symlink(outside.join("secret"), root.join("file")).unwrap();

    for name in ["device/secret", "file"] {
        store.read(&key(name), 0..6).await.unwrap_err();
        store.len(&key(name)).await.unwrap_err();
    }
    let file = spooled(&store.spool(), "x", b"x");
    store.put(&key("device/new"), &file).await.unwrap_err();
    assert!(file.exists());
    store.delete(&key("device/secret")).await.unwrap();
    // A link as the file itself is replaced, and removed, in place of what it leads to.
    store.put(&key("file"), &file).await.unwrap();
    assert_eq!(store.read(&key("file"), 0..1).await.unwrap(), "x");
    assert_eq!(listed(&store, None).await, [("file".to_owned(), 1)]);
    assert_eq!(listed(&store, Some("device")).await, []);
    assert_eq!(std::fs::read(outside.join("secret")).unwrap(), b"secret");
    assert_eq!(std::fs::read_dir(&outside).unwrap().count(), 1);
}

#[tokio::test]
async fn what_was_put_outlives_a_power_cut() {
    let (_folder, disk, store) = on_test_disk().await;
    let id = store.id();
    store.put(&key("device/2025/a"), &recorded(&disk, "a", &contents(1_000))).await.unwrap();
    let copied = spooled(_folder.path(), "copied", &contents(2_000));
    store.put(&key("device/2025/b"), &copied).await.unwrap();
    // Replaced and deleted for good.
    store.put(&key("device/2025/a"), &recorded(&disk, "a", &contents(500))).await.unwrap();
    store.put(&key("other/c"), &recorded(&disk, "c", b"c")).await.unwrap();
    store.delete(&key("other/c")).await.unwrap();
    // Never finished: neither the file nor its name was synced.
    recorded(&disk, "open", b"open");

    disk.cut();
    assert!(store.check().await.is_err());
    disk.restore(0).unwrap();
    let store = LocalStore::open_on(Arc::new(disk.clone()), Some(id)).await.unwrap();
    let all = [("device/2025/a".to_owned(), 500), ("device/2025/b".to_owned(), 2_000)];
    assert_eq!(listed(&store, None).await, all);
    assert!(store.read(&key("device/2025/a"), 0..500).await.unwrap() == contents(500));
    assert_eq!(std::fs::read_dir(store.spool()).unwrap().count(), 0);
}

#[tokio::test]
async fn a_power_cut_at_any_moment_leaves_whole_files() {
    let (_folder, disk, store) = on_test_disk().await;
    let id = store.id();
    for round in 0..20_u64 {
        let store = LocalStore::open_on(Arc::new(disk.clone()), Some(id)).await.unwrap();
        let cutter = std::thread::spawn({
            let disk = disk.clone();
            move || {
                // Some moment of the work below, another in each round.
                std::thread::sleep(std::time::Duration::from_micros(round * 150));
                disk.cut();
            }
        });
        let mut acknowledged = Vec::new();
        for n in 0_u64.. {
            let path = Path::new(vas_record::store::SPOOL).join(format!("{round}-{n}"));
            let Ok(mut file) = disk.create(&path) else { break };
            let Ok(()) = file.append(&[io::IoSlice::new(&contents(100 + n as usize))]) else { break };
            let name = key(&format!("device/{round}/{n}"));
            let Ok(_) = store.put(&name, &disk.root().join(path)).await else { break };
            acknowledged.push((name.to_string(), 100 + n));
        }
        cutter.join().unwrap();
        disk.restore(round * 10).unwrap();
        let store = LocalStore::open_on(Arc::new(disk.clone()), Some(id)).await.unwrap();
        acknowledged.sort();
        let left = listed(&store, Some(&format!("device/{round}"))).await;
        let lost: Vec<_> = acknowledged.iter().filter(|file| !left.contains(file)).collect();
        assert!(lost.is_empty(), "lost in round {round}: {lost:?}");
        // At most the one that was not acknowledged is there besides, and whole.
        assert!(left.len() <= acknowledged.len() + 1);
        for (name, len) in left {
            let n: u64 = name.rsplit('/').next().unwrap().parse().unwrap();
            assert_eq!(len, 100 + n, "{name} is torn");
        }
    }
}

#[tokio::test]
async fn failures_are_told_apart_and_leave_the_spool_alone() {
    let (_folder, disk, store) = on_test_disk().await;
    let file = recorded(&disk, "a", b"a");
    let put = async || store.put(&key("device/a"), &file).await;
    disk.set_fault(Fault::Fails(io::ErrorKind::StorageFull));
    assert!(matches!(put().await, Err(StoreError::Full(_))));
    disk.set_fault(Fault::Fails(io::ErrorKind::ReadOnlyFilesystem));
    assert!(matches!(put().await, Err(StoreError::ReadOnly(_))));
    assert!(matches!(store.check().await, Err(StoreError::ReadOnly(_))));
    let reopened = LocalStore::open_on(Arc::new(disk.clone()), Some(store.id())).await;
    assert!(reopened.is_ok(), "a read-only store is there for playing");
    disk.set_fault(Fault::Fails(io::ErrorKind::Other));
    assert!(matches!(put().await, Err(StoreError::Unavailable(_))));
    assert!(file.exists());
    disk.set_fault(Fault::None);
    assert_eq!(put().await.unwrap(), 1);
}

#[tokio::test]
async fn a_stalled_disk_takes_few_threads_and_is_caught_up_with() {
    let (_folder, disk, store) = on_test_disk().await;
    let files: Vec<_> = (0..64).map(|n| recorded(&disk, &n.to_string(), b"x")).collect();
    disk.set_fault(Fault::Stalls);
    let puts = files.iter().enumerate().map(|(n, file)| {
        let (store, name) = (store.clone(), key(&format!("device/{n}")));
        async move { store.put(&name, file).await }
    });
    let mut puts = std::pin::pin!(futures_util::future::join_all(puts));
    assert!(futures_util::poll!(&mut puts).is_pending());
    // Another store's disk is not held up, however many wait here.
    let (_other_folder, other) = self::store().await;
    other.put(&key("a"), &spooled(&other.spool(), "a", b"a")).await.unwrap();
    disk.set_fault(Fault::None);
    assert!(puts.await.iter().all(Result::is_ok));
}

/// A small file system in memory, or `None` with a loud message where this may not be mounted.
struct Mount(PathBuf);

impl Mount {
    fn tmpfs(at: &Path, options: &str) -> Option<Self> {
        let mounted = std::process::Command::new("mount")
            .args(["-t", "tmpfs", "-o", options, "tmpfs"])
            .arg(at)
            .output();
        match mounted {
            Ok(output) if output.status.success() => Some(Self(at.to_owned())),
            other => {
                println!("SKIPPED: a file system can't be mounted here, which takes root: {other:?}");
                None
            }
        }
    }

    fn remount(&self, options: &str) {
        let options = format!("remount,{options}");
        let output =
            std::process::Command::new("mount").args(["-o", &options]).arg(&self.0).output().unwrap();
        assert!(output.status.success(), "{output:?}");
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[tokio::test]
async fn a_real_disk_gets_full_becomes_read_only_and_is_unmounted() {
    let folder = tempfile::tempdir().unwrap();
    let Some(mount) = Mount::tmpfs(folder.path(), "size=256k") else { return };
    let store = LocalStore::create(folder.path()).await.unwrap();
    let disk = store.disk();
    let path = Path::new(vas_record::store::SPOOL).join("a");
    let mut file = disk.create(&path).unwrap();
    let chunk = contents(50_000);
    // A chunk is in the file or it is not.
    let mut whole = 0;
    let error = loop {
        match file.append(&[io::IoSlice::new(&chunk[..100]), io::IoSlice::new(&chunk[100..])]) {
            Ok(()) => whole += chunk.len() as u64,
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    assert!(whole > 0);
    assert_eq!((file.len(), disk.sync_file(&path).unwrap()), (whole, whole));

    // What is already on it can be finished; what comes from elsewhere has no room and leaves nothing behind.
    store.put(&key("device/a"), &folder.path().join(&path)).await.unwrap();
    let spool = tempfile::tempdir().unwrap();
    let more = spooled(spool.path(), "b", &contents(200_000));
    let error = store.put(&key("device/b"), &more).await.unwrap_err();
    assert!(matches!(error, StoreError::Full(_)), "{error:?}");
    assert!(more.exists() && !folder.path().join(".incoming").exists());
    assert_eq!(store.read(&key("device/a"), 0..50_000).await.unwrap(), chunk);
    // Whoever holds it open holds its room too.
    drop(file);
    store.delete(&key("device/a")).await.unwrap();
    store.put(&key("device/b"), &more).await.unwrap();

    let small = spooled(spool.path(), "c", b"c");
    mount.remount("ro");
    let error = store.put(&key("device/c"), &small).await.unwrap_err();
    assert!(matches!(error, StoreError::ReadOnly(_)), "{error:?}");
    assert!(matches!(store.check().await, Err(StoreError::ReadOnly(_))));
    assert_eq!(store.len(&key("device/b")).await.unwrap(), 200_000);
    mount.remount("rw");
    store.check().await.unwrap();

    // Unmounted under the running store: what lies below the mount stays clean.
    drop(mount);
    let error = store.put(&key("device/c"), &small).await.unwrap_err();
    assert!(matches!(error, StoreError::NotMounted { found: None, .. }), "{error:?}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    assert!(small.exists());
}
