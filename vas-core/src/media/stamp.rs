//! What makes an access unit of a track's payload: its place in time, and what was lost before it.

use super::capture::CaptureClock;
use super::timeline::Timeline;
use super::{AccessUnit, TrackFormat, UnitKind};
use crate::id::TrackId;
use crate::time::{MediaTime, WallTime};
use bytes::Bytes;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Instant;

/// Stamps the payloads of one track as they come from a source.
#[derive(Debug)]
pub struct UnitStamper {
    track: TrackId,
    rate: NonZeroU32,
    timeline: Timeline,
    capture: CaptureClock,
    /// Packets lost since the last unit.
    lost: u32,
}

impl UnitStamper {
    /// For a track whose media clock ticks `rate` times a second, before anything has arrived.
    #[must_use]
    pub fn new(track: TrackId, rate: NonZeroU32) -> Self {
        Self { track, rate, timeline: Timeline::new(rate), capture: CaptureClock::new(rate), lost: 0 }
    }

    /// The track.
    #[must_use]
    pub const fn track(&self) -> TrackId {
        self.track
    }

    /// Takes a sender report (RFC 3550, section 6.4.1): the unwrapped timestamp `ticks` was `ntp`, in the 64 bits of an
    /// NTP timestamp, on the source's clock.
    pub fn report(&mut self, ticks: i64, ntp: u64) {
        self.capture.report(self.timeline.locate(ticks), ntp);
    }

    /// So many packets are lost; the next unit tells.
    pub const fn lose(&mut self, packets: u32) {
        self.lost = self.lost.saturating_add(packets);
    }

    /// The media time of the unwrapped timestamp `ticks` of what arrived at `received`, without the jumps of the
    /// source's clock.
    pub fn place(&mut self, ticks: i64, received: Instant) -> i64 {
        self.timeline.place(ticks, received)
    }

    /// Jumps of the source's clock that were passed over so far.
    #[must_use]
    pub const fn jumps(&self) -> u64 {
        self.timeline.jumps()
    }

    /// How fast the source's media clock runs against this machine's, in parts per million; `None` until known.
    #[must_use]
    pub fn drift_ppm(&self) -> Option<f64> {
        self.capture.drift_ppm()
    }

    /// A unit that arrived at `received`, to be shown and decoded at these media times, which [`Self::place`] gave.
    pub fn unit(
        &mut self,
        kind: UnitKind,
        [pts, dts]: [i64; 2],
        received: WallTime,
        format: Arc<TrackFormat>,
        data: Bytes,
    ) -> AccessUnit {
        AccessUnit {
            track: self.track,
            seq: 0,
            epoch: 0,
            pts: MediaTime::new(pts, self.rate),
            dts: MediaTime::new(dts, self.rate),
            received,
            captured: self.capture.captured(pts, received),
            kind,
            lost_before: std::mem::take(&mut self.lost),
            format,
            data,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::AudioFormat;
    use std::time::Duration;

    #[test]
    fn a_unit_tells_its_times_and_what_was_lost_before_it() {
        let rate = NonZeroU32::new(48_000).unwrap();
        let mut stamper = UnitStamper::new(TrackId(1), rate);
        let (start, wall) = (Instant::now(), WallTime::from_unix_micros(1_700_000_000_000_000));
        let format = Arc::new(TrackFormat::Audio(AudioFormat::opus(2)));
        stamper.report(0, wall.add_micros(-30_000).to_ntp());
        let unit = |stamper: &mut UnitStamper, n: i64| {
            let pts = stamper.place(n * 960, start + Duration::from_millis(20 * n.unsigned_abs()));
            let received = wall.add_micros(n * 20_000);
            (stamper.unit(UnitKind::Audio, [pts, pts], received, format.clone(), Bytes::new()), received)
        };
        stamper.lose(2);
        stamper.lose(u32::MAX);
        for n in 0..100 {
            let (unit, received) = unit(&mut stamper, n);
            assert_eq!(
                (unit.track, unit.pts, unit.dts),
                (TrackId(1), MediaTime::new(n * 960, rate), unit.pts)
            );
            assert_eq!(unit.lost_before, if n == 0 { u32::MAX } else { 0 });
            assert!((received.micros_since(unit.captured) - 30_000).abs() < 100, "{unit:?}");
        }
        // The source's clock starts over; media time goes on.
        let place = stamper.place(0, start + Duration::from_millis(2_000));
        assert!((place - 100 * 960).abs() < 10, "{place}");
        assert_eq!(stamper.jumps(), 1);
    }
}
