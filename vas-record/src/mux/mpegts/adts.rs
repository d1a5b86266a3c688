//! ADTS headers (ISO/IEC 14496-3, section 1.A.2.2.1) of an AudioSpecificConfig (section 1.6.2.1).

use vas_core::media::bits::BitReader;

/// Bytes of a header without a check sum.
pub(super) const HEADER: usize = 7;
/// Longest frame, header included: its length has 13 bits.
const MAX_FRAME: usize = (1 << 13) - 1;
/// The sampling frequency stands in 24 bits of its own, which ADTS has no room for.
const EXPLICIT_RATE: u32 = 15;

/// What all headers of a track have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Adts {
    /// The object type, less one: 2 bits.
    profile: u8,
    /// Index of the sampling frequency: 4 bits.
    rate: u8,
    /// Channel configuration: 3 bits.
    channels: u8,
}

impl Adts {
    /// `None`: ADTS can't tell this configuration.
    pub(super) fn parse(config: &[u8]) -> Option<Self> {
        /// Object types of spectral band replication and parametric stereo, which wrap the real one. ADTS leaves it to
        /// the decoder to find them.
        const EXTENSIONS: [u32; 2] = [5, 29];
        let mut r = BitReader::plain(config);
        let mut object_type = r.bits(5)?;
        let rate = r.bits(4)?;
        let channels = r.bits(4)?;
        if EXTENSIONS.contains(&object_type) {
            if r.bits(4)? == EXPLICIT_RATE {
                r.skip(24)?;
            }
            object_type = r.bits(5)?;
        }
        let fits = (1..=4).contains(&object_type) && rate < EXPLICIT_RATE && channels < 8;
        fits.then_some(Self { profile: object_type as u8 - 1, rate: rate as u8, channels: channels as u8 })
    }

    /// The header of a frame of `payload` bytes; `None` for one that is too long.
    pub(super) fn header(self, payload: usize) -> Option<[u8; HEADER]> {
        let length = payload.checked_add(HEADER).filter(|&length| length <= MAX_FRAME)?;
        Some([
            0xff,
            // MPEG-4, no check sum.
            0xf1,
            self.profile << 6 | self.rate << 2 | self.channels >> 2,
            (self.channels & 3) << 6 | (length >> 11) as u8,
            (length >> 3) as u8,
            // Buffer fullness: variable rate.
            (length << 5) as u8 | 0x1f,
            0xfc,
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn low_complexity_at_48_khz() {
        let adts = Adts::parse(&[0x11, 0x90]).unwrap();
        assert_eq!(adts, Adts { profile: 1, rate: 3, channels: 2 });
        assert_eq!(adts.header(100), Some([0xff, 0xf1, 0x4c, 0x80, 0x0d, 0x7f, 0xfc]));
        assert_eq!(adts.header(MAX_FRAME), None);
    }

    #[test]
    fn high_efficiency_is_told_by_its_core() {
        // Object type 5, 24 kHz, two channels, extended to 48 kHz, core of object type 2.
        assert_eq!(Adts::parse(&[0x2b, 0x11, 0x88, 0x00]), Some(Adts { profile: 1, rate: 6, channels: 2 }));
    }

    #[test]
    fn what_adts_cannot_tell_is_refused() {
        assert_eq!(Adts::parse(&[]), None);
        // A rate of its own.
        assert_eq!(Adts::parse(&[0x17, 0x80, 0x5d, 0xc0, 0x10]), None);
    }
}
