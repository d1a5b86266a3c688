//! What has still to be done at the remote store, in memory and on the disk.
//!
//! On the disk it is an empty file per key, in a folder of the local store: `put+<key>` or `del+<key>`, with `+` for each
//! `/`. It is there, durably, before anything is done locally, and goes when the remote store has done its part; so
//! nothing is forgotten by a crash, and the worst that one brings about is that something is done twice.

use crate::store::disk::{DiskIo, EntryKind, unless};
use parking_lot::Mutex;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::{Notify, futures::OwnedNotified};
use vas_core::ports::store::{StoreError, StoreKey};

/// The folder of the files that say what is to be done.
const FOLDER: &str = ".upload";

/// What the remote store has to do about a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Op {
    /// Take the local file.
    Put,
    /// Delete what it has.
    Delete,
}

impl Op {
    const fn other(self) -> Self {
        match self {
            Self::Put => Self::Delete,
            Self::Delete => Self::Put,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Put => "put",
            Self::Delete => "del",
        }
    }
}

/// Something to be done, as it was when it was taken from the queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Work {
    pub(super) key: StoreKey,
    pub(super) op: Op,
    version: u64,
}

/// How much has still to be done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Count {
    pub(super) puts: usize,
    pub(super) deletes: usize,
}

/// The queue. About 200 bytes of memory for each key in it. Its calls block on the disk, except where they say so.
#[derive(Debug)]
pub(super) struct Queue {
    disk: Arc<dyn DiskIo>,
    state: Mutex<State>,
    /// Held while files on the disk and [`State`] are changed together.
    changes: Mutex<()>,
    wake: Arc<Notify>,
}

#[derive(Debug, Default)]
struct State {
    pending: HashMap<StoreKey, Pending>,
    /// The keys in the order of their turns.
    order: BTreeMap<u64, StoreKey>,
    count: Count,
    next: u64,
}

#[derive(Debug)]
struct Pending {
    op: Op,
    /// Of what is wanted: changed by every new wish.
    version: u64,
    /// In the order, unless it is not yet to be begun.
    turn: Option<u64>,
    /// Somebody is at it, maybe at an earlier version.
    running: bool,
}

impl State {
    fn count(&mut self, op: Op) -> &mut usize {
        match op {
            Op::Put => &mut self.count.puts,
            Op::Delete => &mut self.count.deletes,
        }
    }

    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    /// Sets what is wanted, not yet to be begun, and gives its version.
    fn want(&mut self, key: &StoreKey, op: Op) -> u64 {
        let version = self.number();
        let mut running = false;
        if let Some(before) = self.pending.remove(key) {
            *self.count(before.op) -= 1;
            if let Some(turn) = before.turn {
                self.order.remove(&turn);
            }
            running = before.running;
        }
        *self.count(op) += 1;
        self.pending.insert(key.clone(), Pending { op, version, turn: None, running });
        version
    }

    /// Puts a key at the end of the order.
    fn line_up(&mut self, key: &StoreKey) {
        let turn = self.number();
        if let Some(pending) = self.pending.get_mut(key) {
            if let Some(before) = pending.turn.replace(turn) {
                self.order.remove(&before);
            }
            self.order.insert(turn, key.clone());
        }
    }
}

impl Queue {
    /// The queue of the local store on `disk`, with what an earlier run left in it.
    pub(super) fn open(disk: Arc<dyn DiskIo>) -> io::Result<Self> {
        let folder = unless(io::ErrorKind::AlreadyExists, disk.create_dir(Path::new(FOLDER)));
        // What lies on a disk that became read-only can still be played.
        unless(io::ErrorKind::ReadOnlyFilesystem, folder.and_then(|()| disk.sync_dir(Path::new(""))))?;
        let entries = match disk.read_dir(Path::new(FOLDER)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            entries => entries?,
        };
        let mut state = State::default();
        for entry in entries {
            let Some((mut op, key)) = entry.name.to_str().and_then(parse) else { continue };
            if state.pending.contains_key(&key) {
                // Both, since a crash came between the two calls that exchange them: what lies in the store decides.
                op = if is_file(&*disk, &key)? { Op::Put } else { Op::Delete };
                disk.remove(&path_of(&key, op.other()))?;
            }
            state.want(&key, op);
            state.line_up(&key);
        }
        Ok(Self { disk, state: Mutex::new(state), changes: Mutex::default(), wake: Arc::default() })
    }

    /// Sets durably what is wanted for a key; it is begun after [`Self::release`].
    pub(super) fn want(&self, key: &StoreKey, op: Op) -> Result<(), StoreError> {
        let _changes = self.changes.lock();
        unless(io::ErrorKind::AlreadyExists, self.disk.create(&path_of(key, op)))?;
        unless(io::ErrorKind::NotFound, self.disk.remove(&path_of(key, op.other())))?;
        self.disk.sync_dir(Path::new(FOLDER))?;
        self.state.lock().want(key, op);
        Ok(())
    }

    /// Lets what is wanted for a key be begun. Does not block.
    pub(super) fn release(&self, key: &StoreKey) {
        self.state.lock().line_up(key);
        self.wake.notify_one();
    }

    /// Runs `call` unless something is still to be done about a key, and nothing becomes wanted meanwhile.
    pub(super) fn unless_pending<T>(&self, key: &StoreKey, call: impl FnOnce() -> T) -> Option<T> {
        let _changes = self.changes.lock();
        if self.state.lock().pending.contains_key(key) { None } else { Some(call()) }
    }

    /// What is still to be done about a key. Does not block.
    pub(super) fn pending(&self, key: &StoreKey) -> Option<Op> {
        self.state.lock().pending.get(key).map(|pending| pending.op)
    }

    /// The keys that are still to be deleted. Does not block.
    pub(super) fn deletes(&self) -> HashSet<StoreKey> {
        let state = self.state.lock();
        state
            .pending
            .iter()
            .filter(|(_, pending)| pending.op == Op::Delete)
            .map(|(key, _)| key.clone())
            .collect()
    }

    /// How much there is to do. Does not block.
    pub(super) fn count(&self) -> Count {
        self.state.lock().count
    }

    /// What is next, if anything is, and nobody is at it. Does not block.
    pub(super) fn take(&self) -> Option<Work> {
        let mut state = self.state.lock();
        let State { pending, order, .. } = &mut *state;
        let (turn, key) =
            order.iter().find(|(_, key)| pending.get(*key).is_some_and(|pending| !pending.running))?;
        let (turn, key) = (*turn, key.clone());
        order.remove(&turn);
        let pending = pending.get_mut(&key)?;
        (pending.turn, pending.running) = (None, true);
        Some(Work { op: pending.op, version: pending.version, key })
    }

    /// Wakes another that waits for something to do. Does not block.
    pub(super) fn wake(&self) {
        if !self.state.lock().order.is_empty() {
            self.wake.notify_one();
        }
    }

    /// Completes when there may be something to take. Does not block.
    pub(super) fn changed(&self) -> OwnedNotified {
        self.wake.clone().notified_owned()
    }

    /// Tells that work is done: it is forgotten, unless something else became wanted meanwhile.
    pub(super) fn done(&self, work: &Work) -> Result<(), StoreError> {
        let _changes = self.changes.lock();
        let current = self.stopped(work);
        if !current {
            return Ok(());
        }
        if let Err(error) = unless(io::ErrorKind::NotFound, self.disk.remove(&path_of(&work.key, work.op))) {
            self.release(&work.key);
            return Err(error.into());
        }
        let mut state = self.state.lock();
        state.pending.remove(&work.key);
        *state.count(work.op) -= 1;
        Ok(())
    }

    /// Tells that work has failed: it is tried again after everything else. Does not block.
    pub(super) fn failed(&self, work: &Work) {
        if self.stopped(work) {
            self.release(&work.key);
        }
    }

    /// Notes that nobody is at the key any more. Whether the work is still what is wanted.
    fn stopped(&self, work: &Work) -> bool {
        let mut state = self.state.lock();
        let Some(pending) = state.pending.get_mut(&work.key) else { return false };
        pending.running = false;
        let (current, waiting) = (pending.version == work.version, pending.turn.is_some());
        drop(state);
        if waiting {
            self.wake.notify_one();
        }
        current
    }
}

fn path_of(key: &StoreKey, op: Op) -> PathBuf {
    Path::new(FOLDER).join(format!("{}+{}", op.name(), key.as_str().replace('/', "+")))
}

fn parse(name: &str) -> Option<(Op, StoreKey)> {
    let (op, key) = name.split_once('+')?;
    let op = [Op::Put, Op::Delete].into_iter().find(|known| known.name() == op)?;
    Some((op, StoreKey::parse(&key.replace('+', "/")).ok()?))
}

fn is_file(disk: &dyn DiskIo, key: &StoreKey) -> io::Result<bool> {
    let path = Path::new(key.as_str());
    let entries = match disk.read_dir(path.parent().unwrap_or(Path::new(""))) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        entries => entries?,
    };
    let is_it = |entry: &crate::store::disk::DiskEntry| {
        matches!(entry.kind, EntryKind::File { .. }) && Some(entry.name.as_os_str()) == path.file_name()
    };
    Ok(entries.iter().any(is_it))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::disk::OsDisk;
    use vas_core::testing::store::key;

    fn queue(folder: &tempfile::TempDir) -> Queue {
        Queue::open(Arc::new(OsDisk::open(folder.path()).unwrap())).unwrap()
    }

    fn want(queue: &Queue, name: &str, op: Op) {
        queue.want(&key(name), op).unwrap();
        queue.release(&key(name));
    }

    #[test]
    fn everything_has_its_turn_and_failures_come_last() {
        let folder = tempfile::tempdir().unwrap();
        let queue = queue(&folder);
        for name in ["a", "b/c"] {
            want(&queue, name, Op::Put);
        }
        queue.want(&key("held"), Op::Put).unwrap();
        let first = queue.take().unwrap();
        assert_eq!((first.key.as_str(), first.op), ("a", Op::Put));
        queue.failed(&first);
        let second = queue.take().unwrap();
        assert_eq!(second.key.as_str(), "b/c");
        let again = queue.take().unwrap();
        assert_eq!(again.key.as_str(), "a");
        assert_eq!(queue.take(), None);
        queue.done(&second).unwrap();
        queue.done(&again).unwrap();
        assert_eq!(queue.count(), Count { puts: 1, deletes: 0 });
        assert_eq!(queue.pending(&key("held")), Some(Op::Put));
    }

    #[test]
    fn a_new_wish_waits_for_the_old_one_and_outlives_it() {
        let folder = tempfile::tempdir().unwrap();
        let queue = queue(&folder);
        want(&queue, "a", Op::Put);
        let put = queue.take().unwrap();
        want(&queue, "a", Op::Delete);
        assert_eq!(queue.take(), None, "somebody is at the key");
        queue.done(&put).unwrap();
        assert_eq!(queue.count(), Count { puts: 0, deletes: 1 });
        let delete = queue.take().unwrap();
        assert_eq!(delete.op, Op::Delete);
        assert_eq!(queue.unless_pending(&key("a"), || ()), None);
        queue.done(&delete).unwrap();
        assert_eq!(queue.unless_pending(&key("a"), || ()), Some(()));
        assert_eq!(std::fs::read_dir(folder.path().join(FOLDER)).unwrap().count(), 0);
    }

    #[test]
    fn it_is_the_same_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let first = queue(&folder);
        want(&first, "a/b", Op::Put);
        want(&first, "c", Op::Put);
        want(&first, "c", Op::Delete);
        // As after a crash between two calls: with and without a file in the store.
        for name in ["put+d+e", "del+d+e", "put+f", "del+f", "foreign", "put+..+x"] {
            std::fs::write(folder.path().join(FOLDER).join(name), "").unwrap();
        }
        std::fs::write(folder.path().join("f"), "x").unwrap();
        let queue = queue(&folder);
        assert_eq!(queue.count(), Count { puts: 2, deletes: 2 });
        let op = |name| queue.pending(&key(name)).unwrap();
        assert_eq!([op("a/b"), op("c"), op("d/e"), op("f")], [Op::Put, Op::Delete, Op::Delete, Op::Put]);
        let works: Vec<_> = std::iter::from_fn(|| queue.take()).collect();
        assert_eq!(works.len(), 4);
        for work in works {
            queue.done(&work).unwrap();
        }
        assert_eq!(queue.count(), Count::default());
        let mut left: Vec<_> = std::fs::read_dir(folder.path().join(FOLDER)).unwrap().flatten().collect();
        left.retain(|entry| parse(entry.file_name().to_str().unwrap()).is_some());
        assert!(left.is_empty(), "{left:?}");
    }
}
