//! The settings, by area, with their defaults and limits.

use super::auth::AuthConfig;
use super::http::HttpConfig;
use super::ingest::IngestLimits;
use super::limits::{LimitsConfig, MetricsConfig};
use super::publishers::PublishersConfig;
use super::recording::{HlsConfig, RecordingConfig};
use super::tls::TlsConfig;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use tracing_subscriber::EnvFilter;
use vas_core::Secret;
use vas_core::model::{MASK, mask_url};

/// A setting whose value is well-formed but out of the question.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {expected}")]
pub struct Invalid {
    /// The setting.
    pub key: &'static str,
    /// What was expected.
    pub expected: String,
}

/// Everything that can be set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where the server keeps its own files.
    pub data_dir: PathBuf,
    /// Pages and API.
    pub http: HttpConfig,
    /// Encryption of what the listener of pages and API carries.
    pub tls: TlsConfig,
    /// How often clients may call.
    pub limits: LimitsConfig,
    /// Figures for collectors.
    pub metrics: MetricsConfig,
    /// Accounts.
    pub auth: AuthConfig,
    /// Media to and from viewers.
    pub media: MediaConfig,
    /// TURN servers for viewers that can't reach the media port.
    pub turn: TurnConfig,
    /// Where devices and streams are stored.
    pub database: DatabaseConfig,
    /// Cameras.
    pub ingest: IngestLimits,
    /// Cameras that come by themselves.
    pub publishers: PublishersConfig,
    /// What is recorded, and for how long it is kept.
    pub recording: RecordingConfig,
    /// HLS, live and from the past.
    pub hls: HlsConfig,
    /// What is logged, and how.
    pub log: LogConfig,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data_dir: "vas-data".into(),
            http: HttpConfig::default(),
            tls: TlsConfig::default(),
            limits: LimitsConfig::default(),
            metrics: MetricsConfig::default(),
            auth: AuthConfig::default(),
            media: MediaConfig::default(),
            turn: TurnConfig::default(),
            database: DatabaseConfig::default(),
            ingest: IngestLimits::default(),
            publishers: PublishersConfig::default(),
            recording: RecordingConfig::default(),
            hls: HlsConfig::default(),
            log: LogConfig::default(),
        }
    }
}

impl Config {
    /// The database's URL, also where none is set.
    #[must_use]
    pub fn database_url(&self) -> String {
        if self.database.url.is_empty() {
            format!("sqlite://{}", self.data_dir.join("vas.db").display())
        } else {
            self.database.url.clone()
        }
    }

    /// The folder of recordings on this machine, also where none is set.
    #[must_use]
    pub fn recording_folder(&self) -> PathBuf {
        let folder = &self.recording.folder;
        if folder.as_os_str().is_empty() { self.data_dir.join("recordings") } else { folder.clone() }
    }

    /// Looks for values that are out of the question.
    ///
    /// # Errors
    /// The first one found.
    pub fn validate(&self) -> Result<(), Invalid> {
        if self.data_dir.as_os_str().is_empty() {
            return Err(invalid("data_dir", "name a folder"));
        }
        self.http.validate()?;
        self.tls.validate()?;
        self.limits.validate()?;
        self.auth.validate()?;
        self.media.validate()?;
        self.turn.validate()?;
        self.database.validate()?;
        self.ingest.validate()?;
        self.publishers.validate()?;
        self.recording.validate()?;
        self.hls.validate()?;
        self.log.validate()
    }
}

/// The media port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MediaConfig {
    /// UDP and TCP port, on all addresses; 0 takes a free one.
    pub port: u16,
    /// Whether viewers may connect over TCP where UDP does not get through.
    pub tcp: bool,
    /// Addresses under which viewers reach this machine from outside.
    #[serde(deserialize_with = "ip_addresses")]
    pub public_addresses: Vec<IpAddr>,
    /// Whether the addresses of the machine's own interfaces are offered, too.
    pub announce_local: bool,
    /// STUN servers that viewers are told of, such as `stun:stun.example.com:3478`. With this server's addresses
    /// known to them, viewers seldom need one.
    pub ice_servers: Vec<String>,
    /// Viewers at the same time.
    pub max_viewers: u32,
    /// Viewers of one stream at the same time.
    pub max_viewers_per_stream: u32,
    /// Viewers from one client address (of IPv6: one /64) at the same time; 0: no limit.
    pub max_viewers_per_address: u32,
    /// What viewers are sent in all before no more are let in, in Mb/s; 0: no limit.
    pub max_egress_mbps: u32,
    /// Threads that carry media; 0: one for each core.
    pub threads: u32,
}

impl Default for MediaConfig {
    fn default() -> Self {
        Self {
            port: 8_189,
            tcp: true,
            public_addresses: Vec::new(),
            announce_local: true,
            ice_servers: Vec::new(),
            max_viewers: 10_000,
            max_viewers_per_stream: 10_000,
            max_viewers_per_address: 1_000,
            max_egress_mbps: 0,
            threads: 0,
        }
    }
}

impl MediaConfig {
    fn validate(&self) -> Result<(), Invalid> {
        within("media.max_viewers", self.max_viewers, 1, 1_000_000)?;
        within("media.max_viewers_per_stream", self.max_viewers_per_stream, 1, 1_000_000)?;
        within("media.max_viewers_per_address", self.max_viewers_per_address, 0, 1_000_000)?;
        within("media.max_egress_mbps", self.max_egress_mbps, 0, 1_000_000)?;
        within("media.threads", self.threads, 0, 256)?;
        if !self.ice_servers.iter().all(|url| is_server(url, &["stun:", "stuns:"])) {
            return Err(invalid("media.ice_servers", "each must be like stun:stun.example.com:3478"));
        }
        if !self.announce_local && self.public_addresses.is_empty() {
            return Err(invalid("media.public_addresses", "give one where media.announce_local is off"));
        }
        Ok(())
    }
}

/// Whether it is a URL of a STUN or TURN server (RFC 7064, RFC 7065) with one of these schemes.
fn is_server(url: &str, schemes: &[&str]) -> bool {
    schemes.iter().any(|scheme| url.len() > scheme.len() && url.starts_with(scheme))
        && url.bytes().all(|byte| byte.is_ascii_alphanumeric() || b":.-[]?=".contains(&byte))
}

/// TURN servers that viewers are told of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TurnConfig {
    /// Their URLs, such as `turn:turn.example.com:3478?transport=udp`.
    pub urls: Vec<String>,
    /// Secret shared with them, from which each viewer's credentials are made.
    pub secret: SecretText,
    /// User name for all viewers, where no secret is shared.
    pub username: String,
    /// Password for all viewers, where no secret is shared.
    pub password: SecretText,
    /// How long credentials made from the secret hold, in seconds.
    pub ttl_seconds: u32,
}

impl Default for TurnConfig {
    fn default() -> Self {
        Self {
            urls: Vec::new(),
            secret: SecretText::default(),
            username: String::new(),
            password: SecretText::default(),
            ttl_seconds: 3_600,
        }
    }
}

impl TurnConfig {
    fn validate(&self) -> Result<(), Invalid> {
        within("turn.ttl_seconds", self.ttl_seconds, 60, 7 * 86_400)?;
        if !self.urls.iter().all(|url| is_server(url, &["turn:", "turns:"])) {
            return Err(invalid("turn.urls", "each must be like turn:turn.example.com:3478?transport=udp"));
        }
        let has_secret = !self.secret.is_empty();
        let fixed = !self.username.is_empty() && !self.password.is_empty();
        if has_secret && (!self.username.is_empty() || !self.password.is_empty()) {
            return Err(invalid("turn.secret", "give either this, or turn.username and turn.password"));
        }
        if !self.urls.is_empty() && !has_secret && !fixed {
            return Err(invalid("turn.secret", "give this, or turn.username and turn.password"));
        }
        Ok(())
    }
}

/// A setting that prints as `***` and is written down so where it is set.
#[derive(Clone, Debug, Default)]
pub struct SecretText(Secret);

impl SecretText {
    /// Takes a secret text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Secret::new(text))
    }

    /// The secret.
    #[must_use]
    pub const fn secret(&self) -> &Secret {
        &self.0
    }

    /// Whether nothing is set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.expose().is_empty()
    }
}

/// Equal settings; not for checking anybody's credentials.
impl PartialEq for SecretText {
    fn eq(&self, other: &Self) -> bool {
        self.0.expose() == other.0.expose()
    }
}

impl Eq for SecretText {}

impl Serialize for SecretText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(if self.is_empty() { "" } else { MASK })
    }
}

impl JsonSchema for SecretText {
    fn schema_name() -> Cow<'static, str> {
        "SecretText".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "writeOnly": true })
    }

    fn inline_schema() -> bool {
        true
    }
}

impl<'de> Deserialize<'de> for SecretText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::new)
    }
}

/// The database. Prints with the password in its URL masked.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DatabaseConfig {
    /// Its URL; empty: a file in the data folder.
    pub url: String,
}

impl fmt::Debug for DatabaseConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DatabaseConfig").field("url", &mask_url(&self.url)).finish()
    }
}

impl DatabaseConfig {
    fn validate(&self) -> Result<(), Invalid> {
        let known = ["sqlite:", "postgres:", "postgresql:"];
        if self.url.is_empty() || known.iter().any(|scheme| self.url.starts_with(scheme)) {
            return Ok(());
        }
        Err(invalid(
            "database.url",
            "must begin with sqlite: or postgres:, such as sqlite:///var/lib/vas/vas.db or \
             postgres://user:password@host/database",
        ))
    }
}

/// Logging.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LogConfig {
    /// A level, or levels by module.
    pub level: String,
    /// The form of the lines.
    pub format: LogFormat,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self { level: "info".to_owned(), format: LogFormat::Text }
    }
}

impl LogConfig {
    /// The level as the subscriber takes it. Two libraries that warn of what is usual are quieter unless named, and
    /// retina is silent: its lines hold cameras' addresses and descriptions.
    ///
    /// # Errors
    /// It is none.
    pub fn filter(&self) -> Result<EnvFilter, Invalid> {
        EnvFilter::try_new(format!("retina=off,rtc_dtls=error,sea_orm_migration=warn,{}", self.level))
            .map_err(|_| {
                invalid("log.level", "error, warn, info, debug or trace, or such as info,vas_ingest=debug")
            })
    }

    fn validate(&self) -> Result<(), Invalid> {
        self.filter().map(drop)
    }
}

/// The form of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase", try_from = "String")]
#[schemars(!try_from)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
}

impl TryFrom<String> for LogFormat {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.as_str() {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err(format!("expected text or json, not {text:?}")),
        }
    }
}

pub(super) fn invalid(key: &'static str, expected: impl Into<String>) -> Invalid {
    Invalid { key, expected: expected.into() }
}

pub(super) fn within(key: &'static str, value: u32, min: u32, max: u32) -> Result<(), Invalid> {
    if (min..=max).contains(&value) {
        Ok(())
    } else {
        Err(invalid(key, format!("must be from {min} to {max}, not {value}")))
    }
}

// The parsers of the standard library say that a text is wrong, not what was expected.

fn ip_addresses<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<IpAddr>, D::Error> {
    let parse = |text: String| {
        text.parse()
            .map_err(|_| D::Error::custom(format!("expected IP addresses, such as 192.0.2.1, not {text:?}")))
    };
    Vec::<String>::deserialize(deserializer)?.into_iter().map(parse).collect()
}
