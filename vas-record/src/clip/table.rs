//! What is known of the samples of a track, in the run-lengths of a `moov` (ISO/IEC 14496-12, section 8.6).

use mp4_atom::{CttsEntry, SttsEntry};

/// The samples of one track of a clip. A sample takes 4 bytes for its size, and 8 more where its duration or its
/// composition offset differs from that of the sample before.
#[derive(Debug, Default)]
pub(super) struct SampleTable {
    pub(super) durations: Vec<SttsEntry>,
    pub(super) offsets: Vec<CttsEntry>,
    pub(super) sizes: Vec<u32>,
    /// Numbers of the samples that decoding can start with, from 1.
    pub(super) sync: Vec<u32>,
    /// Decoding time and duration of the last sample, whose duration is only settled by the next.
    last: Option<(i64, u32)>,
    length: u64,
}

impl SampleTable {
    /// Adds a sample; a decoding time that does not rise is moved up. `dts`, `offset` (presentation less decoding
    /// time) and `duration` in ticks of the track.
    pub(super) fn push(&mut self, dts: i64, offset: i32, duration: u32, size: u32, key: bool) {
        let mut dts = dts;
        let mut offset = i64::from(offset);
        if let Some((last, _)) = self.last {
            let least = last.saturating_add(1);
            if dts < least {
                offset = offset.saturating_sub(least.saturating_sub(dts));
                dts = least;
            }
            self.settle(u32::try_from(dts.saturating_sub(last)).unwrap_or(u32::MAX));
        }
        match self.offsets.last_mut() {
            Some(run) if run.sample_offset == offset => run.sample_count += 1,
            _ => self.offsets.push(CttsEntry {
                sample_count: 1,
                sample_offset: offset.clamp(i32::MIN.into(), i32::MAX.into()),
            }),
        }
        self.sizes.push(size);
        if key {
            self.sync.push(self.count());
        }
        self.last = Some((dts, duration));
    }

    fn settle(&mut self, duration: u32) {
        match self.durations.last_mut() {
            Some(run) if run.sample_delta == duration => run.sample_count += 1,
            _ => self.durations.push(SttsEntry { sample_count: 1, sample_delta: duration }),
        }
        self.length += u64::from(duration);
    }

    /// Settles the last sample.
    pub(super) fn finish(&mut self) {
        if let Some((_, duration)) = self.last.take() {
            self.settle(duration);
        }
    }

    /// The samples one by one, once it is finished.
    pub(super) fn samples(&self) -> impl Iterator<Item = TableSample> {
        let durations = self.durations.iter().flat_map(|run| repeated(run.sample_delta, run.sample_count));
        let offsets = self.offsets.iter().flat_map(|run| repeated(run.sample_offset, run.sample_count));
        let mut sync = self.sync.iter().peekable();
        durations.zip(offsets).zip(&self.sizes).zip(1..).map(move |(((duration, offset), &size), number)| {
            TableSample { duration, offset, size, key: sync.next_if_eq(&&number).is_some() }
        })
    }

    /// Samples in it.
    pub(super) fn count(&self) -> u32 {
        u32::try_from(self.sizes.len()).unwrap_or(u32::MAX)
    }

    /// Ticks from the first sample to the end of the last that is settled.
    pub(super) const fn length(&self) -> u64 {
        self.length
    }

    /// Whether any sample is presented at another time than it is decoded.
    pub(super) fn is_reordered(&self) -> bool {
        self.offsets.iter().any(|run| run.sample_offset != 0)
    }

    /// Whether decoding can start with every sample.
    pub(super) fn all_sync(&self) -> bool {
        self.sync.len() == self.sizes.len()
    }
}

fn repeated<T: Copy>(value: T, count: u32) -> impl Iterator<Item = T> {
    (0..count).map(move |_| value)
}

/// A sample of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TableSample {
    pub(super) duration: u32,
    pub(super) offset: i64,
    pub(super) size: u32,
    pub(super) key: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_even_track_takes_four_bytes_a_sample() {
        let mut table = SampleTable::default();
        for n in 0..1_000 {
            table.push(n * 3_600, 7_200, 3_600, 500, n % 25 == 0);
        }
        table.finish();
        assert_eq!((table.count(), table.length()), (1_000, 3_600_000));
        assert_eq!((table.durations.len(), table.offsets.len(), table.sync.len()), (1, 1, 40));
        assert!(table.is_reordered() && !table.all_sync());
    }

    #[test]
    fn times_that_do_not_rise_keep_their_presentation() {
        let mut table = SampleTable::default();
        for dts in [0, 10, 10, 5] {
            table.push(dts, 20, 10, 1, true);
        }
        table.finish();
        let durations: Vec<_> =
            table.durations.iter().map(|run| (run.sample_count, run.sample_delta)).collect();
        assert_eq!(durations, [(1, 10), (2, 1), (1, 10)]);
        let offsets: Vec<_> = table.offsets.iter().map(|run| run.sample_offset).collect();
        assert_eq!(offsets, [20, 19, 13]);
    }
}
