//! Clips and playlists of a real camera: exactly the pictures of the range, and not one word of complaint by ffmpeg.

use super::{fetch, judge, micros, recorded, rfc3339};
use crate::gst_camera::{BPictures, CameraOptions, GstCamera};
use crate::live::{synthetic, test_camera};
use crate::server::{Camera, Server};
use crate::turn;
use anyhow::{Context, Result, ensure};

/// Asks for a clip and has ffmpeg judge it; gives the number of its pictures, and what the headers say of it.
async fn clip(server: &Server, camera: &Camera, start: i64, end: i64) -> Result<(usize, u64, i64, i64)> {
    let query = format!("start={}&end={}", rfc3339(start), rfc3339(end));
    let (headers, bytes) =
        fetch(&server.url(&format!("v2/streams/{}/clip.mp4?{query}", camera.stream))).await?;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("clip.mp4");
    std::fs::write(&file, &bytes)?;
    let file = file.display().to_string();
    judge::decodes(&file).await?;
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let told = text("x-clip-pictures").parse()?;
    Ok((
        judge::pictures(&file).await?.len(),
        told,
        micros(text("x-clip-start"))?,
        micros(text("x-clip-end"))?,
    ))
}

async fn is_exact(rtsp_url: &str) -> Result<()> {
    let server = Server::start().await?;
    let live = server.add_live("gate", rtsp_url).await?;
    let (start, _) = recorded(&server, &live, 12).await?;
    for (after, seconds) in [(0, 3.0), (1_300_000, 4.0), (2_000_001, 0.5), (5_555_555, 5.2)] {
        let (from, to) = (start + after, start + after + (seconds * 1e6) as i64);
        let (shown, told, first, end) = clip(&server, &live, from, to).await?;
        ensure!(shown as u64 == told, "the headers tell of {told} pictures, ffprobe finds {shown}");
        // In its first seconds the time of capture approaches the camera's by up to a twentieth.
        let wanted = seconds * 25.0;
        ensure!((shown as f64 - wanted).abs() <= 1.0 + wanted / 20.0, "{shown} pictures in {seconds} s");
        ensure!(
            (from - 1_000..from + 41_000).contains(&first),
            "the first picture is {} us late",
            first - from
        );
        ensure!((to - 41_000..to + 42_000).contains(&end), "it ends {} us late", end - to);
    }
    let query = format!("start={}&end={}", rfc3339(start), rfc3339(start + 10_000_000));
    for format in ["cmaf", "ts"] {
        let url = server.url(&format!("v2/streams/{}/playback.m3u8?{query}&format={format}", live.stream));
        judge::decodes(&url).await.context(format)?;
    }
    let url = server.url(&format!("v2/streams/{}/hls/playlist.m3u8", live.stream));
    let (headers, playlist) = fetch(&url).await?;
    ensure!(headers["content-type"] == "application/vnd.apple.mpegurl");
    let text = String::from_utf8(playlist)?;
    let segment = text.lines().find(|line| !line.starts_with('#')).context("a segment")?;
    ensure!(segment.ends_with(".ts") && !segment.contains('/'), "{segment}");
    let (headers, ts) = fetch(&server.url(&format!("v2/streams/{}/hls/{segment}", live.stream))).await?;
    ensure!(headers["content-type"] == "video/mp2t" && ts.len() % 188 == 0 && ts[0] == 0x47);
    ensure!(server.stop().await);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn of_the_synthetic_camera() -> Result<()> {
    let _turn = turn::shared().await;
    let camera = test_camera(synthetic(50))?;
    is_exact(&camera.url("cam")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_camera_with_b_pictures() -> Result<()> {
    let _turn = turn::shared().await;
    let options = CameraOptions { b_pictures: BPictures::Plain(2), ..CameraOptions::default() };
    let camera = GstCamera::start(options).await?;
    is_exact(&camera.url()).await
}
