//! Keys that the server makes for itself and keeps in its data folder.

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Largest file that is read as one of keys, in bytes.
const LARGEST: u64 = 64 << 10;

/// 32 random bytes: as many as SHA-256 and AES-256 take.
///
/// # Panics
/// The system has no random numbers, without which nothing here is of use.
pub(crate) fn random_key() -> [u8; 32] {
    let mut key = [0; 32];
    SystemRandom::new().fill(&mut key).expect("the system has random numbers");
    key
}

/// What lies in the file `name` of `folder`; where there is none, what `make` gives is put there, for nobody but this
/// user to read.
///
/// # Errors
/// The file can't be read or written.
pub(crate) fn read_or_make(folder: &Path, name: &str, make: impl FnOnce() -> Vec<u8>) -> io::Result<Vec<u8>> {
    std::fs::create_dir_all(folder)?;
    let path = folder.join(name);
    if let Some(found) = read(&path)? {
        return Ok(found);
    }
    let made = make();
    // Under another name first: a key that is cut short by a crash would be refused ever after.
    let new = folder.join(format!("{name}.{}", std::process::id()));
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
    file.write_all(&made)?;
    file.sync_all()?;
    // Does not replace: of two servers that start at once, both take the first one's key.
    let linked = std::fs::hard_link(&new, &path);
    std::fs::remove_file(&new)?;
    match linked {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(read(&path)?.unwrap_or(made)),
        Err(error) => Err(error),
        Ok(()) => {
            // The name as well as the contents: what is encrypted with the key may be on disk before it.
            File::open(folder)?.sync_all()?;
            Ok(made)
        }
    }
}

/// What lies in a file of keys; `None` where there is none.
///
/// # Errors
/// The file can't be read.
pub(crate) fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let mut found = Vec::new();
    match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
        Ok(file) => file.take(LARGEST).read_to_end(&mut found).map(|_| Some(found)),
    }
}
