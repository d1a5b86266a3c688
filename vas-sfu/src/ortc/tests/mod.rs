//! Tests of the vocabulary, with what `mediasoup-client` says in Chromium.

use super::*;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::num::NonZeroU32;
use std::sync::Arc;
use vas_core::media::{AudioCodec, AudioFormat, Codec, TrackFormat, VideoCodec, VideoFormat};

/// `Device.recvRtpCapabilities` of `mediasoup-client` 3.18 in Debian's Chromium, which has no H.265, loaded with this
/// side's capabilities.
const CHROMIUM: &str = include_str!("chromium.json");

fn chromium() -> RtpCapabilities {
    serde_json::from_str(CHROMIUM).unwrap()
}

fn h264(profile_level_id: &str) -> Arc<TrackFormat> {
    let rfc6381 = format!("avc1.{profile_level_id}");
    video(VideoCodec::H264, &rfc6381)
}

fn video(codec: VideoCodec, rfc6381: &str) -> Arc<TrackFormat> {
    let format = VideoFormat { codec, rfc6381: rfc6381.to_owned(), ..VideoFormat::vp8(640, 360) };
    Arc::new(TrackFormat::Video(format))
}

fn audio(format: AudioFormat) -> Arc<TrackFormat> {
    Arc::new(TrackFormat::Audio(format))
}

fn aac(channels: u8) -> Arc<TrackFormat> {
    audio(AudioFormat::aac(NonZeroU32::new(44_100).unwrap(), channels, [0x12, 0x10].as_slice().into()))
}

fn capabilities(value: Value) -> RtpCapabilities {
    serde_json::from_value(value).unwrap()
}

#[test]
fn what_this_side_can_send_is_written_as_mediasoup_client_reads_it() {
    let json = serde_json::to_value(router_capabilities()).unwrap();
    let of = |name: &str| -> Vec<&Value> {
        json["codecs"].as_array().unwrap().iter().filter(|codec| codec["mimeType"] == name).collect()
    };
    let h264 = of("video/H264");
    assert_eq!(h264.len(), 1);
    assert_eq!(h264[0]["kind"], "video");
    assert_eq!(h264[0]["clockRate"], 90_000);
    assert_eq!(h264[0].get("channels"), None);
    let parameters =
        json!({"profile-level-id": "42e01f", "packetization-mode": 1, "level-asymmetry-allowed": 1});
    assert_eq!(h264[0]["parameters"], parameters);
    assert!(
        h264[0]["rtcpFeedback"].as_array().unwrap().contains(&json!({"type": "nack", "parameter": "pli"}))
    );
    assert_eq!(of("audio/opus")[0]["channels"], 2);
    assert_eq!((of("audio/PCMU").len(), of("audio/PCMA").len(), of("audio/G722").len()), (1, 1, 1));
    assert_eq!((of("video/H265").len(), of("video/VP8").len(), of("video/AV1").len()), (1, 1, 1));

    // Each codec for pictures has retransmissions, under the one number that they name.
    for rtx in of("video/rtx") {
        let of_this = |codec: &&&Value| codec["preferredPayloadType"] == rtx["parameters"]["apt"];
        let codecs = json["codecs"].as_array().unwrap();
        assert_eq!(codecs.iter().filter(|codec| of_this(&codec)).count(), 1, "{rtx}");
    }
    assert_eq!(of("video/rtx").len(), 4);
    for extension in json["headerExtensions"].as_array().unwrap() {
        assert_eq!(extension["direction"], "sendrecv");
        assert_eq!(extension["preferredEncrypt"], false);
    }
    let own = router_capabilities();
    own.validate().unwrap();
    assert_eq!(capabilities(json), own);
}

#[test]
fn chromium_gets_h264_of_every_profile_with_all_that_it_agrees_to() {
    let remote = chromium();
    remote.validate().unwrap();
    for profile in ["42e01f", "42001f", "4d0028", "64001f", "640c32"] {
        let matched = match_consumer(&[h264(profile)], &remote).unwrap();
        let codec = matched.layers[0].as_ref().unwrap();
        assert_eq!((codec.mime_type, codec.payload_type, codec.rtx), ("video/H264", 102, Some(103)));
        let all = Feedback { nack: true, pli: true, fir: true, transport_cc: true, remb: false };
        assert_eq!(codec.feedback, all);
        let agreed = Extensions { mid: Some(1), transport_cc: Some(3), playout_delay: Some(4) };
        assert_eq!(matched.extensions, agreed);
        assert_eq!(codec.parameters.get("profile-level-id"), Some(&"42e01f".into()));
    }
}

#[test]
fn what_is_sent_is_written_as_mediasoup_client_reads_it() {
    let matched = match_consumer(&[h264("64001f")], &chromium()).unwrap();
    let parameters = consumer_parameters(&matched, 7, Some(8), "vas", Some("0"));
    let json = serde_json::to_value(&parameters).unwrap();
    assert_eq!(json["mid"], "0");
    assert_eq!(json["encodings"], json!([{"ssrc": 7, "rtx": {"ssrc": 8}}]));
    assert_eq!(json["rtcp"], json!({"cname": "vas", "reducedSize": true, "mux": true}));
    let types: Vec<_> =
        json["codecs"].as_array().unwrap().iter().map(|codec| &codec["payloadType"]).collect();
    assert_eq!(types, [102, 103]);
    assert_eq!(json["codecs"][1]["mimeType"], "video/rtx");
    assert_eq!(json["codecs"][1]["parameters"], json!({"apt": 102}));
    let feedback = json["codecs"][0]["rtcpFeedback"].as_array().unwrap();
    assert!(feedback.contains(&json!({"type": "transport-cc", "parameter": ""})), "{feedback:?}");
    assert!(feedback.iter().all(|kind| kind["type"] != "goog-remb"), "{feedback:?}");
    assert_eq!(serde_json::from_value::<RtpParameters>(json).unwrap(), parameters);

    let plain = consumer_parameters(&matched, 7, None, "vas", None);
    assert_eq!((plain.codecs.len(), plain.encodings[0].rtx), (1, None), "no stream to send again on");
}

#[test]
fn layers_that_the_viewer_lacks_are_left_out() {
    let layers = [video(VideoCodec::H265, "hvc1.1.6.L93.90"), h264("4d001f"), h264("42e01f")];
    let matched = match_consumer(&layers, &chromium()).unwrap();
    assert_eq!(matched.layers.iter().map(Option::is_some).collect::<Vec<_>>(), [false, true, true]);
    let parameters = consumer_parameters(&matched, 1, Some(2), "c", None);
    assert_eq!(parameters.codecs.len(), 2, "the two layers of H.264 share a number: {parameters:?}");

    let error = match_consumer(&layers[..1], &chromium()).unwrap_err();
    assert_eq!((error.kind, error.codecs.as_slice()), (MediaKind::Video, &["H265"][..]));
    assert!(error.to_string().contains("H265") && error.to_string().contains("HLS"), "{error}");
    assert!(!can_consume(&layers[..1], &chromium()) && can_consume(&layers, &chromium()));
    assert!(!can_consume(&[], &chromium()));
}

#[test]
fn every_codec_that_this_side_can_send_matches_itself() {
    let own = router_capabilities();
    for format in [
        h264("64001f"),
        video(VideoCodec::H265, "hvc1.1.6.L93.90"),
        video(VideoCodec::Av1, "av01.0.05M.08"),
        video(VideoCodec::Vp8, "vp8"),
        audio(AudioFormat::opus(2)),
        audio(AudioFormat::g711(AudioCodec::Pcmu)),
        audio(AudioFormat::g711(AudioCodec::Pcma)),
        audio(AudioFormat::g722()),
    ] {
        let matched = match_consumer(std::slice::from_ref(&format), &own).unwrap();
        let codec = matched.layers[0].as_ref().unwrap();
        assert_eq!(codec.codec, format.codec());
        assert_eq!(codec.rtx.is_some(), codec.codec.is_video());
        assert_eq!(matched.extensions.playout_delay.is_some(), codec.codec.is_video());
        assert!(!codec.feedback.nack || codec.codec.is_video(), "lost sound is not sent again");
    }
}

#[cfg(feature = "transcode")]
#[test]
fn aac_is_matched_as_opus_with_the_channels_that_it_has() {
    for (channels, stereo) in [(1, None), (2, Some(&ParameterValue::from(1)))] {
        let matched = match_consumer(&[aac(channels)], &chromium()).unwrap();
        let codec = matched.layers[0].as_ref().unwrap();
        assert_eq!(codec.codec, Codec::Audio(AudioCodec::Opus));
        assert_eq!((codec.clock_rate, codec.channels), (48_000, Some(2)));
        assert_eq!(codec.parameters.get("sprop-stereo"), stereo);
    }
}

#[test]
fn the_viewers_nearest_profile_and_its_own_numbers_are_used() {
    let codec = |payload_type: u8, mode: Value, profile: Value| {
        json!({"mimeType": "video/h264", "kind": "video", "preferredPayloadType": payload_type, "clockRate": 90_000,
               "parameters": {"packetization-mode": mode, "profile-level-id": profile}})
    };
    let remote = capabilities(json!({ "codecs": [
        codec(96, json!(0), json!("640032")),
        codec(97, json!("1"), json!("42e01f")),
        // A client that reads SDP itself makes a number of what looks like one.
        codec(98, json!(1), json!(640_032)),
        {"mimeType": "video/RTX", "preferredPayloadType": 99, "clockRate": 90_000, "parameters": {"apt": "98"}},
    ]}));
    remote.validate().unwrap();
    let matched = match_consumer(&[h264("640028")], &remote).unwrap();
    let codec = matched.layers[0].as_ref().unwrap();
    assert_eq!((codec.payload_type, codec.rtx), (98, Some(99)));
    assert_eq!((codec.feedback, matched.extensions), (Feedback::default(), Extensions::default()));
    assert_eq!(
        match_consumer(&[h264("42e01f")], &remote).unwrap().layers[0].as_ref().unwrap().payload_type,
        97
    );

    let bare = capabilities(json!({ "codecs": [{"mimeType": "video/H264", "clockRate": 90_000}] }));
    let codec = match_consumer(&[h264("640028")], &bare).unwrap().layers[0].clone().unwrap();
    assert_eq!(
        (codec.payload_type, codec.rtx),
        (102, None),
        "this side's own number where the viewer has none"
    );
    let mode_0 = capabilities(json!({ "codecs": [
        {"mimeType": "video/H264", "clockRate": 90_000, "parameters": {"profile-level-id": "42e01f"}},
    ]}));
    assert!(!can_consume(&[h264("42e01f")], &mode_0), "packetization mode 0 takes no fragments");
}

#[test]
fn remb_takes_the_place_of_transport_wide_feedback() {
    let mut remote = chromium();
    remote.header_extensions.retain(|extension| extension.uri != uri::TRANSPORT_CC);
    let matched = match_consumer(&[h264("42e01f")], &remote).unwrap();
    let feedback = matched.layers[0].as_ref().unwrap().feedback;
    assert!(feedback.remb && !feedback.transport_cc);
}

#[test]
fn header_extensions_need_a_number_of_their_own_in_the_short_form() {
    let mut remote = chromium();
    let playout = |id: u8| RtpHeaderExtension {
        kind: None,
        uri: uri::PLAYOUT_DELAY.to_owned(),
        preferred_id: id,
        preferred_encrypt: false,
        direction: Direction::RecvOnly,
    };
    remote.header_extensions.retain(|extension| extension.uri != uri::PLAYOUT_DELAY);
    let agreed = |remote: &RtpCapabilities| {
        match_consumer(&[h264("42e01f")], remote).unwrap().extensions.playout_delay
    };
    for (id, expected) in [(15, None), (1, None), (14, Some(14))] {
        remote.header_extensions.push(playout(id));
        assert_eq!(agreed(&remote), expected, "{id}");
        remote.header_extensions.pop();
    }
    remote.header_extensions.push(RtpHeaderExtension { direction: Direction::SendOnly, ..playout(14) });
    assert_eq!(agreed(&remote), None, "the viewer would only send it");
}

#[test]
fn what_can_not_be_is_named() {
    let field = |change: fn(&mut RtpCapabilities)| {
        let mut remote = chromium();
        change(&mut remote);
        remote.validate().unwrap_err().field
    };
    assert_eq!(field(|c| c.codecs = vec![c.codecs[0].clone(); 129]), "codecs");
    assert_eq!(field(|c| c.header_extensions = vec![c.header_extensions[0].clone(); 65]), "headerExtensions");
    assert_eq!(field(|c| c.codecs[1].mime_type = "text/plain".into()), "codecs[1].mimeType");
    assert_eq!(field(|c| c.codecs[1].mime_type = "video/".into()), "codecs[1].mimeType");
    assert_eq!(field(|c| c.codecs[1].mime_type = format!("video/{}", "x".repeat(300))), "codecs[1].mimeType");
    assert_eq!(field(|c| c.codecs[0].clock_rate = 0), "codecs[0].clockRate");
    assert_eq!(field(|c| c.codecs[0].preferred_payload_type = Some(128)), "codecs[0].preferredPayloadType");
    let twice = |c: &mut RtpCapabilities| {
        c.codecs[1].preferred_payload_type = c.codecs[0].preferred_payload_type;
    };
    assert_eq!(field(twice), "codecs[1].preferredPayloadType");
    let newline = |c: &mut RtpCapabilities| drop(c.codecs[0].parameters.insert("x".into(), "a\r\nb".into()));
    assert_eq!(field(newline), "codecs[0].parameters.x");
    let many = |c: &mut RtpCapabilities| {
        c.codecs[0].parameters = (0..33).map(|n| (n.to_string(), n.into())).collect();
    };
    assert_eq!(field(many), "codecs[0].parameters");
    assert_eq!(
        field(|c| c.codecs[0].rtcp_feedback = vec![RtcpFeedback::new("nack", ""); 33]),
        "codecs[0].rtcpFeedback"
    );
    let long =
        |c: &mut RtpCapabilities| c.codecs[0].rtcp_feedback = vec![RtcpFeedback::new(&"x".repeat(257), "")];
    assert_eq!(field(long), "codecs[0].rtcpFeedback[0].type");
    assert_eq!(field(|c| c.header_extensions[0].preferred_id = 0), "headerExtensions[0].preferredId");
    assert_eq!(field(|c| c.header_extensions[0].uri = "x".repeat(257)), "headerExtensions[0].uri");
}

#[test]
fn connection_parameters_are_written_and_read_as_mediasoup_has_them() {
    let ice =
        IceParameters { username_fragment: "u".into(), password: vas_core::Secret::new("p"), ice_lite: true };
    assert_eq!(
        serde_json::to_value(&ice).unwrap(),
        json!({"usernameFragment": "u", "password": "p", "iceLite": true})
    );
    assert!(!format!("{ice:?}").contains("\"p\""));
    let udp = IceCandidate::host("1", 9, "192.0.2.1:8189".parse().unwrap(), TransportProtocol::Udp);
    let expected = json!({"foundation": "1", "priority": 9, "ip": "192.0.2.1", "address": "192.0.2.1", "port": 8189,
                          "type": "host", "protocol": "udp"});
    assert_eq!(serde_json::to_value(&udp).unwrap(), expected);
    let tcp = IceCandidate::host("2", 8, "[2001:db8::1]:8189".parse().unwrap(), TransportProtocol::Tcp);
    let json = serde_json::to_value(&tcp).unwrap();
    assert_eq!((&json["tcpType"], &json["address"]), (&json!("passive"), &json!("2001:db8::1")));

    let local = DtlsParameters::local(&[0xab; 32]);
    let json = serde_json::to_value(&local).unwrap();
    assert_eq!((&json["role"], &json["fingerprints"][0]["algorithm"]), (&json!("auto"), &json!("sha-256")));
    let read: DtlsParameters = serde_json::from_value(json).unwrap();
    assert_eq!(read.sha256().unwrap(), [[0xab; 32]]);
}

#[test]
fn dtls_parameters_that_can_not_be_checked_are_refused() {
    let value = vec!["0A"; 32].join(":");
    let field =
        |json: Value| serde_json::from_value::<DtlsParameters>(json).unwrap().sha256().unwrap_err().field;
    let sha256 = |value: &str| json!({"algorithm": "sha-256", "value": value});
    assert_eq!(field(json!({"role": "server", "fingerprints": [sha256(&value)]})), "role");
    assert_eq!(field(json!({"fingerprints": []})), "fingerprints");
    assert_eq!(field(json!({"fingerprints": [{"algorithm": "sha-1", "value": "AA"}]})), "fingerprints");
    assert_eq!(field(json!({"fingerprints": [sha256("0A:0B")]})), "fingerprints[0].value");
    assert_eq!(field(json!({"fingerprints": vec![sha256(&value); 17]})), "fingerprints");
    let both =
        json!({"role": "client", "fingerprints": [{"algorithm": "sha-512", "value": "x"}, sha256(&value)]});
    assert_eq!(serde_json::from_value::<DtlsParameters>(both).unwrap().sha256().unwrap(), [[0x0a; 32]]);
}

fn any_codec() -> impl Strategy<Value = RtpCodecCapability> {
    let mime = prop_oneof![
        Just("video/H264".to_owned()),
        Just("video/h265".to_owned()),
        Just("video/AV1".to_owned()),
        Just("video/rtx".to_owned()),
        Just("audio/opus".to_owned()),
        ".{0,20}",
    ];
    let value =
        prop_oneof![any::<i64>().prop_map(ParameterValue::Number), ".{0,8}".prop_map(ParameterValue::Text)];
    let name = prop_oneof![Just("apt".to_owned()), Just("packetization-mode".to_owned()), ".{0,8}"];
    let parameters = prop::collection::btree_map(name, value, 0..4);
    let feedback = prop::collection::vec((".{0,6}", ".{0,4}"), 0..3);
    (
        mime,
        any::<Option<u8>>(),
        prop_oneof![Just(90_000), Just(48_000), any::<u32>()],
        any::<Option<u8>>(),
        parameters,
        feedback,
    )
        .prop_map(|(mime_type, preferred_payload_type, clock_rate, channels, parameters, feedback)| {
            RtpCodecCapability {
                kind: None,
                mime_type,
                preferred_payload_type,
                clock_rate,
                channels,
                parameters,
                rtcp_feedback: feedback
                    .iter()
                    .map(|(kind, parameter)| RtcpFeedback::new(kind, parameter))
                    .collect(),
            }
        })
}

fn any_capabilities() -> impl Strategy<Value = RtpCapabilities> {
    let uri = prop_oneof![Just(uri::MID), Just(uri::TRANSPORT_CC), Just(uri::PLAYOUT_DELAY), Just("x")];
    let extension = (uri, any::<u8>()).prop_map(|(uri, preferred_id)| RtpHeaderExtension {
        kind: None,
        uri: uri.to_owned(),
        preferred_id,
        preferred_encrypt: false,
        direction: Direction::SendRecv,
    });
    (prop::collection::vec(any_codec(), 0..8), prop::collection::vec(extension, 0..6))
        .prop_map(|(codecs, header_extensions)| RtpCapabilities { codecs, header_extensions })
}

proptest! {
    /// Whatever a viewer says, what is agreed can stand in RTP headers and means one thing.
    #[test]
    fn agreements_are_sound(remote in any_capabilities()) {
        let layers = [h264("64001f"), video(VideoCodec::H265, "hvc1.1.6.L93.90"), video(VideoCodec::Av1, "av01.0.05M.08")];
        let _ = remote.validate();
        if let Ok(matched) = match_consumer(&layers, &remote) {
            prop_assert_eq!(matched.layers.len(), layers.len());
            for codec in matched.layers.iter().flatten() {
                prop_assert!(codec.payload_type <= 127 && codec.rtx.is_none_or(|rtx| rtx <= 127 && rtx != codec.payload_type));
            }
            let Extensions { mid, transport_cc, playout_delay } = matched.extensions;
            let mut ids: Vec<u8> = [mid, transport_cc, playout_delay].into_iter().flatten().collect();
            let count = ids.len();
            ids.sort_unstable();
            ids.dedup();
            prop_assert!(ids.len() == count && ids.iter().all(|id| (1..=14).contains(id)));
            let parameters = consumer_parameters(&matched, 1, Some(2), "c", Some("0"));
            let mut types: Vec<u8> = parameters.codecs.iter().map(|codec| codec.payload_type).collect();
            let count = types.len();
            types.sort_unstable();
            types.dedup();
            prop_assert_eq!(types.len(), count, "a number stands for two things: {:?}", parameters.codecs);
        }
    }

    #[test]
    fn capabilities_survive_json(remote in any_capabilities()) {
        let text = serde_json::to_string(&remote).unwrap();
        prop_assert_eq!(serde_json::from_str::<RtpCapabilities>(&text).unwrap(), remote);
    }

    #[test]
    fn no_text_is_too_strange(text in ".{0,200}") {
        let _ = serde_json::from_str::<RtpCapabilities>(&text);
        let _ = serde_json::from_str::<DtlsParameters>(&text);
    }
}
