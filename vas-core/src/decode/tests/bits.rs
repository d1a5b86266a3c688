//! Streams written by hand.

/// Writes the bits of syntax structures.
#[derive(Default)]
pub(super) struct Bits(Vec<bool>);

impl Bits {
    pub(super) fn u(mut self, count: u32, value: u32) -> Self {
        self.0.extend((0..count).rev().map(|bit| value >> bit & 1 == 1));
        self
    }

    pub(super) fn ue(self, value: u32) -> Self {
        let bits = (value + 1).ilog2();
        self.u(bits, 0).u(bits + 1, value + 1)
    }

    /// Zeros up to a whole byte.
    pub(super) fn aligned(self) -> Self {
        let left = self.0.len().next_multiple_of(8) - self.0.len();
        self.u(left as u32, 0)
    }

    /// A NAL unit with this header and a stop bit.
    pub(super) fn unit(self, header: &[u8]) -> Vec<u8> {
        let mut unit = header.to_vec();
        for byte in self.u(1, 1).0.chunks(8) {
            let byte = byte.iter().enumerate().fold(0, |sum, (n, &bit)| sum | u8::from(bit) << (7 - n));
            // Emulation prevention (H.264 and H.265, section 7.4.1).
            if byte <= 3 && unit.ends_with(&[0, 0]) {
                unit.push(3);
            }
            unit.push(byte);
        }
        unit
    }
}
