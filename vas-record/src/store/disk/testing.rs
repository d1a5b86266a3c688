//! A disk for tests: its power can be cut, and it can be full, broken or stalled.

use super::{DiskEntry, DiskFile, DiskIo, EntryKind, OsDisk};
use parking_lot::{Condvar, Mutex, MutexGuard};
use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;
use vas_core::ports::store::Space;

/// What is wrong with a [`TestDisk`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    #[default]
    None,
    /// Every call that writes fails with this: `StorageFull`, `ReadOnlyFilesystem`, `Other`, ...
    Fails(io::ErrorKind),
    /// Every call that writes waits until the fault is taken away.
    Stalls,
}

/// A real folder, and beside it what of it would outlive a power cut by the rules of [`super`]: the strictest that POSIX
/// allows, where file systems in use keep more. `Clone` gives another handle on the same.
///
/// One thing is kinder than they are: the cut of [`DiskIo::append_to`] is durable at once.
#[derive(Clone, Debug)]
pub struct TestDisk {
    disk: OsDisk,
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    /// Each file again by its number, so that one whose name is gone can come back.
    shadow: TempDir,
    state: Mutex<State>,
    fault_changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// The names that there are.
    live: BTreeMap<PathBuf, Entry>,
    /// The names that a power cut leaves.
    durable: BTreeMap<PathBuf, Entry>,
    /// By number of file: the bytes that a power cut leaves.
    synced: HashMap<u64, u64>,
    next: u64,
    /// How often the power was cut: files opened before are dead.
    cuts: u64,
    off: bool,
    fault: Fault,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Entry {
    File(u64),
    Folder,
}

impl TestDisk {
    /// A disk on a folder that exists; what lies in it is durable.
    ///
    /// # Errors
    /// Those of the operating system.
    pub fn open(root: &Path) -> io::Result<Self> {
        let disk = OsDisk::open(root)?;
        // Beside the folder, because hard links stay on one file system.
        let shadow = TempDir::new_in(root.parent().unwrap_or(root))?;
        let inner = Inner { shadow, state: Mutex::default(), fault_changed: Condvar::new() };
        let this = Self { disk, inner: Arc::new(inner) };
        this.adopt(Path::new(""))?;
        Ok(this)
    }

    /// Sets what is wrong with it.
    pub fn set_fault(&self, fault: Fault) {
        self.inner.state.lock().fault = fault;
        self.inner.fault_changed.notify_all();
    }

    /// Cuts the power: every call fails until [`Self::restore`], and files that are open stay dead after it.
    pub fn cut(&self) {
        let mut state = self.inner.state.lock();
        state.off = true;
        state.cuts += 1;
        state.fault = Fault::None;
        self.inner.fault_changed.notify_all();
    }

    /// Gives the power back: the folder is what was durable. Of each file that is, `torn` more bytes survive if they were
    /// written.
    ///
    /// # Errors
    /// Those of the operating system.
    pub fn restore(&self, torn: u64) -> io::Result<()> {
        let mut state = self.inner.state.lock();
        for entry in self.disk.read_dir(Path::new(""))? {
            let path = self.disk.root().join(entry.name);
            if entry.kind == EntryKind::Folder {
                std::fs::remove_dir_all(path)?;
            } else {
                std::fs::remove_file(path)?;
            }
        }
        let mut survivors = BTreeMap::new();
        // Folders sort before what is in them.
        for (path, &entry) in &state.durable {
            let above = path.parent().unwrap_or(Path::new(""));
            if above != Path::new("") && survivors.get(above) != Some(&Entry::Folder) {
                continue;
            }
            match entry {
                Entry::Folder => std::fs::create_dir(self.disk.root().join(path))?,
                Entry::File(number) => {
                    let shadow = self.shadow(number);
                    let file = File::options().write(true).open(&shadow)?;
                    let kept = state.synced.get(&number).copied().unwrap_or(0).saturating_add(torn);
                    if kept < file.metadata()?.len() {
                        file.set_len(kept)?;
                    }
                    std::fs::hard_link(shadow, self.disk.root().join(path))?;
                }
            }
            survivors.insert(path.clone(), entry);
        }
        state.live.clone_from(&survivors);
        state.durable = survivors;
        state.off = false;
        Ok(())
    }

    /// Takes what lies in a folder as durable.
    fn adopt(&self, folder: &Path) -> io::Result<()> {
        for DiskEntry { name, kind } in self.disk.read_dir(folder)? {
            let path = folder.join(name);
            let entry = match kind {
                EntryKind::Folder => Entry::Folder,
                EntryKind::File { len } => {
                    let mut state = self.inner.state.lock();
                    let number = self.number(&mut state, &path)?;
                    state.synced.insert(number, len);
                    Entry::File(number)
                }
            };
            let mut state = self.inner.state.lock();
            state.live.insert(path.clone(), entry);
            state.durable.insert(path.clone(), entry);
            drop(state);
            if kind == EntryKind::Folder {
                self.adopt(&path)?;
            }
        }
        Ok(())
    }

    /// Gives a new file its number.
    fn number(&self, state: &mut State, path: &Path) -> io::Result<u64> {
        state.next += 1;
        std::fs::hard_link(self.disk.root().join(path), self.shadow(state.next))?;
        Ok(state.next)
    }

    fn shadow(&self, number: u64) -> PathBuf {
        self.inner.shadow.path().join(number.to_string())
    }

    fn powered(&self) -> io::Result<MutexGuard<'_, State>> {
        let state = self.inner.state.lock();
        if state.off { Err(no_power()) } else { Ok(state) }
    }

    /// The state, once a call may write.
    fn writable(&self) -> io::Result<MutexGuard<'_, State>> {
        let mut state = self.powered()?;
        loop {
            match state.fault {
                Fault::None if state.off => return Err(no_power()),
                Fault::None => return Ok(state),
                Fault::Fails(kind) => return Err(kind.into()),
                Fault::Stalls => self.inner.fault_changed.wait(&mut state),
            }
        }
    }

    fn wrap(&self, state: &State, file: Box<dyn DiskFile>, number: u64) -> Box<dyn DiskFile> {
        Box::new(TestFile { disk: self.clone(), file, number, cuts: state.cuts })
    }
}

fn no_power() -> io::Error {
    io::Error::other("the power is cut")
}

impl State {
    fn file(&self, path: &Path) -> io::Result<u64> {
        match self.live.get(path) {
            Some(Entry::File(number)) => Ok(*number),
            _ => Err(io::ErrorKind::NotFound.into()),
        }
    }
}

impl DiskIo for TestDisk {
    fn root(&self) -> &Path {
        self.disk.root()
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let mut state = self.writable()?;
        let file = self.disk.create(path)?;
        let number = self.number(&mut state, path)?;
        state.live.insert(path.to_owned(), Entry::File(number));
        Ok(self.wrap(&state, file, number))
    }

    fn append_to(&self, path: &Path, len: u64) -> io::Result<Box<dyn DiskFile>> {
        let mut state = self.writable()?;
        let number = state.file(path)?;
        let file = self.disk.append_to(path, len)?;
        if let Some(synced) = state.synced.get_mut(&number) {
            *synced = len.min(*synced);
        }
        Ok(self.wrap(&state, file, number))
    }

    fn open(&self, path: &Path) -> io::Result<File> {
        let _state = self.powered()?;
        self.disk.open(path)
    }

    fn sync_file(&self, path: &Path) -> io::Result<u64> {
        let mut state = self.writable()?;
        let number = state.file(path)?;
        let len = self.disk.open(path)?.metadata()?.len();
        state.synced.insert(number, len);
        Ok(len)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.writable()?;
        self.disk.rename(from, to)?;
        let entry = state.live.remove(from).ok_or(io::ErrorKind::NotFound)?;
        state.live.insert(to.to_owned(), entry);
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.writable()?;
        self.disk.remove(path)?;
        state.live.remove(path);
        Ok(())
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        let mut state = self.writable()?;
        self.disk.create_dir(path)?;
        state.live.insert(path.to_owned(), Entry::Folder);
        Ok(())
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        let mut state = self.writable()?;
        self.disk.remove_dir(path)?;
        state.live.remove(path);
        Ok(())
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        let mut state = self.writable()?;
        self.disk.read_dir(path)?;
        let inside = |entry: &PathBuf| entry.parent() == Some(path);
        state.durable.retain(|entry, _| !inside(entry));
        let names: Vec<_> = state.live.iter().filter(|(entry, _)| inside(entry)).collect();
        let names: Vec<_> = names.into_iter().map(|(path, &entry)| (path.clone(), entry)).collect();
        state.durable.extend(names);
        Ok(())
    }

    fn read_dir(&self, path: &Path) -> io::Result<Vec<DiskEntry>> {
        let _state = self.powered()?;
        self.disk.read_dir(path)
    }

    fn space(&self) -> io::Result<Space> {
        let _state = self.powered()?;
        self.disk.space()
    }

    fn reopen(&self) -> io::Result<()> {
        let _state = self.powered()?;
        self.disk.reopen()
    }
}

#[derive(Debug)]
struct TestFile {
    disk: TestDisk,
    file: Box<dyn DiskFile>,
    number: u64,
    cuts: u64,
}

impl DiskFile for TestFile {
    fn append(&mut self, parts: &[IoSlice<'_>]) -> io::Result<()> {
        let state = self.disk.writable()?;
        if state.cuts != self.cuts {
            return Err(no_power());
        }
        self.file.append(parts)
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut state = self.disk.writable()?;
        if state.cuts != self.cuts {
            return Err(no_power());
        }
        state.synced.insert(self.number, self.file.len());
        Ok(())
    }

    fn len(&self) -> u64 {
        self.file.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn disk() -> (TempDir, TestDisk) {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("disk");
        std::fs::create_dir(&root).unwrap();
        let disk = TestDisk::open(&root).unwrap();
        (folder, disk)
    }

    fn write(disk: &TestDisk, path: &str, bytes: &[u8]) -> Box<dyn DiskFile> {
        let mut file = disk.create(Path::new(path)).unwrap();
        file.append(&[IoSlice::new(bytes)]).unwrap();
        file
    }

    fn content(disk: &TestDisk, path: &str) -> Option<Vec<u8>> {
        std::fs::read(disk.root().join(path)).ok()
    }

    #[test]
    fn only_what_was_synced_outlives_a_cut() {
        let (_folder, disk) = disk();
        let mut named = write(&disk, "named", b"kept");
        named.sync().unwrap();
        write(&disk, "unnamed", b"lost").sync().unwrap();
        disk.remove(Path::new("unnamed")).unwrap();
        disk.sync_dir(Path::new("")).unwrap();
        named.append(&[IoSlice::new(b"+torn")]).unwrap();
        write(&disk, "late", b"lost").sync().unwrap();
        disk.create_dir(Path::new("folder")).unwrap();
        write(&disk, "folder/file", b"lost").sync().unwrap();
        disk.sync_dir(Path::new("folder")).unwrap();

        disk.cut();
        assert!(named.append(&[IoSlice::new(b"x")]).is_err());
        assert!(disk.create(Path::new("x")).is_err());
        disk.restore(2).unwrap();
        assert!(named.append(&[IoSlice::new(b"x")]).is_err());
        assert_eq!(content(&disk, "named").unwrap(), b"kept+t");
        for gone in ["unnamed", "late", "folder/file"] {
            assert_eq!(content(&disk, gone), None, "{gone}");
        }
        // It goes on.
        write(&disk, "again", b"a").sync().unwrap();
        disk.sync_dir(Path::new("")).unwrap();
        disk.cut();
        disk.restore(0).unwrap();
        assert_eq!(content(&disk, "again").unwrap(), b"a");
        assert_eq!(content(&disk, "named").unwrap(), b"kept");
    }

    #[test]
    fn names_come_back_until_their_folder_is_synced() {
        let (_folder, disk) = disk();
        write(&disk, "old", b"one").sync().unwrap();
        write(&disk, "removed", b"two").sync().unwrap();
        disk.sync_dir(Path::new("")).unwrap();
        disk.rename(Path::new("old"), Path::new("new")).unwrap();
        disk.remove(Path::new("removed")).unwrap();
        disk.cut();
        disk.restore(0).unwrap();
        assert_eq!(content(&disk, "old").unwrap(), b"one");
        assert_eq!(content(&disk, "removed").unwrap(), b"two");
        assert_eq!(content(&disk, "new"), None);
    }

    #[test]
    fn a_stall_ends_with_the_fault() {
        let (_folder, disk) = disk();
        disk.set_fault(Fault::Fails(io::ErrorKind::StorageFull));
        assert_eq!(disk.create(Path::new("a")).unwrap_err().kind(), io::ErrorKind::StorageFull);
        disk.set_fault(Fault::Stalls);
        let waiting = std::thread::spawn({
            let disk = disk.clone();
            move || write(&disk, "a", b"a").len()
        });
        disk.set_fault(Fault::None);
        assert_eq!(waiting.join().unwrap(), 1);
    }
}
