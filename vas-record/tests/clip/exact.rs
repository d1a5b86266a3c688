//! A clip holds exactly the pictures of its range.

use crate::archive::{Archive, units};
use crate::media::{H264, H264_B, H264_OPEN, H264_PYRAMID, H265_OPEN, Pictures, desc, pictures, wall};
use crate::tools;
use std::path::Path;
use std::sync::Arc;
use vas_core::WallTime;
use vas_core::model::WallRange;
use vas_record::clip::{ClipError, ClipFormat};

/// Pictures of eight seconds, in files of two.
const COUNT: usize = 200;

/// Numbers that look random and are the same each time.
pub(crate) fn numbers(seed: u64) -> impl FnMut(u64) -> u64 {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    move |below| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % below
    }
}

/// The numbers of the pictures in a range.
pub(crate) fn within(range: WallRange, count: usize) -> Vec<usize> {
    (0..count).filter(|&n| range.contains(wall(n))).collect()
}

/// The clip of `range` shows the pictures `expected`, evenly, and ffmpeg has nothing to complain about.
async fn assert_shows(archive: &Arc<Archive>, source: &Pictures, range: WallRange, path: &Path) {
    let expected = within(range, source.hashes.len());
    let clip = archive.clip(range, ClipFormat::Progressive, path).await;
    let info = clip.info();
    assert_eq!(info.pictures, expected.len() as u64, "{range:?}");
    assert_eq!(info.start, wall(expected[0]), "{range:?}");
    assert_eq!(info.end, wall(expected[expected.len() - 1] + 1), "{range:?}");
    assert!(info.gaps.is_empty(), "{:?}", info.gaps);
    assert_eq!(info.duration.as_micros(), expected.len() as u128 * 40_000);
    let mut shown = tools::pictures(path);
    // Where one picture alone is shown and was decoded from a later one, ffmpeg places it before 0.
    let first = shown[0].0;
    shown.iter_mut().for_each(|(time, _)| *time -= first);
    let hashes: Vec<_> = expected.iter().map(|&n| source.hashes[n].clone()).collect();
    let expected: Vec<_> = (0..).step_by(3_600).zip(hashes).collect();
    assert_eq!(shown, expected, "{range:?}");
}

async fn ranges_of(options: &[&str], seed: u64, rounds: usize) {
    let source = pictures(options, "320x180", 0, COUNT);
    let archive = Arc::new(Archive::record(units(source.units.clone(), &desc(&[&source.format]))));
    assert!(archive.files.len() > 2, "{} files", archive.files.len());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("clip.mp4");
    let whole = WallRange::new(wall(0), wall(COUNT));
    // All of it; from picture to picture; around a border of files; one picture; the microseconds beside it.
    let mut ranges = vec![
        whole,
        WallRange::new(wall(10), wall(60)),
        WallRange::new(wall(45), wall(55)),
        WallRange::new(wall(73), wall(74)),
        WallRange::new(wall(73).add_micros(-1), wall(74).add_micros(1)),
        WallRange::new(wall(50), wall(51)),
    ];
    let mut next = numbers(seed);
    ranges.extend((0..rounds).map(|_| {
        let start = wall(0).add_micros(next(7_800_000) as i64);
        WallRange::new(start, start.add_micros(40_000 + next(3_000_000) as i64))
    }));
    for range in ranges {
        assert_shows(&archive, &source, range, &path).await;
    }
}

#[tokio::test]
async fn h264_in_order() {
    ranges_of(H264, 1, 8).await;
}

#[tokio::test]
async fn h264_with_b_pictures() {
    ranges_of(H264_B, 2, 12).await;
}

#[tokio::test]
async fn h264_with_pyramids() {
    ranges_of(H264_PYRAMID, 3, 12).await;
}

#[tokio::test]
async fn h264_with_open_groups() {
    ranges_of(H264_OPEN, 4, 12).await;
}

#[tokio::test]
async fn h265_with_open_groups() {
    ranges_of(H265_OPEN, 5, 12).await;
}

#[tokio::test]
async fn ranges_without_pictures() {
    let source = pictures(H264, "160x90", 0, 50);
    let archive = Arc::new(Archive::record(units(source.units.clone(), &desc(&[&source.format]))));
    let between = WallRange::new(wall(3).add_micros(1), wall(4));
    let before = WallRange::new(wall(0).add_micros(-5_000_000), wall(0));
    let after = WallRange::new(wall(50), wall(99));
    let backwards = WallRange::new(wall(9), wall(3));
    for range in [between, before, after, backwards] {
        let answer = archive.plan(range, ClipFormat::Progressive).await;
        assert!(matches!(answer, Err(ClipError::NoRecording)), "{range:?}: {answer:?}");
    }
    let long = WallRange::new(WallTime::from_unix_micros(i64::MIN), WallTime::from_unix_micros(i64::MAX));
    let answer = archive.plan(long, ClipFormat::Progressive).await;
    assert!(matches!(answer, Err(ClipError::TooLong { .. })), "{answer:?}");
}

/// The output from any place on is the same as in the whole.
#[tokio::test]
async fn any_bytes_of_the_output() {
    let source = pictures(H264_B, "160x90", 0, COUNT);
    let archive = Arc::new(Archive::record(units(source.units.clone(), &desc(&[&source.format]))));
    let range = WallRange::new(wall(13), wall(177));
    for format in [ClipFormat::Progressive, ClipFormat::Fragmented] {
        let clip = Arc::new(archive.plan(range, format).await.unwrap());
        let length = clip.info().bytes;
        let whole = archive.output(&clip, 0..length).await;
        assert_eq!(whole.len() as u64, length);
        let mut next = numbers(6);
        for _ in 0..40 {
            let start = next(length + 1);
            let end = start + next(length - start + 1);
            assert_eq!(archive.output(&clip, start..end).await, whole[start as usize..end as usize]);
        }
        assert_eq!(archive.output(&clip, length - 1..u64::MAX).await.len(), 1);
    }
}
