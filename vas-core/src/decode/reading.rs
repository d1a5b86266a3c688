//! One door to both decoders.

use super::{Deadline, DecodeError, Picture, h264, h265};
use crate::media::{VideoCodec, VideoFormat, nal};

/// Bounds of one decoding.
#[derive(Clone, Copy, Debug)]
pub struct DecodeLimits {
    /// Luma samples of a picture as it is coded, before cropping.
    pub max_pixels: u64,
    /// Pictures decoded to reach the one that is wanted.
    pub max_pictures: usize,
    /// Luma samples of all these pictures together. It bounds memory too: a hostile stream makes a decoder keep all
    /// pictures as references, at two to four bytes for each sample.
    pub max_samples: u64,
}

impl Default for DecodeLimits {
    /// Pictures up to 8192x4320, the largest of H.264's and H.265's levels; 300 pictures or 250 of 1920x1080.
    fn default() -> Self {
        Self { max_pixels: 8192 * 4320, max_pictures: 300, max_samples: 250 * 1920 * 1088 }
    }
}

impl DecodeLimits {
    /// Refuses pictures of so many luma samples that are more than allowed.
    pub(super) const fn check_pixels(&self, pixels: u64) -> Result<(), DecodeError> {
        if pixels > self.max_pixels {
            return Err(DecodeError::TooLarge { pixels, max: self.max_pixels });
        }
        Ok(())
    }
}

/// Decodes pictures in the order in which they are sent, starting at a key picture.
#[derive(Debug)]
pub struct PictureDecoder {
    engine: Engine,
}

#[derive(Debug)]
enum Engine {
    H264(Box<h264::Engine>),
    H265(Box<h265::Engine>),
}

/// A picture as a decoder gave it.
#[derive(Debug)]
pub(super) enum RawPicture {
    H264(h264::Raw),
    H265(h265::Raw),
}

impl RawPicture {
    pub(super) fn into_picture(self) -> Result<Picture, DecodeError> {
        match self {
            Self::H264(raw) => raw.into_picture(),
            Self::H265(raw) => raw.into_picture(),
        }
    }
}

impl PictureDecoder {
    /// A decoder of streams of this format.
    ///
    /// # Errors
    /// [`DecodeError::Codec`] for a codec without a decoder; whatever else is wrong with the parameter sets.
    pub fn new(format: &VideoFormat, limits: DecodeLimits, deadline: &Deadline) -> Result<Self, DecodeError> {
        let sets = nal::join(format.parameter_sets.iter().map(AsRef::as_ref));
        let engine = match format.codec {
            VideoCodec::H264 => {
                let mut engine = Box::new(h264::Engine::new(limits));
                engine.decode(&sets, deadline)?;
                Engine::H264(engine)
            }
            VideoCodec::H265 => {
                let mut engine = Box::new(h265::Engine::new(limits));
                engine.decode(&sets, deadline)?;
                Engine::H265(engine)
            }
            codec => return Err(DecodeError::Codec(codec)),
        };
        Ok(Self { engine })
    }

    /// Decodes the data of an access unit (NAL units with 4-byte length prefixes). `None`: it holds no picture that is
    /// to be shown.
    ///
    /// # Errors
    /// The picture is damaged, too large or beyond the decoder; the deadline has passed. Pictures that refer to it
    /// will show the damage.
    pub fn decode(&mut self, data: &[u8], deadline: &Deadline) -> Result<Option<Picture>, DecodeError> {
        self.decode_raw(data, deadline)?.map(RawPicture::into_picture).transpose()
    }

    pub(super) fn decode_raw(
        &mut self,
        data: &[u8],
        deadline: &Deadline,
    ) -> Result<Option<RawPicture>, DecodeError> {
        Ok(match &mut self.engine {
            Engine::H264(engine) => engine.decode(data, deadline)?.map(RawPicture::H264),
            Engine::H265(engine) => engine.decode(data, deadline)?.map(RawPicture::H265),
        })
    }

    /// Luma samples of a picture of the stream as it is coded; 0 before the first parameter set.
    pub(super) const fn coded_pixels(&self) -> u64 {
        match &self.engine {
            Engine::H264(engine) => engine.coded_pixels(),
            Engine::H265(engine) => engine.coded_pixels(),
        }
    }
}
