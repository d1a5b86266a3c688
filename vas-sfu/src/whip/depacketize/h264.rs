//! H.264: single units, aggregates and fragments (RFC 6184, sections 5.6 to 5.8) of the non-interleaved mode.

use super::{Depacketize, Malformed};
use bytes::{BufMut, Bytes, BytesMut};
use vas_core::media::nal::LENGTH_SIZE;

/// Packet types (section 5.2).
const STAP_A: u8 = 24;
const FU_A: u8 = 28;

/// Joins packets to access units of length-prefixed NAL units.
#[derive(Debug)]
pub(in crate::whip) struct H264 {
    picture: BytesMut,
    /// Where the length of the unit stands whose fragments are arriving.
    fragmented: Option<usize>,
    max_bytes: usize,
}

impl H264 {
    /// For pictures of `max_bytes` bytes at most.
    pub(in crate::whip) fn new(max_bytes: usize) -> Self {
        Self { picture: BytesMut::new(), fragmented: None, max_bytes }
    }

    fn room(&self, bytes: usize) -> Result<(), Malformed> {
        let fits = self.picture.len() + LENGTH_SIZE + bytes <= self.max_bytes;
        if fits { Ok(()) } else { Err(Malformed) }
    }

    fn unit(&mut self, unit: &[u8]) -> Result<(), Malformed> {
        self.room(unit.len())?;
        self.picture.put_u32(u32::try_from(unit.len()).map_err(|_| Malformed)?);
        self.picture.extend_from_slice(unit);
        Ok(())
    }

    /// A fragment: indicator, header, then a piece of the unit (section 5.8).
    fn fragment(&mut self, payload: &[u8]) -> Result<(), Malformed> {
        let &[indicator, header, ref piece @ ..] = payload else { return Err(Malformed) };
        if piece.is_empty() {
            return Err(Malformed);
        }
        let (starts, ends) = (header & 0x80 != 0, header & 0x40 != 0);
        match (starts, self.fragmented) {
            (true, None) => {
                self.room(1 + piece.len())?;
                self.fragmented = Some(self.picture.len());
                self.picture.put_u32(0);
                self.picture.put_u8(indicator & 0xe0 | header & 0x1f);
            }
            (false, Some(_)) => self.room(piece.len())?,
            // A start within a unit, or a piece of one whose start never came.
            _ => return Err(Malformed),
        }
        self.picture.extend_from_slice(piece);
        if ends && let Some(at) = self.fragmented.take() {
            let length = self.picture.len() - at - LENGTH_SIZE;
            let length = u32::try_from(length).map_err(|_| Malformed)?;
            self.picture[at..at + LENGTH_SIZE].copy_from_slice(&length.to_be_bytes());
        }
        Ok(())
    }
}

impl Depacketize for H264 {
    fn push(&mut self, payload: &[u8]) -> Result<(), Malformed> {
        let kind = payload.first().ok_or(Malformed)? & 0x1f;
        if kind == FU_A {
            return self.fragment(payload);
        }
        if self.fragmented.is_some() {
            return Err(Malformed);
        }
        match kind {
            1..=23 => self.unit(payload),
            STAP_A => {
                let mut rest = &payload[1..];
                while !rest.is_empty() {
                    let (length, after) = rest.split_first_chunk::<2>().ok_or(Malformed)?;
                    let length = usize::from(u16::from_be_bytes(*length));
                    let unit = after.get(..length).filter(|unit| !unit.is_empty()).ok_or(Malformed)?;
                    self.unit(unit)?;
                    rest = &after[length..];
                }
                Ok(())
            }
            // The interleaved mode, which is not agreed on, and what is reserved.
            _ => Err(Malformed),
        }
    }

    fn finish(&mut self) -> Result<Option<Bytes>, Malformed> {
        if self.fragmented.is_some() {
            return Err(Malformed);
        }
        Ok((!self.picture.is_empty()).then(|| self.picture.split().freeze()))
    }

    fn reset(&mut self) {
        self.picture.clear();
        self.fragmented = None;
    }
}
