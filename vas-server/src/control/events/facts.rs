//! What is told of by itself: states of streams, their figures, and how their recording goes.

use super::messages::{EventReason, RecordingEvent, RecordingEventType, RecordingProgress};
use super::messages::{StreamFigures, StreamStateEvent};
use super::{Owner, Topic};
use crate::control::Control;
use crate::control::layers::is_sub_stream;
use crate::rfc3339::time;
use parking_lot::Mutex;
use serde_json::{Map, json};
use std::collections::HashMap;
use std::time::Duration;
use tokio::sync::broadcast;
use tokio::time::{MissedTickBehavior, interval};
use vas_core::model::{StreamState, TenantId, Transition};
use vas_core::{DeviceId, StreamId, WallTime};
use vas_ingest::IngestStatus;
use vas_record::recorder::RecorderStatus;

/// Time between two looks at figures.
const LOOK: Duration = Duration::from_secs(1);
/// Of so many looks one tells how far recordings are.
const PROGRESS: u64 = 2;

/// The streams that there is something to tell of: those that have run since the start and were not deleted.
#[derive(Debug, Default)]
pub(in crate::control) struct Facts {
    streams: Mutex<HashMap<StreamId, (TenantId, DeviceId)>>,
}

impl Facts {
    /// Tells of a stream from now on.
    pub(in crate::control) fn follow(&self, stream: StreamId, tenant: &TenantId, device: DeviceId) {
        self.streams.lock().insert(stream, (tenant.clone(), device));
    }

    fn all(&self) -> Vec<(StreamId, TenantId, DeviceId)> {
        let streams = self.streams.lock();
        streams.iter().map(|(stream, (tenant, device))| (*stream, tenant.clone(), *device)).collect()
    }
}

/// What was told of a stream last.
#[derive(Debug, Default)]
struct Told {
    next_retry_at: Option<WallTime>,
    layers: HashMap<&'static str, RecorderStatus>,
    problem: Option<String>,
}

impl Control {
    /// Begins to tell.
    pub(in crate::control) fn tell_facts(&self) {
        let (this, transitions) = (self.clone(), self.transitions());
        self.inner.scope.spawn_until_cancelled("events", async move { this.tell(transitions).await });
    }

    async fn tell(self, mut transitions: broadcast::Receiver<(StreamId, Transition)>) {
        let mut told: HashMap<StreamId, Told> = HashMap::new();
        let mut looks = interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut look = 0;
        loop {
            tokio::select! {
                change = transitions.recv() => match change {
                    Ok((stream, _)) if is_sub_stream(stream) => {}
                    Ok((stream, change)) => self.tell_state(stream, &change),
                    Err(broadcast::error::RecvError::Lagged(_)) => self.tell_states(),
                    Err(broadcast::error::RecvError::Closed) => return,
                },
                _ = looks.tick() => {
                    look += 1;
                    self.look(&mut told, look % PROGRESS == 0);
                }
            }
        }
    }

    /// Tells of a change of a stream's state.
    pub(in crate::control) fn tell_state(&self, stream: StreamId, change: &Transition) {
        let facts = &self.inner.facts;
        let known = facts.streams.lock().get(&stream).cloned();
        let Some((tenant, device)) = known else { return };
        let status = self.inner.supervisor.status(stream);
        let retry = status.as_ref().filter(|status| status.state == change.to);
        let event = StreamStateEvent {
            stream_id: stream,
            device_id: device,
            state: change.to,
            previous_state: change.from,
            reason: EventReason { code: change.reason.code, text: change.reason.text.clone() },
            since: time(change.at),
            attempt: retry.map_or(0, |status| status.attempt),
            next_retry_at: retry.and_then(|status| status.next_retry_at).map(time),
        };
        self.inner.events.publish(Topic::StreamState, Some(&tenant), Some(device), &event);
        if change.to == StreamState::Closed {
            facts.streams.lock().remove(&stream);
        }
    }

    /// Tells what all streams are: changes were missed.
    fn tell_states(&self) {
        for (stream, _, _) in self.inner.facts.all() {
            if let Some(status) = self.inner.supervisor.status(stream) {
                self.tell_state(stream, &standing(&status));
            }
        }
    }

    /// Looks at every stream, and tells what is new.
    fn look(&self, told: &mut HashMap<StreamId, Told>, with_progress: bool) {
        let followed = self.inner.facts.all();
        if told.len() > followed.len() {
            let streams: std::collections::HashSet<_> = followed.iter().map(|(stream, ..)| *stream).collect();
            told.retain(|stream, _| streams.contains(stream));
        }
        let (mut figures, mut progress) = (Vec::new(), Vec::new());
        for (stream, tenant, device) in followed {
            let told = told.entry(stream).or_default();
            let Some(status) = self.inner.supervisor.status(stream) else { continue };
            if status.next_retry_at != std::mem::replace(&mut told.next_retry_at, status.next_retry_at)
                && status.next_retry_at.is_some()
                && status.state == StreamState::Error
            {
                self.tell_state(stream, &standing(&status));
            }
            let owner = Owner { tenant, device: Some(device) };
            let layers = self.look_at_recording(told, &owner, stream, device);
            let recording = layers.iter().any(|(_, status)| status.recording);
            let shown = layers.into_iter().filter(|(_, status)| status.recording);
            progress.extend(
                shown.map(|(name, status)| (owner.clone(), progress_of(stream, device, name, &status))),
            );
            figures.push((owner, self.figures(stream, device, &status, recording)));
        }
        let events = &self.inner.events;
        if events.has_readers() {
            events.tell_all(Topic::Metrics, &Map::new(), figures.into_iter());
            if with_progress && !progress.is_empty() {
                let head = Map::from_iter([("type".to_owned(), json!("progress"))]);
                events.tell_all(Topic::Recording, &head, progress.into_iter());
            }
        }
    }

    fn figures(
        &self,
        stream: StreamId,
        device: DeviceId,
        status: &IngestStatus,
        recording: bool,
    ) -> StreamFigures {
        let tenths = |value: f64| (value * 10.0).round() / 10.0;
        let sub = self.sub_status(stream).map_or(0.0, |sub| sub.health.bitrate_kbps);
        StreamFigures {
            stream_id: stream,
            device_id: device,
            state: status.state,
            fps: tenths(status.health.fps),
            bitrate_kbps: tenths(status.health.bitrate_kbps + sub),
            loss: status.health.packet_loss,
            viewers: self.inner.live.viewers(stream).total,
            recording,
        }
    }

    /// Tells what is new of a stream's recording, and gives how it goes.
    fn look_at_recording(
        &self,
        told: &mut Told,
        owner: &Owner,
        stream: StreamId,
        device: DeviceId,
    ) -> Vec<(&'static str, RecorderStatus)> {
        let publish = |kind, progress, error| {
            let event = RecordingEvent { kind, progress, error };
            self.inner.events.publish(Topic::Recording, Some(&owner.tenant), owner.device, &event);
        };
        let status = self.inner.recordings.status(device);
        let idle = RecorderStatus::default();
        let mut layers: Vec<_> = status.layers.into_iter().map(|layer| (layer.name, layer.status)).collect();
        // One that is no longer looked after was stopped.
        let gone = told.layers.keys().filter(|name| layers.iter().all(|(other, _)| other != *name));
        let gone: Vec<_> = gone.map(|name| (*name, idle.clone())).collect();
        layers.extend(gone);
        for (name, now) in &layers {
            let before = told.layers.insert(name, now.clone()).unwrap_or_default();
            if let Some(kind) = news(&before, now) {
                // What was recorded is known from before the end.
                let shown = if kind == RecordingEventType::Stopped { &before } else { now };
                publish(kind, progress_of(stream, device, name, shown), now.last_error.clone());
            }
        }
        if status.problem != told.problem {
            told.problem.clone_from(&status.problem);
            if let Some(problem) = status.problem {
                let progress = RecordingProgress {
                    stream_id: stream,
                    device_id: device,
                    layer: None,
                    since: None,
                    until: None,
                    bytes: 0,
                };
                publish(RecordingEventType::Failed, progress, Some(problem));
            }
        }
        layers
    }
}

/// What a change of a recording is called, if it is one.
fn news(before: &RecorderStatus, now: &RecorderStatus) -> Option<RecordingEventType> {
    match (before.recording, now.recording) {
        (false, true) => Some(RecordingEventType::Started),
        (true, false) => Some(RecordingEventType::Stopped),
        (true, true) if before.since != now.since || now.failures > before.failures => {
            Some(RecordingEventType::Gap)
        }
        _ => None,
    }
}

fn progress_of(
    stream: StreamId,
    device: DeviceId,
    layer: &'static str,
    status: &RecorderStatus,
) -> RecordingProgress {
    RecordingProgress {
        stream_id: stream,
        device_id: device,
        layer: Some(layer),
        since: status.since.map(time),
        until: status.until.map(time),
        bytes: status.bytes,
    }
}

/// The state that a stream stays in, as a change.
fn standing(status: &IngestStatus) -> Transition {
    Transition { from: status.state, to: status.state, reason: status.reason.clone(), at: status.since }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recording_that_goes_on_is_no_news() {
        let idle = RecorderStatus::default();
        let at = |seconds: i64| Some(WallTime::from_unix_micros(seconds * 1_000_000));
        let mut on = idle.clone();
        (on.recording, on.since, on.until) = (true, at(10), at(11));
        let (mut later, mut anew, mut failed) = (on.clone(), on.clone(), on.clone());
        later.until = at(12);
        anew.since = at(20);
        failed.failures = 1;
        use RecordingEventType::{Gap, Started, Stopped};
        for (before, now, expected) in [
            (&idle, &idle, None),
            (&idle, &on, Some(Started)),
            (&on, &later, None),
            (&on, &anew, Some(Gap)),
            (&on, &failed, Some(Gap)),
            (&on, &idle, Some(Stopped)),
        ] {
            assert_eq!(news(before, now), expected);
        }
    }
}
