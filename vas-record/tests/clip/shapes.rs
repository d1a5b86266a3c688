//! Gaps and changes of parameters in the middle of a clip.

use crate::archive::{Archive, Event, units};
use crate::exact::numbers;
use crate::media::{H264, H264_B, H265_OPEN, Pictures, desc, merged, pictures, tone, wall};
use crate::tools;
use std::sync::Arc;
use vas_core::media::AccessUnit;
use vas_core::model::{GapReason, WallRange};
use vas_record::clip::ClipFormat;

fn number(unit: &AccessUnit) -> usize {
    (unit.captured.micros_since(wall(0)) / 40_000) as usize
}

/// Eight seconds, of which the pictures sent from place 60 to 110 are missing, and what can't be decoded without them:
/// the archive and the pictures that are left.
fn with_gap(source: &Pictures) -> (Arc<Archive>, Vec<usize>) {
    let desc = desc(&[&source.format]);
    let mut events = units(source.units[..60].to_vec(), &desc);
    events.push(Event::Lagged);
    events.extend(units(source.units[110..].to_vec(), &desc));
    let key = source.units[110..].iter().find(|unit| unit.is_key()).map(number).unwrap();
    let before = source.units[..60].iter().map(number);
    let after = source.units[110..].iter().map(number).filter(|&n| n >= key);
    let mut left: Vec<_> = before.chain(after).collect();
    left.sort_unstable();
    (Arc::new(Archive::record(events)), left)
}

async fn across_a_gap(options: &[&str]) {
    let source = pictures(options, "320x180", 0, 200);
    let (archive, left) = with_gap(&source);
    let after = *left.iter().find(|&&n| n > 80).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("clip.mp4");
    let mut next = numbers(11);
    let mut ranges = vec![WallRange::new(wall(0), wall(200)), WallRange::new(wall(80), wall(150))];
    ranges.extend((0..4).map(|_| {
        let start = wall(0).add_micros(next(2_000_000) as i64);
        WallRange::new(start, wall(after).add_micros(1 + next(2_900_000) as i64))
    }));
    for range in ranges {
        let clip = archive.clip(range, ClipFormat::Progressive, &path).await;
        let expected: Vec<_> = left.iter().filter(|&&n| range.contains(wall(n))).collect();
        let hashes: Vec<_> = expected.iter().map(|&&n| source.hashes[n].clone()).collect();
        assert_eq!(tools::hashes(&path), hashes, "{range:?}");
        assert_eq!(clip.info().pictures, expected.len() as u64);
        if range.start < wall(50) {
            let [(gap, GapReason::Lagged)] = clip.info().gaps[..] else { panic!("{:?}", clip.info().gaps) };
            assert_eq!(gap.end, wall(after));
            let last = left.iter().rfind(|&&n| n < 80).unwrap();
            assert_eq!(gap.start, wall(last + 1));
            // What comes after the gap is shown at once.
            let times: Vec<_> = tools::pictures(&path).into_iter().map(|(time, _)| time).collect();
            assert!(times.windows(2).all(|pair| pair[1] - pair[0] <= 4 * 3_600), "{times:?}");
        } else {
            assert!(clip.info().gaps.is_empty());
            assert_eq!(clip.info().start, wall(after));
        }
    }
}

#[tokio::test]
async fn h264_across_a_gap() {
    across_a_gap(H264).await;
}

#[tokio::test]
async fn h264_with_b_pictures_across_a_gap() {
    across_a_gap(H264_B).await;
}

#[tokio::test]
async fn h265_with_open_groups_across_a_gap() {
    across_a_gap(H265_OPEN).await;
}

/// The camera's resolution changes after four seconds; sound goes on.
async fn across_a_change(options: &[&str]) {
    let (one, two) = (pictures(options, "320x180", 0, 100), pictures(options, "192x108", 100, 100));
    let sound = tone("aac", 8);
    let descs = [&one, &two].map(|pictures| desc(&[&pictures.format, &sound.format]));
    let both: Vec<_> = one.units.iter().chain(&two.units).cloned().collect();
    let events = merged(&both, &sound.units).into_iter().map(|unit| {
        let desc = &descs[usize::from(unit.captured >= wall(100))];
        Event::Unit(unit, desc.clone())
    });
    let archive = Arc::new(Archive::record(events.collect()));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("clip.mp4");
    let hashes: Vec<_> = one.hashes.iter().chain(&two.hashes).cloned().collect();
    for (from, to) in [(0, 200), (87, 131), (99, 101), (100, 140)] {
        let clip = archive.clip(WallRange::new(wall(from), wall(to)), ClipFormat::Progressive, &path).await;
        let shown: Vec<_> = (0..).step_by(3_600).zip(hashes[from..to].to_vec()).collect();
        assert_eq!(tools::pictures(&path), shown);
        let info = clip.info();
        assert_eq!((info.start, info.end), (wall(from), wall(to)));
        // What is only read for its neighbours' sake is not described.
        let formats = [(from < 100).then_some(&one.format), (to > 100).then_some(&two.format)];
        let mut codecs: Vec<_> = formats.into_iter().flatten().map(|format| format.rfc6381()).collect();
        codecs.dedup();
        codecs.push(sound.format.rfc6381());
        assert_eq!(info.codecs, codecs.join(","));
        let heard = tools::sound(&path).len() as i64;
        let expected = (to - from) as i64 * 1_920;
        // A packet at each end, and one at each side of the change.
        assert!((heard - expected).abs() <= 4 * 1_024, "{heard} samples, {expected} expected");
    }
}

#[tokio::test]
async fn h264_across_a_change_of_size() {
    across_a_change(H264).await;
}

#[tokio::test]
async fn h264_with_b_pictures_across_a_change_of_size() {
    across_a_change(H264_B).await;
}

#[tokio::test]
async fn h265_across_a_change_of_size() {
    across_a_change(H265_OPEN).await;
}

/// A file that is not kept any more is a gap like others.
#[tokio::test]
async fn a_file_is_missing() {
    let source = pictures(H264_B, "160x90", 0, 200);
    let mut archive = Archive::record(units(source.units.clone(), &desc(&[&source.format])));
    let (lost, _) = archive.files.remove(1);
    let archive = Arc::new(archive);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("clip.mp4");
    let clip = archive.clip(WallRange::new(wall(20), wall(180)), ClipFormat::Progressive, &path).await;
    let [(gap, GapReason::Storage)] = clip.info().gaps[..] else { panic!("{:?}", clip.info().gaps) };
    assert!(gap.start.micros_since(lost.span.start).abs() <= 80_000, "{gap:?}");
    assert!(gap.end.micros_since(lost.span.end).abs() <= 80_000, "{gap:?}");
    let shown = tools::hashes(&path);
    assert_eq!(shown.len() as u64, clip.info().pictures);
    let expected = source.hashes[20..180].iter().enumerate().filter(|&(n, _)| !gap.contains(wall(20 + n)));
    assert_eq!(shown, expected.map(|(_, hash)| hash.clone()).collect::<Vec<_>>());
}
