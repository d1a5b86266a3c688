//! JPEG (ITU-T T.81, JFIF) from decoded pictures.
//!
//! Planes go in as they are: JPEG stores the same luma and colour differences, at the same half resolution, so that
//! nothing is turned into red, green and blue on the way. What differs is corrected: JPEG's bytes are of full range,
//! and its matrix is BT.601's.

mod rows;
mod scale;
mod sheet;

pub use sheet::Sheet;

use super::{DecodeError, Picture};
use crate::error::{ErrorKind, HasKind};
use jpeg_encoder::{Encoder, EncodingError, SamplingFactor};
use rows::Rows;

/// How to make a JPEG.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JpegOptions {
    /// From 1 to 100; what lies outside is taken as the nearer end.
    pub quality: u8,
    /// Wider pictures are scaled down to this width in pixels, and their height in proportion. `None`: as they are.
    pub max_width: Option<u32>,
}

impl Default for JpegOptions {
    fn default() -> Self {
        Self { quality: 85, max_width: None }
    }
}

/// A coded picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Jpeg {
    /// The file.
    pub data: Vec<u8>,
    /// Width in pixels.
    pub width: u16,
    /// Height in pixels.
    pub height: u16,
}

/// Why a picture did not become a JPEG.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JpegError {
    /// Wider or higher than the format can hold.
    #[error("a picture of {width}x{height} is too large for JPEG; ask for a smaller width")]
    TooLarge {
        /// Width in pixels.
        width: usize,
        /// Height in pixels.
        height: usize,
    },
    /// Its planes could not be scaled.
    #[error("the picture can't be scaled; ask for its own width")]
    Scale,
    /// The encoder refused it.
    #[error("the picture can't be written as JPEG")]
    Encode,
}

impl HasKind for JpegError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::TooLarge { .. } => ErrorKind::InvalidInput,
            Self::Scale | Self::Encode => ErrorKind::Internal,
        }
    }
}

impl From<EncodingError> for JpegError {
    fn from(_: EncodingError) -> Self {
        Self::Encode
    }
}

impl From<DecodeError> for JpegError {
    fn from(_: DecodeError) -> Self {
        Self::Scale
    }
}

/// Makes a JPEG.
///
/// # Errors
/// The picture is too large; see [`JpegError`].
pub fn encode(picture: &Picture, options: JpegOptions) -> Result<Jpeg, JpegError> {
    let scaled = scale::to_width(picture, options.max_width)?;
    let picture = scaled.as_ref().unwrap_or(picture);
    let size = (picture.width(), picture.height());
    let too_large = JpegError::TooLarge { width: size.0, height: size.1 };
    let (Ok(width), Ok(height)) = (u16::try_from(size.0), u16::try_from(size.1)) else {
        return Err(too_large);
    };
    // About what cameras' scenes come to at ordinary qualities; the buffer grows where they don't.
    let mut data = Vec::with_capacity(size.0 * size.1 / 6 + 1_024);
    let mut encoder = Encoder::new(&mut data, options.quality.clamp(1, 100));
    encoder.set_sampling_factor(SamplingFactor::R_4_2_0);
    encoder.encode_image(Rows::new(picture, width, height))?;
    Ok(Jpeg { data, width, height })
}
