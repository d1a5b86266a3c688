//! Fakes for tests: small streams and a clock that is moved by hand.

pub mod bookmark;
pub mod index;
pub mod recording;
pub mod repo;
pub mod snapshot;
pub mod store;

use crate::clock::Clock;
use crate::id::TrackId;
use crate::media::format::VIDEO_CLOCK;
use crate::media::nal;
use crate::media::{
    AccessUnit, AudioCodec, AudioFormat, KeyKind, StreamDesc, TrackFormat, UnitKind, VideoFormat,
};
use crate::time::{MediaTime, WallTime};
use bytes::Bytes;
use parking_lot::Mutex;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// SPS of a constrained baseline stream, 640x360 at 25 fps, without reordering.
const SPS: &[u8] = &[
    0x67, 0x42, 0xc0, 0x1e, 0xd9, 0x00, 0xa0, 0x2f, 0xf9, 0x70, 0x11, 0x00, 0x00, 0x03, 0x00, 0x01, 0x00,
    0x00, 0x03, 0x00, 0x32, 0x0f, 0x16, 0x2e, 0x48,
];
const PPS: &[u8] = &[0x68, 0xcb, 0x83, 0xcb, 0x20];

/// Microseconds between two pictures of the streams made here.
const FRAME_MICROS: i64 = 40_000;

fn video_format() -> Arc<TrackFormat> {
    static FORMAT: OnceLock<Arc<TrackFormat>> = OnceLock::new();
    FORMAT
        .get_or_init(|| {
            Arc::new(TrackFormat::Video(VideoFormat::h264([SPS, PPS]).expect("the sets above are valid")))
        })
        .clone()
}

/// A stream of one H.264 track, 640x360 at 25 fps.
#[must_use]
pub fn video_desc() -> StreamDesc {
    StreamDesc { tracks: vec![crate::media::Track { id: TrackId(0), format: video_format() }] }
}

fn picture(n: u64, kind: UnitKind, slice: &'static [u8]) -> AccessUnit {
    let pts = MediaTime::new(n as i64 * 3_600, VIDEO_CLOCK);
    let wall = WallTime::from_unix_micros(1_700_000_000_000_000 + n as i64 * FRAME_MICROS);
    AccessUnit {
        track: TrackId(0),
        seq: 0,
        epoch: 0,
        pts,
        dts: pts,
        received: wall,
        captured: wall,
        kind,
        lost_before: 0,
        format: video_format(),
        data: nal::join([slice]),
    }
}

/// The `n`th picture of a stream, an IDR picture.
#[must_use]
pub fn key_picture(n: u64) -> AccessUnit {
    picture(n, UnitKind::Key(KeyKind::Idr), &[0x65, 0xb0, 0x11])
}

/// The `n`th picture of a stream, a P picture.
#[must_use]
pub fn delta_picture(n: u64) -> AccessUnit {
    picture(n, UnitKind::REFERENCE, &[0x41, 0xc0, 0x22])
}

/// The `n`th picture of a stream, a B picture that nothing refers to.
#[must_use]
pub fn disposable_picture(n: u64) -> AccessUnit {
    picture(n, UnitKind::Delta { disposable: true, bipredictive: true }, &[0x01, 0xa0, 0x33])
}

/// A packet of G.711 at the time of the `n`th picture, on track 1.
#[must_use]
pub fn audio_unit(n: u64) -> AccessUnit {
    let format = AudioFormat::g711(AudioCodec::Pcmu);
    let pts = MediaTime::new(n as i64 * 320, format.clock_rate);
    AccessUnit {
        track: TrackId(1),
        pts,
        dts: pts,
        kind: UnitKind::Audio,
        format: Arc::new(TrackFormat::Audio(format)),
        data: Bytes::from_static(&[0xff; 320]),
        ..key_picture(n)
    }
}

/// The unit with a payload of `size` bytes: for video one NAL unit of the same type when there is room for it.
#[must_use]
pub fn sized(mut unit: AccessUnit, size: usize) -> AccessUnit {
    unit.data = match unit.data.get(nal::LENGTH_SIZE) {
        Some(&header) if unit.is_video() && size > nal::LENGTH_SIZE + 2 => {
            let mut slice = vec![0x5a; size - nal::LENGTH_SIZE];
            (slice[0], slice[1]) = (header, unit.data[nal::LENGTH_SIZE + 1]);
            nal::join([slice.as_slice()])
        }
        _ => Bytes::from(vec![0; size]),
    };
    unit
}

/// A clock that stands still until it is moved.
#[derive(Debug)]
pub struct ManualClock {
    start: Instant,
    state: Mutex<(Duration, WallTime)>,
}

impl ManualClock {
    /// A clock whose wall time is `wall`.
    #[must_use]
    pub fn new(wall: WallTime) -> Self {
        Self { start: Instant::now(), state: Mutex::new((Duration::ZERO, wall)) }
    }

    /// Moves both clocks forward.
    pub fn advance(&self, by: Duration) {
        let mut state = self.state.lock();
        state.0 += by;
        state.1 = state.1.add_micros(i64::try_from(by.as_micros()).unwrap_or(i64::MAX));
    }

    /// Steps the wall clock alone, as an administrator or a time server may.
    pub fn step_wall(&self, micros: i64) {
        let mut state = self.state.lock();
        state.1 = state.1.add_micros(micros);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Instant {
        self.start + self.state.lock().0
    }

    fn wall(&self) -> WallTime {
        self.state.lock().1
    }
}
