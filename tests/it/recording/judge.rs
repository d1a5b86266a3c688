//! ffmpeg and ffprobe as judges of files and playlists.

use crate::process::run;
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::process::Command;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(120);

/// Decodes all of `input` (a file or a URL), and makes sure that not one word of complaint comes.
pub(super) async fn decodes(input: &str) -> Result<()> {
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-v", "error", "-xerror"]);
    if input.contains(".m3u8") {
        ffmpeg.args(["-allowed_extensions", "ALL"]);
    }
    ffmpeg.args(["-i", input, "-map", "0:v", "-f", "null", "-"]);
    let output = tokio::task::spawn_blocking(move || ffmpeg.output()).await??;
    let complaint = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success() && complaint.is_empty(), "ffmpeg on {input}: {complaint}");
    Ok(())
}

/// What ffprobe tells of the pictures of a file, one by one, as a player shows them.
pub(super) async fn pictures(input: &str) -> Result<Vec<Value>> {
    let mut ffprobe = Command::new("ffprobe");
    ffprobe.args(["-v", "error", "-select_streams", "v:0", "-show_frames", "-of", "json"]);
    ffprobe.args(["-show_entries", "frame=pts_time,pict_type,width,height", input]);
    let printed = run("ffprobe", ffprobe, PATIENCE).await?;
    let told: Value = serde_json::from_str(&printed)?;
    Ok(told["frames"].as_array().context("frames")?.clone())
}
