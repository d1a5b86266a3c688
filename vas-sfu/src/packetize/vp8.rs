//! The RTP payload format of VP8 (RFC 7741) with the smallest payload descriptor, of one byte.
//!
//! Picture ids and layer indexes are left out. They are counters, and a viewer's must go on without a gap where it is
//! switched to another layer or pictures are left out for it: they would belong to the viewer, whereas payloads are
//! shared by all. Receivers find lost packets by sequence number, and without picture ids browsers take pictures to
//! depend on the one before, as they do with H.264.

use super::{MAX_PAYLOAD, MAX_UNIT, Packets};
use vas_core::media::{AccessUnit, UnitKind, vp8};

/// Bytes of the payload descriptor.
const DESCRIPTOR: usize = 1;
/// N of the payload descriptor (section 4.2): no other frame refers to this one.
const NON_REFERENCE: u8 = 0x20;
/// S: a partition starts here. The partition index stays 0 for all payloads, as the section allows, so that S stands
/// on the first alone.
const START: u8 = 0x10;

/// Packetises a frame into `packets`, which are left empty where there is nothing to send.
pub(super) fn packetize_vp8(unit: &AccessUnit, packets: &mut Packets) {
    packets.begin(0);
    if unit.data.len() > MAX_UNIT || vp8::FrameHeader::parse(&unit.data).is_none() {
        return;
    }
    packets.begin(unit.data.len());
    let flags = match unit.kind {
        UnitKind::Delta { disposable: true, .. } => NON_REFERENCE,
        _ => 0,
    };
    let count = unit.data.len().div_ceil(MAX_PAYLOAD - DESCRIPTOR);
    for (index, fragment) in unit.data.chunks(unit.data.len().div_ceil(count)).enumerate() {
        packets.buffer.push(flags | if index == 0 { START } else { 0 });
        packets.buffer.extend_from_slice(fragment);
        packets.end_payload();
    }
}

#[cfg(test)]
mod tests {
    use super::super::{PacketRun, packetize};
    use super::*;
    use bytes::Bytes;
    use proptest::collection::vec;
    use proptest::prelude::*;
    use rtc::rtp::codec::vp8::Vp8Packet;
    use rtc::rtp::packetizer::Depacketizer;
    use std::sync::Arc;
    use vas_core::media::{TrackFormat, VideoFormat};
    use vas_core::testing;

    /// An interframe of `size` bytes with an empty first partition.
    fn frame(size: usize) -> Vec<u8> {
        [0x11, 0, 0].into_iter().chain((3..size).map(|n| (n % 251) as u8)).collect()
    }

    fn run(kind: UnitKind, data: impl Into<Bytes>) -> PacketRun {
        let format = Arc::new(TrackFormat::Video(VideoFormat::vp8(640, 360)));
        let unit = AccessUnit { kind, format, data: data.into(), ..testing::key_picture(0) };
        packetize(&unit, &mut Packets::default())
    }

    /// What a receiver puts together, with the checks that hold for every run.
    fn depacketize(run: &PacketRun) -> Vec<u8> {
        let mut data = Vec::new();
        for index in 0..run.len() {
            let payload = run.payload(index);
            assert!(payload.len() <= MAX_PAYLOAD);
            let mut packet = Vp8Packet::default();
            data.extend_from_slice(&packet.depacketize(&Bytes::copy_from_slice(payload)).unwrap());
            assert_eq!((packet.s == 1, packet.pid, packet.x), (index == 0, 0, 0));
        }
        assert_eq!(run.segments_from(0, usize::MAX), run.len(), "fragments are of one size");
        data
    }

    #[test]
    fn the_limit_is_reached_and_not_passed() {
        for (size, packets) in [(1_179, 1), (1_180, 2), (2_358, 2), (2_359, 3)] {
            let run = run(UnitKind::REFERENCE, frame(size));
            assert_eq!((run.len(), depacketize(&run)), (packets, frame(size)), "{size}");
        }
    }

    #[test]
    fn the_descriptor_tells_what_can_be_left_out() {
        let kind = UnitKind::Delta { disposable: true, bipredictive: false };
        assert_eq!(run(kind, frame(9)).payload(0)[0], START | NON_REFERENCE);
        assert_eq!(run(UnitKind::REFERENCE, frame(9)).payload(0)[0], START);
    }

    #[test]
    fn what_can_not_be_sent_makes_an_empty_run() {
        assert!(run(UnitKind::REFERENCE, vec![]).is_empty());
        assert!(run(UnitKind::REFERENCE, vec![0x10, 0, 0, 1, 2, 3, 0, 0, 0, 0]).is_empty(), "no start code");
        assert!(run(UnitKind::REFERENCE, frame(MAX_UNIT + 1)).is_empty());
    }

    proptest! {
        #[test]
        fn round_trip(size in prop_oneof![3_usize..40, 1_170_usize..1_190, 3_usize..20_000]) {
            // The depacketiser takes no payload below four bytes.
            prop_assert_eq!(depacketize(&run(UnitKind::REFERENCE, frame(size))), frame(size));
        }

        #[test]
        fn any_bytes_are_packetised_without_panic(data in vec(any::<u8>(), 0..3_000)) {
            let _ = run(UnitKind::REFERENCE, data);
        }
    }
}
