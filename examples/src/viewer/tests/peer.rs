//! A viewer and a server leg joined by a line that can lose datagrams, under virtual time.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use super::super::*;
use super::server::Server;

/// One certificate for all tests.
pub(super) fn identity() -> Identity {
    static IDENTITY: OnceLock<Identity> = OnceLock::new();
    IDENTITY.get_or_init(|| Identity::generate().unwrap()).clone()
}

pub(super) struct Pair {
    pub(super) viewer: Viewer,
    pub(super) server: Server,
    pub(super) now: Instant,
    pub(super) events: Vec<Event>,
    /// Whether the line is cut, and which datagram is still to be dropped: (to the server, how many pass
    /// before it).
    is_cut: bool,
    drop: Option<(bool, usize)>,
}

/// Where the viewer's datagrams come from.
const VIEWER: &str = "10.1.0.1:6000";

impl Pair {
    pub(super) fn new(config: ViewerConfig) -> Self {
        Self::with_answer(config, str::to_owned)
    }

    /// A pair whose answer is changed on its way.
    pub(super) fn with_answer(config: ViewerConfig, change: impl Fn(&str) -> String) -> Self {
        let now = Instant::now();
        let mut viewer = Viewer::new(config);
        let (server, answer) = Server::answer(identity(), viewer.offer());
        viewer.accept_answer(now, &change(&answer)).unwrap();
        Self { viewer, server, now, events: Vec::new(), is_cut: false, drop: None }
    }

    pub(super) fn connected(config: ViewerConfig) -> Self {
        let mut pair = Self::new(config);
        pair.advance_until(Duration::from_secs(1), Self::is_connected);
        pair
    }

    pub(super) fn is_connected(&self) -> bool {
        self.viewer.is_connected() && self.server.is_connected()
    }

    pub(super) fn cut(&mut self) {
        self.is_cut = true;
    }

    pub(super) fn drop_one(&mut self, to_server: bool, after: usize) {
        self.drop = Some((to_server, after));
    }

    /// The packets handed out so far.
    pub(super) fn packets(&self) -> Vec<RtpPacket> {
        let packet = |event: &Event| match event {
            Event::Rtp(packet) => Some(packet.clone()),
            _ => None,
        };
        self.events.iter().filter_map(packet).collect()
    }

    pub(super) fn advance(&mut self, time: Duration) {
        let end = self.now + time;
        self.advance_while(end, |_| false);
        self.now = end;
        self.exchange();
    }

    pub(super) fn advance_until(&mut self, time: Duration, done: impl Fn(&Self) -> bool) {
        self.advance_while(self.now + time, &done);
        assert!(done(self), "not reached within {time:?}: {:?}", self.events.last());
    }

    /// Moves what the server has sent, without letting either side go on.
    pub(super) fn deliver_to_viewer(&mut self) {
        while let Some(datagram) = self.server.poll_transmit() {
            if self.passes(false) {
                self.viewer.handle_datagram(self.now, self.server.address, &datagram);
            }
        }
    }

    fn advance_while(&mut self, end: Instant, done: impl Fn(&Self) -> bool) {
        loop {
            self.exchange();
            let next = self.viewer.poll_timeout().into_iter().chain(self.server.deadline()).min();
            let Some(next) = next.filter(|next| *next < end && !done(self)) else { return };
            self.now = self.now.max(next);
        }
    }

    fn exchange(&mut self) {
        self.viewer.handle_timeout(self.now);
        self.server.handle_timeout(self.now);
        loop {
            let mut moved = false;
            while let Some(transmit) = self.viewer.poll_transmit() {
                moved = true;
                assert_eq!(transmit.to, self.server.address);
                if self.passes(true) {
                    self.server.handle_datagram(self.now, VIEWER.parse().unwrap(), &transmit.payload);
                }
            }
            moved |= self.server.has_transmit();
            self.deliver_to_viewer();
            if !moved {
                break;
            }
            self.viewer.handle_timeout(self.now);
        }
        while let Some(event) = self.viewer.poll_event() {
            self.events.push(event);
        }
    }

    fn passes(&mut self, to_server: bool) -> bool {
        if self.is_cut {
            return false;
        }
        match &mut self.drop {
            Some((direction, after)) if *direction == to_server => match after.checked_sub(1) {
                Some(left) => {
                    *after = left;
                    true
                }
                None => {
                    self.drop = None;
                    false
                }
            },
            _ => true,
        }
    }
}
