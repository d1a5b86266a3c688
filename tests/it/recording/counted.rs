//! Clips judged by the counter in the camera's picture: exactly the pictures of the range, each once, in their order.
//!
//! Which picture belongs to which microsecond is the camera's and the network's to know; that no picture is lost or shown
//! twice where one clip ends and the next begins is not. So each range is asked for in pieces and as a whole, and the
//! pieces must make up the whole.

use super::{SOON, fetch, recorded, rfc3339, stretches};
use crate::live::{synthetic, test_camera};
use crate::server::{Camera, Server};
use crate::turn;
use crate::wait::until;
use anyhow::{Context, Result, ensure};
use std::process::Command;
use std::time::Duration;
use vas_ingest::camera::strip::{self, Stamp};
use vas_ingest::camera::{CameraSource, SyntheticConfig, TestCamera, TestCameraConfig};

/// How long the camera is away: stretches that lie closer together than half a second are shown as one.
const OUTAGE: Duration = Duration::from_secs(2);
/// Size that all pictures are scaled to, so that the strip's cells are whole pixels.
const WIDTH: usize = 640;
const HEIGHT: usize = 360;
/// A picture lasts so long, in milliseconds.
const PICTURE: i64 = 40;
/// How far the times of capture that ingest finds may be from the camera's, in milliseconds.
const CLOCK: i64 = 60;

/// What is written on the pictures of a clip, in their order.
async fn stamps(server: &Server, camera: &Camera, from: i64, to: i64) -> Result<Vec<Stamp>> {
    let query = format!("start={}&end={}", rfc3339(from), rfc3339(to));
    let url = server.url(&format!("v2/streams/{}/clip.mp4?{query}", camera.stream));
    let (_, bytes) = fetch(&url).await?;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("clip.mp4");
    std::fs::write(&file, &bytes)?;
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-v", "error", "-i"]).arg(&file).args(["-map", "0:v", "-fps_mode", "passthrough"]);
    ffmpeg.args(["-vf", &format!("scale={WIDTH}:{HEIGHT}:flags=neighbor"), "-pix_fmt", "gray"]);
    ffmpeg.args(["-f", "rawvideo", "pipe:1"]);
    let output = tokio::task::spawn_blocking(move || ffmpeg.output()).await??;
    let complaint = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success() && complaint.is_empty(), "ffmpeg on a clip: {complaint}");
    let pictures = output.stdout.chunks_exact(WIDTH * HEIGHT);
    pictures.map(|luma| strip::read(luma, WIDTH, WIDTH).context("a picture without its strip")).collect()
}

/// Asks for the ranges between `borders` one by one and for all of it at once; gives all pictures.
async fn make_up(server: &Server, camera: &Camera, borders: &[i64]) -> Result<Vec<Stamp>> {
    let (first, last) = (borders[0], borders[borders.len() - 1]);
    let whole = stamps(server, camera, first, last).await?;
    let mut pieces = Vec::new();
    for pair in borders.windows(2) {
        pieces.extend(stamps(server, camera, pair[0], pair[1]).await?);
    }
    let numbers = |all: &[Stamp]| all.iter().map(|stamp| stamp.frame).collect::<Vec<_>>();
    ensure!(numbers(&pieces) == numbers(&whole), "{:?} is not {:?}", numbers(&pieces), numbers(&whole));
    // The first and the last picture are those of the time that was asked for.
    let off = |stamp: &Stamp, micros: i64| {
        i64::from((stamp.utc_millis).wrapping_sub((micros / 1_000) as u32).cast_signed())
    };
    let (start, end) = (off(&whole[0], first), off(&whole[whole.len() - 1], last));
    ensure!((-CLOCK..=PICTURE + CLOCK).contains(&start), "it begins {start} ms late");
    ensure!((-PICTURE - CLOCK..=CLOCK).contains(&end), "its last picture is {end} ms late");
    Ok(whole)
}

/// Whether each picture follows the one before.
fn follow(stamps: &[Stamp]) -> bool {
    stamps.windows(2).all(|pair| pair[1].frame == pair[0].frame + 1)
}

#[tokio::test(flavor = "multi_thread")]
async fn within_a_file_and_across_files() -> Result<()> {
    let _turn = turn::shared().await;
    let camera = test_camera(synthetic(25))?;
    let server = Server::start_with(|config| config.recording.file_seconds = 4).await?;
    let live = server.add_live("gate", &camera.url("cam")).await?;
    let (start, _) = recorded(&server, &live, 14).await?;
    // Files of four seconds: every one of these pieces but the first lies across a border.
    let borders = [2_000_000, 2_900_000, 5_300_000, 9_123_456, 12_500_001].map(|after| start + after);
    let all = make_up(&server, &live, &borders).await?;
    ensure!(follow(&all), "pictures are missing: {all:?}");
    let wanted = (borders[4] - borders[0]) / 40_000;
    ensure!((all.len() as i64 - wanted).abs() <= 2, "{} pictures of {wanted}", all.len());
    ensure!(server.stop().await);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn across_a_gap() -> Result<()> {
    let _turn = turn::shared().await;
    let camera = test_camera(synthetic(25))?;
    let server = Server::start().await?;
    let live = server.add_live("gate", &camera.url("cam")).await?;
    let (start, _) = recorded(&server, &live, 5).await?;
    camera.stop().await;
    server.wait_for_state(&live, "ERROR").await?;
    tokio::time::sleep(OUTAGE).await;
    camera.resume()?;
    server.wait_for_state(&live, "LIVE").await?;
    let stretches = second_stretch(&server, &live).await?;
    let gap = (stretches[0].1, stretches[1].0);
    let middle = (gap.0 + gap.1) / 2;
    let borders = [start + 2_000_000, gap.0 - 500_000, middle, gap.1 + 1_000_000, gap.1 + 3_000_000];
    let all = make_up(&server, &live, &borders).await?;
    // The camera counts from 0 again.
    let again = all.windows(2).position(|pair| pair[1].frame < pair[0].frame).context("one gap")? + 1;
    ensure!(follow(&all[..again]) && follow(&all[again..]), "pictures are missing: {all:?}");
    ensure!(server.stop().await);
    Ok(())
}

async fn second_stretch(server: &Server, camera: &Camera) -> Result<Vec<(i64, i64)>> {
    until(SOON, "a second stretch", async || {
        let all = stretches(server, camera).await.ok()?;
        (all.len() >= 2 && all[1].1 - all[1].0 > 5_000_000).then_some(all)
    })
    .await
}

/// A camera that comes back with another size: another initialisation section from there on.
#[tokio::test(flavor = "multi_thread")]
async fn across_a_change_of_parameters() -> Result<()> {
    let _turn = turn::shared().await;
    let camera = test_camera(synthetic(25))?;
    let server = Server::start().await?;
    let live = server.add_live("gate", &camera.url("cam")).await?;
    let (start, _) = recorded(&server, &live, 5).await?;
    camera.stop().await;
    tokio::time::sleep(OUTAGE).await;
    let smaller =
        SyntheticConfig { width: 320, height: 180, keyframe_interval: 25, ..SyntheticConfig::default() };
    let mut config = TestCameraConfig::new(camera.local_addr());
    config.sources.push(("cam".to_owned(), CameraSource::Synthetic(smaller)));
    let _smaller = TestCamera::start(config)?;
    let stretches = second_stretch(&server, &live).await?;
    let gap = (stretches[0].1, stretches[1].0);
    let borders = [start + 2_000_000, gap.0 - 700_000, gap.1 + 1_100_000, gap.1 + 3_000_000];
    let all = make_up(&server, &live, &borders).await?;
    let again = all.windows(2).position(|pair| pair[1].frame < pair[0].frame).context("one change")? + 1;
    ensure!(follow(&all[..again]) && follow(&all[again..]), "pictures are missing: {all:?}");
    ensure!(all.len() - again > 50, "{} pictures after the change", all.len() - again);
    ensure!(server.stop().await);
    Ok(())
}
