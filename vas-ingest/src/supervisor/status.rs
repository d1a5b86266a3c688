//! What is known of one source, shared by its task and by those who ask.

use crate::health::{Health, HealthMeter};
use crate::session::Transport;
use crate::source::TransportMode;
use parking_lot::Mutex;
use std::sync::Arc;
use tokio::sync::broadcast;
use vas_core::media::StreamDesc;
use vas_core::model::stream::{Reason, ReasonCode, StreamMachine, StreamState, Transition};
use vas_core::{SharedClock, StreamId, WallTime};

/// A source as it is at one moment.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct IngestStatus {
    /// The source's name.
    pub name: String,
    /// Host and port of the camera.
    pub endpoint: String,
    /// The state of its stream.
    pub state: StreamState,
    /// What led to the state. Never holds a secret.
    pub reason: Reason,
    /// Since when.
    pub since: WallTime,
    /// When it was last started; `None` while it is stopped.
    pub started_at: Option<WallTime>,
    /// Attempts since then, the present one included; starts over after a good while of media.
    pub attempt: u32,
    /// When the next attempt begins, while the source waits for it.
    pub next_retry_at: Option<WallTime>,
    /// The transport in use; `None` while no session is set up.
    pub transport: Option<TransportMode>,
    /// What the stream carries; `None` while unknown.
    pub desc: Option<Arc<StreamDesc>>,
    /// Figures and counters.
    pub health: Health,
}

/// The part of [`IngestStatus`] that changes, and the rules for changing it.
#[derive(Debug)]
pub(crate) struct Shared {
    stream: StreamId,
    clock: SharedClock,
    transitions: broadcast::Sender<(StreamId, Transition)>,
    core: Mutex<Core>,
    meter: Mutex<HealthMeter>,
}

#[derive(Debug)]
struct Core {
    machine: StreamMachine,
    /// Which task may report: a task that was told to stop no longer speaks for the stream.
    generation: u64,
    started_at: Option<WallTime>,
    attempt: u32,
    next_retry_at: Option<WallTime>,
    transport: Option<Transport>,
    desc: Option<Arc<StreamDesc>>,
}

impl Shared {
    /// A source that has not been started yet.
    pub(crate) fn new(
        stream: StreamId,
        clock: SharedClock,
        transitions: broadcast::Sender<(StreamId, Transition)>,
    ) -> Self {
        let machine = StreamMachine::restore(
            StreamState::Stopped,
            Reason::new(ReasonCode::Stopped, "not started yet"),
            clock.wall(),
        );
        let core = Core {
            machine,
            generation: 0,
            started_at: None,
            attempt: 0,
            next_retry_at: None,
            transport: None,
            desc: None,
        };
        let meter = Mutex::new(HealthMeter::new(clock.now()));
        Self { stream, clock, transitions, core: Mutex::new(core), meter }
    }

    /// Goes to a state on request. Whatever task reported so far reports no longer; the number is the next one's.
    pub(crate) fn command(&self, to: StreamState, reason: Reason) -> u64 {
        let mut core = self.core.lock();
        core.generation += 1;
        core.attempt = 0;
        core.next_retry_at = None;
        core.transport = None;
        core.desc = None;
        core.started_at = to.is_active().then(|| self.clock.wall());
        self.advance(&mut core, to, reason);
        core.generation
    }

    /// Goes to a state as the task of `generation` reports it.
    pub(crate) fn report(&self, generation: u64, to: StreamState, reason: Reason) {
        self.update(generation, |core| {
            // Nobody is connected in either.
            if matches!(to, StreamState::Error | StreamState::Initializing) {
                core.transport = None;
                core.desc = None;
            }
            self.advance(core, to, reason);
        });
    }

    pub(crate) fn attempt(&self, generation: u64, attempt: u32) {
        self.update(generation, |core| {
            core.attempt = attempt;
            core.next_retry_at = None;
        });
    }

    pub(crate) fn retry_at(&self, generation: u64, at: WallTime) {
        self.update(generation, |core| core.next_retry_at = Some(at));
    }

    pub(crate) fn transport(&self, generation: u64, transport: Transport) {
        self.update(generation, |core| core.transport = Some(transport));
    }

    pub(crate) fn describe(&self, generation: u64, desc: &Arc<StreamDesc>) {
        self.update(generation, |core| core.desc = Some(desc.clone()));
    }

    pub(crate) fn meter(&self, count: &mut dyn FnMut(&mut HealthMeter)) {
        count(&mut self.meter.lock());
    }

    fn update(&self, generation: u64, change: impl FnOnce(&mut Core)) {
        let mut core = self.core.lock();
        if core.generation == generation {
            change(&mut core);
        }
    }

    /// Under the lock, so that listeners hear of changes in their order.
    fn advance(&self, core: &mut Core, to: StreamState, reason: Reason) {
        match core.machine.advance(to, reason, self.clock.wall()) {
            Ok(Some(change)) => {
                tracing::info!(stream = %self.stream, from = %change.from, to = %change.to, reason = %change.reason, "state changed");
                // Nobody listening is no failure.
                let _ = self.transitions.send((self.stream, change));
            }
            Ok(None) => {}
            Err(error) => tracing::error!(stream = %self.stream, %error, "state not changed"),
        }
    }

    pub(crate) fn status(&self, name: &str, endpoint: String) -> IngestStatus {
        let health = self.meter.lock().health(self.clock.now());
        let core = self.core.lock();
        IngestStatus {
            name: name.to_owned(),
            endpoint,
            state: core.machine.state(),
            reason: core.machine.reason().clone(),
            since: core.machine.since(),
            started_at: core.started_at,
            attempt: core.attempt,
            next_retry_at: core.next_retry_at,
            transport: core.transport.map(|transport| match transport {
                Transport::Tcp => TransportMode::Tcp,
                Transport::Udp => TransportMode::Udp,
            }),
            desc: core.desc.clone(),
            health,
        }
    }
}
