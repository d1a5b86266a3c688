//! `vas-server demo`: the server with built-in cameras, for a first look and for tests.

use crate::app::{App, StartError};
use crate::config::Config;
use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use vas_core::{ErrorKind, HasKind};
use vas_ingest::camera::{CameraSource, SyntheticConfig, TestCamera, TestCameraConfig, TestCameraError};

/// RTSP port of the built-in cameras unless told otherwise.
pub const RTSP_PORT: u16 = 8554;
/// The smallest picture of a sub stream: the strip that tests read times from needs the width.
const SMALLEST: (u32, u32) = (320, 180);
/// Names of the built-in cameras; further ones have numbers.
const NAMES: [&str; 4] = ["Gate", "Yard", "Dock", "Lobby"];

/// What a demo shows.
#[derive(Clone, Debug)]
pub struct DemoConfig {
    /// Synthetic cameras.
    pub cameras: u8,
    /// RTSP port of the cameras on the loopback interface; where it is taken, a free one is used.
    pub rtsp_port: u16,
    /// Width and height of the synthetic picture, in pixels.
    pub size: (u32, u32),
    /// MP4 files, each replayed in a loop as one more camera.
    pub files: Vec<PathBuf>,
}

impl Default for DemoConfig {
    fn default() -> Self {
        Self { cameras: 2, rtsp_port: RTSP_PORT, size: (1_280, 720), files: Vec::new() }
    }
}

/// Why a demo did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DemoError {
    /// The cameras did not start.
    #[error("built-in cameras: {0}")]
    Camera(#[from] TestCameraError),
    /// The server did not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// A camera was not taken by the server: with a database of one's own, a device of its name may be there already.
    #[error("can't add the camera {name}: {reason}")]
    Add {
        /// The camera.
        name: String,
        /// Why not.
        reason: String,
    },
}

impl HasKind for DemoError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Camera(error) => error.kind(),
            Self::Start(error) => error.kind(),
            Self::Add { .. } => ErrorKind::Conflict,
        }
    }
}

/// A server with its cameras.
#[derive(Debug)]
#[must_use = "a demo that is dropped is not shut down in order; call stop"]
pub struct Demo {
    app: App,
    cameras: TestCamera,
    urls: Vec<(String, String)>,
}

impl Demo {
    /// Starts the cameras and the server, adds them as devices and starts their streams.
    ///
    /// # Errors
    /// See [`DemoError`].
    pub async fn start(config: &Config, demo: &DemoConfig) -> Result<Self, DemoError> {
        let built_in = built_in(demo);
        let cameras = start_cameras(demo.rtsp_port, &built_in)?;
        // They are on this machine, where cameras are not connected to unless they are named.
        let mut config = config.clone();
        config.ingest.allow_hosts.push(cameras.local_addr().to_string());
        let app = App::start(&config).await?;
        let mut urls = Vec::new();
        for BuiltIn { name, path, sub, .. } in built_in {
            let url = cameras.url(&path);
            let sub_url = sub.map(|(path, _)| cameras.url(&path));
            if let Err(error) = app.add_camera(name.clone(), url.clone(), sub_url).await {
                app.stop().await;
                return Err(DemoError::Add { name, reason: error.to_string() });
            }
            urls.push((name, url));
        }
        Ok(Self { app, cameras, urls })
    }

    /// The server.
    pub const fn app(&self) -> &App {
        &self.app
    }

    /// The built-in cameras.
    #[must_use]
    pub const fn cameras(&self) -> &TestCamera {
        &self.cameras
    }

    /// What to tell the person who started it.
    #[must_use]
    pub fn banner(&self) -> String {
        let page = self.app.addresses().page();
        let mut lines = vec![
            "VAS is running".to_owned(),
            String::new(),
            format!("Open    {page}"),
            format!("API     {page}v2/streams"),
        ];
        for (index, (name, url)) in self.urls.iter().enumerate() {
            lines.push(format!("{}{url}  {name}", if index == 0 { "Cameras " } else { "        " }));
        }
        lines.extend([String::new(), "Stop with Ctrl-C".to_owned()]);
        boxed(&lines)
    }

    /// Stops the server in order, then the cameras. Whether everything ended by itself.
    pub async fn stop(self) -> bool {
        let ended = self.app.stop().await;
        self.cameras.stop().await;
        ended
    }
}

/// A camera to be built in.
#[derive(Clone, Debug)]
struct BuiltIn {
    name: String,
    path: String,
    picture: CameraSource,
    /// Path and picture of its sub stream.
    sub: Option<(String, CameraSource)>,
}

fn built_in(demo: &DemoConfig) -> Vec<BuiltIn> {
    let synthetic = (0..demo.cameras).map(|index| {
        let name = NAMES
            .get(usize::from(index))
            .map_or_else(|| format!("Camera {}", index + 1), ToString::to_string);
        let path = format!("camera{}", index + 1);
        let main = picture(&name, demo.size);
        let sub = sub_picture(&main).map(|sub| (format!("{path}/sub"), CameraSource::Synthetic(sub)));
        BuiltIn { name, path, picture: CameraSource::Synthetic(main), sub }
    });
    let files = demo.files.iter().enumerate().map(|(index, file)| {
        let stem = file.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
        BuiltIn {
            // Numbered: two files may have the same name.
            name: format!("{stem} (file {})", index + 1),
            path: format!("file{}", index + 1),
            picture: CameraSource::File(file.clone()),
            sub: None,
        }
    });
    synthetic.chain(files).collect()
}

fn picture(name: &str, (width, height): (u32, u32)) -> SyntheticConfig {
    SyntheticConfig {
        name: name.to_uppercase(),
        width,
        height,
        // About 2.5 Mb/s for 720p at 25 frames a second.
        bitrate: (width * height * 27 / 10).max(200_000),
        ..SyntheticConfig::default()
    }
}

/// A quarter of the picture's sides, with fewer frames, as cameras have it: a small share of the work. None of a
/// picture that is small already.
fn sub_picture(main: &SyntheticConfig) -> Option<SyntheticConfig> {
    let quarter = |side: u32| side / 4 / 2 * 2;
    let (width, height) = (quarter(main.width).max(SMALLEST.0), quarter(main.height).max(SMALLEST.1));
    let fps = main.fps / 2;
    // Key pictures as often as in the main stream, which is how long a change of layers waits at most.
    let keyframe_interval = main.keyframe_interval * fps / main.fps;
    (width * 2 <= main.width).then(|| SyntheticConfig {
        name: format!("{} SUB", main.name),
        width,
        height,
        fps,
        keyframe_interval,
        bitrate: (main.bitrate / 16).max(100_000),
        ..main.clone()
    })
}

fn start_cameras(port: u16, built_in: &[BuiltIn]) -> Result<TestCamera, TestCameraError> {
    let start = |port| {
        let mut config = TestCameraConfig::new(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
        let streams = built_in.iter().flat_map(|camera| {
            let main = (camera.path.clone(), camera.picture.clone());
            std::iter::once(main).chain(camera.sub.clone())
        });
        config.sources = streams.collect();
        TestCamera::start(config)
    };
    match start(port) {
        Err(TestCameraError::Bind(error)) if port != 0 => {
            tracing::info!(%error, "the built-in cameras take another RTSP port");
            start(0)
        }
        result => result,
    }
}

/// The lines in a frame.
fn boxed(lines: &[String]) -> String {
    let width = lines.iter().map(|line| line.chars().count()).max().unwrap_or(0);
    let mut text = format!("\n  ╭─{}─╮\n", "─".repeat(width));
    for line in lines {
        // Writing to a string can't fail.
        let _ = writeln!(text, "  │ {line:<width$} │");
    }
    text.push_str(&format!("  ╰─{}─╯\n\n", "─".repeat(width)));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cameras_have_names_of_their_own() {
        let demo =
            DemoConfig { cameras: 16, files: vec!["a/x.mp4".into(), "b/x.mp4".into()], ..Default::default() };
        let cameras = built_in(&demo);
        let names: std::collections::HashSet<_> = cameras.iter().map(|camera| &camera.name).collect();
        assert_eq!((cameras.len(), names.len()), (18, 18));
    }

    #[test]
    fn large_pictures_have_a_sub_stream_that_can_be_made() {
        for (size, sub) in [
            ((1_280, 720), Some((320, 180))),
            ((3_840, 2_160), Some((960, 540))),
            ((1_920, 1_080), Some((480, 270))),
            ((640, 360), Some((320, 180))),
            ((320, 180), None),
        ] {
            let picture = sub_picture(&picture("GATE", size));
            assert_eq!(picture.map(|picture| (picture.width, picture.height)), sub, "{size:?}");
        }
    }

    #[test]
    fn the_frame_is_straight() {
        let text = boxed(&["one".to_owned(), "a longer line".to_owned()]);
        let widths: std::collections::HashSet<_> =
            text.lines().filter(|line| !line.is_empty()).map(|line| line.chars().count()).collect();
        assert_eq!(widths.len(), 1, "{text}");
    }
}
