//! The settings of recording as they are gone by; they may change while streams run.

use super::{Followed, Recordings};
use crate::config::{
    Invalid, RecordedLayers, RecordingConfig, RecordingMode, RetentionConfig, Schedule, Zone,
};
use crate::db::RecordingOptions;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;
use vas_core::ports::RepoError;
use vas_core::{DeviceId, StreamId, WallTime};
use vas_record::recorder::RecordMode;

/// For each layer what is to be recorded, and when.
pub(super) type Wish = [Option<(StreamId, RecordMode)>; 2];

/// The settings, read.
#[derive(Debug)]
pub(super) struct Rules {
    mode: RecordingMode,
    schedule: Schedule,
    pub(super) zone: Zone,
    layers: RecordedLayers,
    pre_roll: Duration,
    post_roll: Duration,
    pub(super) retention: RetentionConfig,
}

impl Rules {
    pub(super) fn read(settings: &RecordingConfig) -> Result<Self, Invalid> {
        Ok(Self {
            mode: settings.mode,
            schedule: settings.parsed_schedule()?,
            zone: settings.parsed_zone()?,
            layers: settings.layers,
            pre_roll: Duration::from_secs(settings.pre_roll_seconds.into()),
            post_roll: Duration::from_secs(settings.post_roll_seconds.into()),
            retention: settings.retention.clone(),
        })
    }

    /// Days that recordings are to be kept; `None`: as long as there is room.
    pub(super) fn days_wanted(&self) -> Option<f64> {
        Some(self.retention.days).filter(|days| *days > 0).map(f64::from)
    }

    /// The mode of a device.
    pub(super) fn mode(&self, options: RecordingOptions) -> RecordingMode {
        options.mode.unwrap_or(self.mode)
    }

    /// What is to be recorded of a device at `now`.
    pub(super) fn wish(&self, followed: &Followed, now: WallTime) -> Wish {
        let always = Some(RecordMode::Continuous);
        let mode = match (followed.options.by_hand, self.mode(followed.options)) {
            (Some(true), _) | (None, RecordingMode::Continuous) => always,
            (Some(false), _) | (None, RecordingMode::Off) => None,
            (None, RecordingMode::Schedule) => always.filter(|_| self.schedule.covers(now, self.zone)),
            (None, RecordingMode::Event) => {
                Some(RecordMode::OnEvent { pre: self.pre_roll, post: self.post_roll })
            }
        };
        let Some(mode) = mode else { return Wish::default() };
        let (main, sub) = (Some((followed.main, mode)), followed.sub.map(|sub| (sub, mode)));
        match self.layers {
            RecordedLayers::Main => [main, None],
            RecordedLayers::Sub if sub.is_some() => [None, sub],
            RecordedLayers::Sub => [main, None],
            RecordedLayers::Both => [main, sub],
        }
    }

    /// Whether a device's own options, not the settings alone, want it recorded at `now`, watched or not.
    pub(super) fn insists(&self, options: RecordingOptions, now: WallTime) -> bool {
        match (options.by_hand, options.mode) {
            (Some(by_hand), _) => by_hand,
            // Events can only be waited for while the stream runs.
            (None, Some(RecordingMode::Continuous | RecordingMode::Event)) => true,
            (None, Some(RecordingMode::Schedule)) => self.schedule.covers(now, self.zone),
            (None, Some(RecordingMode::Off) | None) => false,
        }
    }
}

impl Recordings {
    /// Goes by other settings from now on. What is being recorded and is to be recorded no more ends within seconds.
    ///
    /// # Errors
    /// One of them is out of the question; nothing changes.
    pub(crate) async fn renew(&self, settings: &RecordingConfig) -> Result<(), Invalid> {
        *self.inner.rules.lock() = Arc::new(Rules::read(settings)?);
        self.apply_all().await;
        if let Ok(engine) = self.engine() {
            self.renew_policy(&engine).await;
        }
        Ok(())
    }

    /// Whether a device's own options want it recorded now, so that its stream is to run though nobody watches.
    pub(in crate::control) fn insists(&self, options: RecordingOptions) -> bool {
        self.rules().insists(options, self.inner.clock.wall())
    }

    /// The devices whose own options want them recorded now.
    pub(in crate::control) async fn insisted(&self) -> Result<HashSet<DeviceId>, RepoError> {
        let all = self.inner.options.all().await?;
        Ok(all.into_iter().filter(|(_, options)| self.insists(*options)).map(|(device, _)| device).collect())
    }

    pub(super) fn rules(&self) -> Arc<Rules> {
        self.inner.rules.lock().clone()
    }
}
