//! What goes, and what stays: decided here without touching anything.

use std::collections::HashMap;
use std::time::Duration;
use vas_core::model::WallRange;
use vas_core::ports::store::Space;
use vas_core::ports::{LayerUsage, RecordingHead};
use vas_core::{DeviceId, WallTime};

/// The free space is never let below what is recorded in this time.
const MIN_INGEST: Duration = Duration::from_secs(3_600);

/// Limits on what is kept of one device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// What ended longer ago than this goes. `None`: age alone removes nothing.
    pub keep: Option<Duration>,
    /// Bytes of the device.
    pub bytes: Option<u64>,
    /// Of what ended longer ago than this only the key pictures are kept.
    pub thin_after: Option<Duration>,
}

/// Limits on what is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// Of each device, unless it has its own.
    pub each: Limits,
    /// Of these devices instead.
    pub devices: HashMap<DeviceId, Limits>,
    /// Bytes of all devices together.
    pub total_bytes: Option<u64>,
    /// Bytes that stay free on the disk, and never less than an hour of what is recorded at present.
    pub min_free: u64,
}

impl Policy {
    /// The limits of a device.
    #[must_use]
    pub fn of(&self, device: DeviceId) -> Limits {
        self.devices.get(&device).copied().unwrap_or(self.each)
    }

    /// Bytes that are to be free at the present rate of recording, in bytes per second.
    #[must_use]
    pub fn free_bytes(&self, rate: u64) -> u64 {
        self.min_free.max(rate.saturating_mul(MIN_INGEST.as_secs()))
    }
}

/// Stretches of time that nothing is removed from, by device.
#[derive(Clone, Debug, Default)]
pub struct Pins {
    by_device: HashMap<DeviceId, Vec<WallRange>>,
}

impl FromIterator<(DeviceId, WallRange)> for Pins {
    fn from_iter<T: IntoIterator<Item = (DeviceId, WallRange)>>(pins: T) -> Self {
        let mut by_device: HashMap<_, Vec<_>> = HashMap::new();
        for (device, range) in pins {
            by_device.entry(device).or_default().push(range);
        }
        Self { by_device }
    }
}

impl Pins {
    /// Whether any part of a recording is pinned.
    #[must_use]
    pub fn hold(&self, head: &RecordingHead) -> bool {
        self.by_device.get(&head.device).is_some_and(|pins| pins.iter().any(|pin| pin.overlaps(head.span)))
    }
}

/// What is known when a plan is made.
#[derive(Clone, Copy, Debug)]
pub struct Stock<'a> {
    /// The time.
    pub now: WallTime,
    /// What is stored.
    pub usage: &'a [LayerUsage],
    /// The room on the disk, where there is a limit.
    pub space: Option<Space>,
    /// Bytes recorded per second at present.
    pub rate: u64,
}

/// What is to become of a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It stays as it is, and so does every later one of the same walk.
    Enough,
    /// It stays as it is.
    Keep,
    /// It goes; or, of a [`ThinPlan`], all of it but its key pictures.
    Take,
}

/// Decides about the recordings of one device, the oldest first.
#[derive(Debug)]
pub struct DevicePlan<'a> {
    limits: Limits,
    pins: &'a Pins,
    now: WallTime,
    /// Bytes that the device has too many.
    excess: u64,
}

impl<'a> DevicePlan<'a> {
    /// The plan for a device; `None` when nothing of it can have to go.
    #[must_use]
    pub fn new(device: DeviceId, policy: &Policy, pins: &'a Pins, stock: &Stock<'_>) -> Option<Self> {
        let limits = policy.of(device);
        let usage = || stock.usage.iter().filter(|usage| usage.device == device);
        let bytes: u64 = usage().map(|usage| usage.bytes).sum();
        let oldest = usage().map(|usage| usage.span.start).min()?;
        let excess = limits.bytes.map_or(0, |limit| bytes.saturating_sub(limit));
        let due = excess > 0 || is_older(oldest, limits.keep, stock.now);
        due.then_some(Self { limits, pins, now: stock.now, excess })
    }

    /// What is to become of the next one.
    pub fn consider(&mut self, head: &RecordingHead) -> Verdict {
        if self.excess == 0 && !is_older(head.span.end, self.limits.keep, self.now) {
            return Verdict::Enough;
        }
        if self.pins.hold(head) {
            return Verdict::Keep;
        }
        self.excess = self.excess.saturating_sub(head.bytes);
        Verdict::Take
    }
}

/// Decides of which recordings of one device only the key pictures stay, the oldest first.
#[derive(Debug)]
pub struct ThinPlan<'a> {
    after: Duration,
    pins: &'a Pins,
    now: WallTime,
}

impl<'a> ThinPlan<'a> {
    /// The plan for a device; `None` when nothing of it is to be thinned.
    #[must_use]
    pub fn new(device: DeviceId, policy: &Policy, pins: &'a Pins, stock: &Stock<'_>) -> Option<Self> {
        Some(Self { after: policy.of(device).thin_after?, pins, now: stock.now })
    }

    /// What is to become of the next one.
    #[must_use]
    pub fn consider(&self, head: &RecordingHead) -> Verdict {
        match () {
            () if !is_older(head.span.end, Some(self.after), self.now) => Verdict::Enough,
            () if head.thinned || self.pins.hold(head) => Verdict::Keep,
            () => Verdict::Take,
        }
    }
}

/// Whether `time` lies further back than `age`; never, where there is none.
fn is_older(time: WallTime, age: Option<Duration>, now: WallTime) -> bool {
    age.is_some_and(|age| now.micros_since(time) > i64::try_from(age.as_micros()).unwrap_or(i64::MAX))
}

/// Decides about the recordings of all devices, the oldest first, where they are too many together.
#[derive(Debug)]
pub struct TotalPlan<'a> {
    pins: &'a Pins,
    excess: u64,
}

impl<'a> TotalPlan<'a> {
    /// The plan, after `freed` bytes went for other reasons; `None` when there is room.
    #[must_use]
    pub fn new(policy: &Policy, pins: &'a Pins, stock: &Stock<'_>, freed: u64) -> Option<Self> {
        let bytes: u64 = stock.usage.iter().map(|usage| usage.bytes).sum();
        let over = policy.total_bytes.map_or(0, |limit| bytes.saturating_sub(limit));
        let wanted = policy.free_bytes(stock.rate);
        // A disk smaller than what is to be free would be emptied for ever.
        let short = stock
            .space
            .filter(|space| space.total > wanted)
            .map_or(0, |space| wanted.saturating_sub(space.free));
        let excess = over.max(short).saturating_sub(freed);
        (excess > 0).then_some(Self { pins, excess })
    }

    /// What is to become of the next one.
    pub fn consider(&mut self, head: &RecordingHead) -> Verdict {
        if self.excess == 0 {
            return Verdict::Enough;
        }
        if self.pins.hold(head) {
            return Verdict::Keep;
        }
        self.excess = self.excess.saturating_sub(head.bytes);
        Verdict::Take
    }

    /// Bytes that are still too many: all of it is pinned.
    #[must_use]
    pub const fn excess(&self) -> u64 {
        self.excess
    }
}

/// How long the room lasts.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Forecast {
    /// Bytes recorded per second at present.
    pub bytes_per_second: u64,
    /// Bytes stored.
    pub bytes: u64,
    /// Bytes that may still be stored before the oldest have to go; `None`: no limit is known.
    pub bytes_left: Option<u64>,
    /// Days until then at the present rate; `None` where nothing is recorded or no limit is known.
    pub days_left: Option<f64>,
    /// Days of footage that there will be in the long run, by age or by room, whichever is less.
    pub days_kept: Option<f64>,
}

impl Forecast {
    /// What follows from the limits.
    #[must_use]
    pub fn new(policy: &Policy, stock: &Stock<'_>) -> Self {
        let bytes: u64 = stock.usage.iter().map(|usage| usage.bytes).sum();
        let by_total = policy.total_bytes.map(|limit| limit.saturating_sub(bytes));
        let by_space = stock.space.map(|space| space.free.saturating_sub(policy.free_bytes(stock.rate)));
        let bytes_left = by_total.into_iter().chain(by_space).min();
        let days = |bytes: u64| bytes as f64 / stock.rate as f64 / 86_400.0;
        let recording = stock.rate > 0;
        let by_room = bytes_left.filter(|_| recording).map(|left| days(bytes.saturating_add(left)));
        let by_age = policy.each.keep.map(|age| age.as_secs_f64() / 86_400.0);
        Self {
            bytes_per_second: stock.rate,
            bytes,
            bytes_left,
            days_left: bytes_left.filter(|_| recording).map(days),
            days_kept: [by_room, by_age].into_iter().flatten().reduce(f64::min),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use uuid::Uuid;
    use vas_core::RecordingId;

    const DAY: i64 = 86_400_000_000;
    const NOW: WallTime = WallTime::from_unix_micros(1_795_305_600_000_000);

    fn head(device: DeviceId, days_ago: i64, bytes: u64) -> RecordingHead {
        let start = NOW.add_micros(-days_ago * DAY);
        let span = WallRange::new(start, start.add_micros(60_000_000));
        let (id, run) = (RecordingId::random(), Uuid::nil());
        RecordingHead { id, device, layer: 0, run, span, bytes, thinned: false }
    }

    fn usage(heads: &[RecordingHead]) -> Vec<LayerUsage> {
        let mut all: HashMap<DeviceId, LayerUsage> = HashMap::new();
        for head in heads {
            let span = head.span;
            let new = LayerUsage { device: head.device, layer: 0, files: 0, bytes: 0, span };
            let usage = all.entry(head.device).or_insert(new);
            usage.files += 1;
            usage.bytes += head.bytes;
            usage.span = WallRange::new(usage.span.start.min(span.start), usage.span.end.max(span.end));
        }
        all.into_values().collect()
    }

    fn stock<'a>(usage: &'a [LayerUsage], space: Option<Space>) -> Stock<'a> {
        Stock { now: NOW, usage, space, rate: 0 }
    }

    #[test]
    fn age_quota_and_thinning_of_one_device() {
        let device = DeviceId::random();
        let heads: Vec<_> = (1..=10).rev().map(|days| head(device, days, 100)).collect();
        let days = |days: u64| Some(Duration::from_secs(days * 86_400));
        let each = Limits { keep: days(8), bytes: Some(600), thin_after: days(3) };
        let policy = Policy { each, ..Policy::default() };
        let pins: Pins = [(device, WallRange::new(heads[2].span.start, heads[2].span.start.add_micros(1)))]
            .into_iter()
            .collect();
        let usage = usage(&heads);
        let mut plan = DevicePlan::new(device, &policy, &pins, &stock(&usage, None)).unwrap();
        let verdicts: Vec<_> = heads.iter().map(|head| plan.consider(head)).collect();
        use Verdict::{Enough, Keep, Take};
        // Ten and nine days old: too old. Eight: pinned. Four of a hundred bytes go for the quota in all.
        assert_eq!(verdicts, [Take, Take, Keep, Take, Take, Enough, Enough, Enough, Enough, Enough]);
        let thin = ThinPlan::new(device, &policy, &pins, &stock(&usage, None)).unwrap();
        let verdicts: Vec<_> = heads[5..].iter().map(|head| thin.consider(head)).collect();
        assert_eq!(verdicts, [Take, Take, Enough, Enough, Enough]);
        let thinned = RecordingHead { thinned: true, ..heads[5].clone() };
        assert_eq!(thin.consider(&thinned), Keep);
    }

    #[test]
    fn the_oldest_of_all_go_when_the_disk_is_full() {
        let (a, b) = (DeviceId::random(), DeviceId::random());
        let heads = [head(a, 9, 100), head(b, 8, 100), head(a, 7, 100), head(b, 6, 100)];
        let policy = Policy { min_free: 250, ..Policy::default() };
        let pins: Pins = [(b, WallRange::new(heads[1].span.start, heads[1].span.end))].into_iter().collect();
        let usage = usage(&heads);
        let space = |free| Some(Space { free, total: 1_000 });
        let mut plan = TotalPlan::new(&policy, &pins, &stock(&usage, space(60)), 0).unwrap();
        let verdicts: Vec<_> = heads.iter().map(|head| plan.consider(head)).collect();
        assert_eq!(verdicts, [Verdict::Take, Verdict::Keep, Verdict::Take, Verdict::Enough]);
        assert!(TotalPlan::new(&policy, &pins, &stock(&usage, space(250)), 0).is_none());
        assert!(TotalPlan::new(&policy, &pins, &stock(&usage, space(60)), 190).is_none());
        // A disk that can never have so much free is used to its end.
        let tiny = Some(Space { free: 10, total: 200 });
        assert!(TotalPlan::new(&policy, &pins, &stock(&usage, tiny), 0).is_none());
    }

    #[test]
    fn an_hour_of_what_is_recorded_stays_free() {
        let policy = Policy { min_free: 1_000, ..Policy::default() };
        assert_eq!(policy.free_bytes(0), 1_000);
        assert_eq!(policy.free_bytes(10), 36_000);
    }

    #[test]
    fn the_forecast_counts_what_is_left() {
        let device = DeviceId::random();
        let heads = [head(device, 1, 86_400)];
        let usage = usage(&heads);
        let each = Limits { keep: Some(Duration::from_secs(7 * 86_400)), ..Limits::default() };
        let policy = Policy { each, total_bytes: Some(4 * 86_400), ..Policy::default() };
        let forecast = Forecast::new(&policy, &Stock { rate: 1, ..stock(&usage, None) });
        assert_eq!((forecast.days_left, forecast.days_kept), (Some(3.0), Some(4.0)));
        let idle = Forecast::new(&policy, &stock(&usage, None));
        assert_eq!((idle.days_left, idle.days_kept), (None, Some(7.0)));
    }

    proptest! {
        #[test]
        fn pinned_and_needless_deletions_never_happen(
            sizes in proptest::collection::vec(1_u64..1_000, 1..60),
            limit in 0_u64..20_000,
            pinned in proptest::collection::vec(0_usize..60, 0..10),
        ) {
            let device = DeviceId::random();
            let count = sizes.len() as i64;
            let heads: Vec<_> =
                sizes.iter().enumerate().map(|(n, &bytes)| head(device, count - n as i64, bytes)).collect();
            let pins: Pins =
                pinned.iter().filter_map(|&n| heads.get(n)).map(|head| (device, head.span)).collect();
            let each = Limits { bytes: Some(limit), ..Limits::default() };
            let policy = Policy { each, ..Policy::default() };
            let usage = usage(&heads);
            let total: u64 = sizes.iter().sum();
            let Some(mut plan) = DevicePlan::new(device, &policy, &pins, &stock(&usage, None)) else {
                prop_assert!(total <= limit);
                return Ok(());
            };
            let mut left = total;
            for head in &heads {
                let before = left;
                if plan.consider(head) == Verdict::Take {
                    prop_assert!(before > limit, "nothing goes while the quota holds");
                    prop_assert!(!pins.hold(head));
                    left -= head.bytes;
                }
            }
            let pinned: u64 = heads.iter().filter(|head| pins.hold(head)).map(|head| head.bytes).sum();
            prop_assert!(left <= limit.max(pinned));
        }
    }
}
