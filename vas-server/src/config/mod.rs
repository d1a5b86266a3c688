//! Configuration: a TOML file, over it what was changed on the dashboard, over that the environment, over that the flags
//! of the command line.
//!
//! Every setting has a key such as `http.listen`. Its environment variable is `VAS_HTTP_LISTEN`; lists are given
//! there with commas. An unknown key is refused, and whatever is wrong is named with its place.

mod auth;
mod effective;
mod given;
mod http;
mod ingest;
mod limits;
mod live;
mod load;
pub(crate) mod overlay;
mod publishers;
mod recording;
mod schema;
mod sections;
mod suggest;
mod tls;

pub use auth::{AuthConfig, AuthMode, OpenIdConfig, TokenAlgorithm};
pub(crate) use given::Given;
pub use http::{AddressRange, ForwardedHeader, HttpConfig};
pub use ingest::IngestLimits;
pub use limits::{LimitsConfig, MetricsConfig};
pub(crate) use live::LiveConfig;
pub use load::{ConfigError, Flag, Loaded, Sources};
pub use publishers::PublishersConfig;
pub use recording::{
    HlsConfig, RecordedLayers, RecordingConfig, RecordingMode, RetentionConfig, S3Config, Schedule,
    ScheduleError, StoreKind, Zone, ZoneError,
};
pub use schema::schema;
pub use sections::{
    Config, DatabaseConfig, Invalid, LogConfig, LogFormat, MediaConfig, SecretText, TurnConfig,
};
pub use suggest::nearest_variable;
pub use tls::{TlsConfig, TlsMode};

/// The default configuration as a TOML file, each setting explained.
pub const DEFAULT_TOML: &str = include_str!("default.toml");

#[cfg(test)]
mod tests;
