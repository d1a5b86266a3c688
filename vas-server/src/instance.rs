//! One server works on a data folder: it holds a lock there, with the address that it is reached at, for the tools of the
//! command line.

use crate::control::recording::{FolderLock, LockError};
use std::path::Path;

/// The file that a running server holds locked in its data folder. Its text is the server's address.
const FILE: &str = "server.lock";

/// The lock. It ends with the process, however that ends.
#[derive(Debug)]
pub(crate) struct Instance(FolderLock);

impl Instance {
    /// Says that a server runs on this folder, at this address. Where another does already, or nothing can be written
    /// there, that is told in the log: it hurts, but not at once.
    pub(crate) fn take(data_dir: &Path, address: &str) -> Option<Self> {
        let path = data_dir.join(FILE);
        match FolderLock::take_file(&path) {
            Ok(lock) => {
                if let Err(error) = std::fs::write(&path, address) {
                    tracing::warn!(%error, "tools will not find this server's address");
                }
                Some(Self(lock))
            }
            Err(LockError::Taken) => {
                tracing::error!(
                    folder = %data_dir.display(),
                    "another server works on the same data folder; stop one of them, or give this one a folder of its own"
                );
                None
            }
            Err(error) => {
                tracing::warn!(%error, folder = %data_dir.display(), "the data folder can't be locked");
                None
            }
        }
    }

    /// Gives the folder back.
    pub(crate) fn release(&self) {
        self.0.release();
    }
}

/// What runs on a folder.
#[derive(Debug)]
pub(crate) enum Presence {
    /// A server, at this address.
    Server(String),
    /// None; none counts as running while this lives.
    None(Option<FolderLock>),
}

/// Whether a server runs on a folder. None can't be told from one on another machine.
pub(crate) fn presence(data_dir: &Path) -> Presence {
    let path = data_dir.join(FILE);
    match FolderLock::take_file(&path) {
        Ok(lock) => Presence::None(Some(lock)),
        Err(LockError::Taken) => Presence::Server(std::fs::read_to_string(&path).unwrap_or_default()),
        // There is no such folder yet, or it is not ours to write to.
        Err(_) => Presence::None(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_found_by_its_lock() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(presence(folder.path()), Presence::None(Some(_))));
        let instance = Instance::take(folder.path(), "http://127.0.0.1:1/").unwrap();
        assert!(Instance::take(folder.path(), "").is_none());
        let Presence::Server(address) = presence(folder.path()) else { panic!("not found") };
        assert_eq!(address, "http://127.0.0.1:1/");
        instance.release();
        assert!(matches!(presence(folder.path()), Presence::None(Some(_))));
        assert!(matches!(presence(Path::new("/nowhere")), Presence::None(None)));
    }
}
