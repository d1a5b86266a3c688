//! A server leg of one viewer: ICE-lite, DTLS server, one video source with RTX. Written for these tests, so
//! that they depend on no server of the project.

use std::collections::{HashMap, HashSet, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use rtc::crypto::HashAlgorithm;
use rtc::dtls::config::{ClientAuthType, ConfigBuilder, ExtendedMasterSecretType};
use rtc::dtls::endpoint::{Endpoint, EndpointEvent};
use rtc::dtls::extension::extension_use_srtp::SrtpProtectionProfile;
use rtc::rtcp::packet::{Packet, unmarshal};
use rtc::rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use rtc::rtcp::transport_feedbacks::transport_layer_nack::TransportLayerNack;
use rtc::shared::TransportProtocol;
use rtc::srtp::config::{Config, LABEL_EXTRACTOR_DTLS_SRTP};
use rtc::srtp::context::Context;
use rtc::srtp::protection_profile::ProtectionProfile;
use rtc::stun::attributes::{ATTR_USE_CANDIDATE, ATTR_USERNAME};
use rtc::stun::fingerprint::FINGERPRINT;
use rtc::stun::integrity::MessageIntegrity;
use rtc::stun::message::{BINDING_REQUEST, BINDING_SUCCESS, Message};
use rtc::stun::xoraddr::XorMappedAddress;

use super::super::config::Identity;

const UFRAG: &str = "serverufrag1";
const PASSWORD: &str = "serverpassword0123456789";
const SSRC: u32 = 0x1122_3344;
const PEER: &str = "192.0.2.9:9";
const MEDIA: u8 = 102;
const REPAIR: u8 = 103;
const TRANSPORT_CC_ID: u8 = 4;
const PLAYOUT_DELAY_ID: u8 = 5;

pub(super) struct Server {
    pub(super) address: SocketAddr,
    identity: Identity,
    remote_ufrag: String,
    transport_cc: bool,
    dtls: Endpoint,
    certificate_sent: bool,
    keys: Option<(Context, Context)>,
    nominated: bool,
    closed: bool,
    out: VecDeque<Bytes>,
    received: Vec<Box<dyn Packet>>,
    sequence: u16,
    repair_sequence: u16,
    transport_sequence: u16,
    sent: HashMap<u16, BytesMut>,
    lose: HashSet<u16>,
    never_repair: HashSet<u16>,
}

impl Server {
    pub(super) fn answer(identity: Identity, offer: &str) -> (Self, String) {
        let value = |name: &str| {
            offer.lines().find_map(|line| line.strip_prefix(&format!("a={name}:"))).unwrap().to_owned()
        };
        let (nack, transport_cc) = (offer.contains("a=rtpmap:103 rtx"), offer.contains(" transport-cc"));
        let address = "10.0.0.1:5000".parse().unwrap();
        let mut sdp = format!(
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=ice-lite\r\na=group:BUNDLE 0\r\n\
             m=video 9 UDP/TLS/RTP/SAVPF {MEDIA}{}\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\na=sendonly\r\na=rtcp-mux\r\n\
             a=rtcp-rsize\r\na=ice-ufrag:{UFRAG}\r\na=ice-pwd:{PASSWORD}\r\na=fingerprint:sha-256 {}\r\n\
             a=setup:passive\r\na=candidate:1 1 udp 2130706431 10.0.0.1 5000 typ host\r\na=end-of-candidates\r\n\
             a=rtpmap:{MEDIA} H264/90000\r\na=extmap:{PLAYOUT_DELAY_ID} x\r\n\
             a=fmtp:{MEDIA} level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f\r\n",
            if nack { format!(" {REPAIR}") } else { String::new() },
            identity.fingerprint(),
        );
        if nack {
            sdp += &format!(
                "a=rtcp-fb:{MEDIA} nack\r\na=rtpmap:{REPAIR} rtx/90000\r\na=fmtp:{REPAIR} apt={MEDIA}\r\n\
                 a=ssrc-group:FID {SSRC} {}\r\n",
                SSRC + 1
            );
        }
        if transport_cc {
            let uri = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01";
            sdp += &format!("a=rtcp-fb:{MEDIA} transport-cc\r\na=extmap:{TRANSPORT_CC_ID} {uri}\r\n");
        }
        let server = Self {
            address,
            remote_ufrag: value("ice-ufrag"),
            transport_cc,
            dtls: endpoint(&identity, value("fingerprint").to_lowercase()),
            identity,
            certificate_sent: false,
            keys: None,
            nominated: false,
            closed: false,
            out: VecDeque::new(),
            received: Vec::new(),
            sequence: 65_500,
            repair_sequence: 1,
            transport_sequence: 65_000,
            sent: HashMap::new(),
            lose: HashSet::new(),
            never_repair: HashSet::new(),
        };
        (server, sdp)
    }

    pub(super) fn is_connected(&self) -> bool {
        self.nominated && self.keys.is_some()
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed
    }

    pub(super) fn next_sequence(&self) -> u16 {
        self.sequence
    }

    /// The first transmission of these packets will be lost.
    pub(super) fn lose(&mut self, sequences: &[u16]) {
        self.lose.extend(sequences);
    }

    pub(super) fn never_repair(&mut self, sequence: u16) {
        self.never_repair.insert(sequence);
    }

    /// The RTCP packets of one kind received so far.
    pub(super) fn received<T: Clone + 'static>(&self) -> Vec<T> {
        self.received.iter().filter_map(|packet| packet.as_any().downcast_ref().cloned()).collect()
    }

    pub(super) fn keyframe_requests(&self) -> usize {
        self.received::<PictureLossIndication>().len()
    }

    pub(super) fn has_transmit(&self) -> bool {
        !self.out.is_empty()
    }

    pub(super) fn poll_transmit(&mut self) -> Option<Bytes> {
        self.out.pop_front()
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.dtls.poll_timeout(&peer())
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        if self.deadline().is_some_and(|deadline| deadline <= now) {
            self.dtls.handle_timeout(peer(), now).unwrap();
            self.drain();
        }
    }

    pub(super) fn close(&mut self, now: Instant) {
        self.dtls.close(now).unwrap();
        self.drain();
    }

    pub(super) fn handle_datagram(&mut self, now: Instant, from: SocketAddr, datagram: &[u8]) {
        match datagram[0] {
            0..=3 => self.check(from, datagram),
            20..=63 => self.handshake(now, datagram),
            _ => self.feedback(datagram),
        }
    }

    fn check(&mut self, from: SocketAddr, datagram: &[u8]) {
        let mut request = Message::new();
        request.unmarshal_binary(datagram).unwrap();
        assert_eq!(request.typ, BINDING_REQUEST);
        let username = String::from_utf8(request.get(ATTR_USERNAME).unwrap()).unwrap();
        assert_eq!(username, format!("{UFRAG}:{}", self.remote_ufrag));
        FINGERPRINT.check(&request).unwrap();
        let crypto = self.identity.provider.crypto();
        MessageIntegrity::check(&mut request, PASSWORD.as_bytes(), crypto).unwrap();
        self.nominated |= request.contains(ATTR_USE_CANDIDATE);
        let mut answer = Message::new();
        answer
            .build(&[
                Box::new(request.transaction_id),
                Box::new(BINDING_SUCCESS),
                Box::new(XorMappedAddress { ip: from.ip(), port: from.port() }),
                Box::new(MessageIntegrity::new_short_term_integrity_with_provider(PASSWORD.into(), crypto)),
                Box::new(FINGERPRINT),
            ])
            .unwrap();
        self.out.push_back(answer.raw.into());
    }

    fn handshake(&mut self, now: Instant, datagram: &[u8]) {
        // A repeated ClientHello would stop the endpoint's retransmissions.
        if self.certificate_sent && datagram[0] == 22 && datagram[3..5] == [0, 0] && datagram[13] == 1 {
            return;
        }
        let Ok(events) = self.dtls.read(now, peer(), None, BytesMut::from(datagram)) else {
            self.closed = true; // a fatal alert
            return;
        };
        for event in events {
            match event {
                EndpointEvent::HandshakeComplete => self.keys = Some(self.derive_keys()),
                EndpointEvent::PeerClosed => self.closed = true,
                _ => {}
            }
        }
        self.drain();
    }

    fn derive_keys(&self) -> (Context, Context) {
        let state = self.dtls.get_connection_state(peer()).unwrap();
        let profile = match state.srtp_protection_profile() {
            SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm => ProtectionProfile::AeadAes128Gcm,
            _ => ProtectionProfile::Aes128CmHmacSha1_80,
        };
        let mut config = Config { profile, ..Config::default() };
        let length = config.keying_material_len();
        let material = state.export_keying_material(LABEL_EXTRACTOR_DTLS_SRTP, &[], length).unwrap();
        config.set_session_keys_from_keying_material(material.as_ref(), state.is_client()).unwrap();
        let (keys, crypto) = (&config.keys, self.identity.provider.crypto());
        let context = |key: &[u8], salt: &[u8]| Context::new(key, salt, profile, None, None, crypto).unwrap();
        (
            context(&keys.local_master_key, &keys.local_master_salt),
            context(&keys.remote_master_key, &keys.remote_master_salt),
        )
    }

    fn drain(&mut self) {
        while let Some(transmit) = self.dtls.poll_transmit() {
            self.certificate_sent |= transmit.message.len() > 300;
            self.out.push_back(transmit.message.freeze());
        }
    }

    fn feedback(&mut self, datagram: &[u8]) {
        let (_, inbound) = self.keys.as_mut().unwrap();
        let mut packets = inbound.decrypt_rtcp(datagram).unwrap();
        let packets = unmarshal(&mut packets).unwrap();
        let nacks = packets.iter().filter_map(|packet| packet.as_any().downcast_ref::<TransportLayerNack>());
        let asked: Vec<u16> =
            nacks.flat_map(|nack| nack.nacks.iter().flat_map(|pair| pair.packet_list())).collect();
        self.received.extend(packets);
        for sequence in asked {
            self.repair(sequence);
        }
    }

    pub(super) fn send_picture(&mut self, timestamp: u32, payloads: &[Bytes]) {
        for (n, payload) in payloads.iter().enumerate() {
            let sequence = self.sequence;
            let packet = self.packet(timestamp, n + 1 == payloads.len(), payload);
            let sealed = self.encrypt(&packet);
            self.sent.insert(sequence, packet);
            if !self.lose.remove(&sequence) {
                self.out.push_back(sealed.freeze());
            }
        }
    }

    /// A packet that is sealed but not sent.
    pub(super) fn seal(&mut self, timestamp: u32, payload: &[u8]) -> BytesMut {
        let packet = self.packet(timestamp, true, payload);
        self.encrypt(&packet)
    }

    pub(super) fn send_report(&mut self, ntp: u64, timestamp: u32) {
        let mut packet = vec![0x80, 200, 0, 6];
        packet.extend(SSRC.to_be_bytes());
        packet.extend(ntp.to_be_bytes());
        for word in [timestamp, 0, 0] {
            packet.extend(word.to_be_bytes());
        }
        let (outbound, _) = self.keys.as_mut().unwrap();
        self.out.push_back(outbound.encrypt_rtcp(&packet).unwrap().freeze());
    }

    fn packet(&mut self, timestamp: u32, marker: bool, payload: &[u8]) -> BytesMut {
        let mut packet = BytesMut::new();
        packet.extend([0x90, MEDIA | u8::from(marker) << 7]);
        packet.extend(self.sequence.to_be_bytes());
        packet.extend(timestamp.to_be_bytes());
        packet.extend(SSRC.to_be_bytes());
        packet.extend([0xBE, 0xDE, 0, 2, PLAYOUT_DELAY_ID << 4 | 2, 0, 0, 0]);
        let [high, low] = self.transport_sequence.to_be_bytes();
        packet.extend(if self.transport_cc { [TRANSPORT_CC_ID << 4 | 1, high, low, 0] } else { [0; 4] });
        packet.extend(payload);
        self.sequence = self.sequence.wrapping_add(1);
        self.transport_sequence = self.transport_sequence.wrapping_add(1);
        packet
    }

    fn repair(&mut self, sequence: u16) {
        if self.never_repair.contains(&sequence) {
            return;
        }
        let original = &self.sent[&sequence];
        let mut packet = BytesMut::from(&original[..24]);
        packet[1] = REPAIR | (original[1] & 0x80);
        packet[2..4].copy_from_slice(&self.repair_sequence.to_be_bytes());
        packet[8..12].copy_from_slice(&(SSRC + 1).to_be_bytes());
        packet.extend(sequence.to_be_bytes());
        packet.extend(&original[24..]);
        self.repair_sequence += 1;
        let sealed = self.encrypt(&packet);
        self.out.push_back(sealed.freeze());
    }

    fn encrypt(&mut self, packet: &[u8]) -> BytesMut {
        let (outbound, _) = self.keys.as_mut().unwrap();
        outbound.encrypt_rtp(packet).unwrap()
    }
}

fn peer() -> SocketAddr {
    PEER.parse().unwrap()
}

fn endpoint(identity: &Identity, fingerprint: String) -> Endpoint {
    let provider = identity.provider.clone();
    let config = ConfigBuilder::default()
        .with_crypto_provider(identity.provider.clone())
        .with_certificates(vec![identity.certificate.clone()])
        .with_srtp_protection_profiles(vec![
            SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm,
            SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80,
        ])
        .with_client_auth(ClientAuthType::RequireAnyClientCert)
        .with_insecure_skip_verify(true)
        .with_extended_master_secret(ExtendedMasterSecretType::Require)
        .with_flight_interval(Duration::from_millis(100))
        .with_verify_peer_certificate(Some(Arc::new(move |chain: &[Vec<u8>], _: &[_]| {
            let digest = provider.crypto().hash(HashAlgorithm::Sha256, &chain[0]).unwrap();
            let hex: Vec<String> = digest.iter().map(|byte| format!("{byte:02x}")).collect();
            assert!(fingerprint.ends_with(&hex.join(":")));
            Ok(())
        })))
        .build(false, None)
        .unwrap();
    Endpoint::new("10.0.0.1:5000".parse().unwrap(), TransportProtocol::UDP, Some(Arc::new(config)))
}
