//! Tokens of an OpenID provider: JWTs whose keys are found by discovery (OpenID Connect Discovery 1.0, section 4).
//!
//! The provider is asked when a token names a key that is not known, and not more often than every few seconds: whoever
//! sends tokens with invented names of keys makes this server ask no more than that.

use super::AuthError;
use super::lease::{Named, Revocations};
use super::principal::{DeviceAccess, Principal, Subject};
use super::scope::Role;
use super::secret::id_of;
use crate::config::OpenIdConfig;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use parking_lot::RwLock;
use serde::Deserialize;
use serde_json::Value;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;
use vas_core::model::TenantId;
use vas_core::{SharedClock, WallTime};

/// Time for one answer of the provider.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Bytes of an answer at most.
const LARGEST: usize = 256 << 10;
/// Keys that are taken of a provider at most.
const MAX_KEYS: usize = 64;
/// The provider is asked no more often than that.
const PAUSE: Duration = Duration::from_secs(10);
/// Keys are asked for anew after so long, lest one that was withdrawn is honoured for ever.
const STALE: Duration = Duration::from_secs(3_600);
/// How far clocks may differ.
const LEEWAY: i64 = 60_000_000;
/// Longest name or subject taken, in characters.
const LONGEST_TEXT: usize = 200;

/// A provider.
#[derive(Debug)]
pub(super) struct OpenId {
    config: OpenIdConfig,
    http: reqwest::Client,
    keys: RwLock<Known>,
    asking: Mutex<()>,
    revocations: Revocations,
    clock: SharedClock,
}

/// What is known of its keys.
#[derive(Debug, Default)]
struct Known {
    keys: Arc<[Jwk]>,
    fetched_at: Option<Instant>,
    asked_at: Option<Instant>,
}

/// Where its keys lie.
#[derive(Deserialize)]
struct Metadata {
    issuer: String,
    jwks_uri: String,
}

/// Why a provider's keys can't be had. For the log.
#[derive(Debug, thiserror::Error)]
enum FetchError {
    #[error("{0}")]
    Http(#[from] reqwest::Error),
    #[error("the answer has more than {LARGEST} bytes")]
    TooLarge,
    #[error("the answer is not what it should be: {0}")]
    Json(#[from] serde_json::Error),
    #[error("it calls itself {0:?}, not what is configured")]
    OtherIssuer(String),
    #[error("its keys lie at {0:?}, which is no https address")]
    Insecure(String),
}

impl OpenId {
    /// A provider, of whose keys none is known yet. `None`: none is configured.
    ///
    /// # Errors
    /// The client for HTTPS can't be made.
    pub(super) fn new(
        config: &OpenIdConfig,
        revocations: Revocations,
        clock: SharedClock,
    ) -> Result<Option<Self>, reqwest::Error> {
        if config.issuer.is_empty() {
            return Ok(None);
        }
        // An answer that leads elsewhere could lead anywhere.
        let http = reqwest::Client::builder()
            .timeout(TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()?;
        let (keys, asking) = (RwLock::default(), Mutex::default());
        Ok(Some(Self { config: config.clone(), http, keys, asking, revocations, clock }))
    }

    /// Who a token is of, if it is honoured.
    ///
    /// # Errors
    /// [`AuthError::InvalidToken`], [`AuthError::Expired`]; [`AuthError::Provider`]: its keys can't be had.
    pub(super) async fn authenticate(&self, token: &str) -> Result<Principal, AuthError> {
        let header =
            decode_header(Some(token).filter(|token| token.len() <= super::token::LONGEST).unwrap_or(""))
                .map_err(|_| AuthError::InvalidToken)?;
        let id = header.kid.filter(|_| header.crit.is_none()).ok_or(AuthError::InvalidToken)?;
        let jwk = self.key(&id).await?;
        let algorithm = algorithm_of(&jwk).ok_or(AuthError::InvalidToken)?;
        let key = DecodingKey::from_jwk(&jwk).map_err(|_| AuthError::InvalidToken)?;
        let mut rules = Validation::new(algorithm);
        rules.set_issuer(&[&self.config.issuer]);
        rules.set_audience(&[&self.config.audience]);
        rules.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        rules.validate_exp = false;
        let claims = decode::<Value>(token, &key, &rules)
            .map_err(|error| {
                tracing::debug!(%error, "a token of the OpenID provider is not honoured");
                AuthError::InvalidToken
            })?
            .claims;
        self.principal(token, &claims)
    }

    fn principal(&self, token: &str, claims: &Value) -> Result<Principal, AuthError> {
        let now = self.clock.wall();
        // Numbers of seconds, be it with a fraction (RFC 7519, section 2).
        let time = |name: &str| claims[name].as_f64().map(|at| WallTime::from_unix_micros((at * 1e6) as i64));
        let exp = time("exp").ok_or(AuthError::InvalidToken)?;
        if exp.add_micros(LEEWAY) <= now {
            return Err(AuthError::Expired);
        }
        if !claims["nbf"].is_null() && time("nbf").is_none_or(|nbf| nbf > now.add_micros(LEEWAY)) {
            return Err(AuthError::InvalidToken);
        }
        let short = |text: &str| text.chars().take(LONGEST_TEXT).collect::<String>();
        let text = |name: &str| claims[name].as_str().filter(|text| !text.is_empty()).map(short);
        let subject = text("sub").ok_or(AuthError::InvalidToken)?;
        let role = self.role(claims).ok_or(AuthError::InvalidToken)?;
        let tenant = match self.config.tenant_claim.as_str() {
            "" => TenantId::default(),
            claim => {
                let name = at(claims, claim).and_then(Value::as_str).filter(|name| !name.is_empty());
                TenantId::new(short(name.ok_or(AuthError::InvalidToken)?))
            }
        };
        let name = text("preferred_username").or_else(|| text("email")).unwrap_or_else(|| subject.clone());
        Ok(Principal {
            tenant,
            subject: Subject::External(subject.into()),
            name: name.into(),
            scopes: role.scopes(),
            devices: DeviceAccess::All,
            // It need not have an id of its own.
            lease: self.revocations.lease(vec![Named::new(id_of(token))]),
        })
    }

    /// The most that one of the names in the claim makes of somebody.
    fn role(&self, claims: &Value) -> Option<Role> {
        let claim = at(claims, &self.config.role_claim)?;
        let names: Vec<&str> = match claim {
            Value::String(text) => text.split_ascii_whitespace().collect(),
            Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
            _ => return None,
        };
        let config = &self.config;
        let roles = [
            (Role::Admin, &config.admin),
            (Role::Operator, &config.operator),
            (Role::Viewer, &config.viewer),
        ];
        let is_one = |values: &[String]| values.iter().any(|value| names.contains(&value.as_str()));
        roles.into_iter().find(|(_, values)| is_one(values)).map(|(role, _)| role)
    }

    /// The key of an id, asked for where it is not known or was not seen for long.
    async fn key(&self, id: &str) -> Result<Jwk, AuthError> {
        if let Some(jwk) = self.known(id, true) {
            return Ok(jwk);
        }
        // One asks, the others wait and look again.
        let _asking = self.asking.lock().await;
        if let Some(jwk) = self.known(id, true) {
            return Ok(jwk);
        }
        let now = self.clock.now();
        let asked = self.keys.read().asked_at;
        if asked.is_none_or(|at| now.saturating_duration_since(at) >= PAUSE) {
            self.keys.write().asked_at = Some(now);
            match self.fetch().await {
                Ok(keys) => {
                    let mut known = self.keys.write();
                    (known.keys, known.fetched_at) = (keys.into(), Some(now));
                }
                Err(error) => {
                    tracing::warn!(%error, issuer = self.config.issuer, "the OpenID provider's keys can't be had");
                }
            }
        }
        // While the provider is away, what was known before is honoured.
        let known = self.known(id, false);
        let never = self.keys.read().fetched_at.is_none();
        known.ok_or(if never { AuthError::Provider } else { AuthError::InvalidToken })
    }

    fn known(&self, id: &str, fresh: bool) -> Option<Jwk> {
        let known = self.keys.read();
        let age = self.clock.now().saturating_duration_since(known.fetched_at?);
        if fresh && age >= STALE {
            return None;
        }
        known.keys.iter().find(|jwk| jwk.common.key_id.as_deref() == Some(id)).cloned()
    }

    async fn fetch(&self) -> Result<Vec<Jwk>, FetchError> {
        let issuer = &self.config.issuer;
        let address = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
        let metadata: Metadata = serde_json::from_slice(&self.get(&address).await?)?;
        if metadata.issuer != *issuer {
            return Err(FetchError::OtherIssuer(metadata.issuer));
        }
        // As secure as the issuer itself, which the configuration vouches for.
        let is_secure = metadata.jwks_uri.starts_with("https://");
        let is_as_issuer = issuer.starts_with("http://") && metadata.jwks_uri.starts_with("http://");
        if !(is_secure || is_as_issuer) {
            return Err(FetchError::Insecure(metadata.jwks_uri));
        }
        let set: Value = serde_json::from_slice(&self.get(&metadata.jwks_uri).await?)?;
        // One at a time: keys of kinds that are not known here must not hide the others.
        let keys = set["keys"].as_array().map(Vec::as_slice).unwrap_or_default();
        let keys = keys.iter().filter_map(|key| serde_json::from_value::<Jwk>(key.clone()).ok());
        Ok(JwkSet { keys: keys.take(MAX_KEYS).collect() }.keys)
    }

    async fn get(&self, address: &str) -> Result<Vec<u8>, FetchError> {
        let mut answer = self.http.get(address).send().await?.error_for_status()?;
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await? {
            if body.len() + chunk.len() > LARGEST {
                return Err(FetchError::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }
}

/// A claim by its dotted name.
fn at<'a>(claims: &'a Value, path: &str) -> Option<&'a Value> {
    match claims.get(path) {
        Some(value) => Some(value),
        None => path.split('.').try_fold(claims, |value, name| value.get(name)),
    }
}

/// The one algorithm that a key is for: what it says, where that is one for its kind; else the usual one of its kind.
/// Keys for encryption and shared secrets are for none.
fn algorithm_of(jwk: &Jwk) -> Option<Algorithm> {
    if matches!(jwk.common.public_key_use, Some(PublicKeyUse::Encryption)) {
        return None;
    }
    let says = jwk.common.key_algorithm;
    let one_of = |choices: &[(KeyAlgorithm, Algorithm)]| match says {
        None => choices.first().map(|(_, algorithm)| *algorithm),
        Some(says) => choices.iter().find(|(name, _)| *name == says).map(|(_, algorithm)| *algorithm),
    };
    match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => one_of(&[
            (KeyAlgorithm::RS256, Algorithm::RS256),
            (KeyAlgorithm::RS384, Algorithm::RS384),
            (KeyAlgorithm::RS512, Algorithm::RS512),
            (KeyAlgorithm::PS256, Algorithm::PS256),
            (KeyAlgorithm::PS384, Algorithm::PS384),
            (KeyAlgorithm::PS512, Algorithm::PS512),
        ]),
        AlgorithmParameters::EllipticCurve(key) => match key.curve {
            EllipticCurve::P256 => one_of(&[(KeyAlgorithm::ES256, Algorithm::ES256)]),
            EllipticCurve::P384 => one_of(&[(KeyAlgorithm::ES384, Algorithm::ES384)]),
            _ => None,
        },
        AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => {
            one_of(&[(KeyAlgorithm::EdDSA, Algorithm::EdDSA)])
        }
        _ => None,
    }
}
