//! Where chunks and runs begin and end, and what is told of them.

use bytes::Bytes;
use proptest::prelude::*;
use std::sync::Arc;
use std::time::Duration;
use vas_core::media::format::VIDEO_CLOCK;
use vas_core::media::{
    AccessUnit, AudioCodec, AudioFormat, KeyKind, StreamDesc, Track, TrackFormat, UnitKind,
};
use vas_core::model::GapReason;
use vas_core::testing::{audio_unit, delta_picture, disposable_picture, key_picture, video_desc};
use vas_core::{MediaTime, TrackId, WallTime};
use vas_record::read;
use vas_record::segment::{Chunk, Section};
use vas_record::segmenter::{Output, Segmenter, SegmenterConfig};

/// A segmenter of one stream, and what came out of it.
struct Cut {
    segmenter: Segmenter,
    desc: Arc<StreamDesc>,
    outputs: Vec<Output>,
}

impl Cut {
    fn new(desc: StreamDesc) -> Self {
        let segmenter = Segmenter::new(SegmenterConfig::default());
        Self { segmenter, desc: Arc::new(desc), outputs: Vec::new() }
    }

    fn push(&mut self, units: impl IntoIterator<Item = AccessUnit>) -> &mut Self {
        for unit in units {
            self.segmenter.push(&unit, &self.desc, &mut self.outputs);
        }
        self
    }

    fn finish(&mut self) -> Vec<Chunk> {
        self.segmenter.flush(&mut self.outputs);
        let chunks = self.outputs.iter().filter_map(|output| match output {
            Output::Chunk(chunk) => Some(chunk.clone()),
            Output::Section(_) => None,
        });
        chunks.collect()
    }

    fn sections(&self) -> Vec<Arc<Section>> {
        let sections = self.outputs.iter().filter_map(|output| match output {
            Output::Section(section) => Some(section.clone()),
            Output::Chunk(_) => None,
        });
        sections.collect()
    }
}

/// Pictures `from` to `to` of a camera of 25 fps with a key picture each second.
fn pictures(from: u64, to: u64) -> impl Iterator<Item = AccessUnit> {
    (from..to).map(|n| if n % 25 == 0 { key_picture(n) } else { delta_picture(n) })
}

/// The unit so much later, in ticks of the video clock.
fn later(unit: AccessUnit, ticks: i64) -> AccessUnit {
    AccessUnit {
        pts: MediaTime::new(unit.pts.ticks() + ticks, VIDEO_CLOCK),
        dts: MediaTime::new(unit.dts.ticks() + ticks, VIDEO_CLOCK),
        captured: unit.captured.add_micros(ticks * 100 / 9),
        ..unit
    }
}

fn samples(chunk: &Chunk) -> Vec<read::Sample> {
    read::fragments(chunk.data.clone()).flat_map(|fragment| fragment.unwrap().samples).collect()
}

fn gaps(chunks: &[Chunk]) -> Vec<(usize, GapReason)> {
    chunks.iter().enumerate().filter_map(|(n, chunk)| Some((n, chunk.gap?))).collect()
}

#[test]
fn chunks_end_before_key_pictures_and_within_the_bound() {
    let mut cut = Cut::new(video_desc());
    let chunks = cut.push(pictures(3, 103)).finish();
    let lengths: Vec<_> = chunks.iter().map(|chunk| (chunk.key, chunk.pictures)).collect();
    // It starts with the key picture 25.
    let group = [(true, 12), (false, 12), (false, 1)];
    assert_eq!(lengths, [&group[..], &group, &group, &[(true, 3)]].concat());
    for pair in chunks.windows(2) {
        assert_eq!(pair[0].media + i64::from(pair[0].duration), pair[1].media);
        let advance = i64::from(pair[0].duration) * 100 / 9;
        assert!((pair[1].wall.micros_since(pair[0].wall) - advance).abs() <= 1);
    }
    assert_eq!((chunks[0].media, chunks[0].wall), (0, key_picture(25).captured));
    assert_eq!(gaps(&chunks), [(0, GapReason::Started)]);
    let [section] = &cut.sections()[..] else { panic!("more than one section") };
    assert_eq!((section.width, section.height, section.codecs.as_str()), (640, 360, "avc1.42c01e"));
    assert!(matches!(&cut.outputs[0], Output::Section(first) if Arc::ptr_eq(first, &chunks[0].section)));
}

#[test]
fn parts_are_nearly_as_long_as_the_bound() {
    for fps in [12, 15, 20, 24, 25, 30, 50, 60] {
        let step = 90_000 / fps;
        let unit = |n: u64| {
            let unit = if n == 0 { key_picture(0) } else { delta_picture(0) };
            later(unit, n as i64 * step)
        };
        let chunks = Cut::new(video_desc()).push((0..400).map(unit)).finish();
        assert!(chunks.len() > 10);
        // The first one is made before it is known how long a picture lasts.
        for chunk in &chunks[1..chunks.len() - 1] {
            assert!((38_250..=45_000).contains(&chunk.duration), "{fps} fps: {}", chunk.duration);
        }
    }
}

#[test]
fn a_picture_longer_than_the_bound_is_a_chunk() {
    let unit = |n: i64| later(if n == 0 { key_picture(0) } else { delta_picture(0) }, n * 90_000);
    let chunks = Cut::new(video_desc()).push((0..5).map(unit)).finish();
    assert!(chunks.iter().all(|chunk| (chunk.duration, chunk.pictures) == (90_000, 1)));
    assert_eq!(chunks.len(), 5);
    assert_eq!(gaps(&chunks), [(0, GapReason::Started)]);
}

#[test]
fn silence_is_a_gap_and_no_long_picture() {
    let hour = 3_600 * 90_000;
    let mut cut = Cut::new(video_desc());
    let chunks = cut.push(pictures(0, 30)).push((30..60).map(|n| later(delta_picture(n), hour))).finish();
    let at = chunks.iter().position(|chunk| chunk.gap == Some(GapReason::Silence)).unwrap();
    assert_eq!(chunks[at].media, 30 * 3_600 + hour);
    assert_eq!(chunks[at - 1].media + i64::from(chunks[at - 1].duration), 30 * 3_600);
    assert_eq!(chunks[at].wall, delta_picture(30).captured.add_micros(3_600_000_000));
    let all: Vec<_> = chunks.iter().flat_map(samples).collect();
    assert!(all.iter().all(|sample| sample.duration == 3_600));
    assert_eq!((all.len(), gaps(&chunks).len(), cut.sections().len()), (60, 2, 1));
}

#[test]
fn falling_behind_is_a_gap_of_the_same_run() {
    let mut cut = Cut::new(video_desc());
    cut.push(pictures(0, 30)).segmenter.lagged(20);
    // Delta pictures that refer to what was missed are left out, and what was lost among them is told.
    let lost = AccessUnit { lost_before: 7, ..delta_picture(52) };
    let chunks = cut.push([delta_picture(51), lost]).push(pictures(75, 80)).finish();
    let at = chunks.iter().position(|chunk| chunk.gap == Some(GapReason::Lagged)).unwrap();
    assert_eq!((chunks[at].media, chunks[at].key, chunks[at].lost), (75 * 3_600, true, 7));
    assert_eq!(chunks.iter().map(|chunk| chunk.lost).sum::<u32>(), 7);
    let all: Vec<_> = chunks.iter().flat_map(samples).collect();
    assert!(all.iter().all(|sample| sample.duration == 3_600));
    assert_eq!((all.len(), gaps(&chunks).len(), cut.sections().len()), (35, 2, 1));
}

/// Nothing waits for a picture that may never come.
#[test]
fn a_pause_cuts_all_that_is_there() {
    let mut cut = Cut::new(video_desc());
    cut.push(pictures(0, 30));
    cut.segmenter.pause(&mut cut.outputs);
    let shown = |cut: &Cut| {
        let chunks = cut.outputs.iter().filter_map(|output| match output {
            Output::Chunk(chunk) => Some(u64::from(chunk.pictures)),
            Output::Section(_) => None,
        });
        chunks.sum::<u64>()
    };
    assert_eq!(shown(&cut), 30);
    let chunks = cut.push([delta_picture(60)]).push(pictures(75, 80)).finish();
    let at = chunks.iter().position(|chunk| chunk.gap == Some(GapReason::Silence)).unwrap();
    assert_eq!((chunks[at].media, chunks[at].key), (75 * 3_600, true));
    assert_eq!((shown(&cut), gaps(&chunks).len(), cut.sections().len()), (35, 2, 1));
}

#[test]
fn what_is_lost_is_told_where_it_is() {
    let lost = AccessUnit { lost_before: 3, ..delta_picture(20) };
    let units = pictures(0, 20).chain([lost]).chain(pictures(21, 50));
    let chunks = Cut::new(video_desc()).push(units).finish();
    let told: Vec<_> = chunks.iter().filter(|chunk| chunk.lost > 0).collect();
    assert_eq!((told.len(), told[0].media, told[0].lost), (1, 12 * 3_600, 3));
}

#[test]
fn a_new_session_is_a_new_run() {
    let again = |n| AccessUnit { epoch: 1, ..n };
    let mut cut = Cut::new(video_desc());
    // Media times start over; it is two seconds later.
    let second =
        pictures(0, 25).map(|unit| AccessUnit { captured: unit.captured.add_micros(3_000_000), ..unit });
    let chunks = cut.push(pictures(0, 25)).push(second.map(again)).finish();
    let sections = cut.sections();
    assert_eq!((sections.len(), sections[0].epoch, sections[1].epoch), (2, 0, 1));
    assert_ne!(sections[0].run, sections[1].run);
    assert_eq!(gaps(&chunks), [(0, GapReason::Started), (3, GapReason::SourceLost)]);
    assert_eq!((chunks[3].media, chunks[3].wall), (0, key_picture(75).captured));
}

fn changed(unit: AccessUnit) -> AccessUnit {
    let mut format = video_desc().video().unwrap().1.clone();
    format.parameter_sets.push(Bytes::from_static(&[0x68, 0xce, 0x3c, 0x81]));
    AccessUnit { format: Arc::new(TrackFormat::Video(format)), ..unit }
}

#[test]
fn another_format_is_a_new_run() {
    let mut cut = Cut::new(video_desc());
    let chunks = cut.push(pictures(0, 25)).push(pictures(25, 40).map(changed)).finish();
    assert_eq!(gaps(&chunks), [(0, GapReason::Started), (3, GapReason::FormatChanged)]);
    let sections = cut.sections();
    assert_ne!(sections[0].init, sections[1].init);
    // Nothing is missing.
    assert_eq!(chunks.iter().map(|chunk| u64::from(chunk.pictures)).sum::<u64>(), 40);
    assert_eq!(chunks[3].wall, key_picture(25).captured);
}

fn with_sound(format: AudioFormat) -> StreamDesc {
    let mut desc = video_desc();
    desc.tracks.push(Track { id: TrackId(1), format: Arc::new(TrackFormat::Audio(format)) });
    desc
}

#[test]
fn sound_of_another_format_waits_for_the_next_key_picture() {
    let desc = with_sound(AudioFormat::g711(AudioCodec::Pcmu));
    let alaw = Arc::new(TrackFormat::Audio(AudioFormat::g711(AudioCodec::Pcma)));
    let units = (0..75).flat_map(|n| {
        let mut sound = audio_unit(n);
        if n >= 30 {
            sound.format = alaw.clone();
        }
        pictures(n, n + 1).chain([sound])
    });
    let mut cut = Cut::new(desc);
    let chunks = cut.push(units).finish();
    let sections = cut.sections();
    assert_eq!(sections.iter().map(|section| &section.codecs[12..]).collect::<Vec<_>>(), ["ulaw", "alaw"]);
    assert_eq!(chunks.iter().map(|chunk| u64::from(chunk.pictures)).sum::<u64>(), 75);
    let sound = |chunk: &Chunk| samples(chunk).iter().filter(|sample| sample.track == 2).count();
    assert_eq!(chunks.iter().map(sound).sum::<usize>(), 30 + 25);
    assert_eq!(gaps(&chunks)[1], (6, GapReason::FormatChanged));
}

#[test]
fn what_mp4_does_not_carry_is_left_out() {
    let format = AudioFormat::g722();
    let sound = AccessUnit { format: Arc::new(TrackFormat::Audio(format.clone())), ..audio_unit(3) };
    let mut cut = Cut::new(with_sound(format));
    let chunks = cut.push(pictures(0, 25)).push([sound]).push(pictures(25, 50)).finish();
    assert_eq!((cut.sections().len(), cut.sections()[0].desc.tracks.len()), (1, 1));
    assert_eq!(chunks.iter().map(|chunk| u64::from(chunk.pictures)).sum::<u64>(), 50);
}

#[test]
fn sound_alone_is_cut_by_time() {
    let desc = StreamDesc { tracks: vec![Track { id: TrackId(1), format: audio_unit(0).format }] };
    let mut cut = Cut::new(desc);
    let chunks = cut.push((0..100).map(audio_unit)).finish();
    assert!(chunks.iter().all(|chunk| chunk.key && chunk.duration <= 45_000));
    assert_eq!(chunks.iter().map(|chunk| u64::from(chunk.pictures)).sum::<u64>(), 100);
    assert_eq!((cut.sections()[0].width, cut.sections()[0].codecs.as_str()), (0, "ulaw"));
}

/// Pictures that are sent after the key picture a run starts with and shown before it need others that are not there.
#[test]
fn leading_pictures_at_the_start_are_left_out() {
    let open = |n| AccessUnit { kind: UnitKind::Key(KeyKind::Cra), ..key_picture(n) };
    let group = |first: u64| {
        let times = [first + 2, first, first + 1, first + 5, first + 3, first + 4];
        (0..6).map(move |n| {
            let unit = match n {
                0 => open(times[0]),
                3 => delta_picture(times[3]),
                _ => disposable_picture(times[n]),
            };
            // Two pictures of reordering.
            AccessUnit { dts: MediaTime::new((first as i64 + n as i64 - 2) * 3_600, VIDEO_CLOCK), ..unit }
        })
    };
    let chunks = Cut::new(video_desc()).push(group(10)).push(group(16)).finish();
    let all: Vec<_> = chunks.iter().flat_map(samples).collect();
    assert_eq!(all.len(), 10);
    assert!(all.iter().all(|sample| sample.pts >= 0));
    let mut shown: Vec<_> = all.iter().map(|sample| sample.pts).collect();
    shown.sort_unstable();
    assert_eq!(shown, (0..10).map(|n| n * 3_600).collect::<Vec<_>>());
    // The second group begins before its key picture in decoding order, and its leading pictures are there.
    assert_eq!((chunks[1].key, samples(&chunks[1])[0].data.clone()), (true, open(18).data));
}

#[test]
fn wall_time_follows_a_camera_that_runs_wrong() {
    // The camera's clock is 1 % fast: its 90,000 ticks pass in 990 ms.
    let unit = |n: u64| {
        let unit = if n.is_multiple_of(25) { key_picture(n) } else { delta_picture(n) };
        let captured = key_picture(0).captured.add_micros(n as i64 * 39_600);
        AccessUnit { captured, ..unit }
    };
    let chunks = Cut::new(video_desc()).push((0..25 * 60).map(unit)).finish();
    for chunk in &chunks {
        let captured = key_picture(0).captured.add_micros(chunk.media / 3_600 * 39_600);
        assert!(chunk.wall.micros_since(captured).abs() < 50_000);
    }
    assert_eq!(gaps(&chunks).len(), 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever comes: chunks of a run do not overlap in media time, wall time does not go back, chunks keep the bound.
    #[test]
    fn any_units_make_chunks_in_order(
        units in proptest::collection::vec((0_u8..8, -5_000_i64..20_000, any::<i32>(), 0_u8..50), 1..300),
    ) {
        let mut cut = Cut::new(with_sound(AudioFormat::g711(AudioCodec::Pcmu)));
        let (mut time, mut epoch) = (0_i64, 0);
        for (kind, step, offset, event) in units {
            time += step;
            match event {
                0 => epoch += 1,
                1 => cut.segmenter.lagged(1),
                2 => time += i64::from(offset),
                3 => cut.segmenter.flush(&mut cut.outputs),
                4 => cut.segmenter.pause(&mut cut.outputs),
                _ => {}
            }
            let unit = match kind {
                0 => key_picture(0),
                1 => audio_unit(0),
                2 => changed(key_picture(0)),
                _ => delta_picture(0),
            };
            let rate = unit.pts.rate();
            let time_of_track = MediaTime::new(time * i64::from(rate.get()) / 90_000, rate);
            let captured = WallTime::from_unix_micros(1_700_000_000_000_000 + time * 11 + i64::from(offset / 1_000));
            cut.push([AccessUnit { pts: time_of_track, dts: time_of_track, captured, epoch, ..unit }]);
        }
        let chunks = cut.finish();
        for chunk in &chunks {
            prop_assert!(chunk.duration <= 45_000 || chunk.pictures == 1);
            let read: Vec<_> = read::fragments(chunk.data.clone()).collect();
            prop_assert!(read.len() == 1);
            let fragment = read[0].as_ref().unwrap();
            prop_assert!(fragment.len == chunk.data.len());
            prop_assert!((fragment.wall.unwrap().micros_since(chunk.wall)).abs() <= 1);
        }
        for pair in chunks.windows(2) {
            prop_assert!(pair[0].wall <= pair[1].wall);
            if pair[0].section.run == pair[1].section.run {
                prop_assert!(pair[0].media + i64::from(pair[0].duration) <= pair[1].media);
            } else {
                prop_assert!(pair[1].gap.is_some() && pair[1].key);
            }
        }
    }
}

#[test]
fn the_bound_can_be_chosen() {
    let config = SegmenterConfig { part: Duration::from_millis(200), ..SegmenterConfig::default() };
    let mut cut = Cut { segmenter: Segmenter::new(config), ..Cut::new(video_desc()) };
    let chunks = cut.push(pictures(0, 25)).finish();
    assert!(chunks.iter().all(|chunk| chunk.pictures == 5));
}
