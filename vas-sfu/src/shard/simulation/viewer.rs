//! What a viewer sees of the packets that come, and what it asks for and tells.

use super::{MS, RTX_SSRC, WIDE};
use crate::bwe::simulation::message;
use std::collections::BTreeMap;

/// Between two messages of feedback.
const FEEDBACK: i64 = 50 * MS;
/// A picture that stands for so long makes the viewer ask for a key picture.
const PATIENCE: i64 = 1_000 * MS;
/// How often a packet is asked for.
const REQUESTS: u8 = 10;

/// What the viewer tells.
#[derive(Debug)]
pub(super) enum Told {
    Feedback(Vec<u8>),
    Missing(Vec<u16>),
    PictureLoss,
}

#[derive(Clone, Copy, Debug)]
struct Piece {
    timestamp: u32,
    marker: bool,
    begins_key: bool,
}

/// Receives, asks for what is missing, and shows whole pictures in order as soon as they are there.
#[derive(Debug, Default)]
pub(in crate::shard) struct Viewer {
    highest: Option<u64>,
    missing: BTreeMap<u64, (u8, i64)>,
    waiting: BTreeMap<u64, Piece>,
    next: Option<u64>,
    arrivals: Vec<(i64, u16)>,
    reported: Option<u16>,
    feedback_due: i64,
    asked: i64,
    /// When each picture was shown.
    pub(in crate::shard) shown: Vec<i64>,
    /// Packets of media that came by repair, or again.
    pub(in crate::shard) repaired: usize,
    pub(in crate::shard) again: usize,
    pub(in crate::shard) key_requests: usize,
}

impl Viewer {
    pub(super) fn receive(&mut self, at: i64, packet: &[u8]) {
        let word = |from: usize| u32::from_be_bytes(packet[from..from + 4].try_into().unwrap());
        let header = if packet[0] & 0x10 == 0 { 12 } else { 16 + 4 * usize::from(packet[15]) };
        if header > 12 && packet[16] >> 4 == WIDE {
            self.arrivals.push((at, u16::from_be_bytes([packet[17], packet[18]])));
        }
        let (mut sequence, mut payload) = (u16::from_be_bytes([packet[2], packet[3]]), &packet[header..]);
        let repair = word(8) == RTX_SSRC;
        if repair {
            (sequence, payload) = (u16::from_be_bytes([payload[0], payload[1]]), &payload[2..]);
        }
        let newest = self.highest.unwrap_or((1 << 32) + u64::from(sequence));
        let number =
            newest.wrapping_add_signed(i64::from(sequence.wrapping_sub(newest as u16).cast_signed()));
        if number > newest {
            if repair {
                return;
            }
            self.missing.extend((newest + 1..number).map(|lost| (lost, (0, at))));
        }
        self.highest = Some(newest.max(number));
        let was_missing = self.missing.remove(&number).is_some();
        if repair {
            if was_missing {
                self.repaired += 1
            } else {
                self.again += 1
            }
            if !was_missing {
                return;
            }
        }
        let piece = Piece { timestamp: word(4), marker: packet[1] & 0x80 != 0, begins_key: payload[0] == 1 };
        self.show(at, number, piece);
    }

    fn show(&mut self, at: i64, number: u64, piece: Piece) {
        if self.next.is_some_and(|next| number < next) {
            return;
        }
        self.waiting.insert(number, piece);
        if self.next != Some(number)
            && let Some(first) = self.key_around(number)
        {
            self.waiting = self.waiting.split_off(&first);
            self.next = Some(first);
        }
        while let Some(end) = self.next.and_then(|next| self.end_of_picture(next)) {
            self.waiting = self.waiting.split_off(&end);
            self.next = Some(end);
            self.shown.push(at);
        }
    }

    fn key_around(&self, number: u64) -> Option<u64> {
        let timestamp = self.waiting.get(&number)?.timestamp;
        let mut first = number;
        while !self.waiting.get(&first).filter(|piece| piece.timestamp == timestamp)?.begins_key {
            first -= 1;
        }
        self.end_of_picture(first).map(|_| first)
    }

    fn end_of_picture(&self, first: u64) -> Option<u64> {
        let mut expected = first;
        for (&number, piece) in self.waiting.range(first..) {
            if number != expected {
                return None;
            }
            expected += 1;
            if piece.marker {
                return Some(expected);
            }
        }
        None
    }

    pub(super) fn tell(&mut self, now: i64, round_trip: i64, told: &mut Vec<Told>) {
        if now >= self.feedback_due && !self.arrivals.is_empty() {
            self.feedback_due = now + FEEDBACK;
            let base = self.reported.unwrap_or(self.arrivals[0].1);
            self.arrivals.retain(|(_, number)| number.wrapping_sub(base) < 0x8000);
            if let (Some(&(first, _)), Some(&(_, last))) = (self.arrivals.first(), self.arrivals.last()) {
                told.push(Told::Feedback(message(base, first, &self.arrivals)));
                self.reported = Some(last.wrapping_add(1));
            }
            self.arrivals.clear();
        }
        let mut asked = Vec::new();
        self.missing.retain(|number, (requests, due)| {
            if *due <= now {
                if *requests == REQUESTS {
                    return false;
                }
                asked.push(*number as u16);
                *requests += 1;
                *due = now + round_trip * 3 / 2;
            }
            true
        });
        if !asked.is_empty() {
            told.push(Told::Missing(asked));
        }
        let still = self.shown.last().is_some_and(|at| now - at > PATIENCE);
        if still && now - self.asked > PATIENCE {
            self.asked = now;
            self.key_requests += 1;
            told.push(Told::PictureLoss);
        }
    }
}
