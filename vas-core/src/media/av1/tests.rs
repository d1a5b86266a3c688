//! Tests of what encoders rarely write; `tests/encoded.rs` has what they do.

use super::*;
use crate::media::{KeyKind, UnitKind, VideoFormat};
use proptest::collection::vec;
use proptest::prelude::*;

/// SVT-AV1, main profile, 160x90, with its size.
const SEQUENCE: [u8; 12] = [0x0a, 0x0a, 0, 0, 0, 0x03, 0xb4, 0xfd, 0x93, 0xef, 0xe4, 0x01];

/// Bits as text, spaces for reading alone, as an OBU of `kind` with its size.
fn obu(kind: u8, bits: &str) -> Vec<u8> {
    let bits: Vec<u8> = bits.bytes().filter(|bit| *bit != b' ').map(|bit| bit - b'0').collect();
    let byte = |bits: &[u8]| (0..8).fold(0, |byte, at| (byte << 1) | bits.get(at).copied().unwrap_or(0));
    let payload: Vec<u8> = bits.chunks(8).map(byte).collect();
    Obu { header: [kind << 3, 0], payload: &payload }.to_bytes().to_vec()
}

fn sequence(bits: &str) -> Option<SequenceHeader> {
    SequenceHeader::parse_bytes(&obu(obu_type::SEQUENCE_HEADER, bits))
}

/// The sizes of pictures up to 16x8.
const SIZES: &str = "0011 0010 1111 111";

#[test]
fn reads_a_main_profile_sequence_header() {
    let header = SequenceHeader::parse_bytes(&SEQUENCE).unwrap();
    assert_eq!((header.width, header.height, header.bit_depth), (160, 90, 8));
    assert_eq!((header.subsampling_x, header.subsampling_y, header.monochrome), (true, true, false));
    assert_eq!(header.codec_parameters(), "0.00M.08");
}

#[test]
fn reads_timing_tier_and_the_decoder_model() {
    let (units, scale) = (format!("{:032b}", 1), format!("{:032b}", 50));
    // Two ticks a picture; delays of 10 bits, removal times of 3; two points: level 5.1 of the high tier with a model
    // and a display delay, level 4.0 without.
    let timing = format!("1 {units} {scale} 1 010");
    let model = format!("1 01001 {units} 00010 00100");
    let points = "1 00001 000100000011 01101 1 1 0000000000 0000000000 0 1 0000  000100000001 01000 0 0 0";
    let tools = "0000 0 1 1";
    let color = "000 0 0 0 0 10 0";
    let header =
        sequence(&format!("000 0 0 {timing} {model} {points} {SIZES} 0 000 {tools} {color}")).unwrap();
    assert_eq!((header.width, header.height, header.fps), (16, 8, Some(25.0)));
    assert_eq!((header.level_idx, header.high_tier, header.chroma_sample_position), (13, true, 2));
    assert_eq!(header.codec_parameters(), "0.13H.08");

    // A shown inter frame: error_resilient, disable_cdf_update, screen content, integer mv, size override, reference 0,
    // a removal time for one point, no reference kept.
    let frame =
        |shown: &str, flags: &str| obu(obu_type::FRAME, &format!("0 01 {shown} 0 0 0 0 000 1 111 {flags}"));
    assert_eq!(classify(&frame("1", "00000000 1"), Some(&header)), disposable());
    assert_eq!(classify(&frame("1", "00000001 1"), Some(&header)), Some(UnitKind::REFERENCE));
    assert_eq!(classify(&frame("1", "00000000 1"), None), Some(UnitKind::REFERENCE), "nobody can read it");
}

fn disposable() -> Option<UnitKind> {
    Some(UnitKind::Delta { disposable: true, bipredictive: false })
}

#[test]
fn reads_every_layout_of_colour() {
    let reduced =
        |profile: &str, color: &str| sequence(&format!("{profile} 1 1 00000 {SIZES} 000 000 {color}"));
    let layout = |profile: &str, color: &str| {
        let header = reduced(profile, color).unwrap();
        (header.bit_depth, header.monochrome, header.subsampling_x, header.subsampling_y)
    };
    assert_eq!(layout("000", "1 1 0 0"), (10, true, true, true));
    assert_eq!(layout("001", "0 0 0 0"), (8, false, false, false));
    assert_eq!(layout("010", "1 0 0 0 0 0"), (10, false, true, false));
    assert_eq!(layout("010", "1 1 0 0 0 1 0 0"), (12, false, true, false));
    assert_eq!(layout("010", "1 1 0 0 0 0 0"), (12, false, false, false));
    assert_eq!(layout("001", "1 1 00000001 00001101 00000000 0"), (10, false, false, false));
    assert_eq!(reduced("011", "0 0 0 0 00 0"), None, "a profile that is none");
    let picture = [obu(1, &format!("000 1 1 00000 {SIZES} 000 000 0 0 0 0 00 0")), obu(6, "1")].concat();
    assert_eq!(classify(&picture, None), Some(UnitKind::Key(KeyKind::Idr)), "a still picture");
}

#[test]
fn a_format_comes_from_the_sequence_header() {
    let format = VideoFormat::av1(&SEQUENCE).unwrap();
    assert_eq!((format.rfc6381.as_str(), format.max_reorder), ("av01.0.00M.08", 0));
    assert_eq!(format.parameter_sets, [&SEQUENCE[..]]);
    let without_size = [&[0x08][..], &SEQUENCE[2..]].concat();
    assert_eq!(VideoFormat::av1(&without_size).unwrap(), format);
    assert_eq!(format.changed_by(&SEQUENCE), None);
    let mut wider = SEQUENCE;
    wider[6] ^= 1;
    assert!(format.changed_by(&wider).is_some_and(|new| new.width != 160 || new.height != 90));
    assert!(VideoFormat::av1(&SEQUENCE[..9]).is_err() && VideoFormat::av1(&[0x32, 0]).is_err());
}

#[test]
fn a_temporal_unit_holds_what_decoders_need() {
    let delimiter = [0x12, 0];
    let padding = [0x7a, 2, 0, 0x80];
    let layered = [0x34, 0x28, 1, 2, 3]; // a frame of temporal layer 1, spatial layer 1, without its size
    let data = [&delimiter[..], &SEQUENCE, &padding, &layered].concat();
    let unit = temporal_unit(&data).unwrap();
    assert_eq!(unit[..], [&SEQUENCE[..], &[0x36, 0x28, 3, 1, 2, 3]].concat());
    let frame = obus(&unit).nth(1).unwrap();
    assert_eq!(
        (frame.kind(), frame.layer(), frame.header(), frame.size()),
        (6, (1, 1), &[0x34, 0x28][..], 5)
    );
    assert_eq!(temporal_unit(&delimiter), None);
    assert_eq!(temporal_unit(&data[..8]), None, "cut short");
}

#[test]
fn numbers_stay_within_their_range() {
    assert_eq!(read_leb128(&[0xe5, 0x8e, 0x26, 7]), Some((624_485, &[7][..])));
    assert_eq!(read_leb128(&[0x80, 0x80, 0]), Some((0, &[][..])), "padded");
    assert_eq!(read_leb128(&[0xff, 0xff, 0xff, 0xff, 0x0f]), Some((0xffff_ffff, &[][..])));
    assert_eq!(read_leb128(&[0xff, 0xff, 0xff, 0xff, 0x1f]), None);
    assert_eq!((read_leb128(&[0x80; 9]), read_leb128(&[0x80]), read_leb128(&[])), (None, None, None));
}

proptest! {
    #[test]
    fn numbers_round_trip(value in any::<u32>(), shift in 0_u32..32) {
        let value = (value >> shift) as usize;
        let (length, bytes) = leb128(value);
        prop_assert_eq!(read_leb128(&bytes[..length]), Some((value, &[][..])));
        prop_assert_eq!(length, (usize::BITS - (value | 1).leading_zeros()).div_ceil(7) as usize);
    }

    #[test]
    fn units_round_trip(payloads in vec((vec(any::<u8>(), 0..300), any::<Option<u8>>()), 1..6)) {
        let units: Vec<_> = payloads
            .iter()
            .map(|(payload, layer)| Obu { header: [0x30 | layer.map_or(0, |_| EXTENSION), layer.unwrap_or(0)], payload })
            .collect();
        let data: Vec<u8> = units.iter().flat_map(Obu::to_bytes).collect();
        prop_assert!(is_well_formed(&data));
        prop_assert_eq!(&temporal_unit(&data).unwrap()[..], &data[..]);
        prop_assert_eq!(obus(&data).collect::<Vec<_>>(), units);
        prop_assert!(!is_well_formed(&data[..data.len() - 1]) || payloads.last().unwrap().0.is_empty());
    }

    #[test]
    fn any_bytes_are_read_without_panic(mut data in vec(any::<u8>(), 2..120)) {
        let known = SequenceHeader::parse_bytes(&SEQUENCE);
        let _ = (classify(&data, known.as_ref()), temporal_unit(&data), is_well_formed(&data));
        for kind in [0x08, 0x30] {
            data[0] = kind;
            let _ = classify(&data, known.as_ref());
            if let Some(header) = SequenceHeader::parse_bytes(&data) {
                prop_assert!(header.width <= 1 << 16 && header.height <= 1 << 16 && header.level_idx < 32);
                let _ = (header.codec_parameters(), classify(&data, Some(&header)), classify(&[0x30, 0x15, 0x5a, 0x5a], Some(&header)));
            }
        }
    }

    #[test]
    fn a_damaged_sequence_header_is_read_without_panic(at in 2_usize..12, to in any::<u8>()) {
        let mut data = SEQUENCE;
        data[at] = to;
        let _ = VideoFormat::av1(&data);
    }
}
