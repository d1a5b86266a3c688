//! Configuration: a TOML file, over it the environment, over that the flags of the command line.
//!
//! Every setting has a key such as `http.listen`. Its environment variable is `VAS_HTTP_LISTEN`; lists are given
//! there with commas. An unknown key is refused, and whatever is wrong is named with its place.

mod load;
mod publishers;
mod recording;
mod sections;

pub use load::{ConfigError, Flag, Loaded, Sources};
pub use publishers::PublishersConfig;
pub use recording::{
    HlsConfig, RecordedLayers, RecordingConfig, RecordingMode, RetentionConfig, S3Config, Schedule,
    ScheduleError, StoreKind, Zone, ZoneError,
};
pub use sections::{
    Config, DatabaseConfig, HttpConfig, IngestLimits, Invalid, LogConfig, LogFormat, MediaConfig, SecretText,
    TurnConfig,
};

/// The default configuration as a TOML file, each setting explained.
pub const DEFAULT_TOML: &str = include_str!("default.toml");

#[cfg(test)]
mod tests;
