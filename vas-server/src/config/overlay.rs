//! Settings that were changed on the dashboard: a file beside the data, stronger than the configuration file and weaker
//! than environment and flags. It holds what may be changed there and nothing else, so that whoever may use the dashboard
//! can't move folders, open ports or read secrets.

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// The file's name in the data folder.
const FILE: &str = "settings.toml";
/// What stands at its head.
const HEAD: &str =
    "# Settings that were changed on the dashboard. They go before those of the configuration file.\n";

/// Settings, and sections of them, that may be changed on the dashboard.
const EDITABLE: [&str; 12] = [
    "log.level",
    "media.max_egress_mbps",
    "media.max_viewers_per_address",
    "media.max_viewers_per_stream",
    "recording.layers",
    "recording.mode",
    "recording.post_roll_seconds",
    "recording.pre_roll_seconds",
    "recording.retention",
    "recording.schedule",
    "recording.zone",
    "ingest.media_timeout_seconds",
];

/// Whether a setting may be changed on the dashboard.
pub(crate) fn is_editable(key: &str) -> bool {
    let is_of =
        |known: &&str| key.strip_prefix(*known).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
    EDITABLE.iter().any(is_of)
}

/// Where it is.
pub(crate) fn path(data_dir: &Path) -> PathBuf {
    data_dir.join(FILE)
}

/// What is in it; `None`: there is none.
///
/// # Errors
/// It can't be read.
pub(crate) fn read(path: &Path) -> io::Result<Option<String>> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The text with some settings changed; `None` takes one away. `None` where the text is no TOML.
pub(crate) fn changed(text: &str, changes: &BTreeMap<String, Option<toml::Value>>) -> Option<String> {
    let mut table: toml::Table = text.parse().ok()?;
    for (key, value) in changes {
        set(&mut table, key, value.clone())?;
    }
    Some(format!("{HEAD}{}", toml::to_string(&table).ok()?))
}

/// `None`: what is to be a section is a value.
fn set(table: &mut toml::Table, key: &str, value: Option<toml::Value>) -> Option<()> {
    match key.split_once('.') {
        None => {
            match value {
                Some(value) => drop(table.insert(key.to_owned(), value)),
                None => drop(table.remove(key)),
            }
            Some(())
        }
        Some((section, rest)) => {
            let inner = table.entry(section).or_insert_with(|| toml::Table::new().into());
            set(inner.as_table_mut()?, rest, value)
        }
    }
}

/// Replaces the file, in one step: whoever reads it meanwhile has the one or the other.
///
/// # Errors
/// It can't be written.
pub(crate) fn write(path: &Path, text: &str) -> io::Result<()> {
    let new = path.with_extension("toml.new");
    let mut file = std::fs::File::create(&new)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&new, path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::load::keys;

    #[test]
    fn what_may_be_changed_exists_and_holds_no_secret() {
        let keys = keys();
        for known in EDITABLE {
            assert!(keys.iter().any(|key| key == known || key.starts_with(&format!("{known}."))), "{known}");
        }
        for key in ["data_dir", "http.listen", "auth.mode", "database.url", "turn.secret", "recording.folder"]
        {
            assert!(!is_editable(key), "{key}");
        }
    }

    #[test]
    fn settings_come_and_go() {
        let change = |text: &str, key: &str, value: Option<i64>| {
            changed(text, &[(key.to_owned(), value.map(toml::Value::from))].into())
        };
        let text = change("", "recording.retention.days", Some(9)).unwrap();
        let text = change(&text, "media.max_egress_mbps", Some(7)).unwrap();
        let table: toml::Table = text.parse().unwrap();
        assert_eq!(table["recording"]["retention"]["days"].as_integer(), Some(9));
        let text = change(&text, "recording.retention.days", None).unwrap();
        assert!(text.contains("max_egress_mbps = 7") && !text.contains("days"), "{text}");
        assert_eq!(change("recording = 1", "recording.mode", Some(1)), None);
        assert_eq!(change("no toml", "recording.mode", Some(1)), None);
        let folder = tempfile::tempdir().unwrap();
        let path = path(folder.path());
        assert_eq!(read(&path).unwrap(), None);
        write(&path, &text).unwrap();
        assert_eq!(read(&path).unwrap(), Some(text));
    }
}
