//! Which layer of each consumer a connection's estimate allows, and how much of it.
//!
//! Everybody gets the lowest layer first, then the rest goes upwards in rounds. Down goes at once, for a queue that
//! grows hurts all consumers of the connection; up goes slowly, and slower each time it was a mistake. Where even the
//! lowest layers don't fit, pictures are left out: those that no other refers to, then all but key pictures.

use std::time::{Duration, Instant};

/// Layers of a consumer that are looked at.
pub(crate) const MAX_LAYERS: usize = 8;
/// What a layer takes beyond its rate before it is switched up to, in percent: rates are means, pictures are not.
const MARGIN_PERCENT: u64 = 120;
/// For how long more must fit before it is given; no time where a probe has confirmed it.
const HOLD: Duration = Duration::from_secs(2);
/// Between a change and giving more, at first and at most.
const INTERVAL: Duration = Duration::from_secs(5);
const MAX_INTERVAL: Duration = Duration::from_secs(60);
/// A fall so soon after more was given doubles the interval; more that stayed for so long makes it the first again.
const QUICK_FALL: Duration = Duration::from_secs(10);
const FORGIVEN: Duration = Duration::from_secs(30);
/// A probe may go out this time before its answer is of use.
const PROBE_AHEAD: Duration = Duration::from_secs(1);
/// Parts of the lowest layers' rates, in percent: below the first, pictures are left out that no other refers to;
/// below the second, all but key pictures.
const THIN_PERCENT: u64 = 90;
const KEYS_PERCENT: u64 = 45;
/// The same upwards: all pictures, and those that others refer to.
const FULL_PERCENT: u64 = 105;
const UNKEYS_PERCENT: u64 = 60;
/// From here on, in percent of what is to be given, there is no need to be careful.
const AMPLE_PERCENT: u64 = 200;
/// The same for a layer whose rate was not measured.
const AMPLE_UNMEASURED_PERCENT: u64 = 400;
/// For how long too little must fit before pictures are left out.
const PATIENCE: Duration = Duration::from_millis(500);
/// How long leaving out some pictures may take to end congestion before more are left out.
const EFFECT: Duration = Duration::from_secs(2);
/// Bits per second of a layer that was not measured: so many for a thousand pixels, or this where its size is not
/// known either.
const BITS_PER_KILOPIXEL: u64 = 2_500;
const UNKNOWN_BPS: u64 = 4_000_000;
/// No layer takes more.
const MAX_BPS: u64 = 1_000_000_000_000;

/// A layer of a consumer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct LayerRate {
    /// Measured bits per second with all headers; `None` while it is not known.
    pub(crate) bps: Option<u64>,
    /// Size in pixels; zero while it is not known.
    pub(crate) width: u32,
    pub(crate) height: u32,
    /// Whether it has pictures and the viewer can decode them.
    pub(crate) usable: bool,
}

impl LayerRate {
    /// Bits per second to reckon with.
    fn cost(&self) -> u64 {
        let pixels = u64::from(self.width) * u64::from(self.height);
        let guess = if pixels == 0 { UNKNOWN_BPS } else { pixels.saturating_mul(BITS_PER_KILOPIXEL) / 1_000 };
        self.bps.unwrap_or(guess).clamp(1, MAX_BPS)
    }

    const fn covers(&self, (width, height): (u32, u32)) -> bool {
        self.width >= width && self.height >= height
    }
}

/// Pictures that are left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Thinning {
    /// None.
    #[default]
    None,
    /// Those that no other picture refers to.
    NonReference,
    /// All but key pictures.
    KeysOnly,
}

/// What a consumer gets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Choice {
    /// The layer; `None`: nothing, for it is paused or no layer is usable.
    pub(crate) layer: Option<usize>,
    /// What is left out of it.
    pub(crate) thinning: Thinning,
}

/// When to give more again.
#[derive(Clone, Copy, Debug, Default)]
struct Caution {
    /// Since when more has fitted.
    fits_since: Option<Instant>,
    raised: Option<Instant>,
    changed: Option<Instant>,
    /// Less than the first interval: it has not fallen yet.
    interval: Duration,
}

impl Caution {
    /// More would fit; whether it is to be given now. `sure`: without waiting whether it goes on to fit; `ample`:
    /// whatever happened before.
    fn may_rise(&mut self, sure: bool, ample: bool, now: Instant) -> bool {
        let since = *self.fits_since.get_or_insert(now);
        if ample {
            self.interval = Duration::ZERO;
        }
        let rises =
            (sure || now.saturating_duration_since(since) >= HOLD) && self.has_waited(Duration::ZERO, now);
        if rises {
            *self = Self { raised: Some(now), changed: Some(now), fits_since: None, ..*self };
        }
        rises
    }

    /// Whether enough time has passed since the last change, or will have `ahead` of now.
    fn has_waited(&self, ahead: Duration, now: Instant) -> bool {
        let interval = self.interval.max(INTERVAL);
        self.changed.is_none_or(|at| now.saturating_duration_since(at) + ahead >= interval)
    }

    /// No more fits than is given.
    const fn stays(&mut self) {
        self.fits_since = None;
    }

    /// Less is given.
    fn falls(&mut self, now: Instant) {
        let stayed = self.raised.map(|at| now.saturating_duration_since(at));
        self.interval = match stayed {
            Some(stayed) if stayed < QUICK_FALL => (2 * self.interval.max(INTERVAL)).min(MAX_INTERVAL),
            Some(stayed) if stayed < FORGIVEN => self.interval,
            _ => INTERVAL,
        };
        *self = Self { raised: None, changed: Some(now), fits_since: None, ..*self };
    }
}

/// What is remembered of a consumer between two allocations; it stays with the consumer.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Steering {
    choice: Choice,
    layer: Caution,
    thinning: Caution,
    /// Since when less would have to be given, and since when there has been congestion.
    short_since: Option<Instant>,
    congested_since: Option<Instant>,
}

impl Steering {
    /// Of a consumer that begins with `layer`.
    pub(crate) fn beginning_with(layer: usize) -> Self {
        Self { choice: Choice { layer: Some(layer), thinning: Thinning::None }, ..Self::default() }
    }

    /// What the last allocation gave.
    pub(crate) const fn choice(&self) -> Choice {
        self.choice
    }

    /// Takes the layer of step `ideal`, or keeps the present one where going up has to wait.
    fn steer(&mut self, ladder: &mut Ladder, percent: u64, budget: Budget, now: Instant) {
        // What a size suggests may be far from what a layer takes, which is known soon.
        let measured = ladder.measured & 1 << ladder.at != 0;
        let ample = percent >= if measured { AMPLE_PERCENT } else { AMPLE_UNMEASURED_PERCENT };
        // Who has just come to a fast network needs no caution.
        let sure = (budget.probed && measured) || (ample && budget.measured && self.layer.changed.is_none());
        match ladder.current {
            Some(current) if ladder.at > current => {
                // Whole pictures of this layer come before another layer.
                let whole = self.choice.thinning == Thinning::None;
                if !whole || budget.congested || !self.layer.may_rise(sure, false, now) {
                    ladder.at = current;
                }
            }
            Some(current) if ladder.at < current => self.layer.falls(now),
            _ => self.layer.stays(),
        }
        self.choice.layer = ladder.steps().get(ladder.at).map(|step| step.1);
    }

    /// Decides what is left out, where the budget is `percent` of what the lowest layers take.
    fn thin(&mut self, percent: u64, budget: Budget, now: Instant) {
        let present = self.choice.thinning;
        let lasted = |since: Option<Instant>, time: Duration| {
            since.is_some_and(|at| now.saturating_duration_since(at) >= time)
        };
        let least = match percent {
            _ if !budget.measured => Thinning::None,
            ..KEYS_PERCENT => Thinning::KeysOnly,
            KEYS_PERCENT..THIN_PERCENT => Thinning::NonReference,
            _ => Thinning::None,
        };
        // An estimate that has just begun, or was mistaken, rises within a few pictures.
        self.short_since = (least > present).then(|| self.short_since.unwrap_or(now));
        // A key picture alone congests a slow network for a moment.
        self.congested_since = budget.congested.then(|| self.congested_since.unwrap_or(now));
        let in_vain = present == Thinning::NonReference
            && lasted(self.congested_since, EFFECT)
            && lasted(self.thinning.changed, EFFECT);
        if in_vain || lasted(self.short_since, PATIENCE) {
            self.choice.thinning = if in_vain { Thinning::KeysOnly } else { least };
            self.short_since = None;
            self.thinning.falls(now);
            return;
        }
        let (relief, needed) = match present {
            Thinning::None => return,
            Thinning::NonReference => (Thinning::None, FULL_PERCENT),
            Thinning::KeysOnly => (Thinning::NonReference, UNKEYS_PERCENT),
        };
        if percent < needed || budget.congested {
            self.thinning.stays();
        } else if self.thinning.may_rise(budget.probed, percent >= AMPLE_PERCENT, now) {
            self.choice.thinning = if percent >= FULL_PERCENT { Thinning::None } else { relief };
        }
    }
}

/// What there is to share.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Budget {
    /// Bits per second for video: the estimate less audio's share.
    pub(crate) bps: u64,
    /// Whether the estimate was measured; before, nothing is left out.
    pub(crate) measured: bool,
    /// Whether a probe has just confirmed it.
    pub(crate) probed: bool,
    /// Whether queues grow or packets are lost at the moment.
    pub(crate) congested: bool,
}

/// What a viewer wants of a consumer.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Wish {
    /// The size in pixels that it shows: nothing larger than the smallest layer that covers it is sent.
    pub(crate) size: Option<(u32, u32)>,
    pub(crate) paused: bool,
    /// The layer that it insists on.
    pub(crate) pinned: Option<usize>,
}

/// A consumer that wants its share.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Demand {
    ladder: Ladder,
    steering: Steering,
}

impl Demand {
    /// `layers` in any order; those after the eighth are not looked at.
    pub(crate) fn new(layers: &[LayerRate], wish: Wish, steering: Steering) -> Self {
        Self { ladder: Ladder::new(layers, wish, steering.choice.layer), steering }
    }

    /// What is to be remembered of the consumer, after an allocation with what it gave.
    pub(crate) const fn steering(&self) -> Steering {
        self.steering
    }
}

/// The layers that a demand may get, the lowest first, and what each costs.
#[derive(Clone, Copy, Debug)]
struct Ladder {
    steps: [(u64, usize); MAX_LAYERS],
    length: usize,
    /// The step reached in this allocation.
    at: usize,
    /// The step that is sent now.
    current: Option<usize>,
    /// A bit for each step whose rate was measured.
    measured: u8,
}

impl Ladder {
    fn new(layers: &[LayerRate], wish: Wish, current: Option<usize>) -> Self {
        let mut ladder = Self { steps: [(0, 0); MAX_LAYERS], length: 0, at: 0, current: None, measured: 0 };
        let usable =
            || layers.iter().enumerate().take(MAX_LAYERS).filter(|(_, layer)| layer.usable && !wish.paused);
        let pinned = wish.pinned.filter(|pinned| usable().any(|(index, _)| index == *pinned));
        let enough = wish.size.filter(|_| pinned.is_none()).and_then(|size| {
            usable().filter(|(_, layer)| layer.covers(size)).map(|(_, layer)| layer.cost()).min()
        });
        for (index, layer) in usable() {
            let cost = layer.cost();
            if pinned.is_none_or(|pinned| pinned == index) && enough.is_none_or(|enough| cost <= enough) {
                ladder.steps[ladder.length] = (cost, index);
                ladder.length += 1;
            }
        }
        ladder.steps[..ladder.length].sort_unstable();
        for (step, (_, layer)) in ladder.steps[..ladder.length].iter().enumerate() {
            ladder.measured |= u8::from(layers[*layer].bps.is_some()) << step;
        }
        ladder.current = ladder.steps().iter().position(|step| Some(step.1) == current);
        ladder
    }

    fn steps(&self) -> &[(u64, usize)] {
        &self.steps[..self.length]
    }

    /// Bits per second of the step reached.
    fn cost(&self) -> u64 {
        self.steps().get(self.at).map_or(0, |step| step.0)
    }

    /// Bits per second that the next step takes beyond this one; a margin more where it is higher than `sent`.
    fn next(&self, sent: Option<usize>) -> Option<u64> {
        let cost = self.steps().get(self.at + 1)?.0;
        let is_up = sent.is_some_and(|sent| self.at >= sent);
        let percent = if is_up { MARGIN_PERCENT } else { 100 };
        Some((cost * percent / 100).saturating_sub(self.cost()))
    }
}

/// Shares the budget among the consumers of a connection; call it every 100 ms or so, and when demands change. What
/// each gets is in the [`Steering::choice`] of its demand then. Returns the bits per second for video that would allow a consumer
/// more, where that is due and the budget is less: the sender may probe for it.
pub(crate) fn allocate(budget: Budget, demands: &mut [Demand], now: Instant) -> Option<u64> {
    let lowest: u64 = demands.iter().map(|demand| demand.ladder.cost()).sum();
    let percent = budget.bps.saturating_mul(100) / lowest.max(1);
    let mut left = budget.bps.saturating_sub(lowest);
    let mut rising = true;
    while rising {
        rising = false;
        for Demand { ladder, .. } in demands.iter_mut() {
            if let Some(extra) = ladder.next(ladder.current).filter(|extra| *extra <= left) {
                ladder.at += 1;
                left -= extra;
                rising = true;
            }
        }
    }
    let ideal: u64 = demands.iter().map(|demand| demand.ladder.cost()).sum();
    let times = budget.bps.saturating_mul(100) / ideal.max(1);
    for Demand { ladder, steering } in demands.iter_mut() {
        steering.steer(ladder, times, budget, now);
        steering.thin(percent, budget, now);
    }
    wanted(budget, lowest, demands, now)
}

/// The least that would give a consumer more.
fn wanted(budget: Budget, lowest: u64, demands: &[Demand], now: Instant) -> Option<u64> {
    let given: u64 = demands.iter().map(|demand| demand.ladder.cost()).sum();
    let due = |caution: &Caution| caution.has_waited(PROBE_AHEAD, now);
    let fuller = demands
        .iter()
        .any(|demand| demand.steering.choice.thinning > Thinning::None && due(&demand.steering.thinning))
        .then(|| lowest * (FULL_PERCENT + 5) / 100);
    let higher = demands
        .iter()
        .filter(|demand| due(&demand.steering.layer))
        .filter_map(|demand| demand.ladder.next(Some(demand.ladder.at)))
        .min()
        .map(|extra| given + extra);
    // Whole pictures for all come before more of them for one.
    fuller.or(higher).filter(|wanted| *wanted > budget.bps)
}

#[cfg(test)]
#[path = "layers_tests.rs"]
mod tests;
