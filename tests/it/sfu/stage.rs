//! A hub, an SFU on a free port of loopback, and one stream.

use super::peer::{self, Peer};
use super::source::{Live, Script, Source};
use crate::wait::until;
use anyhow::{Result, ensure};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;
use vas_core::hub::StreamHub;
use vas_core::{StreamId, SystemClock, TaskScope};
use vas_examples::viewer::ViewerConfig;
use vas_sfu::{Producer, Router, Sfu, SfuConfig, WhepSession};

/// Everything in front of the viewers.
pub(super) struct Stage {
    pub(super) scope: TaskScope,
    pub(super) hub: StreamHub,
    pub(super) sfu: Sfu,
    pub(super) router: Router,
    pub(super) stream: StreamId,
    pub(super) producer: Producer,
}

/// A configuration of so many threads on a free port of loopback.
pub(super) fn config(shards: usize) -> SfuConfig {
    SfuConfig::default().listen(vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 0))]).shards(shards)
}

impl Stage {
    /// Starts an SFU for one stream, which nobody publishes yet.
    pub(super) fn start(config: SfuConfig) -> Result<Self> {
        let (scope, hub, stream) = (TaskScope::new(), StreamHub::default(), StreamId::random());
        let sfu = Sfu::start(config, &scope, SystemClock::shared())?;
        let router = sfu.create_router();
        hub.open(stream);
        let producer = router.produce(&hub, stream)?;
        Ok(Self { scope, hub, sfu, router, stream, producer })
    }

    /// One thread, and a stream that has shown `pushed` pictures of `script` and goes on.
    pub(super) fn with_live(script: &Script, pushed: u64) -> Result<(Self, Live)> {
        let stage = Self::start(config(1))?;
        let live = stage.publish(script, pushed)?;
        Ok((stage, live))
    }

    /// Publishes the stream, `pushed` pictures at once and then more.
    pub(super) fn publish(&self, script: &Script, pushed: u64) -> Result<Live> {
        let mut source = Source::publish(&self.hub, self.stream, script, 0)?;
        source.push(pushed);
        Ok(source.live(&self.scope))
    }

    /// A viewer of the stream that has its answer.
    pub(super) async fn viewer(&self) -> Result<(Peer, WhepSession)> {
        self.viewer_as(peer::delivering()).await
    }

    /// The same with a configuration of its own.
    pub(super) async fn viewer_as(&self, config: ViewerConfig) -> Result<(Peer, WhepSession)> {
        Peer::join(&self.router, &self.producer, config).await
    }

    /// The address of the SFU.
    pub(super) fn address(&self) -> SocketAddr {
        self.sfu.local_addresses()[0]
    }

    /// Waits until no connection is left.
    pub(super) async fn emptied(&self) -> Result<()> {
        until(super::SOON, "no transport", async || (self.sfu.transports() == 0).then_some(())).await
    }

    /// Ends everything in order.
    pub(super) async fn stop(self) -> Result<()> {
        ensure!(self.sfu.shutdown(Duration::from_secs(10)).await, "the SFU does not end in time");
        ensure!(self.scope.shutdown(Duration::from_secs(10)).await, "a task does not end in time");
        Ok(())
    }
}
