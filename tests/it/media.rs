//! Media made and measured with ffmpeg, the oracle of the tests.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;
use tempfile::TempDir;

use crate::process::run;

const ENCODE: Duration = Duration::from_secs(60);
const PROBE: Duration = Duration::from_secs(30);

/// A folder for the files of one test, removed with it.
#[derive(Debug)]
pub(crate) struct MediaDir(TempDir);

/// What [`MediaDir::mp4`] makes: a moving test picture as H.264 in MP4.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mp4Options {
    pub(crate) seconds: u32,
    /// Frames per second.
    pub(crate) fps: u32,
    /// Frames from one keyframe to the next.
    pub(crate) gop: u32,
    /// B pictures between references.
    pub(crate) b_pictures: u8,
    pub(crate) width: u32,
    pub(crate) height: u32,
}

impl Default for Mp4Options {
    fn default() -> Self {
        Self { seconds: 4, fps: 25, gop: 25, b_pictures: 0, width: 640, height: 360 }
    }
}

impl MediaDir {
    /// An empty folder.
    ///
    /// # Errors
    /// The temporary folder of the system cannot be written.
    pub(crate) fn new() -> Result<Self> {
        Ok(Self(TempDir::with_prefix("vas-media-").context("no temporary folder")?))
    }

    /// The path of a file in it, whether or not there is one.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Encodes a test picture (ffmpeg's testsrc2: moving shapes, a counter and a clock) into an MP4 file.
    ///
    /// # Errors
    /// ffmpeg is missing or fails; the message ends with what it printed.
    pub(crate) async fn mp4(&self, name: &str, options: Mp4Options) -> Result<PathBuf> {
        let Mp4Options { seconds, fps, gop, b_pictures, width, height } = options;
        let path = self.path(name);
        let mut ffmpeg = Command::new("ffmpeg");
        ffmpeg
            .args(["-v", "error", "-nostdin", "-y", "-f", "lavfi", "-i"])
            .arg(format!("testsrc2=size={width}x{height}:rate={fps}:duration={seconds}"))
            .args(["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-sc_threshold", "0"])
            .args(["-g", &gop.to_string(), "-keyint_min", &gop.to_string(), "-bf", &b_pictures.to_string()])
            .args(["-movflags", "+faststart"])
            .arg(&path);
        run("ffmpeg", ffmpeg, ENCODE).await?;
        Ok(path)
    }
}

/// What ffprobe says of `input` (a path or URL), as JSON: `streams`, `format`, and what `options` add.
///
/// # Errors
/// ffprobe cannot read it; the message ends with ffprobe's own (`Server returned 401`, for one).
pub(crate) async fn ffprobe(options: &[&str], input: &str) -> Result<Value> {
    let mut ffprobe = Command::new("ffprobe");
    ffprobe.args(["-v", "error", "-of", "json", "-show_streams", "-show_format"]).args(options).arg(input);
    let json = run("ffprobe", ffprobe, PROBE).await?;
    serde_json::from_str(&json).context("ffprobe printed no JSON")
}

/// [`ffprobe`] of an RTSP URL over "tcp" or "udp".
///
/// # Errors
/// As [`ffprobe`].
pub(crate) async fn ffprobe_over(transport: &str, url: &str) -> Result<Value> {
    ffprobe(&["-rtsp_transport", transport], url).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn makes_files_with_keyframes_where_asked() {
        let media = MediaDir::new().unwrap();
        let options = Mp4Options { seconds: 2, gop: 20, ..Mp4Options::default() };
        let file = media.mp4("clip.mp4", options).await.unwrap();
        let frames = ["-select_streams", "v", "-show_entries", "packet=flags"];
        let probed = ffprobe(&frames, file.to_str().unwrap()).await.unwrap();
        let packets = probed["packets"].as_array().unwrap();
        let keyframes: Vec<usize> = (0..packets.len())
            .filter(|&index| packets[index]["flags"].as_str().unwrap().starts_with('K'))
            .collect();
        assert_eq!(packets.len(), 50);
        assert_eq!(keyframes, [0, 20, 40]);
    }
}
