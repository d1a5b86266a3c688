//! Tests of the packetisers against the depacketisers of `rtc`.

use super::*;
use proptest::collection::vec;
use proptest::prelude::*;
use rtc::rtp::codec::h264::H264Packet;
use rtc::rtp::codec::h265::{H265Packet, H265Payload};
use rtc::rtp::packetizer::Depacketizer;
use std::sync::Arc;
use vas_core::media::VideoFormat;
use vas_core::testing;

const VPS: &[u8] = &[0x40, 0x01, 0x0c, 0x01, 0xff, 0xff];
/// x265, main profile, 640x360.
const SPS_265: &[u8] = &[
    0x42, 0x01, 0x01, 0x01, 0x60, 0x00, 0x00, 0x03, 0x00, 0x90, 0x00, 0x00, 0x03, 0x00, 0x00, 0x03, 0x00,
    0x3f, 0xa0, 0x05, 0x02, 0x01, 0x69, 0x65, 0x95, 0x9a, 0x49, 0x32, 0xbc, 0x05, 0xa0, 0x20, 0x00, 0x00,
    0x03, 0x00, 0x20, 0x00, 0x00, 0x03, 0x03, 0x21,
];
const PPS_265: &[u8] = &[0x44, 0x01, 0xc1, 0x72, 0xb4, 0x62, 0x40];

fn h264_unit(kind: UnitKind, nals: &[&[u8]]) -> AccessUnit {
    AccessUnit { kind, data: nal::join(nals.iter().copied()), ..testing::key_picture(0) }
}

fn h265_unit(kind: UnitKind, nals: &[&[u8]]) -> AccessUnit {
    let format = VideoFormat::h265([VPS, SPS_265, PPS_265]).unwrap();
    AccessUnit { format: Arc::new(TrackFormat::Video(format)), ..h264_unit(kind, nals) }
}

const KEY: UnitKind = UnitKind::Key(KeyKind::Idr);
const DELTA: UnitKind = UnitKind::REFERENCE;

fn run(unit: &AccessUnit) -> PacketRun {
    packetize(unit, &mut Packets::default())
}

fn payloads(run: &PacketRun) -> Vec<&[u8]> {
    (0..run.len()).map(|index| run.payload(index)).collect()
}

/// A unit of `size` bytes, header included.
fn filled(header: &[u8], size: usize) -> Vec<u8> {
    header.iter().copied().chain((header.len()..size).map(|n| (n % 251) as u8)).collect()
}

/// The units that a receiver of H.264 puts together.
fn depacketize_h264(run: &PacketRun) -> Vec<Vec<u8>> {
    let mut depacketizer = H264Packet::default();
    depacketizer.is_avc = true;
    let mut units = Vec::new();
    for payload in payloads(run) {
        let data = depacketizer.depacketize(&Bytes::copy_from_slice(payload)).unwrap();
        units.extend(nal::units(&data).map(<[u8]>::to_vec));
    }
    units
}

/// The units that a receiver of H.265 puts together.
fn depacketize_h265(run: &PacketRun) -> Vec<Vec<u8>> {
    let mut units = Vec::new();
    let mut fragments = Vec::new();
    for payload in payloads(run) {
        let mut depacketizer = H265Packet::default();
        depacketizer.depacketize(&Bytes::copy_from_slice(payload)).unwrap();
        match depacketizer.payload() {
            H265Payload::H265SingleNALUnitPacket(_) => units.push(payload.to_vec()),
            H265Payload::H265AggregationPacket(packet) => {
                units.push(packet.first_unit().unwrap().nal_unit().to_vec());
                units.extend(packet.other_units().iter().map(|unit| unit.nal_unit().to_vec()));
            }
            H265Payload::H265FragmentationUnitPacket(packet) => {
                let header = packet.fu_header();
                assert_eq!(header.s(), fragments.is_empty());
                if header.s() {
                    fragments.extend([(payload[0] & 0x81) | (header.fu_type() << 1), payload[1]]);
                }
                fragments.extend_from_slice(&packet.payload());
                if header.e() {
                    units.push(std::mem::take(&mut fragments));
                }
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(fragments.is_empty());
    units
}

/// Sizes are within the limit, fragments of a unit are equal but for the last, and sends cover every payload once.
fn check_sizes(run: &PacketRun, is_fragment: fn(&[u8]) -> bool, fragment_flags: usize) {
    let payloads = payloads(run);
    assert!(payloads.iter().all(|payload| !payload.is_empty() && payload.len() <= MAX_PAYLOAD));
    assert_eq!(payloads.iter().map(|payload| payload.len()).sum::<usize>(), run.bytes());
    let mut size = 0;
    for payload in payloads.iter().filter(|payload| is_fragment(payload)) {
        let flags = payload[fragment_flags] & 0xc0;
        assert_ne!(flags, 0xc0, "a fragment is not first and last at once");
        match flags {
            0x80 => size = payload.len(),
            0x40 => assert!(payload.len() <= size),
            _ => assert_eq!(payload.len(), size),
        }
    }
    let mut at = 0;
    while at < run.len() {
        let count = run.segments_from(at, 16);
        assert!((1..=16).contains(&count));
        let sizes: Vec<_> = payloads[at..at + count].iter().map(|payload| payload.len()).collect();
        assert!(sizes[..count - 1].iter().all(|&size| size == sizes[0]) && sizes[count - 1] <= sizes[0]);
        at += count;
    }
    assert_eq!((at, run.segments_from(at, 16)), (run.len(), 0));
}

fn check_h264_sizes(run: &PacketRun) {
    check_sizes(run, |payload| payload[0] & 0x1f == 28, 1);
}

fn check_h265_sizes(run: &PacketRun) {
    check_sizes(run, |payload| (payload[0] >> 1) & 0x3f == 49, 2);
}

fn sets(unit: &AccessUnit) -> Vec<Vec<u8>> {
    unit.format.video().unwrap().parameter_sets.iter().map(|set| set.to_vec()).collect()
}

#[test]
fn a_key_picture_starts_with_the_formats_parameter_sets() {
    let slice = filled(&[0x65], 5_000);
    let unit = h264_unit(KEY, &[&slice]);
    let run = run(&unit);
    check_h264_sizes(&run);
    assert_eq!(depacketize_h264(&run), [sets(&unit), vec![slice]].concat());
    assert_eq!(run.payload(0)[0], 0x78, "an aggregation packet of the highest reference value");
    assert_eq!(run.payload(1)[..2], [0x7c, 0x85]);
    assert_eq!(run.payload(run.len() - 1)[..2], [0x7c, 0x45]);
    assert_eq!((run.len(), run.segments_from(0, 16), run.segments_from(1, 16)), (6, 1, 5));
    assert_eq!((run.segments_from(1, 3), run.segments_from(1, 0), run.segments_from(6, 16)), (3, 0, 0));
}

#[test]
fn parameter_sets_in_band_stand_instead_of_the_formats() {
    let own: [&[u8]; 3] = [&[0x67, 9, 9, 9], &[0x68, 8, 8], &[0x65, 7, 7]];
    assert_eq!(depacketize_h264(&run(&h264_unit(KEY, &own))), own);
    // A lone PPS may refer to an SPS that only the format has.
    let unit = h264_unit(KEY, &own[1..]);
    let expected = [sets(&unit), own[1..].iter().map(|nal| nal.to_vec()).collect()].concat();
    assert_eq!(depacketize_h264(&run(&unit)), expected);
}

#[test]
fn what_no_viewer_needs_is_left_out() {
    let slice: &[u8] = &[0x41, 1, 2, 3];
    let nals: [&[u8]; 9] = [
        &[0x09, 0xf0],
        &[0x06, 5, 1, 0],
        slice,
        &[0x0c, 0xff, 0xff],
        &[0x0a, 1],
        &[0x0b, 1],
        &[0x78, 1, 1],
        &[0x7c, 1, 1],
        &[0x41],
    ];
    let run = run(&h264_unit(DELTA, &nals));
    assert_eq!(payloads(&run), [slice]);
}

#[test]
fn a_recovery_point_keeps_its_sei() {
    let nals: [&[u8]; 2] = [&[0x06, 6, 1, 0x80, 0x80], &[0x41, 1, 2, 3]];
    let unit = h264_unit(UnitKind::Key(KeyKind::RecoveryPoint), &nals);
    let units = depacketize_h264(&run(&unit));
    assert_eq!(units[sets(&unit).len()..], nals);
}

#[test]
fn small_slices_share_a_packet() {
    let slices: Vec<_> = (0..4).map(|_| filled(&[0x21], 200)).collect();
    let nals: Vec<_> = slices.iter().map(Vec::as_slice).collect();
    let run = run(&h264_unit(DELTA, &nals));
    assert_eq!((run.len(), run.payload(0)[0]), (1, 0x38));
    assert_eq!(depacketize_h264(&run), slices);
}

#[test]
fn the_limit_is_reached_and_not_passed() {
    for (size, packets) in [(MAX_PAYLOAD, 1), (MAX_PAYLOAD + 1, 2), (2 * (MAX_PAYLOAD - 2) + 1, 2)] {
        let slice = filled(&[0x41], size);
        let run = run(&h264_unit(DELTA, &[&slice]));
        check_h264_sizes(&run);
        assert_eq!(run.len(), packets);
        assert_eq!(depacketize_h264(&run), [slice]);
    }
    // Header, and two bytes of size for each of the two.
    let half = filled(&[0x41], (MAX_PAYLOAD - 1) / 2 - 2);
    assert_eq!(run(&h264_unit(DELTA, &[&half, &half])).len(), 1);
    let more = filled(&[0x41], half.len() + 2);
    assert_eq!(run(&h264_unit(DELTA, &[&half, &more])).len(), 2);
}

#[test]
fn a_key_picture_of_two_megabytes_is_cut_without_growing_the_buffer() {
    let slice = filled(&[0x65], 2 << 20);
    let unit = h264_unit(KEY, &[&slice]);
    let mut packets = Packets::default();
    packetize_h264(&unit, &mut packets);
    let (start, capacity) = (packets.buffer.as_ptr(), packets.buffer.capacity());
    packetize_h264(&unit, &mut packets);
    assert_eq!((packets.buffer.as_ptr(), packets.buffer.capacity()), (start, capacity));
    let run = packets.finish();
    check_h264_sizes(&run);
    assert!(run.len() < 1_800);
    assert_eq!(depacketize_h264(&run).last(), Some(&slice));
}

#[test]
fn what_can_not_be_sent_makes_an_empty_run() {
    let broken =
        |data: &'static [u8]| AccessUnit { data: Bytes::from_static(data), ..testing::key_picture(0) };
    assert!(run(&broken(&[])).is_empty());
    assert!(run(&broken(&[0, 0, 0, 9, 0x65, 1])).is_empty());
    assert!(run(&broken(&[0, 0, 0, 0])).is_empty());
    assert!(run(&broken(&[0, 0, 0, 3, 0x65, 1, 2, 0, 0])).is_empty());
    assert!(run(&h264_unit(KEY, &[&[0x67, 1], &[0x68, 1]])).is_empty(), "no slice");
    assert!(run(&h264_unit(DELTA, &[&filled(&[0x41], MAX_UNIT)])).is_empty());
    assert!(run(&testing::audio_unit(0)).is_empty());
    let mut packets = Packets::default();
    packetize_h264(&h264_unit(DELTA, &[&[0x41, 1]]), &mut packets);
    packetize_h264(&broken(&[]), &mut packets);
    assert!(packets.finish().is_empty(), "what was not taken is forgotten");
}

#[test]
fn an_h265_key_picture_starts_with_all_parameter_sets() {
    let slice = filled(&[0x26, 0x01], 4_000);
    let unit = h265_unit(KEY, &[&[0x46, 0x01, 0x50], &[0x4e, 0x01, 5, 1, 0], &slice]);
    let run = run(&unit);
    check_h265_sizes(&run);
    assert_eq!(depacketize_h265(&run), [sets(&unit), vec![slice]].concat());
    assert_eq!(run.payload(0)[..2], [0x60, 0x01]);
    assert_eq!(run.payload(1)[..3], [0x62, 0x01, 0x80 | 19]);
    assert_eq!(run.payload(run.len() - 1)[2], 0x40 | 19);
}

#[test]
fn h265_headers_keep_layer_and_temporal_id() {
    let slice = filled(&[0x02 | 0x01, 0x0b], 2_000); // layer 33, temporal id plus one 3
    let run_of_one = run(&h265_unit(DELTA, &[&slice]));
    assert_eq!(run_of_one.payload(0)[..3], [0x62 | 0x01, 0x0b, 0x80 | 1]);
    assert_eq!(depacketize_h265(&run_of_one), [slice]);
    let nals: [&[u8]; 2] = [&[0x02, 0x0a, 1], &[0x00, 0x13, 1]]; // layers 1 and 2, temporal ids plus one 2 and 3
    assert_eq!(run(&h265_unit(DELTA, &nals)).payload(0)[..2], [0x60, 0x0a]);
}

/// Sizes around the limits as well as any.
fn sizes() -> impl Strategy<Value = Vec<usize>> {
    let size = prop_oneof![1_usize..40, 1_usize..10_000, 1_170_usize..1_190, 2_350_usize..2_360];
    vec(size, 1..12)
}

proptest! {
    #[test]
    fn h264_round_trip(sizes in sizes(), headers in vec(prop::sample::select(vec![0x01_u8, 0x21, 0x41, 0x61]), 12)) {
        // A header alone is nothing to send; rtc's depacketiser wants three bytes.
        let nals: Vec<_> = sizes.iter().zip(&headers).map(|(&size, &header)| filled(&[header], size + 2)).collect();
        let unit = h264_unit(DELTA, &nals.iter().map(Vec::as_slice).collect::<Vec<_>>());
        let run = run(&unit);
        check_h264_sizes(&run);
        prop_assert_eq!(depacketize_h264(&run), nals);
    }

    #[test]
    fn h265_round_trip(sizes in sizes(), kinds in vec(prop::sample::select(vec![0_u8, 1, 9, 19, 21]), 12), temporal in 1_u8..8) {
        let filled = |(&size, &kind): (&usize, &u8)| filled(&[kind << 1, temporal], size + 2);
        let nals: Vec<_> = sizes.iter().zip(&kinds).map(filled).collect();
        let unit = h265_unit(DELTA, &nals.iter().map(Vec::as_slice).collect::<Vec<_>>());
        let run = run(&unit);
        check_h265_sizes(&run);
        prop_assert_eq!(depacketize_h265(&run), nals);
    }

    #[test]
    fn any_bytes_are_packetised_without_panic(data in vec(any::<u8>(), 0..3_000), framed in any::<bool>(), key in any::<bool>()) {
        let data = if framed { nal::join(data.chunks(977)) } else { Bytes::from(data) };
        let kind = if key { KEY } else { DELTA };
        let h264 = AccessUnit { data: data.clone(), ..h264_unit(kind, &[]) };
        check_h264_sizes(&run(&h264));
        let h265 = AccessUnit { data, ..h265_unit(kind, &[]) };
        check_h265_sizes(&run(&h265));
    }
}
