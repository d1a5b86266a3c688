//! NAL unit streams in their two framings: 4-byte length prefixes (ISO 14496-15), as access units carry them,
//! and start codes (H.264 and H.265 Annex B), as encoders and files give them.

use bytes::{BufMut, Bytes, BytesMut};

/// Bytes of the length prefix in front of each NAL unit of an access unit.
pub const LENGTH_SIZE: usize = 4;

/// The NAL units of length-prefixed data. A length that points past the end, or a zero length, ends the iteration.
#[must_use]
pub const fn units(data: &[u8]) -> NalUnits<'_> {
    NalUnits { rest: data }
}

/// Iterator over length-prefixed NAL units, made by [`units`].
#[derive(Clone, Debug)]
pub struct NalUnits<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for NalUnits<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let (length, rest) = self.rest.split_first_chunk::<LENGTH_SIZE>()?;
        let length = u32::from_be_bytes(*length) as usize;
        if length == 0 || length > rest.len() {
            self.rest = &[];
            return None;
        }
        let (unit, rest) = rest.split_at(length);
        self.rest = rest;
        Some(unit)
    }
}

/// Whether `data` is at least one NAL unit and every length is right to the last byte.
#[must_use]
pub fn is_well_formed(data: &[u8]) -> bool {
    let total: usize = units(data).map(|unit| LENGTH_SIZE + unit.len()).sum();
    total > 0 && total == data.len()
}

/// The NAL units of an Annex B byte stream, without start codes and trailing zero bytes.
#[must_use]
pub const fn annexb_units(data: &[u8]) -> AnnexBUnits<'_> {
    AnnexBUnits { data, position: 0 }
}

/// Iterator over the NAL units of an Annex B byte stream, made by [`annexb_units`].
#[derive(Clone, Debug)]
pub struct AnnexBUnits<'a> {
    data: &'a [u8],
    position: usize,
}

fn find_start_code(data: &[u8], from: usize) -> Option<usize> {
    data.get(from..)?.windows(3).position(|w| w == [0, 0, 1]).map(|at| from + at)
}

impl<'a> Iterator for AnnexBUnits<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        loop {
            let start = find_start_code(self.data, self.position)? + 3;
            let end = find_start_code(self.data, start).unwrap_or(self.data.len());
            self.position = end;
            let unit = &self.data[start..end];
            let length = unit.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
            if length > 0 {
                return Some(&unit[..length]);
            }
        }
    }
}

/// Joins NAL units into length-prefixed data.
#[must_use]
pub fn join<'a>(nals: impl IntoIterator<Item = &'a [u8]>) -> Bytes {
    let mut out = BytesMut::new();
    for nal in nals {
        out.put_u32(u32::try_from(nal.len()).expect("a NAL unit is far smaller than 4 GiB"));
        out.extend_from_slice(nal);
    }
    out.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn splits_annex_b_with_both_start_codes() {
        let stream = [0, 0, 0, 1, 0x67, 1, 2, 0, 0, 1, 0x68, 3, 0, 0, 0, 0, 1, 0x65, 4];
        let units: Vec<_> = annexb_units(&stream).collect();
        assert_eq!(units, [&[0x67, 1, 2][..], &[0x68, 3], &[0x65, 4]]);
    }

    #[test]
    fn a_length_past_the_end_ends_the_units() {
        assert_eq!(units(&[0, 0, 0, 1, 9, 0, 0, 0, 9, 1]).count(), 1);
        assert!(!is_well_formed(&[0, 0, 0, 1, 9, 0, 0, 0, 9, 1]));
        assert!(!is_well_formed(&[]));
    }

    proptest! {
        #[test]
        fn join_and_split_round_trip(
            nals in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..50), 1..10)
        ) {
            let data = join(nals.iter().map(Vec::as_slice));
            prop_assert!(is_well_formed(&data));
            prop_assert_eq!(units(&data).map(<[u8]>::to_vec).collect::<Vec<_>>(), nals);
        }

        #[test]
        fn any_bytes_are_split_without_panic(data in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = units(&data).count();
            let _ = annexb_units(&data).count();
        }
    }
}
