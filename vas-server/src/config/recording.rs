//! Settings of recording: when, what, where to, and for how long.

mod schedule;

pub use schedule::{Schedule, ScheduleError, Zone, ZoneError};

use super::sections::{Invalid, SecretText, invalid, within};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// The longest that anything is kept, in days: a hundred years.
const LONGEST_DAYS: u32 = 36_525;

/// Recording.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RecordingConfig {
    /// When streams that run are recorded.
    pub mode: RecordingMode,
    /// The times of the mode `schedule`, such as `mon-fri 07:00-19:00`; see [`Schedule`].
    pub schedule: Vec<String>,
    /// What the times of the schedule and days are counted in; see [`Zone`].
    pub zone: String,
    /// Which of a device's streams are recorded.
    pub layers: RecordedLayers,
    /// Mode `event`: what is kept of the time before an event, in seconds.
    pub pre_roll_seconds: u32,
    /// Mode `event`: what is recorded after an event, in seconds.
    pub post_roll_seconds: u32,
    /// Length of one file, in seconds; it ends with the group of pictures that reaches it.
    pub file_seconds: u32,
    /// Media is made durable so often, in seconds: what a power cut may take.
    pub sync_seconds: u32,
    /// Where finished files lie.
    pub store: StoreKind,
    /// Folder of recordings on this machine; empty: `recordings` in the data folder.
    pub folder: PathBuf,
    /// Store `tiered`: files stay in the folder for so long after they were uploaded, in hours.
    pub keep_local_hours: u32,
    /// Where the stores `s3` and `tiered` upload to.
    pub s3: S3Config,
    /// How long recordings stay.
    pub retention: RetentionConfig,
}

impl Default for RecordingConfig {
    fn default() -> Self {
        Self {
            mode: RecordingMode::Continuous,
            schedule: Vec::new(),
            zone: "local".to_owned(),
            layers: RecordedLayers::Main,
            pre_roll_seconds: 5,
            post_roll_seconds: 30,
            file_seconds: 60,
            sync_seconds: 5,
            store: StoreKind::Local,
            folder: PathBuf::new(),
            keep_local_hours: 24,
            s3: S3Config::default(),
            retention: RetentionConfig::default(),
        }
    }
}

impl RecordingConfig {
    /// The times of the mode `schedule`.
    ///
    /// # Errors
    /// One of them can't be read.
    pub fn parsed_schedule(&self) -> Result<Schedule, Invalid> {
        self.schedule
            .join(",")
            .parse()
            .map_err(|error: ScheduleError| invalid("recording.schedule", error.to_string()))
    }

    /// What days and times are counted in.
    ///
    /// # Errors
    /// It can't be read.
    pub fn parsed_zone(&self) -> Result<Zone, Invalid> {
        self.zone.parse().map_err(|error: ZoneError| invalid("recording.zone", error.to_string()))
    }

    pub(super) fn validate(&self) -> Result<(), Invalid> {
        let schedule = self.parsed_schedule()?;
        if self.mode == RecordingMode::Schedule && schedule.is_empty() {
            return Err(invalid("recording.schedule", "give at least one time, such as mon-fri 07:00-19:00"));
        }
        self.parsed_zone()?;
        within("recording.pre_roll_seconds", self.pre_roll_seconds, 0, 30)?;
        within("recording.post_roll_seconds", self.post_roll_seconds, 1, 3_600)?;
        within("recording.file_seconds", self.file_seconds, 2, 600)?;
        within("recording.sync_seconds", self.sync_seconds, 1, 60)?;
        within("recording.keep_local_hours", self.keep_local_hours, 0, LONGEST_DAYS * 24)?;
        self.s3.validate(self.store)?;
        self.retention.validate()
    }
}

/// When a stream that runs is recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase", try_from = "String")]
#[schemars(!try_from)]
pub enum RecordingMode {
    /// Always.
    Continuous,
    /// At the times of the schedule.
    Schedule,
    /// Around events.
    Event,
    /// Never.
    Off,
}

impl RecordingMode {
    const ALL: [(Self, &'static str); 4] = [
        (Self::Continuous, "continuous"),
        (Self::Schedule, "schedule"),
        (Self::Event, "event"),
        (Self::Off, "off"),
    ];

    /// Its name in settings and answers.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(mode, _)| *mode == self).map_or("off", |(_, name)| name)
    }
}

impl std::str::FromStr for RecordingMode {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = Self::ALL.iter().find(|(_, name)| *name == text);
        let mode = known.map(|(mode, _)| *mode);
        mode.ok_or_else(|| format!("expected continuous, schedule, event or off, not {text:?}"))
    }
}

impl TryFrom<String> for RecordingMode {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

/// Which of a device's streams are recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase", try_from = "String")]
#[schemars(!try_from)]
pub enum RecordedLayers {
    /// The main stream.
    Main,
    /// The sub stream where there is one, else the main stream.
    Sub,
    /// Both.
    Both,
}

impl TryFrom<String> for RecordedLayers {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.as_str() {
            "main" => Ok(Self::Main),
            "sub" => Ok(Self::Sub),
            "both" => Ok(Self::Both),
            _ => Err(format!("expected main, sub or both, not {text:?}")),
        }
    }
}

/// Where finished files lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase", try_from = "String")]
#[schemars(!try_from)]
pub enum StoreKind {
    /// In the folder.
    Local,
    /// In an object store.
    S3,
    /// First in the folder, then in an object store.
    Tiered,
}

impl TryFrom<String> for StoreKind {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.as_str() {
            "local" => Ok(Self::Local),
            "s3" => Ok(Self::S3),
            "tiered" => Ok(Self::Tiered),
            _ => Err(format!("expected local, s3 or tiered, not {text:?}")),
        }
    }
}

/// An object store that speaks S3.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct S3Config {
    /// Bucket and prefix, such as `s3://recordings/site-1`.
    pub url: String,
    /// Where the store is reached, for stores other than AWS, such as `https://minio.example.com:9000`.
    pub endpoint: String,
    /// Whether the endpoint may be reached by plain HTTP: footage then travels in the clear.
    pub allow_http: bool,
    /// Its region.
    pub region: String,
    /// Key with its secret; empty: those of the environment or of the machine's role.
    pub access_key: String,
    /// The key's secret.
    pub secret_key: SecretText,
}

impl S3Config {
    fn validate(&self, store: StoreKind) -> Result<(), Invalid> {
        if store == StoreKind::Local {
            return Ok(());
        }
        if cfg!(not(feature = "s3")) {
            return Err(invalid(
                "recording.store",
                "this build has no S3; use local, or build with the feature s3",
            ));
        }
        let bucket = self.url.strip_prefix("s3://").and_then(|rest| rest.split('/').next());
        if bucket.is_none_or(str::is_empty) {
            return Err(invalid(
                "recording.s3.url",
                "must be bucket and prefix, such as s3://recordings/site-1",
            ));
        }
        let is_http = |text: &str| {
            url::Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
        };
        if !self.endpoint.is_empty() && !is_http(&self.endpoint) {
            return Err(invalid("recording.s3.endpoint", "must be such as https://minio.example.com:9000"));
        }
        if self.endpoint.starts_with("http:") && !self.allow_http {
            return Err(invalid(
                "recording.s3.endpoint",
                "must begin with https:, or set recording.s3.allow_http where the network between is your own",
            ));
        }
        if self.access_key.is_empty() != self.secret_key.is_empty() {
            return Err(invalid(
                "recording.s3.secret_key",
                "give both recording.s3.access_key and this, or neither",
            ));
        }
        Ok(())
    }
}

/// How long recordings stay. What lies under a bookmark stays beyond.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RetentionConfig {
    /// Days; 0: no limit.
    pub days: u32,
    /// What one device may take, in MB; 0: no limit.
    pub max_device_mb: u32,
    /// What all may take, in MB; 0: no limit.
    pub max_total_mb: u32,
    /// What stays free on the disk, in MB; an hour's worth of recording at least.
    pub min_free_mb: u32,
    /// Recordings older than so many days keep their key pictures alone; 0: they stay whole.
    pub thin_after_days: u32,
}

impl Default for RetentionConfig {
    fn default() -> Self {
        Self { days: 7, max_device_mb: 0, max_total_mb: 0, min_free_mb: 1_000, thin_after_days: 0 }
    }
}

impl RetentionConfig {
    fn validate(&self) -> Result<(), Invalid> {
        within("recording.retention.days", self.days, 0, LONGEST_DAYS)?;
        within("recording.retention.thin_after_days", self.thin_after_days, 0, LONGEST_DAYS)?;
        if self.days > 0 && self.thin_after_days >= self.days {
            return Err(invalid(
                "recording.retention.thin_after_days",
                "must be less than recording.retention.days, after which nothing is left to thin",
            ));
        }
        Ok(())
    }
}

/// HLS: live windows, and the URLs of media.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct HlsConfig {
    /// Streams that are offered live at the same time.
    pub max_streams: u32,
    /// A live window that nobody asked for anything is closed after so many seconds.
    pub idle_seconds: u32,
    /// What one stream's live window may hold in memory, in MB.
    pub window_mb: u32,
    /// URLs of media in playlists hold for so many seconds.
    pub url_ttl_seconds: u32,
    /// Longest stretch of time that one playlist or clip may be asked for, in hours.
    pub max_range_hours: u32,
}

impl Default for HlsConfig {
    fn default() -> Self {
        Self {
            max_streams: 200,
            idle_seconds: 60,
            window_mb: 32,
            url_ttl_seconds: 43_200,
            max_range_hours: 24,
        }
    }
}

impl HlsConfig {
    pub(super) fn validate(&self) -> Result<(), Invalid> {
        within("hls.max_streams", self.max_streams, 1, 10_000)?;
        within("hls.idle_seconds", self.idle_seconds, 20, 3_600)?;
        within("hls.window_mb", self.window_mb, 4, 1_024)?;
        within("hls.url_ttl_seconds", self.url_ttl_seconds, 300, 7 * 86_400)?;
        within("hls.max_range_hours", self.max_range_hours, 1, 31 * 24)
    }
}
