//! Notices that a file may have changed, however it is replaced.
//!
//! Its folder is watched rather than the file: editors and tools write a new file and rename it. Where the path is a
//! symbolic link, the folders of all links on the way are watched, too; Kubernetes swaps a link to a folder.

use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use tokio::sync::mpsc;

/// Links on the way to a file that are followed.
const MAX_LINKS: usize = 16;

/// Watches what leads to a file.
#[derive(Debug)]
pub(super) struct FileWatch {
    path: PathBuf,
    watcher: RecommendedWatcher,
    folders: BTreeSet<PathBuf>,
    events: mpsc::Receiver<()>,
}

impl FileWatch {
    /// Begins to watch.
    ///
    /// # Errors
    /// The system has no watch to give, or there is no such folder.
    pub(super) fn start(path: &Path) -> notify::Result<Self> {
        // One that waits is enough: it says that something happened, not what.
        let (sender, events) = mpsc::channel(1);
        let watcher = notify::recommended_watcher(move |_| {
            let _ = sender.try_send(());
        })?;
        let mut this = Self { path: path.to_owned(), watcher, folders: BTreeSet::new(), events };
        this.watcher.watch(&folder_of(path), RecursiveMode::NonRecursive)?;
        this.folders.insert(folder_of(path));
        this.follow();
        Ok(this)
    }

    /// Completes when something has happened in one of the folders.
    pub(super) async fn next(&mut self) {
        if self.events.recv().await.is_none() {
            std::future::pending::<()>().await;
        }
    }

    /// Watches the folders that lead to the file now, which others than before may do.
    pub(super) fn follow(&mut self) {
        let folders = folders(&self.path);
        for folder in self.folders.difference(&folders) {
            // One that is gone is watched no more anyhow.
            let _ = self.watcher.unwatch(folder);
        }
        let wanted = folders.into_iter();
        self.folders = wanted
            .filter(|folder| {
                self.folders.contains(folder)
                    || self.watcher.watch(folder, RecursiveMode::NonRecursive).is_ok()
            })
            .collect();
    }
}

/// The folders of a path and of every link on the way from it to a file, links in the folders' own paths resolved.
fn folders(path: &Path) -> BTreeSet<PathBuf> {
    let mut folders = BTreeSet::from([folder_of(path)]);
    let mut path = path.to_owned();
    for _ in 0..MAX_LINKS {
        let Ok(target) = std::fs::read_link(&path) else { break };
        path = folder_of(&path).join(target);
        folders.insert(folder_of(&path));
        if let Ok(real) = folder_of(&path).canonicalize() {
            folders.insert(real);
        }
    }
    folders
}

fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}
