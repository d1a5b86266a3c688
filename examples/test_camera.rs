//! A test camera to point players and servers at: a synthetic picture with a running clock, and MP4 files in a loop.
//!
//! ```text
//! cargo run -p vas-examples --example test_camera -- --listen 127.0.0.1:8554 --audio --file gate.mp4
//! ffplay rtsp://127.0.0.1:8554/test
//! ```
#![expect(clippy::print_stdout, reason = "a program for people to run")]

use anyhow::{Context, ensure};
use clap::Parser;
use std::net::SocketAddr;
use std::path::PathBuf;
use vas_core::Credentials;
use vas_ingest::camera::{CameraSource, SyntheticConfig, TestCamera, TestCameraConfig};

/// A test camera that speaks RTSP.
#[derive(Debug, Parser)]
struct Args {
    /// Address to listen on; port 0 takes any that is free.
    #[arg(long, default_value = "127.0.0.1:8554")]
    listen: SocketAddr,
    /// Width of the synthetic picture in pixels.
    #[arg(long, default_value_t = 640)]
    width: u32,
    /// Height of the synthetic picture in pixels.
    #[arg(long, default_value_t = 360)]
    height: u32,
    /// Frames per second of the synthetic picture.
    #[arg(long, default_value_t = 25)]
    fps: u32,
    /// Frames from one key picture to the next.
    #[arg(long, default_value_t = 50)]
    keyframe_interval: u32,
    /// Bits per second of the synthetic picture.
    #[arg(long, default_value_t = 800_000)]
    bitrate: u32,
    /// Makes the picture grainy, so that it takes the bits per second given.
    #[arg(long)]
    grain: bool,
    /// Synthetic cameras to show; the second has the path /test2, and so on.
    #[arg(long, default_value_t = 1)]
    count: u32,
    /// Adds a beep each second.
    #[arg(long)]
    audio: bool,
    /// Makes key pictures alone while nobody watches.
    #[arg(long)]
    idle: bool,
    /// User name that viewers must give.
    #[arg(long, requires = "password")]
    user: Option<String>,
    /// Password that viewers must give.
    #[arg(long, requires = "user", env = "TEST_CAMERA_PASSWORD", hide_env_values = true)]
    password: Option<String>,
    /// MP4 file (H.264, perhaps with AAC) to be replayed in a loop, at the path of its name; may be repeated.
    #[arg(long)]
    file: Vec<PathBuf>,
}

impl Args {
    fn into_config(self) -> anyhow::Result<TestCameraConfig> {
        let mut config = TestCameraConfig::new(self.listen);
        config.auth = self.user.zip(self.password).map(|(user, password)| Credentials::new(user, password));
        for n in 1..=self.count {
            let path = if n == 1 { "test".to_owned() } else { format!("test{n}") };
            let source = SyntheticConfig {
                name: format!("CAMERA {n}"),
                width: self.width,
                height: self.height,
                fps: self.fps,
                keyframe_interval: self.keyframe_interval,
                bitrate: self.bitrate,
                grain: self.grain,
                audio: self.audio,
                idle: self.idle,
            };
            config.sources.push((path, CameraSource::Synthetic(source)));
        }
        for file in self.file {
            let path =
                file.file_stem().and_then(|stem| stem.to_str()).context("a file has no usable name")?;
            // The names of files may hold what URLs may not.
            let plain = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '_' };
            let path = path.chars().map(plain).collect();
            config.sources.push((path, CameraSource::File(file)));
        }
        ensure!(!config.sources.is_empty(), "nothing to show: give --file or a --count above 0");
        Ok(config)
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let config = Args::parse().into_config()?;
    let paths: Vec<String> = config.sources.iter().map(|(path, _)| path.clone()).collect();
    let camera = TestCamera::start(config)?;
    for path in paths {
        println!("{}", camera.url(&path));
    }
    tokio::signal::ctrl_c().await?;
    camera.stop().await;
    Ok(())
}
