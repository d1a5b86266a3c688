//! Many small pictures in one: a storyboard, of which a viewer shows the part that lies under the pointer.

use super::{JpegError, scale};
use crate::decode::{Picture, Plane};

/// Sample values of an empty place, dark in either range: luma and both colour differences.
const DARK: [u8; 3] = [24, 128, 128];

/// A sheet of equal places, row by row, each of which takes a picture.
#[derive(Debug)]
pub struct Sheet {
    columns: usize,
    rows: usize,
    tile: (usize, usize),
    /// Luma and colour differences of all places.
    planes: [Vec<u8>; 3],
    /// The first picture, which tells what the bytes stand for. The pictures of one camera agree in that.
    first: Option<Picture>,
}

impl Sheet {
    /// A sheet of dark places. `width` and `height` of a place are in pixels and become even, since colours have half of
    /// them.
    #[must_use]
    pub fn new(columns: usize, rows: usize, width: u32, height: u32) -> Self {
        let even = |length: u32| ((length as usize + 1) & !1).max(2);
        let tile = (even(width), even(height));
        let samples = columns * tile.0 * rows * tile.1;
        let [y, cb, cr] = DARK;
        let planes = [vec![y; samples], vec![cb; samples / 4], vec![cr; samples / 4]];
        Self { columns, rows, tile, planes, first: None }
    }

    /// Width and height of a place in pixels.
    #[must_use]
    pub const fn tile(&self) -> (usize, usize) {
        self.tile
    }

    /// Puts a picture into a place, scaled to fill it; places are counted from 0, row by row. One that is not there is
    /// passed over.
    ///
    /// # Errors
    /// [`JpegError::Scale`].
    pub fn place(&mut self, index: usize, picture: &Picture) -> Result<(), JpegError> {
        if index >= self.columns * self.rows {
            return Ok(());
        }
        let (width, height) = self.tile;
        let scaled = scale::to_size(picture, width, height)?;
        let (left, top) = (index % self.columns * width, index / self.columns * height);
        for ((to, from), half) in self.planes.iter_mut().zip(scaled.planes()).zip([1, 2, 2]) {
            let stride = self.columns * width / half;
            for row in 0..height / half {
                let start = (top / half + row) * stride + left / half;
                to[start..start + width / half].copy_from_slice(&from.row(row)[..width / half]);
            }
        }
        self.first.get_or_insert(scaled);
        Ok(())
    }

    /// The sheet as one picture; `None`: nothing was put into it.
    ///
    /// # Errors
    /// [`JpegError::Scale`] for a sheet without places.
    pub fn into_picture(self) -> Result<Option<Picture>, JpegError> {
        let Some(first) = self.first else { return Ok(None) };
        let (width, height) = (self.columns * self.tile.0, self.rows * self.tile.1);
        let [y, cb, cr] = self.planes;
        let (half_width, half_height) = (width / 2, height / 2);
        let planes = [
            Plane::new(width, height, y)?,
            Plane::new(half_width, half_height, cb)?,
            Plane::new(half_width, half_height, cr)?,
        ];
        Ok(Some(first.with_planes(planes)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::colours::Colours;

    /// A picture of one colour.
    fn flat(width: usize, height: usize, [y, cb, cr]: [u8; 3]) -> Picture {
        let plane = |by: usize, sample| {
            Plane::new(width / by, height / by, vec![sample; width / by * (height / by)]).unwrap()
        };
        Picture::new(Colours::default(), [plane(1, y), plane(2, cb), plane(2, cr)]).unwrap()
    }

    #[test]
    fn pictures_lie_in_their_places() {
        let mut sheet = Sheet::new(3, 2, 15, 9);
        assert_eq!(sheet.tile(), (16, 10));
        sheet.place(1, &flat(64, 48, [200, 90, 160])).unwrap();
        sheet.place(5, &flat(8, 6, [100, 60, 70])).unwrap();
        sheet.place(6, &flat(8, 6, [1, 2, 3])).unwrap();
        let picture = sheet.into_picture().unwrap().unwrap();
        assert_eq!((picture.width(), picture.height()), (48, 20));
        let [y, cb, cr] = picture.planes();
        for (x, row, expected) in [
            (0, 0, DARK),
            (16, 0, [200, 90, 160]),
            (31, 9, [200, 90, 160]),
            (32, 9, DARK),
            (40, 15, [100, 60, 70]),
        ] {
            let found = [y.row(row)[x], cb.row(row / 2)[x / 2], cr.row(row / 2)[x / 2]];
            assert_eq!(found, expected, "{x}, {row}");
        }
    }

    #[test]
    fn an_empty_sheet_is_no_picture() {
        assert_eq!(Sheet::new(2, 2, 16, 10).into_picture(), Ok(None));
    }
}
