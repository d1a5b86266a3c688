//! The recording of one layer of a device: hub to segmenter to files.

use super::config::{RecordMode, RecorderConfig};
use super::finisher::Message;
use super::pre_roll::PreRoll;
use super::spool::{Owner, Phase, Spool, SpoolFile, media_micros};
use super::status::JobStatus;
use crate::segment::{Chunk, Section};
use crate::segmenter::{Output, Segmenter};
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::{mpsc, watch};
use vas_core::hub::{RecvError, Subscription};
use vas_core::model::GapReason;
use vas_core::{SharedClock, WallTime};

/// What a job is told while it runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Wish {
    pub(super) mode: RecordMode,
    /// When the last event was.
    pub(super) event: Option<Instant>,
}

/// A job and what it works with.
pub(super) struct Job {
    pub(super) owner: Owner,
    pub(super) subscription: Subscription,
    pub(super) segmenter: Segmenter,
    pub(super) spool: Arc<Spool>,
    pub(super) messages: mpsc::Sender<Message>,
    pub(super) config: RecorderConfig,
    pub(super) clock: SharedClock,
    pub(super) status: Arc<JobStatus>,
    pub(super) wish: watch::Receiver<Wish>,
    /// Nothing is recorded before this: there is something already.
    pub(super) floor: Option<WallTime>,
    pub(super) state: JobState,
}

/// What a job remembers from chunk to chunk.
#[derive(Debug, Default)]
pub(super) struct JobState {
    file: Option<Arc<SpoolFile>>,
    /// Media time at which the file began.
    began: i64,
    /// Why media is missing before the next chunk, besides what the chunk itself says.
    gap: Option<GapReason>,
    /// Not before this is a file begun again, after a failure of the storage.
    retry: Option<Instant>,
    pre_roll: PreRoll,
    last_chunk: Option<Instant>,
}

impl Job {
    /// Records until the stream ends or `stop` completes, and ends the file then.
    pub(super) async fn run(mut self, stop: impl Future<Output = ()>) {
        let mut stop = std::pin::pin!(stop);
        let mut outputs = Vec::new();
        let mut ticks = tokio::time::interval(self.config.read);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = &mut stop => break,
            }
            let open = self.read(&mut outputs);
            for output in outputs.drain(..) {
                self.take(output);
            }
            self.end_in_silence();
            if !open {
                break;
            }
        }
        self.segmenter.flush(&mut outputs);
        for output in outputs {
            self.take(output);
        }
        self.end_file(None);
        self.status.idle();
    }

    /// Reads all units that are there. Tells whether more may come.
    fn read(&mut self, outputs: &mut Vec<Output>) -> bool {
        let mut desc = self.subscription.desc();
        while let Some(unit) = self.subscription.try_next() {
            match unit {
                Ok(unit) => {
                    if desc.is_none() {
                        desc = self.subscription.desc();
                    }
                    if let Some(desc) = &desc {
                        self.segmenter.push(&unit, desc, outputs);
                    }
                }
                Err(RecvError::Closed(_)) => return false,
                Err(RecvError::Lagged { missed }) => {
                    self.status.lagged(missed);
                    self.segmenter.lagged(missed);
                }
                Err(_) => return false,
            }
        }
        true
    }

    fn take(&mut self, output: Output) {
        match output {
            // The chunks name their section.
            Output::Section(_) => {}
            Output::Chunk(chunk) => {
                let now = self.clock.now();
                self.state.last_chunk = Some(now);
                if self.wanted(now) {
                    for earlier in self.state.pre_roll.drain() {
                        self.record(&earlier, now);
                    }
                    self.record(&chunk, now);
                } else {
                    self.keep_for_later(chunk);
                }
            }
        }
    }

    fn wanted(&self, now: Instant) -> bool {
        let wish = *self.wish.borrow();
        match wish.mode {
            RecordMode::Continuous => true,
            RecordMode::OnEvent { post, .. } => {
                wish.event.is_some_and(|event| now.saturating_duration_since(event) <= post)
            }
        }
    }

    fn keep_for_later(&mut self, chunk: Chunk) {
        if self.state.file.is_some() {
            self.end_file(None);
            self.status.idle();
        }
        self.state.gap = Some(GapReason::Started);
        if let RecordMode::OnEvent { pre, .. } = self.wish.borrow().mode {
            self.state.pre_roll.push(chunk, pre, self.config.max_pre_roll);
        }
    }

    /// Puts a chunk into the present file, or into a new one.
    fn record(&mut self, chunk: &Chunk, now: Instant) {
        self.give_up_what_failed(now);
        if self.must_end(chunk) {
            let continues = !chunk.gap.is_some_and(GapReason::is_loss)
                && self.state.file.as_ref().is_some_and(|file| file.section.run == chunk.section.run);
            self.end_file(continues.then_some(chunk.wall));
        }
        let mut gap = chunk.gap;
        if self.state.file.is_none() {
            if !chunk.key || self.state.retry.is_some_and(|retry| now < retry) {
                return;
            }
            gap = self.state.gap.take().or(gap);
            self.begin_file(chunk.section.clone(), self.place(chunk.wall));
            self.state.began = chunk.media;
        }
        let wall = self.place(chunk.wall);
        let Some(file) = &self.state.file else { return };
        let waiting = file.push(chunk, wall, gap);
        let total = self.spool.more_waits(chunk.data.len());
        self.status.recorded(chunk, wall.add_micros(media_micros(chunk.duration.into())));
        self.floor = Some(wall.add_micros(1));
        if waiting > self.config.max_pending || total > self.config.max_pending_total {
            let problem = "the disk does not keep up; recording goes on when it does".to_owned();
            file.fail(problem);
        }
    }

    /// Whether the present file ends before `chunk`.
    fn must_end(&self, chunk: &Chunk) -> bool {
        let Some(file) = &self.state.file else { return false };
        let length = media_micros(chunk.media.saturating_sub(self.state.began));
        let full = length >= i64::try_from(self.config.file.as_micros()).unwrap_or(i64::MAX);
        // Where a stream has no more key pictures its file goes on, but not for ever.
        let endless = length >= i64::try_from(self.config.file.as_micros() * 10).unwrap_or(i64::MAX);
        file.section.run != chunk.section.run
            || chunk.gap == Some(GapReason::ClockJump)
            || (chunk.key && full)
            || endless
    }

    /// A chunk's place in the recorded time: never before what is there already.
    fn place(&self, wall: WallTime) -> WallTime {
        self.floor.map_or(wall, |floor| wall.max(floor))
    }

    fn begin_file(&mut self, section: Arc<Section>, start: WallTime) {
        let file = Arc::new(SpoolFile::new(&self.owner, section, start));
        // The row is written beside the file; where that is not possible the file is found without it.
        if self.messages.try_send(Message::Opened(file.clone())).is_err() {
            tracing::warn!(device = %self.owner.device, "the index is far behind; a recording begins without its row");
        }
        self.spool.add(&file);
        self.state.file = Some(file);
        self.state.retry = None;
        self.status.begun(self.clock.wall());
    }

    /// Ends the present file. `next`: where the next one continues it.
    fn end_file(&mut self, next: Option<WallTime>) {
        if let Some(file) = self.state.file.take() {
            file.end(next);
            let end = file.head().span.end;
            self.floor =
                Some(self.floor.map_or(end, |floor| if next.is_some() { end } else { floor.max(end) }));
            self.spool.wake();
        }
    }

    /// A file that the flusher could not write is left behind; another is begun after a while.
    fn give_up_what_failed(&mut self, now: Instant) {
        let Some(file) = &self.state.file else { return };
        if let Some(problem) = file.failure() {
            self.status.failed(problem);
            self.state.gap = Some(GapReason::Storage);
            self.state.retry = Some(now + self.config.retry);
            self.state.file = None;
            self.spool.wake();
        } else if file.phase() != Phase::Open {
            self.state.file = None;
        }
    }

    /// A stream that has gone silent has its file closed, so that what there is can be seen.
    fn end_in_silence(&mut self) {
        let now = self.clock.now();
        let silent = |last: Instant| now.saturating_duration_since(last) >= self.config.silence;
        if self.state.file.is_some() && self.state.last_chunk.is_some_and(silent) {
            // What the segmenter still holds belongs to this file.
            let mut rest = Vec::new();
            self.segmenter.pause(&mut rest);
            rest.into_iter().for_each(|output| self.take(output));
            self.end_file(None);
            self.state.gap = Some(GapReason::Silence);
            self.status.idle();
        }
    }
}
