//! The task of a layer: reads the hub, packetises once, feeds the shards that have viewers.

use super::encode::{Encoded, Encoder};
use super::layer::{LayerCommand, LayerShared};
use crate::frame::Frame;
use crate::shard::{Command, FeedKey, Routes};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::sync::mpsc;
use vas_core::hub::{RecvError, StreamHub, Subscription};
use vas_core::media::AccessUnit;
use vas_core::{StreamId, WallTime};

/// Frames that may wait for a shard; beyond, viewers go on at the next key picture.
const FEED_CAPACITY: usize = 512;
/// Bytes of the group kept for shards that join.
const MAX_GROUP_BYTES: usize = 16 << 20;
/// The longest pause between two sessions of a source that timestamps show, in microseconds.
const MAX_PAUSE_MICROS: i64 = 3_600_000_000;

/// The way of frames to one shard.
struct Feed {
    shard: usize,
    key: FeedKey,
    frames: rtrb::Producer<Arc<Frame>>,
    /// The queue was full: nothing goes there until the next key picture.
    overflowed: bool,
}

/// The last frame's times, from which the next session's timestamps go on.
struct Last {
    timestamp: u32,
    received: WallTime,
}

pub(super) struct Task {
    stream: StreamId,
    hub: StreamHub,
    routes: Arc<Routes>,
    shared: Arc<LayerShared>,
    commands: mpsc::Receiver<LayerCommand>,
    encoder: Encoder,
    encoded: Vec<Encoded>,
    feeds: Vec<Feed>,
    /// The current group of pictures, for shards that join.
    group: Vec<Arc<Frame>>,
    group_bytes: usize,
    next_index: u64,
    /// The source's session, and what is added to its times.
    epoch: Option<(u32, u32)>,
    last: Option<Last>,
    wait_for_key: bool,
}

impl Task {
    pub(super) fn new(
        hub: &StreamHub,
        stream: StreamId,
        routes: &Arc<Routes>,
        shared: &Arc<LayerShared>,
        commands: mpsc::Receiver<LayerCommand>,
    ) -> Self {
        Self {
            stream,
            hub: hub.clone(),
            routes: routes.clone(),
            shared: shared.clone(),
            commands,
            encoder: Encoder::new(shared.kind),
            encoded: Vec::new(),
            feeds: Vec::new(),
            group: Vec::new(),
            group_bytes: 0,
            next_index: 0,
            epoch: None,
            last: None,
            wait_for_key: true,
        }
    }

    pub(super) async fn run(mut self) {
        let mut subscription: Option<Subscription> = None;
        loop {
            let Some(reading) = &mut subscription else {
                // Nobody watches. The stream may still end.
                tokio::select! {
                    command = self.commands.recv() => {
                        let Some(command) = command else { return };
                        self.obey(command, &mut subscription);
                    }
                    () = self.hub.removed(self.stream) => return,
                }
                continue;
            };
            tokio::select! {
                biased;
                command = self.commands.recv() => {
                    let Some(command) = command else { return };
                    self.obey(command, &mut subscription);
                }
                unit = reading.next() => match unit {
                    Ok(unit) => self.take(&unit, true),
                    Err(RecvError::Lagged { missed }) => self.fell_behind(missed),
                    Err(_) => return,
                },
            }
        }
    }

    fn obey(&mut self, command: LayerCommand, subscription: &mut Option<Subscription>) {
        match command {
            LayerCommand::Attach { shard, key } => {
                if subscription.is_none() {
                    let Ok(mut reading) = self.hub.subscribe(self.stream, self.encoder.start_at()) else {
                        return self.refuse(shard, key);
                    };
                    self.wait_for_key = true;
                    // The cached group, at once.
                    while let Some(Ok(unit)) = reading.try_next() {
                        self.take(&unit, false);
                    }
                    *subscription = Some(reading);
                }
                self.attach(shard, key);
            }
            LayerCommand::Detach { shard, key } => {
                self.feeds.retain(|feed| (feed.shard, feed.key) != (shard, key));
                if self.feeds.is_empty() {
                    *subscription = None;
                    self.encoder.reset();
                    self.drop_group();
                }
            }
        }
    }

    /// Tells a shard that it gets nothing.
    fn refuse(&self, shard: usize, key: FeedKey) {
        if let Some(handle) = self.routes.shard(shard) {
            let _ = handle.send(Command::FeedEnded(key));
        }
    }

    fn attach(&mut self, shard: usize, key: FeedKey) {
        let Some(handle) = self.routes.shard(shard) else { return };
        let (frames, reader) = rtrb::RingBuffer::new(FEED_CAPACITY);
        if handle.send(Command::Feed { key, frames: reader, group: self.group.clone() }).is_ok() {
            self.feeds.push(Feed { shard, key, frames, overflowed: false });
        } else {
            tracing::warn!(layer = %self.shared.id, shard, "a shard is too busy to take another stream");
            self.refuse(shard, key);
        }
    }

    /// Makes frames of a unit, keeps them in the group and hands them to the shards.
    fn take(&mut self, unit: &AccessUnit, deliver: bool) {
        if !self.encoder.wants(unit) {
            return;
        }
        if self.epoch.is_some_and(|(epoch, _)| epoch != unit.epoch) && !self.encoder.can_start_at(unit) {
            // Pictures of a new session refer to nothing of the one before.
            self.wait_for_key = true;
            return;
        }
        if self.wait_for_key && !self.encoder.can_start_at(unit) {
            return;
        }
        let mut encoded = std::mem::take(&mut self.encoded);
        self.encoder.encode(unit, &self.shared.counters, &mut encoded);
        for encoded in encoded.drain(..) {
            let frame = self.frame(unit, encoded);
            if deliver {
                self.deliver(&frame);
            }
        }
        self.encoded = encoded;
    }

    fn frame(&mut self, unit: &AccessUnit, encoded: Encoded) -> Arc<Frame> {
        let Encoded { time, captured, key, disposable, run } = encoded;
        let timestamp = self.timestamp(unit, time);
        let counters = &self.shared.counters;
        if let Some(last) = &self.last
            && !key
            && (timestamp.wrapping_sub(last.timestamp) as i32) < 0
        {
            counters.reordered.fetch_add(1, Ordering::Relaxed);
        }
        let discontinuity = std::mem::replace(&mut self.wait_for_key, false);
        counters.frames.fetch_add(1, Ordering::Relaxed);
        counters.packets.fetch_add(run.len() as u64, Ordering::Relaxed);
        let index = self.next_index;
        self.next_index += 1;
        self.last = Some(Last { timestamp, received: unit.received });
        let frame = Arc::new(Frame { index, timestamp, captured, key, disposable, discontinuity, run });
        if key {
            self.drop_group();
        }
        if key || !self.group.is_empty() {
            self.group_bytes += frame.size();
            self.group.push(frame.clone());
            if self.group_bytes > MAX_GROUP_BYTES {
                self.drop_group();
            }
        }
        frame
    }

    fn drop_group(&mut self) {
        self.group.clear();
        self.group_bytes = 0;
    }

    fn fell_behind(&mut self, missed: u64) {
        self.shared.counters.missed.fetch_add(missed, Ordering::Relaxed);
        self.wait_for_key = true;
        self.encoder.reset();
        self.drop_group();
    }

    /// A frame's time on the layer's clock. When a source begins a new session, its times go on where the last one
    /// ended, as much later as passed meanwhile.
    fn timestamp(&mut self, unit: &AccessUnit, time: u32) -> u32 {
        if self.encoder.is_continuous() {
            self.epoch = Some((unit.epoch, 0));
            return time;
        }
        let offset = match self.epoch {
            Some((epoch, offset)) if epoch == unit.epoch => offset,
            _ => {
                let rate = u64::from(self.encoder.clock_rate());
                let offset = self.last.as_ref().map_or(0, |last| {
                    let micros = unit.received.micros_since(last.received).clamp(0, MAX_PAUSE_MICROS) as u64;
                    let passed = (micros * rate / 1_000_000) as u32;
                    last.timestamp.wrapping_add(passed.max(1)).wrapping_sub(time)
                });
                self.epoch = Some((unit.epoch, offset));
                offset
            }
        };
        time.wrapping_add(offset)
    }

    fn deliver(&mut self, frame: &Arc<Frame>) {
        let counters = &self.shared.counters;
        for feed in &mut self.feeds {
            if feed.overflowed && !frame.key {
                continue;
            }
            feed.overflowed = feed.frames.push(frame.clone()).is_err();
            if feed.overflowed {
                counters.overflows.fetch_add(1, Ordering::Relaxed);
            } else if let Some(shard) = self.routes.shard(feed.shard) {
                shard.frames_ready(feed.key);
            }
        }
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        // First, so that a shard which asks from now on sees it; those that asked before are told.
        self.shared.closed.send_replace(true);
        self.commands.close();
        while let Ok(command) = self.commands.try_recv() {
            if let LayerCommand::Attach { shard, key } = command {
                self.refuse(shard, key);
            }
        }
        for feed in &self.feeds {
            self.refuse(feed.shard, feed.key);
        }
    }
}
