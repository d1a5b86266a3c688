//! STUN and TURN servers that viewers are told of, with credentials that soon expire.
//!
//! A TURN server and this one share a secret. A viewer gets a user name that says until when it holds, and as password
//! the HMAC of that name under the secret, which the TURN server computes anew (draft-uberti-behave-turn-rest-00,
//! section 2.2; coturn's `use-auth-secret`). Nothing is stored anywhere, and the secret never leaves.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rtc::crypto::{HmacAlgorithm, RTCCryptoProvider};
use serde::{Deserialize, Deserializer, Serialize};
use vas_core::{Secret, WallTime};

/// How long credentials made from a secret hold when nothing else is said: a day in front of a screen needs them only
/// at its beginning and when the network changes.
const DEFAULT_TTL_SECS: u64 = 3_600;
/// Bytes of an HMAC-SHA1.
const SHA1_TAG: usize = 20;
/// Characters of the viewer's name that are taken over into a user name.
const MAX_NAME: usize = 64;

/// A STUN or TURN server that viewers may use, as it is configured.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct IceServerConfig {
    /// Its URLs (RFC 7064, RFC 7065), such as `turn:turn.example.com:3478?transport=udp`.
    pub urls: Vec<String>,
    /// User name of fixed credentials, with `credential`.
    pub username: Option<String>,
    /// Password of fixed credentials.
    #[serde(skip_serializing, deserialize_with = "secret")]
    pub credential: Option<Secret>,
    /// Secret shared with the TURN server, from which each viewer's credentials are made instead.
    #[serde(skip_serializing, deserialize_with = "secret")]
    pub secret: Option<Secret>,
    /// How long such credentials hold, in seconds. Default 3,600.
    pub ttl_secs: u64,
}

impl Default for IceServerConfig {
    fn default() -> Self {
        Self { urls: Vec::new(), username: None, credential: None, secret: None, ttl_secs: DEFAULT_TTL_SECS }
    }
}

/// Equal settings; not for checking anybody's credentials.
impl PartialEq for IceServerConfig {
    fn eq(&self, other: &Self) -> bool {
        let texts = |config: &Self| {
            [&config.credential, &config.secret].map(|secret| secret.as_ref().map(|s| s.expose().to_owned()))
        };
        (&self.urls, &self.username, self.ttl_secs) == (&other.urls, &other.username, other.ttl_secs)
            && texts(self) == texts(other)
    }
}

impl Eq for IceServerConfig {}

fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Secret>, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.map(Secret::new))
}

impl IceServerConfig {
    /// A server that asks for no credentials, as STUN servers do.
    #[must_use]
    pub fn open(urls: Vec<String>) -> Self {
        Self { urls, ..Self::default() }
    }

    /// A server with the same credentials for everybody.
    #[must_use]
    pub fn with_password(urls: Vec<String>, username: impl Into<String>, password: Secret) -> Self {
        Self { urls, username: Some(username.into()), credential: Some(password), ..Self::default() }
    }

    /// A TURN server that shares a secret with this one; each viewer gets credentials that hold for `ttl_secs` seconds.
    #[must_use]
    pub fn with_secret(urls: Vec<String>, secret: Secret, ttl_secs: u64) -> Self {
        Self { urls, secret: Some(secret), ttl_secs, ..Self::default() }
    }
}

/// A STUN or TURN server as a viewer is told of it: the members of `RTCIceServer` (W3C WebRTC, section 4.2.2).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct IceServer {
    /// Its URLs.
    pub urls: Vec<String>,
    /// The viewer's user name there; absent where none is asked for.
    pub username: Option<String>,
    /// The viewer's password there.
    pub credential: Option<Secret>,
}

/// The servers as the viewer `user` is told of them at `now`.
pub(crate) fn ice_servers(
    configured: &[IceServerConfig],
    user: &str,
    now: WallTime,
    provider: &dyn RTCCryptoProvider,
) -> Vec<IceServer> {
    let one = |config: &IceServerConfig| {
        let urls = config.urls.clone();
        let Some(secret) = &config.secret else {
            return IceServer {
                urls,
                username: config.username.clone(),
                credential: config.credential.clone(),
            };
        };
        let username = username(user, now, config.ttl_secs);
        let credential = password(&username, secret, provider);
        IceServer { urls, username: Some(username), credential }
    };
    configured.iter().map(one).collect()
}

/// The user name: when it expires, in seconds of Unix time, and who it is for.
fn username(user: &str, now: WallTime, ttl_secs: u64) -> String {
    let expiry = (now.as_unix_micros() / 1_000_000).saturating_add_unsigned(ttl_secs);
    // It stands in headers and in the TURN server's log.
    let plain = |c: &char| c.is_ascii_alphanumeric() || "-_.".contains(*c);
    let user: String = user.chars().filter(plain).take(MAX_NAME).collect();
    format!("{expiry}:{user}")
}

/// The password: the HMAC-SHA1 of the user name, in base64. `None` only where the provider has no SHA-1.
fn password(username: &str, secret: &Secret, provider: &dyn RTCCryptoProvider) -> Option<Secret> {
    let mut mac = provider.crypto().new_hmac(HmacAlgorithm::Sha1, secret.expose().as_bytes()).ok()?;
    let mut tag = [0; SHA1_TAG];
    mac.sign(&[username.as_bytes()], &mut tag).ok()?;
    Some(Secret::new(STANDARD.encode(tag)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(config: IceServerConfig, user: &str) -> IceServer {
        let provider = rtc::crypto::default_provider().unwrap();
        let now = WallTime::from_unix_micros(1_700_000_000_999_999);
        ice_servers(&[config], user, now, &*provider).remove(0)
    }

    fn turn() -> Vec<String> {
        vec!["turn:turn.example.com".to_owned()]
    }

    #[test]
    fn a_secret_gives_credentials_as_coturn_computes_them() {
        let server = told(IceServerConfig::with_secret(turn(), Secret::new("north"), 600), "viewer 1\"\r\n");
        assert_eq!(server.username.as_deref(), Some("1700000600:viewer1"));
        // printf %s 1700000600:viewer1 | openssl dgst -sha1 -hmac north -binary | base64
        assert_eq!(server.credential.unwrap().expose(), "N/hb0Gb7LWcIO+F+SghwSYDuQmY=");
    }

    #[test]
    fn fixed_credentials_and_none_are_passed_on() {
        let server = told(IceServerConfig::with_password(turn(), "all", Secret::new("same")), "viewer");
        assert_eq!(server.username.as_deref(), Some("all"));
        assert_eq!(server.credential.unwrap().expose(), "same");
        let server = told(IceServerConfig::open(vec!["stun:stun.example.com".to_owned()]), "viewer");
        assert!(server.username.is_none() && server.credential.is_none());
    }

    #[test]
    fn secrets_are_read_and_never_written() {
        let text = r#"{"urls": ["turn:turn.example.com"], "secret": "north", "credential": "same"}"#;
        let config: IceServerConfig = serde_json::from_str(text).unwrap();
        assert_eq!(config.secret.as_ref().unwrap().expose(), "north");
        let written = format!("{config:?} {}", serde_json::to_string(&config).unwrap());
        assert!(!written.contains("north") && !written.contains("same"), "{written}");
        assert_ne!(config, IceServerConfig { secret: Some(Secret::new("south")), ..config.clone() });
        let server = told(config, "viewer");
        assert!(!format!("{server:?}").contains(server.credential.as_ref().unwrap().expose()));
    }
}
