//! Looks at everything every few seconds, and keeps the alerts as they should be.

use super::board::{Board, Change};
use super::conditions::{Camera, Condition, Machine, of_camera, of_machine};
use super::{AlertEvent, AlertEventType, CODES, view};
use crate::control::dashboard::machine::Load;
use crate::control::events::Topic;
use crate::control::recording::NotRecording;
use crate::control::{Control, ControlError, StreamInfo};
use crate::db::Alert;
use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};
use tokio::time::{MissedTickBehavior, interval};
use vas_core::DeviceId;
use vas_core::ports::StreamFilter;

/// Time between two looks.
const LOOK: Duration = Duration::from_secs(5);
/// A gap is told of for so long.
const GAP_SHOWN: Duration = Duration::from_secs(600);
/// Closed alerts are kept for so long, in microseconds.
const KEPT: i64 = 90 * 86_400_000_000;
/// Looks from one clearing to the next: an hour.
const CLEAR_EVERY: u64 = 720;

/// What the watch remembers from look to look.
#[derive(Debug, Default)]
struct Watch {
    board: Board,
    machine: Machine,
    load: Load,
    missed: HashMap<DeviceId, Missed>,
}

/// How far a recorder has fallen behind, as it was at earlier looks.
#[derive(Debug, Default)]
struct Missed {
    seen: VecDeque<(Instant, u64)>,
}

impl Missed {
    /// Units missed within the time that a gap is told of.
    fn lately(&mut self, now: Instant, count: u64) -> u64 {
        while self.seen.front().is_some_and(|(at, _)| now.saturating_duration_since(*at) > GAP_SHOWN) {
            self.seen.pop_front();
        }
        if self.seen.back().is_none_or(|(_, known)| *known != count) {
            self.seen.push_back((now, count));
        }
        let least = self.seen.iter().map(|(_, count)| *count).min().unwrap_or(count);
        count.saturating_sub(least)
    }
}

impl Control {
    /// Keeps the alerts as they should be, until the scope ends.
    pub(in crate::control) async fn watch(self) {
        let mut watch = Watch::default();
        let mut looks = interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut resumed = false;
        let mut look = 0;
        loop {
            looks.tick().await;
            if !resumed {
                resumed = self.resume_alerts(&mut watch.board).await;
            }
            match self.conditions(&mut watch).await {
                Ok(found) if resumed => {
                    let changes = watch.board.review(found, self.inner.clock.now(), self.inner.clock.wall());
                    self.tell_alerts(changes).await;
                }
                Ok(_) => {}
                Err(error) => tracing::debug!(%error, "alerts can't be looked after at present"),
            }
            if look % CLEAR_EVERY == 0 {
                let old = self.inner.clock.wall().add_micros(-KEPT);
                if let Err(error) = self.dashboard().alert_repo().forget(old).await {
                    tracing::warn!(%error, "old alerts can't be removed at present");
                }
            }
            look += 1;
        }
    }

    /// Takes up what was open when the server was stopped. Whether that was done.
    async fn resume_alerts(&self, board: &mut Board) -> bool {
        match self.dashboard().alert_repo().open(super::MAX_LISTED).await {
            Ok(open) => {
                let now = self.inner.clock.wall();
                for mut alert in board.resume(open, &CODES, self.inner.clock.now()) {
                    alert.until = Some(now);
                    self.store_alert(&alert).await;
                }
                true
            }
            Err(error) => {
                tracing::warn!(%error, "alerts of before can't be read at present");
                false
            }
        }
    }

    async fn conditions(&self, watch: &mut Watch) -> Result<Vec<Condition>, ControlError> {
        let streams = self.streams(StreamFilter::default()).await?;
        let now = self.inner.clock.now();
        watch.missed.retain(|device, _| streams.iter().any(|info| info.device.id == *device));
        let mut found = Vec::new();
        for info in &streams {
            let missed = watch.missed.entry(info.device.id).or_default();
            found.extend(of_camera(&self.camera(info, missed, now)));
        }
        self.look_at_room(&mut watch.machine).await;
        watch.machine.cpu = watch.load.percent();
        found.extend(of_machine(self.tenant(), &watch.machine));
        Ok(found)
    }

    fn camera(&self, info: &StreamInfo, missed: &mut Missed, now: Instant) -> Camera {
        let StreamInfo { stream, device, present, .. } = info;
        let status = self.recordings().status(device.id);
        let count = status.layers.iter().map(|layer| layer.status.missed).sum();
        Camera {
            tenant: stream.tenant.clone(),
            device: device.id,
            stream: stream.id,
            name: device.fields.name.clone(),
            state: present.state,
            code: present.reason.code,
            reason: present.reason.text.clone(),
            health: present.ingest.as_ref().map(|status| status.health.clone()),
            recording_problem: status.problem.filter(|_| present.state.is_active()),
            missed: missed.lately(now, count),
        }
    }

    async fn look_at_room(&self, machine: &mut Machine) {
        match self.dashboard().rooms().get().await {
            Ok(room) => {
                machine.storage_problem = None;
                machine.days_wanted = self.recordings().days_wanted();
                machine.forecast = room.map(|room| room.forecast);
            }
            Err(NotRecording::Failed(reason)) => machine.storage_problem = Some(reason.to_string()),
            Err(_) => {}
        }
    }

    async fn tell_alerts(&self, changes: Vec<Change>) {
        if changes.is_empty() {
            return;
        }
        let names = self.device_names().await.unwrap_or_default();
        for change in changes {
            let (kind, alert) = match change {
                Change::Opened(alert) => (AlertEventType::Opened, alert),
                Change::Changed(alert) => (AlertEventType::Changed, alert),
                Change::Closed(alert) => (AlertEventType::Closed, alert),
            };
            self.store_alert(&alert).await;
            let (tenant, device) = (alert.tenant.clone(), alert.device);
            let name = device.and_then(|device| names.get(&device).cloned());
            let event = AlertEvent { kind, alert: view(alert, name, None) };
            self.events().publish(Topic::Alert, Some(&tenant), device, &event);
        }
    }

    async fn store_alert(&self, alert: &Alert) {
        if let Err(error) = self.dashboard().alert_repo().put(alert).await {
            tracing::warn!(%error, code = alert.code, "an alert can't be stored at present");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_missed_is_told_for_a_while() {
        let (mut missed, start) = (Missed::default(), Instant::now());
        let mut at = |second, count| missed.lately(start + Duration::from_secs(second), count);
        assert_eq!((at(0, 5), at(5, 5), at(10, 9), at(15, 9)), (0, 0, 4, 4));
        assert_eq!((at(605, 9), at(700, 9)), (0, 0));
        // It was switched off and on: it counts anew.
        assert_eq!(at(710, 0), 0);
    }
}
