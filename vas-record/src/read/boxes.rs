//! Boxes (ISO/IEC 14496-12, section 4.2), walked without recursion: the nesting is that of the caller's code, whatever
//! the bytes say.

use super::error::{BoxKind, ReadError};

/// Bytes of a header with a 32-bit size, and of one with a 64-bit size.
pub(super) const SHORT_HEADER: u64 = 8;
pub(super) const LONG_HEADER: u64 = 16;

/// The header of a box.
#[derive(Clone, Copy, Debug)]
pub(super) struct Header {
    pub(super) kind: BoxKind,
    /// Of the box.
    pub(super) offset: u64,
    /// Bytes of the header.
    pub(super) len: u64,
    /// Bytes of the box, its header included.
    pub(super) size: u64,
}

impl Header {
    /// Reads the header at the start of `data`, which begin at `offset` and are cut off nowhere but at the end of the
    /// file: at least 16 bytes, or less where no more are there.
    pub(super) fn parse(data: &[u8], offset: u64) -> Result<Self, ReadError> {
        let mut fields = Fields::new(data);
        let cut = || ReadError::CutShort { kind: BoxKind([0; 4]), offset };
        let (size, kind) = fields.u32().zip(fields.array()).ok_or_else(cut)?;
        let kind = BoxKind(kind);
        let (len, size) = match size {
            1 => (LONG_HEADER, fields.u64().ok_or(ReadError::CutShort { kind, offset })?),
            size => (SHORT_HEADER, u64::from(size)),
        };
        // A size of 0, "to the end of the file", is written by nobody here; zeros are what a crash leaves.
        if size < len || offset.checked_add(size).is_none() {
            return Err(ReadError::Malformed { kind, offset, problem: "its size is wrong" });
        }
        Ok(Self { kind, offset, len, size })
    }

    /// Where the content begins.
    pub(super) const fn body(&self) -> u64 {
        self.offset + self.len
    }

    /// The first byte after the box.
    pub(super) const fn end(&self) -> u64 {
        self.offset + self.size
    }

    pub(super) const fn malformed(&self, problem: &'static str) -> ReadError {
        ReadError::Malformed { kind: self.kind, offset: self.offset, problem }
    }

    pub(super) const fn cut_short(&self) -> ReadError {
        ReadError::CutShort { kind: self.kind, offset: self.offset }
    }
}

/// A box that is wholly there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Boxed<'a> {
    pub(super) header: Header,
    pub(super) body: &'a [u8],
}

impl<'a> Boxed<'a> {
    /// The boxes in it, after the first `skipped` bytes of its content.
    pub(super) fn children(&self, skipped: usize) -> Result<Boxes<'a>, ReadError> {
        let data = self.body.get(skipped..).ok_or_else(|| self.header.malformed("it is too short"))?;
        Ok(Boxes { data, offset: self.header.body() + skipped as u64 })
    }

    /// The first box of a kind in it.
    pub(super) fn child(&self, kind: &[u8; 4]) -> Result<Self, ReadError> {
        for child in self.children(0)? {
            let child = child?;
            if child.header.kind.0 == *kind {
                return Ok(child);
            }
        }
        Err(self.header.malformed("a box that belongs into it is missing"))
    }

    /// Its fields.
    pub(super) const fn fields(&self) -> Fields<'a> {
        Fields::new(self.body)
    }
}

/// The boxes of some bytes, one after the other; ends after an error.
#[derive(Clone, Debug)]
pub(super) struct Boxes<'a> {
    data: &'a [u8],
    offset: u64,
}

impl<'a> Boxes<'a> {
    /// Of bytes that begin at `offset`.
    pub(super) const fn new(data: &'a [u8], offset: u64) -> Self {
        Self { data, offset }
    }

    fn read(&mut self) -> Result<Boxed<'a>, ReadError> {
        let header = Header::parse(self.data, self.offset)?;
        let taken = usize::try_from(header.size).ok().and_then(|size| self.data.split_at_checked(size));
        let (all, rest) = taken.ok_or_else(|| header.cut_short())?;
        (self.data, self.offset) = (rest, header.end());
        Ok(Boxed { header, body: &all[header.len as usize..] })
    }
}

impl<'a> Iterator for Boxes<'a> {
    type Item = Result<Boxed<'a>, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.data.is_empty() {
            return None;
        }
        let read = self.read();
        if read.is_err() {
            self.data = &[];
        }
        Some(read)
    }
}

/// Big-endian numbers, one after the other; `None` past the end.
#[derive(Clone, Debug)]
pub(super) struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    pub(super) const fn new(rest: &'a [u8]) -> Self {
        Self { rest }
    }

    pub(super) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (array, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(*array)
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    pub(super) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }

    /// Version and flags of a full box (section 4.2).
    pub(super) fn version_and_flags(&mut self) -> Option<(u8, u32)> {
        self.u32().map(|both| ((both >> 24) as u8, both & 0x00ff_ffff))
    }

    /// A number that has 32 bits in version 0 and 64 bits in version 1.
    pub(super) fn sized(&mut self, version: u8) -> Option<u64> {
        if version == 0 { self.u32().map(u64::from) } else { self.u64() }
    }

    /// A number that is there if a flag says so, or else 0.
    pub(super) fn u32_if(&mut self, present: bool) -> Option<u32> {
        if present { self.u32() } else { Some(0) }
    }
}
