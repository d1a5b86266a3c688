//! A thread that owns the sockets of its share of the viewers.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::Context;
use mio::{Events, Interest, Poll, Token, Waker};
use vas_examples::viewer::{CloseReason, Event, Viewer, ViewerStats};

use super::counters::Counters;
use super::receive::{Buffers, Socket};

const WAKE: Token = Token(usize::MAX);
/// How exact the viewers' timers are; what is due because of a datagram is done with that datagram.
const TICK: Duration = Duration::from_millis(5);

/// A viewer that has its answer.
#[derive(Debug)]
pub(crate) struct Joining {
    pub(crate) viewer: Viewer,
    pub(crate) socket: Socket,
    /// When its offer was sent.
    pub(crate) posted: Instant,
    /// Which of the URLs it went to.
    pub(crate) endpoint: usize,
}

/// What became of a viewer.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) posted: Instant,
    pub(crate) endpoint: usize,
    pub(crate) stats: ViewerStats,
    /// Set when it ended before the end of the run.
    pub(crate) closed: Option<CloseReason>,
}

#[derive(Debug)]
enum Command {
    Join(Box<Joining>),
    FinishCounting,
    Stop,
}

/// The handle of a worker.
#[derive(Debug)]
pub(crate) struct Worker {
    commands: SyncSender<Command>,
    waker: Arc<Waker>,
    thread: JoinHandle<io::Result<Vec<Outcome>>>,
}

impl Worker {
    /// Starts a thread that takes up to `viewers` viewers.
    pub(crate) fn start(at: u16, viewers: usize, counters: Arc<Counters>) -> anyhow::Result<Self> {
        // Each viewer is one command, and two more end the run: sending never waits.
        let (commands, receiver) = sync_channel(viewers + 2);
        let poll = Poll::new().context("cannot make a poll")?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKE)?);
        let thread = std::thread::Builder::new()
            .name(format!("viewers-{at}"))
            .spawn(move || Thread::new(poll, receiver, counters).run())
            .context("cannot start a thread")?;
        Ok(Self { commands, waker, thread })
    }

    pub(crate) fn join(&self, joining: Joining) -> anyhow::Result<()> {
        self.send(Command::Join(Box::new(joining)))
    }

    /// See [`Viewer::finish_counting`].
    pub(crate) fn finish_counting(&self) -> anyhow::Result<()> {
        self.send(Command::FinishCounting)
    }

    /// Closes the viewers and returns what became of each.
    pub(crate) fn stop(self) -> anyhow::Result<Vec<Outcome>> {
        self.send(Command::Stop)?;
        let outcomes = self.thread.join().map_err(|_| anyhow::anyhow!("a receiving thread panicked"))?;
        outcomes.context("a receiving thread failed")
    }

    fn send(&self, command: Command) -> anyhow::Result<()> {
        self.commands.send(command).ok().context("a receiving thread has ended")?;
        Ok(self.waker.wake()?)
    }
}

struct Slot {
    joining: Box<Joining>,
    /// The run is over: the server may close the session now.
    finishing: bool,
    closed: Option<CloseReason>,
    /// Packets and bytes that the shared counters have.
    counted: (u64, u64),
}

struct Thread {
    poll: Poll,
    commands: Receiver<Command>,
    counters: Arc<Counters>,
    slots: Vec<Slot>,
    buffers: Buffers,
}

impl Thread {
    fn new(poll: Poll, commands: Receiver<Command>, counters: Arc<Counters>) -> Self {
        Self { poll, commands, counters, slots: Vec::new(), buffers: Buffers::new() }
    }

    fn run(mut self) -> io::Result<Vec<Outcome>> {
        let mut events = Events::with_capacity(1024);
        let mut next_tick = Instant::now();
        loop {
            let wait = next_tick.saturating_duration_since(Instant::now());
            match self.poll.poll(&mut events, Some(wait)) {
                Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
                _ => {}
            }
            for event in &events {
                if event.token() == WAKE {
                    if self.obey()? {
                        return Ok(self.finish());
                    }
                } else {
                    self.receive(event.token().0)?;
                }
            }
            let now = Instant::now();
            if now >= next_tick {
                next_tick = now + TICK;
                for slot in &mut self.slots {
                    slot.tick(now, &self.counters);
                }
            }
        }
    }

    /// Does what was asked for; true when that is to stop.
    fn obey(&mut self) -> io::Result<bool> {
        while let Ok(command) = self.commands.try_recv() {
            match command {
                Command::Join(mut joining) => {
                    let token = Token(self.slots.len());
                    self.poll.registry().register(&mut joining.socket.socket, token, Interest::READABLE)?;
                    let mut slot = Slot { joining, finishing: false, closed: None, counted: (0, 0) };
                    slot.settle(&self.counters);
                    self.slots.push(slot);
                }
                Command::FinishCounting => {
                    for slot in &mut self.slots {
                        slot.joining.viewer.finish_counting();
                        slot.finishing = true;
                    }
                }
                Command::Stop => return Ok(true),
            }
        }
        Ok(false)
    }

    fn receive(&mut self, at: usize) -> io::Result<()> {
        let Some(slot) = self.slots.get_mut(at) else { return Ok(()) };
        let now = Instant::now();
        let Joining { viewer, socket, .. } = &mut *slot.joining;
        socket.drain(&mut self.buffers, |from, datagram| viewer.handle_datagram(now, from, datagram))?;
        slot.tick(now, &self.counters);
        Ok(())
    }

    fn finish(self) -> Vec<Outcome> {
        let now = Instant::now();
        let finish = |mut slot: Slot| {
            let stats = slot.joining.viewer.stats();
            slot.joining.viewer.close(now);
            slot.send();
            let Joining { posted, endpoint, .. } = *slot.joining;
            Outcome { posted, endpoint, stats, closed: slot.closed }
        };
        self.slots.into_iter().map(finish).collect()
    }
}

impl Slot {
    /// Does what is due and sends what that or a datagram led to.
    fn tick(&mut self, now: Instant, counters: &Counters) {
        let viewer = &mut self.joining.viewer;
        if viewer.poll_timeout().is_some_and(|due| due <= now) {
            viewer.handle_timeout(now);
        }
        self.settle(counters);
    }

    fn settle(&mut self, counters: &Counters) {
        self.send();
        let viewer = &mut self.joining.viewer;
        while let Some(event) = viewer.poll_event() {
            match event {
                Event::Connected => counters.add_connected(),
                Event::Closed(reason) if !self.finishing => {
                    self.closed = Some(reason);
                    counters.add_ended();
                }
                _ => {}
            }
        }
        let received = viewer.received();
        if received != self.counted {
            counters.add_received(received.0 - self.counted.0, received.1 - self.counted.1);
            self.counted = received;
        }
    }

    fn send(&mut self) {
        let Joining { viewer, socket, .. } = &mut *self.joining;
        while let Some(transmit) = viewer.poll_transmit() {
            // A datagram that cannot be sent is a lost one: everything a viewer sends is sent again when it
            // matters.
            let _ = socket.socket.send_to(&transmit.payload, transmit.to);
        }
    }
}
