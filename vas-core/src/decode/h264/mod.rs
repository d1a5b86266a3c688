//! H.264 by `rust_h264`.

mod guard;

use super::colours::Colours;
use super::picture::to_8_bits;
use super::reading::DecodeLimits;
use super::{Deadline, DecodeError, Picture, Plane};
use crate::media::nal;
use guard::{Guard, Verdict};
use rust_h264::decoder::{ChromaFormat, Decoder, Frame};
use rust_h264::error::DecodeError as LibraryError;
use std::fmt;

/// The decoder and what stands before it.
pub(super) struct Engine {
    guard: Guard,
    decoder: Decoder,
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").field("guard", &self.guard).finish_non_exhaustive()
    }
}

/// A picture as the decoder gave it, and what the stream says of its colours.
pub(super) struct Raw {
    frame: Frame,
    colours: Colours,
    is_field: bool,
}

impl fmt::Debug for Raw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Raw({}x{})", self.frame.width, self.frame.height)
    }
}

impl Engine {
    pub(super) fn new(limits: DecodeLimits) -> Self {
        Self { guard: Guard::new(limits), decoder: Decoder::new() }
    }

    pub(super) const fn coded_pixels(&self) -> u64 {
        self.guard.coded_pixels()
    }

    /// Decodes NAL units with length prefixes: parameter sets, or an access unit to its end.
    pub(super) fn decode(&mut self, data: &[u8], deadline: &Deadline) -> Result<Option<Raw>, DecodeError> {
        let mut start = 0;
        let mut picture = None;
        for unit in nal::units(data) {
            deadline.check()?;
            let end = start + nal::LENGTH_SIZE + unit.len();
            // The library takes emulation prevention bytes out of framed units alone. The guard judges what it makes
            // of them, so that both read the same bits.
            for parsed in rust_h264::nal::parse_avcc(&data[start..end], nal::LENGTH_SIZE) {
                if self.guard.judge(unit[0], &parsed.rbsp)? == Verdict::Decode
                    && let Some(frame) = self.decoder.decode_nal(&parsed).map_err(|error| refused(&error))?
                {
                    picture = Some(frame);
                }
            }
            start = end;
        }
        // The library ends a picture when the next one starts. Access units are whole, so it has ended here: what
        // comes out is this picture, or one of its two fields where each is an access unit.
        let frame = self.decoder.flush().or(picture);
        Ok(frame.map(|frame| self.raw(frame)))
    }

    fn raw(&self, frame: Frame) -> Raw {
        let sps = self.guard.active();
        let is_field = sps.is_some_and(|sps| frame.height * 2 == sps.height && !sps.frames_only);
        Raw { frame, colours: sps.map(|sps| sps.colours).unwrap_or_default(), is_field }
    }
}

fn refused(error: &LibraryError) -> DecodeError {
    match *error {
        LibraryError::UnexpectedEof => DecodeError::Damaged("its data end early"),
        LibraryError::InvalidSyntax(reason) => DecodeError::Damaged(reason),
        LibraryError::Unsupported(reason) => DecodeError::Unsupported(reason),
    }
}

impl Raw {
    pub(super) fn into_picture(self) -> Result<Picture, DecodeError> {
        let Self { frame, colours, is_field } = self;
        let (width, height) = (frame.width as usize, frame.height as usize);
        let depth = frame.bit_depth;
        let plane = |width: usize, height: usize, samples: Vec<u8>| {
            let samples = if depth > 8 { from_two_bytes(&samples, depth) } else { samples };
            Plane::new(width, height, samples)
        };
        let (half, chroma_height) = (width / 2, frame.chroma_height() as usize);
        let y = plane(width, height, frame.y)?;
        let mut chroma = Vec::with_capacity(2);
        for samples in [frame.u, frame.v] {
            let plane = match frame.chroma_format {
                // Pictures without colour may have an odd size, of which the library's grey falls a sample short.
                ChromaFormat::Yuv420 if (half * 2, chroma_height * 2) != (width, height) => {
                    let (width, height) = (width.div_ceil(2), height.div_ceil(2));
                    Plane::new(width, height, vec![128; width * height])?
                }
                ChromaFormat::Yuv420 => plane(half, chroma_height, samples)?,
                ChromaFormat::Yuv422 => plane(half, chroma_height, samples)?.reduced(1, 2),
            };
            chroma.push(plane);
        }
        let [cb, cr] = <[Plane; 2]>::try_from(chroma).map_err(|_| DecodeError::Inconsistent)?;
        let planes = [y, cb, cr];
        // One field alone: its lines stand in for those of the other.
        let planes = if is_field { planes.map(|plane| plane.with_rows_doubled()) } else { planes };
        Picture::new(colours, planes)
    }
}

/// Samples of two bytes, the lower one first, as 8 bits.
fn from_two_bytes(samples: &[u8], depth: u8) -> Vec<u8> {
    let (pairs, _) = samples.as_chunks::<2>();
    pairs.iter().map(|&pair| to_8_bits(u16::from_le_bytes(pair), depth)).collect()
}
