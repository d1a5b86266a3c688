//! Packets in, units out: losses, retransmissions, changes of format, clocks that wrap.

use super::config::WhipConfig;
use super::negotiate::Chosen;
use super::track::{AudioTrack, Now, VideoTrack};
use crate::sdp::OfferedCodec;
use bytes::Bytes;
use proptest::prelude::*;
use rtc::rtp::Packet;
use rtc::rtp::header::Header;
use std::sync::Arc;
use std::time::{Duration, Instant};
use vas_core::WallTime;
use vas_core::media::{AccessUnit, VideoCodec};

const VIDEO: u8 = 96;
const AUDIO: u8 = 111;
const FRAME: u32 = 3_600;
const FRAME_MICROS: i64 = 40_000;

fn codec(name: &str, payload_type: u8, clock_rate: u32) -> OfferedCodec {
    OfferedCodec {
        payload_type,
        name: name.to_owned(),
        clock_rate,
        channels: 2,
        fmtp: String::new(),
        rtcp_fb: Vec::new(),
        rtx: None,
    }
}

fn chosen(video: VideoCodec) -> Chosen {
    Chosen {
        video,
        video_parameters: codec(video.encoding_name(), VIDEO, 90_000),
        audio: Some(codec("opus", AUDIO, 48_000)),
    }
}

/// A sender of one track, and the track that receives it.
struct Sender {
    track: VideoTrack,
    start: Now,
    /// Sequence number and timestamp of the next picture.
    sequence: u16,
    timestamp: u32,
    pictures: i64,
}

impl Sender {
    fn new(first_sequence: u16, first_timestamp: u32) -> Self {
        Self {
            track: VideoTrack::new(&chosen(VideoCodec::H264), &WhipConfig::default()),
            start: Now { mono: Instant::now(), wall: WallTime::from_unix_micros(1_800_000_000_000_000) },
            sequence: first_sequence,
            timestamp: first_timestamp,
            pictures: 0,
        }
    }

    fn now(&self) -> Now {
        let micros = self.pictures * FRAME_MICROS;
        let mono = self.start.mono + Duration::from_micros(micros.unsigned_abs());
        Now { mono, wall: self.start.wall.add_micros(micros) }
    }

    /// The packets of the next picture, one for each of these units.
    fn picture(&mut self, nals: &[Vec<u8>]) -> Vec<Packet> {
        let last = nals.len() - 1;
        let mut packets = Vec::new();
        for (n, nal) in nals.iter().enumerate() {
            packets.push(packet(VIDEO, self.sequence, self.timestamp, n == last, nal.clone()));
            self.sequence = self.sequence.wrapping_add(1);
        }
        self.timestamp = self.timestamp.wrapping_add(FRAME);
        self.pictures += 1;
        packets
    }

    fn key(&mut self) -> Vec<Packet> {
        self.picture(&key_picture(&[]))
    }

    fn delta(&mut self) -> Vec<Packet> {
        self.picture(&[vec![0x41, 0xc0, 1], vec![0x41, 0xc0, 2]])
    }

    fn receive(&mut self, packets: impl IntoIterator<Item = Packet>) -> Vec<AccessUnit> {
        let now = self.now();
        for packet in packets {
            self.track.push(packet, now.mono);
        }
        self.poll(now)
    }

    fn poll(&mut self, now: Now) -> Vec<AccessUnit> {
        std::iter::from_fn(|| self.track.poll(now)).collect()
    }
}

fn packet(
    payload_type: u8,
    sequence_number: u16,
    timestamp: u32,
    marker: bool,
    payload: impl Into<Bytes>,
) -> Packet {
    let header = Header { payload_type, sequence_number, timestamp, marker, version: 2, ..Header::default() };
    Packet { header, payload: payload.into() }
}

/// Parameter sets and a slice; `more` goes into the picture parameter set.
fn key_picture(more: &[u8]) -> Vec<Vec<u8>> {
    let desc = vas_core::testing::video_desc();
    let sets = &desc.video().unwrap().1.parameter_sets;
    vec![sets[0].to_vec(), [&sets[1][..], more].concat(), vec![0x65, 0xb8, 1]]
}

#[test]
fn pictures_become_units_from_the_first_key_picture_on() {
    // Both numbers wrap on the way.
    let mut sender = Sender::new(65_530, u32::MAX - 3 * FRAME);
    let early = sender.delta();
    assert_eq!(sender.receive(early).len(), 0);
    assert!(sender.track.needs_key());
    let mut units = Vec::new();
    for n in 0..12 {
        let packets = if n % 6 == 0 { sender.key() } else { sender.delta() };
        units.extend(sender.receive(packets));
    }
    let keys: Vec<_> = (0..units.len()).filter(|&n| units[n].is_key()).collect();
    assert_eq!((units.len(), keys), (12, vec![0, 6]));
    for pair in units.windows(2) {
        assert_eq!(pair[1].pts.ticks() - pair[0].pts.ticks(), i64::from(FRAME));
        assert!(pair[1].dts.ticks() > pair[0].dts.ticks());
        assert!(Arc::ptr_eq(&pair[0].format, &pair[1].format));
    }
    assert!(!sender.track.needs_key());
}

#[test]
fn what_a_loss_broke_is_dropped_up_to_the_next_key_picture() {
    let mut sender = Sender::new(7, 0);
    let key = sender.key();
    assert_eq!(sender.receive(key).len(), 1);
    let mut broken = sender.delta();
    broken.remove(0);
    assert_eq!(sender.receive(broken).len(), 0);
    let whole = sender.delta();
    assert_eq!(sender.receive(whole).len(), 0, "it is waited for");
    // Long enough: it is given up, and with it what refers to it.
    sender.pictures += 10;
    let now = sender.now();
    assert_eq!(sender.poll(now).len(), 0);
    assert!(sender.track.needs_key());
    let key = sender.key();
    let units = sender.receive(key);
    assert_eq!((units.len(), units[0].is_key(), units[0].lost_before), (1, true, 1));
    assert!(!sender.track.needs_key());
}

#[test]
fn a_retransmission_in_time_heals_without_a_trace() {
    let mut sender = Sender::new(7, 0);
    let key = sender.key();
    sender.receive(key);
    let mut broken = sender.delta();
    let late = broken.remove(0);
    assert_eq!(sender.receive(broken).len(), 0);
    let next = sender.delta();
    assert_eq!(sender.receive(next).len(), 0);
    let units = sender.receive([late]);
    assert_eq!(units.len(), 2);
    assert!(units.iter().all(|unit| unit.lost_before == 0 && !unit.is_key()));
}

#[test]
fn a_picture_whose_start_may_be_missing_is_no_picture() {
    let mut sender = Sender::new(7, 0);
    let key = sender.key();
    sender.receive(key);
    // The end of one picture and the start of a key picture are lost together.
    let mut delta = sender.delta();
    delta.pop();
    let mut key = sender.key();
    key.remove(0);
    sender.receive(delta.into_iter().chain(key));
    sender.pictures += 10;
    let now = sender.now();
    assert_eq!(sender.poll(now).len(), 0);
    let key = sender.key();
    assert_eq!(sender.receive(key).len(), 1);
}

#[test]
fn other_parameter_sets_are_another_format() {
    let mut sender = Sender::new(7, 0);
    let first = sender.key();
    let first = sender.receive(first).remove(0);
    let changed = sender.picture(&key_picture(&[0x80]));
    let changed = sender.receive(changed).remove(0);
    assert!(!Arc::ptr_eq(&first.format, &changed.format));
    assert_ne!(first.format, changed.format);
    assert_eq!(sender.track.track().unwrap().format, changed.format);
}

#[test]
fn pictures_without_markers_end_with_their_timestamp() {
    let mut sender = Sender::new(7, 0);
    let mut packets = sender.key();
    packets.extend(sender.delta());
    for packet in &mut packets {
        packet.header.marker = false;
    }
    let units = sender.receive(packets);
    assert_eq!((units.len(), units[0].is_key()), (1, true));
}

#[test]
fn other_payload_types_and_padding_are_passed_over() {
    let mut sender = Sender::new(7, 0);
    let mut packets = sender.key();
    packets.push(packet(99, 500, 9, true, vec![0x65]));
    packets.push(packet(VIDEO, sender.sequence, 9_999_999, false, Bytes::new()));
    sender.sequence += 1;
    packets.extend(sender.delta());
    assert_eq!(sender.receive(packets).len(), 2);
}

#[test]
fn capture_times_follow_sender_reports() {
    let mut sender = Sender::new(7, 0);
    for n in 0..250 {
        if n == 1 {
            // The first picture was taken 200 ms before it came.
            let taken = sender.start.wall.add_micros(FRAME_MICROS - 200_000);
            sender.track.report(0, taken.to_ntp());
        }
        let packets = if n == 0 { sender.key() } else { sender.delta() };
        let units = sender.receive(packets);
        if n > 200 {
            let lag = units[0].received.micros_since(units[0].captured);
            assert!((lag - 200_000).abs() < 1_000, "{lag}");
        }
    }
}

#[test]
fn sound_is_a_unit_a_packet_and_counts_its_losses() {
    let mut track = AudioTrack::of(&chosen(VideoCodec::Vp8), &WhipConfig::default()).unwrap();
    let start = Now { mono: Instant::now(), wall: WallTime::from_unix_micros(1_800_000_000_000_000) };
    for (n, lost) in [(0_u16, false), (1, false), (2, true), (3, false)] {
        if !lost {
            track.push(packet(AUDIO, n, u32::from(n) * 960, true, vec![0xf8, n as u8]), start.mono);
        }
    }
    let later = Now { mono: start.mono + Duration::from_secs(1), ..start };
    let units: Vec<_> = std::iter::from_fn(|| track.poll(later)).collect();
    let got: Vec<_> = units.iter().map(|unit| (unit.pts.ticks(), unit.lost_before)).collect();
    assert_eq!(got, [(0, 0), (960, 0), (2_880, 1)]);
    assert!(
        AudioTrack::of(&Chosen { audio: None, ..chosen(VideoCodec::Vp8) }, &WhipConfig::default()).is_none()
    );
}

proptest! {
    #[test]
    fn any_packets_are_taken_without_panic(
        codec in prop_oneof![Just(VideoCodec::H264), Just(VideoCodec::Vp8), Just(VideoCodec::Av1)],
        packets in proptest::collection::vec(
            (any::<u16>(), any::<u32>(), any::<bool>(), proptest::collection::vec(any::<u8>(), 0..40), any::<bool>()),
            0..60,
        ),
    ) {
        let mut track = VideoTrack::new(&chosen(codec), &WhipConfig::default());
        let start = Now { mono: Instant::now(), wall: WallTime::from_unix_micros(1_800_000_000_000_000) };
        for (n, (sequence, timestamp, marker, payload, near)) in packets.into_iter().enumerate() {
            // Wild numbers and plausible ones.
            let sequence = if near { n as u16 } else { sequence };
            let timestamp = if near { n as u32 * FRAME } else { timestamp };
            let mono = start.mono + Duration::from_millis(40 * n as u64);
            let now = Now { mono, wall: start.wall.add_micros(FRAME_MICROS * n as i64) };
            track.report(timestamp, u64::from(timestamp) << 32);
            track.push(packet(VIDEO, sequence, timestamp, marker, payload), mono);
            while let Some(unit) = track.poll(now) {
                prop_assert!(unit.is_video() && unit.captured <= unit.received);
            }
        }
    }
}
