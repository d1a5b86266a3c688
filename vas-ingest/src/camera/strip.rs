//! The machine-readable strip along the top of the synthetic picture: frame number and time of capture, to be read
//! back from decoded pixels after any lossy way.
//!
//! The strip has two rows of [`CELLS`] square cells each, from the left edge on. A cell is `width / 40` pixels wide,
//! rounded down to an even number, and as high, but never higher than [`MAX_CELL_HEIGHT`] pixels. White cells (luma
//! 235) are ones, black cells (luma 16) are zeros; a reader looks at the middle of each and takes luma above 125 for
//! a one. In a page: draw the video on a canvas of its own size and look at the green channel.
//!
//! | cells | content |
//! |---|---|
//! | 0, 1 | one, zero: the start mark |
//! | 2 to 33 | 32 bits of value, the highest first |
//! | 34 to 37 | the exclusive or of the value's eight groups of four bits |
//! | 38, 39 | zero, one: the end mark |
//!
//! The first row's value is the frame number from 0 on, the second's is UTC of the capture in milliseconds since
//! the Unix epoch; both modulo 2^32.

use super::canvas::{BLACK, Canvas, Rect, WHITE};

/// Cells of a row.
pub const CELLS: usize = 40;
/// Rows of a strip.
const ROWS: usize = 2;
/// Greatest height of a cell in pixels.
pub const MAX_CELL_HEIGHT: usize = 16;
/// Smallest width of a picture that has room for a strip with cells of eight pixels.
pub const MIN_WIDTH: usize = CELLS * 8;

/// What a strip says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stamp {
    /// The number of the picture, modulo 2^32.
    pub frame: u32,
    /// UTC of the capture in milliseconds since the Unix epoch, modulo 2^32.
    pub utc_millis: u32,
}

/// Width and height of a cell in a picture of `width` pixels.
const fn cell(width: usize) -> (usize, usize) {
    let size = (width / CELLS) & !1;
    (size, if size < MAX_CELL_HEIGHT { size } else { MAX_CELL_HEIGHT })
}

/// Height of the strip in pixels in a picture of `width` pixels.
#[must_use]
pub const fn height(width: usize) -> usize {
    ROWS * cell(width).1
}

/// Reads the strip of a picture's luma plane, whose rows lie `stride` bytes apart. `None`: there is no strip that
/// can be trusted.
#[must_use]
pub fn read(luma: &[u8], width: usize, stride: usize) -> Option<Stamp> {
    Some(Stamp { frame: read_row(luma, width, stride, 0)?, utc_millis: read_row(luma, width, stride, 1)? })
}

fn read_row(luma: &[u8], width: usize, stride: usize, row: usize) -> Option<u32> {
    const THRESHOLD: u8 = 125;
    let (cell_width, cell_height) = cell(width);
    if cell_width == 0 || stride < width {
        return None;
    }
    let start = (row * cell_height + cell_height / 2) * stride;
    let line = luma.get(start..start + width)?;
    let bits = (0..CELLS)
        .fold(0_u64, |bits, n| bits << 1 | u64::from(line[n * cell_width + cell_width / 2] > THRESHOLD));
    let value = (bits >> 6) as u32;
    (bits == encode(value)).then_some(value)
}

/// The cells of a row, the first in bit 39.
const fn encode(value: u32) -> u64 {
    let folded = value ^ (value >> 16);
    let folded = folded ^ (folded >> 8);
    let check = (folded ^ (folded >> 4)) & 0xf;
    (0b10 << 38) | ((value as u64) << 6) | ((check as u64) << 2) | 0b01
}

/// Draws the strip.
pub(super) fn draw(canvas: &mut Canvas, stamp: Stamp) {
    let (width, height) = cell(canvas.width);
    for (row, value) in [stamp.frame, stamp.utc_millis].into_iter().enumerate() {
        let bits = encode(value);
        for n in 0..CELLS {
            let colour = if bits >> (CELLS - 1 - n) & 1 == 1 { WHITE } else { BLACK };
            canvas.fill(Rect::new(n * width, row * height, width, height), colour);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_strip_is_read_back_through_noise(
            frame in any::<u32>(),
            utc_millis in any::<u32>(),
            width in (MIN_WIDTH..2000).prop_map(|n| n & !1),
            noise in 0_u8..60,
        ) {
            let mut canvas = Canvas::new(width, 64, BLACK);
            let stamp = Stamp { frame, utc_millis };
            draw(&mut canvas, stamp);
            for (n, luma) in canvas.y.iter_mut().enumerate() {
                *luma = if n % 2 == 0 { luma.saturating_add(noise) } else { luma.saturating_sub(noise) };
            }
            prop_assert_eq!(read(&canvas.y, width, width), Some(stamp));
        }

        #[test]
        fn anything_else_is_refused(luma in proptest::collection::vec(any::<u8>(), 0..20_000), width in 0_usize..700) {
            // Twelve of the eighty cells are fixed: a random strip passes once in 4,096, never without its marks.
            if let Some(stamp) = read(&luma, width, width) {
                let mut canvas = Canvas::new(width & !1, 64, BLACK);
                draw(&mut canvas, stamp);
                prop_assert_eq!(read(&canvas.y, width & !1, width & !1), Some(stamp));
            }
        }
    }
}
