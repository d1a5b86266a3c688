//! What a stream says of its colours.

use super::{Matrix, Range};
use crate::media::bits::BitReader;

/// `matrix_coefficients` of streams that don't tell (ITU-T H.273, table 4).
const UNSPECIFIED: u8 = 2;

/// The part of a VUI that is about colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Colours {
    pub(super) range: Range,
    matrix_coefficients: u8,
}

impl Default for Colours {
    fn default() -> Self {
        Self { range: Range::Limited, matrix_coefficients: UNSPECIFIED }
    }
}

impl Colours {
    /// Reads from `vui_parameters_present_flag` on; H.264 (section E.1.1) and H.265 (section E.2.1) begin alike.
    pub(super) fn read(r: &mut BitReader<'_>) -> Option<Self> {
        let mut colours = Self::default();
        if !r.flag()? {
            return Some(colours);
        }
        if r.flag()? && r.bits(8)? == 255 {
            r.skip(32)?; // sar_width, sar_height
        }
        if r.flag()? {
            r.flag()?; // overscan_appropriate_flag
        }
        if r.flag()? {
            r.skip(3)?; // video_format
            if r.flag()? {
                colours.range = Range::Full;
            }
            if r.flag()? {
                r.skip(16)?; // colour_primaries, transfer_characteristics
                colours.matrix_coefficients = r.bits(8)? as u8;
            }
        }
        Some(colours)
    }

    /// The matrix for pictures of this height. Streams that don't tell are taken as players take them: high definition
    /// is BT.709.
    pub(super) const fn matrix(self, height: usize) -> Matrix {
        match self.matrix_coefficients {
            1 => Matrix::Bt709,
            UNSPECIFIED if height >= 720 => Matrix::Bt709,
            _ => Matrix::Bt601,
        }
    }
}
