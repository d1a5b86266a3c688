//! A viewer against a whole peer connection, with its own offer parser, full ICE and interceptors, in both
//! DTLS roles.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use rtc::ice::candidate::CandidateConfig;
use rtc::ice::candidate::candidate_host::CandidateHostConfig;
use rtc::interceptor::Registry;
use rtc::media_stream::MediaStreamTrack;
use rtc::peer_connection::configuration::interceptor_registry::register_default_interceptors;
use rtc::peer_connection::configuration::media_engine::{MIME_TYPE_H264, MediaEngine};
use rtc::peer_connection::configuration::setting_engine::SettingEngineBuilder;
use rtc::peer_connection::event::RTCPeerConnectionEvent;
use rtc::peer_connection::sdp::RTCSessionDescription;
use rtc::peer_connection::state::RTCPeerConnectionState;
use rtc::peer_connection::transport::{RTCDtlsRole, RTCIceCandidate};
use rtc::peer_connection::{RTCPeerConnection, RTCPeerConnectionBuilder};
use rtc::rtp;
use rtc::rtp_transceiver::RTCRtpSenderId;
use rtc::rtp_transceiver::rtp_sender::{
    RTCRtpCodec, RTCRtpCodecParameters, RTCRtpCodingParameters, RTCRtpEncodingParameters, RtpCodecKind,
};
use rtc::sansio::Protocol;
use rtc::shared::{TaggedBytesMut, TransportContext, TransportProtocol};

use super::super::*;
use super::peer::identity;
use super::picture;

const SSRC: u32 = 0x0102_0304;

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn server_address() -> SocketAddr {
    address("10.0.0.1:5000")
}

fn viewer_address() -> SocketAddr {
    address("10.1.0.1:6000")
}

/// A peer connection that has answered the offer with one H.264 track.
fn answering(now: Instant, offer: &str, role: RTCDtlsRole) -> (RTCPeerConnection, RTCRtpSenderId, String) {
    let codec = RTCRtpCodec {
        mime_type: MIME_TYPE_H264.to_owned(),
        clock_rate: 90_000,
        sdp_fmtp_line: "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f".to_owned(),
        ..RTCRtpCodec::default()
    };
    let mut media = MediaEngine::default();
    let parameters = RTCRtpCodecParameters { rtp_codec: codec.clone(), payload_type: 102 };
    media.register_codec(parameters, RtpCodecKind::Video).unwrap();
    let registry = register_default_interceptors(Registry::new(), &mut media).unwrap();
    let mut peer = RTCPeerConnectionBuilder::new()
        .with_setting_engine(SettingEngineBuilder::new().with_answering_dtls_role(role).build())
        .with_media_engine(media)
        .with_interceptor_registry(registry)
        .build(now)
        .unwrap();
    let encoding = RTCRtpEncodingParameters {
        rtp_coding_parameters: RTCRtpCodingParameters {
            ssrc: Some(SSRC),
            ..RTCRtpCodingParameters::default()
        },
        codec,
        ..RTCRtpEncodingParameters::default()
    };
    let track = MediaStreamTrack::new(
        "camera".to_owned(),
        "video".to_owned(),
        "video".to_owned(),
        RtpCodecKind::Video,
        vec![encoding],
    );
    let sender = peer.add_track(track).unwrap();
    peer.set_remote_description(now, RTCSessionDescription::offer(offer.to_owned()).unwrap()).unwrap();
    let candidate = CandidateHostConfig {
        base_config: CandidateConfig {
            network: "udp".to_owned(),
            address: server_address().ip().to_string(),
            port: server_address().port(),
            component: 1,
            ..CandidateConfig::default()
        },
        ..CandidateHostConfig::default()
    };
    let candidate = candidate.new_candidate_host().unwrap();
    peer.add_local_candidate(RTCIceCandidate::from(&candidate).to_json().unwrap()).unwrap();
    let answer = peer.create_answer(None).unwrap();
    peer.set_local_description(now, answer).unwrap();
    let answer = peer.local_description().unwrap().sdp.clone();
    (peer, sender, answer)
}

/// Moves datagrams until neither side has any; true when the peer connection said that it is connected.
fn exchange(now: Instant, viewer: &mut Viewer, peer: &mut RTCPeerConnection) -> bool {
    let mut connected = false;
    viewer.handle_timeout(now);
    let _ = peer.handle_timeout(now);
    loop {
        let mut moved = false;
        while let Some(transmit) = viewer.poll_transmit() {
            moved = true;
            let transport = TransportContext {
                local_addr: server_address(),
                peer_addr: viewer_address(),
                transport_protocol: TransportProtocol::UDP,
                ecn: None,
            };
            let message = BytesMut::from(&transmit.payload[..]);
            let _ = peer.handle_read(TaggedBytesMut { now, transport, message });
        }
        while let Some(message) = peer.poll_write() {
            moved = true;
            viewer.handle_datagram(now, server_address(), &message.message);
        }
        while peer.poll_read().is_some() {}
        while let Some(event) = peer.poll_event() {
            let state = RTCPeerConnectionState::Connected;
            connected |=
                matches!(event, RTCPeerConnectionEvent::OnConnectionStateChangeEvent(s) if s == state);
        }
        if !moved {
            return connected;
        }
    }
}

fn receives(role: RTCDtlsRole, setup: &str) {
    let mut now = Instant::now();
    let mut config = ViewerConfig::delivering(identity());
    config.candidates = vec![viewer_address()];
    let mut viewer = Viewer::new(config);
    let (mut peer, sender, answer) = answering(now, viewer.offer(), role);
    assert!(answer.contains(setup), "{answer}");
    viewer.accept_answer(now, &answer).unwrap();
    let mut connected = false;
    for _ in 0..200 {
        connected |= exchange(now, &mut viewer, &mut peer);
        now += Duration::from_millis(20);
    }
    assert!(connected && viewer.is_connected(), "{:?}", viewer.poll_event());

    for n in 0..50_u16 {
        let packet = rtp::Packet {
            header: rtp::Header {
                version: 2,
                marker: true,
                payload_type: 102,
                sequence_number: n,
                timestamp: u32::from(n) * 3600,
                ssrc: SSRC,
                ..rtp::Header::default()
            },
            payload: Bytes::clone(&picture(1, n == 0)[0]),
        };
        peer.rtp_sender(sender).unwrap().write_rtp(now, packet).unwrap();
        exchange(now, &mut viewer, &mut peer);
        now += Duration::from_millis(40);
    }
    let stats = viewer.stats();
    assert_eq!((stats.packets, stats.lost, stats.rejected), (50, 0, 0));
    assert!(stats.first_keyframe_at.is_some());
}

#[test]
fn receives_from_a_peer_connection_as_dtls_client() {
    receives(RTCDtlsRole::Server, "a=setup:passive");
}

#[test]
fn receives_from_a_peer_connection_as_dtls_server() {
    receives(RTCDtlsRole::Client, "a=setup:active");
}
