//! Producers: streams of the hub, packetised once for all viewers.

use crate::error::ProduceError;
use crate::frame::{Frame, TICKS_PER_MS};
use crate::packetize::{Packets, packetize};
use crate::shard::{Command, FeedKey, Routes};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use vas_core::hub::{RecvError, StartAt, StreamHub, Subscription};
use vas_core::media::{AccessUnit, UnitKind};
use vas_core::{StreamId, TaskScope};

vas_core::uuid_id! {
    /// A producer.
    ProducerId
}

/// Frames that may wait for a shard; beyond, viewers go on at the next key picture.
const FEED_CAPACITY: usize = 512;
/// Requests of shards that may wait; a shard has few at a time.
const COMMANDS: usize = 1_024;
/// Bytes of the group kept for shards that join.
const MAX_GROUP_BYTES: usize = 16 << 20;

/// What shards ask of a producer.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ProducerCommand {
    /// Send frames to this shard.
    Attach { shard: usize, key: FeedKey },
    /// Send no more.
    Detach { shard: usize, key: FeedKey },
}

/// What is counted of a producer.
#[derive(Debug, Default)]
struct Counters {
    frames: AtomicU64,
    packets: AtomicU64,
    dropped_b: AtomicU64,
    reordered: AtomicU64,
    missed: AtomicU64,
    overflows: AtomicU64,
}

/// What a producer's handles, its task and the shards share.
#[derive(Debug)]
pub(crate) struct ProducerShared {
    pub(crate) id: ProducerId,
    commands: mpsc::Sender<ProducerCommand>,
    consumers: AtomicUsize,
    counters: Counters,
    closed: watch::Sender<bool>,
}

impl ProducerShared {
    pub(crate) fn command(&self, command: ProducerCommand) {
        if let Err(mpsc::error::TrySendError::Full(command)) = self.commands.try_send(command) {
            tracing::error!(producer = %self.id, ?command, "a producer does not keep up with its shards");
        }
    }

    pub(crate) fn is_closed(&self) -> bool {
        *self.closed.borrow()
    }

    pub(crate) fn consumer_added(&self) {
        self.consumers.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn consumer_removed(&self) {
        self.consumers.fetch_sub(1, Ordering::Relaxed);
    }

    /// A producer that no task feeds, for tests and benchmarks of what lies behind it.
    pub(crate) fn detached() -> Arc<Self> {
        Arc::new(Self::new(mpsc::channel(1).0))
    }

    fn new(commands: mpsc::Sender<ProducerCommand>) -> Self {
        Self {
            id: ProducerId::random(),
            commands,
            consumers: AtomicUsize::new(0),
            counters: Counters::default(),
            closed: watch::Sender::new(false),
        }
    }
}

/// Figures of a producer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProducerStats {
    /// Consumers now, connected or not.
    pub consumers: usize,
    /// Frames packetised. A producer without viewers packetises none.
    pub frames: u64,
    /// Packets they made.
    pub packets: u64,
    /// B pictures left out, which browsers can't play over WebRTC.
    pub dropped_b: u64,
    /// Pictures whose presentation runs backwards although they can't be left out: other pictures refer to them.
    /// Such a stream does not play well over WebRTC; the camera's B pictures should be switched off.
    pub reordered: u64,
    /// Units that the producer missed because it fell behind.
    pub missed: u64,
    /// Times that a shard fell so far behind that its viewers had to start anew.
    pub overflows: u64,
}

/// A stream that viewers can consume. Dropping the last handle ends it and all its consumers.
#[derive(Clone)]
#[must_use = "a producer ends when its last handle is dropped"]
pub struct Producer {
    inner: Arc<Inner>,
}

struct Inner {
    stream: StreamId,
    hub: StreamHub,
    shared: Arc<ProducerShared>,
    cancel: CancellationToken,
}

impl fmt::Debug for Producer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Producer")
            .field("id", &self.id())
            .field("stream", &self.stream())
            .finish_non_exhaustive()
    }
}

impl Producer {
    /// Starts the task that serves viewers of `stream`.
    pub(crate) fn start(
        hub: &StreamHub,
        stream: StreamId,
        routes: &Arc<Routes>,
        scope: &TaskScope,
    ) -> Result<Self, ProduceError> {
        if scope.is_cancelled() {
            return Err(ProduceError::Closed);
        }
        // Only to learn whether the stream is there: nothing is read until somebody watches.
        drop(hub.subscribe(stream, StartAt::Next).map_err(|_| ProduceError::NotFound(stream))?);
        let (sender, commands) = mpsc::channel(COMMANDS);
        let shared = Arc::new(ProducerShared::new(sender));
        let cancel = CancellationToken::new();
        let task = Task {
            stream,
            hub: hub.clone(),
            routes: routes.clone(),
            shared: shared.clone(),
            commands,
            packets: Packets::default(),
            feeds: Vec::new(),
            group: Vec::new(),
            group_bytes: 0,
            next_index: 0,
            epoch: None,
            last: None,
            wait_for_key: true,
        };
        let (stop, scoped) = (cancel.clone(), scope.clone());
        scope.spawn("producer", async move {
            tokio::select! {
                () = task.run() => {}
                () = stop.cancelled() => {}
                () = scoped.cancelled() => {}
            }
        });
        Ok(Self { inner: Arc::new(Inner { stream, hub: hub.clone(), shared, cancel }) })
    }

    /// The producer's id.
    #[must_use]
    pub fn id(&self) -> ProducerId {
        self.inner.shared.id
    }

    /// The stream it produces.
    #[must_use]
    pub fn stream(&self) -> StreamId {
        self.inner.stream
    }

    pub(crate) fn shared(&self) -> &Arc<ProducerShared> {
        &self.inner.shared
    }

    pub(crate) fn hub(&self) -> &StreamHub {
        &self.inner.hub
    }

    /// Ends it and all its consumers.
    pub fn close(&self) {
        self.inner.cancel.cancel();
    }

    /// Whether it has ended.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.inner.shared.is_closed()
    }

    /// Completes when it has ended: closed, or its stream removed from the hub. Cancel-safe.
    pub async fn closed(&self) {
        let mut closed = self.inner.shared.closed.subscribe();
        // An error would mean that the sender is gone, which `self` holds.
        let _ = closed.wait_for(|closed| *closed).await;
    }

    /// Its figures.
    #[must_use]
    pub fn stats(&self) -> ProducerStats {
        let shared = &self.inner.shared;
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        ProducerStats {
            consumers: shared.consumers.load(Ordering::Relaxed),
            frames: read(&shared.counters.frames),
            packets: read(&shared.counters.packets),
            dropped_b: read(&shared.counters.dropped_b),
            reordered: read(&shared.counters.reordered),
            missed: read(&shared.counters.missed),
            overflows: read(&shared.counters.overflows),
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}

/// The way of frames to one shard.
struct Feed {
    shard: usize,
    key: FeedKey,
    frames: rtrb::Producer<Arc<Frame>>,
    /// The queue was full: nothing goes there until the next key picture.
    overflowed: bool,
}

/// The last picture's times, from which the next session's timestamps go on.
struct Last {
    timestamp: u32,
    received: vas_core::WallTime,
}

struct Task {
    stream: StreamId,
    hub: StreamHub,
    routes: Arc<Routes>,
    shared: Arc<ProducerShared>,
    commands: mpsc::Receiver<ProducerCommand>,
    packets: Packets,
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
    async fn run(mut self) {
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
                    Ok(unit) => {
                        if let Some(frame) = self.packetize(&unit) {
                            self.deliver(&frame);
                        }
                    }
                    Err(RecvError::Lagged { missed }) => self.fell_behind(missed),
                    Err(_) => return,
                },
            }
        }
    }

    fn obey(&mut self, command: ProducerCommand, subscription: &mut Option<Subscription>) {
        match command {
            ProducerCommand::Attach { shard, key } => {
                if subscription.is_none() {
                    let Ok(mut reading) = self.hub.subscribe(self.stream, StartAt::LastKey) else {
                        return self.refuse(shard, key);
                    };
                    self.wait_for_key = true;
                    // The cached group, at once.
                    while let Some(Ok(unit)) = reading.try_next() {
                        self.packetize(&unit);
                    }
                    *subscription = Some(reading);
                }
                self.attach(shard, key);
            }
            ProducerCommand::Detach { shard, key } => {
                self.feeds.retain(|feed| (feed.shard, feed.key) != (shard, key));
                if self.feeds.is_empty() {
                    *subscription = None;
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
            tracing::warn!(producer = %self.shared.id, shard, "a shard is too busy to take another stream");
            self.refuse(shard, key);
        }
    }

    /// Makes a frame of a picture and keeps it in the group; `None` for what does not go to viewers.
    fn packetize(&mut self, unit: &AccessUnit) -> Option<Arc<Frame>> {
        if !unit.is_video() {
            return None;
        }
        if self.epoch.is_some_and(|(epoch, _)| epoch != unit.epoch) && !unit.is_key() {
            // Pictures of a new session refer to nothing of the one before.
            self.wait_for_key = true;
            return None;
        }
        let key = unit.is_key();
        let shared = self.shared.clone();
        let counters = &shared.counters;
        if self.wait_for_key && !key {
            return None;
        }
        let reorders = unit.format.video().is_some_and(|video| video.max_reorder > 0);
        if reorders && unit.kind == (UnitKind::Delta { disposable: true }) {
            counters.dropped_b.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        let timestamp = self.timestamp(unit);
        let run = packetize(unit, &mut self.packets);
        if run.is_empty() {
            return None;
        }
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
        let frame = Arc::new(Frame { index, timestamp, captured: unit.captured, key, discontinuity, run });
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
        Some(frame)
    }

    fn drop_group(&mut self) {
        self.group.clear();
        self.group_bytes = 0;
    }

    fn fell_behind(&mut self, missed: u64) {
        self.shared.counters.missed.fetch_add(missed, Ordering::Relaxed);
        self.wait_for_key = true;
        self.drop_group();
    }

    /// The unit's presentation time on the producer's clock. When a source begins a new session, its times go on
    /// where the last one ended, as much later as passed meanwhile.
    fn timestamp(&mut self, unit: &AccessUnit) -> u32 {
        let pts = unit.pts.ticks() as u32;
        let offset = match self.epoch {
            Some((epoch, offset)) if epoch == unit.epoch => offset,
            _ => {
                let offset = self.last.as_ref().map_or(0, |last| {
                    let micros = unit.received.micros_since(last.received).clamp(0, 3_600_000_000) as u64;
                    let passed = (micros * u64::from(TICKS_PER_MS) / 1_000) as u32;
                    last.timestamp.wrapping_add(passed.max(1)).wrapping_sub(pts)
                });
                self.epoch = Some((unit.epoch, offset));
                offset
            }
        };
        pts.wrapping_add(offset)
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
            if let ProducerCommand::Attach { shard, key } = command {
                self.refuse(shard, key);
            }
        }
        for feed in &self.feeds {
            self.refuse(feed.shard, feed.key);
        }
    }
}
