//! The library's payloaders cut pictures, which must come out whole; and whatever bytes come, nothing panics.

use super::{Av1, Depacketize, H264, Malformed, Vp8};
use bytes::Bytes;
use proptest::prelude::*;
use rtc::rtp::codec::av1::Av1Payloader;
use rtc::rtp::codec::h264::H264Payloader;
use rtc::rtp::codec::vp8::Vp8Payloader;
use rtc::rtp::packetizer::Payloader;
use vas_core::media::{av1, nal};

const MAX: usize = 1 << 20;

fn depacketizers() -> [Box<dyn Depacketize>; 3] {
    [Box::new(H264::new(MAX)), Box::new(Vp8::new(MAX)), Box::new(Av1::new(MAX))]
}

fn through(depacketizer: &mut dyn Depacketize, payloads: &[Bytes]) -> Option<Bytes> {
    for payload in payloads {
        depacketizer.push(payload).unwrap();
    }
    depacketizer.finish().unwrap()
}

/// An Annex B byte stream of these NAL units.
fn annexb(nals: &[Vec<u8>]) -> Bytes {
    nals.iter().flat_map(|nal| [&[0, 0, 0, 1], &nal[..]].concat()).collect()
}

fn pieces(nal: &[u8], cuts: usize) -> Vec<Vec<u8>> {
    let (header, body) = (nal[0], &nal[1..]);
    let size = body.len().div_ceil(cuts);
    let chunks: Vec<_> = body.chunks(size).collect();
    let piece = |(n, chunk): (usize, &&[u8])| {
        let flags = u8::from(n == 0) << 7 | u8::from(n + 1 == chunks.len()) << 6;
        [&[header & 0xe0 | 28, flags | header & 0x1f], *chunk].concat()
    };
    chunks.iter().enumerate().map(piece).collect()
}

proptest! {
    #[test]
    fn h264_survives_the_librarys_payloader(
        // No start codes within: the emulation prevention of encoders keeps them out.
        sizes in proptest::collection::vec(1_usize..4_000, 1..6),
        mtu in 100_usize..1_300,
    ) {
        let nals: Vec<Vec<u8>> =
            sizes.iter().enumerate().map(|(n, &size)| [vec![0x41], vec![n as u8 + 1; size]].concat()).collect();
        let payloads = H264Payloader::default().payload(mtu, &annexb(&nals)).unwrap();
        let got = through(&mut H264::new(MAX), &payloads);
        prop_assert_eq!(got, Some(nal::join(nals.iter().map(Vec::as_slice))));
    }

    #[test]
    fn vp8_survives_the_librarys_payloader(
        frame in proptest::collection::vec(any::<u8>(), 1..5_000),
        mtu in 100_usize..1_300,
    ) {
        let frame = Bytes::from(frame);
        let payloads = Vp8Payloader::default().payload(mtu, &frame).unwrap();
        prop_assert_eq!(through(&mut Vp8::new(MAX), &payloads), Some(frame));
    }

    #[test]
    fn av1_survives_the_librarys_payloader(
        sizes in proptest::collection::vec(1_usize..4_000, 1..4),
        mtu in 100_usize..1_300,
    ) {
        // Frames (type 6) with their sizes.
        let mut unit = Vec::new();
        for (n, &size) in sizes.iter().enumerate() {
            let obu = [vec![6 << 3], vec![n as u8 + 1; size]].concat();
            unit.extend_from_slice(&av1::Obu::split(&obu).unwrap().0.to_bytes());
        }
        let unit = Bytes::from(unit);
        let payloads = Av1Payloader::default().payload(mtu, &unit).unwrap();
        prop_assert_eq!(through(&mut Av1::new(MAX), &payloads), Some(unit));
    }

    #[test]
    fn any_payloads_are_taken_without_panic_and_within_the_bound(
        payloads in proptest::collection::vec((proptest::collection::vec(any::<u8>(), 0..60), any::<bool>()), 0..40),
    ) {
        for mut depacketizer in depacketizers() {
            for (payload, ends) in &payloads {
                if depacketizer.push(payload).is_err() {
                    depacketizer.reset();
                }
                if *ends && depacketizer.finish().is_err() {
                    depacketizer.reset();
                }
            }
        }
    }
}

#[test]
fn h264_aggregates_are_taken_apart() {
    let mut h264 = H264::new(MAX);
    let got = through(&mut h264, &[Bytes::from_static(&[24, 0, 2, 0x67, 1, 0, 1, 0x68])]);
    assert_eq!(got, Some(nal::join([&[0x67, 1][..], &[0x68]])));
    for cut_short in [&[24, 0][..], &[24, 0, 3, 1, 2], &[24, 0, 0]] {
        assert_eq!(h264.push(cut_short), Err(Malformed));
        h264.reset();
    }
}

#[test]
fn h264_fragments_without_start_or_end_are_no_picture() {
    let nal: Vec<u8> = std::iter::once(0x65).chain(0..100).collect();
    let pieces = pieces(&nal, 3);
    let mut h264 = H264::new(MAX);
    assert_eq!(h264.push(&pieces[1]), Err(Malformed));
    h264.reset();
    h264.push(&pieces[0]).unwrap();
    assert_eq!(h264.finish(), Err(Malformed));
    h264.reset();
    let payloads: Vec<_> = pieces.into_iter().map(Bytes::from).collect();
    assert_eq!(through(&mut h264, &payloads), Some(nal::join([&nal[..]])));
}

#[test]
fn vp8_descriptors_of_all_kinds_are_taken_off() {
    let frame = [9, 9, 9];
    for descriptor in [
        &[0x10][..],
        &[0x90, 0x80, 5],
        &[0x90, 0x80, 0x85, 5],
        &[0x90, 0xf0, 0x85, 5, 1, 2],
        &[0x90, 0x20, 2],
        &[0x90, 0x00],
    ] {
        let mut vp8 = Vp8::new(MAX);
        vp8.push(&[descriptor, &frame].concat()).unwrap();
        assert_eq!(vp8.finish(), Ok(Some(Bytes::from_static(&[9, 9, 9]))), "{descriptor:x?}");
    }
    for malformed in [&[][..], &[0x10], &[0x90], &[0x90, 0x80], &[0x90, 0x80, 0x85], &[0x00, 9]] {
        assert_eq!(Vp8::new(MAX).push(malformed), Err(Malformed), "{malformed:x?}");
    }
}

#[test]
fn av1_pieces_must_fit_together() {
    let mut av1 = Av1::new(MAX);
    // A piece of an OBU whose start never came.
    assert_eq!(av1.push(&[0x90, 1, 2]), Err(Malformed));
    av1.reset();
    // One that goes on in a packet that never comes.
    av1.push(&[0x50, 6 << 3, 1]).unwrap();
    assert_eq!(av1.finish(), Err(Malformed));
    av1.reset();
    // Temporal delimiters say nothing: the element before the last has its length.
    let got = through(&mut av1, &[Bytes::from_static(&[0x20, 1, 2 << 3, 6 << 3, 7])]);
    assert_eq!(got, Some(Bytes::from_static(&[6 << 3 | 2, 1, 7])));
}

#[test]
fn pictures_are_bounded() {
    for mut depacketizer in [
        Box::new(H264::new(1_000)) as Box<dyn Depacketize>,
        Box::new(Vp8::new(1_000)),
        Box::new(Av1::new(1_000)),
    ] {
        let (mut first, mut more) = ([0x41; 700], [0x41; 700]);
        match format!("{depacketizer:?}") {
            name if name.starts_with("Vp8") => (first[0], more[0]) = (0x10, 0),
            name if name.starts_with("Av1") => (first[0], first[1], more[0]) = (0x50, 6 << 3, 0xd0),
            _ => {}
        }
        depacketizer.push(&first).unwrap();
        assert_eq!(depacketizer.push(&more), Err(Malformed), "{depacketizer:?}");
    }
}
