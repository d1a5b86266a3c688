//! Settings of how often clients may call, and of the figures for collectors.

use super::sections::{Invalid, within};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How often clients may call. Each number may be used up at once, and comes back evenly over the minute. 0: no limit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LimitsConfig {
    /// Calls a minute of one account; without accounts, of one address.
    pub requests_per_minute: u32,
    /// Calls a minute from one address (of IPv6: one /64), whoever calls.
    pub address_requests_per_minute: u32,
    /// Attempts a minute from one address to sign in or to have a token.
    pub sign_ins_per_minute: u32,
    /// Calls a minute of one account that cost much: trying cameras out, pictures, clips, exports.
    pub expensive_per_minute: u32,
    /// Accounts and addresses that are kept count of at the same time; all others share one count.
    pub max_clients: u32,
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self {
            requests_per_minute: 6_000,
            address_requests_per_minute: 30_000,
            sign_ins_per_minute: 30,
            expensive_per_minute: 120,
            max_clients: 65_536,
        }
    }
}

impl LimitsConfig {
    pub(super) fn validate(&self) -> Result<(), Invalid> {
        const MOST: u32 = 10_000_000;
        within("limits.requests_per_minute", self.requests_per_minute, 0, MOST)?;
        within("limits.address_requests_per_minute", self.address_requests_per_minute, 0, MOST)?;
        within("limits.sign_ins_per_minute", self.sign_ins_per_minute, 0, MOST)?;
        within("limits.expensive_per_minute", self.expensive_per_minute, 0, MOST)?;
        within("limits.max_clients", self.max_clients, 16, MOST)
    }
}

/// Figures for collectors, at `/metrics`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MetricsConfig {
    /// Whether anybody may read them.
    pub public: bool,
    /// Whether there are figures for each stream, by the id of its device.
    pub per_stream: bool,
}

impl Default for MetricsConfig {
    fn default() -> Self {
        Self { public: false, per_stream: true }
    }
}
