//! Sound of cameras as HLS plays it: G.711 becomes Opus in the live form, and stays beside the picture.

use super::killed::now;
use super::players::Player;
use super::{SOON, judge, recorded, rfc3339};
use crate::live::{page_of, test_camera};
use crate::process::run;
use crate::server::Server;
use crate::turn;
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use vas_ingest::camera::strip;
use vas_ingest::camera::{CameraSource, SyntheticConfig};

/// How far the sound may be from the picture, in seconds.
const IN_SYNC: f64 = 0.040;
const WIDTH: usize = 640;
const HEIGHT: usize = 360;
const RATE: f64 = 48_000.0;
const PATIENCE: Duration = Duration::from_secs(120);

/// A camera whose sound is G.711 with a beep at each full second of UTC.
fn beeping() -> CameraSource {
    CameraSource::Synthetic(SyntheticConfig {
        keyframe_interval: 25,
        audio: true,
        ..SyntheticConfig::default()
    })
}

/// Copies `seconds` of a playlist to a file, as they are.
async fn copied(url: &str, seconds: u32, to: &Path) -> Result<()> {
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-v", "error", "-y", "-allowed_extensions", "ALL", "-i", url]);
    ffmpeg.args(["-t", &seconds.to_string(), "-c", "copy"]).arg(to);
    run("ffmpeg", ffmpeg, PATIENCE).await.map(drop)
}

/// Decodes one stream of a file to raw samples or pixels.
async fn decoded(file: &Path, arguments: &[&str]) -> Result<Vec<u8>> {
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-v", "error", "-i"]).arg(file).args(arguments).arg("pipe:1");
    let output = tokio::task::spawn_blocking(move || ffmpeg.output()).await??;
    let complaint = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success() && complaint.is_empty(), "ffmpeg: {complaint}");
    Ok(output.stdout)
}

/// The times of a stream's packets, in seconds.
async fn times(file: &Path, stream: &str) -> Result<Vec<f64>> {
    let mut ffprobe = Command::new("ffprobe");
    ffprobe.args([
        "-v",
        "error",
        "-select_streams",
        stream,
        "-show_entries",
        "packet=pts_time",
        "-of",
        "json",
    ]);
    ffprobe.arg(file);
    let told: Value = serde_json::from_str(&run("ffprobe", ffprobe, PATIENCE).await?)?;
    let packets = told["packets"].as_array().context("packets")?;
    packets.iter().map(|packet| Ok(packet["pts_time"].as_str().context("a time")?.parse()?)).collect()
}

/// How far each beep is from the full second that the picture tells, in seconds.
async fn off_sync(file: &Path) -> Result<Vec<f64>> {
    let shown = times(file, "v:0").await?;
    let luma =
        decoded(file, &["-map", "0:v", "-fps_mode", "passthrough", "-pix_fmt", "gray", "-f", "rawvideo"])
            .await?;
    let stamp =
        strip::read(luma.get(..WIDTH * HEIGHT).context("a picture")?, WIDTH, WIDTH).context("a strip")?;
    // The strip tells the low 32 bits of the milliseconds of UTC, which were a moment ago.
    let present = now()? / 1_000;
    let taken = present - i64::from((present as u32).wrapping_sub(stamp.utc_millis));
    // What has to be added to a time in the file for seconds of UTC.
    let origin = (taken % 1_000_000) as f64 / 1_000.0 - shown[0];
    let heard = times(file, "a:0").await?;
    let samples = decoded(file, &["-map", "0:a", "-ac", "1", "-ar", "48000", "-f", "f32le"]).await?;
    let samples: Vec<f32> = samples
        .chunks_exact(4)
        .map(|bytes| f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
        .collect();
    let loud = |n: usize| samples[n].abs() > 0.03;
    let quiet_before =
        |n: usize| n >= 4_800 && samples[n - 4_800..n].iter().all(|sample| sample.abs() <= 0.03);
    let onsets = (0..samples.len()).filter(|n| loud(*n) && quiet_before(*n));
    Ok(onsets
        .map(|n| {
            let time = heard[0] + n as f64 / RATE + origin;
            time - time.round()
        })
        .collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn g711_is_opus_in_the_live_form() -> Result<()> {
    let _turn = turn::alone().await;
    let camera = test_camera(beeping())?;
    let server = Server::start().await?;
    let live = server.add_live("gate", &camera.url("cam")).await?;
    let url = server.url(&format!("v2/streams/{}/hls/index.m3u8", live.stream));
    let (_browser, page) = page_of(&server).await?;
    let player = Player::play(&page, &url).await?;
    let heard =
        player.shows("pictures with sound", |look| look.frames > 100 && look.audio_bytes > 4_000).await?;
    Player::no_fatal(&heard)?;

    let folder = tempfile::tempdir()?;
    let file = folder.path().join("live.mp4");
    copied(&url, 8, &file).await?;
    let mut ffprobe = Command::new("ffprobe");
    ffprobe.args([
        "-v",
        "error",
        "-select_streams",
        "a:0",
        "-show_entries",
        "stream=codec_name,sample_rate",
        "-of",
        "csv=p=0",
    ]);
    ffprobe.arg(&file);
    ensure!(run("ffprobe", ffprobe, PATIENCE).await?.trim() == "opus,48000");
    let off = off_sync(&file).await?;
    println!("beeps beside the picture: {off:.3?} s");
    ensure!(off.len() >= 5, "{} beeps in 8 s", off.len());
    ensure!(off.iter().all(|off| off.abs() <= IN_SYNC), "sound and picture part: {off:?}");
    ensure!(server.stop().await);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn g711_is_opus_in_recorded_ranges_and_stays_itself_in_files() -> Result<()> {
    let _turn = turn::alone().await;
    let camera = test_camera(beeping())?;
    let server = Server::start_with(|config| config.recording.file_seconds = 5).await?;
    let live = server.add_live("gate", &camera.url("cam")).await?;
    let (start, _) = recorded(&server, &live, 14).await?;
    let query = format!("start={}&end={}", rfc3339(start), rfc3339(start + 12_000_000));
    let url = server.url(&format!("v2/streams/{}/playback.m3u8?{query}", live.stream));
    judge::decodes(&url).await?;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("recorded.mp4");
    copied(&url, 12, &file).await?;
    let off = off_sync(&file).await?;
    println!("recorded beeps beside the picture: {off:.3?} s");
    ensure!(off.len() >= 10, "{} beeps in 12 s", off.len());
    ensure!(off.iter().all(|off| off.abs() <= IN_SYNC), "sound and picture part: {off:?}");
    // Across files and segments: a packet of 20 ms after the other.
    let heard = times(&file, "a:0").await?;
    let holes: Vec<_> = heard.windows(2).filter(|pair| (pair[1] - pair[0] - 0.020).abs() > 0.0015).collect();
    ensure!(holes.is_empty(), "sound has holes: {holes:?}");

    let (_browser, page) = page_of(&server).await?;
    let player = Player::play(&page, &url).await?;
    let ended = player.shows("the end", |look| look.ended).await?;
    Player::no_fatal(&ended)?;
    ensure!(ended.audio_bytes > 5_000, "{ended:?}");
    let clip = server.url(&format!("v2/streams/{}/clip.mp4?{query}", live.stream));
    let mut ffprobe = Command::new("ffprobe");
    ffprobe.args([
        "-v",
        "error",
        "-select_streams",
        "a:0",
        "-show_entries",
        "stream=codec_name",
        "-of",
        "csv=p=0",
        &clip,
    ]);
    ensure!(run("ffprobe", ffprobe, SOON).await?.trim() == "pcm_mulaw");
    ensure!(server.stop().await);
    Ok(())
}
