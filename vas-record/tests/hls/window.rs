//! The window of a live stream, chunk by chunk.

use crate::media::{Plain, chunks, made_up, pictures};
use crate::rules::Playlist;
use std::time::Duration;
use vas_core::media::StreamDesc;
use vas_core::testing;
use vas_record::hls::live::{LiveConfig, LiveWindow, RenditionReport};
use vas_record::segment::Chunk;

fn playlist(window: &LiveWindow, skip: bool) -> Playlist {
    Playlist::read(&window.playlist(&Plain, skip, &[]))
}

/// Pushes chunk after chunk and holds every playlist against the rules, and against the one before.
fn watched(config: LiveConfig, chunks: &[Chunk]) -> (LiveWindow, Vec<Playlist>) {
    let mut window = LiveWindow::new(config);
    let mut lists: Vec<Playlist> = Vec::new();
    for chunk in chunks {
        window.push(chunk);
        assert!(window.bytes() <= config.max_bytes as u64);
        if !window.is_ready() {
            continue;
        }
        let full = playlist(&window, false);
        if let Some(before) = lists.last() {
            full.check_follows(before);
            let merged = playlist(&window, true).merged_into(before);
            assert_eq!((&merged.segments, &merged.growing), (&full.segments, &full.growing));
        }
        lists.push(full);
    }
    (window, lists)
}

#[test]
fn every_playlist_of_two_minutes_keeps_the_rules() {
    // Key pictures each second, two, four, five, and longer than the target duration.
    for group in [25, 50, 100, 125, 400, 30, 15, 5, 1] {
        let (window, lists) = watched(LiveConfig::default(), &made_up(3_000, group));
        let last = lists.last().unwrap();
        let listed: f64 = last.segments.values().map(|segment| segment.duration).sum();
        assert!((40.0..46.0).contains(&listed), "{group}: {listed}");
        // A player asks for changes alone, and that saves something.
        assert!(playlist(&window, true).skipped > 0, "{group}");
        let independent = window.playlist(&Plain, false, &[]).contains("#EXT-X-INDEPENDENT-SEGMENTS");
        assert_eq!(independent, group <= 125, "{group}");
    }
}

#[test]
fn the_first_playlist_comes_after_a_second() {
    let mut window = LiveWindow::new(LiveConfig::default());
    let chunks = made_up(200, 25);
    let until = chunks.iter().position(|chunk| {
        window.push(chunk);
        window.is_ready()
    });
    // The first chunk of the second group tells that the segment before it is whole.
    assert_eq!(chunks[until.unwrap()].media, 90_000);
    let list = playlist(&window, false);
    let first = list.segments.values().next().unwrap();
    assert_eq!((list.segments.len(), first.duration), (1, 1.0));
    assert!(first.parts[0].independent && !first.parts[1].independent);
    assert_eq!(first.date, "2023-11-14T22:13:20.000Z");
    assert_eq!(list.hint.unwrap(), format!("{}.1.m4s", list.sequence + 1));
    assert_eq!(list.sequence, 1_700_000_000);
}

#[test]
fn what_is_listed_can_be_had_and_for_some_time_after() {
    let (window, lists) = watched(LiveConfig::default(), &made_up(3_000, 50));
    let gone = &lists[lists.len() - 10];
    for (number, segment) in &gone.segments {
        let media = window.segment(*number).unwrap();
        let map = segment.map.trim_start_matches("init-").trim_end_matches(".mp4");
        assert_eq!(window.init(map.parse().unwrap()).unwrap(), media.section.init);
        let parts = (0..).map_while(|part| window.part(*number, part)).flatten();
        assert_eq!(parts.collect::<Vec<_>>(), media.chunks);
    }
    assert!(window.segment(lists[0].sequence).is_none());
    assert!(window.segment(lists.last().unwrap().growing_number()).is_none());
    assert!(window.segment(u64::MAX).is_none() && window.part(0, u32::MAX).is_none());
}

#[test]
fn memory_is_bounded_by_bytes() {
    let units: Vec<_> = pictures(0..2_000, 25).into_iter().map(|unit| testing::sized(unit, 20_000)).collect();
    // 500 kB a second: room for some 16 s.
    let config = LiveConfig { max_bytes: 8 << 20, ..LiveConfig::default() };
    let mut window = LiveWindow::new(config);
    for chunk in chunks(&testing::video_desc(), &units) {
        window.push(&chunk);
        assert!(window.bytes() <= 8 << 20);
    }
    let list = playlist(&window, false);
    let listed: f64 = list.segments.values().map(|segment| segment.duration).sum();
    assert!((11.0..17.0).contains(&listed), "{listed}");
}

/// A source that starts over: another run, other times.
#[test]
fn a_new_run_is_a_discontinuity() {
    let mut units = pictures(0..200, 25);
    units.extend(pictures(0..1_500, 25).into_iter().map(|mut unit| {
        unit.epoch = 1;
        unit.captured = unit.captured.add_micros(20_000_000);
        unit
    }));
    let (window, lists) = watched(LiveConfig::default(), &chunks(&testing::video_desc(), &units));
    let broken = lists.iter().find(|list| {
        list.growing.as_ref().is_some_and(|growing| growing.discontinuities > list.discontinuity_sequence)
    });
    let growing = broken.unwrap().growing.as_ref().unwrap();
    assert_eq!(growing.date, "2023-11-14T22:13:40.000Z");
    assert_eq!(growing.map, format!("init-{}.mp4", broken.unwrap().growing_number()));
    // It has left the list, but not the numbers.
    let last = playlist(&window, false);
    assert_eq!(last.discontinuity_sequence, lists[0].discontinuity_sequence + 1);
    assert!(last.segments.values().all(|segment| segment.map == growing.map));
}

/// The camera was silent: one run, but a hole in it.
#[test]
fn a_hole_is_a_discontinuity() {
    let units: Vec<_> = pictures(0..1_000, 25)
        .into_iter()
        .filter(|unit| !(240..310).contains(&(unit.pts.ticks() / 3_600)))
        .collect();
    let (_, lists) = watched(LiveConfig::default(), &chunks(&testing::video_desc(), &units));
    let last = lists.last().unwrap();
    let steps = last.segments.values().map(|segment| segment.discontinuities - last.discontinuity_sequence);
    assert_eq!(steps.collect::<std::collections::BTreeSet<_>>().len(), 2);
}

#[test]
fn the_figures_of_a_rendition_are_measured() {
    let units: Vec<_> = pictures(0..1_000, 25).into_iter().map(|unit| testing::sized(unit, 5_000)).collect();
    let mut window = LiveWindow::new(LiveConfig::default());
    assert_eq!(window.variant(), None);
    for chunk in chunks(&testing::video_desc(), &units) {
        window.push(&chunk);
    }
    let info = window.variant().unwrap();
    assert_eq!((info.width, info.height, info.fps, info.codecs.as_str()), (640, 360, 25.0, "avc1.42c01e"));
    // A million bits a second, and what the boxes add.
    assert!((1_000_000..1_050_000).contains(&info.average), "{info:?}");
    assert!((info.average..1_100_000).contains(&info.peak), "{info:?}");
}

#[test]
fn other_renditions_are_reported() {
    let (window, _) = watched(LiveConfig::default(), &made_up(200, 25));
    let report = RenditionReport { uri: "../sub/index.m3u8".to_owned(), newest: (77, 3) };
    let list = Playlist::read(&window.playlist(&Plain, false, &[report]));
    assert_eq!(list.reports, ["URI=\"../sub/index.m3u8\",LAST-MSN=77,LAST-PART=3"]);
    let sub = LiveConfig { discontinuity: 7, ..LiveConfig::default() };
    let (_, lists) = watched(sub, &made_up(200, 25));
    assert_eq!((list.discontinuity_sequence, lists[0].discontinuity_sequence), (0, 7));
}

/// One picture a second: parts of that length, and no rule broken.
#[test]
fn slow_pictures_make_long_parts() {
    let units: Vec<_> =
        pictures(0..2_500, 100).into_iter().filter(|unit| unit.pts.ticks() % 90_000 == 0).collect();
    let (_, lists) = watched(LiveConfig::default(), &chunks(&testing::video_desc(), &units));
    let last = lists.last().unwrap();
    assert!(last.part_target >= 1.0 && last.part_hold_back >= 3.0, "{last:?}");
}

/// Sound alone: every chunk can be started with.
#[test]
fn sound_alone_makes_segments_too() {
    let units: Vec<_> = (0..2_000).map(testing::audio_unit).collect();
    let desc = StreamDesc {
        tracks: vec![vas_core::media::Track { id: units[0].track, format: units[0].format.clone() }],
    };
    let config = LiveConfig { segment: Duration::from_secs(4), ..LiveConfig::default() };
    let (window, lists) = watched(config, &chunks(&desc, &units));
    assert!(lists.last().unwrap().segments.values().all(|segment| segment.duration <= 5.0));
    assert_eq!(window.variant().unwrap().width, 0);
}
