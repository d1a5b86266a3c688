//! AV1 (AV1 Bitstream & Decoding Process Specification): open bitstream units, sequence headers, and what kind of
//! picture a temporal unit holds.

mod frame;
mod sequence;
#[cfg(test)]
mod tests;

pub use frame::classify;
pub use sequence::SequenceHeader;

use bytes::{Bytes, BytesMut};

/// `obu_type` (section 6.2.2) of the units that routing looks at.
pub mod obu_type {
    /// Sequence header.
    pub const SEQUENCE_HEADER: u8 = 1;
    /// Start of a temporal unit; access units here go without it, as RTP does.
    pub const TEMPORAL_DELIMITER: u8 = 2;
    /// Frame header, whose tile groups follow.
    pub const FRAME_HEADER: u8 = 3;
    /// Tile group.
    pub const TILE_GROUP: u8 = 4;
    /// Metadata.
    pub const METADATA: u8 = 5;
    /// Frame header and tile group in one.
    pub const FRAME: u8 = 6;
    /// Copy of the frame header before it.
    pub const REDUNDANT_FRAME_HEADER: u8 = 7;
    /// Tile list, of large scale tile decoding alone.
    pub const TILE_LIST: u8 = 8;
    /// Padding.
    pub const PADDING: u8 = 15;
}

/// `obu_extension_flag` of an OBU header.
const EXTENSION: u8 = 0x04;
/// `obu_has_size_field` of an OBU header.
const HAS_SIZE: u8 = 0x02;
/// The longest LEB128 number in bytes (section 4.10.5).
const MAX_LEB128: usize = 8;

/// An open bitstream unit (section 5.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Obu<'a> {
    /// The header's bytes, `obu_has_size_field` cleared; the second counts where `obu_extension_flag` is set.
    header: [u8; 2],
    /// What follows the header and the size.
    pub payload: &'a [u8],
}

impl<'a> Obu<'a> {
    /// The first OBU of `data`, and what follows it. One without a size field ends with `data`. `None`: cut short.
    #[must_use]
    pub fn split(data: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (&first, mut rest) = data.split_first()?;
        let mut header = [first & !HAS_SIZE, 0];
        if first & EXTENSION != 0 {
            (header[1], rest) = rest.split_first().map(|(&second, rest)| (second, rest))?;
        }
        let mut size = rest.len();
        if first & HAS_SIZE != 0 {
            (size, rest) = read_leb128(rest)?;
        }
        let (payload, rest) = rest.split_at_checked(size)?;
        Some((Self { header, payload }, rest))
    }

    /// `obu_type`.
    #[must_use]
    pub const fn kind(&self) -> u8 {
        (self.header[0] >> 3) & 0xf
    }

    /// The header as RTP carries it, one byte or two: without a size field (AV1 RTP payload format, section 4.5).
    #[must_use]
    pub fn header(&self) -> &[u8] {
        &self.header[..if self.header[0] & EXTENSION == 0 { 1 } else { 2 }]
    }

    /// Bytes of header and payload, without a size field.
    #[must_use]
    pub fn size(&self) -> usize {
        self.header().len() + self.payload.len()
    }

    /// `temporal_id` and `spatial_id`; 0 where there is no extension.
    #[must_use]
    pub const fn layer(&self) -> (u8, u8) {
        (self.header[1] >> 5, (self.header[1] >> 3) & 3)
    }

    /// The OBU with its size, as the low-overhead format has it.
    #[must_use]
    pub fn to_bytes(&self) -> Bytes {
        let mut out = BytesMut::with_capacity(self.size() + MAX_LEB128);
        self.write(&mut out);
        out.freeze()
    }

    fn write(&self, out: &mut BytesMut) {
        out.extend_from_slice(&[self.header[0] | HAS_SIZE]);
        out.extend_from_slice(&self.header()[1..]);
        let (length, bytes) = leb128(self.payload.len());
        out.extend_from_slice(&bytes[..length]);
        out.extend_from_slice(self.payload);
    }
}

/// The OBUs of data in the low-overhead format (section 5.2). A size that points past the end ends the iteration.
#[must_use]
pub const fn obus(data: &[u8]) -> Obus<'_> {
    Obus { rest: data }
}

/// Iterator over OBUs, made by [`obus`].
#[derive(Clone, Debug)]
pub struct Obus<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Obus<'a> {
    type Item = Obu<'a>;

    fn next(&mut self) -> Option<Obu<'a>> {
        let (obu, rest) = Obu::split(self.rest).unzip();
        self.rest = rest.unwrap_or(&[]);
        obu
    }
}

/// Whether `data` is at least one OBU and every size is right to the last byte.
#[must_use]
pub fn is_well_formed(data: &[u8]) -> bool {
    let mut rest = data;
    while let Some((_, next)) = Obu::split(rest) {
        rest = next;
    }
    rest.is_empty() && !data.is_empty()
}

/// A temporal unit as access units carry it: every OBU with its size, none that says nothing to a decoder (temporal
/// delimiters, tile lists, padding). `None`: a size is wrong, or nothing is left.
#[must_use]
pub fn temporal_unit(data: &[u8]) -> Option<Bytes> {
    use obu_type::{PADDING, TEMPORAL_DELIMITER, TILE_LIST};
    if !is_well_formed(data) {
        return None;
    }
    // More than came in: the last OBU may come without a size.
    let mut out = BytesMut::with_capacity(data.len() + MAX_LEB128);
    obus(data)
        .filter(|obu| !matches!(obu.kind(), TEMPORAL_DELIMITER | TILE_LIST | PADDING))
        .for_each(|obu| obu.write(&mut out));
    (!out.is_empty()).then(|| out.freeze())
}

/// The first sequence header of a temporal unit, as an OBU.
#[must_use]
pub fn sequence_header(data: &[u8]) -> Option<Obu<'_>> {
    obus(data).find(|obu| obu.kind() == obu_type::SEQUENCE_HEADER)
}

/// A LEB128 number (section 4.10.5) and what follows it. `None`: cut short, or above 2^32 - 1, which the standard
/// forbids.
#[must_use]
pub fn read_leb128(data: &[u8]) -> Option<(usize, &[u8])> {
    let mut value = 0_u64;
    for (index, &byte) in data.iter().take(MAX_LEB128).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            let value = u32::try_from(value).ok()?;
            return Some((usize::try_from(value).ok()?, &data[index + 1..]));
        }
    }
    None
}

/// A number as LEB128: how many bytes it takes, and the bytes. Numbers of 2^56 and more, which no length is, lose
/// their upper bits.
#[must_use]
pub const fn leb128(mut value: usize) -> (usize, [u8; MAX_LEB128]) {
    let mut bytes = [0; MAX_LEB128];
    let mut length = 0;
    while length < MAX_LEB128 {
        bytes[length] = (value & 0x7f) as u8;
        length += 1;
        value >>= 7;
        if value == 0 || length == MAX_LEB128 {
            break;
        }
        bytes[length - 1] |= 0x80;
    }
    (length, bytes)
}
