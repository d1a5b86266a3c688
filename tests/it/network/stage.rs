//! A synthetic camera, a hub and an SFU on a free port of loopback.

use crate::chromium::Page;
use crate::relay::Relay;
use crate::whep::{PlayOptions, Whep};
use anyhow::{Context, Result, ensure};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;
use vas_core::hub::{StartAt, StreamHub};
use vas_core::{StreamId, SystemClock, TaskScope};
use vas_ingest::camera::{SourceHandle, SyntheticConfig, synthetic};
use vas_sfu::{Producer, ProducerOptions, Router, Sfu, SfuConfig, WhepSession};

/// Pictures a second of every camera here.
pub(super) const FPS: u32 = 25;

/// Everything in front of the network.
pub(super) struct Stage {
    pub(super) router: Router,
    pub(super) producer: Producer,
    hub: StreamHub,
    sfu: Sfu,
    scope: TaskScope,
    _cameras: Vec<SourceHandle>,
}

/// How long a camera takes for so many pictures.
pub(super) fn time(pictures: u64) -> Duration {
    Duration::from_secs(pictures) / FPS
}

/// The configuration of an SFU on a free port of loopback.
pub(super) fn config() -> SfuConfig {
    SfuConfig::default().listen(vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 0))]).shards(1)
}

/// Pictures from one key picture to the next: two seconds.
const GROUP: u32 = 2 * FPS;

/// A picture of 640x360, which needs about 800 kb/s.
fn camera() -> SyntheticConfig {
    SyntheticConfig { fps: FPS, keyframe_interval: GROUP, grain: true, ..SyntheticConfig::default() }
}

impl Stage {
    /// Starts all of it, with a camera of one stream.
    pub(super) fn start(config: SfuConfig) -> Result<Self> {
        Self::with(config, [camera()])
    }

    /// The same with a camera of two streams: 1.5 Mb/s, and 250 kb/s of half the width.
    pub(super) fn with_layers(config: SfuConfig) -> Result<Self> {
        let main = SyntheticConfig { bitrate: 1_500_000, ..camera() };
        let sub = SyntheticConfig { width: 320, height: 180, bitrate: 250_000, ..camera() };
        Self::with(config, [main, sub])
    }

    fn with<const N: usize>(config: SfuConfig, streams: [SyntheticConfig; N]) -> Result<Self> {
        let (scope, hub, clock) = (TaskScope::new(), StreamHub::default(), SystemClock::shared());
        let sfu = Sfu::start(config, &scope, clock.clone())?;
        let router = sfu.create_router();
        let mut cameras = Vec::new();
        for stream in streams {
            cameras.push(synthetic(&hub, StreamId::random(), stream, &scope, &clock)?);
        }
        let layers = ProducerOptions::video(cameras.iter().map(SourceHandle::stream));
        let producer = router.produce_with(&hub, layers)?;
        Ok(Self { router, producer, hub, sfu, scope, _cameras: cameras })
    }

    /// Waits until nearly a whole group of pictures is cached: the most that a viewer can be started with.
    pub(super) async fn late_in_a_group(&self) -> Result<()> {
        let mut pictures = self.hub.subscribe(self.producer.stream(), StartAt::LastKey)?;
        let mut since_key = 0;
        while since_key < GROUP - FPS / 5 {
            since_key = if pictures.next().await?.is_key() { 1 } else { since_key + 1 };
        }
        Ok(())
    }

    /// A network in front of the SFU, whose chances follow from `seed`.
    pub(super) fn relay(&self, seed: u64) -> Result<Relay> {
        Relay::start(self.sfu.local_addresses()[0], seed)
    }

    /// Starts to play in Chromium through `relay`; `name` tells apart the players of one page.
    pub(super) async fn chromium(
        &self,
        page: &Page,
        name: &str,
        relay: &Relay,
    ) -> Result<(Whep, WhepSession)> {
        let mut session = None;
        let player = Whep::join(page, name, PlayOptions::default(), |offer| {
            let (made, answer) = self.router.whep(&self.producer, offer)?;
            session = Some(made);
            Ok(relay.rewrite(&answer))
        });
        Ok((player.await?, session.context("the offer was not answered")?))
    }

    /// Ends everything in order.
    pub(super) async fn stop(self) -> Result<()> {
        ensure!(self.sfu.shutdown(Duration::from_secs(10)).await, "the SFU does not end in time");
        ensure!(self.scope.shutdown(Duration::from_secs(10)).await, "a task does not end in time");
        Ok(())
    }
}
