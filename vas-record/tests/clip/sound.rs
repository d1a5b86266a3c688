//! The sound of a clip is that of its pictures, to within a packet.

use crate::archive::{Archive, units};
use crate::media::{H264_B, desc, merged, pictures, tone, wall};
use crate::tools;
use std::sync::Arc;
use vas_core::model::WallRange;
use vas_record::clip::ClipFormat;

/// Samples a second.
const RATE: i64 = 48_000;

/// How far `heard` lies behind the place `at` of `source`, in samples; `None` where it is not found near it.
fn shift(heard: &[i16], source: &[i16], at: i64) -> Option<i64> {
    // From its middle, so that it does not matter how it was cut.
    let middle = heard.len() / 2;
    let probe = &heard[middle..(middle + 4_800).min(heard.len())];
    let difference = |shift: &i64| {
        let from = usize::try_from(at + middle as i64 + shift).ok()?;
        let other = source.get(from..from + probe.len())?;
        Some(probe.iter().zip(other).map(|(&a, &b)| i64::from(a).abs_diff(b.into())).sum::<u64>())
    };
    let best = (-3_000..3_000).min_by_key(|shift| difference(shift).unwrap_or(u64::MAX))?;
    (difference(&best)? / (probe.len() as u64) < 400).then_some(best)
}

async fn heard_with(codec: &str, most: i64) {
    let (video, sound) = (pictures(H264_B, "160x90", 0, 200), tone(codec, 8));
    let all = merged(&video.units, &sound.units);
    let archive = Arc::new(Archive::record(units(all, &desc(&[&video.format, &sound.format]))));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("clip.mp4");
    for (from, to) in [(30, 100), (49, 120), (7, 63), (110, 190)] {
        archive.clip(WallRange::new(wall(from), wall(to)), ClipFormat::Progressive, &path).await;
        assert_eq!(tools::hashes(&path), video.hashes[from..to]);
        let heard = tools::sound(&path);
        let expected = (to - from) as i64 * RATE / 25;
        assert!((heard.len() as i64 - expected).abs() <= most, "{} samples of {expected}", heard.len());
        let shift = shift(&heard, &sound.samples, from as i64 * RATE / 25);
        assert!(shift.is_some_and(|shift| shift.abs() <= most), "{shift:?} at {from}");
    }
}

#[tokio::test]
async fn aac() {
    heard_with("aac", 1_024).await;
}

#[tokio::test]
async fn opus() {
    heard_with("libopus", 960).await;
}

/// Sound alone is cut to the packet.
#[tokio::test]
async fn without_pictures() {
    let sound = tone("aac", 4);
    let archive = Arc::new(Archive::record(units(sound.units.clone(), &desc(&[&sound.format]))));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("clip.mp4");
    let range = WallRange::new(wall(25), wall(75));
    let clip = archive.clip(range, ClipFormat::Progressive, &path).await;
    let within = sound.units.iter().filter(|unit| range.contains(unit.captured)).count();
    assert!(
        clip.info().pictures.abs_diff(within as u64) <= 1,
        "{} packets of {within}",
        clip.info().pictures
    );
    assert!((tools::sound(&path).len() as i64 - 2 * RATE).abs() <= 1_024);
}
