//! What the two ends of a connection tell each other: ICE and DTLS.

use super::validate::InvalidParameters;
use crate::sdp::Fingerprint;
use serde::{Deserialize, Serialize, Serializer};
use std::net::SocketAddr;
use vas_core::Secret;

/// Fingerprints that are looked at; certificates have one for each hash.
const MAX_FINGERPRINTS: usize = 16;

/// ICE credentials of one end (RFC 8445, section 5.3).
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct IceParameters {
    /// The user name fragment.
    pub username_fragment: String,
    /// The password.
    #[serde(serialize_with = "expose")]
    pub password: Secret,
    /// Whether this end only answers checks: always, here.
    pub ice_lite: bool,
}

fn expose<S: Serializer>(secret: &Secret, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(secret.expose())
}

/// The transport protocol of a candidate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TransportProtocol {
    /// UDP.
    Udp,
    /// TCP (RFC 6544).
    Tcp,
}

/// How a candidate was found (RFC 8839, section 5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CandidateType {
    /// An address of the machine.
    Host,
    /// An address that a server saw.
    Srflx,
    /// An address that the other end saw.
    Prflx,
    /// An address at a relay.
    Relay,
}

/// Who opens the connection of a TCP candidate (RFC 6544, section 4.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TcpType {
    /// Whoever has the candidate.
    Active,
    /// The other end.
    Passive,
    /// Both at once.
    So,
}

/// An address at which this side can be reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IceCandidate {
    /// Candidates of the same foundation are of the same kind.
    pub foundation: String,
    /// The higher the sooner it is tried.
    pub priority: u32,
    /// The address, under its old name.
    pub ip: String,
    /// The address.
    pub address: String,
    /// The port.
    pub port: u16,
    /// How it was found.
    #[serde(rename = "type")]
    pub kind: CandidateType,
    /// UDP or TCP.
    pub protocol: TransportProtocol,
    /// Of a TCP candidate: who opens the connection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tcp_type: Option<TcpType>,
}

impl IceCandidate {
    /// An address of this machine. With TCP the viewer connects to it.
    #[must_use]
    pub fn host(foundation: &str, priority: u32, address: SocketAddr, protocol: TransportProtocol) -> Self {
        let ip = address.ip().to_string();
        Self {
            foundation: foundation.to_owned(),
            priority,
            ip: ip.clone(),
            address: ip,
            port: address.port(),
            kind: CandidateType::Host,
            protocol,
            tcp_type: (protocol == TransportProtocol::Tcp).then_some(TcpType::Passive),
        }
    }
}

/// Who begins the DTLS handshake, seen from whoever states it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DtlsRole {
    /// Left to the other end.
    #[default]
    Auto,
    /// The one that begins.
    Client,
    /// The one that waits, which this side always is.
    Server,
}

/// The hash of a certificate (RFC 8122, section 5).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DtlsFingerprint {
    /// The hash, such as `sha-256`.
    pub algorithm: String,
    /// Bytes in hexadecimal with colons between.
    pub value: String,
}

/// Role and certificates of one end (RFC 5763).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DtlsParameters {
    /// Who begins.
    #[serde(default)]
    pub role: DtlsRole,
    /// Hashes of the certificates that the end may show.
    pub fingerprints: Vec<DtlsFingerprint>,
}

impl DtlsParameters {
    /// This side's: it takes either part, and has a certificate with this SHA-256.
    #[must_use]
    pub fn local(sha256: &[u8; 32]) -> Self {
        let text = Fingerprint(*sha256).to_string();
        let value = text.split_once(' ').map_or("", |(_, value)| value).to_owned();
        let fingerprint = DtlsFingerprint { algorithm: "sha-256".to_owned(), value };
        Self { role: DtlsRole::Auto, fingerprints: vec![fingerprint] }
    }

    /// The SHA-256 fingerprints of a viewer's parameters; at least one.
    ///
    /// # Errors
    /// The viewer would wait for this side to begin, or gives no SHA-256 fingerprint or one that is malformed.
    pub fn sha256(&self) -> Result<Vec<[u8; 32]>, InvalidParameters> {
        if self.role == DtlsRole::Server {
            return Err(InvalidParameters::new(
                "role",
                "must be auto or client: this side waits for the handshake",
            ));
        }
        if self.fingerprints.len() > MAX_FINGERPRINTS {
            return Err(InvalidParameters::new(
                "fingerprints",
                format!("must be at most {MAX_FINGERPRINTS}"),
            ));
        }
        let known = self
            .fingerprints
            .iter()
            .enumerate()
            .filter(|(_, given)| given.algorithm.eq_ignore_ascii_case("sha-256"));
        let read: Vec<[u8; 32]> = known
            .map(|(index, given)| {
                let fingerprint: Result<Fingerprint, _> = format!("sha-256 {}", given.value).parse();
                fingerprint.map(|fingerprint| fingerprint.0).map_err(|_| {
                    let field = format!("fingerprints[{index}].value");
                    InvalidParameters::new(field, "must be 32 bytes in hexadecimal with colons between")
                })
            })
            .collect::<Result<_, _>>()?;
        if read.is_empty() {
            return Err(InvalidParameters::new("fingerprints", "must have one of the algorithm sha-256"));
        }
        Ok(read)
    }
}
