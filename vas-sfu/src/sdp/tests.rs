//! Tests with offers in the style of the clients that watch.

use super::fragment::FragmentError;
use super::offer::{Direction, MediaKind, OfferError, OfferedMedia};
use super::*;
use crate::ortc::uri;
use proptest::prelude::*;
use vas_core::Secret;
use vas_core::media::{VideoCodec, VideoFormat};
use vas_core::testing;

const CHROMIUM: &str = include_str!("testdata/chromium.sdp");
const FIREFOX: &str = include_str!("testdata/firefox.sdp");
const SAFARI: &str = include_str!("testdata/safari.sdp");
const GSTREAMER: &str = include_str!("testdata/gstreamer.sdp");
const LIBDATACHANNEL: &str = include_str!("testdata/libdatachannel.sdp");
const ALL: [&str; 5] = [CHROMIUM, FIREFOX, SAFARI, GSTREAMER, LIBDATACHANNEL];

fn parse(text: &str) -> Offer {
    Offer::parse(text).unwrap()
}

/// The first section for pictures that something can be sent on, and its place.
fn video(offer: &Offer) -> Option<(usize, &OfferedMedia)> {
    let wanted = |section: &&OfferedMedia| section.kind == MediaKind::Video && section.can_receive();
    offer.sections.iter().enumerate().find(|(_, section)| wanted(section))
}

fn error(text: &str) -> OfferError {
    Offer::parse(text).unwrap_err()
}

fn format(codec: VideoCodec, rfc6381: &str) -> VideoFormat {
    let desc = testing::video_desc();
    VideoFormat { codec, rfc6381: rfc6381.to_owned(), ..desc.video().unwrap().1.clone() }
}

fn h264(profile_level_id: &str) -> VideoFormat {
    format(VideoCodec::H264, &format!("avc1.{profile_level_id}"))
}

fn chosen(offer: &str, format: &VideoFormat) -> Option<u8> {
    let offer = parse(offer);
    choose_video(video(&offer).unwrap().1, format).map(|codec| codec.payload_type)
}

/// An answer with the offer's video sent, by the candidates given.
fn answer(offer: &Offer, format: &VideoFormat, candidates: &[Candidate]) -> String {
    let (place, section) = video(offer).unwrap();
    let codec = choose_video(section, format).unwrap();
    let offered = section.extension(uri::PLAYOUT_DELAY).is_some();
    let video = AnswerStream {
        section: place,
        codecs: std::slice::from_ref(&codec),
        ssrc: 1_000,
        rtx_ssrc: Some(1_001),
        cname: "vas",
        msid: ("camera", "video"),
        extensions: &[(section.extension(uri::PLAYOUT_DELAY).unwrap_or(0), uri::PLAYOUT_DELAY)]
            [..usize::from(offered)],
    };
    answer_with(offer, &[video], candidates)
}

fn answer_with(offer: &Offer, streams: &[AnswerStream<'_>], candidates: &[Candidate]) -> String {
    offer.answer(&AnswerParams {
        session_id: 268_435_488,
        ice_ufrag: "serverUfrag",
        ice_pwd: &Secret::new("serverPassword0123456789"),
        fingerprint: Fingerprint([0xab; 32]),
        candidates,
        streams,
    })
}

fn loopback() -> [Candidate; 1] {
    [Candidate::host(0, "127.0.0.1:8189".parse().unwrap())]
}

fn crlf(text: &str) -> String {
    text.replace('\n', "\r\n")
}

#[test]
fn reads_chromium() {
    let offer = parse(CHROMIUM);
    assert_eq!((offer.ice_ufrag.as_str(), offer.ice_pwd.expose()), ("bt5P", "jSDWz89+r0yX+L63vji+BqHK"));
    assert_eq!(offer.fingerprints[0].0[..4], [0x02, 0xce, 0x91, 0x64]);
    assert_eq!(offer.bundle, ["0", "1"]);
    let [video, audio] = &offer.sections[..] else { panic!("two sections") };
    assert_eq!(
        (video.kind, video.direction, video.can_receive()),
        (MediaKind::Video, Direction::RecvOnly, true)
    );
    assert_eq!((video.protocol.as_str(), video.mid.as_deref()), ("UDP/TLS/RTP/SAVPF", Some("0")));
    assert_eq!((video.extension(uri::PLAYOUT_DELAY), video.extension("urn:none")), (Some(5), None));
    assert!(video.rtcp_mux && video.rtcp_rsize);
    let codec = video.codecs.iter().find(|codec| codec.payload_type == 108).unwrap();
    assert_eq!((codec.name.as_str(), codec.clock_rate, codec.rtx), ("H264", 90_000, Some(109)));
    assert_eq!(codec.parameter("Profile-Level-Id"), Some("42e01f"));
    assert_eq!(codec.rtcp_fb, ["goog-remb", "transport-cc", "ccm fir", "nack", "nack pli"]);
    assert_eq!(
        (audio.kind, audio.codecs[0].name.as_str(), audio.codecs[0].channels),
        (MediaKind::Audio, "opus", 2)
    );
    assert_eq!(audio.codecs.len(), audio.formats.len());
}

#[test]
fn session_attributes_hold_for_sections_that_say_nothing() {
    let firefox = parse(FIREFOX);
    assert_eq!((firefox.ice_ufrag.as_str(), firefox.fingerprints[0].0[0]), ("6b1f2a0d", 0x5b));
    assert_eq!(firefox.sections[0].direction, Direction::RecvOnly, "the section's own before the session's");
    assert!(firefox.sections[1].can_receive(), "port 0 that may only be bundled");
    let datachannel = parse(LIBDATACHANNEL);
    assert_eq!(datachannel.ice_ufrag, "x3Dq");
    assert_eq!(datachannel.fingerprints.len(), 1, "sha-1 is passed over");
    assert_eq!(datachannel.bundle, ["0", "1"], "a group of another kind is passed over");
    assert_eq!(video(&datachannel).unwrap().0, 1);
    let codec = choose_video(video(&datachannel).unwrap().1, &h264("42c01e")).unwrap();
    assert!(codec.feedback.nack, "feedback of all formats");
    assert_eq!(codec.rtx, None);
}

#[test]
fn line_ends_may_be_of_either_kind() {
    for text in ALL {
        assert_eq!(parse(text).sections, parse(&crlf(text)).sections);
    }
}

#[test]
fn the_profile_nearest_to_the_cameras_is_chosen() {
    // Constrained Baseline, Baseline, Main, High 4:4:4; High is offered by none but Safari, which takes Main for it.
    for (profile, chromium, firefox, safari) in [
        ("42c01e", 108, 126, 98),
        ("42001e", 102, 105, 98),
        ("4d0029", 116, 126, 96),
        ("64001f", 108, 126, 96),
        ("640c1f", 108, 126, 96),
        ("f4001f", 41, 126, 98),
        ("", 108, 126, 98),
    ] {
        let format = h264(profile);
        let got = [CHROMIUM, FIREFOX, SAFARI].map(|offer| chosen(offer, &format).unwrap());
        assert_eq!(got, [chromium, firefox, safari], "{profile}");
    }
    // Main as a Constrained Baseline decoder reads it.
    assert_eq!(chosen(CHROMIUM, &h264("4d8029")), Some(108));
}

#[test]
fn a_format_without_parameters_is_the_last_resort() {
    assert_eq!(chosen(GSTREAMER, &h264("64001f")), Some(101));
    let both = GSTREAMER
        .replace("SAVPF 101", "SAVPF 101 102")
        .replace("a=mid:video0", "a=mid:video0\na=rtpmap:102 H264/90000\na=fmtp:102 packetization-mode=1");
    assert_eq!(chosen(&both, &h264("64001f")), Some(102));
}

#[test]
fn packetization_mode_0_alone_is_no_common_codec() {
    assert_eq!(
        chosen(&CHROMIUM.replace("packetization-mode=1", "packetization-mode=0"), &h264("42c01e")),
        None
    );
}

#[test]
fn other_codecs_are_chosen_by_name() {
    let main = format(VideoCodec::H265, "hvc1.1.6.L93.90");
    let main10 = format(VideoCodec::H265, "hvc1.A2.4.L93.90");
    assert_eq!(
        (chosen(SAFARI, &main), chosen(SAFARI, &main10), chosen(FIREFOX, &main)),
        (Some(37), Some(35), None)
    );
    assert_eq!(
        (chosen(SAFARI.replace("profile-id=2", "profile-id=1").as_str(), &main10)),
        None,
        "Main alone"
    );
    let vp8 = format(VideoCodec::Vp8, "vp8");
    assert_eq!(
        [CHROMIUM, FIREFOX, SAFARI].map(|offer| chosen(offer, &vp8)),
        [Some(96), Some(120), Some(107)]
    );
}

#[test]
fn av1_is_chosen_by_its_profile() {
    let av1 = |parameters: &str| format(VideoCodec::Av1, &format!("av01.{parameters}"));
    let chosen_of = |parameters: &str| chosen(CHROMIUM, &av1(parameters));
    assert_eq!(
        (chosen_of("0.04M.08"), chosen_of("0.04M.10"), chosen_of("1.04M.08")),
        (Some(45), Some(45), Some(47))
    );
    assert_eq!((chosen_of("0.09M.08"), chosen_of("2.04M.12")), (Some(45), None));
    assert_eq!((chosen(FIREFOX, &av1("0.04M.08")), chosen(SAFARI, &av1("0.04M.08"))), (None, None));
    // Decoders of the High profile read Main; what says nothing is Main.
    let high_alone = CHROMIUM.replace(";profile=0;", ";profile=1;");
    assert_eq!(chosen(&high_alone, &av1("0.04M.08")), Some(45));
    let silent = CHROMIUM.replace("a=fmtp:45 level-idx=5;profile=0;tier=0\n", "");
    assert_eq!((chosen(&silent, &av1("0.04M.08")), chosen(&silent, &av1("1.04M.08"))), (Some(45), Some(47)));
}

#[test]
fn each_error_names_what_is_missing() {
    assert_eq!(error(""), OfferError::NotSdp);
    assert_eq!(error("{\"type\": \"offer\"}"), OfferError::NotSdp);
    assert_eq!(error("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"), OfferError::NoMedia);
    assert_eq!(error(&" ".repeat((64 << 10) + 1)), OfferError::TooLarge);
    let sections = "m=audio 9 UDP/TLS/RTP/SAVPF 0\n".repeat(65);
    assert_eq!(error(&format!("{CHROMIUM}{sections}")), OfferError::TooManySections);
    assert_eq!(error(&CHROMIUM.replace("a=ice-ufrag", "a=x-ufrag")), OfferError::NoIceCredentials);
    assert_eq!(error(&CHROMIUM.replace("a=ice-pwd:", "a=ice-pwd:two words ")), OfferError::NoIceCredentials);
    assert_eq!(error(&CHROMIUM.replace("sha-256", "sha-512")), OfferError::NoFingerprint);
    assert_eq!(error(&CHROMIUM.replace("02:CE", "02:C")), OfferError::NoFingerprint);
    assert_eq!(error(&CHROMIUM.replace("actpass", "passive")), OfferError::Passive);
    assert_eq!(error(&CHROMIUM.replace("a=mid:0", "a=mid:0\ra=mid:7")), OfferError::NotSdp);
}

#[test]
fn sections_that_can_not_receive_are_not_used() {
    let usable = |text: &str| video(&parse(text)).is_some();
    assert!(usable(&CHROMIUM.replace("a=recvonly", "a=sendrecv")));
    assert!(usable(&CHROMIUM.replace("a=recvonly\n", "")), "sendrecv where nothing is said");
    assert!(!usable(&CHROMIUM.replace("a=recvonly", "a=sendonly")));
    assert!(!usable(&CHROMIUM.replace("a=recvonly", "a=inactive")));
    assert!(!usable(&CHROMIUM.replace("m=video 9", "m=video 0")));
    assert!(!usable(&CHROMIUM.replace("a=rtcp-mux\n", "")));
    assert!(!usable(&CHROMIUM.replace("UDP/TLS/RTP/SAVPF", "RTP/AVP")));
}

#[test]
fn answers_chromium() {
    let expected = "\
v=0
o=- 268435488 1 IN IP4 127.0.0.1
s=-
t=0 0
a=ice-lite
a=group:BUNDLE 0
a=msid-semantic: WMS *
m=video 9 UDP/TLS/RTP/SAVPF 108 109
c=IN IP4 0.0.0.0
a=mid:0
a=sendonly
a=rtcp-mux
a=rtcp-mux-only
a=rtcp-rsize
a=ice-ufrag:serverUfrag
a=ice-pwd:serverPassword0123456789
a=fingerprint:sha-256 AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB
a=setup:passive
a=candidate:1 1 udp 2130706431 127.0.0.1 8189 typ host
a=end-of-candidates
a=rtpmap:108 H264/90000
a=fmtp:108 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f
a=rtcp-fb:108 nack
a=rtcp-fb:108 nack pli
a=rtcp-fb:108 ccm fir
a=rtcp-fb:108 transport-cc
a=rtpmap:109 rtx/90000
a=fmtp:109 apt=108
a=extmap:5 http://www.webrtc.org/experiments/rtp-hdrext/playout-delay
a=msid:camera video
a=ssrc:1000 cname:vas
a=ssrc-group:FID 1000 1001
a=ssrc:1001 cname:vas
m=audio 0 UDP/TLS/RTP/SAVPF 111 63 9 0 8 13 110 126
c=IN IP4 0.0.0.0
a=mid:1
a=inactive
";
    assert_eq!(answer(&parse(CHROMIUM), &h264("64001f"), &loopback()), crlf(expected));
}

#[test]
fn answers_others_in_their_own_order() {
    let lines = |text: &str| {
        let answer = answer(&parse(text), &h264("42c01e"), &loopback());
        let wanted = [
            "m=",
            "a=mid",
            "a=group",
            "a=extmap",
            "a=candidate",
            "a=ssrc-group",
            "a=sendonly",
            "a=rtcp-rsize",
        ];
        let kept = |line: &&str| wanted.iter().any(|start| line.starts_with(start));
        answer.lines().filter(kept).map(str::to_owned).collect::<Vec<_>>()
    };
    let candidate = "a=candidate:1 1 udp 2130706431 127.0.0.1 8189 typ host";
    assert_eq!(
        lines(FIREFOX),
        [
            "a=group:BUNDLE 0",
            "m=video 9 UDP/TLS/RTP/SAVPF 126 127",
            "a=mid:0",
            "a=sendonly",
            "a=rtcp-rsize",
            candidate,
            "a=extmap:6/sendonly http://www.webrtc.org/experiments/rtp-hdrext/playout-delay",
            "a=ssrc-group:FID 1000 1001",
            "m=audio 0 UDP/TLS/RTP/SAVPF 109 9 0 8 101",
            "a=mid:1",
        ]
    );
    assert_eq!(
        lines(LIBDATACHANNEL),
        [
            "a=group:BUNDLE 1",
            "m=audio 0 UDP/TLS/RTP/SAVPF 111",
            "a=mid:0",
            "m=video 9 UDP/TLS/RTP/SAVPF 96",
            "a=mid:1",
            "a=sendonly",
            candidate,
        ]
    );
    let safari = lines(SAFARI);
    assert_eq!(safari[safari.len() - 2..], ["m=application 0 UDP/DTLS/SCTP webrtc-datachannel", "a=mid:2"]);
}

#[test]
fn candidates_stand_in_the_section_that_tags_the_group() {
    let offer = parse(&CHROMIUM.replace("BUNDLE 0 1", "BUNDLE 1 0"));
    let video = choose_video(&offer.sections[0], &h264("42c01e")).unwrap();
    let audio =
        ChosenCodec { payload_type: 111, rtx: None, name: "opus", clock_rate: 48_000, ..video.clone() };
    let stream = |section, codec| AnswerStream {
        section,
        codecs: std::slice::from_ref(codec),
        ssrc: section as u32,
        rtx_ssrc: None,
        cname: "vas",
        msid: ("camera", "track"),
        extensions: &[],
    };
    let streams = [stream(0, &video), stream(1, &audio), stream(9, &audio)];
    let text = answer_with(&offer, &streams, &loopback());
    assert!(text.contains("a=group:BUNDLE 1 0\r\n"));
    let (first, second) = text.split_at(text.find("m=audio").unwrap());
    assert!(!first.contains("a=candidate") && first.contains("a=ice-ufrag"));
    assert!(second.contains("a=candidate") && second.contains("a=end-of-candidates"));
    assert!(!text.contains("a=ssrc-group") && !text.contains("a=extmap"));
    // Without a group there is one transport, the first stream's.
    let offer = parse(&CHROMIUM.replace("a=group:BUNDLE 0 1\n", ""));
    let text = answer_with(&offer, &streams, &loopback());
    assert!(!text.contains("a=group") && text.contains("m=video 9") && text.contains("m=audio 0"));
    assert_eq!(text.matches("a=candidate").count(), 1);
}

#[test]
fn without_a_group_the_videos_transport_counts() {
    let apart = LIBDATACHANNEL
        .replace("a=group:BUNDLE 0 1\n", "")
        .replace("a=mid:1\n", "a=mid:1\na=ice-ufrag:video\na=ice-pwd:anotherPasswordOfTheVideo\n");
    let offer = parse(&apart);
    assert_eq!((offer.ice_ufrag.as_str(), offer.bundle.len()), ("video", 0));
    // And a bundled section may leave it to the one that tags the group.
    let start = CHROMIUM.find("m=audio").unwrap();
    let (head, video) = CHROMIUM[..start].split_at(CHROMIUM.find("m=video").unwrap());
    let video = video.replace("a=ice-ufrag:bt5P\n", "").replace("a=ice-pwd:jSDWz89+r0yX+L63vji+BqHK\n", "");
    let swapped = format!("{}{}{video}", head.replace("BUNDLE 0 1", "BUNDLE 1 0"), &CHROMIUM[start..]);
    assert_eq!(parse(&swapped).ice_ufrag, "bt5P");
}

#[test]
fn candidates_of_every_kind() {
    let v6 = Candidate::host(1, "[2001:db8::7]:8189".parse().unwrap());
    let mapped = Candidate::host(2, "[::ffff:192.0.2.7]:8189".parse().unwrap());
    let tcp = Candidate { tcp: true, ..Candidate::host(70_000, "192.0.2.7:8189".parse().unwrap()) };
    let offer = parse(CHROMIUM);
    let text = answer(&offer, &h264("42c01e"), &[v6, mapped, tcp]);
    assert!(text.contains("a=candidate:2 1 udp 2130706175 2001:db8::7 8189 typ host\r\n"));
    assert!(text.contains("a=candidate:3 1 udp 2130705919 192.0.2.7 8189 typ host\r\n"));
    assert!(text.contains("a=candidate:65536 1 tcp 2113929471 192.0.2.7 8189 typ host tcptype passive\r\n"));
    assert_eq!(text.matches("c=IN IP4 0.0.0.0").count(), 2);
    let text = answer(&offer, &h264("42c01e"), &[v6]);
    assert!(text.contains("SAVPF 108 109\r\nc=IN IP6 ::\r\n"));
}

#[test]
fn answers_are_sdp_that_the_library_reads() {
    for text in ALL {
        let offer = parse(text);
        let answer = answer(&offer, &h264("42c01e"), &loopback());
        // Seen from the other side it is an offer.
        let read =
            parse(&answer.replace("setup:passive", "setup:active").replace("a=sendonly", "a=recvonly"));
        assert_eq!(read.sections.len(), offer.sections.len());
        for (answered, offered) in read.sections.iter().zip(&offer.sections) {
            assert_eq!((&answered.media, &answered.mid), (&offered.media, &offered.mid));
        }
        assert_eq!((read.ice_ufrag.as_str(), read.fingerprints[0]), ("serverUfrag", Fingerprint([0xab; 32])));
    }
}

#[test]
fn secrets_do_not_print() {
    let offer = parse(CHROMIUM);
    assert!(!format!("{offer:?}").contains("jSDWz89"));
}

#[test]
fn a_fragment_tells_trickling_from_a_restart() {
    let text = "a=ice-options:trickle\r\na=group:BUNDLE 0 1\r\nm=video 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\n\
        a=ice-ufrag:bt5P\r\na=ice-pwd:jSDWz89+r0yX+L63vji+BqHK\r\n\
        a=candidate:1 1 udp 2113937151 6f1c.local 52000 typ host\r\n\
        a=candidate:2 1 udp 2113937150 192.0.2.9 52001 typ host\r\na=end-of-candidates\r\n";
    let fragment = Fragment::parse(text).unwrap();
    assert_eq!(fragment.mid.as_deref(), Some("0"));
    let offer = parse(CHROMIUM);
    assert!(!fragment.restarts(&offer.ice_ufrag, &offer.ice_pwd));
    assert!(fragment.restarts("bt5Q", &offer.ice_pwd));
    assert!(fragment.restarts("bt5P", &Secret::new("another")));
    assert!(!format!("{fragment:?}").contains("jSDWz89"));
}

#[test]
fn a_fragment_must_name_its_session() {
    let error = |text: &str| Fragment::parse(text).unwrap_err();
    assert_eq!(error(""), FragmentError::NoIceCredentials);
    assert_eq!(error("a=ice-ufrag:bt5P\r\na=ice-pwd:\r\n"), FragmentError::NoIceCredentials);
    assert_eq!(error("{\"candidate\": 1}"), FragmentError::NotFragment);
    assert_eq!(error("é=1"), FragmentError::NotFragment);
    assert_eq!(error("a=mid:0\ra=mid:1"), FragmentError::NotFragment);
    assert_eq!(error(&"a=x\n".repeat(20_000)), FragmentError::TooLarge);
}

#[test]
fn fingerprints_are_32_bytes() {
    let text = Fingerprint([0x0f; 32]).to_string();
    assert_eq!(text.to_lowercase().replace("sha-256", "SHA-256").parse(), Ok(Fingerprint([0x0f; 32])));
    for wrong in [
        "",
        "sha-256",
        "sha-256 0F:0F",
        &format!("{text}:00"),
        &text.replace("0F", "+F"),
        &text.replace("0F", "é"),
    ] {
        assert_eq!(wrong.parse::<Fingerprint>(), Err(fingerprint::NotSha256), "{wrong}");
    }
}

/// Whatever is read can be answered, and the answer has the offer's sections.
fn exercise(text: &str) {
    let _ = Fragment::parse(text);
    let Ok(offer) = Offer::parse(text) else { return };
    for (place, section) in offer.sections.iter().enumerate() {
        for format in
            [h264("64001f"), format(VideoCodec::H265, "hvc1.1.6.L93.90"), format(VideoCodec::Vp8, "")]
        {
            let Some(codec) = choose_video(section, &format) else { continue };
            let stream = AnswerStream {
                section: place,
                codecs: std::slice::from_ref(&codec),
                ssrc: 1,
                rtx_ssrc: Some(2),
                cname: "vas",
                msid: ("camera", "video"),
                extensions: &[(5, uri::PLAYOUT_DELAY)],
            };
            let answer = answer_with(&offer, &[stream], &loopback());
            assert_eq!(answer.matches("\r\nm=").count(), offer.sections.len());
        }
    }
}

proptest! {
    #[test]
    fn any_text_is_read_without_panic(text in "\\PC{0,200}|(([a-z]=|a=(mid|fmtp|rtpmap|extmap|group|fingerprint):)[ -~]{0,20}\r?\n){0,20}") {
        exercise(&text);
    }

    #[test]
    fn any_mutation_of_an_offer_is_read_without_panic(
        which in 0_usize..ALL.len(),
        edits in prop::collection::vec((any::<prop::sample::Index>(), 0_usize..6, "[ -~\r\n]{0,6}"), 1..6),
    ) {
        let mut text = ALL[which].to_owned();
        for (at, remove, insert) in edits {
            // The offers are ASCII, and so is what is inserted.
            let at = at.index(text.len());
            text.replace_range(at..(at + remove).min(text.len()), &insert);
        }
        exercise(&text);
    }

    #[test]
    fn lines_in_any_order_are_read_without_panic(which in 0_usize..ALL.len(), keep in any::<u64>(), turn in any::<prop::sample::Index>()) {
        let mut lines: Vec<&str> = ALL[which].lines().collect();
        let start = 4 + turn.index(lines.len() - 4);
        lines[4..].rotate_left(start - 4);
        let kept = lines.iter().enumerate().filter(|(n, _)| *n < 4 || keep >> (n % 64) & 1 == 1);
        exercise(&kept.map(|(_, line)| format!("{line}\r\n")).collect::<String>());
    }
}

#[test]
fn a_counter_offer_has_what_the_stream_is_sent_as() {
    let offer = Offer::of_everything([MediaKind::Video, MediaKind::Audio]);
    assert!(offer.sections.iter().all(OfferedMedia::can_receive));
    for (sent, payload_type) in [
        (h264("42c01e"), 96),
        (h264("4d0028"), 100),
        (h264("640033"), 102),
        (format(VideoCodec::Vp8, ""), 114),
    ] {
        let codec = choose_video(&offer.sections[0], &sent).unwrap();
        assert_eq!((codec.payload_type, codec.rtx), (payload_type, Some(payload_type + 1)), "{sent:?}");
        assert!(codec.feedback.nack && codec.feedback.pli && codec.feedback.transport_cc);
    }
    assert_eq!(offer.sections[1].codecs.len(), 4);
    let text = as_counter_offer(&answer(&offer, &h264("640033"), &loopback()));
    assert!(text.contains("a=setup:actpass") && !text.contains("passive\r\n"), "{text}");
    assert!(
        text.contains("m=video 9 UDP/TLS/RTP/SAVPF 102 103\r\n") && text.contains("a=sendonly"),
        "{text}"
    );
}

#[test]
fn an_answer_of_rejections_is_told_from_others() {
    assert!(rejects_everything("v=0\r\nm=video 0 UDP/TLS/RTP/SAVPF 102\r\na=inactive\r\nm=audio 0 X 0\r\n"));
    assert!(!rejects_everything("v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF 102\r\nm=audio 0 X 0\r\n"));
    assert!(!rejects_everything("v=0\r\nm=video 0 UDP/TLS/RTP/SAVPF 102\r\na=bundle-only\r\n"));
    assert!(!rejects_everything("nonsense") && !rejects_everything(""));
}
