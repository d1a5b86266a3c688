//! A supervisor with short times, a hub, and ways to wait for what is expected of them.

use std::time::Duration;
use vas_core::hub::{RecvError, StreamHub, Subscription};
use vas_core::media::AccessUnit;
use vas_core::model::stream::{ReasonCode, StreamState};
use vas_core::{StreamId, SystemClock, TaskScope};
use vas_ingest::{BackoffConfig, IngestConfig, IngestStatus, Source, Supervisor};

/// How long anything may take on a busy machine.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

pub(crate) fn config() -> IngestConfig {
    let mut config = IngestConfig::default();
    config.connect_timeout = Duration::from_secs(2);
    config.request_timeout = Duration::from_secs(2);
    config.media_timeout = Duration::from_secs(2);
    config.key_timeout = Duration::from_secs(3);
    config.teardown_timeout = Duration::from_secs(1);
    config.backoff = BackoffConfig::between(Duration::from_millis(20), Duration::from_millis(200));
    config
}

pub(crate) struct Rig {
    pub(crate) hub: StreamHub,
    pub(crate) scope: TaskScope,
    pub(crate) supervisor: Supervisor,
}

impl Rig {
    pub(crate) fn new() -> Self {
        Self::with(config())
    }

    pub(crate) fn with(config: IngestConfig) -> Self {
        let (hub, scope) = (StreamHub::default(), TaskScope::new());
        let supervisor = Supervisor::new(hub.clone(), &scope, SystemClock::shared(), config);
        Self { hub, scope, supervisor }
    }

    /// Starts a source and subscribes to its stream.
    pub(crate) fn start(&self, url: &str) -> StreamId {
        let source = Source::parse(StreamId::random(), "camera", url).unwrap();
        let stream = source.stream;
        self.supervisor.start(source);
        stream
    }

    pub(crate) fn status(&self, stream: StreamId) -> IngestStatus {
        self.supervisor.status(stream).unwrap()
    }

    /// Waits until the status is as `wanted`.
    pub(crate) async fn wait(
        &self,
        stream: StreamId,
        wanted: impl Fn(&IngestStatus) -> bool,
    ) -> IngestStatus {
        let poll = async {
            loop {
                let status = self.status(stream);
                if wanted(&status) {
                    return status;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        match tokio::time::timeout(DEADLINE, poll).await {
            Ok(status) => status,
            Err(_) => panic!("still {:#?}", self.status(stream)),
        }
    }

    pub(crate) async fn wait_state(&self, stream: StreamId, state: StreamState) -> IngestStatus {
        self.wait(stream, |status| status.state == state).await
    }

    pub(crate) async fn wait_error(&self, stream: StreamId, code: ReasonCode) -> IngestStatus {
        self.wait(stream, |status| status.state == StreamState::Error && status.reason.code == code).await
    }

    pub(crate) async fn end(self) {
        assert!(self.supervisor.shutdown(DEADLINE).await, "a task did not end");
        assert!(self.scope.shutdown(DEADLINE).await, "a task did not end");
    }
}

/// Reads `count` units.
pub(crate) async fn read(subscription: &mut Subscription, count: usize) -> Vec<AccessUnit> {
    let mut units = Vec::with_capacity(count);
    while units.len() < count {
        match tokio::time::timeout(DEADLINE, subscription.next()).await.expect("units keep coming") {
            Ok(unit) => units.push((*unit).clone()),
            Err(RecvError::Lagged { missed }) => panic!("the test read too slowly: {missed}"),
            Err(error) => panic!("{error}"),
        }
    }
    units
}
