//! Streams that run on demand: once started they sleep until somebody asks for pictures, and sleep again when nobody
//! has watched for a while.
//!
//! A stream that sleeps is wanted, has its ids, and shows as INITIALIZING; whoever asks for pictures is told to come
//! back in a moment (409 NO_PRODUCER), and is what wakes it.

use super::layers::Layers;
use super::{Control, ControlError, NotWatchable, StreamInfo};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::time::{Duration, Instant};
use tokio::time::MissedTickBehavior;
use vas_core::model::{Reason, ReasonCode, TenantId};
use vas_core::{DeviceId, StreamId, TaskScope};

/// A stream that nobody watches sleeps after so many seconds unless its device says otherwise.
pub(crate) const IDLE_SECONDS: u32 = 60;
/// Streams are looked over so often.
const REVIEW: Duration = Duration::from_secs(1);

/// The streams that run on demand.
#[derive(Debug, Default)]
pub(super) struct Demand {
    streams: Mutex<HashMap<StreamId, OnDemand>>,
}

#[derive(Clone, Debug)]
struct OnDemand {
    tenant: TenantId,
    device: DeviceId,
    idle: Duration,
    awake: bool,
    /// Somebody asked, and it is being woken.
    waking: bool,
    /// When somebody last asked for it or watched it.
    used_at: Instant,
}

impl Demand {
    /// Whether a stream sleeps.
    pub(super) fn is_asleep(&self, stream: StreamId) -> bool {
        self.streams.lock().get(&stream).is_some_and(|entry| !entry.awake)
    }

    /// A stream runs no more, or whether or not somebody watches.
    pub(super) fn forget(&self, stream: StreamId) {
        self.streams.lock().remove(&stream);
    }

    /// A stream runs on demand from now on.
    fn follow(&self, layers: &Layers, awake: bool, now: Instant) {
        let seconds = layers.options().idle_seconds.unwrap_or(IDLE_SECONDS);
        let entry = OnDemand {
            tenant: layers.tenant().clone(),
            device: layers.device(),
            idle: Duration::from_secs(seconds.into()),
            awake,
            waking: false,
            used_at: now,
        };
        self.streams.lock().insert(layers.stream(), entry);
    }

    /// Notes that somebody asks for a stream. Gives whose it is where it is to be woken by the caller.
    fn ask(&self, stream: StreamId, now: Instant) -> Option<(TenantId, DeviceId)> {
        let mut streams = self.streams.lock();
        let entry = streams.get_mut(&stream)?;
        entry.used_at = now;
        let is_first = !entry.awake && !std::mem::replace(&mut entry.waking, true);
        is_first.then(|| (entry.tenant.clone(), entry.device))
    }

    /// Ends the wakings of a stream.
    fn woken(&self, stream: StreamId, awake: bool, now: Instant) {
        if let Some(entry) = self.streams.lock().get_mut(&stream) {
            *entry = OnDemand { awake, waking: false, used_at: now, ..entry.clone() };
        }
    }

    fn entries(&self) -> Vec<(StreamId, OnDemand)> {
        self.streams.lock().iter().map(|(stream, entry)| (*stream, entry.clone())).collect()
    }
}

impl Control {
    /// Whether there is something to watch of a stream. One that sleeps is woken.
    ///
    /// # Errors
    /// See [`NotWatchable`]; of a stream that sleeps, that there is no picture yet.
    pub(crate) fn watchable(&self, info: &StreamInfo) -> Result<(), NotWatchable> {
        self.ask(info.stream.id);
        info.watchable()
    }

    /// Notes that somebody asks for a stream's pictures, which wakes it where it sleeps.
    pub(super) fn ask(&self, stream: StreamId) {
        let Some((tenant, device)) = self.inner.demand.ask(stream, self.inner.clock.now()) else { return };
        let this = self.of_tenant(tenant);
        self.inner.scope.spawn("wake stream", async move {
            if let Err(error) = this.wake(device, stream).await {
                tracing::warn!(%stream, %error, "the stream can't be started on demand");
                this.inner.demand.woken(stream, false, this.inner.clock.now());
            }
        });
    }

    /// Whether a stream is left asleep for now, rather than run: it runs on demand, and neither does somebody watch nor is
    /// it to be recorded. The caller holds the device's lock.
    pub(super) async fn rests(&self, layers: &Layers) -> bool {
        let (demand, stream) = (&self.inner.demand, layers.stream());
        if !layers.options().on_demand || layers.is_publisher() {
            demand.forget(stream);
            return false;
        }
        let runs = self.inner.supervisor.status(stream).is_some_and(|status| status.state.is_active());
        let awake = runs || self.insists(layers.device()).await;
        demand.follow(layers, awake, self.inner.clock.now());
        !awake
    }

    async fn wake(&self, device: DeviceId, stream: StreamId) -> Result<(), ControlError> {
        let inner = &self.inner;
        let _guard = inner.locks.lock(device).await;
        if !inner.demand.is_asleep(stream) {
            return Ok(());
        }
        let layers = Layers::of(&self.device(device).await?, &self.options(device).await?, stream)?;
        inner.demand.woken(stream, true, inner.clock.now());
        self.run_awake(layers).await;
        Ok(())
    }

    async fn send_to_sleep(&self, device: DeviceId, stream: StreamId) {
        let inner = &self.inner;
        let _guard = inner.locks.lock(device).await;
        // Somebody may have come meanwhile.
        let is_idle = |entry: &OnDemand| entry.awake && self.is_idle(stream, entry);
        let idle = inner.demand.entries().into_iter().any(|(of, entry)| of == stream && is_idle(&entry));
        if !idle || self.insists(device).await {
            return;
        }
        inner.demand.woken(stream, false, inner.clock.now());
        inner.recordings.leave(device).await;
        self.rest_layers(stream, &Reason::new(ReasonCode::Idle, "nobody watches")).await;
    }

    /// Whether nobody has watched an awake stream for as long as it waits for.
    fn is_idle(&self, stream: StreamId, entry: &OnDemand) -> bool {
        self.viewers(stream).total == 0
            && self.inner.clock.now().saturating_duration_since(entry.used_at) >= entry.idle
    }

    /// Whether the device's own options, not the settings alone, want it recorded now, watched or not.
    async fn insists(&self, device: DeviceId) -> bool {
        let recordings = &self.inner.recordings;
        let options = recordings.options(device).await;
        options.is_ok_and(|options| recordings.insists(options))
    }

    /// Sends idle streams to sleep, and wakes those that are to be recorded.
    pub(super) fn watch_demand(&self, scope: &TaskScope) {
        let this = self.clone();
        scope.spawn_until_cancelled("streams on demand", async move {
            let mut ticks = tokio::time::interval(REVIEW);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                ticks.tick().await;
                this.review_demand().await;
            }
        });
    }

    async fn review_demand(&self) {
        let (inner, now) = (&self.inner, self.inner.clock.now());
        let entries = inner.demand.entries();
        if entries.is_empty() {
            return;
        }
        // Of a database that is away for a moment nothing is concluded.
        let Ok(insisted) = inner.recordings.insisted().await else { return };
        for (stream, entry) in entries {
            let control = self.of_tenant(entry.tenant.clone());
            if insisted.contains(&entry.device) {
                // Wakes it, or keeps it awake.
                control.ask(stream);
            } else if !entry.awake {
                continue;
            } else if self.viewers(stream).total > 0 {
                inner.demand.woken(stream, true, now);
            } else if self.is_idle(stream, &entry) {
                control.send_to_sleep(entry.device, stream).await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vas_core::WallTime;
    use vas_core::model::{CameraUrl, Device, DeviceFields};

    #[test]
    fn a_sleeping_stream_is_woken_once() {
        let (demand, stream, now) = (Demand::default(), StreamId::random(), Instant::now());
        let device = Device {
            id: DeviceId::random(),
            tenant: TenantId::default(),
            fields: DeviceFields {
                name: "Gate".to_owned(),
                url: CameraUrl::parse("rtsp://camera/1").unwrap(),
                sub_url: None,
                description: None,
                location: None,
            },
            created_at: WallTime::from_unix_micros(1),
            updated_at: None,
        };
        assert_eq!(demand.ask(stream, now), None);
        let layers = Layers::of(&device, &crate::db::DeviceOptions::default(), stream).unwrap();
        demand.follow(&layers, false, now);
        assert!(demand.is_asleep(stream));
        assert_eq!(demand.ask(stream, now), Some((device.tenant, device.id)));
        assert_eq!(demand.ask(stream, now), None);
        demand.woken(stream, true, now);
        assert_eq!((demand.is_asleep(stream), demand.ask(stream, now)), (false, None));
        demand.woken(stream, false, now);
        assert!(demand.ask(stream, now).is_some());
        demand.forget(stream);
        assert!(!demand.is_asleep(stream));
    }
}
