//! What a viewer offers and does, and the certificate it shows.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rtc::crypto::{HashAlgorithm, RTCCrypto, RTCCryptoProvider};
use rtc::dtls::crypto::Certificate;

use super::error::IdentityError;

/// A DTLS certificate and the cryptography behind it, cheap to clone.
///
/// Making the key costs more than a whole handshake, so that a program with many viewers makes one identity
/// and shares it. Browsers make one per page.
#[derive(Clone)]
pub struct Identity {
    pub(super) certificate: Certificate,
    pub(super) provider: Arc<dyn RTCCryptoProvider>,
    fingerprint: Arc<str>,
}

impl Identity {
    /// Makes a key and a self-signed certificate.
    ///
    /// # Errors
    ///
    /// When the cryptography provider cannot make one.
    pub fn generate() -> Result<Self, IdentityError> {
        let provider = rtc::crypto::default_provider().map_err(IdentityError::new)?;
        let certificate = Certificate::generate_self_signed(vec!["viewer".to_owned()], provider.crypto())
            .map_err(IdentityError::new)?;
        let der = certificate.certificate.first().map(AsRef::as_ref).unwrap_or_default();
        let digest = provider.crypto().hash(HashAlgorithm::Sha256, der).map_err(IdentityError::new)?;
        let hex: Vec<String> = digest.iter().map(|byte| format!("{byte:02X}")).collect();
        Ok(Self { certificate, provider, fingerprint: hex.join(":").into() })
    }

    /// The SHA-256 fingerprint of the certificate as SDP writes it: upper-case hex pairs joined by colons
    /// (RFC 8122, section 5).
    #[must_use]
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    pub(super) fn crypto(&self) -> &dyn RTCCrypto {
        self.provider.crypto()
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("fingerprint", &self.fingerprint).finish_non_exhaustive()
    }
}

/// The SRTP protection profiles a viewer offers in its handshake (RFC 5764, RFC 7714).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum SrtpOffer {
    /// AES-128-GCM, then AES-128-CM with SHA1-80.
    #[default]
    GcmFirst,
    /// The reverse order, which is how browsers offer them.
    Sha1First,
    /// SHA1-80 alone, as an old player would.
    Sha1Only,
}

/// Which received packets are decrypted, and thereby authenticated.
///
/// RTP headers are in the clear (RFC 3711, section 3.1), so that packets can be counted without opening them.
/// Repairs (RTX) and everything up to the first whole keyframe are always decrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Decrypt {
    /// Every packet.
    All,
    /// The first `first` packets and one in `every` after that.
    Sample {
        /// How many packets are decrypted from the start.
        first: u32,
        /// The distance between two decrypted packets after that; 0 decrypts none.
        every: u32,
    },
}

/// How one viewer behaves. Start from [`ViewerConfig::new`] and change what matters.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ViewerConfig {
    /// The certificate to show.
    pub identity: Identity,
    /// Addresses at which the viewer's socket can be reached, offered as host candidates. May be empty: a
    /// server learns the address from the first check (RFC 8445, section 7.3.1.3).
    pub candidates: Vec<SocketAddr>,
    /// Offers H.265 after H.264.
    pub h265: bool,
    /// Offers the playout-delay header extension.
    pub playout_delay: bool,
    /// Offers transport-wide congestion control, and sends its feedback where the answer takes it.
    pub transport_cc: bool,
    /// Offers NACK and RTX, and asks for what is missing.
    pub nack: bool,
    /// The profiles offered in the handshake.
    pub srtp: SrtpOffer,
    /// What is decrypted.
    pub decrypt: Decrypt,
    /// Hands out every decrypted packet as [`Event::Rtp`](super::Event::Rtp).
    pub deliver: bool,
    /// The time between two receiver reports.
    pub report_interval: Duration,
    /// The viewer ends when no consent check was answered for so long (RFC 7675, section 5.1).
    pub consent_timeout: Duration,
}

impl ViewerConfig {
    /// A viewer that counts: H.264 with NACK and RTX and playout-delay, packets decrypted by sample, nothing
    /// handed out.
    #[must_use]
    pub fn new(identity: Identity) -> Self {
        Self {
            identity,
            candidates: Vec::new(),
            h265: false,
            playout_delay: true,
            transport_cc: false,
            nack: true,
            srtp: SrtpOffer::default(),
            decrypt: Decrypt::Sample { first: 32, every: 64 },
            deliver: false,
            report_interval: Duration::from_secs(1),
            consent_timeout: Duration::from_secs(30),
        }
    }

    /// A viewer for tests: decrypts everything and hands it out.
    #[must_use]
    pub fn delivering(identity: Identity) -> Self {
        Self { decrypt: Decrypt::All, deliver: true, ..Self::new(identity) }
    }
}
