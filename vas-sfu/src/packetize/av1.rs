//! The RTP payload format of AV1 (AV1 RTP payload format, version 1.0, section 4).

use super::{MAX_PAYLOAD, MAX_UNIT, Packets};
use vas_core::media::AccessUnit;
use vas_core::media::av1::{self, Obu, leb128, obu_type};

/// Z of the aggregation header (section 4.4): the first element goes on from the payload before.
const CONTINUES: u8 = 0x80;
/// Y: the last element goes on in the next payload.
const CONTINUED: u8 = 0x40;
/// W of one: the element goes without its size. Where there are more, W is 0 and each stands behind its size.
const ONE_ELEMENT: u8 = 0x10;
/// N: the first payload of a coded video sequence.
const NEW_SEQUENCE: u8 = 0x08;
/// Bytes of the aggregation header.
const HEADER: usize = 1;
/// Most bytes of the size of an element, which is shorter than a payload.
const MAX_SIZE: usize = 2;

/// Packetises a temporal unit into `packets`, which are left empty where there is nothing to send; on a key picture
/// behind the format's sequence header unless it brings its own.
pub(super) fn packetize_av1(unit: &AccessUnit, packets: &mut Packets) {
    packets.begin(0);
    if unit.data.len() > MAX_UNIT || !av1::is_well_formed(&unit.data) {
        return;
    }
    if !av1::obus(&unit.data).any(|obu| matches!(obu.kind(), obu_type::FRAME | obu_type::FRAME_HEADER)) {
        return;
    }
    let sets = match unit.format.video() {
        Some(format) if unit.is_key() && av1::sequence_header(&unit.data).is_none() => {
            &format.parameter_sets[..]
        }
        _ => &[],
    };
    let obus = sets.iter().flat_map(|set| av1::obus(set)).chain(av1::obus(&unit.data)).filter(is_useful);
    let (count, size) = obus.clone().fold((0, 0), |(count, size), obu| (count + 1, size + obu.size()));
    // An OBU shares at most two payloads with others, those in which it starts and ends; alone it needs no size.
    let size = if count > 1 { size + count * 2 * MAX_SIZE } else { size };
    packets.begin(size);
    let room = size.div_ceil(size.div_ceil(MAX_PAYLOAD - HEADER));
    packets.put_obus(obus, room);
    if unit.is_key()
        && let Some(first) = packets.buffer.first_mut()
    {
        *first |= NEW_SEQUENCE;
    }
}

/// Whether a decoder has use for an OBU, and the payload format room: delimiters and tile lists stay behind
/// (section 5).
const fn is_useful(obu: &Obu<'_>) -> bool {
    !matches!(obu.kind(), obu_type::TEMPORAL_DELIMITER | obu_type::TILE_LIST | obu_type::PADDING)
}

/// What is left of an OBU.
#[derive(Clone, Copy)]
struct Rest<'a> {
    obu: Obu<'a>,
    from: usize,
}

impl Rest<'_> {
    fn size(&self) -> usize {
        self.obu.size() - self.from
    }
}

impl Packets {
    /// Lays out the OBUs of a temporal unit one behind the other in payloads of `room` bytes after the header.
    ///
    /// But for the last payload all end within an OBU, as far as it has two bytes to part: browsers take a payload that
    /// ends an OBU for the last of a picture, and one that starts an OBU for the first.
    fn put_obus<'a>(&mut self, obus: impl Iterator<Item = Obu<'a>>, room: usize) {
        let mut obus = obus.fuse();
        let mut take_next = || obus.next().map(|obu| Rest { obu, from: 0 });
        let mut next = take_next();
        let mut following = take_next();
        while let Some(rest) = &mut next {
            let header = self.buffer.len();
            self.buffer.push(if rest.from > 0 { CONTINUES } else { 0 });
            if following.is_none() || rest.size() >= room {
                self.buffer[header] |= ONE_ELEMENT;
                let whole = following.is_none() && rest.size() <= room;
                let size = if whole { rest.size() } else { room.min(rest.size() - 1) };
                self.put_part(rest, size);
            } else {
                self.put_elements(&mut next, &mut following, &mut take_next, room);
            }
            match &next {
                Some(rest) if rest.size() > 0 => self.buffer[header] |= CONTINUED,
                _ => (next, following) = (following, take_next()),
            }
            self.end_payload();
        }
    }

    /// Several OBUs, each behind its size, as far as there is room; `next` is what is left of the last one.
    fn put_elements<'a>(
        &mut self,
        next: &mut Option<Rest<'a>>,
        following: &mut Option<Rest<'a>>,
        take_next: &mut impl FnMut() -> Option<Rest<'a>>,
        mut room: usize,
    ) {
        while let Some(rest) = next {
            let whole = leb128(rest.size()).0 + rest.size();
            // A further element needs two bytes at least.
            let size = if whole + if following.is_some() { 2 } else { 0 } <= room || rest.size() == 1 {
                rest.size()
            } else {
                // As much as fits, its size included.
                let fits = if room <= 128 { room - 1 } else { (room - 2).max(127) };
                fits.min(rest.size() - 1)
            };
            let (length, bytes) = leb128(size);
            self.buffer.extend_from_slice(&bytes[..length]);
            self.put_part(rest, size);
            room = room.saturating_sub(length + size);
            if rest.size() > 0 || following.is_none() || room < 2 {
                return;
            }
            (*next, *following) = (following.take(), take_next());
        }
    }

    /// The next `size` bytes of an OBU.
    fn put_part(&mut self, rest: &mut Rest<'_>, size: usize) {
        let header = rest.obu.header();
        let (from, to) = (rest.from, rest.from + size);
        let [header_from, header_to] = [from, to].map(|at| at.min(header.len()));
        self.buffer.extend_from_slice(&header[header_from..header_to]);
        let [from, to] = [from, to].map(|at| at.saturating_sub(header.len()));
        self.buffer.extend_from_slice(&rest.obu.payload[from..to]);
        rest.from += size;
    }
}

#[cfg(test)]
mod tests {
    use super::super::{PacketRun, packetize};
    use super::*;
    use bytes::Bytes;
    use proptest::collection::vec;
    use proptest::prelude::*;
    use rtc::rtp::codec::av1::Av1Depacketizer;
    use rtc::rtp::packetizer::Depacketizer;
    use std::sync::Arc;
    use vas_core::media::{KeyKind, TrackFormat, UnitKind, VideoFormat};
    use vas_core::testing;

    /// SVT-AV1, main profile, 160x90.
    const SEQUENCE: [u8; 12] = [0x0a, 0x0a, 0, 0, 0, 0x03, 0xb4, 0xfd, 0x93, 0xef, 0xe4, 0x01];
    const KEY: UnitKind = UnitKind::Key(KeyKind::Idr);

    fn unit(kind: UnitKind, data: impl Into<Bytes>) -> AccessUnit {
        let format = TrackFormat::Video(VideoFormat::av1(&SEQUENCE).unwrap());
        AccessUnit { kind, format: Arc::new(format), data: data.into(), ..testing::key_picture(0) }
    }

    /// An OBU of `size` bytes after its header, of one byte or two, with its size.
    fn obu(kind: u8, layered: bool, size: usize) -> Vec<u8> {
        let (length, bytes) = leb128(size);
        let mut obu = vec![kind << 3 | 2];
        if layered {
            obu[0] |= 4;
            obu.push(0x28);
        }
        obu.extend_from_slice(&bytes[..length]);
        obu.extend((0..size).map(|n| (n % 251) as u8));
        obu
    }

    fn run(unit: &AccessUnit) -> PacketRun {
        packetize(unit, &mut Packets::default())
    }

    /// What a receiver puts together, with the checks that hold for every run.
    fn depacketize(run: &PacketRun) -> Vec<u8> {
        let mut depacketizer = Av1Depacketizer::new();
        let mut data = Vec::new();
        let mut continued = false;
        for index in 0..run.len() {
            let payload = run.payload(index);
            assert!((2..=MAX_PAYLOAD).contains(&payload.len()), "{}", payload.len());
            assert_eq!(payload[0] & CONTINUES != 0, continued);
            continued = payload[0] & CONTINUED != 0;
            data.extend_from_slice(&depacketizer.depacketize(&Bytes::copy_from_slice(payload)).unwrap());
        }
        assert!(!continued);
        data
    }

    #[test]
    fn a_key_picture_starts_with_the_sequence_header() {
        let frame = obu(obu_type::FRAME, false, 9_000);
        let own = [&obu(obu_type::SEQUENCE_HEADER, false, 20)[..], &frame].concat();
        assert_eq!(depacketize(&run(&unit(KEY, own.clone()))), own, "its own stands alone");
        let run = run(&unit(KEY, frame.clone()));
        assert_eq!(depacketize(&run), [&SEQUENCE[..], &frame].concat());
        // The sequence header behind its size, and the start of the frame, which goes on.
        assert_eq!(run.payload(0)[..4], [NEW_SEQUENCE | CONTINUED, 11, 0x08, 0]);
        assert_eq!(run.payload(1)[0], CONTINUES | CONTINUED | ONE_ELEMENT);
        assert_eq!((run.len(), run.payload(7)[0], run.segments_from(0, 16)), (8, CONTINUES | ONE_ELEMENT, 8));
    }

    #[test]
    fn fragments_are_of_one_size() {
        for (size, packets) in [(1_178, 1), (1_179, 2), (2_357, 2), (2_358, 3), (1 << 20, 890)] {
            let frame = obu(obu_type::FRAME, false, size);
            let run = run(&unit(UnitKind::REFERENCE, frame.clone()));
            assert_eq!((run.len(), run.segments_from(0, 1_000)), (packets, packets), "{size}");
            assert_eq!(run.payload(0)[0] & NEW_SEQUENCE, 0);
            assert_eq!(depacketize(&run), frame);
        }
    }

    #[test]
    fn what_no_viewer_needs_is_left_out() {
        let frame = obu(obu_type::FRAME, true, 40);
        let data =
            [&[0x12, 0][..], &frame, &obu(obu_type::PADDING, false, 9), &obu(obu_type::TILE_LIST, false, 9)];
        let run = run(&unit(UnitKind::REFERENCE, data.concat()));
        assert_eq!(depacketize(&run), frame);
        assert_eq!(run.payload(0)[..3], [ONE_ELEMENT, 0x34, 0x28]);
    }

    #[test]
    fn what_can_not_be_sent_makes_an_empty_run() {
        assert!(run(&unit(KEY, vec![])).is_empty());
        assert!(run(&unit(KEY, SEQUENCE.to_vec())).is_empty(), "no frame");
        assert!(run(&unit(KEY, vec![0x32, 9, 0])).is_empty(), "cut short");
        assert!(run(&unit(KEY, obu(obu_type::FRAME, false, MAX_UNIT))).is_empty());
    }

    proptest! {
        #[test]
        fn round_trip(
            sizes in vec(prop_oneof![0_usize..4, 0_usize..200, 1_160_usize..1_190, 0_usize..6_000], 1..12),
            layered in any::<bool>(),
            key in any::<bool>(),
        ) {
            let data: Vec<u8> = sizes.iter().flat_map(|&size| obu(obu_type::FRAME, layered, size)).collect();
            let run = run(&unit(if key { KEY } else { UnitKind::REFERENCE }, data.clone()));
            let expected = if key { [&SEQUENCE[..], &data].concat() } else { data };
            prop_assert_eq!(depacketize(&run), expected);
            let first = run.payload(0)[0];
            prop_assert_eq!(first & NEW_SEQUENCE != 0, key);
            // Browsers see one picture: no payload but the first starts an OBU, as far as OBUs can be parted.
            if sizes.iter().all(|&size| size > 2) {
                let starts = (0..run.len()).filter(|&index| run.payload(index)[0] & CONTINUES == 0).count();
                prop_assert!(starts <= 1 + sizes.len() / 4, "{} of {}", starts, run.len());
            }
        }

        #[test]
        fn any_bytes_are_packetised_without_panic(mut data in vec(any::<u8>(), 1..3_000), key in any::<bool>()) {
            let kind = if key { KEY } else { UnitKind::REFERENCE };
            let _ = run(&unit(kind, data.clone()));
            data[0] = 0x30;
            let _ = depacketize(&run(&unit(kind, data)));
        }
    }
}
