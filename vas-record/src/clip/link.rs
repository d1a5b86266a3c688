//! Where a stream of H.265 goes on after pictures that are not there.

use vas_core::media::{h265, nal};

/// NAL unit types of clean random access and of broken links (ITU-T H.265, table 7-1: `CRA_NUT`, `BLA_W_LP`).
const CRA: u8 = 21;
const BLA: u8 = 16;

/// The picture with its clean random access marked as a broken link, as the standard wants it where streams are joined
/// (section 3.14): a decoder then starts over, and does not count on from the pictures before a gap. The headers of
/// slices are the same for both.
pub(crate) fn broken_link(picture: &[u8]) -> Vec<u8> {
    let mut out = picture.to_vec();
    let mut at = 0;
    for unit in nal::units(picture) {
        at += nal::LENGTH_SIZE;
        if h265::nal_unit_type(unit) == CRA {
            // The type stands between the forbidden bit and the top bit of the layer.
            out[at] = out[at] & 0x81 | BLA << 1;
        }
        at += unit.len();
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_clean_random_access_changes() {
        let picture = nal::join([&[0x4e, 1, 5][..], &[0x2a, 1, 0x2a], &[0x2b, 1, 7], &[0x26, 1]]);
        let linked = nal::join([&[0x4e, 1, 5][..], &[0x20, 1, 0x2a], &[0x21, 1, 7], &[0x26, 1]]);
        assert_eq!(broken_link(&picture), linked);
    }

    proptest! {
        #[test]
        fn any_bytes_keep_their_length(picture in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert_eq!(broken_link(&picture).len(), picture.len());
        }
    }
}
