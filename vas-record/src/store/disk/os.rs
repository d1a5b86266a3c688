//! The operating system's files, beneath one folder that is held open.

use super::{DiskEntry, DiskFile, DiskIo, EntryKind};
use parking_lot::RwLock;
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags};
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, IoSlice, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use vas_core::ports::store::Space;

/// Footage is for the service and its group alone.
const FILE_MODE: Mode = Mode::from_raw_mode(0o640);
const FOLDER_MODE: Mode = Mode::from_raw_mode(0o750);

/// A folder of this machine. `Clone` gives another handle on the same.
///
/// The folder is held open, and every path is walked from it name by name without following symbolic links: neither
/// a link that somebody planted nor a disk that is unmounted meanwhile makes anything be written elsewhere.
#[derive(Clone, Debug)]
pub struct OsDisk {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    root: PathBuf,
    folder: RwLock<Arc<OwnedFd>>,
}

impl OsDisk {
    /// Opens a folder that exists. `root` itself may lead through symbolic links.
    ///
    /// # Errors
    /// Those of the operating system.
    pub fn open(root: &Path) -> io::Result<Self> {
        let root = std::path::absolute(root)?;
        let folder = RwLock::new(Arc::new(open_root(&root)?));
        Ok(Self { inner: Arc::new(Inner { root, folder }) })
    }

    /// The folder of `path` and the name in it.
    fn parent<'a>(&self, path: &'a Path) -> io::Result<(Arc<OwnedFd>, &'a OsStr)> {
        let Some(name) = path.file_name() else { return Err(bad_path()) };
        Ok((self.folder(path.parent().unwrap_or(Path::new("")))?, name))
    }

    fn folder(&self, path: &Path) -> io::Result<Arc<OwnedFd>> {
        let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::RDONLY;
        let mut folder = self.inner.folder.read().clone();
        for component in path.components() {
            let Component::Normal(name) = component else { return Err(bad_path()) };
            folder = Arc::new(rustix::fs::openat(&folder, name, flags, Mode::empty())?);
        }
        Ok(folder)
    }

    fn open_file(&self, path: &Path, flags: OFlags) -> io::Result<File> {
        let (folder, name) = self.parent(path)?;
        // NONBLOCK: opening a named pipe that lies in the way must not wait for its other end.
        let always = OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let file = File::from(rustix::fs::openat(&folder, name, flags | always, FILE_MODE)?);
        if file.metadata()?.is_file() {
            Ok(file)
        } else {
            Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"))
        }
    }
}

fn open_root(root: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::RDONLY;
    Ok(rustix::fs::open(root, flags, Mode::empty())?)
}

fn bad_path() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "the path is not one of plain names")
}

impl DiskIo for OsDisk {
    fn root(&self) -> &Path {
        &self.inner.root
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let file = self.open_file(path, OFlags::WRONLY | OFlags::APPEND | OFlags::CREATE | OFlags::EXCL)?;
        Ok(Box::new(OsFile { file, len: 0, state: State::Sound }))
    }

    fn append_to(&self, path: &Path, len: u64) -> io::Result<Box<dyn DiskFile>> {
        let file = self.open_file(path, OFlags::WRONLY | OFlags::APPEND)?;
        let there = file.metadata()?.len();
        if there < len {
            let problem = format!("the file has {there} bytes, not the {len} to keep");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, problem));
        }
        if there > len {
            file.set_len(len)?;
        }
        Ok(Box::new(OsFile { file, len, state: State::Sound }))
    }

    fn open(&self, path: &Path) -> io::Result<File> {
        self.open_file(path, OFlags::RDONLY)
    }

    fn sync_file(&self, path: &Path) -> io::Result<u64> {
        let file = self.open_file(path, OFlags::RDONLY)?;
        file.sync_all()?;
        Ok(file.metadata()?.len())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let ((from_folder, from), (to_folder, to)) = (self.parent(from)?, self.parent(to)?);
        Ok(rustix::fs::renameat(&from_folder, from, &to_folder, to)?)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let (folder, name) = self.parent(path)?;
        Ok(rustix::fs::unlinkat(&folder, name, AtFlags::empty())?)
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        let (folder, name) = self.parent(path)?;
        Ok(rustix::fs::mkdirat(&folder, name, FOLDER_MODE)?)
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        let (folder, name) = self.parent(path)?;
        Ok(rustix::fs::unlinkat(&folder, name, AtFlags::REMOVEDIR)?)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        Ok(rustix::fs::fsync(&self.folder(path)?)?)
    }

    fn read_dir(&self, path: &Path) -> io::Result<Vec<DiskEntry>> {
        let folder = self.folder(path)?;
        let mut entries = Vec::new();
        for entry in Dir::read_from(&folder)? {
            let entry = entry?;
            let name = OsStr::from_bytes(entry.file_name().to_bytes());
            if name == "." || name == ".." {
                continue;
            }
            // What vanished between the two calls is not there.
            let stat = match rustix::fs::statat(&folder, name, AtFlags::SYMLINK_NOFOLLOW) {
                Err(rustix::io::Errno::NOENT) => continue,
                stat => stat?,
            };
            let kind = match FileType::from_raw_mode(stat.st_mode) {
                FileType::RegularFile => EntryKind::File { len: u64::try_from(stat.st_size).unwrap_or(0) },
                FileType::Directory => EntryKind::Folder,
                _ => continue,
            };
            entries.push(DiskEntry { name: name.to_owned(), kind });
        }
        Ok(entries)
    }

    fn space(&self) -> io::Result<Space> {
        let folder = self.inner.folder.read().clone();
        let stat = rustix::fs::fstatvfs(folder.as_fd())?;
        // What root alone may use is not free for a service.
        Ok(Space {
            free: stat.f_bavail.saturating_mul(stat.f_frsize),
            total: stat.f_blocks.saturating_mul(stat.f_frsize),
        })
    }

    fn reopen(&self) -> io::Result<()> {
        let folder = Arc::new(open_root(&self.inner.root)?);
        *self.inner.folder.write() = folder;
        Ok(())
    }
}

/// What can be done with a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Everything.
    Sound,
    /// Part of a failed append is still at its end, which is to be cut off first.
    Torn,
    /// Nothing: a sync failed.
    Lost,
}

#[derive(Debug)]
struct OsFile {
    file: File,
    len: u64,
    state: State,
}

impl OsFile {
    fn usable(&mut self) -> io::Result<()> {
        match self.state {
            State::Sound => Ok(()),
            State::Torn => {
                self.file.set_len(self.len)?;
                self.state = State::Sound;
                Ok(())
            }
            State::Lost => Err(io::Error::other("an earlier sync of this file failed; begin another file")),
        }
    }
}

impl DiskFile for OsFile {
    fn append(&mut self, parts: &[IoSlice<'_>]) -> io::Result<()> {
        self.usable()?;
        let mut rest = parts.to_vec();
        match write_all(&mut self.file, &mut rest) {
            Ok(written) => {
                self.len += written;
                Ok(())
            }
            Err(error) => {
                self.state = State::Torn;
                // Where even the cut fails, the next call tries again.
                let _ = self.usable();
                Err(error)
            }
        }
    }

    fn sync(&mut self) -> io::Result<()> {
        self.usable()?;
        self.file.sync_data().inspect_err(|_| self.state = State::Lost)
    }

    fn len(&self) -> u64 {
        self.len
    }
}

/// Writes all of `parts` and gives their length.
fn write_all(file: &mut File, mut parts: &mut [IoSlice<'_>]) -> io::Result<u64> {
    let mut written = 0;
    // Empty parts at the front would look like a write of nothing.
    IoSlice::advance_slices(&mut parts, 0);
    while !parts.is_empty() {
        match file.write_vectored(parts) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(n) => {
                written += n as u64;
                IoSlice::advance_slices(&mut parts, n);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(written)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read as _;

    fn read(disk: &OsDisk, path: &str) -> Vec<u8> {
        let mut bytes = Vec::new();
        disk.open(Path::new(path)).unwrap().read_to_end(&mut bytes).unwrap();
        bytes
    }

    fn slices<'a>(parts: &'a [&'a [u8]]) -> Vec<IoSlice<'a>> {
        parts.iter().map(|part| IoSlice::new(part)).collect()
    }

    #[test]
    fn parts_are_appended_in_order_however_many() {
        let folder = tempfile::tempdir().unwrap();
        let disk = OsDisk::open(folder.path()).unwrap();
        let mut file = disk.create(Path::new("a")).unwrap();
        file.append(&[]).unwrap();
        file.append(&slices(&[b"", b"one", b"", b"two"])).unwrap();
        // More than the system takes in one call.
        let many = vec![b"x".as_slice(); 5_000];
        file.append(&slices(&many)).unwrap();
        file.sync().unwrap();
        assert_eq!(file.len(), 5_006);
        assert_eq!(read(&disk, "a"), [b"onetwo".as_slice(), &[b'x'; 5_000]].concat());
        assert_eq!(disk.create(Path::new("a")).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
    }

    #[test]
    fn a_file_is_taken_up_again_without_its_torn_tail() {
        let folder = tempfile::tempdir().unwrap();
        let disk = OsDisk::open(folder.path()).unwrap();
        std::fs::write(folder.path().join("a"), b"wholeto").unwrap();
        let mut file = disk.append_to(Path::new("a"), 5).unwrap();
        file.append(&slices(&[b"next"])).unwrap();
        assert_eq!(read(&disk, "a"), b"wholenext");
        assert_eq!(disk.sync_file(Path::new("a")).unwrap(), 9);
        assert_eq!(disk.append_to(Path::new("a"), 10).unwrap_err().kind(), io::ErrorKind::InvalidInput);
    }

    #[test]
    fn nothing_outside_is_reached() {
        let [folder, outside] = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        std::fs::write(outside.path().join("secret"), b"x").unwrap();
        std::os::unix::fs::symlink(outside.path(), folder.path().join("link")).unwrap();
        std::os::unix::fs::symlink(outside.path().join("secret"), folder.path().join("file")).unwrap();
        let disk = OsDisk::open(folder.path()).unwrap();
        let absolute = outside.path().join("secret");
        for path in [Path::new("link/secret"), Path::new("file"), Path::new("../secret"), &absolute] {
            assert!(disk.open(path).is_err(), "{path:?}");
            assert!(disk.create(path).is_err(), "{path:?}");
            assert!(disk.append_to(path, 0).is_err(), "{path:?}");
        }
        for path in ["", "..", ".", "/", "a/../b"] {
            assert!(disk.create(Path::new(path)).is_err(), "{path:?}");
        }
        assert!(disk.create(Path::new("link/new")).is_err());
        assert!(disk.read_dir(Path::new("link")).is_err());
        assert_eq!(disk.read_dir(Path::new("")).unwrap(), []);
        assert_eq!(std::fs::read(outside.path().join("secret")).unwrap(), b"x");
    }

    #[test]
    fn a_pipe_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let status = std::process::Command::new("mkfifo").arg(folder.path().join("pipe")).status().unwrap();
        assert!(status.success());
        let disk = OsDisk::open(folder.path()).unwrap();
        assert!(disk.open(Path::new("pipe")).is_err());
        assert!(disk.append_to(Path::new("pipe"), 0).is_err());
    }
}
