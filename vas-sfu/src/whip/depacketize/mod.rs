//! From the payloads of RTP packets, in order, to whole pictures.
//!
//! A depacketiser takes the payloads of one picture after another and hands the picture over at its end. It is told of
//! lost packets, and drops what they belonged to. Whatever bytes come, it neither panics nor holds more than a picture
//! of the allowed size.

mod av1;
mod h264;
mod vp8;

#[cfg(test)]
mod tests;

pub(super) use av1::Av1;
pub(super) use h264::H264;
pub(super) use vp8::Vp8;

use bytes::Bytes;

/// A payload that can't be understood. The picture that it belongs to is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed;

/// Joins the payloads of a codec to pictures.
pub(super) trait Depacketize: Send + std::fmt::Debug {
    /// Takes the payload of the next packet of the present picture.
    ///
    /// # Errors
    /// The payload is malformed or the picture outgrows its bound; [`Self::reset`] must follow.
    fn push(&mut self, payload: &[u8]) -> Result<(), Malformed>;

    /// The picture is complete: gives it, in the form that access units have, and starts the next one. `None` when
    /// nothing of a picture came.
    ///
    /// # Errors
    /// Its last part is missing.
    fn finish(&mut self) -> Result<Option<Bytes>, Malformed>;

    /// Drops the present picture.
    fn reset(&mut self);
}

/// Joins payloads to pictures of the codec that any number stands for, as the fuzzer calls it.
#[cfg(feature = "fuzzing")]
pub(crate) fn depacketize_any<'a>(codec: u8, payloads: impl Iterator<Item = &'a [u8]>) {
    const MAX_BYTES: usize = 2_048;
    let mut depacketizer: Box<dyn Depacketize> = match codec % 3 {
        0 => Box::new(H264::new(MAX_BYTES)),
        1 => Box::new(Vp8::new(MAX_BYTES)),
        _ => Box::new(Av1::new(MAX_BYTES)),
    };
    for payload in payloads {
        // An empty payload stands for the end of a picture.
        let picture = if payload.is_empty() {
            depacketizer.finish()
        } else {
            depacketizer.push(payload).map(|()| None)
        };
        match picture {
            Ok(picture) => assert!(picture.is_none_or(|picture| picture.len() <= MAX_BYTES)),
            Err(Malformed) => depacketizer.reset(),
        }
    }
}
