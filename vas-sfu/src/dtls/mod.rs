//! The DTLS 1.2 server of a connection (RFC 6347), which yields the keys for SRTP (RFC 5764).
//!
//! It wraps the sans-IO endpoint of `rtc` and adds what browsers need: the ClientHello, which comes in several
//! datagrams, is put together before the endpoint sees a byte, so that AES-GCM can be chosen whatever the client's
//! order; and ClientHellos repeated after the certificate flight are withheld, since the endpoint would disarm its
//! retransmission timer over them and never arm it again.

pub(crate) mod hello;

use crate::error::StartError;
use crate::srtp::{Profile, SrtpKeys};
use bytes::{Bytes, BytesMut};
use hello::ClientHelloAssembly;
use rtc::crypto::{HashAlgorithm, RTCCryptoProvider};
use rtc::dtls::config::{ClientAuthType, ConfigBuilder, ExtendedMasterSecretType, HandshakeConfig};
use rtc::dtls::crypto::Certificate;
use rtc::dtls::endpoint::{Endpoint, EndpointEvent};
use rtc::dtls::extension::extension_use_srtp::SrtpProtectionProfile;
use rtc::shared::TransportProtocol;
use rtc::shared::error::Error as RtcError;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Time after which a flight without an answer is first sent again; doubled each time (RFC 6347, section 4.2.4.1
/// suggests 1 s, which a viewer would notice).
const FLIGHT_INTERVAL: Duration = Duration::from_millis(100);
/// The longest time between two of the same flight.
const MAX_FLIGHT_INTERVAL: Duration = Duration::from_millis(6_400);

/// Bytes in the clear that a client may send until the handshake is complete; a browser needs 4 kB. The endpoint puts
/// fragments together recursively, so this also bounds its stack.
const HANDSHAKE_BUDGET: usize = 64 << 10;
/// The same from then on, for repetitions of the last flight.
const REPEAT_BUDGET: usize = 16 << 10;

/// The endpoint keys its associations by remote address. A viewer's may change, so each gets this constant one.
const PEER: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 1);

const RECORD_HEADER: usize = 13;
const CONTENT_ALERT: u8 = 21;
const CONTENT_HANDSHAKE: u8 = 22;
const HANDSHAKE_CLIENT_HELLO: u8 = 1;
const HANDSHAKE_SERVER_HELLO: u8 = 2;

/// The certificate of this process and the provider of cryptography, shared by all connections.
pub(crate) struct DtlsIdentity {
    provider: Arc<dyn RTCCryptoProvider>,
    certificate: Certificate,
    fingerprint: [u8; 32],
}

impl std::fmt::Debug for DtlsIdentity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DtlsIdentity").finish_non_exhaustive()
    }
}

impl DtlsIdentity {
    /// A fresh self-signed certificate (RFC 8827, section 6.5).
    pub(crate) fn generate() -> Result<Self, StartError> {
        let failed = |error: &dyn std::fmt::Display| StartError::Certificate(error.to_string().into());
        let provider = rtc::crypto::default_provider().map_err(|error| failed(&error))?;
        let certificate = Certificate::generate_self_signed(vec!["vas".to_owned()], provider.crypto())
            .map_err(|error| failed(&error))?;
        let hash = provider
            .crypto()
            .hash(HashAlgorithm::Sha256, &certificate.certificate[0])
            .map_err(|error| failed(&error))?;
        let fingerprint = hash.try_into().map_err(|_| failed(&"a SHA-256 digest is not 32 bytes"))?;
        Ok(Self { provider, certificate, fingerprint })
    }

    pub(crate) const fn provider(&self) -> &Arc<dyn RTCCryptoProvider> {
        &self.provider
    }

    /// SHA-256 of the certificate.
    pub(crate) const fn fingerprint(&self) -> &[u8; 32] {
        &self.fingerprint
    }

    /// The configuration for a peer with one of `fingerprints` (SHA-256).
    fn config(
        &self,
        fingerprints: &Arc<[[u8; 32]]>,
        profiles: Vec<SrtpProtectionProfile>,
    ) -> Result<Arc<HandshakeConfig>, RtcError> {
        let (provider, expected) = (self.provider.clone(), fingerprints.clone());
        ConfigBuilder::default()
            .with_crypto_provider(self.provider.clone())
            .with_certificates(vec![self.certificate.clone()])
            .with_srtp_protection_profiles(profiles)
            .with_client_auth(ClientAuthType::RequireAnyClientCert)
            // Certificates are self-signed; the fingerprint from signalling is what proves them.
            .with_insecure_skip_verify(true)
            .with_extended_master_secret(ExtendedMasterSecretType::Require)
            .with_flight_interval(FLIGHT_INTERVAL)
            .with_verify_peer_certificate(Some(Arc::new(move |certificates: &[Vec<u8>], _: &[_]| {
                let hash = certificates
                    .first()
                    .and_then(|certificate| provider.crypto().hash(HashAlgorithm::Sha256, certificate).ok())
                    .ok_or(RtcError::ErrNoMatchingCertificateFingerprint)?;
                if expected.iter().any(|fingerprint| fingerprint[..] == hash) {
                    Ok(())
                } else {
                    Err(RtcError::ErrNoMatchingCertificateFingerprint)
                }
            })))
            .build(false, None)
            .map(Arc::new)
    }
}

/// What a datagram led to.
#[derive(Debug)]
pub(crate) enum DtlsEvent {
    /// The handshake is complete.
    Keys(Box<SrtpKeys>),
    /// The peer closed the association.
    Closed,
}

/// Why a handshake failed.
#[derive(Debug, thiserror::Error)]
#[error("the DTLS handshake failed: {0}")]
pub(crate) struct DtlsError(String);

impl From<RtcError> for DtlsError {
    fn from(error: RtcError) -> Self {
        Self(error.to_string())
    }
}

/// The server side of one association.
pub(crate) struct DtlsServer {
    endpoint: Endpoint,
    identity: Arc<DtlsIdentity>,
    fingerprints: Arc<[[u8; 32]]>,
    hello: Option<ClientHelloAssembly>,
    server_hello_sent: bool,
    complete: bool,
    /// Bytes in the clear that are still taken.
    budget: usize,
    /// No flight is sent again before this.
    next_flight: Option<Instant>,
    flight_interval: Duration,
}

impl std::fmt::Debug for DtlsServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DtlsServer").field("complete", &self.complete).finish_non_exhaustive()
    }
}

impl DtlsServer {
    /// Waits for a client whose certificate has one of `fingerprints` (SHA-256).
    pub(crate) fn new(identity: Arc<DtlsIdentity>, fingerprints: Arc<[[u8; 32]]>) -> Result<Self, DtlsError> {
        let both = vec![
            SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm,
            SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80,
        ];
        let config = identity.config(&fingerprints, both)?;
        let endpoint = Endpoint::new(PEER, TransportProtocol::UDP, Some(config));
        Ok(Self {
            endpoint,
            identity,
            fingerprints,
            hello: Some(ClientHelloAssembly::default()),
            server_hello_sent: false,
            complete: false,
            budget: HANDSHAKE_BUDGET,
            next_flight: None,
            flight_interval: FLIGHT_INTERVAL,
        })
    }

    /// Takes a datagram of the client. Afterwards [`Self::poll_transmit`] is to be drained.
    ///
    /// What is malformed is passed over in silence (RFC 6347, section 4.1.2.7): anybody could have sent it. After the
    /// handshake nothing but the client's authenticated close ends the association.
    pub(crate) fn handle(&mut self, now: Instant, datagram: &[u8]) -> Result<Option<DtlsEvent>, DtlsError> {
        let Some(clear) = clear_bytes(datagram) else { return Ok(None) };
        if clear > self.budget {
            if self.complete {
                return Ok(None);
            }
            return Err(DtlsError("the client sends handshake messages without end".to_owned()));
        }
        self.budget -= clear;
        let event = self.take(now, datagram);
        if self.complete { Ok(event.unwrap_or(None)) } else { event }
    }

    fn take(&mut self, now: Instant, datagram: &[u8]) -> Result<Option<DtlsEvent>, DtlsError> {
        if self.server_hello_sent && !self.complete && is_hello(datagram) {
            return Ok(None);
        }
        let Some(hello) = &mut self.hello else { return self.feed(now, datagram) };
        let Some(whole) = hello.add(datagram) else { return Ok(None) };
        if whole.offers_aes_128_gcm {
            // Alone on offer, for the endpoint would follow the client's order, where SHA1-80 comes first.
            let gcm = vec![SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm];
            let config = self.identity.config(&self.fingerprints, gcm)?;
            self.endpoint.set_server_config(Some(config));
        }
        self.hello = None;
        let mut event = None;
        for datagram in whole.datagrams {
            event = self.feed(now, &datagram)?.or(event);
        }
        Ok(event)
    }

    fn feed(&mut self, now: Instant, datagram: &[u8]) -> Result<Option<DtlsEvent>, DtlsError> {
        let mut event = None;
        for happened in self.endpoint.read(now, PEER, None, BytesMut::from(datagram))? {
            match happened {
                EndpointEvent::HandshakeComplete => {
                    self.complete = true;
                    self.budget = REPEAT_BUDGET;
                    event = Some(DtlsEvent::Keys(Box::new(self.export_keys()?)));
                }
                EndpointEvent::PeerClosed => event = Some(DtlsEvent::Closed),
                // No data channels: application data has no reader.
                _ => {}
            }
        }
        Ok(event)
    }

    fn export_keys(&self) -> Result<SrtpKeys, DtlsError> {
        let state = self
            .endpoint
            .get_connection_state(PEER)
            .ok_or_else(|| DtlsError("the association is gone".to_owned()))?;
        let profile = match state.srtp_protection_profile() {
            SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm => Profile::AeadAes128Gcm,
            SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80 => Profile::Aes128CmHmacSha1_80,
            _ => return Err(DtlsError("no SRTP protection profile in common".to_owned())),
        };
        SrtpKeys::export(profile, |label, length| {
            state.export_keying_material(label, &[], length).map(|material| material.as_ref().to_vec())
        })
        .map_err(|error| DtlsError(error.to_string()))
    }

    /// The next datagram to send to the client.
    pub(crate) fn poll_transmit(&mut self) -> Option<Bytes> {
        let message = self.endpoint.poll_transmit()?.message;
        self.server_hello_sent |= starts_handshake(&message, HANDSHAKE_SERVER_HELLO);
        Some(message.freeze())
    }

    /// When [`Self::handle_timeout`] wants to be called.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let timer = self.endpoint.poll_timeout(&PEER)?;
        Some(self.next_flight.map_or(timer, |next| timer.max(next)))
    }

    /// Sends a flight again whose time has come.
    pub(crate) fn handle_timeout(&mut self, now: Instant) -> Result<(), DtlsError> {
        self.flight_interval = (self.flight_interval * 2).min(MAX_FLIGHT_INTERVAL);
        self.next_flight = Some(now + self.flight_interval);
        Ok(self.endpoint.handle_timeout(PEER, now)?)
    }

    /// Tells the client that the association ends.
    pub(crate) fn close(&mut self, now: Instant) {
        // An error means that there is no association to end.
        let _ = self.endpoint.close(now);
    }
}

/// Bytes of a datagram's records in epoch 0, which anybody could have written; `None` when the records don't fill the
/// datagram or when one is an alert in the clear, by which anybody could end the association.
fn clear_bytes(datagram: &[u8]) -> Option<usize> {
    let (mut rest, mut clear) = (datagram, 0);
    while !rest.is_empty() {
        let header = rest.first_chunk::<RECORD_HEADER>()?;
        let length = RECORD_HEADER + usize::from(u16::from_be_bytes([header[11], header[12]]));
        rest = rest.get(length..)?;
        if header[3..5] == [0, 0] {
            if header[0] == CONTENT_ALERT {
                return None;
            }
            clear += length;
        }
    }
    Some(clear)
}

/// Whether a datagram begins a handshake, or is a later part of its first message: a client sends it again and again
/// until it has an answer, so it answers nothing itself.
pub(crate) fn is_hello(datagram: &[u8]) -> bool {
    starts_handshake(datagram, HANDSHAKE_CLIENT_HELLO)
}

/// Whether the first record of a datagram is a handshake message of this type in epoch 0, thus in the clear.
fn starts_handshake(datagram: &[u8], kind: u8) -> bool {
    datagram.first() == Some(&CONTENT_HANDSHAKE)
        && datagram.get(3..5) == Some(&[0, 0])
        && datagram.get(RECORD_HEADER) == Some(&kind)
}

#[cfg(test)]
mod tests;
