//! Recorded time: what a plan plays, and that ffmpeg plays it.

use crate::media::{Plain, always, chunks, made_up, path, pictures, real, recorded};
use crate::source::{Encoder, audio, video};
use crate::tools::{ffmpeg, hashes, text};
use bytes::Bytes;
use std::fs;
use std::path::Path;
use vas_core::model::recording::{GroupTable, RecordingState, WallRange};
use vas_core::testing;
use vas_record::hls::vod::Plan;
use vas_record::mux::mpegts;
use vas_record::read;

/// The values of all lines that begin with a tag.
fn values<'a>(list: &'a str, tag: &str) -> Vec<&'a str> {
    list.lines().filter_map(|line| line.strip_prefix(tag)).collect()
}

fn durations(list: &str) -> Vec<f64> {
    values(list, "#EXTINF:").iter().map(|value| value.trim_end_matches(',').parse().unwrap()).collect()
}

/// Writes the playlist of a plan, with its segments where it is of MPEG-TS.
fn write_ts(
    folder: &Path,
    files: &[vas_core::model::recording::Recording],
    plan: &Plan<'_>,
) -> std::path::PathBuf {
    for segment in plan.stretches() {
        let file = files.iter().find(|file| file.id == segment.recording).unwrap();
        let bytes = Bytes::from(fs::read(path(folder, file)).unwrap());
        let range = segment.bytes(file).unwrap();
        let init = read::init(&bytes).unwrap();
        let fragments: Result<Vec<_>, _> =
            read::fragments(bytes.slice(range.start as usize..range.end as usize)).collect();
        let name = vas_record::hls::FileNames::ts(&Plain, &segment);
        fs::write(folder.join(name), mpegts::segment(&init, &fragments.unwrap()).unwrap()).unwrap();
    }
    let path = folder.join("ts.m3u8");
    fs::write(&path, plan.ts_playlist(&Plain)).unwrap();
    path
}

fn write_cmaf(folder: &Path, plan: &Plan<'_>) -> std::path::PathBuf {
    let path = folder.join("vod.m3u8");
    fs::write(&path, plan.playlist(&Plain)).unwrap();
    path
}

#[test]
fn a_range_over_three_files_plays() {
    let folder = tempfile::tempdir().unwrap();
    let options = ["-c:v", "libx264", "-preset", "veryfast", "-bf", "2"];
    let pictures = video(folder.path(), Encoder::H264(&options));
    let sound = audio(folder.path(), 0);
    let files = recorded(folder.path(), &real(&[&pictures, &sound], 9), 13);
    assert_eq!(files.len(), 3);

    let plan = Plan::new(&files, always(), true);
    assert_eq!(plan.runs().count(), 1);
    let list = plan.playlist(&Plain);
    assert_eq!(values(&list, "#EXT-X-MAP").len(), 1);
    assert!(values(&list, "#EXT-X-DISCONTINUITY").is_empty() && list.ends_with("#EXT-X-ENDLIST\n"));
    assert_eq!(values(&list, "#EXT-X-PROGRAM-DATE-TIME:"), ["2023-11-14T22:13:20.000Z"]);
    assert!((durations(&list).iter().sum::<f64>() - 36.0).abs() < 0.05, "{list}");

    let once = hashes(&pictures.file, "v");
    let expected: Vec<_> = once.iter().cycle().take(900).cloned().collect();
    let (cmaf, ts) = (write_cmaf(folder.path(), &plan), write_ts(folder.path(), &files, &plan));
    for list in [&cmaf, &ts] {
        assert_eq!(ffmpeg(&["-i", text(list), "-f", "null", "-"]), "");
        assert_eq!(hashes(list, "v"), expected);
    }
    assert_eq!(hashes(&cmaf, "a").len(), hashes(&ts, "a").len());
}

#[test]
fn a_range_starts_at_the_key_picture_before_it() {
    let folder = tempfile::tempdir().unwrap();
    let source = video(folder.path(), Encoder::H264(&["-c:v", "libx264", "-preset", "veryfast", "-bf", "0"]));
    let files = recorded(folder.path(), &real(&[&source], 5), 12);
    let start = files[0].span.start;
    let range = WallRange::new(start.add_micros(5_300_000), start.add_micros(14_100_000));
    let plan = Plan::new(&files, range, true);
    let list = plan.playlist(&Plain);
    assert_eq!(values(&list, "#EXT-X-START:"), ["TIME-OFFSET=0.3,PRECISE=YES"]);
    // From 5 s to the end of the group that holds the end.
    let played: f64 = durations(&list).iter().sum();
    assert!((played - 9.5).abs() < 0.6, "{list}");
    let path = write_cmaf(folder.path(), &plan);
    let frames = hashes(&path, "v");
    assert_eq!(frames.len(), (played * 25.0).round() as usize);
    assert_eq!(frames[0], hashes(&source.file, "v")[25]);

    assert!(Plan::new(&files, WallRange::new(start.add_micros(-9), start), true).is_empty());
    assert!(
        Plan::new(&files, WallRange::new(files[1].span.end, files[1].span.end.add_micros(9)), true)
            .is_empty()
    );
}

/// Another run after ten seconds without the camera.
#[test]
fn a_gap_is_crossed() {
    let folder = tempfile::tempdir().unwrap();
    let source = video(folder.path(), Encoder::H264(&["-c:v", "libx264", "-preset", "veryfast", "-bf", "0"]));
    let mut all = real(&[&source], 2);
    let second: Vec<_> = real(&[&source], 2)
        .into_iter()
        .map(|chunk| vas_record::segment::Chunk { wall: chunk.wall.add_micros(18_000_000), ..chunk })
        .collect();
    all.extend(second);
    let files = recorded(folder.path(), &all, 60);
    let plan = Plan::new(&files, always(), true);
    let list = plan.playlist(&Plain);
    assert_eq!((files.len(), plan.runs().count()), (2, 2));
    assert_eq!(values(&list, "#EXT-X-MAP").len(), 2);
    assert_eq!(values(&list, "#EXT-X-DISCONTINUITY").len(), 1);
    let dates = ["2023-11-14T22:13:20.000Z", "2023-11-14T22:13:38.000Z"];
    assert_eq!(values(&list, "#EXT-X-PROGRAM-DATE-TIME:"), dates);
    let ts = write_ts(folder.path(), &files, &plan);
    assert_eq!(hashes(&ts, "v").len(), 400);
    // ffmpeg's reader of MP4 loses pictures where times start over; each side of the gap is whole.
    for file in files.chunks(1) {
        let path = write_cmaf(folder.path(), &Plan::new(file, always(), true));
        assert_eq!(hashes(&path, "v").len(), 200);
    }
}

/// Pictures are missing within one file, and within one run.
#[test]
fn a_hole_is_a_discontinuity() {
    let folder = tempfile::tempdir().unwrap();
    let units: Vec<_> = pictures(0..1_000, 25)
        .into_iter()
        .filter(|unit| !(250..500).contains(&(unit.pts.ticks() / 3_600)))
        .collect();
    let files = recorded(folder.path(), &chunks(&testing::video_desc(), &units), 60);
    let list = Plan::new(&files, always(), true).playlist(&Plain);
    assert_eq!((files.len(), values(&list, "#EXT-X-DISCONTINUITY").len()), (1, 1));
    assert_eq!(values(&list, "#EXT-X-PROGRAM-DATE-TIME:").len(), 2);
    assert!((durations(&list).iter().sum::<f64>() - 30.0).abs() < 0.05);
    // A file that is gone from the middle of a run is a hole too.
    let files = recorded(folder.path(), &made_up(1_000, 25), 10);
    let left = [files[0].clone(), files[2].clone(), files[3].clone()];
    let list = Plan::new(&left, always(), true).playlist(&Plain);
    assert_eq!(values(&list, "#EXT-X-DISCONTINUITY").len(), 1);
}

/// A clock that was set is told, though no media is missing.
#[test]
fn a_clock_that_jumps_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let units: Vec<_> = pictures(0..1_000, 25)
        .into_iter()
        .map(|mut unit| {
            if unit.pts.ticks() >= 1_800_000 {
                unit.captured = unit.captured.add_micros(3_600_000_000);
            }
            unit
        })
        .collect();
    let files = recorded(folder.path(), &chunks(&testing::video_desc(), &units), 60);
    let list = Plan::new(&files, always(), true).playlist(&Plain);
    assert!(values(&list, "#EXT-X-DISCONTINUITY").is_empty());
    assert!(values(&list, "#EXT-X-PROGRAM-DATE-TIME:").len() >= 2, "{list}");
}

/// What is recorded now can be played from its start while it grows: nothing that was said is taken back.
#[test]
fn a_playlist_of_an_open_file_only_grows() {
    let folder = tempfile::tempdir().unwrap();
    let whole = recorded(folder.path(), &made_up(3_000, 50), 60);
    let mut before = String::new();
    let mut grown = 0;
    for count in 1..=whole.iter().map(|file| file.groups.as_slice().len()).sum::<usize>() {
        let mut files = Vec::new();
        let mut left = count;
        for file in &whole {
            let groups = file.groups.as_slice();
            let state = if left > groups.len() { RecordingState::Complete } else { RecordingState::Open };
            let groups: GroupTable = groups.iter().take(left).copied().collect();
            left -= groups.as_slice().len();
            if !groups.as_slice().is_empty() {
                files.push(vas_core::model::recording::Recording { state, groups, ..file.clone() });
            }
        }
        let list = Plan::new(&files, always(), false).playlist(&Plain);
        assert!(list.starts_with(&before), "{before}\n{list}");
        assert!(list.contains("#EXT-X-PLAYLIST-TYPE:EVENT") && !list.contains("ENDLIST"));
        let target: f64 = values(&list, "#EXT-X-TARGETDURATION:")[0].parse().unwrap();
        assert!(durations(&list).iter().all(|duration| duration.round() <= target));
        grown += usize::from(list.len() > before.len());
        before = list;
    }
    assert!(grown > 15, "{grown}");
}

#[test]
fn names_of_stretches_that_are_no_segment_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let files = recorded(folder.path(), &made_up(1_000, 25), 60);
    let segment = Plan::new(&files, always(), true).stretches().next().unwrap();
    assert!(segment.bytes(&files[0]).is_some());
    for (first, last) in [(0, 39), (3, 2), (0, u32::MAX), (u32::MAX, u32::MAX), (39, 40)] {
        let named = vas_record::hls::vod::Stretch { first, last, ..segment };
        assert_eq!(named.bytes(&files[0]), None, "{first} {last}");
    }
}
