//! Settings of cameras that are connected to.

use super::sections::{Invalid, invalid, within};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use vas_ingest::{HostRule, HostRuleError};

/// How cameras are dealt with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct IngestLimits {
    /// Time for finding a camera, connecting to it and having its description, in seconds.
    pub connect_timeout_seconds: u32,
    /// Time for a camera's answer to each later request, in seconds.
    pub request_timeout_seconds: u32,
    /// A camera that sends no media for so long has failed, in seconds.
    pub media_timeout_seconds: u32,
    /// Connection attempts at the same time.
    pub max_connects: u32,
    /// Connection attempts to one host at the same time.
    pub max_connects_per_host: u32,
    /// Delay before the first new attempt, in seconds.
    pub backoff_min_seconds: u32,
    /// Longest delay between attempts, in seconds.
    pub backoff_max_seconds: u32,
    /// The hosts that cameras may be at; see [`HostRule`].
    pub allow_hosts: Vec<String>,
    /// Hosts that are never connected to, whatever else allows them.
    pub deny_hosts: Vec<String>,
}

impl Default for IngestLimits {
    fn default() -> Self {
        Self {
            connect_timeout_seconds: 10,
            request_timeout_seconds: 5,
            media_timeout_seconds: 10,
            max_connects: 32,
            max_connects_per_host: 4,
            backoff_min_seconds: 1,
            backoff_max_seconds: 60,
            allow_hosts: ALLOWED_HOSTS.map(str::to_owned).into(),
            deny_hosts: Vec::new(),
        }
    }
}

/// Where cameras may be unless told otherwise: in the networks of houses and companies (RFC 1918, RFC 4193), behind a
/// provider's address translation (RFC 6598), and in the Internet.
const ALLOWED_HOSTS: [&str; 6] =
    ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7", "public"];

impl IngestLimits {
    /// The rules of `ingest.allow_hosts` and `ingest.deny_hosts`.
    ///
    /// # Errors
    /// One of them can't be read.
    pub fn host_rules(&self) -> Result<[Vec<HostRule>; 2], Invalid> {
        let parse = |key, texts: &[String]| {
            let rules = texts.iter().map(|text| text.parse());
            rules.collect::<Result<_, _>>().map_err(|error: HostRuleError| invalid(key, error.to_string()))
        };
        Ok([parse("ingest.allow_hosts", &self.allow_hosts)?, parse("ingest.deny_hosts", &self.deny_hosts)?])
    }

    pub(super) fn validate(&self) -> Result<(), Invalid> {
        self.host_rules()?;
        within("ingest.connect_timeout_seconds", self.connect_timeout_seconds, 1, 120)?;
        within("ingest.request_timeout_seconds", self.request_timeout_seconds, 1, 120)?;
        within("ingest.media_timeout_seconds", self.media_timeout_seconds, 1, 600)?;
        within("ingest.max_connects", self.max_connects, 1, 10_000)?;
        within("ingest.max_connects_per_host", self.max_connects_per_host, 1, self.max_connects)?;
        within("ingest.backoff_min_seconds", self.backoff_min_seconds, 1, 3_600)?;
        within("ingest.backoff_max_seconds", self.backoff_max_seconds, self.backoff_min_seconds, 3_600)
    }
}
