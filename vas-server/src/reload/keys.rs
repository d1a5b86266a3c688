//! Which settings can change while the server runs.

/// Settings, and sections of them, that take effect at once. The others are what the server is built on when it starts:
/// ports, folders, the database, keys.
const LIVE: [&str; 18] = [
    "http.cors_credentials",
    "http.cors_origins",
    "http.host_names",
    "ingest",
    "log.level",
    "media.ice_servers",
    "media.max_egress_mbps",
    "media.max_viewers_per_address",
    "media.max_viewers_per_stream",
    "metrics",
    // What is recorded and when; where recordings lie and how files are cut is the recorder's from its start.
    "recording.layers",
    "recording.mode",
    "recording.post_roll_seconds",
    "recording.pre_roll_seconds",
    "recording.retention",
    "recording.schedule",
    "recording.zone",
    "turn",
];

/// Whether a setting takes effect without a restart.
pub(crate) fn is_live(key: &str) -> bool {
    let is_of =
        |known: &&str| key.strip_prefix(*known).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
    LIVE.iter().any(is_of)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::DEFAULT_TOML;

    #[test]
    fn settings_that_can_change_exist_and_ports_are_none_of_them() {
        let table: toml::Table = DEFAULT_TOML.parse().unwrap();
        for key in LIVE {
            let mut value = Some(toml::Value::Table(table.clone()));
            for part in key.split('.') {
                value = value.and_then(|value| value.get(part).cloned());
            }
            assert!(value.is_some(), "{key}");
        }
        assert!(
            is_live("recording.retention.days") && is_live("turn.secret") && is_live("ingest.max_connects")
        );
        for key in ["http.listen", "media.port", "database.url", "recording.folder", "data_dir", "ingestion"]
        {
            assert!(!is_live(key), "{key}");
        }
    }
}
