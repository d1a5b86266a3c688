//! Measures everything every ten seconds, and writes means of three lengths, many rows at a time.

use super::means::Means;
use super::{SERVER, TIERS};
use crate::control::dashboard::machine::{Load, process_memory};
use crate::control::{Control, ControlError};
use crate::db::{Figures, Sample};
use std::time::Duration;
use tokio::time::{MissedTickBehavior, interval};
use uuid::Uuid;
use vas_core::model::StreamState;
use vas_core::ports::StreamFilter;

/// Samples that wait while the database is away: ten minutes of a hundred cameras.
const MAX_WAITING: usize = 8_192;

impl Control {
    /// Measures until the scope ends.
    pub(in crate::control) async fn sample(self) {
        let mut tiers = TIERS.map(|tier| Means::new(tier.step));
        let (mut load, mut waiting) = (Load::default(), Vec::new());
        let mut ticks = interval(Duration::from_secs(TIERS[0].step.unsigned_abs().into()));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut cleared = i64::MIN;
        loop {
            ticks.tick().await;
            let measured = match self.measure(&mut load).await {
                Ok(measured) => measured,
                Err(error) => {
                    tracing::debug!(%error, "figures can't be taken at present");
                    continue;
                }
            };
            let now = self.inner.clock.wall().as_unix_micros().div_euclid(1_000_000);
            for means in &mut tiers {
                waiting.extend(means.add(now, &measured));
            }
            self.write_samples(&mut waiting).await;
            if now.saturating_sub(cleared) >= TIERS[1].step.into() {
                cleared = now;
                self.forget_samples(now).await;
            }
        }
    }

    async fn write_samples(&self, waiting: &mut Vec<Sample>) {
        match self.dashboard().samples().add(waiting).await {
            Ok(()) => waiting.clear(),
            Err(error) => {
                tracing::debug!(%error, waiting = waiting.len(), "figures can't be stored at present");
                // The oldest go first.
                let excess = waiting.len().saturating_sub(MAX_WAITING);
                waiting.drain(..excess);
            }
        }
    }

    async fn forget_samples(&self, now: i64) {
        for tier in TIERS {
            if let Err(error) = self.dashboard().samples().forget(tier.step, now - tier.kept).await {
                tracing::debug!(%error, "old figures can't be removed at present");
            }
        }
    }

    /// The figures of every stream and of the server.
    async fn measure(&self, load: &mut Load) -> Result<Vec<(Uuid, Figures)>, ControlError> {
        let streams = self.streams(StreamFilter::default()).await?;
        let mut all = Vec::with_capacity(streams.len() + 1);
        let (mut ingest, mut viewers, mut live) = (0.0, 0.0, 0.0);
        for info in &streams {
            let sources = || info.present.ingest.iter().chain(&info.present.sub);
            let is_live = info.present.state == StreamState::Live;
            let kbps: f64 = sources().map(|status| status.health.bitrate_kbps).sum();
            let watching = self.viewers(info.stream.id).total as f64;
            ingest += kbps;
            viewers += watching;
            live += f64::from(u8::from(is_live));
            let health = info.present.ingest.as_ref().map(|status| &status.health).filter(|_| is_live);
            let figures = Figures {
                ingest_kbps: Some(kbps),
                fps: Some(health.map_or(0.0, |health| health.fps)),
                loss: health.map(|health| health.packet_loss),
                viewers: Some(watching),
                live: Some(f64::from(u8::from(is_live))),
                ..Figures::default()
            };
            all.push((info.stream.id.as_uuid(), figures));
        }
        let room = self.dashboard().rooms().get().await.ok().flatten();
        let egress: u64 = self.dashboard().sfu().stats().iter().map(|shard| shard.bps).sum();
        let server = Figures {
            ingest_kbps: Some(ingest),
            egress_kbps: Some(egress as f64 / 1_000.0),
            viewers: Some(viewers),
            live: Some(live),
            cpu: load.percent(),
            memory: process_memory().map(|bytes| bytes as f64),
            disk_free: room.as_ref().and_then(|room| room.free).map(|bytes| bytes as f64),
            recording_bytes: room.map(|room| room.forecast.bytes as f64),
            ..Figures::default()
        };
        all.push((SERVER, server));
        Ok(all)
    }
}
