//! What an operator needs to say which camera is bad and why: figures over a sliding window, and counters.
//!
//! Counting a unit costs a few additions; nothing is allocated. The figures are computed when asked for.

use serde::Serialize;
use std::time::{Duration, Instant};

/// Length of a slot of the window.
const SLOT: Duration = Duration::from_millis(250);
/// Slots of the window: figures cover the last two seconds.
const SLOTS: usize = 8;
/// Payload that a packet carries, for the estimate of their number.
const PACKET_PAYLOAD: usize = 1_400;

/// The health of a stream's source.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Health {
    /// Pictures per second over the last two seconds.
    pub fps: f64,
    /// Payload of all tracks over the last two seconds, in kbit/s.
    pub bitrate_kbps: f64,
    /// Pictures and audio packets since the source was started.
    pub units: u64,
    /// RTP packets since then, estimated from the sizes of the units: they are joined before they are seen here.
    pub packets: u64,
    /// RTP packets lost since then, by the gaps in their sequence numbers.
    pub lost: u64,
    /// Share of packets lost over the last two seconds, 0 to 1.
    pub packet_loss: f64,
    /// Jitter of the pictures' arrival (RFC 3550, section A.8), in milliseconds.
    pub jitter_ms: f64,
    /// Media time between the last two key pictures, in seconds.
    pub keyframe_interval_s: Option<f64>,
    /// Time since the last picture, in milliseconds; `None` before the first one.
    pub last_frame_age_ms: Option<u64>,
    /// How fast the camera's media clock runs against this machine's, in parts per million; `None` until known.
    pub clock_drift_ppm: Option<f64>,
    /// Pictures have been sent in another order than they are shown.
    pub b_frames: bool,
    /// Width in pixels; 0 until known.
    pub width: u32,
    /// Height in pixels; 0 until known.
    pub height: u32,
    /// Changes of resolution or profile while a session ran.
    pub format_changes: u64,
    /// Malformed pieces of media that were dropped.
    pub garbage: u64,
    /// Leaps of the camera's media clock that were passed over.
    pub clock_jumps: u64,
    /// Sessions that have reached media, this one included.
    pub sessions: u64,
}

/// A picture, as far as its health counts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Picture {
    /// Arrival of its first packet.
    pub(crate) first_packet: Instant,
    /// Arrival of its last packet.
    pub(crate) complete: Instant,
    /// Presentation time in seconds.
    pub(crate) pts: f64,
    /// Decoding time in seconds.
    pub(crate) dts: f64,
    pub(crate) bytes: usize,
    pub(crate) lost: u32,
    pub(crate) key: bool,
}

#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    number: u64,
    pictures: u32,
    /// Arrival of the first and the last picture.
    span: Option<(Instant, Instant)>,
    bytes: u64,
    packets: u64,
    lost: u64,
}

/// Counts what arrives from one source.
#[derive(Debug)]
pub(crate) struct HealthMeter {
    origin: Instant,
    slots: [Slot; SLOTS],
    /// Counters and those figures that don't depend on the time of asking.
    health: Health,
    last_picture: Option<Instant>,
    /// Time between the last two pictures.
    last_interval: Option<Duration>,
    /// Transit of the last picture: arrival minus decoding time, in seconds.
    transit: Option<f64>,
    jitter: f64,
    highest_pts: f64,
    last_key: Option<f64>,
}

impl HealthMeter {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            origin: now,
            slots: [Slot::default(); SLOTS],
            health: Health::default(),
            last_picture: None,
            last_interval: None,
            transit: None,
            jitter: 0.0,
            highest_pts: f64::NEG_INFINITY,
            last_key: None,
        }
    }

    /// A new session: media times start over; counters go on.
    pub(crate) fn begin_session(&mut self) {
        self.transit = None;
        self.jitter = 0.0;
        self.highest_pts = f64::NEG_INFINITY;
        self.last_key = None;
        self.health.keyframe_interval_s = None;
        self.health.clock_drift_ppm = None;
        self.health.b_frames = false;
        self.health.sessions += 1;
    }

    /// The size of the pictures from here on; `changed`: it, or the profile, was another one in this session.
    pub(crate) const fn format(&mut self, width: u32, height: u32, changed: bool) {
        (self.health.width, self.health.height) = (width, height);
        self.health.format_changes += changed as u64;
    }

    pub(crate) const fn garbage(&mut self) {
        self.health.garbage += 1;
    }

    /// The clock of the video track: its drift and the leaps that it made since the last call.
    pub(crate) const fn clock(&mut self, drift_ppm: Option<f64>, jumps: u64) {
        self.health.clock_drift_ppm = drift_ppm;
        self.health.clock_jumps += jumps;
    }

    pub(crate) fn picture(&mut self, picture: &Picture) {
        let slot = self.count(picture.complete, picture.bytes, picture.lost);
        slot.pictures += 1;
        slot.span = Some((slot.span.map_or(picture.complete, |(first, _)| first), picture.complete));
        if let Some(before) = self.last_picture.replace(picture.complete) {
            self.last_interval = Some(picture.complete.saturating_duration_since(before));
        }

        // RFC 3550, section A.8, per picture: the packets of one share a timestamp and say nothing more.
        let transit = picture.first_packet.saturating_duration_since(self.origin).as_secs_f64() - picture.dts;
        if let Some(last) = self.transit.replace(transit) {
            self.jitter += ((transit - last).abs() - self.jitter) / 16.0;
        }
        if picture.pts < self.highest_pts {
            self.health.b_frames = true;
        }
        self.highest_pts = self.highest_pts.max(picture.pts);
        if picture.key
            && let Some(last) = self.last_key.replace(picture.pts)
        {
            self.health.keyframe_interval_s = Some(picture.pts - last);
        }
    }

    pub(crate) fn sound(&mut self, now: Instant, bytes: usize, lost: u32) {
        self.count(now, bytes, lost);
    }

    fn count(&mut self, now: Instant, bytes: usize, lost: u32) -> &mut Slot {
        let packets = bytes.div_ceil(PACKET_PAYLOAD) as u64;
        self.health.units += 1;
        self.health.packets += packets;
        self.health.lost += u64::from(lost);
        let number = self.slot_number(now);
        let slot = &mut self.slots[number as usize % SLOTS];
        if slot.number != number {
            *slot = Slot { number, ..Slot::default() };
        }
        slot.bytes += bytes as u64;
        slot.packets += packets;
        slot.lost += u64::from(lost);
        slot
    }

    fn slot_number(&self, at: Instant) -> u64 {
        // From one, so that an unused slot is never a present one.
        (at.saturating_duration_since(self.origin).as_millis() / SLOT.as_millis()) as u64 + SLOTS as u64
    }

    /// The rate of a camera that sends less than a picture a second: by its last interval, as long as the next picture
    /// is not long overdue.
    fn slow_fps(&self, now: Instant) -> f64 {
        let (Some(last), Some(interval)) = (self.last_picture, self.last_interval) else { return 0.0 };
        let waiting = now.saturating_duration_since(last);
        let slowest = interval.max(waiting).as_secs_f64();
        if waiting > 2 * interval || slowest == 0.0 { 0.0 } else { slowest.recip() }
    }

    /// The figures as of `now`.
    pub(crate) fn health(&self, now: Instant) -> Health {
        let newest = self.slot_number(now);
        let mut sum = Slot::default();
        for slot in
            self.slots.iter().filter(|slot| slot.number + SLOTS as u64 > newest && slot.number <= newest)
        {
            sum.pictures += slot.pictures;
            sum.bytes += slot.bytes;
            sum.packets += slot.packets;
            sum.lost += slot.lost;
            sum.span = match (sum.span, slot.span) {
                (Some((a, b)), Some((c, d))) => Some((a.min(c), b.max(d))),
                (one, other) => one.or(other),
            };
        }
        // The window begins with the oldest slot in it, or with the first unit ever.
        let begin = SLOT * (newest + 1).saturating_sub(2 * SLOTS as u64) as u32;
        let window = now.saturating_duration_since(self.origin).saturating_sub(begin).max(SLOT).as_secs_f64();
        let mut health = self.health.clone();
        health.fps = fps(sum.pictures, sum.span, now).unwrap_or_else(|| self.slow_fps(now));
        health.bitrate_kbps = sum.bytes as f64 * 8.0 / 1_000.0 / window;
        let sent = sum.packets + sum.lost;
        health.packet_loss = if sent == 0 { 0.0 } else { sum.lost as f64 / sent as f64 };
        health.jitter_ms = self.jitter * 1_000.0;
        health.last_frame_age_ms = self
            .last_picture
            .map(|at| u64::try_from(now.saturating_duration_since(at).as_millis()).unwrap_or(u64::MAX));
        health
    }
}

/// Intervals between pictures divided by their time; a picture that is overdue counts as time.
/// `None`: too few pictures to tell.
fn fps(pictures: u32, span: Option<(Instant, Instant)>, now: Instant) -> Option<f64> {
    let (Some((first, last)), 2..) = (span, pictures) else { return None };
    let intervals = f64::from(pictures - 1);
    let spanned = last.saturating_duration_since(first).as_secs_f64();
    let waiting = now.saturating_duration_since(last).as_secs_f64();
    let overdue = if waiting > 2.0 * spanned / intervals { waiting } else { 0.0 };
    let time = spanned + overdue;
    // Pictures that arrived in one go say nothing of their rate.
    Some(if time > 0.0 { intervals / time } else { 0.0 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn picture(start: Instant, at_ms: u64, pts: f64, key: bool) -> Picture {
        let complete = start + Duration::from_millis(at_ms);
        Picture { first_packet: complete, complete, pts, dts: pts, bytes: 5_000, lost: 0, key }
    }

    #[test]
    fn figures_of_a_steady_camera() {
        let start = Instant::now();
        let mut meter = HealthMeter::new(start);
        meter.begin_session();
        for n in 0..100 {
            meter.picture(&picture(start, n * 40, n as f64 * 0.04, n % 25 == 0));
        }
        let health = meter.health(start + Duration::from_millis(3_980));
        assert!((health.fps - 25.0).abs() < 0.01, "{}", health.fps);
        assert!((health.bitrate_kbps - 1_000.0).abs() < 30.0, "{}", health.bitrate_kbps);
        assert!(health.jitter_ms < 0.01 && health.packet_loss == 0.0 && !health.b_frames);
        assert_eq!(health.keyframe_interval_s, Some(1.0));
        assert_eq!((health.last_frame_age_ms, health.units, health.packets), (Some(20), 100, 400));
    }

    #[test]
    fn a_camera_that_stopped_loses_its_rates() {
        let start = Instant::now();
        let mut meter = HealthMeter::new(start);
        for n in 0..50 {
            meter.picture(&picture(start, n * 40, n as f64 * 0.04, false));
        }
        let after = |ms: u64| meter.health(start + Duration::from_millis(1_960 + ms));
        assert!(after(1_000).fps < 25.0);
        assert_eq!((after(2_500).fps, after(2_500).bitrate_kbps), (0.0, 0.0));
        assert_eq!(after(2_500).last_frame_age_ms, Some(2_500));
    }

    #[test]
    fn a_slow_camera_has_its_rate() {
        let start = Instant::now();
        let mut meter = HealthMeter::new(start);
        for n in 0..5 {
            meter.picture(&picture(start, n * 4_000, n as f64 * 4.0, true));
        }
        let fps = |ms: u64| meter.health(start + Duration::from_millis(16_000 + ms)).fps;
        assert_eq!([fps(100), fps(3_900), fps(5_000), fps(9_000)], [0.25, 0.25, 0.2, 0.0]);
    }

    #[test]
    fn loss_jitter_reordering_and_changes_are_seen() {
        let start = Instant::now();
        let mut meter = HealthMeter::new(start);
        meter.begin_session();
        for n in 0..200_u64 {
            let late = if n % 2 == 0 { 0 } else { 10 };
            let pts = [0.0, 0.12, 0.04, 0.08][n as usize % 4] + (n / 4) as f64 * 0.16;
            let one = picture(start, n * 40 + late, pts, false);
            meter.picture(&Picture { lost: u32::from(n % 10 == 0), dts: n as f64 * 0.04, ..one });
        }
        meter.format(1_280, 720, true);
        meter.garbage();
        let health = meter.health(start + Duration::from_millis(7_990));
        assert!((health.jitter_ms - 10.0).abs() < 0.5, "{}", health.jitter_ms);
        assert!((health.packet_loss - 1.0 / 41.0).abs() < 0.01, "{}", health.packet_loss);
        assert!(health.b_frames);
        assert_eq!((health.lost, health.width, health.format_changes, health.garbage), (20, 1_280, 1, 1));
    }

    proptest! {
        #[test]
        fn figures_are_always_finite(
            steps in proptest::collection::vec((0_u64..3_000, 0_usize..100_000, 0_u32..100, any::<bool>()), 0..60),
            ask in 0_u64..5_000,
        ) {
            let start = Instant::now();
            let mut meter = HealthMeter::new(start);
            let mut at = 0;
            for (step, bytes, lost, key) in steps {
                at += step;
                let one = picture(start, at, at as f64 / 1_000.0, key);
                meter.picture(&Picture { bytes, lost, ..one });
            }
            let health = meter.health(start + Duration::from_millis(ask));
            let figures = [health.fps, health.bitrate_kbps, health.packet_loss, health.jitter_ms];
            prop_assert!(figures.iter().all(|f| f.is_finite() && *f >= 0.0));
            prop_assert!(health.packet_loss <= 1.0);
        }
    }
}
