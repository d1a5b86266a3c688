//! Settings of accounts: who is asked, and how long what proves it holds.

use super::sections::{Invalid, SecretText, invalid, within};
use crate::keyring::SHORTEST_KEY;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Bytes of an HS256 secret at least: as many as the hash has (RFC 7518, section 3.2).
const SECRET_BYTES: usize = 32;

/// Accounts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AuthConfig {
    /// Whether callers must prove who they are.
    pub mode: AuthMode,
    /// How access tokens are signed.
    pub algorithm: TokenAlgorithm,
    /// The key of HS256.
    pub secret: SecretText,
    /// What secrets are stored under, such as cameras' passwords; empty: a key in the data folder.
    pub secret_key: SecretText,
    /// Keys of before, by which older secrets are still read.
    pub old_secret_keys: Vec<SecretText>,
    /// Who issues tokens: their `iss`.
    pub issuer: String,
    /// Whom they are for: their `aud`.
    pub audience: String,
    /// Life of access tokens, in seconds.
    pub access_token_seconds: u32,
    /// Life of refresh tokens, in seconds.
    pub refresh_token_seconds: u32,
    /// Longest life of media tokens, in seconds.
    pub media_token_seconds: u32,
    /// Life of a browser's session, in seconds.
    pub session_seconds: u32,
    /// A session that was not used for so long ends, in seconds.
    pub session_idle_seconds: u32,
    /// A new signing key is made after so many days.
    pub key_rotation_days: u32,
    /// Days for which the audit log is kept.
    pub audit_days: u32,
    /// Id of the client that the first start makes.
    pub default_client_id: String,
    /// Its secret.
    pub default_client_secret: SecretText,
    /// A provider whose tokens are taken, too.
    pub openid: OpenIdConfig,
}

impl Default for AuthConfig {
    fn default() -> Self {
        Self {
            mode: AuthMode::Required,
            algorithm: TokenAlgorithm::EdDsa,
            secret: SecretText::new(""),
            secret_key: SecretText::default(),
            old_secret_keys: Vec::new(),
            issuer: "vas".to_owned(),
            audience: "vas".to_owned(),
            access_token_seconds: 3_600,
            refresh_token_seconds: 604_800,
            media_token_seconds: 3_600,
            session_seconds: 604_800,
            session_idle_seconds: 43_200,
            key_rotation_days: 90,
            audit_days: 365,
            default_client_id: String::new(),
            default_client_secret: SecretText::new(""),
            openid: OpenIdConfig::default(),
        }
    }
}

impl AuthConfig {
    pub(super) fn validate(&self) -> Result<(), Invalid> {
        if self.algorithm == TokenAlgorithm::Hs256 && self.secret.secret().expose().len() < SECRET_BYTES {
            let expected = format!("HS256 needs a secret of {SECRET_BYTES} bytes at least");
            return Err(invalid("auth.secret", expected));
        }
        let given = |key: &SecretText| !key.is_empty();
        let is_short = |key: &SecretText| key.secret().expose().len() < SHORTEST_KEY;
        if given(&self.secret_key) && is_short(&self.secret_key) {
            return Err(invalid("auth.secret_key", format!("must have {SHORTEST_KEY} characters at least")));
        }
        if self.old_secret_keys.iter().any(is_short) {
            return Err(invalid(
                "auth.old_secret_keys",
                format!("each has {SHORTEST_KEY} characters at least"),
            ));
        }
        for (key, text) in [("auth.issuer", &self.issuer), ("auth.audience", &self.audience)] {
            if text.is_empty() {
                return Err(invalid(key, "must not be empty"));
            }
        }
        within("auth.access_token_seconds", self.access_token_seconds, 60, 86_400)?;
        within("auth.refresh_token_seconds", self.refresh_token_seconds, 60, 31_622_400)?;
        within("auth.media_token_seconds", self.media_token_seconds, 10, 86_400)?;
        within("auth.session_seconds", self.session_seconds, 60, 31_622_400)?;
        within("auth.session_idle_seconds", self.session_idle_seconds, 60, self.session_seconds)?;
        within("auth.key_rotation_days", self.key_rotation_days, 1, 3_650)?;
        within("auth.audit_days", self.audit_days, 1, 36_525)?;
        if self.default_client_id.is_empty() != self.default_client_secret.is_empty() {
            let expected = "give both id and secret of the first client, or neither";
            return Err(invalid("auth.default_client_secret", expected));
        }
        self.openid.validate()
    }
}

/// Whether callers must prove who they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", rename_all = "lowercase")]
#[schemars(!try_from)]
pub enum AuthMode {
    /// They must.
    #[default]
    Required,
    /// Whoever reaches the server may do everything.
    Open,
}

impl TryFrom<String> for AuthMode {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.as_str() {
            "required" => Ok(Self::Required),
            "open" => Ok(Self::Open),
            _ => Err(format!("expected required or open, not {text:?}")),
        }
    }
}

/// How access tokens are signed (RFC 7518, section 3.1; RFC 8037, section 3.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(!try_from)]
pub enum TokenAlgorithm {
    /// Ed25519.
    #[default]
    #[serde(rename = "EdDSA")]
    EdDsa,
    /// ECDSA on P-256.
    #[serde(rename = "ES256")]
    Es256,
    /// HMAC with a shared secret: whoever can check a token can make one.
    #[serde(rename = "HS256")]
    Hs256,
}

impl TryFrom<String> for TokenAlgorithm {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.as_str() {
            "EdDSA" => Ok(Self::EdDsa),
            "ES256" => Ok(Self::Es256),
            "HS256" => Ok(Self::Hs256),
            _ => Err(format!("expected EdDSA, ES256 or HS256, not {text:?}")),
        }
    }
}

/// An OpenID provider (OpenID Connect Discovery 1.0).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct OpenIdConfig {
    /// Its issuer; empty: none.
    pub issuer: String,
    /// The audience that its tokens for this server have.
    pub audience: String,
    /// The claim that holds names of roles or groups: a text or a list. Dots lead into objects.
    pub role_claim: String,
    /// Values of it that make an admin.
    pub admin: Vec<String>,
    /// Values that make an operator.
    pub operator: Vec<String>,
    /// Values that make a viewer.
    pub viewer: Vec<String>,
    /// The claim that names the tenant; empty: the only one.
    pub tenant_claim: String,
}

impl Default for OpenIdConfig {
    fn default() -> Self {
        let only = |name: &str| vec![name.to_owned()];
        Self {
            issuer: String::new(),
            audience: "vas".to_owned(),
            role_claim: "roles".to_owned(),
            admin: only("vas-admin"),
            operator: only("vas-operator"),
            viewer: only("vas-viewer"),
            tenant_claim: String::new(),
        }
    }
}

impl OpenIdConfig {
    fn validate(&self) -> Result<(), Invalid> {
        if self.issuer.is_empty() {
            return Ok(());
        }
        let key = "auth.openid.issuer";
        let url = url::Url::parse(&self.issuer)
            .map_err(|_| invalid(key, "must be a URL such as https://login.example.com/realms/site"))?;
        let is_local = match url.host() {
            Some(url::Host::Ipv4(address)) => address.is_loopback(),
            Some(url::Host::Ipv6(address)) => address.is_loopback(),
            Some(url::Host::Domain(name)) => name == "localhost",
            None => false,
        };
        // Keys that come in the clear could be anybody's.
        if url.scheme() != "https" && !(url.scheme() == "http" && is_local) {
            return Err(invalid(key, "must begin with https://"));
        }
        if self.audience.is_empty() {
            return Err(invalid("auth.openid.audience", "must not be empty"));
        }
        if self.role_claim.is_empty() {
            return Err(invalid("auth.openid.role_claim", "must not be empty"));
        }
        Ok(())
    }
}
