//! The DTLS end of a viewer, in either role, and the SRTP keys that come out of it (RFC 5763, RFC 5764).

use std::error::Error;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use rtc::crypto::{HashAlgorithm, RTCCryptoProvider};
use rtc::dtls::config::{ClientAuthType, ConfigBuilder, ExtendedMasterSecretType, HandshakeConfig};
use rtc::dtls::endpoint::{Endpoint, EndpointEvent};
use rtc::dtls::extension::extension_use_srtp::SrtpProtectionProfile;
use rtc::shared::TransportProtocol;
use rtc::srtp::config::{Config as SrtpConfig, LABEL_EXTRACTOR_DTLS_SRTP};
use rtc::srtp::context::Context;
use rtc::srtp::protection_profile::ProtectionProfile;

use super::config::{Identity, SrtpOffer};

type BoxError = Box<dyn Error + Send + Sync>;

/// The endpoint keys its associations by address; a constant one survives a server that answers from another.
const PEER: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 9);
/// The endpoint gives up after eight of these: long enough for a server under load, short enough to mend a
/// loss.
const FLIGHT_INTERVAL: Duration = Duration::from_millis(500);

const CHANGE_CIPHER_SPEC: u8 = 20;
const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;
const SERVER_HELLO: u8 = 2;
const RECORD_HEADER: usize = 13;

/// Who starts the handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Client,
    Server,
}

/// What a datagram led to.
pub(super) enum Progress {
    None,
    Complete(Box<Srtp>),
    Closed,
}

/// A handshake, and the association after it.
pub(super) struct Handshake {
    endpoint: Endpoint,
    identity: Identity,
    role: Role,
    /// The flight with this side's certificate is out: all that is left is the other side's answer to it.
    certificate_sent: bool,
    complete: bool,
}

impl fmt::Debug for Handshake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handshake").field("complete", &self.complete).finish_non_exhaustive()
    }
}

impl Handshake {
    /// Starts the handshake; a client's ClientHello is queued at once.
    pub(super) fn start(
        now: Instant,
        identity: Identity,
        role: Role,
        fingerprint: [u8; 32],
        srtp: SrtpOffer,
    ) -> Result<Self, BoxError> {
        let config = config(&identity, role, fingerprint, srtp)?;
        let endpoint = match role {
            Role::Client => {
                let mut endpoint = Endpoint::new(PEER, TransportProtocol::UDP, None);
                endpoint.connect(now, PEER, config, None)?;
                endpoint
            }
            Role::Server => Endpoint::new(PEER, TransportProtocol::UDP, Some(config)),
        };
        Ok(Self { endpoint, identity, role, certificate_sent: false, complete: false })
    }

    pub(super) fn read(&mut self, now: Instant, datagram: &[u8]) -> Result<Progress, BoxError> {
        // The endpoint stops its retransmit timer on any handshake record, so that a peer that repeats its
        // flight because ours was lost would silence us for good. Nothing in such a repeat is new: the timer
        // does the work.
        if self.certificate_sent && !self.complete && self.is_repeat(datagram) {
            return Ok(Progress::None);
        }
        let mut progress = Progress::None;
        for event in self.endpoint.read(now, PEER, None, BytesMut::from(datagram))? {
            match event {
                EndpointEvent::HandshakeComplete => {
                    self.complete = true;
                    progress = Progress::Complete(Box::new(self.keys()?));
                }
                EndpointEvent::PeerClosed => progress = Progress::Closed,
                _ => {}
            }
        }
        Ok(progress)
    }

    pub(super) fn poll_transmit(&mut self) -> Option<Bytes> {
        let datagram = self.endpoint.poll_transmit()?.message;
        self.certificate_sent |= records(&datagram).any(|record| match self.role {
            Role::Client => record.content_type == CHANGE_CIPHER_SPEC,
            Role::Server => record.content_type == HANDSHAKE && record.first_byte == Some(SERVER_HELLO),
        });
        Some(datagram.freeze())
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.endpoint.poll_timeout(&PEER)
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) -> Result<(), BoxError> {
        Ok(self.endpoint.handle_timeout(PEER, now)?)
    }

    /// Queues a close_notify, once there is something to close.
    pub(super) fn close(&mut self, now: Instant) {
        if self.complete {
            self.endpoint.stop(now, PEER);
        }
    }

    /// Whether a datagram repeats what came before this side's certificate: what answers it starts with
    /// another message, or with a change of cipher.
    fn is_repeat(&self, datagram: &[u8]) -> bool {
        records(datagram).next().is_some_and(|record| {
            record.content_type == HANDSHAKE
                && record.epoch == 0
                && (self.role == Role::Client || record.first_byte == Some(CLIENT_HELLO))
        })
    }

    fn keys(&self) -> Result<Srtp, BoxError> {
        let state = self.endpoint.get_connection_state(PEER).ok_or("the association is gone")?;
        let profile = match state.srtp_protection_profile() {
            SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm => ProtectionProfile::AeadAes128Gcm,
            SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80 => ProtectionProfile::Aes128CmHmacSha1_80,
            _ => return Err("the server chose no SRTP profile that was offered".into()),
        };
        let mut config = SrtpConfig { profile, ..SrtpConfig::default() };
        let length = config.keying_material_len();
        let material = state.export_keying_material(LABEL_EXTRACTOR_DTLS_SRTP, &[], length)?;
        config.set_session_keys_from_keying_material(material.as_ref(), state.is_client())?;
        let (keys, crypto) = (&config.keys, self.identity.crypto());
        let context = |key: &[u8], salt: &[u8]| {
            Context::new(key, salt, profile, None, None, crypto).map_err(BoxError::from)
        };
        Ok(Srtp {
            inbound: context(&keys.remote_master_key, &keys.remote_master_salt)?,
            outbound: context(&keys.local_master_key, &keys.local_master_salt)?,
            gcm: matches!(profile, ProtectionProfile::AeadAes128Gcm),
        })
    }
}

/// What a DTLS record shows of itself.
struct Record {
    content_type: u8,
    epoch: u16,
    /// In clear handshake records, the type of the message.
    first_byte: Option<u8>,
}

/// The records in a datagram (RFC 6347, section 4.1).
fn records(mut datagram: &[u8]) -> impl Iterator<Item = Record> {
    std::iter::from_fn(move || {
        let (header, rest) = datagram.split_first_chunk::<RECORD_HEADER>()?;
        let length = usize::from(u16::from_be_bytes([header[11], header[12]]));
        let (body, after) = rest.split_at_checked(length)?;
        datagram = after;
        Some(Record {
            content_type: header[0],
            epoch: u16::from_be_bytes([header[3], header[4]]),
            first_byte: body.first().copied(),
        })
    })
}

fn config(
    identity: &Identity,
    role: Role,
    fingerprint: [u8; 32],
    srtp: SrtpOffer,
) -> Result<Arc<HandshakeConfig>, BoxError> {
    use SrtpProtectionProfile::{Srtp_Aead_Aes_128_Gcm as Gcm, Srtp_Aes128_Cm_Hmac_Sha1_80 as Sha1};
    let profiles = match srtp {
        SrtpOffer::GcmFirst => vec![Gcm, Sha1],
        SrtpOffer::Sha1First => vec![Sha1, Gcm],
        SrtpOffer::Sha1Only => vec![Sha1],
    };
    let provider: Arc<dyn RTCCryptoProvider> = identity.provider.clone();
    let config = ConfigBuilder::default()
        .with_crypto_provider(identity.provider.clone())
        .with_certificates(vec![identity.certificate.clone()])
        .with_srtp_protection_profiles(profiles)
        .with_extended_master_secret(ExtendedMasterSecretType::Require)
        .with_flight_interval(FLIGHT_INTERVAL)
        .with_client_auth(ClientAuthType::RequireAnyClientCert)
        // Certificates of WebRTC are self-signed: the fingerprint in the answer is what vouches for this one.
        .with_insecure_skip_verify(true)
        .with_verify_peer_certificate(Some(Arc::new(move |chain: &[Vec<u8>], _: &[_]| {
            let digest =
                chain.first().and_then(|der| provider.crypto().hash(HashAlgorithm::Sha256, der).ok());
            if digest.is_some_and(|digest| digest == fingerprint) {
                Ok(())
            } else {
                Err(rtc::shared::error::Error::ErrNoMatchingCertificateFingerprint)
            }
        })))
        .build(role == Role::Client, Some(PEER))?;
    Ok(Arc::new(config))
}

/// The two directions of SRTP and SRTCP.
pub(super) struct Srtp {
    pub(super) inbound: Context,
    pub(super) outbound: Context,
    /// AES-128-GCM rather than SHA1-80.
    pub(super) gcm: bool,
}

impl fmt::Debug for Srtp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Srtp").field("gcm", &self.gcm).finish_non_exhaustive()
    }
}
