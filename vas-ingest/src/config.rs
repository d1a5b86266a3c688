//! What an operator may set about ingest.

use crate::backoff::BackoffConfig;
use crate::hosts::HostPolicy;
use std::time::Duration;

/// Limits and times of the sessions with cameras.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct IngestConfig {
    /// For resolving the name, connecting and getting the description, together. Default 10 s.
    pub connect_timeout: Duration,
    /// For each SETUP and PLAY. Default 5 s.
    pub request_timeout: Duration,
    /// Without a picture for so long a session has failed, from the start as well as later. Default 10 s.
    pub media_timeout: Duration,
    /// Without a picture that can be decoded for so long, while others come, a session has failed: it has no key pictures
    /// or its parameter sets are of no use. Longer than the longest interval of key pictures. Default 60 s.
    pub key_timeout: Duration,
    /// For the answer to TEARDOWN when a session ends. Default 2 s.
    pub teardown_timeout: Duration,
    /// Connects under way at once. Default 32.
    pub max_connects: usize,
    /// Connects under way at once to one host. Default 4.
    pub max_connects_per_host: usize,
    /// Largest picture in bytes; a larger one is dropped as garbage. Default 8 MiB.
    pub max_unit_bytes: usize,
    /// When failed sources are tried again.
    pub backoff: BackoffConfig,
    /// The hosts that may be connected to. Default: all.
    pub hosts: HostPolicy,
}

impl Default for IngestConfig {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(5),
            media_timeout: Duration::from_secs(10),
            key_timeout: Duration::from_secs(60),
            teardown_timeout: Duration::from_secs(2),
            max_connects: 32,
            max_connects_per_host: 4,
            max_unit_bytes: 8 << 20,
            backoff: BackoffConfig::default(),
            hosts: HostPolicy::unrestricted(),
        }
    }
}
