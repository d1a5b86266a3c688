//! A camera with two layers, a shard's table, a narrow line and a viewer in virtual time.

mod viewer;

use crate::consumer::ConsumerShared;
use crate::frame::Frame;
use crate::ice::IceCredentials;
use crate::ortc::MediaKind;
use crate::packetize::PacketRun;
use crate::producer::{LayerShared, Measured};
use crate::rtcp::{Rtcp, packets};
use crate::shard::command::{FeedKey, LegSetup};
use crate::shard::leg::Leg;
use crate::shard::routes::Routes;
use crate::shard::sender::{
    Congestion, Extensions, LayerCodec, LayerSetup, Outlet, Sender, SenderSetup, Wanted,
};
use crate::shard::table::{Table, ring_of};
use crate::shard::wire::{Path, Sent, Wire};
use crate::srtp::Srtp;
use crate::transport::TransportShared;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};
use vas_core::media::{Codec, VideoCodec};
use vas_core::{SharedClock, SystemClock, WallTime};
use viewer::{Told, Viewer};

/// Microseconds in a millisecond, and between two pictures.
const MS: i64 = 1_000;
const PICTURE: i64 = 40 * MS;
/// Pictures from one key picture to the next.
pub(super) const GROUP: u64 = 50;
/// Bytes that the line counts beyond the payload of a datagram.
const HEADERS: usize = 28;
const SSRC: u32 = 77;
const RTX_SSRC: u32 = 78;
/// Id of the transport-wide extension.
const WIDE: u8 = 3;

/// A layer of the camera: packets and their bytes, of key pictures and of others.
#[derive(Clone, Copy, Debug)]
struct Video {
    key: (usize, usize),
    other: (usize, usize),
    measured: Measured,
}

impl Video {
    /// 1.5 Mb/s.
    fn main() -> Self {
        Self::of((26, 1_130), (7, 1_040), 1_530_000, (640, 360))
    }

    /// 250 kb/s.
    fn sub() -> Self {
        Self::of((5, 1_030), (2, 610), 265_000, (320, 180))
    }

    fn of(key: (usize, usize), other: (usize, usize), bps: u64, size: (u32, u32)) -> Self {
        let measured = Measured { bps, size, codec: Some(Codec::Video(VideoCodec::H264)) };
        Self { key, other, measured }
    }

    fn frame(&self, index: u64, group: u64) -> Arc<Frame> {
        let key = index.is_multiple_of(group);
        let (count, size) = if key { self.key } else { self.other };
        let payloads: Vec<Vec<u8>> = (0..count).map(|n| vec![u8::from(key && n == 0); size]).collect();
        Arc::new(Frame {
            index,
            timestamp: (index as u32).wrapping_mul(3_600),
            captured: WallTime::from_unix_micros(index as i64 * PICTURE),
            key,
            disposable: false,
            discontinuity: false,
            run: PacketRun::from_payloads(payloads.iter().map(Vec::as_slice)),
        })
    }
}

/// The way to the viewer; all that is sent goes through it.
#[derive(Debug)]
pub(super) struct Line {
    /// Bits per second, and the bytes that may wait.
    pub(super) bps: f64,
    queue: usize,
    /// One way, in microseconds.
    delay: i64,
    now: i64,
    busy_until: f64,
    arriving: VecDeque<(i64, Vec<u8>)>,
    pub(super) offered: usize,
    pub(super) dropped: usize,
    /// Bytes offered in each tenth of a second.
    loads: Vec<usize>,
}

impl Line {
    /// Carries so many bits per second from now on, and what is counted begins anew.
    pub(super) fn narrow(&mut self, bps: f64) {
        (self.bps, self.queue) = (bps, (bps / 8.0 * 0.2) as usize);
        (self.offered, self.dropped) = (0, 0);
        self.loads.clear();
    }

    fn offer(&mut self, datagram: &[u8]) {
        let bytes = datagram.len() + HEADERS;
        self.offered += 1;
        let slot = (self.now / (100 * MS)) as usize;
        self.loads.resize(self.loads.len().max(slot + 1), 0);
        self.loads[slot] += bytes;
        let waiting = (self.busy_until - self.now as f64).max(0.0) / 8e6 * self.bps;
        if waiting as usize + bytes > self.queue {
            self.dropped += 1;
            return;
        }
        self.busy_until = self.busy_until.max(self.now as f64) + bytes as f64 * 8e6 / self.bps;
        self.arriving.push_back((self.busy_until as i64 + self.delay, datagram.to_vec()));
    }

    /// The most that was offered in a second, in seconds of the line.
    pub(super) fn busiest_second(&self) -> f64 {
        let most = self.loads.windows(10).map(|tenths| tenths.iter().sum::<usize>()).max();
        most.unwrap_or(0) as f64 * 8.0 / self.bps
    }
}

impl Wire for Line {
    fn max_segments(&self, _path: &Path) -> usize {
        44
    }

    fn send(&mut self, _path: &Path, data: &[u8], segment: usize) -> Sent {
        for datagram in data.chunks(segment) {
            self.offer(datagram);
        }
        Sent::Taken
    }
}

/// Everything together.
pub(super) struct World {
    pub(super) line: Line,
    pub(super) viewer: Viewer,
    videos: [Video; 2],
    layers: [Arc<LayerShared>; 2],
    table: Table,
    slot: usize,
    feeds: Vec<(FeedKey, usize, rtrb::Producer<Arc<Frame>>)>,
    routes: Arc<Routes>,
    clock: SharedClock,
    scratch: Vec<u8>,
    start: Instant,
    pub(super) now: i64,
    up: VecDeque<(i64, Told)>,
    frames: [VecDeque<Arc<Frame>>; 2],
    /// Pictures from one key picture to the next, and the number of the next picture.
    group: u64,
    index: u64,
    /// The layer sent at each millisecond.
    sent: Vec<usize>,
}

impl World {
    /// The same with groups of [`GROUP`] pictures.
    pub(super) fn join(bps: f64, delay: i64, index: u64, known: bool) -> Self {
        Self::join_groups(GROUP, bps, delay, index, known)
    }

    /// A viewer that joins when `index` pictures in groups of `group` have been, `known` as to their rates, over a line of so many bits per
    /// second with a queue of 200 ms and `delay` ms on the way.
    pub(super) fn join_groups(group: u64, bps: f64, delay: i64, index: u64, known: bool) -> Self {
        let start = Instant::now();
        let layers = [0; 2].map(|_| LayerShared::detached(MediaKind::Video));
        let videos = [Video::main(), Video::sub()];
        for (layer, video) in layers.iter().zip(videos) {
            layer
                .set_measured(Measured { bps: if known { video.measured.bps } else { 0 }, ..video.measured });
        }
        let codec = LayerCodec { codec: Codec::Video(VideoCodec::H264), payload_type: 102, rtx: Some(103) };
        let setup = SenderSetup {
            layers: layers
                .iter()
                .map(|layer| LayerSetup { layer: layer.clone(), codec: Some(codec) })
                .collect(),
            shared: Arc::new(ConsumerShared::new()),
            kind: MediaKind::Video,
            ticks_per_ms: 90,
            ssrc: SSRC,
            rtx_ssrc: Some(RTX_SSRC),
            extensions: Extensions { playout_delay: None, congestion: Congestion::TransportWide(WIDE) },
            cname: "cam".to_owned(),
            paused: false,
            wanted: Wanted::default(),
        };
        let leg =
            LegSetup { shared: TransportShared::new(), ice: IceCredentials::generate(), pending: vec![] };
        let mut leg = Leg::new(1, &leg, start);
        leg.srtp = Some(Srtp::clear());
        leg.path = Some(Path::udp(0, "127.0.0.1:9".parse().unwrap(), None));
        // A flight of the handshake takes a few milliseconds of the line.
        let flight = 2 * delay * MS + (8e6 * 1_200.0 / bps) as i64;
        leg.round_trip = Some(Duration::from_micros(flight.unsigned_abs()));
        let mut table = Table::new(0);
        let slot = table.legs.insert(Box::new(leg));
        let line = Line {
            bps,
            queue: 0,
            delay: delay * MS,
            now: 0,
            busy_until: 0.0,
            arriving: VecDeque::new(),
            offered: 0,
            dropped: 0,
            loads: Vec::new(),
        };
        let mut world = Self {
            line,
            viewer: Viewer::default(),
            videos,
            layers,
            table,
            slot,
            feeds: Vec::new(),
            routes: Arc::new(Routes::new(1)),
            clock: SystemClock::shared(),
            scratch: Vec::new(),
            start,
            now: 0,
            up: VecDeque::new(),
            frames: Default::default(),
            group,
            index: 0,
            sent: Vec::new(),
        };
        world.line.narrow(bps);
        for _ in 0..index {
            world.picture();
        }
        let sender = Sender::new(setup, start);
        world.table.add_consumer(slot, sender, &world.routes, start, &mut world.line);
        world.open_feeds();
        world
    }

    fn instant(&self) -> Instant {
        self.start + Duration::from_micros(self.now.unsigned_abs())
    }

    /// Gives the shard's new feeds their group, as a layer's task does.
    fn open_feeds(&mut self) {
        for at in 0..self.layers.len() {
            let open = self.table.open_feed(&self.layers[at]);
            self.feeds.retain(|(key, layer, _)| *layer != at || open == Some(*key));
            let Some(key) = open.filter(|open| self.feeds.iter().all(|(key, ..)| key != open)) else {
                continue;
            };
            let (producer, consumer) = rtrb::RingBuffer::new(256);
            let group = self.frames[at].iter().cloned().collect();
            self.feeds.push((key, at, producer));
            self.table.feed_arrived(key, consumer, group, self.instant());
        }
    }

    fn picture(&mut self) {
        for (frames, video) in self.frames.iter_mut().zip(self.videos) {
            let frame = video.frame(self.index, self.group);
            if frame.key {
                frames.clear();
            }
            frames.push_back(frame);
        }
        self.index += 1;
        let now = self.instant();
        for (key, layer, producer) in &mut self.feeds {
            producer.push(self.frames[*layer].back().unwrap().clone()).unwrap();
            self.table.fan_out(*key, now, &self.clock, &mut self.line, &mut self.scratch);
        }
    }

    pub(super) fn run(&mut self, ms: i64) {
        for _ in 0..ms {
            self.step();
            self.now += MS;
        }
    }

    fn step(&mut self) {
        let now = self.instant();
        self.line.now = self.now;
        while let Some((at, packet)) = self.line.arriving.pop_front_if(|(at, _)| *at <= self.now) {
            self.viewer.receive(at, &packet);
        }
        let mut told = Vec::new();
        self.viewer.tell(self.now, 2 * self.line.delay, &mut told);
        self.up.extend(told.into_iter().map(|told| (self.now + self.line.delay, told)));
        while let Some((_, told)) = self.up.pop_front_if(|(at, _)| *at <= self.now) {
            self.take(told, now);
        }
        self.open_feeds();
        if self.now == 1_000 * MS {
            // By then the layers' rates have been measured.
            for (layer, video) in self.layers.iter().zip(self.videos) {
                layer.set_measured(video.measured);
            }
        }
        if self.now % PICTURE == 0 {
            self.picture();
        }
        self.table.tick(&self.routes, now, &self.clock, &mut self.line, &mut self.scratch);
        if self.now % 1_000_000 == 500_000 {
            if let Some(leg) = self.table.leg_mut(self.slot) {
                for attached in leg.consumers.iter_mut().flatten() {
                    attached.sender.each_second();
                }
            }
            self.table.reconcile(self.slot, &self.routes, now, &mut self.line);
        }
        let leg = self.table.leg_mut(self.slot).unwrap();
        self.sent.push(leg.consumers[0].as_ref().unwrap().sender.layer());
    }

    fn take(&mut self, told: Told, now: Instant) {
        let (leg, feeds) = self.table.leg_and_feeds(self.slot).unwrap();
        let attached = leg.consumers[0].as_mut().unwrap();
        match told {
            Told::Feedback(message) => {
                for packet in packets(&message) {
                    let Rtcp::TransportFeedback(feedback) = packet else { panic!("{packet:?}") };
                    leg.control.as_mut().unwrap().feedback(&feedback, now);
                }
                self.table.share_out(self.slot, now);
                return;
            }
            Told::Missing(lost) => {
                let ring = ring_of(feeds, attached.feed, attached.sender.layer());
                let mut outlet = Outlet {
                    srtp: leg.srtp.as_mut().unwrap(),
                    wire: &mut self.line,
                    path: leg.path.as_ref().unwrap(),
                    scratch: &mut self.scratch,
                    control: leg.control.as_deref_mut(),
                    now,
                    clock: &self.clock,
                };
                attached.sender.retransmit(lost.into_iter(), &ring, &mut outlet);
            }
            Told::PictureLoss => attached.sender.request_key(),
        }
        self.table.list_if_busy(self.slot);
    }

    /// Seconds for which the picture stood still since `from`, by the rule of webrtc-stats (`freezeCount`).
    pub(super) fn frozen_since(&self, from: i64) -> f64 {
        let (mut usual, mut frozen) = (VecDeque::from([PICTURE; 30]), 0);
        for pair in self.viewer.shown.windows(2).filter(|pair| pair[1] >= from) {
            let passed = pair[1] - pair[0];
            let mean = usual.iter().sum::<i64>() / 30;
            if passed >= (3 * mean).max(mean + 150 * MS) {
                frozen += passed;
            }
            usual.pop_front();
            usual.push_back(passed);
        }
        frozen as f64 / 1e6
    }

    /// The layer that is sent now.
    pub(super) fn layer(&self) -> usize {
        self.sent[self.sent.len() - 1]
    }

    /// Seconds after `from` at which `layer` is first sent.
    pub(super) fn reaches(&self, layer: usize, from: i64) -> Option<f64> {
        let from = (from / MS) as usize;
        self.sent[from..].iter().position(|sent| *sent == layer).map(|ms| ms as f64 / 1e3)
    }
}
