//! VP8 (RFC 6386): the header of a frame.

use super::unit::{KeyKind, UnitKind};

/// The bytes after the frame tag of a key frame (section 9.1).
const START_CODE: [u8; 3] = [0x9d, 0x01, 0x2a];

/// What the uncompressed header of a frame says (section 9.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameHeader {
    /// Width and height in pixels of a key frame, at most 16,383; `None`: another frame, of the size of the key frame
    /// before it.
    pub key: Option<(u32, u32)>,
    /// `show_frame`: it is there to be seen, and not only to be referred to.
    pub shown: bool,
    /// Bytes of the first partition.
    pub first_partition: u32,
}

impl FrameHeader {
    /// Parses the header of a frame. `None`: cut short, of a version that the standard does not know, without pixels,
    /// or the first partition goes past the end.
    #[must_use]
    pub fn parse(frame: &[u8]) -> Option<Self> {
        let (tag, rest) = frame.split_first_chunk::<3>()?;
        let tag = u32::from_le_bytes([tag[0], tag[1], tag[2], 0]);
        let (key, version, shown, first_partition) =
            (tag & 1 == 0, tag >> 1 & 7, tag >> 4 & 1 == 1, tag >> 5);
        if version > 3 {
            return None;
        }
        let (key, rest) = if key {
            let (header, rest) = rest.split_first_chunk::<7>()?;
            // The upper two bits ask for scaling, which is left to whoever shows the picture.
            let size = |at: usize| u32::from(u16::from_le_bytes([header[at], header[at + 1]]) & 0x3fff);
            let (width, height) = (size(3), size(5));
            if header[..3] != START_CODE || width == 0 || height == 0 {
                return None;
            }
            (Some((width, height)), rest)
        } else {
            (None, rest)
        };
        (first_partition as usize <= rest.len()).then_some(Self { key, shown, first_partition })
    }
}

/// Classifies a frame; `None` when it is none.
///
/// Which references a frame renews stands in its compressed part: it counts as one that others refer to.
#[must_use]
pub fn classify(frame: &[u8]) -> Option<UnitKind> {
    let header = FrameHeader::parse(frame)?;
    Some(if header.key.is_some() { UnitKind::Key(KeyKind::Idr) } else { UnitKind::REFERENCE })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::{VideoCodec, VideoFormat};
    use proptest::prelude::*;

    /// libvpx, 160x90: the start of a key frame, whose first partition is given as empty.
    const KEY: [u8; 11] = [0x10, 0, 0, 0x9d, 0x01, 0x2a, 0xa0, 0, 0x5a, 0, 0];
    /// An interframe that is not shown.
    const HIDDEN: [u8; 5] = [0x41, 0, 0, 0, 0];

    #[test]
    fn reads_headers() {
        let key = FrameHeader { key: Some((160, 90)), shown: true, first_partition: 0 };
        assert_eq!(FrameHeader::parse(&KEY), Some(key));
        assert_eq!(
            FrameHeader::parse(&HIDDEN),
            Some(FrameHeader { key: None, shown: false, first_partition: 2 })
        );
        assert_eq!(
            (classify(&KEY), classify(&HIDDEN)),
            (Some(UnitKind::Key(KeyKind::Idr)), Some(UnitKind::REFERENCE))
        );
        let mut scaled = KEY;
        scaled[7] |= 0xc0;
        assert_eq!(FrameHeader::parse(&scaled), Some(key));
    }

    #[test]
    fn refuses_what_is_no_frame() {
        assert_eq!((classify(&[]), classify(&HIDDEN[..4]), classify(&KEY[..9])), (None, None, None));
        for (at, to) in [(0, 0x18), (3, 0), (6, 0), (8, 0)] {
            let mut broken = KEY;
            broken[at] = to;
            assert_eq!(classify(&broken), None, "{at}");
        }
    }

    #[test]
    fn a_format_is_the_size_of_its_pictures() {
        let format = VideoFormat::announced_by(VideoCodec::Vp8, &KEY).unwrap();
        assert_eq!((format.width, format.height, format.rfc6381.as_str()), (160, 90, "vp8"));
        assert_eq!((format.changed_by(&KEY), format.changed_by(&HIDDEN)), (None, None));
        let mut wider = KEY;
        wider[6] = 0xb0;
        assert_eq!(format.changed_by(&wider), Some(VideoFormat::vp8(176, 90)));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(data in proptest::collection::vec(any::<u8>(), 0..40)) {
            let _ = classify(&data);
            let _ = classify(&[&KEY[..], &data].concat());
        }
    }
}
