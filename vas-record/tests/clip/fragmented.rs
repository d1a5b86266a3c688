//! The fragmented form plays from the first picture asked for.

use crate::archive::{Archive, units};
use crate::media::{H264, H264_B, H265_OPEN, desc, merged, pictures, tone, wall};
use crate::tools;
use std::sync::Arc;
use vas_core::model::WallRange;
use vas_record::clip::ClipFormat;

async fn played(options: &[&str]) {
    let (video, sound) = (pictures(options, "320x180", 0, 200), tone("aac", 8));
    let all = merged(&video.units, &sound.units);
    let archive = Arc::new(Archive::record(units(all, &desc(&[&video.format, &sound.format]))));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("clip.mp4");
    for (from, to) in [(0, 200), (33, 130), (99, 102), (150, 199)] {
        archive.clip(WallRange::new(wall(from), wall(to)), ClipFormat::Fragmented, &path).await;
        // The first picture asked for is at 0. ffmpeg shows those before it too, which it starts decoding with.
        assert!(tools::packets(&path, "v").iter().any(|packet| packet.pts == 0));
        let shown = tools::hashes(&path);
        let first = shown.iter().position(|hash| *hash == video.hashes[from]).unwrap();
        assert!(first <= 2 * 25, "{first} pictures before it");
        assert_eq!(shown[first..first + to - from], video.hashes[from..to]);
        let after = shown.len() - first - (to - from);
        assert!(after <= 5, "{after} pictures after the last one");
        assert!(!tools::sound(&path).is_empty());
    }
}

#[tokio::test]
async fn h264_in_order() {
    played(H264).await;
}

#[tokio::test]
async fn h264_with_b_pictures() {
    played(H264_B).await;
}

#[tokio::test]
async fn h265_with_open_groups() {
    played(H265_OPEN).await;
}
