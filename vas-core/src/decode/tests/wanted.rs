//! The right picture of a group is the one that comes out.

use super::source::{Recipe, START, STEP, Source, bytes, no_deadline};
use crate::clock::SharedClock;
use crate::decode::{Deadline, DecodeError, DecodeLimits, Group, Wanted};
use crate::media::{KeyKind, UnitKind, VideoCodec};
use crate::testing::ManualClock;
use std::sync::Arc;
use std::time::Duration;

const H265_OPEN: [&str; 2] = [
    "-x265-params",
    "log-level=error:info=0:pools=1:frame-threads=1:bframes=3:open-gop=1:keyint=12:min-keyint=12",
];

/// Asks for the time of each picture and for half a picture later.
fn assert_each_is_found(codec: VideoCodec, options: &[&str]) {
    let source = Source::make(&Recipe { codec, count: 12, options, ..Recipe::default() });
    let group = Group::new(&source.pictures).unwrap();
    for pts in 0..12 {
        for late in [0, STEP / 2] {
            let wanted = Wanted::At(START.add_micros(pts * STEP + late));
            let decoded =
                group.decode(&source.format, wanted, DecodeLimits::default(), &no_deadline()).unwrap();
            assert!(decoded.exact);
            assert_eq!(source.pictures[decoded.index].pts, pts);
            assert!(bytes(&decoded.picture) == source.original(pts), "pts {pts}");
        }
    }
    let newest =
        group.decode(&source.format, Wanted::Newest, DecodeLimits::default(), &no_deadline()).unwrap();
    assert!(bytes(&newest.picture) == source.original(11));
    let early = Wanted::At(START.add_micros(-1));
    assert_eq!(group.find(early), Err(DecodeError::NothingBefore));
}

#[test]
fn each_picture_of_a_group_without_reordering() {
    assert_each_is_found(VideoCodec::H264, &["-bf", "0", "-g", "50"]);
}

#[test]
fn each_picture_of_a_group_with_b_frames() {
    assert_each_is_found(VideoCodec::H264, &["-bf", "3", "-g", "50", "-x264-params", "b-pyramid=normal"]);
    assert_each_is_found(VideoCodec::H265, &["-bf", "3"]);
}

/// Pictures shown before an open group's key picture are never shown: they refer to pictures that are not there.
fn assert_open_group(codec: VideoCodec, options: &[&str], kind: KeyKind) {
    let source = Source::make(&Recipe { codec, count: 36, options, ..Recipe::default() });
    let keys: Vec<_> = (0..36).filter(|&n| matches!(source.pictures[n].kind, UnitKind::Key(_))).collect();
    let start = keys[1];
    assert_eq!(source.pictures[start].kind, UnitKind::Key(kind));
    let key_pts = source.pictures[start].pts;
    let pictures = &source.pictures[start..keys[2]];
    assert!(pictures.iter().any(|picture| picture.pts < key_pts), "the group is not open");

    let group = Group::new(pictures).unwrap();
    let before = Wanted::At(START.add_micros((key_pts - 1) * STEP));
    assert_eq!(group.find(before), Err(DecodeError::NothingBefore));
    for pts in [key_pts, key_pts + 3] {
        let wanted = Wanted::At(START.add_micros(pts * STEP));
        let decoded = group.decode(&source.format, wanted, DecodeLimits::default(), &no_deadline()).unwrap();
        assert!(bytes(&decoded.picture) == source.original(pts), "pts {pts}");
    }
}

#[test]
fn an_open_group_of_h265() {
    assert_open_group(VideoCodec::H265, &H265_OPEN, KeyKind::Cra);
}

#[test]
fn an_open_group_of_h264() {
    let options =
        ["-bf", "3", "-g", "12", "-x264-params", "open-gop=1:min-keyint=12:scenecut=0:b-pyramid=none"];
    assert_open_group(VideoCodec::H264, &options, KeyKind::RecoveryPoint);
}

#[test]
fn a_group_starts_with_a_key_picture() {
    let source = Source::make(&Recipe { count: 3, ..Recipe::default() });
    assert_eq!(Group::new(&source.pictures[1..]).unwrap_err(), DecodeError::NoKey);
    assert_eq!(Group::new(&[]).unwrap_err(), DecodeError::NoKey);
}

#[test]
fn a_group_beyond_the_limits_gives_its_key_picture() {
    let source = Source::make(&Recipe { count: 12, options: &["-bf", "0"], ..Recipe::default() });
    let group = Group::new(&source.pictures).unwrap();
    let default = DecodeLimits::default();
    let coded = 320 * 192;
    for limits in [
        DecodeLimits { max_pictures: 11, ..default },
        DecodeLimits { max_samples: coded * 12 - 1, ..default },
    ] {
        let decoded = group.decode(&source.format, Wanted::Newest, limits, &no_deadline()).unwrap();
        assert_eq!((decoded.index, decoded.exact), (0, false));
        assert!(bytes(&decoded.picture) == source.original(0));
    }
    let limits = DecodeLimits { max_pictures: 12, max_samples: coded * 12, ..default };
    assert!(group.decode(&source.format, Wanted::Newest, limits, &no_deadline()).unwrap().exact);
}

/// A clock that goes on by a second each time it is asked.
#[derive(Debug)]
struct Ticking(ManualClock);

impl crate::clock::Clock for Ticking {
    fn now(&self) -> std::time::Instant {
        self.0.advance(Duration::from_secs(1));
        self.0.now()
    }

    fn wall(&self) -> crate::time::WallTime {
        self.0.wall()
    }
}

#[test]
fn a_deadline_on_the_way_gives_the_last_picture_until_then() {
    let source = Source::make(&Recipe { count: 12, options: &["-bf", "0"], ..Recipe::default() });
    let group = Group::new(&source.pictures).unwrap();
    let decode = |seconds| {
        let clock: SharedClock = Arc::new(Ticking(ManualClock::new(START)));
        let deadline = Deadline::new(clock, Duration::from_secs(seconds));
        group.decode(&source.format, Wanted::Newest, DecodeLimits::default(), &deadline)
    };
    let decoded = decode(12).unwrap();
    assert!(!decoded.exact && decoded.index > 0 && decoded.index < 11, "{}", decoded.index);
    assert!(bytes(&decoded.picture) == source.original(decoded.index as i64));
    assert_eq!(decode(2).unwrap_err(), DecodeError::TimedOut);

    let deadline = no_deadline();
    deadline.abandon_token().cancel();
    let error = group.decode(&source.format, Wanted::Newest, DecodeLimits::default(), &deadline);
    assert_eq!(error.unwrap_err(), DecodeError::Abandoned);
}
