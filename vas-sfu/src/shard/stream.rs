//! A shard's own ring of a producer's frames: the current group of pictures for viewers that join, and what was sent
//! of late for retransmission.

use crate::frame::Frame;
use std::collections::VecDeque;
use std::sync::Arc;

/// Frames kept before the current group, for retransmission: 1.6 s at 30 fps.
const FRAMES_BEFORE_GROUP: u64 = 48;
/// Bytes held at the most, payload and all.
const MAX_BYTES: usize = 24 << 20;
/// Frames held at the most.
const MAX_FRAMES: usize = 4_096;

/// Frames of one producer, oldest first, without gaps in their numbers.
#[derive(Debug, Default)]
pub(crate) struct FrameRing {
    frames: VecDeque<Arc<Frame>>,
    bytes: usize,
    /// Number of the current group's key picture.
    group: Option<u64>,
    /// RTP ticks between the last two frames.
    interval: u32,
}

/// Ticks between frames while nothing is known: 25 a second.
const DEFAULT_INTERVAL: u32 = 3_600;

impl FrameRing {
    /// Appends a frame and lets go what is not needed any more.
    pub(crate) fn push(&mut self, frame: Arc<Frame>) {
        if let Some(last) = self.frames.back() {
            let step = frame.timestamp.wrapping_sub(last.timestamp);
            // Steps of more than 2 s are gaps, not frame rates.
            if (1..180_000).contains(&step) {
                self.interval = step;
            }
            if frame.index != last.index + 1 {
                self.clear();
            }
        }
        if frame.key {
            self.group = Some(frame.index);
        } else if frame.discontinuity {
            self.group = None;
        }
        self.bytes += frame.size();
        let keep_from = self.group.unwrap_or(frame.index).saturating_sub(FRAMES_BEFORE_GROUP);
        self.frames.push_back(frame);
        while let Some(oldest) = self.frames.front()
            && self.frames.len() > 1
            && (oldest.index < keep_from || self.bytes > MAX_BYTES || self.frames.len() > MAX_FRAMES)
        {
            if self.group == Some(oldest.index) {
                // The group outgrew the bound: viewers start at the next key picture.
                self.group = None;
            }
            self.bytes -= oldest.size();
            self.frames.pop_front();
        }
    }

    fn clear(&mut self) {
        self.frames.clear();
        self.bytes = 0;
        self.group = None;
    }

    /// The current group of pictures, its key picture first; empty while none is held.
    pub(crate) fn group(&self) -> impl ExactSizeIterator<Item = &Arc<Frame>> {
        let first = self.frames.front().map_or(0, |frame| frame.index);
        let skip = self.group.map_or(self.frames.len(), |group| (group - first) as usize);
        self.frames.range(skip..)
    }

    /// The frame of this number, if it is still held.
    pub(crate) fn get(&self, index: u64) -> Option<&Arc<Frame>> {
        let first = self.frames.front()?.index;
        self.frames.get(usize::try_from(index.checked_sub(first)?).ok()?)
    }

    /// RTP ticks between frames.
    pub(crate) const fn interval(&self) -> u32 {
        if self.interval == 0 { DEFAULT_INTERVAL } else { self.interval }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::packetize::PacketRun;
    use vas_core::WallTime;

    /// A frame of `packets` payloads of `size` bytes, 40 ms after the one before.
    pub(crate) fn frame(index: u64, key: bool, packets: usize, size: usize) -> Arc<Frame> {
        let payloads: Vec<Vec<u8>> = (0..packets).map(|n| vec![(index as u8) ^ (n as u8); size]).collect();
        Arc::new(Frame {
            index,
            timestamp: (index as u32).wrapping_mul(3_600),
            captured: WallTime::from_unix_micros(index as i64 * 40_000),
            key,
            disposable: false,
            discontinuity: false,
            run: PacketRun::from_payloads(payloads.iter().map(Vec::as_slice)),
        })
    }

    #[test]
    fn holds_the_group_and_a_little_before() {
        let mut ring = FrameRing::default();
        for n in 0..1_000 {
            ring.push(frame(n, n % 100 == 0, 1, 100));
        }
        assert_eq!(ring.group().map(|f| f.index).collect::<Vec<_>>(), (900..1_000).collect::<Vec<_>>());
        assert!(ring.get(900 - FRAMES_BEFORE_GROUP).is_some());
        assert!(ring.get(900 - FRAMES_BEFORE_GROUP - 1).is_none());
        assert!(ring.get(1_000).is_none());
        assert_eq!(ring.interval(), 3_600);
    }

    #[test]
    fn a_group_beyond_the_bound_is_given_up() {
        let mut ring = FrameRing::default();
        ring.push(frame(0, true, 100, 1_000));
        for n in 1..400 {
            ring.push(frame(n, false, 100, 1_000));
        }
        assert!(ring.bytes <= MAX_BYTES);
        assert_eq!(ring.group().len(), 0);
        ring.push(frame(400, true, 1, 10));
        assert_eq!(ring.group().len(), 1);
    }
}
