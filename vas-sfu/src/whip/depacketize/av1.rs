//! AV1: OBU elements of packets are joined to temporal units of OBUs with sizes (RTP Payload Format for AV1, sections
//! 4.4 and 5; AV1 bitstream specification, section 5.2, the low-overhead format).

use super::{Depacketize, Malformed};
use bytes::{Bytes, BytesMut};
use vas_core::media::av1::obu_type::{PADDING, TEMPORAL_DELIMITER, TILE_LIST};
use vas_core::media::av1::{Obu, read_leb128};

/// Of the aggregation header: the first element continues one, the last one is continued.
const CONTINUES: u8 = 0x80;
const CONTINUED: u8 = 0x40;

/// Joins packets to temporal units without their delimiter.
#[derive(Debug)]
pub(in crate::whip) struct Av1 {
    picture: BytesMut,
    /// The OBU whose pieces are arriving.
    fragment: BytesMut,
    continues: bool,
    max_bytes: usize,
}

impl Av1 {
    /// For temporal units of `max_bytes` bytes at most.
    pub(in crate::whip) fn new(max_bytes: usize) -> Self {
        Self { picture: BytesMut::new(), fragment: BytesMut::new(), continues: false, max_bytes }
    }

    fn room(&self, bytes: usize) -> Result<(), Malformed> {
        let fits = self.picture.len() + self.fragment.len() + bytes <= self.max_bytes;
        if fits { Ok(()) } else { Err(Malformed) }
    }

    /// Adds a whole OBU, with its size in place. Those that say nothing to a decoder are passed over, as senders should
    /// not send them (section 5 of the payload format).
    fn obu(&mut self, bytes: &[u8]) -> Result<(), Malformed> {
        self.room(bytes.len())?;
        if bytes.is_empty() {
            return Ok(());
        }
        let (obu, _) = Obu::split(bytes).ok_or(Malformed)?;
        if !matches!(obu.kind(), TEMPORAL_DELIMITER | TILE_LIST | PADDING) {
            self.picture.extend_from_slice(&obu.to_bytes());
        }
        Ok(())
    }

    fn element(&mut self, element: &[u8], continues: bool, continued: bool) -> Result<(), Malformed> {
        if continues || continued {
            self.room(element.len())?;
            self.fragment.extend_from_slice(element);
            self.continues = continued;
            if !continued {
                let whole = self.fragment.split();
                self.obu(&whole)?;
            }
            return Ok(());
        }
        self.obu(element)
    }
}

impl Depacketize for Av1 {
    fn push(&mut self, payload: &[u8]) -> Result<(), Malformed> {
        let (&aggregation, mut rest) = payload.split_first().ok_or(Malformed)?;
        if (aggregation & CONTINUES != 0) != self.continues || rest.is_empty() {
            return Err(Malformed);
        }
        // W: the number of elements, of which the last has no length; 0: each has one.
        let count = usize::from(aggregation >> 4 & 0x03);
        let mut number = 0;
        while !rest.is_empty() {
            number += 1;
            let element;
            if number == count {
                (element, rest) = (rest, &[]);
            } else {
                let (length, after) = read_leb128(rest).ok_or(Malformed)?;
                element = after.get(..length).ok_or(Malformed)?;
                rest = &after[length..];
            }
            let continues = number == 1 && aggregation & CONTINUES != 0;
            let continued = rest.is_empty() && aggregation & CONTINUED != 0;
            self.element(element, continues, continued)?;
        }
        if count != 0 && number != count { Err(Malformed) } else { Ok(()) }
    }

    fn finish(&mut self) -> Result<Option<Bytes>, Malformed> {
        if self.continues {
            return Err(Malformed);
        }
        Ok((!self.picture.is_empty()).then(|| self.picture.split().freeze()))
    }

    fn reset(&mut self) {
        self.picture.clear();
        self.fragment.clear();
        self.continues = false;
    }
}
