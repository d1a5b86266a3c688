//! A decoded picture: three planes of bytes.

use super::DecodeError;
use super::colours::Colours;
use std::fmt;

/// What the bytes of a picture stand for at their ends (H.264 and H.265, `video_full_range_flag`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Range {
    /// Black is 16 and white 235; colour differences reach from 16 to 240.
    #[default]
    Limited,
    /// Black is 0 and white 255, as in JPEG.
    Full,
}

/// How luma and colour differences are made of red, green and blue (H.264 and H.265, `matrix_coefficients`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Matrix {
    /// ITU-R BT.601, as in JPEG.
    #[default]
    Bt601,
    /// ITU-R BT.709.
    Bt709,
}

/// Rows of samples of one byte each, from the top, without padding: the stride is the width.
#[derive(Clone, PartialEq, Eq)]
pub struct Plane {
    width: usize,
    height: usize,
    samples: Vec<u8>,
}

impl fmt::Debug for Plane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Plane({}x{})", self.width, self.height)
    }
}

impl Plane {
    /// A plane of `width` times `height` samples, which must be there, and no more.
    pub(super) fn new(width: usize, height: usize, samples: Vec<u8>) -> Result<Self, DecodeError> {
        if samples.is_empty() || width.checked_mul(height) != Some(samples.len()) {
            return Err(DecodeError::Inconsistent);
        }
        Ok(Self { width, height, samples })
    }

    /// Samples in a row.
    #[must_use]
    pub const fn width(&self) -> usize {
        self.width
    }

    /// Rows.
    #[must_use]
    pub const fn height(&self) -> usize {
        self.height
    }

    /// All samples, row by row.
    #[must_use]
    pub fn samples(&self) -> &[u8] {
        &self.samples
    }

    /// A row, counted from the top; the last one for any number past the end.
    #[must_use]
    pub fn row(&self, y: usize) -> &[u8] {
        let start = y.min(self.height - 1) * self.width;
        &self.samples[start..start + self.width]
    }

    /// The plane with `by_x` times `by_y` samples averaged into one; what is left over at the edges counts as one.
    pub(super) fn reduced(&self, by_x: usize, by_y: usize) -> Self {
        let (width, height) = (self.width.div_ceil(by_x), self.height.div_ceil(by_y));
        let mut samples = Vec::with_capacity(width * height);
        for y in 0..height {
            for x in 0..width {
                let columns = x * by_x..((x + 1) * by_x).min(self.width);
                let rows = y * by_y..((y + 1) * by_y).min(self.height);
                let count = columns.len() * rows.len();
                let sum: usize =
                    rows.flat_map(|y| &self.row(y)[columns.clone()]).map(|&s| usize::from(s)).sum();
                samples.push(((sum + count / 2) / count) as u8);
            }
        }
        Self { width, height, samples }
    }

    /// The plane with every row twice.
    pub(super) fn with_rows_doubled(&self) -> Self {
        let samples = (0..self.height * 2).flat_map(|y| self.row(y / 2)).copied().collect();
        Self { width: self.width, height: self.height * 2, samples }
    }
}

/// A picture in 4:2:0 with 8 bits a sample, cropped to what is to be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    range: Range,
    matrix: Matrix,
    y: Plane,
    cb: Plane,
    cr: Plane,
}

impl Picture {
    /// A picture of luma and colour differences, blue and red; the latter have half the size, rounded up.
    pub(super) fn new(colours: Colours, [y, cb, cr]: [Plane; 3]) -> Result<Self, DecodeError> {
        let half = (y.width.div_ceil(2), y.height.div_ceil(2));
        if [(cb.width, cb.height), (cr.width, cr.height)] != [half; 2] {
            return Err(DecodeError::Inconsistent);
        }
        Ok(Self { range: colours.range, matrix: colours.matrix(y.height), y, cb, cr })
    }

    /// The picture with other planes, whose sizes fit each other.
    pub(super) fn with_planes(&self, [y, cb, cr]: [Plane; 3]) -> Self {
        Self { range: self.range, matrix: self.matrix, y, cb, cr }
    }

    /// Width in pixels.
    #[must_use]
    pub const fn width(&self) -> usize {
        self.y.width
    }

    /// Height in pixels.
    #[must_use]
    pub const fn height(&self) -> usize {
        self.y.height
    }

    /// What its bytes stand for.
    #[must_use]
    pub const fn range(&self) -> Range {
        self.range
    }

    /// How its colours are made.
    #[must_use]
    pub const fn matrix(&self) -> Matrix {
        self.matrix
    }

    /// Luma, blue difference, red difference.
    #[must_use]
    pub const fn planes(&self) -> [&Plane; 3] {
        [&self.y, &self.cb, &self.cr]
    }
}

/// A sample of `depth` bits, 8 or more, as 8 bits.
pub(super) fn to_8_bits(sample: u16, depth: u8) -> u8 {
    let shift = u32::from(depth.saturating_sub(8)).min(8);
    let rounded = (u32::from(sample) + ((1 << shift) >> 1)) >> shift;
    u8::try_from(rounded).unwrap_or(u8::MAX)
}
