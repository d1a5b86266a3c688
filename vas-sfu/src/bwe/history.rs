//! What was sent: one word a packet, in a ring.

/// Packets remembered. At 4 Mb/s that is more than two seconds.
const CAPACITY: usize = 1_024;
/// Microseconds of one tick of the times kept.
const TICK: i64 = 64;
/// Ticks wrap after 67 s; nothing is kept for so long.
const TIME_BITS: u32 = 20;
const TIME_MASK: u32 = (1 << TIME_BITS) - 1;
/// Sizes are kept in units of four bytes, rounded up.
const SIZE_UNIT: u32 = 4;
const SIZE_BITS: u32 = 9;
const SIZE_MASK: u32 = (1 << SIZE_BITS) - 1;
const PROBE: u32 = 1 << (TIME_BITS + SIZE_BITS);
const STATE_SHIFT: u32 = TIME_BITS + SIZE_BITS + 1;
/// Feedback on packets older than this is of no use.
const MAX_AGE: i64 = 16_000_000;

/// What is known of a packet's fate.
const PENDING: u32 = 1;
const RECEIVED: u32 = 2;
const LOST: u32 = 3;

/// A packet that feedback has named for the first time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SentPacket {
    /// Its number without wrap-around.
    pub(super) index: u64,
    /// When it was sent, in microseconds of the connection.
    pub(super) at: i64,
    pub(super) bytes: u32,
    /// Whether it is part of a probe.
    pub(super) probe: bool,
    /// Whether an earlier message called it lost.
    pub(super) was_lost: bool,
}

/// The ring of packets sent.
#[derive(Debug)]
pub(super) struct History {
    /// State, probe flag, size and time, from the highest bits down; zero: nothing was sent under this number.
    words: Box<[u32; CAPACITY]>,
    oldest: u64,
    next: u64,
    last_sent: i64,
}

impl History {
    /// A history that begins with the number `sequence`.
    pub(super) fn new(sequence: u16) -> Self {
        // Far from zero, so that what is older has an index too.
        let next = (1 << 32) + u64::from(sequence);
        Self { words: Box::new([0; CAPACITY]), oldest: next, next, last_sent: 0 }
    }

    /// Notes a packet. Numbers go up; those left out were not sent. `None` for a number that was used already.
    pub(super) fn push(&mut self, sequence: u16, bytes: u16, probe: bool, now: i64) -> Option<u64> {
        let skipped = sequence.wrapping_sub(self.next as u16);
        if skipped >= 0x8000 {
            return None;
        }
        let index = self.next + u64::from(skipped);
        if now - self.last_sent > MAX_AGE || usize::from(skipped) >= CAPACITY {
            self.oldest = index;
        } else {
            for left_out in self.next..index {
                self.words[slot(left_out)] = 0;
            }
            self.oldest = self.oldest.max((index + 1).saturating_sub(CAPACITY as u64));
            while self.oldest < index && self.age(self.words[slot(self.oldest)], now) > MAX_AGE {
                self.oldest += 1;
            }
        }
        let size = u32::from(bytes).div_ceil(SIZE_UNIT).min(SIZE_MASK);
        let time = (now / TICK) as u32 & TIME_MASK;
        let flag = if probe { PROBE } else { 0 };
        self.words[slot(index)] = (PENDING << STATE_SHIFT) | flag | (size << TIME_BITS) | time;
        self.next = index + 1;
        self.last_sent = now;
        Some(index)
    }

    /// Marks a packet as received; `None` if it is not known or was received before.
    pub(super) fn receive(&mut self, sequence: u16, now: i64) -> Option<SentPacket> {
        let index = self.index_of(sequence)?;
        let word = self.words[slot(index)];
        let state = word >> STATE_SHIFT;
        if state != PENDING && state != LOST {
            return None;
        }
        self.words[slot(index)] = (word & !(LOST << STATE_SHIFT)) | (RECEIVED << STATE_SHIFT);
        Some(SentPacket {
            index,
            at: now / TICK * TICK - self.age(word, now),
            bytes: ((word >> TIME_BITS) & SIZE_MASK) * SIZE_UNIT,
            probe: word & PROBE != 0,
            was_lost: state == LOST,
        })
    }

    /// Marks a packet as lost and gives its index; `None` if it is not known or its fate was known before.
    pub(super) fn lose(&mut self, sequence: u16) -> Option<u64> {
        let index = self.index_of(sequence)?;
        let word = &mut self.words[slot(index)];
        if *word >> STATE_SHIFT != PENDING {
            return None;
        }
        *word |= LOST << STATE_SHIFT;
        Some(index)
    }

    /// The index of a packet still remembered.
    fn index_of(&self, sequence: u16) -> Option<u64> {
        let behind = u64::from((self.next as u16).wrapping_sub(sequence));
        (behind != 0 && behind <= self.next - self.oldest).then(|| self.next - behind)
    }

    /// Microseconds since a packet was sent.
    fn age(&self, word: u32, now: i64) -> i64 {
        if word == 0 {
            return i64::MAX;
        }
        i64::from(((now / TICK) as u32).wrapping_sub(word) & TIME_MASK) * TICK
    }
}

/// Where a packet's word stands.
const fn slot(index: u64) -> usize {
    index as usize % CAPACITY
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remembers_what_was_sent_until_feedback_names_it() {
        let mut history = History::new(65_534);
        for n in 0..4_u16 {
            let pushed =
                history.push(65_534_u16.wrapping_add(n), 1_201, n == 2, 1_000_000 + i64::from(n) * 640);
            assert!(pushed.is_some());
        }
        assert_eq!(history.push(65_534, 1, false, 1_100_000), None, "used already");
        let packet = history.receive(0, 2_000_000).unwrap();
        assert!((packet.at - 1_001_280).abs() <= TICK, "{packet:?}");
        assert_eq!((packet.bytes, packet.probe, packet.was_lost), (1_204, true, false));
        assert_eq!(history.receive(0, 2_000_000), None, "twice");
        assert_eq!(history.receive(2, 2_000_000), None, "not sent");
        assert_eq!(history.receive(65_533, 2_000_000), None, "not sent");
        assert!(history.lose(65_535).is_some());
        assert!(history.lose(65_535).is_none(), "counted once");
        assert!(history.receive(65_535, 2_000_000).unwrap().was_lost);
        assert!(history.lose(65_535).is_none(), "received after all");
    }

    #[test]
    fn forgets_what_is_old_and_what_was_left_out() {
        let mut history = History::new(0);
        history.push(0, 100, false, 0);
        history.push(3, 100, false, 1_000_000);
        assert_eq!(history.receive(1, 1_000_000), None);
        history.push(4, 100, false, 16_500_000);
        assert_eq!(history.receive(0, 16_500_000), None, "older than 16 s");
        assert!(history.receive(3, 16_500_000).is_some());
        history.push(5, 100, false, 60_000_000);
        assert_eq!(history.receive(4, 60_000_000), None);
        for n in 6..6 + CAPACITY as u16 {
            history.push(n, 100, false, 60_000_000);
        }
        assert_eq!(history.receive(5, 60_000_000), None, "the ring is full");
        assert!(history.receive(6, 60_000_000).is_some());
        // A jump beyond the ring forgets all of it.
        history.push(20_000, 100, false, 60_000_000);
        assert_eq!(history.receive(100, 60_000_000), None);
        assert!(history.receive(20_000, 60_000_000).is_some());
    }
}
