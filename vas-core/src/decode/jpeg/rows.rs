//! The rows of a picture as the encoder wants them: with colour differences for every pixel, of full range and by
//! BT.601's matrix.

use crate::decode::{Matrix, Picture, Range};
use jpeg_encoder::{ImageBuffer, JpegColorType};

/// A sample's place in a conversion that is a table.
type Table = [u8; 256];

/// Fixed point of the conversion between matrices.
const ONE: i32 = 1 << 14;

/// The rows of one picture.
pub(super) struct Rows<'a> {
    picture: &'a Picture,
    size: (u16, u16),
    luma: Table,
    chroma: Table,
}

impl<'a> Rows<'a> {
    pub(super) fn new(picture: &'a Picture, width: u16, height: u16) -> Self {
        let (luma, chroma) = match picture.range() {
            Range::Full => (table(0, 255, 0), table(0, 255, 0)),
            // ITU-R BT.601, section 2.5.3: 219 steps of luma above 16, 224 of differences around 128.
            Range::Limited => (table(16, 219, 0), table(128, 224, 128)),
        };
        Self { picture, size: (width, height), luma, chroma }
    }
}

/// What lies `n` of `steps` above `origin` becomes `n` of 255 steps above `to`.
fn table(origin: i32, steps: i32, to: i32) -> Table {
    std::array::from_fn(|sample| {
        let scaled = (sample as i32 - origin) * 255;
        let rounded = (2 * scaled + steps).div_euclid(2 * steps);
        (rounded + to).clamp(0, 255) as u8
    })
}

impl ImageBuffer for Rows<'_> {
    fn get_jpeg_color_type(&self) -> JpegColorType {
        JpegColorType::Ycbcr
    }

    fn width(&self) -> u16 {
        self.size.0
    }

    fn height(&self) -> u16 {
        self.size.1
    }

    fn fill_buffers(&self, row: u16, [luma, blue, red, _]: &mut [Vec<u8>; 4]) {
        let [y, cb, cr] = self.picture.planes();
        let (row, width) = (usize::from(row), usize::from(self.size.0));
        let (y, cb, cr) = (y.row(row), cb.row(row / 2), cr.row(row / 2));
        match self.picture.matrix() {
            Matrix::Bt601 => {
                luma.extend(y.iter().map(|&sample| self.luma[usize::from(sample)]));
                for (to, from) in [(blue, cb), (red, cr)] {
                    // The encoder takes every other one of these again.
                    to.extend((0..width).map(|x| self.chroma[usize::from(from[x / 2])]));
                }
            }
            Matrix::Bt709 => {
                for (x, &sample) in y.iter().enumerate() {
                    let full = |table: &Table, sample: u8| i32::from(table[usize::from(sample)]);
                    let (cb, cr) = (full(&self.chroma, cb[x / 2]), full(&self.chroma, cr[x / 2]));
                    let converted = to_bt601(full(&self.luma, sample), cb - 128, cr - 128);
                    luma.push(converted[0]);
                    blue.push(converted[1]);
                    red.push(converted[2]);
                }
            }
        }
    }
}

/// From BT.709's matrix to BT.601's, both of full range: the product of one's inverse and the other.
fn to_bt601(y: i32, cb: i32, cr: i32) -> [u8; 3] {
    /// A number in fixed point.
    const fn fixed(number: f64) -> i32 {
        (number * ONE as f64) as i32
    }
    let rounded = |sum: i32| (sum + ONE / 2) >> 14;
    let luma = y + rounded(const { fixed(0.101_579) } * cb + const { fixed(0.196_076) } * cr);
    let blue = 128 + rounded(const { fixed(0.989_854) } * cb - const { fixed(0.110_653) } * cr);
    let red = 128 + rounded(const { fixed(0.983_398) } * cr - const { fixed(0.072_453) } * cb);
    [luma, blue, red].map(|sample| sample.clamp(0, 255) as u8)
}
