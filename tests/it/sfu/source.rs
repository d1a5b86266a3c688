//! A stream of pictures whose every byte is known from its session and number.

use anyhow::{Context, Result};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use vas_core::hub::{StreamHub, StreamWriter};
use vas_core::media::format::VIDEO_CLOCK;
use vas_core::media::{AccessUnit, KeyKind, StreamDesc, TrackFormat, UnitKind, VideoFormat, nal};
use vas_core::testing::video_desc;
use vas_core::{MediaTime, StreamId, SystemClock, TaskScope, TrackId};

/// RTP ticks from one picture to the next: 100 a second, whatever the pace they are pushed at.
pub(super) const STEP: u32 = 900;
/// Real time between two pictures of a [`Live`] source.
const PACE: Duration = Duration::from_millis(5);
/// SPS and PPS of x264 with two B pictures: High profile, 640x360, one picture of reordering.
const REORDERING: [&[u8]; 2] = [
    &[
        0x67, 0x64, 0x00, 0x1e, 0xac, 0xd9, 0x40, 0xa0, 0x2f, 0xf9, 0x70, 0x11, 0x00, 0x00, 0x03, 0x00, 0x01,
        0x00, 0x00, 0x03, 0x00, 0x32, 0x0f, 0x16, 0x2d, 0x96,
    ],
    &[0x68, 0xef, 0x8f, 0xcb],
];

/// What a source shows; a picture's bytes follow from this and its number.
#[derive(Clone, Debug)]
pub(super) struct Script {
    /// Part of every picture's bytes, so that two sessions of one stream differ.
    pub(super) session: u8,
    /// Pictures from one key picture to the next.
    pub(super) group: u64,
    /// Of every three pictures the last two are B pictures that nothing refers to.
    pub(super) b_pictures: bool,
    /// The codec's parameters.
    pub(super) format: Arc<TrackFormat>,
}

impl Script {
    /// Key and P pictures, in a format that does not reorder.
    pub(super) fn new(session: u8, group: u64) -> Self {
        let format = video_desc().tracks[0].format.clone();
        Self { session, group, b_pictures: false, format }
    }

    /// Adds B pictures, in a format that reorders or, wrongly for it, in one that does not.
    pub(super) fn with_b_pictures(mut self, reordering: bool) -> Result<Self> {
        self.b_pictures = true;
        if reordering {
            let format = VideoFormat::h264(REORDERING)?;
            anyhow::ensure!(format.max_reorder > 0, "{format:?}");
            self.format = Arc::new(TrackFormat::Video(format));
        }
        Ok(self)
    }

    fn kind(&self, n: u64) -> UnitKind {
        if n.is_multiple_of(self.group) {
            UnitKind::Key(KeyKind::Idr)
        } else {
            let b = self.b_pictures && !n.is_multiple_of(3);
            UnitKind::Delta { disposable: b, bipredictive: b }
        }
    }

    /// The slices of picture `n`, of sizes that need every form of the payload format.
    fn slices(&self, n: u64) -> Vec<Vec<u8>> {
        let (header, sizes): (u8, &[usize]) = match self.kind(n) {
            UnitKind::Key(_) => (0x65, &[9_000, 300]),
            UnitKind::Delta { disposable: true, .. } => (0x01, &[200]),
            // Alone, aggregated, fragmented, and as much as fits one packet.
            _ => (0x41, [&[60][..], &[100, 200, 300], &[2_500], &[1_180]][n as usize % 4]),
        };
        let slice = |(at, size): (usize, &usize)| {
            let mut bytes = vec![header, 0x80 | self.session];
            bytes.extend(n.to_be_bytes());
            let mut state = (n * 8 + at as u64) | 1;
            bytes.resize_with(*size, || {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (state >> 56) as u8
            });
            bytes
        };
        sizes.iter().enumerate().map(slice).collect()
    }

    /// The NAL units that a viewer gets for picture `n`: a key picture comes with the parameter sets.
    pub(super) fn expected(&self, n: u64) -> Vec<Vec<u8>> {
        let mut units = Vec::new();
        if let (UnitKind::Key(_), Some(format)) = (self.kind(n), self.format.video()) {
            units.extend(format.parameter_sets.iter().map(|set| set.to_vec()));
        }
        units.extend(self.slices(n));
        units
    }

    fn unit(&self, n: u64) -> AccessUnit {
        let pts = MediaTime::new(n as i64 * i64::from(STEP), VIDEO_CLOCK);
        let wall = SystemClock::shared().wall();
        AccessUnit {
            track: TrackId(0),
            seq: 0,
            epoch: 0,
            pts,
            dts: pts,
            received: wall,
            captured: wall,
            kind: self.kind(n),
            lost_before: 0,
            format: self.format.clone(),
            data: nal::join(self.slices(n).iter().map(Vec::as_slice)),
        }
    }
}

/// Session and number of the picture that these NAL units are of.
pub(super) fn identify(units: &[Vec<u8>]) -> Result<(u8, u64)> {
    let slice = units.last().context("a picture has a slice")?;
    let number = slice.get(2..10).context("a slice has its number")?;
    Ok((slice[1] & 0x7f, u64::from_be_bytes(number.try_into()?)))
}

/// A session of a stream, pushed picture by picture.
#[derive(Debug)]
pub(super) struct Source {
    writer: StreamWriter,
    script: Script,
    next: u64,
}

impl Source {
    /// Publishes the stream; the first picture will be number `first`.
    pub(super) fn publish(hub: &StreamHub, stream: StreamId, script: &Script, first: u64) -> Result<Self> {
        let track = vas_core::media::Track { id: TrackId(0), format: script.format.clone() };
        let writer = hub.publish(stream, StreamDesc { tracks: vec![track] })?;
        Ok(Self { writer, script: script.clone(), next: first })
    }

    /// Pushes the next `count` pictures at once.
    pub(super) fn push(&mut self, count: u64) {
        for n in self.next..self.next + count {
            self.writer.push(self.script.unit(n));
        }
        self.next += count;
    }

    /// Goes on at an even pace.
    pub(super) fn live(mut self, scope: &TaskScope) -> Live {
        let (stop, mut stopped) = oneshot::channel();
        let ended = scope.cancelled();
        let task = scope.spawn("source", async move {
            let mut pace = tokio::time::interval(PACE);
            let mut ended = std::pin::pin!(ended);
            loop {
                tokio::select! {
                    _ = &mut stopped => return,
                    () = &mut ended => return,
                    _ = pace.tick() => self.push(1),
                }
            }
        });
        Live { stop, task }
    }
}

/// A source that pushes by itself until it is stopped or dropped.
#[derive(Debug)]
pub(super) struct Live {
    stop: oneshot::Sender<()>,
    task: JoinHandle<Option<()>>,
}

impl Live {
    /// Ends the session as a camera's failure does: the stream stays in the hub.
    pub(super) async fn stop(self) -> Result<()> {
        drop(self.stop);
        self.task.await?;
        Ok(())
    }
}
