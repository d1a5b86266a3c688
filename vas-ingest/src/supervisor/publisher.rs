//! Streams whose source comes by itself: it pushes to the hub on its own, and tells here how it does.

use super::status::Shared;
use crate::health::Picture;
use crate::session::Transport;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use vas_core::media::{AccessUnit, StreamDesc};
use vas_core::model::stream::{Reason, ReasonCode, StreamState};
use vas_core::{SharedClock, TaskScope};

/// The right to speak for the stream of a publisher's address ([`crate::Source::is_publisher`]): one for each session.
/// Once the stream is stopped, restarted or removed nothing that is told counts any more.
#[derive(Debug)]
pub struct PublisherFeed {
    shared: Arc<Shared>,
    generation: u64,
    task: TaskScope,
    clock: SharedClock,
    described: AtomicBool,
    live: AtomicBool,
}

impl PublisherFeed {
    pub(super) fn new(shared: Arc<Shared>, generation: u64, task: TaskScope, clock: SharedClock) -> Self {
        let (described, live) = (AtomicBool::new(false), AtomicBool::new(false));
        Self { shared, generation, task, clock, described, live }
    }

    /// The publisher is connected: its stream is READY.
    pub fn connected(&self) {
        self.shared.meter(&mut |meter| meter.begin_session());
        self.shared.transport(self.generation, Transport::Udp);
        self.report(StreamState::Ready, ReasonCode::Described, "a publisher is connected");
    }

    /// What the stream carries became known or changed.
    pub fn described(&self, desc: &Arc<StreamDesc>) {
        let changed = self.described.swap(true, Ordering::Relaxed);
        if let Some((_, format)) = desc.video() {
            self.shared.meter(&mut |meter| meter.format(format.width, format.height, changed));
        }
        self.shared.describe(self.generation, desc);
    }

    /// A unit arrived; with the first key picture the stream is LIVE.
    pub fn unit(&self, unit: &AccessUnit) {
        let (now, bytes, lost) = (self.clock.now(), unit.data.len(), unit.lost_before);
        if !unit.is_video() {
            self.shared.meter(&mut |meter| meter.sound(now, bytes, lost));
            return;
        }
        let picture = Picture {
            first_packet: now,
            complete: now,
            pts: unit.pts.as_secs_f64(),
            dts: unit.dts.as_secs_f64(),
            bytes,
            lost,
            key: unit.is_key(),
        };
        self.shared.meter(&mut |meter| meter.picture(&picture));
        if unit.is_key() && !self.live.swap(true, Ordering::Relaxed) {
            self.report(StreamState::Live, ReasonCode::KeyPicture, "the first key picture has arrived");
        }
    }

    /// The publisher ended its session in order: the stream waits for the next one.
    pub fn left(&self) {
        let text = "the publisher ended its session; the next one is waited for";
        self.report(StreamState::Initializing, ReasonCode::Disconnected, text);
    }

    /// The publisher failed: the stream is in ERROR until the next one comes.
    pub fn failed(&self, reason: Reason) {
        self.shared.report(self.generation, StreamState::Error, reason);
    }

    /// Completes when the stream is stopped, restarted or removed, which the publisher's session must not outlive.
    pub async fn withdrawn(&self) {
        self.task.cancelled().await;
    }

    fn report(&self, to: StreamState, code: ReasonCode, text: &str) {
        self.shared.report(self.generation, to, Reason::new(code, text));
    }
}

#[cfg(test)]
mod tests {
    use crate::{IngestConfig, Source, Supervisor};
    use vas_core::hub::StreamHub;
    use vas_core::model::stream::{Reason, ReasonCode, StreamState};
    use vas_core::testing::{key_picture, video_desc};
    use vas_core::{StreamId, SystemClock, TaskScope};

    fn supervised(url: &str) -> (Supervisor, StreamId) {
        let scope = TaskScope::new();
        let supervisor =
            Supervisor::new(StreamHub::default(), &scope, SystemClock::shared(), IngestConfig::default());
        let source = Source::parse(StreamId::random(), "phone", url).unwrap();
        let stream = source.stream;
        supervisor.start(source);
        (supervisor, stream)
    }

    #[tokio::test]
    async fn a_publisher_speaks_for_its_stream_until_that_is_stopped() {
        let (supervisor, stream) = supervised("whip://phone");
        let state = || supervisor.status(stream).unwrap().state;
        assert_eq!(state(), StreamState::Initializing);
        let feed = supervisor.publisher(stream).unwrap();
        feed.connected();
        assert_eq!(state(), StreamState::Ready);
        feed.described(&video_desc().into());
        feed.unit(&key_picture(0));
        let status = supervisor.status(stream).unwrap();
        assert_eq!((status.state, status.health.units, status.health.sessions), (StreamState::Live, 1, 1));
        assert!(status.desc.is_some() && status.health.width > 0);
        feed.left();
        let status = supervisor.status(stream).unwrap();
        assert_eq!((status.state, status.desc), (StreamState::Initializing, None));

        let next = supervisor.publisher(stream).unwrap();
        next.connected();
        next.failed(Reason::new(ReasonCode::NoMedia, "silent"));
        assert_eq!(state(), StreamState::Error);
        next.connected();
        assert_eq!(state(), StreamState::Ready);

        supervisor.stop(stream).await;
        next.withdrawn().await;
        next.unit(&key_picture(1));
        next.left();
        assert_eq!(state(), StreamState::Stopped);
        assert!(supervisor.publisher(stream).is_none());
    }

    #[tokio::test]
    async fn nobody_speaks_for_a_camera_that_is_connected_to() {
        let (supervisor, stream) = supervised("rtsp://127.0.0.1:9/1");
        assert!(supervisor.publisher(stream).is_none());
        supervisor.remove(stream).await;
    }
}
