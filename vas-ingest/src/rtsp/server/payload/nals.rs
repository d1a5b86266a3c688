//! Payload formats of H.264 (RFC 6184) and H.265 (RFC 7798), which differ in their headers alone.

use super::Payload;
use std::marker::PhantomData;
use vas_core::media::{AccessUnit, VideoFormat, h264, h265, nal};

/// What the two formats do differently.
pub(super) trait NalFormat {
    /// Bytes of a NAL unit's header.
    const HEADER: usize;
    /// Whether the unit is left out: delimiters and filler, which RTP has no use for.
    fn is_dropped(unit: &[u8]) -> bool;
    /// The header of an aggregation packet of units like `unit`.
    fn aggregation_header(unit: &[u8], out: &mut Vec<u8>);
    /// The header of a fragment of `unit`, in the first [`Self::FRAGMENT_HEADER`] bytes.
    fn fragment_header(unit: &[u8], start: bool, end: bool) -> [u8; 3];
    /// Bytes of a fragment's header.
    const FRAGMENT_HEADER: usize = Self::HEADER + 1;
}

/// STAP-A (RFC 6184, section 5.7.1) and FU-A (section 5.8).
#[derive(Debug)]
pub(super) struct H264;

impl NalFormat for H264 {
    const HEADER: usize = 1;

    fn is_dropped(unit: &[u8]) -> bool {
        use h264::nal_type::{AUD, END_OF_SEQUENCE, END_OF_STREAM, FILLER};
        matches!(h264::nal_unit_type(unit), AUD | END_OF_SEQUENCE | END_OF_STREAM | FILLER)
    }

    fn aggregation_header(unit: &[u8], out: &mut Vec<u8>) {
        const STAP_A: u8 = 24;
        out.push((unit[0] & 0x60) | STAP_A);
    }

    fn fragment_header(unit: &[u8], start: bool, end: bool) -> [u8; 3] {
        const FU_A: u8 = 28;
        let fu = (u8::from(start) << 7) | (u8::from(end) << 6) | (unit[0] & 0x1f);
        [(unit[0] & 0xe0) | FU_A, fu, 0]
    }
}

/// Aggregation packets (RFC 7798, section 4.4.2) and fragmentation units (section 4.4.3).
#[derive(Debug)]
pub(super) struct H265;

impl NalFormat for H265 {
    const HEADER: usize = 2;

    fn is_dropped(unit: &[u8]) -> bool {
        use h265::nal_type::{AUD, END_OF_BITSTREAM, END_OF_SEQUENCE, FILLER};
        matches!(h265::nal_unit_type(unit), AUD | END_OF_SEQUENCE | END_OF_BITSTREAM | FILLER)
    }

    fn aggregation_header(unit: &[u8], out: &mut Vec<u8>) {
        const AP: u8 = 48;
        out.extend_from_slice(&[(unit[0] & 0x81) | (AP << 1), unit[1]]);
    }

    fn fragment_header(unit: &[u8], start: bool, end: bool) -> [u8; 3] {
        const FU: u8 = 49;
        let fu = (u8::from(start) << 7) | (u8::from(end) << 6) | h265::nal_unit_type(unit);
        [(unit[0] & 0x81) | (FU << 1), unit[1], fu]
    }
}

/// Cuts a picture into payloads of at most `limit` bytes. The parameter sets go before each key picture, so that a
/// client that lost them, or joined by other means than the description, can decode.
pub(super) fn packetize<F: NalFormat>(
    unit: &AccessUnit,
    format: &VideoFormat,
    limit: usize,
    scratch: &mut Vec<u8>,
    emit: &mut impl FnMut(Payload<'_>),
) {
    let mut cutter = Cutter::<F, _> { limit, emit, format: PhantomData };
    if unit.is_key() {
        cutter.parameter_sets(format, scratch);
    }
    let is_known_set = |nal: &[u8]| unit.is_key() && format.parameter_sets.iter().any(|set| set == nal);
    let mut nals = nal::units(&unit.data)
        .filter(|nal| nal.len() > F::HEADER && !F::is_dropped(nal) && !is_known_set(nal))
        .peekable();
    while let Some(nal) = nals.next() {
        cutter.unit(nal, nals.peek().is_none());
    }
}

struct Cutter<'e, F, E> {
    limit: usize,
    emit: &'e mut E,
    format: PhantomData<F>,
}

impl<F: NalFormat, E: FnMut(Payload<'_>)> Cutter<'_, F, E> {
    /// All sets in one packet where they fit.
    fn parameter_sets(&mut self, format: &VideoFormat, scratch: &mut Vec<u8>) {
        const LENGTH: usize = 2;
        let sets = &format.parameter_sets;
        let size: usize = F::HEADER + sets.iter().map(|set| LENGTH + set.len()).sum::<usize>();
        match sets.first() {
            Some(first) if sets.len() > 1 && size <= self.limit && first.len() >= F::HEADER => {
                scratch.clear();
                F::aggregation_header(first, scratch);
                for set in sets {
                    scratch.extend_from_slice(&(set.len() as u16).to_be_bytes());
                    scratch.extend_from_slice(set);
                }
                (self.emit)(Payload { prefix: &[], data: scratch, marker: false, ticks: 0 });
            }
            _ => sets.iter().filter(|set| set.len() > F::HEADER).for_each(|set| self.unit(set, false)),
        }
    }

    /// One NAL unit, whole or in fragments of about equal size.
    fn unit(&mut self, nal: &[u8], last: bool) {
        if nal.len() <= self.limit {
            (self.emit)(Payload { prefix: &[], data: nal, marker: last, ticks: 0 });
            return;
        }
        let body = &nal[F::HEADER..];
        let count = body.len().div_ceil(self.limit - F::FRAGMENT_HEADER);
        let size = body.len().div_ceil(count);
        let mut parts = body.chunks(size).enumerate().peekable();
        while let Some((n, data)) = parts.next() {
            let end = parts.peek().is_none();
            let header = F::fragment_header(nal, n == 0, end);
            let prefix = &header[..F::FRAGMENT_HEADER];
            (self.emit)(Payload { prefix, data, marker: last && end, ticks: 0 });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use proptest::prelude::*;
    use std::sync::Arc;
    use vas_core::media::{TrackFormat, VideoCodec};
    use vas_core::testing;

    const VPS: &[u8] = &[0x40, 0x01, 0x0c];
    const SPS: &[u8] = &[0x42, 0x01, 0x01];
    const PPS: &[u8] = &[0x44, 0x01, 0xc1];

    fn h265_unit(nals: &[&[u8]]) -> AccessUnit {
        let format = VideoFormat {
            codec: VideoCodec::H265,
            width: 640,
            height: 360,
            fps: None,
            max_reorder: 0,
            rfc6381: String::new(),
            parameter_sets: [VPS, SPS, PPS].map(Bytes::from_static).to_vec(),
        };
        let format = Arc::new(TrackFormat::Video(format));
        AccessUnit { format, data: nal::join(nals.iter().copied()), ..testing::key_picture(0) }
    }

    fn packets(unit: &AccessUnit, limit: usize) -> Vec<(Vec<u8>, bool)> {
        let mut packets = Vec::new();
        super::super::packetize(unit, limit, &mut Vec::new(), |payload| {
            packets.push(([payload.prefix, payload.data].concat(), payload.marker));
        });
        packets
    }

    /// Puts packets together again as a receiver does; a model of both payload formats.
    fn reassemble(packets: &[(Vec<u8>, bool)], header: usize) -> Vec<Vec<u8>> {
        let mut nals: Vec<Vec<u8>> = Vec::new();
        for (packet, _) in packets {
            let kind = if header == 1 { packet[0] & 0x1f } else { (packet[0] >> 1) & 0x3f };
            match kind {
                24 | 48 => {
                    let mut rest = &packet[header..];
                    while !rest.is_empty() {
                        let length = usize::from(u16::from_be_bytes([rest[0], rest[1]]));
                        nals.push(rest[2..2 + length].to_vec());
                        rest = &rest[2 + length..];
                    }
                }
                28 | 49 => {
                    let fu = packet[header];
                    if fu & 0x80 != 0 {
                        nals.push(if header == 1 {
                            vec![(packet[0] & 0xe0) | (fu & 0x1f)]
                        } else {
                            vec![(packet[0] & 0x81) | ((fu & 0x3f) << 1), packet[1]]
                        });
                    }
                    nals.last_mut().unwrap().extend_from_slice(&packet[header + 1..]);
                }
                _ => nals.push(packet.clone()),
            }
        }
        nals
    }

    #[test]
    fn parameter_sets_go_before_a_key_picture_and_no_other() {
        let key = packets(&testing::key_picture(0), 1400);
        assert_eq!((key.len(), key[0].0[0], key[0].1, key[1].1), (2, 0x78, false, true));
        assert_eq!(packets(&testing::delta_picture(0), 1400).len(), 1);
        let h265 = packets(&h265_unit(&[&[35 << 1, 1, 0x50], VPS, SPS, PPS, &[19 << 1, 1, 0xaf]]), 1400);
        let nals = reassemble(&h265, 2);
        assert_eq!(nals, [VPS, SPS, PPS, &[19 << 1, 1, 0xaf]], "no delimiter, each set once");
        assert_eq!(h265[0].0[0] >> 1, 48);
    }

    proptest! {
        #[test]
        fn what_is_cut_can_be_put_together(
            sizes in proptest::collection::vec(3_usize..5000, 1..5),
            limit in 60_usize..1500,
            hevc in any::<bool>(),
        ) {
            let nals: Vec<Vec<u8>> = sizes
                .iter()
                .map(|&size| {
                    let mut nal: Vec<u8> = (0..size).map(|n| n as u8).collect();
                    (nal[0], nal[1]) = if hevc { (1 << 1, 1) } else { (0x41, 0x9a) };
                    nal
                })
                .collect();
            let slices: Vec<&[u8]> = nals.iter().map(Vec::as_slice).collect();
            let mut unit = h265_unit(&slices);
            if !hevc {
                unit.format = testing::key_picture(0).format;
            }
            unit.kind = testing::delta_picture(0).kind;
            let packets = packets(&unit, limit);
            prop_assert_eq!(reassemble(&packets, if hevc { 2 } else { 1 }), nals);
            prop_assert!(packets.iter().all(|(packet, _)| packet.len() <= limit));
            let markers: Vec<_> = packets.iter().map(|(_, marker)| *marker).collect();
            prop_assert_eq!(markers.iter().rposition(|&marker| !marker).map_or(0, |n| n + 1), markers.len() - 1);
        }

        #[test]
        fn any_data_is_survived(data in proptest::collection::vec(any::<u8>(), 0..300), hevc in any::<bool>()) {
            let mut unit = if hevc { h265_unit(&[]) } else { testing::key_picture(0) };
            unit.data = Bytes::from(data);
            let _ = packets(&unit, 60);
        }
    }
}
