//! Cameras out of the configuration of another server: MediaMTX, go2rtc or Frigate.
//!
//! Pure functions from a file's text to what would be added. The file is not trusted: its size, depth and number of
//! entries are bounded, nothing that it says is carried out, and its errors show none of its text, which holds
//! passwords.

mod frigate;
mod go2rtc;
mod mediamtx;
mod names;
mod variables;
mod yaml;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::fmt;
use vas_core::model::mask_url;
use vas_core::{ErrorKind, HasKind, Secret, StreamId};
use vas_ingest::Source;

/// Largest file, in bytes.
const MAX_BYTES: usize = 4 << 20;
/// Most entries of a file that are looked at.
const MAX_ENTRIES: usize = 10_000;

/// Whose file it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// MediaMTX: `paths`.
    MediaMtx,
    /// go2rtc: `streams`.
    Go2Rtc,
    /// Frigate: `cameras`, and `go2rtc` within the same file.
    Frigate,
}

impl Format {
    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::MediaMtx => "MediaMTX",
            Self::Go2Rtc => "go2rtc",
            Self::Frigate => "Frigate",
        }
    }
}

/// Why nothing can be taken from a file. Never repeats its text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// Too large.
    #[error("the file is larger than {} MB; give the configuration itself", MAX_BYTES >> 20)]
    TooLarge,
    /// No YAML, or beyond what is read of it.
    #[error("line {line}, column {column}: {message}")]
    Yaml {
        /// Counted from 1.
        line: u64,
        /// Counted from 1.
        column: u64,
        /// What is wrong.
        message: String,
    },
    /// None of the three.
    #[error(
        "this is no configuration of MediaMTX (it has `paths`), go2rtc (`streams`) or Frigate (`cameras`)"
    )]
    Unknown,
    /// More than can be looked at.
    #[error("the file has more than {MAX_ENTRIES} cameras; split it")]
    TooMany,
}

impl HasKind for ImportError {
    fn kind(&self) -> ErrorKind {
        ErrorKind::InvalidInput
    }
}

/// How media travels from a camera, where the file says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// Within the RTSP connection.
    Tcp,
    /// Beside it.
    Udp,
}

/// A camera as the file has it.
#[derive(Clone, Debug)]
pub struct FoundDevice {
    /// Its name.
    pub name: String,
    /// Its address, credentials included.
    pub url: Secret,
    /// The address of its sub stream.
    pub sub_url: Option<Secret>,
    /// Whether it is read only while somebody watches.
    pub on_demand: bool,
    /// Seconds without viewers after which it is read no more.
    pub idle_seconds: Option<u32>,
    /// How media travels.
    pub transport: Option<Transport>,
    /// Whether it is switched on there.
    pub enabled: bool,
}

impl FoundDevice {
    fn new(name: impl Into<String>, url: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            url: Secret::new(url),
            sub_url: None,
            on_demand: false,
            idle_seconds: None,
            transport: None,
            enabled: true,
        }
    }

    /// Its address as it may be shown.
    #[must_use]
    pub fn masked_url(&self) -> String {
        mask_url(self.url.expose())
    }

    /// The address of its sub stream as it may be shown.
    #[must_use]
    pub fn masked_sub_url(&self) -> Option<String> {
        self.sub_url.as_ref().map(|url| mask_url(url.expose()))
    }
}

/// An entry that can't be taken, or a part of one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Skipped {
    /// Its name in the file.
    pub entry: String,
    /// Why not, and what to do.
    pub reason: String,
}

/// What a file holds.
#[derive(Clone, Debug)]
pub struct Found {
    /// Whose file it is.
    pub format: Format,
    /// What would be added, in the order of the names.
    pub devices: Vec<FoundDevice>,
    /// What can't be.
    pub skipped: Vec<Skipped>,
    /// Variables that the file refers to and that are not set.
    pub missing: BTreeSet<String>,
}

impl Found {
    const fn new(format: Format) -> Self {
        Self { format, devices: Vec::new(), skipped: Vec::new(), missing: BTreeSet::new() }
    }

    fn skip(&mut self, entry: &str, reason: impl fmt::Display) {
        self.skipped.push(Skipped { entry: shown_name(entry), reason: reason.to_string() });
    }

    /// Keeps a device whose addresses can be read here. A sub stream that can't be is left out and told.
    fn keep(&mut self, mut device: FoundDevice) {
        device.name = shown_name(&device.name);
        if let Err(reason) = readable(device.url.expose()) {
            self.skip(&device.name, reason);
            return;
        }
        if let Some(Err(reason)) = device.sub_url.as_ref().map(|sub| readable(sub.expose())) {
            self.skip(&device.name, format!("its sub stream: {reason}"));
            device.sub_url = None;
        }
        if device.sub_url.as_ref().is_some_and(|sub| sub.expose() == device.url.expose()) {
            device.sub_url = None;
        }
        self.devices.push(device);
    }

    /// Notes that variables are not set, of which `entry` can't do without.
    fn lacks(&mut self, entry: &str, variables: BTreeSet<String>) {
        let names: Vec<_> = variables.iter().map(String::as_str).collect();
        self.skip(entry, format!("set the environment variable {} and try again", names.join(", ")));
        self.missing.extend(variables);
    }

    fn finish(mut self) -> Self {
        self.devices.sort_by(|a, b| a.name.cmp(&b.name));
        self.skipped.sort();
        self.skipped.dedup();
        self
    }
}

/// Whether an address can be read here, or why not. The reasons repeat no address.
fn readable(url: &str) -> Result<(), String> {
    Source::parse(StreamId::random(), "check", url).map(drop).map_err(|error| error.to_string())
}

/// A name as a device may have it: without control characters, not too long.
fn shown_name(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(200).collect::<String>().trim().to_owned()
}

/// Reads a file. `variable` gives the environment variables that it may refer to.
///
/// # Errors
/// See [`ImportError`].
pub fn read(text: &str, variable: &dyn Fn(&str) -> Option<String>) -> Result<Found, ImportError> {
    let root = yaml::parse(text)?;
    let section = |name: &str| root.get(name).and_then(serde_json::Value::as_object);
    let entries = |name: &str| section(name).map_or(0, serde_json::Map::len);
    if entries("cameras") + entries("streams") + entries("paths") > MAX_ENTRIES {
        return Err(ImportError::TooMany);
    }
    // Frigate's file holds a go2rtc section, so it goes first.
    if let Some(cameras) = section("cameras") {
        let restreams = root.pointer("/go2rtc/streams").and_then(serde_json::Value::as_object);
        return Ok(frigate::read(cameras, restreams, variable).finish());
    }
    if let Some(paths) = section("paths") {
        return Ok(mediamtx::read(paths, root.get("pathDefaults")).finish());
    }
    match section("streams") {
        Some(streams) => Ok(go2rtc::read(streams, variable).finish()),
        None => Err(ImportError::Unknown),
    }
}
