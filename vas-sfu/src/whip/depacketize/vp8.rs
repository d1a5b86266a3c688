//! VP8: the payload descriptor is taken off and the pieces of a picture are joined (RFC 7741, section 4.2).

use super::{Depacketize, Malformed};
use bytes::{Bytes, BytesMut};

/// Joins packets to frames (RFC 6386, section 9).
#[derive(Debug)]
pub(in crate::whip) struct Vp8 {
    picture: BytesMut,
    max_bytes: usize,
}

impl Vp8 {
    /// For pictures of `max_bytes` bytes at most.
    pub(in crate::whip) fn new(max_bytes: usize) -> Self {
        Self { picture: BytesMut::new(), max_bytes }
    }
}

/// Splits the descriptor off: whether a picture starts here, and the piece of it.
fn descriptor(payload: &[u8]) -> Result<(bool, &[u8]), Malformed> {
    let (&first, mut rest) = payload.split_first().ok_or(Malformed)?;
    // S: a partition starts; PID 0: the first one.
    let starts = first & 0x10 != 0 && first & 0x07 == 0;
    let mut skip = |bytes: usize| -> Result<u8, Malformed> {
        let first = rest.first().copied();
        rest = rest.get(bytes..).ok_or(Malformed)?;
        first.ok_or(Malformed)
    };
    if first & 0x80 != 0 {
        let extension = skip(1)?;
        if extension & 0x80 != 0 && skip(1)? & 0x80 != 0 {
            skip(1)?; // the second byte of a long PictureID
        }
        if extension & 0x40 != 0 {
            skip(1)?; // TL0PICIDX
        }
        if extension & 0x30 != 0 {
            skip(1)?; // TID, Y and KEYIDX
        }
    }
    if rest.is_empty() { Err(Malformed) } else { Ok((starts, rest)) }
}

impl Depacketize for Vp8 {
    fn push(&mut self, payload: &[u8]) -> Result<(), Malformed> {
        let (starts, piece) = descriptor(payload)?;
        if starts != self.picture.is_empty() || self.picture.len() + piece.len() > self.max_bytes {
            return Err(Malformed);
        }
        self.picture.extend_from_slice(piece);
        Ok(())
    }

    fn finish(&mut self) -> Result<Option<Bytes>, Malformed> {
        Ok((!self.picture.is_empty()).then(|| self.picture.split().freeze()))
    }

    fn reset(&mut self) {
        self.picture.clear();
    }
}
