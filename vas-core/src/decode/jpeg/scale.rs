//! Scaling planes down, for thumbnails.

use super::JpegError;
use crate::decode::{Picture, Plane};
use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};

/// The picture at this width; `None`: it is not wider.
pub(super) fn to_width(picture: &Picture, max_width: Option<u32>) -> Result<Option<Picture>, JpegError> {
    let Some(width) = max_width.map(|width| width.max(1) as usize).filter(|&width| width < picture.width())
    else {
        return Ok(None);
    };
    let exact = picture.height() as u64 * width as u64;
    let height = ((exact + picture.width() as u64 / 2) / picture.width() as u64).max(1) as usize;
    Ok(Some(to_size(picture, width, height)?))
}

/// The picture in this size, whatever its own is.
pub(super) fn to_size(picture: &Picture, width: usize, height: usize) -> Result<Picture, JpegError> {
    let mut resizer = Resizer::new();
    // Averages over all the samples that fall together, so that nothing flickers or is jagged.
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Bilinear));
    let mut scale = |plane: &Plane, width: usize, height: usize| -> Result<Plane, JpegError> {
        let size = |length: usize| u32::try_from(length).map_err(|_| JpegError::Scale);
        let from = ImageRef::new(size(plane.width())?, size(plane.height())?, plane.samples(), PixelType::U8);
        let from = from.map_err(|_| JpegError::Scale)?;
        let mut to = Image::new(size(width)?, size(height)?, PixelType::U8);
        resizer.resize(&from, &mut to, &options).map_err(|_| JpegError::Scale)?;
        Ok(Plane::new(width, height, to.into_vec())?)
    };
    let [y, cb, cr] = picture.planes();
    let (half_width, half_height) = (width.div_ceil(2), height.div_ceil(2));
    let planes =
        [scale(y, width, height)?, scale(cb, half_width, half_height)?, scale(cr, half_width, half_height)?];
    Ok(picture.with_planes(planes))
}
