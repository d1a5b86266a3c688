//! Transport-wide feedback: which packets have arrived, and when (draft-holmer-rmcat-transport-wide-cc-extensions-01,
//! section 3.1), read in place.

use super::read::take_first;

/// Bytes before the packet chunks: base sequence, count, reference time, number of the message.
const FIXED: usize = 8;
/// Statuses read of one message. A run of missing packets costs two bytes however long it is; nobody sends so many
/// packets between two messages.
const MAX_STATUSES: u16 = 4_096;

/// A feedback message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TransportFeedback<'a> {
    /// Number of the first packet that it tells of.
    pub(crate) base: u16,
    /// How many packets it tells of.
    pub(crate) count: u16,
    /// The receiver's time that the first delta counts from, in units of 64 ms, modulo 2^24.
    pub(crate) reference: u32,
    chunks: &'a [[u8; 2]],
    deltas: &'a [u8],
}

impl<'a> TransportFeedback<'a> {
    /// Reads what follows the two SSRCs; `None` where the chunks don't cover the count.
    pub(super) fn read(message: &'a [u8]) -> Option<Self> {
        let (&[base_high, base_low, count_high, count_low, a, b, c, _], rest) =
            message.split_first_chunk::<FIXED>()?;
        let count = u16::from_be_bytes([count_high, count_low]);
        let words = rest.as_chunks::<2>().0;
        let (mut covered, mut used) = (0_u32, 0);
        while covered < u32::from(count) {
            let length = Chunk::new(*words.get(used)?).length();
            if length == 0 {
                return None;
            }
            covered += u32::from(length);
            used += 1;
        }
        Some(Self {
            base: u16::from_be_bytes([base_high, base_low]),
            count,
            reference: u32::from_be_bytes([0, a, b, c]),
            chunks: &words[..used],
            deltas: &rest[2 * used..],
        })
    }

    /// What became of each packet, in the order of their numbers. Ends where the message is malformed, and after the
    /// first 4,096.
    pub(crate) const fn statuses(&self) -> Statuses<'a> {
        let left = if self.count < MAX_STATUSES { self.count } else { MAX_STATUSES };
        Statuses {
            sequence: self.base,
            left,
            chunk: Chunk(0),
            in_chunk: 0,
            chunks: self.chunks,
            deltas: self.deltas,
        }
    }
}

/// A packet chunk (sections 3.1.3 and 3.1.4).
#[derive(Clone, Copy, Debug)]
struct Chunk(u16);

impl Chunk {
    const fn new(bytes: [u8; 2]) -> Self {
        Self(u16::from_be_bytes(bytes))
    }

    /// How many packets it tells of.
    const fn length(self) -> u16 {
        match self.0 >> 14 {
            0b10 => 14,
            0b11 => 7,
            _ => self.0 & 0x1fff,
        }
    }

    /// The symbol of the packet that `after` others of this chunk follow.
    const fn symbol(self, after: u16) -> u16 {
        match self.0 >> 14 {
            0b10 => (self.0 >> after) & 1,
            0b11 => (self.0 >> (2 * after)) & 0b11,
            _ => (self.0 >> 13) & 0b11,
        }
    }
}

/// Iterator over a feedback message's packets, made by [`TransportFeedback::statuses`]: the packet's number and,
/// where it has arrived, the time since the arrival of the one before in units of 250 us. The first counts from the
/// reference time.
#[derive(Clone, Debug)]
pub(crate) struct Statuses<'a> {
    sequence: u16,
    left: u16,
    chunk: Chunk,
    /// Packets of the chunk that have not been read.
    in_chunk: u16,
    chunks: &'a [[u8; 2]],
    deltas: &'a [u8],
}

impl Iterator for Statuses<'_> {
    type Item = (u16, Option<i16>);

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let status = self.read();
        if status.is_none() {
            self.left = 0;
        }
        status
    }
}

impl Statuses<'_> {
    fn read(&mut self) -> Option<(u16, Option<i16>)> {
        if self.in_chunk == 0 {
            self.chunk = Chunk::new(*take_first(&mut self.chunks)?);
            self.in_chunk = self.chunk.length();
        }
        self.in_chunk = self.in_chunk.checked_sub(1)?;
        let delta = match self.chunk.symbol(self.in_chunk) {
            0 => None,
            1 => Some(i16::from(*take_first(&mut self.deltas)?)),
            2 => {
                let (delta, rest) = self.deltas.split_first_chunk::<2>()?;
                self.deltas = rest;
                Some(i16::from_be_bytes(*delta))
            }
            // Reserved: how many bytes it takes is not known, so nothing after it can be read.
            _ => return None,
        };
        let sequence = self.sequence;
        self.sequence = sequence.wrapping_add(1);
        Some((sequence, delta))
    }
}
