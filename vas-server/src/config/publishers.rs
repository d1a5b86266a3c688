//! Settings of cameras that come by themselves, over WHIP.

use super::sections::{Invalid, invalid, within};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Publishers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PublishersConfig {
    /// First of the UDP ports for publishers' media; each takes one of its own. 0: any free port of the system.
    pub first_port: u16,
    /// Last of them.
    pub last_port: u16,
    /// Publishers at the same time.
    pub max: u32,
}

impl Default for PublishersConfig {
    fn default() -> Self {
        Self { first_port: 0, last_port: 0, max: 64 }
    }
}

impl PublishersConfig {
    pub(super) fn validate(&self) -> Result<(), Invalid> {
        within("publishers.max", self.max, 1, 10_000)?;
        if self.last_port < self.first_port || (self.first_port == 0) != (self.last_port == 0) {
            return Err(invalid("publishers.last_port", "must not lie before publishers.first_port"));
        }
        Ok(())
    }
}
