//! What is fuzzed: every parser of what a camera, a viewer or a publisher sends, as a function of bytes.
//!
//! A target must return, whatever the bytes: no panic, no overflow, no endless loop. What it asserts holds for any input.

use bytes::Bytes;
use std::sync::{Arc, LazyLock};
use vas_core::media::{
    AccessUnit, AudioCodec, AudioFormat, TrackFormat, UnitKind, VideoCodec, VideoFormat, av1, h264, h265,
    nal, vp8,
};
use vas_core::testing::key_picture;
use vas_sfu::fuzzing;
use vas_sfu::ortc::{DtlsParameters, RtpCapabilities, can_consume, match_consumer};

/// A parser to be fuzzed.
pub(crate) struct Target {
    /// Its name, and that of the folder of its inputs.
    pub(crate) name: &'static str,
    /// Reads an input.
    pub(crate) run: fn(&[u8]),
}

/// All of them.
pub(crate) const TARGETS: [Target; 14] = [
    Target { name: "stun", run: fuzzing::stun },
    Target { name: "rtcp", run: fuzzing::rtcp },
    Target { name: "sdp_offer", run: |bytes| with_text(bytes, |text| fuzzing::offer(text, &*FORMATS)) },
    Target { name: "sdp_fragment", run: |bytes| with_text(bytes, fuzzing::fragment) },
    Target { name: "client_hello", run: fuzzing::client_hello },
    Target { name: "ice_tcp", run: fuzzing::tcp },
    Target { name: "ortc_capabilities", run: capabilities },
    Target { name: "ortc_dtls", run: dtls_parameters },
    Target { name: "packetize", run: packetize },
    Target { name: "depacketize", run: |bytes| with_first(bytes, fuzzing::publisher) },
    Target { name: "h264", run: read_h264 },
    Target { name: "h265", run: read_h265 },
    Target { name: "av1", run: read_av1 },
    Target { name: "vp8", run: read_vp8 },
];

const CODECS: [VideoCodec; 4] = [VideoCodec::H264, VideoCodec::H265, VideoCodec::Av1, VideoCodec::Vp8];

/// Streams that offers are matched with.
static FORMATS: LazyLock<[TrackFormat; 5]> = LazyLock::new(|| {
    [
        (*key_picture(0).format).clone(),
        TrackFormat::Video(VideoFormat::vp8(640, 360)),
        TrackFormat::Audio(AudioFormat::g711(AudioCodec::Pcmu)),
        TrackFormat::Audio(AudioFormat::g722()),
        TrackFormat::Audio(AudioFormat::opus(2)),
    ]
});

fn with_text(bytes: &[u8], read: impl FnOnce(&str)) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        read(text);
    }
}

fn with_first(bytes: &[u8], read: impl FnOnce(u8, &[u8])) {
    if let Some((&first, rest)) = bytes.split_first() {
        read(first, rest);
    }
}

fn capabilities(json: &[u8]) {
    let Ok(remote) = serde_json::from_slice::<RtpCapabilities>(json) else { return };
    if remote.validate().is_err() {
        return;
    }
    for format in &*FORMATS {
        let layers = [Arc::new(format.clone())];
        assert_eq!(match_consumer(&layers, &remote).is_ok(), can_consume(&layers, &remote));
    }
}

fn dtls_parameters(json: &[u8]) {
    if let Ok(remote) = serde_json::from_slice::<DtlsParameters>(json) {
        drop(remote.sha256());
    }
}

/// The first byte chooses codec and kind, the rest is the picture.
fn packetize(bytes: &[u8]) {
    with_first(bytes, |first, data| {
        let base = key_picture(0);
        let known = &FORMATS[usize::from(first >> 1) % 2];
        let announced = VideoFormat::announced_by(CODECS[usize::from(first >> 2) % CODECS.len()], data);
        let unit = AccessUnit {
            kind: if first & 1 == 0 { base.kind } else { UnitKind::REFERENCE },
            format: Arc::new(announced.map_or_else(|| known.clone(), TrackFormat::Video)),
            data: Bytes::copy_from_slice(data),
            ..base
        };
        fuzzing::picture(&unit);
    });
}

fn read_h264(data: &[u8]) {
    for unit in nal::annexb_units(data) {
        drop(h264::Sps::parse(unit));
    }
    read_nals(data, VideoCodec::H264);
    let _ = h264::classify(data);
}

fn read_h265(data: &[u8]) {
    for unit in nal::annexb_units(data) {
        drop(h265::Sps::parse(unit));
    }
    read_nals(data, VideoCodec::H265);
    let _ = h265::classify(data);
}

/// With start codes, as recorders and SDP have them, and with lengths, as it flows here.
fn read_nals(data: &[u8], codec: VideoCodec) {
    let joined = nal::join(nal::annexb_units(data));
    assert!(joined.is_empty() || nal::is_well_formed(&joined));
    assert_eq!(nal::join(nal::units(&joined)), joined);
    read_format(data, codec);
    read_format(&joined, codec);
}

fn read_format(data: &[u8], codec: VideoCodec) {
    if let Some(format) = VideoFormat::announced_by(codec, data) {
        let _ = format.classify(data);
        assert!(format.changed_by(data).is_none_or(|changed| changed != format), "a change that is none");
    }
}

fn read_av1(data: &[u8]) {
    let sequence = av1::SequenceHeader::parse_bytes(data);
    let _ = av1::classify(data, sequence.as_ref());
    if let Some(unit) = av1::temporal_unit(data) {
        assert!(av1::is_well_formed(&unit));
        assert_eq!(av1::temporal_unit(&unit).as_ref(), Some(&unit), "what is in order already stays so");
        let _ = av1::classify(&unit, None);
    }
    read_format(data, VideoCodec::Av1);
}

fn read_vp8(data: &[u8]) {
    let header = vp8::FrameHeader::parse(data);
    assert!(header.is_some() || vp8::classify(data).is_none());
    read_format(data, VideoCodec::Vp8);
}
