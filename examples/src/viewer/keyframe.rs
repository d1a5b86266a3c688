//! Finds the first whole keyframe in a stream of RTP payloads (RFC 6184 for H.264, RFC 7798 for H.265).

/// A video codec a viewer can be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Codec {
    /// H.264, packetization mode 1.
    H264,
    /// H.265.
    H265,
}

/// Whether a payload holds parameter sets or a part of a keyframe: packets of which a keyframe picture is
/// made.
pub(super) fn belongs_to_keyframe(codec: Codec, payload: &[u8]) -> bool {
    let found = match codec {
        Codec::H264 => any_h264(payload, |kind| matches!(kind, 5 | 7)),
        // 16 to 21 are the intra random access pictures, 32 to 34 the parameter sets.
        Codec::H265 => any_h265(payload, |kind| matches!(kind, 16..=21 | 32..=34)),
    };
    found.unwrap_or(false)
}

/// Whether a payload holds a sequence parameter set, with which senders begin a keyframe.
pub(super) fn begins_keyframe(codec: Codec, payload: &[u8]) -> bool {
    let found = match codec {
        Codec::H264 => any_h264(payload, |kind| kind == 7),
        Codec::H265 => any_h265(payload, |kind| kind == 33),
    };
    found.unwrap_or(false)
}

/// Whether the type of any unit in a payload is `wanted`.
fn any_h264(payload: &[u8], wanted: impl Fn(u8) -> bool) -> Option<bool> {
    let wanted = |header: u8| wanted(header & 0x1F);
    Some(match payload.first()? & 0x1F {
        24 => units(payload.get(1..)?).any(|unit| unit.first().copied().is_some_and(&wanted)),
        28 => wanted(*payload.get(1)?),
        _ => wanted(payload[0]),
    })
}

fn any_h265(payload: &[u8], wanted: impl Fn(u8) -> bool) -> Option<bool> {
    let kind = |header: u8| header >> 1 & 0x3F;
    Some(match kind(*payload.first()?) {
        48 => units(payload.get(2..)?).any(|unit| unit.first().is_some_and(|&header| wanted(kind(header)))),
        49 => wanted(*payload.get(2)? & 0x3F),
        other => wanted(other),
    })
}

/// The units of an aggregation packet, each behind a 16-bit length.
fn units(mut rest: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let length: &[u8; 2] = rest.first_chunk()?;
        let (unit, after) = rest.get(2..)?.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        rest = after;
        Some(unit)
    })
}

/// Waits until every packet of one keyframe has arrived.
#[derive(Debug, Default)]
pub(super) struct FirstKeyframe {
    candidate: Option<Candidate>,
}

/// A picture that is a keyframe, as far as it has arrived.
#[derive(Debug)]
struct Candidate {
    timestamp: u32,
    first: u64,
    last: Option<u64>,
    received: u64,
}

impl FirstKeyframe {
    /// Notes a packet; true when it makes a keyframe whole. Packets may come in any order, but not twice.
    pub(super) fn push(
        &mut self,
        codec: Codec,
        extended: u64,
        timestamp: u32,
        marker: bool,
        payload: &[u8],
    ) -> bool {
        let candidate = match &mut self.candidate {
            Some(candidate) if candidate.timestamp == timestamp => candidate,
            _ if belongs_to_keyframe(codec, payload) => {
                self.candidate.insert(Candidate { timestamp, first: extended, last: None, received: 0 })
            }
            _ => return false,
        };
        candidate.first = candidate.first.min(extended);
        candidate.received += 1;
        if marker {
            candidate.last = Some(extended);
        }
        candidate.last.is_some_and(|last| last - candidate.first + 1 == candidate.received)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn knows_the_packets_of_a_keyframe() {
        let h264 = |payload: &[u8]| belongs_to_keyframe(Codec::H264, payload);
        assert!(h264(&[0x67, 1]));
        assert!(h264(&[0x65, 1]));
        assert!(h264(&[0x78, 0, 2, 0x67, 1, 0, 2, 0x68, 1]));
        assert!(h264(&[0x7C, 0x85, 1]));
        assert!(!h264(&[0x41, 1]));
        assert!(!h264(&[0x7C, 0x81, 1]));
        assert!(!h264(&[]));
        let h265 = |payload: &[u8]| belongs_to_keyframe(Codec::H265, payload);
        assert!(h265(&[19 << 1, 1, 0]));
        assert!(h265(&[48 << 1, 1, 0, 2, 32 << 1, 1]));
        assert!(h265(&[49 << 1, 1, 0x80 | 20]));
        assert!(!h265(&[1 << 1, 1, 0]));
        assert!(!h265(&[49 << 1, 1]));
    }

    #[test]
    fn knows_where_a_keyframe_begins() {
        let h264 = |payload: &[u8]| begins_keyframe(Codec::H264, payload);
        assert!(h264(&[0x67, 1]) && h264(&[0x78, 0, 2, 0x09, 1, 0, 2, 0x67, 1]));
        assert!(!h264(&[0x65, 1]) && !h264(&[0x7C, 0x85, 1]) && !h264(&[]));
        let h265 = |payload: &[u8]| begins_keyframe(Codec::H265, payload);
        assert!(h265(&[48 << 1, 1, 0, 2, 32 << 1, 1, 0, 2, 33 << 1, 1]) && !h265(&[19 << 1, 1, 0]));
    }

    #[test]
    fn is_whole_only_when_every_packet_is_there() {
        let mut first = FirstKeyframe::default();
        let mut push = |extended, timestamp, marker, payload: &[u8]| {
            first.push(Codec::H264, extended, timestamp, marker, payload)
        };
        assert!(!push(9, 1, true, &[0x41])); // an ordinary picture
        assert!(!push(10, 2, false, &[0x78, 0, 1, 0x67]));
        assert!(!push(11, 2, false, &[0x7C, 0x85]));
        assert!(!push(13, 2, true, &[0x7C, 0x45]));
        assert!(!push(14, 3, true, &[0x41]));
        assert!(push(12, 2, false, &[0x7C, 0x05]));
    }

    proptest! {
        #[test]
        fn any_payload_is_read_without_panic(payload in proptest::collection::vec(any::<u8>(), 0..40)) {
            belongs_to_keyframe(Codec::H264, &payload);
            belongs_to_keyframe(Codec::H265, &payload);
            begins_keyframe(Codec::H264, &payload);
            begins_keyframe(Codec::H265, &payload);
        }
    }
}
