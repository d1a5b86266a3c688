//! Which sequence numbers of a stream have arrived: loss, duplicates, reordering and repairs (RFC 3550,
//! appendix A.1).

/// How many packets behind the newest one can still be told apart; the largest burst at a join is below this.
const WINDOW: u64 = 8192;
const WORDS: usize = (WINDOW / 64) as usize;
/// A larger step forward than this is a sender that started again, if the next packet confirms it (RFC 3550's
/// MAX_DROPOUT).
const MAX_STEP: u16 = 3000;
/// The first extended number, so that packets just before the first one received have a number too.
const ORIGIN: u64 = 1 << 32;

/// What one packet was to the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arrival {
    /// The newest so far; the numbers from `gap_start` up to it are missing (none where they are equal).
    New { extended: u64, gap_start: u64 },
    /// One that was missing.
    Filled { extended: u64 },
    /// One that is here already.
    Duplicate,
    /// From before the first packet, older than the window, or past the end that [`Sequence::finish`] set.
    Outside,
}

/// The receive state of one stream.
#[derive(Debug)]
pub(super) struct Sequence {
    received: Box<[u64; WORDS]>,
    base: u64,
    highest: u64,
    started: bool,
    finished: bool,
    /// The number that would confirm a restart of the sender.
    restart: Option<u16>,
    /// Distinct packets received or repaired, and those of earlier numberings.
    unique: u64,
    expected_before: u64,
}

impl Sequence {
    pub(super) fn new() -> Self {
        Self {
            received: Box::new([0; WORDS]),
            base: 0,
            highest: 0,
            started: false,
            finished: false,
            restart: None,
            unique: 0,
            expected_before: 0,
        }
    }

    /// Counts the packet `sequence`.
    pub(super) fn insert(&mut self, sequence: u16) -> Arrival {
        if !self.started {
            if self.finished {
                return Arrival::Outside;
            }
            self.started = true;
            return self.begin(ORIGIN + u64::from(sequence));
        }
        let step = sequence.wrapping_sub(self.highest as u16);
        if step != 0 && step < 0x8000 {
            return self.advance(sequence, step);
        }
        let behind = u64::from(step.wrapping_neg());
        let extended = self.highest - behind;
        if behind >= WINDOW || extended < self.base {
            return Arrival::Outside;
        }
        if self.is_set(extended) {
            return Arrival::Duplicate;
        }
        self.set(extended);
        self.unique += 1;
        Arrival::Filled { extended }
    }

    /// A repair fills a gap but never moves the newest packet on: one that is not missing is a duplicate.
    pub(super) fn repair(&mut self, sequence: u16) -> Arrival {
        let step = sequence.wrapping_sub(self.highest as u16);
        if !self.started || (step != 0 && step < 0x8000) { Arrival::Outside } else { self.insert(sequence) }
    }

    /// From now on nothing newer counts, while what is missing may still come.
    pub(super) fn finish(&mut self) {
        self.finished = true;
    }

    /// How many packets the sender has sent between the first and the newest one received.
    pub(super) fn expected(&self) -> u64 {
        self.expected_before + if self.started { self.highest - self.base + 1 } else { 0 }
    }

    /// How many distinct packets are here, repaired ones included.
    pub(super) fn unique(&self) -> u64 {
        self.unique
    }

    /// The newest extended sequence number; its low 32 bits are what a receiver report carries.
    pub(super) fn highest(&self) -> u64 {
        self.highest
    }

    fn advance(&mut self, sequence: u16, step: u16) -> Arrival {
        if self.finished {
            return Arrival::Outside;
        }
        if step > MAX_STEP {
            if self.restart != Some(sequence) {
                self.restart = Some(sequence.wrapping_add(1));
                return Arrival::Outside;
            }
            self.expected_before = self.expected();
            return self.begin(self.highest + u64::from(step));
        }
        self.restart = None;
        let gap_start = self.highest + 1;
        let extended = self.highest + u64::from(step);
        for missing in gap_start..extended {
            self.clear(missing);
        }
        self.highest = extended;
        self.set(extended);
        self.unique += 1;
        Arrival::New { extended, gap_start }
    }

    fn begin(&mut self, extended: u64) -> Arrival {
        self.received.fill(0);
        self.restart = None;
        self.base = extended;
        self.highest = extended;
        self.set(extended);
        self.unique += 1;
        Arrival::New { extended, gap_start: extended }
    }

    fn is_set(&self, extended: u64) -> bool {
        self.received[word(extended)] & bit(extended) != 0
    }

    fn set(&mut self, extended: u64) {
        self.received[word(extended)] |= bit(extended);
    }

    fn clear(&mut self, extended: u64) {
        self.received[word(extended)] &= !bit(extended);
    }
}

fn word(extended: u64) -> usize {
    (extended % WINDOW / 64) as usize
}

fn bit(extended: u64) -> u64 {
    1 << (extended % 64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn counts_across_the_wrap() {
        let mut stream = Sequence::new();
        for n in 0..200_000_u32 {
            stream.insert((n + 65_000) as u16);
        }
        assert_eq!((stream.expected(), stream.unique()), (200_000, 200_000));
    }

    #[test]
    fn tells_gaps_repairs_and_duplicates_apart() {
        let mut stream = Sequence::new();
        let first = ORIGIN + 10;
        assert_eq!(stream.insert(10), Arrival::New { extended: first, gap_start: first });
        assert_eq!(stream.insert(13), Arrival::New { extended: first + 3, gap_start: first + 1 });
        assert_eq!(stream.insert(11), Arrival::Filled { extended: first + 1 });
        assert_eq!(stream.repair(12), Arrival::Filled { extended: first + 2 });
        assert_eq!(stream.repair(12), Arrival::Duplicate);
        assert_eq!(stream.insert(13), Arrival::Duplicate);
        assert_eq!(stream.insert(9), Arrival::Outside);
        assert_eq!(stream.repair(14), Arrival::Outside);
        assert_eq!((stream.expected(), stream.unique()), (4, 4));
    }

    #[test]
    fn a_restarted_sender_is_no_loss() {
        let mut stream = Sequence::new();
        stream.insert(1);
        stream.insert(2);
        assert_eq!(stream.insert(20_000), Arrival::Outside);
        assert!(matches!(stream.insert(20_001), Arrival::New { .. }));
        assert_eq!((stream.expected(), stream.unique()), (3, 3));
    }

    #[test]
    fn nothing_newer_counts_after_the_end() {
        let mut stream = Sequence::new();
        stream.insert(1);
        stream.insert(3);
        stream.finish();
        assert_eq!(stream.insert(4), Arrival::Outside);
        assert!(matches!(stream.repair(2), Arrival::Filled { .. }));
        assert_eq!((stream.expected(), stream.unique()), (3, 3));
    }

    proptest! {
        /// Any order, loss and doubling within the window gives the same counts as a set would.
        #[test]
        fn agrees_with_a_set(
            start in any::<u16>(),
            steps in proptest::collection::vec((0..40_u16, any::<bool>()), 1..400),
        ) {
            let mut stream = Sequence::new();
            let mut model = std::collections::BTreeSet::new();
            stream.insert(start);
            model.insert(0_u64);
            let mut newest = 0_u64;
            for (step, back) in steps {
                let step = u64::from(step);
                let offset = if back { newest.saturating_sub(step) } else { newest + step };
                newest = newest.max(offset);
                stream.insert(start.wrapping_add(offset as u16));
                model.insert(offset);
            }
            prop_assert_eq!(stream.expected(), newest + 1);
            prop_assert_eq!(stream.unique(), model.len() as u64);
        }
    }
}
