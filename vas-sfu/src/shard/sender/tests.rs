//! What a viewer receives: opened with another implementation of SRTP and checked packet by packet.

use super::header::MAX_HEADER;
use super::repair::RTX_ALLOWANCE;
use super::start::{COMPRESSED_STEP, MAX_GROUP, MAX_REPLAY_INTERVAL, REPLAY_INTERVAL};
use super::*;
use crate::shard::stream::tests::frame;
use crate::srtp::tests::key_pair;
use crate::srtp::{Profile, SrtpKeys};
use rtc::srtp::context::Context;

/// Keeps what was sent, as datagrams.
struct Recorder {
    max_segments: usize,
    datagrams: Vec<Vec<u8>>,
    sends: usize,
    refuse: Option<Outcome>,
}

impl Wire for Recorder {
    fn max_segments(&self, _path: &Path) -> usize {
        self.max_segments
    }

    fn send(&mut self, _path: &Path, data: &[u8], segment: usize) -> Outcome {
        if let Some(outcome) = self.refuse {
            return outcome;
        }
        self.sends += 1;
        assert!(data.len().div_ceil(segment) <= self.max_segments);
        self.datagrams.extend(data.chunks(segment).map(<[u8]>::to_vec));
        Outcome::Taken
    }
}

/// A packet as the viewer sees it.
#[derive(Debug, PartialEq, Eq)]
struct Packet {
    payload_type: u8,
    marker: bool,
    sequence: u16,
    timestamp: u32,
    ssrc: u32,
    extension: bool,
    payload: Vec<u8>,
}

struct Viewer {
    sender: Sender,
    srtp: Srtp,
    wire: Recorder,
    reader: Context,
    scratch: Vec<u8>,
    path: Path,
    ring: FrameRing,
    now: Instant,
    control: Option<Control>,
    clock: SharedClock,
}

impl Viewer {
    fn new(playout_delay: Option<u8>) -> Self {
        let provider = rtc::crypto::default_provider().unwrap();
        let (ours, theirs): (SrtpKeys, SrtpKeys) = key_pair(Profile::AeadAes128Gcm, 3);
        let now = Instant::now();
        let codec = LayerCodec {
            codec: Codec::Video(vas_core::media::VideoCodec::H264),
            payload_type: 102,
            rtx: Some(103),
        };
        let layer = |_| LayerSetup { layer: LayerShared::detached(MediaKind::Video), codec: Some(codec) };
        let setup = SenderSetup {
            layers: (0..2).map(layer).collect(),
            shared: Arc::new(ConsumerShared::new()),
            kind: MediaKind::Video,
            ticks_per_ms: 90,
            ssrc: 77,
            rtx_ssrc: Some(78),
            extensions: Extensions { playout_delay, congestion: Congestion::Reports },
            cname: "cam".to_owned(),
            paused: false,
            wanted: Wanted::default(),
        };
        Self {
            sender: Sender::new(setup, now),
            srtp: Srtp::new(ours, &provider).unwrap(),
            wire: Recorder { max_segments: 44, datagrams: Vec::new(), sends: 0, refuse: None },
            reader: theirs.reader(),
            scratch: Vec::new(),
            path: Path::udp(0, "127.0.0.1:9".parse().unwrap(), None),
            ring: FrameRing::default(),
            now,
            control: None,
            clock: vas_core::SystemClock::shared(),
        }
    }

    fn act<T>(&mut self, act: impl FnOnce(&mut Sender, &FrameRing, &mut Outlet<'_, Recorder>) -> T) -> T {
        let Self { sender, srtp, wire, scratch, path, ring, now, control, clock, .. } = self;
        let control = control.as_mut();
        act(sender, ring, &mut Outlet { srtp, wire, path, scratch, control, now: *now, clock })
    }

    fn live(&mut self, frame: &Arc<Frame>) {
        self.live_of(0, frame);
        self.ring.push(frame.clone());
    }

    fn live_of(&mut self, layer: usize, frame: &Arc<Frame>) -> Live {
        self.act(|sender, _, outlet| sender.live(layer, frame, outlet))
    }

    fn start(&mut self) {
        self.act(|sender, ring, outlet| sender.start(ring, outlet.now, outlet.control()));
    }

    fn retransmit(&mut self, lost: impl Iterator<Item = u16>) {
        self.act(|sender, ring, outlet| sender.retransmit(lost, &|_| Some(ring), outlet));
    }

    /// Lets milliseconds pass until nothing waits; gives how many.
    fn drain(&mut self) -> usize {
        let mut ticks = 0;
        while self.sender.is_busy() && ticks < 10_000 {
            self.now += Duration::from_millis(1);
            self.act(|sender, ring, outlet| sender.pump(Some(ring), outlet));
            ticks += 1;
        }
        ticks
    }

    fn received(&mut self) -> Vec<Packet> {
        std::mem::take(&mut self.wire.datagrams)
            .iter()
            .map(|datagram| {
                let p = self.reader.decrypt_rtp(datagram).unwrap();
                let u32_at = |at: usize| u32::from_be_bytes(p[at..at + 4].try_into().unwrap());
                let extension = p[0] & 0x10 != 0;
                let header = if extension { 16 + 4 * usize::from(p[15]) } else { 12 };
                Packet {
                    payload_type: p[1] & 0x7f,
                    marker: p[1] & 0x80 != 0,
                    sequence: u16::from_be_bytes([p[2], p[3]]),
                    timestamp: u32_at(4),
                    ssrc: u32_at(8),
                    extension,
                    payload: p[header..].to_vec(),
                }
            })
            .collect()
    }
}

fn assert_in_sequence(packets: &[Packet]) {
    for pair in packets.windows(2) {
        assert_eq!(pair[1].sequence, pair[0].sequence.wrapping_add(1));
        assert!((pair[1].timestamp.wrapping_sub(pair[0].timestamp) as i32) >= 0, "time runs backwards");
        assert_eq!(pair[0].marker, pair[0].timestamp != pair[1].timestamp);
    }
}

#[test]
fn nothing_is_sent_before_a_key_picture() {
    let mut viewer = Viewer::new(None);
    viewer.live(&frame(0, false, 2, 100));
    assert!(viewer.received().is_empty());
    viewer.live(&frame(1, true, 2, 100));
    viewer.live(&frame(2, false, 2, 100));
    let packets = viewer.received();
    assert_eq!(packets.len(), 4);
    assert_in_sequence(&packets);
    assert_eq!(viewer.wire.sends, 2, "a frame of equal packets leaves in one send");
}

#[test]
fn a_joining_viewer_gets_the_cached_group_with_compressed_times() {
    let mut viewer = Viewer::new(Some(5));
    for n in 0..50 {
        viewer.ring.push(frame(n, n == 0, 3, 500));
    }
    viewer.start();
    let ticks = viewer.drain();
    assert_eq!(ticks, 150_usize.div_ceil(usize::from(START_PACE)));
    viewer.live(&frame(50, false, 3, 500));
    let packets = viewer.received();
    assert_eq!(packets.len(), 153);
    assert_in_sequence(&packets);
    let step = packets[3].timestamp.wrapping_sub(packets[0].timestamp);
    assert_eq!(step, COMPRESSED_STEP);
    let live_step = packets[150].timestamp.wrapping_sub(packets[149].timestamp);
    assert_eq!(live_step, 3_600, "the live picture follows the compressed ones at its true distance");
    assert!(packets.iter().all(|packet| packet.extension));
}

#[test]
fn without_playout_delay_times_stay_true() {
    let mut viewer = Viewer::new(None);
    for n in 0..10 {
        viewer.ring.push(frame(n, n == 0, 1, 500));
    }
    viewer.start();
    viewer.drain();
    let packets = viewer.received();
    assert_in_sequence(&packets);
    assert_eq!(packets[1].timestamp.wrapping_sub(packets[0].timestamp), 3_600);
    assert!(packets.iter().all(|packet| !packet.extension));
}

#[test]
fn the_extension_ends_after_the_first_frames() {
    let mut viewer = Viewer::new(Some(5));
    for n in 0..120 {
        viewer.live(&frame(n, n == 0, 1, 50));
    }
    let with = viewer.received().iter().filter(|packet| packet.extension).count();
    assert_eq!(with, PLAYOUT_DELAY_FRAMES as usize);
}

#[test]
fn a_large_key_picture_is_spread_and_live_pictures_wait_behind_it() {
    let mut viewer = Viewer::new(None);
    viewer.live(&frame(0, true, 100, 1_000));
    viewer.live(&frame(1, false, 2, 1_000));
    assert!(viewer.received().is_empty());
    assert!((5..=SPREAD_MS + 1).contains(&viewer.drain()));
    let packets = viewer.received();
    assert_eq!(packets.len(), 102);
    assert_in_sequence(&packets);
}

#[test]
fn lost_packets_are_sent_again_on_the_retransmission_stream() {
    let mut viewer = Viewer::new(Some(5));
    for n in 0..5 {
        viewer.live(&frame(n, n == 0, 4, 300));
    }
    let first = viewer.received();
    for lost in [&first[0], &first[7], &first[19]] {
        viewer.retransmit([lost.sequence].into_iter());
        let again = viewer.received().remove(0);
        assert_eq!((again.ssrc, again.payload_type, again.marker), (78, 103, lost.marker));
        assert_eq!(again.timestamp, lost.timestamp);
        assert_eq!(again.payload[..2], lost.sequence.to_be_bytes());
        assert_eq!(again.payload[2..], lost.payload);
    }
    for unknown in [first[0].sequence.wrapping_sub(1), first[19].sequence.wrapping_add(1)] {
        viewer.retransmit([unknown].into_iter());
        assert!(viewer.received().is_empty());
    }
}

#[test]
fn a_repair_is_sent_once_in_a_round_trip_and_again_where_it_could_not_leave() {
    let mut viewer = Viewer::new(None);
    viewer.live(&frame(0, true, 4, 300));
    let sequence = viewer.received()[0].sequence;
    let mut control = Control::new(true, None, viewer.now);
    control.report(0, Some(Duration::from_millis(100)), viewer.now);
    viewer.control = Some(control);
    viewer.wire.refuse = Some(Outcome::Full);
    viewer.retransmit([sequence].into_iter());
    viewer.wire.refuse = None;
    for (ms, sent) in [(0, 1), (50, 0), (49, 0), (1, 1), (99, 0)] {
        viewer.now += Duration::from_millis(ms);
        viewer.retransmit([sequence].into_iter());
        assert_eq!(viewer.received().len(), sent, "{ms} ms later");
    }
}

#[test]
fn retransmissions_have_an_allowance() {
    let mut viewer = Viewer::new(None);
    viewer.live(&frame(0, true, 4, 300));
    let sequence = viewer.received()[0].sequence;
    for _ in 0..10 * RTX_ALLOWANCE {
        viewer.retransmit([sequence].into_iter());
    }
    assert_eq!(viewer.wire.datagrams.len(), RTX_ALLOWANCE as usize);
    viewer.sender.each_second();
    viewer.retransmit((0..u16::MAX).cycle().take(1 << 20));
    assert_eq!(viewer.sender.allowance.lookups, 0, "numbers that nobody sent cost allowance too");
}

#[test]
fn a_lost_picture_is_answered_by_the_group_between_the_last_and_the_next_time() {
    let mut viewer = Viewer::new(None);
    for n in 0..20 {
        viewer.live(&frame(n, n == 0, 2, 300));
    }
    let before = viewer.received();
    viewer.act(|sender, _, _| sender.request_key());
    viewer.drain();
    viewer.live(&frame(20, false, 2, 300));
    let mut all = before;
    let again = viewer.received();
    assert_eq!(again.len(), 42, "the group and the live picture");
    all.extend(again);
    assert_in_sequence(&all);
}

#[test]
fn replays_are_throttled() {
    let mut viewer = Viewer::new(None);
    viewer.sender.report(&ReportBlock::default(), WallTime::default());
    for n in 0..4 {
        viewer.live(&frame(n, n == 0, 1, 300));
    }
    viewer.received();
    viewer.act(|sender, _, _| sender.request_key());
    let first = viewer.drain();
    viewer.act(|sender, _, _| sender.request_key());
    let second = viewer.drain();
    let least = REPLAY_INTERVAL.as_millis() as usize;
    assert!(first >= least && second >= 2 * least, "{first} {second}");
    assert_eq!(viewer.received().len(), 8);
    for _ in 0..8 {
        viewer.act(|sender, _, _| sender.request_key());
        assert!(viewer.drain() <= MAX_REPLAY_INTERVAL.as_millis() as usize + 1);
    }
}

#[test]
fn after_a_gap_pictures_wait_for_a_key() {
    let mut viewer = Viewer::new(None);
    viewer.live(&frame(0, true, 1, 300));
    let gap = Frame { discontinuity: true, ..Arc::into_inner(frame(1, false, 1, 300)).unwrap() };
    viewer.live(&Arc::new(gap));
    viewer.live(&frame(2, false, 1, 300));
    viewer.live(&frame(3, true, 1, 300));
    let packets = viewer.received();
    assert_eq!(packets.len(), 2);
    assert_in_sequence(&packets);
}

#[test]
fn what_waits_is_bounded() {
    let mut viewer = Viewer::new(None);
    for n in 0..200 {
        viewer.live(&frame(n, n == 0, 100, 1_000));
        assert!(viewer.sender.queued <= MAX_QUEUED);
    }
    assert_eq!(viewer.sender.setup.shared.counters.overflows.load(Ordering::Relaxed), 1);
}

#[test]
fn what_the_system_refuses_is_counted_and_can_be_asked_for() {
    let mut viewer = Viewer::new(None);
    viewer.live(&frame(0, true, 1, 300));
    viewer.wire.refuse = Some(Outcome::Failed);
    viewer.live(&frame(1, false, 1, 300));
    viewer.wire.refuse = None;
    viewer.live(&frame(2, false, 1, 300));
    let packets = viewer.received();
    let missing = packets[0].sequence.wrapping_add(1);
    assert_eq!(packets[1].sequence, missing.wrapping_add(1));
    viewer.retransmit([missing].into_iter());
    assert_eq!(viewer.received()[0].payload[..2], missing.to_be_bytes());
    assert_eq!(viewer.sender.setup.shared.counters.unsent.load(Ordering::Relaxed), 1);
}

#[test]
fn what_a_full_buffer_holds_up_is_sent_later_without_a_gap() {
    let mut viewer = Viewer::new(None);
    viewer.live(&frame(0, true, 3, 300));
    viewer.wire.refuse = Some(Outcome::Full);
    for n in 1..4 {
        viewer.live(&frame(n, false, 3, 300));
    }
    viewer.act(|sender, ring, outlet| sender.pump(Some(ring), outlet));
    viewer.wire.refuse = None;
    viewer.drain();
    viewer.live(&frame(4, false, 3, 300));
    let packets = viewer.received();
    assert_eq!(packets.len(), 15);
    assert_in_sequence(&packets);
    assert_eq!(viewer.sender.setup.shared.counters.unsent.load(Ordering::Relaxed), 0);
    viewer.retransmit([packets[5].sequence].into_iter());
    assert_eq!(viewer.received()[0].payload[2..], packets[5].payload);
}

#[test]
fn who_resumes_gets_the_group_and_time_never_runs_backwards() {
    for playout_delay in [None, Some(5)] {
        let mut viewer = Viewer::new(playout_delay);
        for n in 0..10 {
            viewer.live(&frame(n, n == 0, 1, 300));
        }
        for missed in [0, 30] {
            let from = viewer.ring.group().last().unwrap().index + 1;
            viewer.act(|sender, _, _| sender.set_paused(true));
            for n in from..from + missed {
                viewer.live(&frame(n, false, 1, 300));
            }
            viewer.act(|sender, _, _| sender.set_paused(false));
            viewer.start();
            viewer.drain();
            viewer.live(&frame(from + missed, false, 1, 300));
        }
        assert_in_sequence(&viewer.received());
    }
}

#[test]
fn a_group_too_large_for_the_queue_is_waited_out() {
    let mut viewer = Viewer::new(None);
    viewer.ring.push(frame(0, true, MAX_GROUP, 10));
    viewer.ring.push(frame(1, false, 1, 10));
    viewer.start();
    assert!(!viewer.sender.is_busy());
    viewer.live(&frame(2, true, 1, 10));
    assert_eq!(viewer.received().len(), 1);
}

#[test]
fn without_segmentation_each_packet_leaves_alone() {
    let mut viewer = Viewer::new(None);
    viewer.wire.max_segments = 1;
    viewer.live(&frame(0, true, 5, 300));
    assert_eq!(viewer.wire.sends, 5);
    assert_in_sequence(&viewer.received());
}

#[test]
fn sequence_numbers_wrap() {
    let mut viewer = Viewer::new(None);
    viewer.sender.next = 65_530;
    for n in 0..20 {
        viewer.live(&frame(n, n == 0, 1, 50));
    }
    let packets = viewer.received();
    assert_in_sequence(&packets);
    assert_eq!(packets.last().unwrap().sequence, 13);
    viewer.retransmit([65_533].into_iter());
    assert_eq!(viewer.received().len(), 1);
}

#[test]
fn another_layer_takes_over_at_its_key_picture_and_time_goes_on() {
    let mut viewer = Viewer::new(Some(5));
    for n in 0..10 {
        viewer.live(&frame(n, n == 0, 2, 300));
    }
    viewer.sender.aim(Some(1));
    // Its own numbers and times, far from those of the first.
    let other = |index: u64, key: bool| {
        let captured = WallTime::from_unix_micros(index as i64 * 40_000 - 960_000 * 40_000);
        Arc::new(Frame { captured, timestamp: 77, ..Arc::into_inner(frame(index, key, 1, 300)).unwrap() })
    };
    assert_eq!(viewer.live_of(1, &other(960_010, false)), Live::Same, "not before its key picture");
    viewer.live(&frame(10, false, 2, 300));
    assert_eq!(viewer.live_of(1, &other(960_011, true)), Live::Switched);
    assert_eq!((viewer.sender.layer(), viewer.sender.target()), (1, None));
    viewer.live(&frame(11, false, 2, 300));
    let packets = viewer.received();
    assert_eq!(packets.len(), 23);
    assert_in_sequence(&packets);
    assert_eq!(packets[22].timestamp.wrapping_sub(packets[21].timestamp), 3_600);
    assert_eq!(viewer.sender.setup.shared.counters.switches.load(Ordering::Relaxed), 1);
}

#[test]
fn under_pressure_whole_pictures_are_left_out() {
    let mut viewer = Viewer::new(None);
    let picture = |n: u64, key: bool, disposable: bool| {
        Arc::new(Frame { disposable, ..Arc::into_inner(frame(n, key, 1, 300)).unwrap() })
    };
    viewer.live(&picture(0, true, false));
    viewer.sender.set_thinning(Thinning::NonReference);
    viewer.live(&picture(1, false, true));
    viewer.live(&picture(2, false, false));
    viewer.sender.set_thinning(Thinning::KeysOnly);
    viewer.live(&picture(3, false, false));
    viewer.live(&picture(4, true, false));
    viewer.sender.set_thinning(Thinning::None);
    viewer.live(&picture(5, false, false));
    viewer.live(&picture(6, true, false));
    viewer.live(&picture(7, false, true));
    let packets = viewer.received();
    let sent: Vec<u32> =
        packets.iter().map(|p| p.timestamp.wrapping_sub(packets[0].timestamp) / 3_600).collect();
    assert_eq!(sent, [0, 2, 4, 6, 7], "after keys alone, only a key picture can follow");
    assert_in_sequence(&packets);
}

#[test]
fn extensions_fit_the_header() {
    for congestion in [Congestion::Reports, Congestion::TransportWide(3), Congestion::SendTime(2)] {
        for playout_delay in [None, Some(5)] {
            let mut header = Header::new(1, 96, 2);
            let extensions = Extensions { playout_delay, congestion };
            header.extend(extensions, Some(0x123), WallTime::default);
            header.set_transport(0x1234);
            let bytes = header.bytes();
            let extended = bytes[0] & 0x10 != 0;
            assert_eq!(extended, playout_delay.is_some() || congestion != Congestion::Reports);
            assert!(bytes.len() <= MAX_HEADER);
            if extended {
                assert_eq!(bytes.len(), 16 + 4 * usize::from(bytes[15]));
                let extension = |id: u8| {
                    let mut rest = &bytes[16..];
                    while let [head, ..] = *rest
                        && head != 0
                    {
                        let size = usize::from(head & 15) + 1;
                        if head >> 4 == id {
                            return Some(&rest[1..=size]);
                        }
                        rest = &rest[1 + size..];
                    }
                    None
                };
                assert_eq!(extension(5), playout_delay.map(|_| &[0x12, 0x31, 0x23][..]));
                let counted = congestion == Congestion::TransportWide(3);
                assert_eq!(extension(3), counted.then_some(&[0x12, 0x34][..]));
            }
        }
    }
}
