//! Reading the bits of H.264, H.265 and AV1 syntax structures.

/// Reads bits, most significant first; from the payload of a NAL unit without emulation prevention bytes (H.264
/// section 7.3.1, H.265 section 7.3.1.1: the 3 of 0, 0, 3).
///
/// Every read returns `None` past the end; nothing is allocated.
#[derive(Clone, Debug)]
pub struct BitReader<'a> {
    bytes: &'a [u8],
    position: usize,
    emulation_prevention: bool,
    zeros: u8,
    current: u8,
    left: u8,
}

impl<'a> BitReader<'a> {
    /// Reads from `bytes`, the NAL unit after its header.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, position: 0, emulation_prevention: true, zeros: 0, current: 0, left: 0 }
    }

    /// Reads from `bytes` as they are, as AV1 wants it.
    #[must_use]
    pub const fn plain(bytes: &'a [u8]) -> Self {
        Self { emulation_prevention: false, ..Self::new(bytes) }
    }

    fn next_byte(&mut self) -> Option<u8> {
        let mut byte = *self.bytes.get(self.position)?;
        self.position += 1;
        if self.emulation_prevention && self.zeros >= 2 && byte == 3 {
            self.zeros = 0;
            byte = *self.bytes.get(self.position)?;
            self.position += 1;
        }
        self.zeros = if byte == 0 { self.zeros.saturating_add(1) } else { 0 };
        Some(byte)
    }

    /// One bit, `u(1)`.
    pub fn flag(&mut self) -> Option<bool> {
        if self.left == 0 {
            self.current = self.next_byte()?;
            self.left = 8;
        }
        self.left -= 1;
        Some((self.current >> self.left) & 1 == 1)
    }

    /// An unsigned integer of `count` bits, at most 32, `u(n)`.
    pub fn bits(&mut self, count: u32) -> Option<u32> {
        debug_assert!(count <= 32, "a read is at most 32 bits");
        let mut value = 0_u32;
        for _ in 0..count {
            value = (value << 1) | u32::from(self.flag()?);
        }
        Some(value)
    }

    /// Passes over `count` bits.
    pub fn skip(&mut self, count: u32) -> Option<()> {
        for _ in 0..count {
            self.flag()?;
        }
        Some(())
    }

    /// An unsigned Exp-Golomb code of at most 32 bits, `ue(v)` (H.264 section 9.1) and `uvlc()` (AV1 section 4.10.3).
    pub fn ue(&mut self) -> Option<u32> {
        let mut zeros = 0;
        while !self.flag()? {
            zeros += 1;
            if zeros > 31 {
                return None;
            }
        }
        let suffix = self.bits(zeros)?;
        Some(((1_u64 << zeros) - 1 + u64::from(suffix)) as u32)
    }

    /// A signed Exp-Golomb code, `se(v)` (H.264 section 9.1.1).
    pub fn se(&mut self) -> Option<i32> {
        let code = i64::from(self.ue()?);
        let magnitude = (code + 1) / 2;
        i32::try_from(if code % 2 == 1 { magnitude } else { -magnitude }).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_exp_golomb_codes() {
        // 1 010 011 00100 00101 -> 0 1 2 3 4
        let mut bits = BitReader::new(&[0b1010_0110, 0b0100_0010, 0b1000_0000]);
        assert_eq!((0..5).map(|_| bits.ue().unwrap()).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
        let mut bits = BitReader::new(&[0b1010_0110, 0b0100_0010, 0b1000_0000]);
        assert_eq!((0..5).map(|_| bits.se().unwrap()).collect::<Vec<_>>(), [0, 1, -1, 2, -2]);
    }

    #[test]
    fn skips_emulation_prevention_bytes() {
        let mut bits = BitReader::new(&[0, 0, 3, 1, 0, 0, 3]);
        assert_eq!(bits.bits(24), Some(1));
        assert_eq!(bits.bits(16), Some(0));
        assert_eq!(bits.flag(), None);
        assert_eq!(BitReader::plain(&[0, 0, 3, 1]).bits(32), Some(0x301));
    }

    proptest! {
        #[test]
        fn any_bytes_end_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let mut bits = BitReader::new(&bytes);
            while bits.ue().is_some() && bits.se().is_some() {}
            prop_assert!(bits.bits(32).is_none() || bytes.len() > 4);
        }
    }
}
