//! Retention: what is too old, too much or in the way of what is recorded now goes; what is bookmarked stays.
//!
//! The decisions are [`plan`]ned without touching anything; [`Retention`] carries them out, a few files at a time, in
//! the order that survives a crash: the row is marked, the file goes, the row goes.

pub mod plan;

use crate::library::{Library, LibraryError};
use crate::recorder::{Recorder, key_of_head};
use crate::thin;
use async_trait::async_trait;
use parking_lot::Mutex;
use plan::{DevicePlan, Forecast, Pins, Policy, Stock, ThinPlan, TotalPlan, Verdict};
use std::collections::{HashMap, HashSet};
use std::error::Error;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::{Duration, Instant};
use vas_core::model::WallRange;
use vas_core::ports::store::Space;
use vas_core::ports::{LayerUsage, RecordingHead};
use vas_core::{DeviceId, ErrorKind, HasKind, RecordingId, SharedClock, TaskScope, WallTime};

/// Heads that are looked at at a time.
const PAGE: u64 = 500;
/// Rows that are marked at a time.
const BATCH: usize = 100;
/// Files thinned in one round at most: it reads and writes them whole.
const MAX_THINNED: u64 = 200;

/// Why a round of retention did not do all that it was to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RetentionError {
    /// What is pinned is not known, so that nothing may go.
    #[error("what is bookmarked can't be read; nothing is removed")]
    Pins(#[source] Box<dyn Error + Send + Sync>),
    /// The index or the store failed.
    #[error(transparent)]
    Library(#[from] LibraryError),
}

impl HasKind for RetentionError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Pins(_) => ErrorKind::Unavailable,
            Self::Library(error) => error.kind(),
        }
    }
}

/// Who knows what must stay.
#[async_trait]
pub trait PinSource: Debug + Send + Sync + 'static {
    /// The stretches that must stay.
    async fn pins(&self) -> Result<Vec<(DeviceId, WallRange)>, Box<dyn Error + Send + Sync>>;
}

/// A place in the order of recordings.
type Place = (WallTime, RecordingId);

/// What a round did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Round {
    /// Files removed.
    pub deleted: u64,
    /// Files of which only the key pictures are left.
    pub thinned: u64,
    /// Bytes that are free again.
    pub freed: u64,
    /// Bytes that would have to go but are pinned.
    pub held: u64,
}

/// Carries retention out. `Clone` hands out the same.
#[derive(Clone, Debug)]
pub struct Retention {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    library: Library,
    recorder: Recorder,
    pins: Arc<dyn PinSource>,
    clock: SharedClock,
    state: Mutex<State>,
    /// One round at a time.
    round: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct State {
    policy: Policy,
    /// Recorded bytes when they were last looked at.
    measured: Option<(Instant, u64)>,
    /// Bytes per second.
    rate: u64,
    /// Up to where each device's recordings were gone through for thinning. What was pinned or damaged then is looked at
    /// again after a restart.
    thinned: HashMap<DeviceId, Place>,
}

impl Retention {
    /// Nothing happens yet: see [`Self::run_every`] and [`Self::round`].
    #[must_use]
    pub fn new(recorder: &Recorder, pins: Arc<dyn PinSource>, policy: Policy, clock: SharedClock) -> Self {
        let state = Mutex::new(State { policy, ..State::default() });
        let (library, recorder) = (recorder.library().clone(), recorder.clone());
        let round = tokio::sync::Mutex::default();
        Self { inner: Arc::new(Inner { library, recorder, pins, clock, state, round }) }
    }

    /// Does a round every `pause`, in `scope`, from now on.
    pub fn run_every(&self, pause: Duration, scope: &TaskScope) {
        let retention = self.clone();
        scope.spawn_until_cancelled("retention", async move {
            let mut ticks = tokio::time::interval(pause);
            ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            loop {
                ticks.tick().await;
                match retention.round().await {
                    Ok(round) if round != Round::default() => {
                        tracing::info!(
                            deleted = round.deleted,
                            thinned = round.thinned,
                            freed = round.freed,
                            held = round.held,
                            "retention"
                        );
                    }
                    Ok(_) => {}
                    Err(error) => tracing::warn!(%error, "retention"),
                }
            }
        });
    }

    /// The limits from now on.
    pub fn set_policy(&self, policy: Policy) {
        let mut state = self.inner.state.lock();
        // What was not due before may be now.
        state.thinned.clear();
        state.policy = policy;
    }

    /// Does all that is due now.
    ///
    /// # Errors
    /// The index or the store failed; what was done until then is done.
    pub async fn round(&self) -> Result<Round, RetentionError> {
        let _alone = self.inner.round.lock().await;
        let pins: Pins = self.inner.pins.pins().await.map_err(RetentionError::Pins)?.into_iter().collect();
        let (usage, space) = self.look().await?;
        let (policy, rate) = self.policy_and_rate();
        let stock = Stock { now: self.inner.clock.wall(), usage: &usage, space, rate };
        let mut round = Round::default();
        let devices: HashSet<_> = usage.iter().map(|usage| usage.device).collect();
        for &device in &devices {
            if let Some(mut plan) = DevicePlan::new(device, &policy, &pins, &stock) {
                self.delete_some(Some(device), stock.now, &mut round, |head| plan.consider(head)).await?;
            }
        }
        if let Some(mut plan) = TotalPlan::new(&policy, &pins, &stock, round.freed) {
            self.delete_some(None, stock.now, &mut round, |head| plan.consider(head)).await?;
            round.held = plan.excess();
        }
        for device in devices {
            if let Some(plan) = ThinPlan::new(device, &policy, &pins, &stock) {
                self.thin_some(device, stock.now, &mut round, &plan).await?;
            }
        }
        Ok(round)
    }

    /// How long the room lasts at the present rate.
    ///
    /// # Errors
    /// The index or the store failed.
    pub async fn forecast(&self) -> Result<Forecast, RetentionError> {
        let (usage, space) = self.look().await?;
        let (policy, rate) = self.policy_and_rate();
        Ok(Forecast::new(&policy, &Stock { now: self.inner.clock.wall(), usage: &usage, space, rate }))
    }

    /// Removes recordings, whether due or not. How many were there.
    ///
    /// # Errors
    /// The index or the store failed; what is marked by then is removed at the next start.
    pub async fn delete(&self, ids: &[RecordingId]) -> Result<u64, RetentionError> {
        let index = LibraryError::Index;
        let mut deleted = 0;
        for ids in ids.chunks(BATCH) {
            let marked = self.inner.library.repo().mark_deleting(ids).await.map_err(index)?;
            let mut gone = Vec::new();
            for head in &marked {
                if let Some(key) = key_of_head(head) {
                    self.inner.library.store().delete(&key).await.map_err(LibraryError::Store)?;
                }
                gone.push(head.id);
            }
            self.inner.library.repo().remove(&gone).await.map_err(index)?;
            deleted += gone.len() as u64;
        }
        Ok(deleted)
    }

    async fn look(&self) -> Result<(Vec<LayerUsage>, Option<Space>), RetentionError> {
        let usage = self.inner.library.repo().usage().await.map_err(LibraryError::Index)?;
        let space = self.inner.library.store().space().await.map_err(LibraryError::Store)?;
        Ok((usage, space))
    }

    /// The rate is that since the last look, smoothed.
    fn policy_and_rate(&self) -> (Policy, u64) {
        let (now, bytes) = (self.inner.clock.now(), self.inner.recorder.bytes_recorded());
        let mut state = self.inner.state.lock();
        match state.measured {
            Some((then, before)) => {
                let seconds = now.saturating_duration_since(then).as_secs();
                if seconds >= 5 {
                    let present = bytes.saturating_sub(before) / seconds;
                    state.rate = if state.rate == 0 { present } else { (state.rate * 3 + present) / 4 };
                    state.measured = Some((now, bytes));
                }
            }
            None => state.measured = Some((now, bytes)),
        }
        (state.policy.clone(), state.rate)
    }

    async fn page(
        &self,
        device: Option<DeviceId>,
        after: Option<Place>,
        before: WallTime,
    ) -> Result<Vec<RecordingHead>, RetentionError> {
        let oldest = self.inner.library.repo().oldest(device, after, before, PAGE);
        Ok(oldest.await.map_err(LibraryError::Index)?)
    }

    /// Goes through recordings, the oldest first, and removes what `consider` takes.
    async fn delete_some(
        &self,
        device: Option<DeviceId>,
        before: WallTime,
        round: &mut Round,
        mut consider: impl FnMut(&RecordingHead) -> Verdict,
    ) -> Result<(), RetentionError> {
        let mut after = None;
        loop {
            let page = self.page(device, after, before).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = Some((last.span.start, last.id));
            let mut enough = false;
            let mut doomed = Vec::new();
            for head in &page {
                match consider(head) {
                    Verdict::Enough => {
                        enough = true;
                        break;
                    }
                    Verdict::Keep => {}
                    Verdict::Take => doomed.push(head),
                }
            }
            let ids: Vec<_> = doomed.iter().map(|head| head.id).collect();
            round.deleted += self.delete(&ids).await?;
            round.freed += doomed.iter().map(|head| head.bytes).sum::<u64>();
            if enough {
                return Ok(());
            }
        }
    }

    /// Goes on through a device's recordings, and thins what the plan takes.
    async fn thin_some(
        &self,
        device: DeviceId,
        before: WallTime,
        round: &mut Round,
        plan: &ThinPlan<'_>,
    ) -> Result<(), RetentionError> {
        loop {
            let after = self.inner.state.lock().thinned.get(&device).copied();
            let page = self.page(Some(device), after, before).await?;
            if page.is_empty() {
                return Ok(());
            }
            for head in &page {
                match plan.consider(head) {
                    Verdict::Enough => return Ok(()),
                    Verdict::Keep => {}
                    Verdict::Take if round.thinned >= MAX_THINNED => return Ok(()),
                    Verdict::Take => self.thin(head, round).await?,
                }
                self.inner.state.lock().thinned.insert(device, (head.span.start, head.id));
            }
        }
    }

    async fn thin(&self, head: &RecordingHead, round: &mut Round) -> Result<(), RetentionError> {
        let library = &self.inner.library;
        let Some(recording) = library.get(head.id).await? else { return Ok(()) };
        match thin::thin(library, self.inner.recorder.spool_place(), &recording).await {
            Ok(thinned) => {
                round.thinned += 1;
                round.freed += head.bytes.saturating_sub(thinned.bytes);
            }
            Err(error) => tracing::warn!(recording = %head.id, %error, "a recording can't be thinned"),
        }
        Ok(())
    }
}
