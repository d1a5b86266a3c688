//! SRTP (RFC 3711) for what is sent, SRTCP both ways.
//!
//! Media is sealed here, in place and without allocation, with AES-128-GCM (RFC 7714) of `ring`, which takes 0.5 to 0.7
//! of the time of the provider used everywhere else (`benches/fanout.rs` prints both). AES-CM with HMAC-SHA1-80,
//! for viewers without GCM, and all RTCP go through the context of `rtc`.

use bytes::{Bytes, BytesMut};
use ring::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use rtc::crypto::{BlockCipherAlgorithm, RTCCrypto, RTCCryptoProvider};
use rtc::srtp::config::{Config, LABEL_EXTRACTOR_DTLS_SRTP};
use rtc::srtp::context::Context;
use rtc::srtp::option::srtcp_replay_protection;
use rtc::srtp::protection_profile::ProtectionProfile;
use std::sync::Arc;

/// Bytes that sealing adds at most: the tag of AES-GCM (RFC 7714, section 14.2).
pub(crate) const MAX_OVERHEAD: usize = 16;

/// Labels of session keys (RFC 3711, section 4.3.2).
const LABEL_ENCRYPTION: u8 = 0;
const LABEL_SALT: u8 = 2;

/// SRTCP packets that may overtake each other.
const REPLAY_WINDOW: usize = 128;

/// Senders of reports behind one connection.
const MAX_KNOWN: usize = 16;
/// Packets of unknown senders that one context is tried with.
const MAX_PROBES: u32 = 256;

/// A protection profile of DTLS-SRTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Profile {
    /// `SRTP_AEAD_AES_128_GCM` (RFC 7714).
    AeadAes128Gcm,
    /// `SRTP_AES128_CM_HMAC_SHA1_80` (RFC 5764).
    Aes128CmHmacSha1_80,
}

impl Profile {
    const fn to_rtc(self) -> ProtectionProfile {
        match self {
            Self::AeadAes128Gcm => ProtectionProfile::AeadAes128Gcm,
            Self::Aes128CmHmacSha1_80 => ProtectionProfile::Aes128CmHmacSha1_80,
        }
    }
}

/// Why sealing or opening was impossible.
#[derive(Debug, thiserror::Error)]
#[error("SRTP failed: {0}")]
pub(crate) struct SrtpError(String);

impl SrtpError {
    fn new(error: &dyn std::fmt::Display) -> Self {
        Self(error.to_string())
    }
}

/// The master keys of both directions.
pub(crate) struct SrtpKeys {
    profile: Profile,
    local_key: Vec<u8>,
    local_salt: Vec<u8>,
    remote_key: Vec<u8>,
    remote_salt: Vec<u8>,
}

impl std::fmt::Debug for SrtpKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SrtpKeys").field("profile", &self.profile).finish_non_exhaustive()
    }
}

impl SrtpKeys {
    /// Takes the keys of a DTLS server from its exporter (RFC 5764, section 4.2), which is given a label and a length.
    pub(crate) fn export<E: std::fmt::Display>(
        profile: Profile,
        exporter: impl FnOnce(&str, usize) -> Result<Vec<u8>, E>,
    ) -> Result<Self, SrtpError> {
        let mut config = Config { profile: profile.to_rtc(), ..Config::default() };
        let material = exporter(LABEL_EXTRACTOR_DTLS_SRTP, config.keying_material_len())
            .map_err(|error| SrtpError::new(&error))?;
        config
            .set_session_keys_from_keying_material(&material, false)
            .map_err(|error| SrtpError::new(&error))?;
        let keys = config.keys;
        Ok(Self {
            profile,
            local_key: keys.local_master_key,
            local_salt: keys.local_master_salt,
            remote_key: keys.remote_master_key,
            remote_salt: keys.remote_master_salt,
        })
    }

    fn outgoing(&self, crypto: &dyn RTCCrypto) -> Result<Context, SrtpError> {
        self.context(&self.local_key, &self.local_salt, crypto)
    }

    fn incoming(&self, crypto: &dyn RTCCrypto) -> Result<Context, SrtpError> {
        self.context(&self.remote_key, &self.remote_salt, crypto)
    }

    fn context(&self, key: &[u8], salt: &[u8], crypto: &dyn RTCCrypto) -> Result<Context, SrtpError> {
        let replay = srtcp_replay_protection(REPLAY_WINDOW);
        Context::new(key, salt, self.profile.to_rtc(), None, Some(replay), crypto)
            .map_err(|error| SrtpError::new(&error))
    }

    /// Keys that follow from `seed`, for tests and benchmarks; `flipped` gives the peer's side of them.
    pub(crate) fn of_seed(profile: Profile, seed: u8, flipped: bool) -> Self {
        let salt_length = profile.to_rtc().salt_len();
        let (local, remote) = if flipped { (!seed, seed) } else { (seed, !seed) };
        Self {
            profile,
            local_key: vec![local; 16],
            local_salt: vec![local ^ 0x55; salt_length],
            remote_key: vec![remote; 16],
            remote_salt: vec![remote ^ 0x55; salt_length],
        }
    }
}

#[cfg(test)]
impl SrtpKeys {
    /// Opens what the other side seals.
    pub(crate) fn reader(&self) -> Context {
        let provider = rtc::crypto::default_provider().unwrap();
        let profile = self.profile.to_rtc();
        Context::new(&self.remote_key, &self.remote_salt, profile, None, None, provider.crypto()).unwrap()
    }
}

enum RtpSealer {
    Gcm {
        key: Box<LessSafeKey>,
        salt: [u8; 12],
    },
    Context(Box<Context>),
    /// Plain RTP.
    Clear,
}

/// Seals what goes to one viewer and opens its reports.
pub(crate) struct Srtp {
    rtp: RtpSealer,
    /// Absent for plain RTP.
    rtcp: Option<Box<Srtcp>>,
}

/// SRTCP in both directions.
struct Srtcp {
    out: Context,
    /// Opens reports of senders that have proved themselves. A context keeps state of each SSRC it ever saw, even of
    /// forged packets, so others are tried elsewhere first.
    incoming: Context,
    known: Vec<u32>,
    probe: Option<Context>,
    probed: u32,
    keys: SrtpKeys,
    provider: Arc<dyn RTCCryptoProvider>,
}

impl std::fmt::Debug for Srtp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let profile = match self.rtp {
            RtpSealer::Gcm { .. } => Profile::AeadAes128Gcm,
            RtpSealer::Context(_) => Profile::Aes128CmHmacSha1_80,
            RtpSealer::Clear => return f.write_str("Srtp(clear)"),
        };
        f.debug_struct("Srtp").field("profile", &profile).finish_non_exhaustive()
    }
}

impl Srtp {
    pub(crate) fn new(keys: SrtpKeys, provider: &Arc<dyn RTCCryptoProvider>) -> Result<Self, SrtpError> {
        let crypto = provider.crypto();
        let rtp = match keys.profile {
            Profile::AeadAes128Gcm => {
                let mut key = [0; 16];
                derive(crypto, LABEL_ENCRYPTION, &keys.local_key, &keys.local_salt, &mut key)?;
                let mut salt = [0; 12];
                derive(crypto, LABEL_SALT, &keys.local_key, &keys.local_salt, &mut salt)?;
                let key = UnboundKey::new(&AES_128_GCM, &key).map_err(|error| SrtpError::new(&error))?;
                RtpSealer::Gcm { key: Box::new(LessSafeKey::new(key)), salt }
            }
            Profile::Aes128CmHmacSha1_80 => RtpSealer::Context(Box::new(keys.outgoing(crypto)?)),
        };
        let rtcp = Srtcp {
            out: keys.outgoing(crypto)?,
            incoming: keys.incoming(crypto)?,
            known: Vec::new(),
            probe: None,
            probed: 0,
            keys,
            provider: provider.clone(),
        };
        Ok(Self { rtp, rtcp: Some(Box::new(rtcp)) })
    }

    /// Lets everything pass as it is: RTP as of RFC 3550, for receivers that have no keys.
    pub(crate) const fn clear() -> Self {
        Self { rtp: RtpSealer::Clear, rtcp: None }
    }

    /// Appends the sealed form of an RTP packet to `out`. `header` is the whole RTP header; `index` is the packet's
    /// index (RFC 3711, section 3.3.1), of which the header holds the low 16 bits. **An index is sealed once only.**
    pub(crate) fn seal(
        &mut self,
        out: &mut Vec<u8>,
        header: &[u8],
        payload: &[&[u8]],
        ssrc: u32,
        index: u64,
    ) -> Result<(), SrtpError> {
        let start = out.len();
        out.extend_from_slice(header);
        for part in payload {
            out.extend_from_slice(part);
        }
        match &mut self.rtp {
            RtpSealer::Gcm { key, salt } => {
                let nonce = Nonce::assume_unique_for_key(gcm_iv(salt, ssrc, index));
                let (header, body) = out[start..].split_at_mut(header.len());
                let tag = key
                    .seal_in_place_separate_tag(nonce, Aad::from(&*header), body)
                    .map_err(|error| SrtpError::new(&error))?;
                out.extend_from_slice(tag.as_ref());
            }
            RtpSealer::Context(context) => {
                let sealed = context.encrypt_rtp(&out[start..]).map_err(|error| SrtpError::new(&error))?;
                out.truncate(start);
                out.extend_from_slice(&sealed);
            }
            RtpSealer::Clear => {}
        }
        Ok(())
    }

    /// Bytes that sealing adds to a packet.
    pub(crate) const fn overhead(&self) -> usize {
        match self.rtp {
            RtpSealer::Gcm { .. } => 16,
            RtpSealer::Context(_) => 10,
            RtpSealer::Clear => 0,
        }
    }

    /// The sealed form of an RTCP compound packet.
    pub(crate) fn seal_rtcp(&mut self, packet: &[u8]) -> Result<Bytes, SrtpError> {
        match &mut self.rtcp {
            Some(rtcp) => {
                rtcp.out.encrypt_rtcp(packet).map(BytesMut::freeze).map_err(|error| SrtpError::new(&error))
            }
            None => Ok(Bytes::copy_from_slice(packet)),
        }
    }

    /// The RTCP compound packet of a sealed one; an error when it is forged, damaged or repeated.
    pub(crate) fn open_rtcp(&mut self, packet: &[u8]) -> Result<Bytes, SrtpError> {
        match &mut self.rtcp {
            Some(rtcp) => rtcp.open(packet),
            None => Ok(Bytes::copy_from_slice(packet)),
        }
    }
}

impl Srtcp {
    fn open(&mut self, packet: &[u8]) -> Result<Bytes, SrtpError> {
        let sender = packet.get(4..8).and_then(|ssrc| ssrc.try_into().ok()).map_or(0, u32::from_be_bytes);
        if !self.known.contains(&sender) {
            self.probed += 1;
            if self.probed > MAX_PROBES {
                self.probe = None;
                self.probed = 1;
            }
            let probe = match &mut self.probe {
                Some(probe) => probe,
                None => self.probe.insert(self.keys.incoming(self.provider.crypto())?),
            };
            probe.decrypt_rtcp(packet).map_err(|error| SrtpError::new(&error))?;
            self.probe = None;
            if self.known.len() == MAX_KNOWN {
                return Err(SrtpError(format!("more than {MAX_KNOWN} senders of reports")));
            }
            self.known.push(sender);
        }
        self.incoming.decrypt_rtcp(packet).map(BytesMut::freeze).map_err(|error| SrtpError::new(&error))
    }
}

/// The initialisation vector of AES-GCM (RFC 7714, section 8.1).
fn gcm_iv(salt: &[u8; 12], ssrc: u32, index: u64) -> [u8; 12] {
    let mut iv = *salt;
    for (byte, part) in iv[2..6].iter_mut().zip(ssrc.to_be_bytes()) {
        *byte ^= part;
    }
    for (byte, part) in iv[6..12].iter_mut().zip(&index.to_be_bytes()[2..]) {
        *byte ^= part;
    }
    iv
}

/// AES-CM key derivation with a rate of zero (RFC 3711, section 4.3.1), for keys of at most a block.
fn derive(
    crypto: &dyn RTCCrypto,
    label: u8,
    master_key: &[u8],
    master_salt: &[u8],
    out: &mut [u8],
) -> Result<(), SrtpError> {
    let mut block = [0; 16];
    block[..master_salt.len()].copy_from_slice(master_salt);
    block[7] ^= label;
    crypto
        .block_encrypt(BlockCipherAlgorithm::Aes128, master_key, &mut block)
        .map_err(|error| SrtpError::new(&error))?;
    out.copy_from_slice(&block[..out.len()]);
    Ok(())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;

    pub(crate) fn key_pair(profile: Profile, seed: u8) -> (SrtpKeys, SrtpKeys) {
        (SrtpKeys::of_seed(profile, seed, false), SrtpKeys::of_seed(profile, seed, true))
    }

    fn header(seq: u16, ssrc: u32, extension: bool) -> Vec<u8> {
        let mut header = vec![if extension { 0x90 } else { 0x80 }, 96];
        header.extend(seq.to_be_bytes());
        header.extend(1234_u32.to_be_bytes());
        header.extend(ssrc.to_be_bytes());
        if extension {
            header.extend([0xbe, 0xde, 0, 1, 0x52, 0, 0, 0]);
        }
        header
    }

    proptest! {
        /// Another implementation of SRTP opens what is sealed here, over the wrap of the sequence number.
        #[test]
        fn the_peer_opens_what_is_sealed(
            gcm in any::<bool>(), extension in any::<bool>(), seed in 1_u8..200, ssrc in any::<u32>(),
            payloads in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..1200), 1..40),
        ) {
            let profile = if gcm { Profile::AeadAes128Gcm } else { Profile::Aes128CmHmacSha1_80 };
            let (ours, theirs) = key_pair(profile, seed);
            let provider = rtc::crypto::default_provider().unwrap();
            let mut peer = theirs.reader();
            let mut srtp = Srtp::new(ours, &provider).unwrap();
            for (n, payload) in payloads.iter().enumerate() {
                let index = 65_520 + n as u64;
                let header = header(index as u16, ssrc, extension);
                let mut out = Vec::new();
                let (a, b) = payload.split_at(payload.len() / 2);
                srtp.seal(&mut out, &header, &[a, b], ssrc, index).unwrap();
                prop_assert_eq!(out.len(), header.len() + payload.len() + srtp.overhead());
                let opened = peer.decrypt_rtp(&out).unwrap();
                prop_assert_eq!(&opened[header.len()..], &payload[..]);
            }
        }
    }

    #[test]
    fn reports_are_opened_once_and_only_if_genuine() {
        for profile in [Profile::AeadAes128Gcm, Profile::Aes128CmHmacSha1_80] {
            let (ours, theirs) = key_pair(profile, 9);
            let provider = rtc::crypto::default_provider().unwrap();
            let mut srtp = Srtp::new(ours, &provider).unwrap();
            let mut peer = Srtp::new(theirs, &provider).unwrap();
            let report = [0x80, 201, 0, 1, 0, 0, 0, 7];
            let sealed = peer.seal_rtcp(&report).unwrap();
            assert_eq!(&srtp.open_rtcp(&sealed).unwrap()[..], &report);
            assert!(srtp.open_rtcp(&sealed).is_err(), "a repeated packet was taken");
            let mut forged = peer.seal_rtcp(&report).unwrap().to_vec();
            forged[5] ^= 1;
            assert!(srtp.open_rtcp(&forged).is_err());
        }
    }

    #[test]
    fn forged_reports_leave_nothing_behind_and_genuine_ones_still_open() {
        let (ours, theirs) = key_pair(Profile::AeadAes128Gcm, 9);
        let provider = rtc::crypto::default_provider().unwrap();
        let mut srtp = Srtp::new(ours, &provider).unwrap();
        let mut peer = Srtp::new(theirs, &provider).unwrap();
        for n in 0..10_000_u32 {
            let mut forged = vec![0x80, 201, 0, 1];
            forged.extend(n.to_be_bytes());
            forged.extend([0; 24]);
            assert!(srtp.open_rtcp(&forged).is_err());
        }
        let rtcp = srtp.rtcp.as_ref().unwrap();
        assert!(rtcp.known.is_empty() && rtcp.probed <= MAX_PROBES);
        for n in 0..3 {
            let report = [0x80, 201, 0, 1, 0, 0, 0, n];
            let sealed = peer.seal_rtcp(&report).unwrap();
            assert_eq!(&srtp.open_rtcp(&sealed).unwrap()[..], &report);
            assert!(srtp.open_rtcp(&sealed).is_err(), "a repeated packet was taken");
        }
    }
}
