//! The task of one source: sessions one after another, with waits between them.

use super::settings::Settings;
use super::status::Shared;
use crate::backoff::Backoff;
use crate::health::HealthMeter;
use crate::limits::ConnectPermit;
use crate::session::{self, Observer, SessionParts, Transport};
use parking_lot::Mutex;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};
use vas_core::TaskScope;
use vas_core::media::StreamDesc;
use vas_core::model::stream::{Reason, ReasonCode, StreamState};

/// A camera that has not answered for so long no longer counts among those that are being connected to: it costs nothing.
const PATIENCE: Duration = Duration::from_millis(500);

/// Keeps a session with one source running until its scope is cancelled.
#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) parts: SessionParts,
    pub(crate) shared: Arc<Shared>,
    pub(crate) generation: u64,
    pub(crate) settings: Arc<Settings>,
    pub(crate) scope: TaskScope,
    /// The source's task before this one; its session has to end first.
    pub(crate) previous: Option<TaskScope>,
}

impl Worker {
    pub(crate) async fn run(mut self) {
        if let Some(previous) = &self.previous {
            previous.shutdown(self.parts.config.teardown_timeout * 2).await;
        }
        let mut backoff = Backoff::new(self.parts.config.backoff);
        let mut failing = false;
        loop {
            // Each attempt goes by what holds when it begins.
            let current = self.settings.current();
            self.parts.config = current.config;
            backoff.set_config(self.parts.config.backoff);
            let host = current.limits.host(self.parts.source.url.host_str().unwrap_or_default());
            let permit = tokio::select! {
                biased;
                () = self.scope.cancelled() => return,
                permit = current.limits.acquire(&host, failing) => permit,
            };
            self.shared.attempt(self.generation, backoff.failures() + 1);
            let attempt = Attempt {
                worker: &self,
                retry: backoff.failures() > 0,
                permit: Mutex::new(Some(permit)),
                live_since: Mutex::new(None),
            };
            let session = session::run(&self.parts, &attempt, self.scope.cancelled());
            // The whole of a session is some 18 kB, and this task waits far longer than it connects.
            let Some(reason) = Box::pin(attempt.give_way(session)).await else {
                return;
            };
            let Attempt { live_since, permit, .. } = attempt;
            // Who only waits does not connect.
            drop(permit);
            let live_since = live_since.into_inner();
            // A camera that was just live is one of the living and need not queue with the dead.
            failing = live_since.is_none();
            let media = live_since.map_or(Duration::ZERO, |since| self.since(since));

            let wait = backoff.next(media);
            self.shared.report(self.generation, StreamState::Error, reason);
            let micros = i64::try_from(wait.as_micros()).unwrap_or(i64::MAX);
            self.shared.retry_at(self.generation, self.parts.clock.wall().add_micros(micros));
            tokio::select! {
                biased;
                () = self.scope.cancelled() => return,
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    fn since(&self, earlier: Instant) -> Duration {
        self.parts.clock.now().saturating_duration_since(earlier)
    }
}

/// One session of a worker.
struct Attempt<'a> {
    worker: &'a Worker,
    /// The session before failed.
    retry: bool,
    /// The slot for connecting, until it is connected.
    permit: Mutex<Option<ConnectPermit>>,
    live_since: Mutex<Option<Instant>>,
}

impl Attempt<'_> {
    /// Goes through with a session, and lets the next source connect when this one's camera keeps it waiting: many that
    /// are dead and not yet known as such would else hold up the living for as long as all their timeouts take together.
    async fn give_way<T>(&self, session: impl Future<Output = T>) -> T {
        let mut session = pin!(session);
        tokio::select! {
            end = &mut session => return end,
            () = tokio::time::sleep(PATIENCE) => drop(self.permit.lock().take()),
        }
        session.await
    }

    fn report(&self, to: StreamState, code: ReasonCode, text: &str) {
        self.worker.shared.report(self.worker.generation, to, Reason::new(code, text));
    }

    fn report_ready(&self) {
        self.report(StreamState::Ready, ReasonCode::Described, "described and set up");
    }
}

impl Observer for Attempt<'_> {
    fn ready(&self, transport: Transport) {
        self.permit.lock().take();
        self.worker.shared.transport(self.worker.generation, transport);
        // ERROR stands while retries go on: a camera that accepts and sends nothing is one entry in the history and
        // not two for each attempt.
        if !self.retry {
            self.report_ready();
        }
    }

    fn described(&self, desc: &Arc<StreamDesc>) {
        self.worker.shared.describe(self.worker.generation, desc);
    }

    fn live(&self) {
        *self.live_since.lock() = Some(self.worker.parts.clock.now());
        if self.retry {
            self.report_ready();
        }
        self.report(StreamState::Live, ReasonCode::KeyPicture, "the first key picture has arrived");
    }

    fn meter(&self, count: &mut dyn FnMut(&mut HealthMeter)) {
        self.worker.shared.meter(count);
    }
}
