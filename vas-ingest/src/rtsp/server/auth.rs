//! Who may describe and play: digest authentication (RFC 7616, section 3.4, and RFC 2069, which RTSP 1.0 refers
//! to) with SHA-256 and MD5, or basic authentication where it is asked for.
//!
//! A nonce belongs to one connection and ends after [`NONCE_LIFE`]; an answer to another nonce that is right in
//! all else is told to be stale, so that the client repeats it without asking its user. The MD5 challenge is
//! without `qop` and comes last, as the clients that know MD5 alone also know RFC 2069 alone and take the last.
//!
//! The `uri` of an answer need not equal the request's: common players send the address of the stream for each
//! of its tracks. Nothing is lost by it, as the nonce is of no use on another connection.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use md5::Md5;
use sha2::{Digest, Sha256};
use std::fmt::Write;
use std::time::{Duration, Instant};
use vas_core::Credentials;

/// How long a nonce is good for.
const NONCE_LIFE: Duration = Duration::from_secs(300);
const REALM: &str = "vas";

/// What a client must prove.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum AuthConfig {
    /// Nothing.
    None,
    /// Digest authentication; the password never crosses the network.
    Digest(Credentials),
    /// Basic authentication: the password crosses the network readably with every request. For clients that know
    /// nothing else.
    Basic(Credentials),
}

/// The outcome for one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Allowed,
    Refused {
        /// All was right but for the nonce.
        stale: bool,
    },
}

/// The check of one connection's requests.
#[derive(Debug)]
pub(super) struct Gate {
    nonce: String,
    issued: Instant,
}

impl Gate {
    pub(super) fn new(now: Instant) -> Self {
        Self { nonce: format!("{:032x}", rand::random::<u128>()), issued: now }
    }

    /// Judges a request by its Authorization header.
    pub(super) fn check(
        &self,
        config: &AuthConfig,
        method: &str,
        authorization: Option<&str>,
        now: Instant,
    ) -> Verdict {
        let refused = Verdict::Refused { stale: false };
        let (AuthConfig::Digest(credentials) | AuthConfig::Basic(credentials)) = config else {
            return Verdict::Allowed;
        };
        let Some((scheme, rest)) = authorization.and_then(|value| value.trim().split_once(' ')) else {
            return refused;
        };
        match config {
            AuthConfig::Basic(_) if scheme.eq_ignore_ascii_case("basic") => {
                if is_basic(credentials, rest) {
                    Verdict::Allowed
                } else {
                    refused
                }
            }
            AuthConfig::Digest(_) if scheme.eq_ignore_ascii_case("digest") => {
                let Some(nonce) = is_digest(credentials, method, rest) else { return refused };
                let expired = now.saturating_duration_since(self.issued) > NONCE_LIFE;
                if nonce == self.nonce && !expired {
                    Verdict::Allowed
                } else {
                    Verdict::Refused { stale: true }
                }
            }
            _ => refused,
        }
    }

    /// The values of the WWW-Authenticate headers that go with a 401, with a fresh nonce where this one is old.
    pub(super) fn challenge(&mut self, config: &AuthConfig, stale: bool, now: Instant) -> Vec<String> {
        if now.saturating_duration_since(self.issued) > NONCE_LIFE / 2 {
            *self = Self::new(now);
        }
        let stale = if stale { ", stale=TRUE" } else { "" };
        let nonce = &self.nonce;
        match config {
            AuthConfig::None => Vec::new(),
            AuthConfig::Basic(_) => vec![format!("Basic realm=\"{REALM}\"")],
            AuthConfig::Digest(_) => vec![
                format!(
                    "Digest realm=\"{REALM}\", nonce=\"{nonce}\", qop=\"auth\", algorithm=SHA-256{stale}"
                ),
                format!("Digest realm=\"{REALM}\", nonce=\"{nonce}\", algorithm=MD5{stale}"),
            ],
        }
    }
}

fn is_basic(credentials: &Credentials, encoded: &str) -> bool {
    let expected = format!("{}:{}", credentials.username, credentials.password.expose());
    let given = STANDARD.decode(encoded.trim()).unwrap_or_default();
    // Hashed first, so that the time of the comparison tells nothing of the lengths.
    same(&Sha256::digest(given), &Sha256::digest(expected))
}

/// Whether the answer in `text` is right for the nonce it names; returns that nonce.
fn is_digest<'a>(credentials: &Credentials, method: &str, text: &'a str) -> Option<&'a str> {
    let field = |name| parameters(text).find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value);
    let nonce = field("nonce")?;
    let hash = match field("algorithm") {
        Some(name) if name.eq_ignore_ascii_case("SHA-256") => hex::<Sha256>,
        Some(name) if !name.eq_ignore_ascii_case("MD5") => return None,
        _ => hex::<Md5>,
    };
    let (user, password) = (&credentials.username, credentials.password.expose());
    let secret = hash(&[user, ":", REALM, ":", password]);
    let request = hash(&[method, ":", field("uri")?]);
    let expected = match field("qop") {
        None => hash(&[&secret, ":", nonce, ":", &request]),
        Some("auth") => {
            let (count, client) = (field("nc")?, field("cnonce")?);
            hash(&[&secret, ":", nonce, ":", count, ":", client, ":auth:", &request])
        }
        Some(_) => return None,
    };
    let known = field("username") == Some(user) && field("realm") == Some(REALM);
    let right = same(expected.as_bytes(), field("response")?.to_ascii_lowercase().as_bytes());
    (right && known).then_some(nonce)
}

fn hex<D: Digest>(parts: &[&str]) -> String {
    let mut digest = D::new();
    parts.iter().for_each(|part| digest.update(part));
    digest.finalize().iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Compares in a time that depends on the length alone.
fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |difference, (a, b)| difference | (a ^ b)) == 0
}

/// The `name=value` and `name="value"` pairs of a header's value. Escapes inside quotes are left as they are.
fn parameters(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let (name, after) = rest.split_once('=')?;
        let after = after.trim_start();
        let value;
        if let Some(quoted) = after.strip_prefix('"') {
            (value, rest) = quoted.split_once('"')?;
            rest = rest.split_once(',').map_or("", |(_, next)| next);
        } else {
            let end = after.find(',');
            value = after[..end.unwrap_or(after.len())].trim();
            rest = end.map_or("", |end| &after[end + 1..]);
        }
        Some((name.trim(), value))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn credentials() -> Credentials {
        Credentials::new("operator", "s3cret:with colon")
    }

    fn answer(gate: &Gate, algorithm: &str, password: &str, qop: bool) -> String {
        let hash = if algorithm == "MD5" { hex::<Md5> } else { hex::<Sha256> };
        let secret = hash(&["operator:vas:", password]);
        let request = hash(&["PLAY:rtsp://h/x"]);
        let (middle, extra) =
            if qop { (":00000001:abc:auth:", ", qop=auth, nc=00000001, cnonce=\"abc\"") } else { (":", "") };
        let response = hash(&[&secret, ":", &gate.nonce, middle, &request]);
        format!(
            "Digest username=\"operator\", realm=\"vas\", nonce=\"{}\", uri=\"rtsp://h/x\", \
             response=\"{response}\", algorithm={algorithm}{extra}",
            gate.nonce
        )
    }

    #[test]
    fn right_and_wrong_answers_are_told_apart() {
        let now = Instant::now();
        let (gate, config) = (Gate::new(now), AuthConfig::Digest(credentials()));
        let refused = Verdict::Refused { stale: false };
        for algorithm in ["MD5", "SHA-256"] {
            for qop in [false, true] {
                let right = answer(&gate, algorithm, "s3cret:with colon", qop);
                assert_eq!(gate.check(&config, "PLAY", Some(&right), now), Verdict::Allowed, "{right}");
                assert_eq!(gate.check(&config, "SETUP", Some(&right), now), refused);
                let wrong = answer(&gate, algorithm, "guess", qop);
                assert_eq!(gate.check(&config, "PLAY", Some(&wrong), now), refused);
            }
        }
        assert_eq!(gate.check(&config, "PLAY", None, now), refused);
        assert_eq!(gate.check(&AuthConfig::None, "PLAY", None, now), Verdict::Allowed);
    }

    #[test]
    fn an_old_nonce_and_anothers_are_stale() {
        let now = Instant::now();
        let (mut gate, config) = (Gate::new(now), AuthConfig::Digest(credentials()));
        let right = answer(&gate, "MD5", "s3cret:with colon", false);
        let later = now + NONCE_LIFE + Duration::from_secs(1);
        let stale = Verdict::Refused { stale: true };
        assert_eq!(gate.check(&config, "PLAY", Some(&right), later), stale);
        assert_eq!(Gate::new(now).check(&config, "PLAY", Some(&right), now), stale);
        let old = gate.nonce.clone();
        let challenge = gate.challenge(&config, true, later);
        assert!(gate.nonce != old && challenge.iter().all(|value| value.contains("stale=TRUE")));
    }

    #[test]
    fn basic_is_checked_whole() {
        let now = Instant::now();
        let (gate, config) = (Gate::new(now), AuthConfig::Basic(credentials()));
        let header = |text: &str| format!("Basic {}", STANDARD.encode(text));
        let check = |value: &str| gate.check(&config, "PLAY", Some(value), now);
        assert_eq!(check(&header("operator:s3cret:with colon")), Verdict::Allowed);
        for wrong in [header("operator:s3cret"), header("operator"), "Basic !".into(), "Basic".into()] {
            assert_eq!(check(&wrong), Verdict::Refused { stale: false });
        }
    }

    proptest! {
        #[test]
        fn any_header_is_survived_and_refused(text in "\\PC*") {
            let now = Instant::now();
            let gate = Gate::new(now);
            for config in [AuthConfig::Digest(credentials()), AuthConfig::Basic(credentials())] {
                for value in [text.clone(), format!("Digest {text}"), format!("Basic {text}")] {
                    let refused = Verdict::Refused { stale: false };
                    prop_assert_eq!(gate.check(&config, "PLAY", Some(&value), now), refused);
                }
            }
        }
    }
}
