//! Settings of TLS on the listener of pages and API.

use super::sections::{Invalid, invalid};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Encryption of what the listener of pages and API carries.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TlsConfig {
    /// Whether there is any, and whose certificate it is.
    pub mode: TlsMode,
    /// Mode `files`: the certificate and those that vouch for it, in PEM.
    pub certificate: PathBuf,
    /// Mode `files`: its private key, in PEM.
    pub key: PathBuf,
}

impl TlsConfig {
    pub(super) fn validate(&self) -> Result<(), Invalid> {
        let missing = |path: &PathBuf| self.mode == TlsMode::Files && path.as_os_str().is_empty();
        if missing(&self.certificate) {
            return Err(invalid("tls.certificate", "name the file of the certificate, in PEM"));
        }
        if missing(&self.key) {
            return Err(invalid("tls.key", "name the file of the private key, in PEM"));
        }
        Ok(())
    }
}

/// Whether there is TLS, and whose certificate it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", try_from = "String")]
#[schemars(!try_from)]
pub enum TlsMode {
    /// There is none.
    #[default]
    Off,
    /// One that the server makes for itself and keeps.
    SelfSigned,
    /// One from files.
    Files,
}

impl TryFrom<String> for TlsMode {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.as_str() {
            "off" => Ok(Self::Off),
            "self-signed" => Ok(Self::SelfSigned),
            "files" => Ok(Self::Files),
            _ => Err(format!("expected off, self-signed or files, not {text:?}")),
        }
    }
}
