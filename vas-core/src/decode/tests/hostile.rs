//! Streams made to cost more than they may.

use super::bits::Bits;
use super::source::no_deadline;
use crate::decode::{DecodeError, DecodeLimits, Picture, PictureDecoder};
use crate::media::{VideoCodec, VideoFormat, nal};
use bytes::Bytes;

pub(super) fn format(codec: VideoCodec, sets: Vec<Vec<u8>>) -> VideoFormat {
    VideoFormat {
        codec,
        parameter_sets: sets.into_iter().map(Bytes::from).collect(),
        ..VideoFormat::vp8(64, 64)
    }
}

fn decode(format: &VideoFormat, units: &[Vec<u8>]) -> Result<Option<Picture>, DecodeError> {
    let mut decoder = PictureDecoder::new(format, DecodeLimits::default(), &no_deadline())?;
    decoder.decode(&nal::join(units.iter().map(Vec::as_slice)), &no_deadline())
}

fn refusal(format: &VideoFormat, units: &[Vec<u8>]) -> DecodeError {
    decode(format, units).unwrap_err()
}

/// Baseline, without reordering.
fn h264_sps(references: u32, columns: u32, rows: u32) -> Vec<u8> {
    let bits = Bits::default().u(8, 66).u(16, 40).ue(0).ue(0).ue(2).ue(references).u(1, 0);
    bits.ue(columns - 1).ue(rows - 1).u(1, 1).u(1, 1).u(1, 0).u(1, 0).unit(&[0x67])
}

pub(super) fn h264_pps(list: u32) -> Vec<u8> {
    Bits::default()
        .ue(0)
        .ue(0)
        .u(2, 0)
        .ue(0)
        .ue(list - 1)
        .ue(0)
        .u(3, 0)
        .ue(0)
        .ue(0)
        .ue(0)
        .u(3, 0)
        .unit(&[0x68])
}

/// A P slice that asks for so many references.
fn h264_slice(header: u8, references: u32) -> Vec<u8> {
    let bits = Bits::default().ue(0).ue(5).ue(0).u(4, 1);
    bits.u(1, 1).ue(references - 1).u(1, 0).u(1, 0).unit(&[header])
}

#[test]
fn h264_with_endless_lists_of_references() {
    let good = format(VideoCodec::H264, vec![h264_sps(1, 4, 4), h264_pps(1)]);
    let too_long = DecodeError::Damaged("a list of references is too long");
    assert_eq!(refusal(&good, &[h264_slice(0x41, 0x7fff_ffff)]), too_long);
    assert_ne!(decode(&good, &[h264_slice(0x41, 32)]), Err(too_long));
    let other = format(VideoCodec::H264, vec![h264_sps(1, 4, 4), h264_pps(0x7fff_ffff)]);
    assert!(matches!(refusal(&other, &[]), DecodeError::Damaged(_)));
}

#[test]
fn h264_with_too_many_references_for_its_size() {
    let sps = |references| format(VideoCodec::H264, vec![h264_sps(references, 512, 270)]);
    let unreadable = DecodeError::Damaged("its sequence parameter set can't be read");
    assert_eq!(refusal(&sps(6), &[]), unreadable);
    assert!(PictureDecoder::new(&sps(5), DecodeLimits::default(), &no_deadline()).is_ok());
    let large = format(VideoCodec::H264, vec![h264_sps(0, 1_024, 1_024)]);
    assert!(matches!(refusal(&large, &[]), DecodeError::TooLarge { pixels: 268_435_456, .. }));
}

#[test]
fn h264_whose_size_changes_without_a_key_picture() {
    let sets = format(VideoCodec::H264, vec![h264_sps(1, 4, 4), h264_pps(1)]);
    let changed = DecodeError::Damaged("its size changes without a key picture");
    assert_eq!(refusal(&sets, &[h264_slice(0x41, 1), h264_sps(1, 2, 8), h264_slice(0x41, 1)]), changed);
    let refers = DecodeError::Damaged("an IDR picture refers to others");
    assert_eq!(refusal(&sets, &[h264_slice(0x65, 1)]), refers);
}

fn h265_sps(width: u32, height: u32) -> Vec<u8> {
    let bits = Bits::default().u(4, 0).u(3, 0).u(1, 1);
    // Main profile, level 6.2.
    let bits = bits.u(8, 1).u(32, 0x6000_0000).u(24, 0).u(24, 0).u(8, 186);
    let bits = bits.ue(0).ue(1).ue(width).ue(height).u(1, 0).ue(0).ue(0).ue(4).u(1, 1).ue(15).ue(0).ue(0);
    let bits = bits.ue(0).ue(3).ue(0).ue(3).ue(0).ue(0).u(1, 0).u(2, 0).u(1, 0).ue(0);
    bits.u(1, 0).u(2, 0).u(1, 0).u(1, 0).unit(&[0x42, 1])
}

fn h265_pps() -> Vec<u8> {
    let bits = Bits::default().ue(0).ue(0).u(7, 0).ue(0).ue(0).ue(0).u(3, 0).ue(0).ue(0).u(6, 0);
    bits.u(1, 0).u(1, 0).u(1, 0).u(1, 0).ue(0).u(2, 0).unit(&[0x44, 1])
}

/// A P slice whose set of references names so many pictures.
fn h265_slice(references: u32) -> Vec<u8> {
    let bits = Bits::default().u(1, 1).ue(0).ue(1).u(8, 20).u(1, 0).ue(references).ue(0);
    (0..references).fold(bits, |bits, _| bits.ue(0).u(1, 1)).u(32, 0).unit(&[0x02, 1])
}

#[test]
fn h265_with_too_many_references_for_its_size() {
    let unreadable = DecodeError::Damaged("a slice header can't be read");
    let too_many = DecodeError::Damaged("it refers to too many pictures");
    let small = format(VideoCodec::H265, vec![h265_sps(64, 64), h265_pps()]);
    assert_eq!(refusal(&small, &[h265_slice(16)]), unreadable);
    let large = format(VideoCodec::H265, vec![h265_sps(8_192, 4_320), h265_pps()]);
    assert_eq!(refusal(&large, &[h265_slice(6)]), too_many);
    let larger = format(VideoCodec::H265, vec![h265_sps(16_384, 16_384)]);
    assert!(matches!(refusal(&larger, &[]), DecodeError::TooLarge { .. }));
}
