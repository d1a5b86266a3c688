//! Tests of the configuration: precedence, places, and the printed default.

use super::load::{defaults, flatten};
use super::*;
use std::path::PathBuf;

fn file(text: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vas.toml");
    std::fs::write(&path, text).unwrap();
    (folder, path)
}

fn variables(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn error_of(text: &str) -> String {
    let (_folder, path) = file(text);
    Sources { file: Some(path), ..Sources::default() }.load().unwrap_err().to_string()
}

fn error_of_variable(name: &str, value: &str) -> String {
    Sources { environment: variables(&[(name, value)]), ..Sources::default() }.load().unwrap_err().to_string()
}

#[test]
fn the_printed_default_is_the_default_and_complete() {
    let table: toml::Table = DEFAULT_TOML.parse().unwrap();
    assert_eq!(flatten(&table), defaults());
    let (_folder, path) = file(DEFAULT_TOML);
    let loaded = Sources { file: Some(path), ..Sources::default() }.load().unwrap();
    assert_eq!(loaded.config, Config::default());
    Config::default().validate().unwrap();
}

#[test]
fn flags_beat_the_environment_and_that_the_file() {
    let (_folder, path) = file(
        "data_dir = \"a\"\n[http]\nlisten = \"127.0.0.1:1\"\nmax_connections = 1\n[media]\nport = 1\n[log]\nlevel = \"warn\"",
    );
    let sources = Sources {
        file: Some(path),
        environment: variables(&[
            ("VAS_HTTP_LISTEN", "[::1]:2"),
            ("VAS_MEDIA_PORT", "2"),
            ("VAS_MEDIA_PUBLIC_ADDRESSES", "192.0.2.1,2001:db8::1"),
            ("VAS_MEDIA_ANNOUNCE_LOCAL", "false"),
            ("VAS_DATA_DIR", "8080"),
            ("VAS_SERVICE_HOST", "10.0.0.1"),
            ("PATH", "/bin"),
        ]),
        flags: vec![
            Flag { flag: "--media-port", key: "media.port", values: vec!["3".to_owned()] },
            Flag {
                flag: "--cors-origin",
                key: "http.cors_origins",
                values: vec!["https://portal.example.com".to_owned()],
            },
        ],
    };
    let Loaded { config, unknown_variables, .. } = sources.load().unwrap();
    assert_eq!(config.media.port, 3);
    assert_eq!(config.http.listen.to_string(), "[::1]:2");
    assert_eq!(config.http.max_connections, 1);
    assert_eq!(config.http.cors_origins, ["https://portal.example.com"]);
    assert_eq!(config.media.public_addresses.len(), 2);
    assert!(!config.media.announce_local);
    assert_eq!((config.log.level.as_str(), config.data_dir), ("warn", PathBuf::from("8080")));
    assert_eq!(unknown_variables, ["VAS_SERVICE_HOST"]);
}

#[test]
fn what_is_wrong_is_named_with_its_place_and_what_was_expected() {
    for (text, parts) in [
        ("[http]\nlisten = \"nonsense\"", &["vas.toml: http.listen: expected address and port"][..]),
        ("[http]\nlistn = \"127.0.0.1:1\"", &["vas.toml: http", "unknown field `listn`", "`listen`"]),
        ("[media]\nport = 70000", &["vas.toml: media.port", "70000"]),
        ("[media]\nport = \"many\"", &["vas.toml: media.port: expected", "many"]),
        (
            "[media]\npublic_addresses = [\"here\"]",
            &["vas.toml: media.public_addresses", "IP addresses", "here"],
        ),
        ("[log]\nformat = \"xml\"", &["vas.toml: log.format", "xml", "json"]),
        ("[http]\nmax_connections = 0", &["vas.toml: http.max_connections: must be from 1 to"]),
        ("[http]\ncors_origins = [\"*\"]", &["vas.toml: http.cors_origins", "https://portal.example.com"]),
        ("[database]\nurl = \"mysql://u:s3cret@h\"", &["vas.toml: database.url", "sqlite:"]),
        ("[log]\nlevel = \"very=loud=indeed\"", &["vas.toml: log.level", "debug"]),
        ("[turn]\nurls = [\"turn:t\"]", &["vas.toml: turn.secret: give this"]),
        (
            "[turn]\nurls = [\"http://t\"]\nsecret = \"s3cret\"",
            &["vas.toml: turn.urls", "turn:turn.example.com"],
        ),
        ("[turn]\nsecret = \"s3cret\"\nusername = \"u\"", &["vas.toml: turn.secret: give either"]),
        ("[turn]\nttl_seconds = 1", &["vas.toml: turn.ttl_seconds: must be from 60"]),
        (
            "[recording]\nmode = \"always\"",
            &["vas.toml: recording.mode", "continuous, schedule, event or off"],
        ),
        ("[recording]\nmode = \"schedule\"", &["vas.toml: recording.schedule: give at least one"]),
        (
            "[recording]\nschedule = [\"noon\"]",
            &["vas.toml: recording.schedule", "mon-fri 07:00-19:00", "noon"],
        ),
        ("[recording]\nzone = \"Mars\"", &["vas.toml: recording.zone", "+01:00", "Mars"]),
        ("[recording]\nlayers = \"all\"", &["vas.toml: recording.layers", "main, sub or both"]),
        ("[recording]\nsync_seconds = 0", &["vas.toml: recording.sync_seconds: must be from 1 to 60"]),
        ("[recording]\nstore = \"s3\"", &["vas.toml: recording.s3.url", "s3://recordings/site-1"]),
        (
            "[recording]\nstore = \"s3\"\ns3.url = \"s3://b\"\ns3.endpoint = \"minio\"",
            &["vas.toml: recording.s3.endpoint", "https://minio"],
        ),
        (
            "[recording]\nstore = \"tiered\"\ns3.url = \"s3://b\"\ns3.secret_key = \"s3cret\"",
            &["vas.toml: recording.s3.secret_key: give both"],
        ),
        (
            "[recording.retention]\nthin_after_days = 7",
            &["vas.toml: recording.retention.thin_after_days: must be less than"],
        ),
        ("[hls]\nurl_ttl_seconds = 1", &["vas.toml: hls.url_ttl_seconds: must be from 300"]),
        ("[http\n", &["vas.toml", "line 1"]),
        ("[turn]\nsecret = \"s3cret\n", &["vas.toml: line 2, column"]),
        ("[recording]\nmode = \"continous\"", &["did you mean continuous?"]),
        ("[http]\nlisten_adress = 1\nhost_name = []", &["unknown field"]),
        ("[http]\nhost_name = []", &["vas.toml: http", "did you mean host_names?"]),
        ("colour = 1", &["vas.toml", "unknown field `colour`"]),
    ] {
        let error = error_of(text);
        assert!(parts.iter().all(|part| error.contains(part)), "{text}: {error}");
        assert!(!error.contains("s3cret"));
    }
    let error = error_of_variable("VAS_MEDIA_PORT", "-1");
    assert!(error.starts_with("VAS_MEDIA_PORT: "), "{error}");
    let error = error_of_variable("VAS_HTTP_MAX_CONNECTIONS", "0");
    assert!(error.starts_with("VAS_HTTP_MAX_CONNECTIONS: must be from 1"), "{error}");
    let flags = vec![Flag { flag: "--http-listen", key: "http.listen", values: vec!["x".to_owned()] }];
    let error = Sources { flags, ..Sources::default() }.load().unwrap_err().to_string();
    assert!(error.starts_with("--http-listen: expected address and port"), "{error}");
    let missing = Sources { file: Some("/nowhere/vas.toml".into()), ..Sources::default() };
    assert!(missing.load().unwrap_err().to_string().contains("/nowhere/vas.toml"));
}

#[test]
fn secrets_are_read_and_never_written() {
    let environment = variables(&[("VAS_TURN_SECRET", "north"), ("VAS_TURN_URLS", "turn:a,turn:b")]);
    let config = Sources { environment, ..Sources::default() }.load().unwrap().config;
    assert_eq!((config.turn.secret.secret().expose(), config.turn.urls.len()), ("north", 2));
    let written = format!("{config:?} {}", toml::to_string(&config).unwrap());
    assert!(!written.contains("north"), "{written}");
    let environment = variables(&[("VAS_DATABASE_URL", "postgres://vas:south@db/vas")]);
    let config = Sources { environment, ..Sources::default() }.load().unwrap().config;
    assert!(!format!("{config:?}").contains("south"));
}

#[test]
fn database_and_recordings_lie_in_the_data_folder_unless_told() {
    let config = Config { data_dir: "/var/lib/vas".into(), ..Config::default() };
    assert_eq!(config.database_url(), "sqlite:///var/lib/vas/vas.db");
    assert_eq!(config.recording_folder(), PathBuf::from("/var/lib/vas/recordings"));
}
