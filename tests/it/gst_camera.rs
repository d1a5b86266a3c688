//! An RTSP camera that shares no code with VAS: `tests/gst/camera.py`, on GStreamer's RTSP server.
//!
//! All clients of one camera see one encoder. The picture is a ball that bounces over black, 640x360.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::Result;

use crate::ports;
use crate::process::Process;

/// Python of the system: the one that Debian's GStreamer bindings are installed for.
const PYTHON: &str = "/usr/bin/python3";
/// Loading GStreamer for the first time scans all its plugins.
const START: Duration = Duration::from_secs(60);

/// What the camera films.
#[derive(Clone, Debug)]
pub(crate) enum Video {
    /// Encoded live as H.264 Main profile.
    Main,
    /// Encoded live as H.264 High profile.
    High,
    /// Encoded live as H.265 Main profile.
    H265,
    /// An MP4 file with H.264, replayed in a loop.
    File(PathBuf),
    /// No video track at all.
    None,
}

/// What the camera hears.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Audio {
    /// No audio track.
    None,
    /// AAC-LC, 48 kHz stereo (RFC 3640).
    Aac,
    /// G.711 mu-law, 8 kHz mono.
    Pcmu,
    /// G.711 A-law, 8 kHz mono.
    Pcma,
    /// G.722, 16 kHz mono.
    G722,
}

/// How clients prove who they are.
#[derive(Clone, Debug)]
pub(crate) enum Auth {
    /// They need not.
    None,
    /// HTTP Basic, with this user and password.
    Basic(&'static str, &'static str),
    /// HTTP Digest (MD5), with this user and password.
    Digest(&'static str, &'static str),
}

/// B pictures of a live H.264 encoder, which looks ahead when there are any.
#[derive(Clone, Copy, Debug)]
pub(crate) enum BPictures {
    /// None: pictures leave in the order in which they are shown.
    None,
    /// This many between references; nothing refers to them.
    Plain(u8),
    /// This many, and some of them are references themselves (a pyramid).
    References(u8),
}

/// The transports that SETUP accepts; the other is refused with 461.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Transport {
    /// Both.
    Any,
    /// Interleaved in the RTSP connection only.
    Tcp,
    /// UDP only.
    Udp,
}

/// How to build a [`GstCamera`]; the default is H.264 Main, 25 frames and one keyframe per second, open to all.
#[derive(Clone, Debug)]
pub(crate) struct CameraOptions {
    pub(crate) video: Video,
    pub(crate) audio: Audio,
    pub(crate) b_pictures: BPictures,
    /// Frames from one keyframe to the next (live encoders only).
    pub(crate) gop: u32,
    /// Frames per second (live encoders only).
    pub(crate) fps: u32,
    pub(crate) auth: Auth,
    pub(crate) transport: Transport,
}

impl Default for CameraOptions {
    fn default() -> Self {
        Self {
            video: Video::Main,
            audio: Audio::None,
            b_pictures: BPictures::None,
            gop: 25,
            fps: 25,
            auth: Auth::None,
            transport: Transport::Any,
        }
    }
}

/// A running camera, killed when dropped.
#[derive(Debug)]
pub(crate) struct GstCamera {
    process: Process,
    port: u16,
}

impl GstCamera {
    /// Starts a camera on a free port of 127.0.0.1 and waits until it listens.
    ///
    /// # Errors
    /// It does not start; the message ends with what it printed.
    pub(crate) async fn start(options: CameraOptions) -> Result<Self> {
        let port = ports::free_tcp()?;
        let process = Process::spawn("camera", command(port, &options))?;
        let mut camera = Self { process, port };
        camera.ready().await?;
        Ok(camera)
    }

    /// Where it plays, without credentials.
    pub(crate) fn url(&self) -> String {
        format!("rtsp://127.0.0.1:{}/cam", self.port)
    }

    /// Where it plays, with credentials in the URL.
    pub(crate) fn url_as(&self, user: &str, password: &str) -> String {
        format!("rtsp://{user}:{password}@127.0.0.1:{}/cam", self.port)
    }

    /// Ends it as a power cut would: no TEARDOWN, no goodbye.
    pub(crate) fn kill(&mut self) {
        self.process.kill();
    }

    /// Starts it again at the same address, and waits until it listens.
    ///
    /// # Errors
    /// It does not start.
    pub(crate) async fn restart(&mut self) -> Result<()> {
        self.process.restart()?;
        self.ready().await
    }

    async fn ready(&mut self) -> Result<()> {
        let line = format!("READY {}", self.port);
        self.process.wait_for_line(START, &line, |printed| (printed == line).then_some(())).await
    }
}

fn command(port: u16, options: &CameraOptions) -> Command {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("gst/camera.py");
    let mut command = Command::new(PYTHON);
    command.arg(script);
    command.args([
        "--port",
        &port.to_string(),
        "--gop",
        &options.gop.to_string(),
        "--fps",
        &options.fps.to_string(),
    ]);
    let video = match &options.video {
        Video::Main => "main",
        Video::High => "high",
        Video::H265 => "h265",
        Video::File(path) => {
            command.arg("--file").arg(path);
            "file"
        }
        Video::None => "none",
    };
    let audio = match options.audio {
        Audio::None => "none",
        Audio::Aac => "aac",
        Audio::Pcmu => "pcmu",
        Audio::Pcma => "pcma",
        Audio::G722 => "g722",
    };
    let transport = match options.transport {
        Transport::Any => "any",
        Transport::Tcp => "tcp",
        Transport::Udp => "udp",
    };
    command.args(["--video", video, "--audio", audio, "--transport", transport]);
    match options.b_pictures {
        BPictures::None => {}
        BPictures::Plain(count) => {
            command.args(["--bframes", &count.to_string()]);
        }
        BPictures::References(count) => {
            command.args(["--bframes", &count.to_string(), "--bpyramid"]);
        }
    }
    match options.auth {
        Auth::None => {}
        Auth::Basic(user, password) => {
            command.args(["--auth", "basic", "--user", user, "--password", password]);
        }
        Auth::Digest(user, password) => {
            command.args(["--auth", "digest", "--user", user, "--password", password]);
        }
    }
    command
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::media::{MediaDir, Mp4Options, ffprobe, ffprobe_over};

    /// The one stream of that kind ("video" or "audio") that ffprobe found.
    fn stream<'a>(probed: &'a Value, kind: &str) -> &'a Value {
        let streams = probed["streams"].as_array().unwrap();
        streams
            .iter()
            .find(|stream| stream["codec_type"] == kind)
            .unwrap_or_else(|| panic!("no {kind}: {probed}"))
    }

    #[tokio::test]
    async fn plays_h264_over_tcp_and_udp() {
        let camera = GstCamera::start(CameraOptions { gop: 10, ..CameraOptions::default() }).await.unwrap();
        for transport in ["tcp", "udp"] {
            let probed = ffprobe_over(transport, &camera.url()).await.unwrap();
            let video = stream(&probed, "video");
            assert_eq!(video["codec_name"], "h264", "{transport}");
            assert_eq!(video["profile"], "Main", "{transport}");
            assert_eq!((&video["width"], &video["height"]), (&640.into(), &360.into()), "{transport}");
        }
    }

    #[tokio::test]
    async fn plays_high_profile_with_b_pictures_and_pcmu() {
        for (b_pictures, reordered) in [(BPictures::Plain(2), 1), (BPictures::References(3), 2)] {
            let options = CameraOptions {
                video: Video::High,
                audio: Audio::Pcmu,
                b_pictures,
                gop: 12,
                ..CameraOptions::default()
            };
            let camera = GstCamera::start(options).await.unwrap();
            let probed = ffprobe_over("tcp", &camera.url()).await.unwrap();
            assert_eq!(stream(&probed, "video")["profile"], "High");
            assert_eq!(stream(&probed, "video")["has_b_frames"], reordered);
            assert_eq!(stream(&probed, "audio")["codec_name"], "pcm_mulaw");
        }
    }

    #[tokio::test]
    async fn plays_h265_with_aac() {
        let options =
            CameraOptions { video: Video::H265, audio: Audio::Aac, gop: 10, ..CameraOptions::default() };
        let camera = GstCamera::start(options).await.unwrap();
        let probed = ffprobe_over("tcp", &camera.url()).await.unwrap();
        assert_eq!(stream(&probed, "video")["codec_name"], "hevc");
        assert_eq!(stream(&probed, "audio")["codec_name"], "aac");
        assert_eq!(stream(&probed, "audio")["sample_rate"], "48000");
    }

    #[tokio::test]
    async fn plays_the_codecs_of_telephony() {
        for (audio, name) in
            [(Audio::Pcmu, "pcm_mulaw"), (Audio::Pcma, "pcm_alaw"), (Audio::G722, "adpcm_g722")]
        {
            let options = CameraOptions { audio, gop: 10, ..CameraOptions::default() };
            let camera = GstCamera::start(options).await.unwrap();
            let probed = ffprobe_over("tcp", &camera.url()).await.unwrap();
            assert_eq!(stream(&probed, "audio")["codec_name"], name);
        }
    }

    #[tokio::test]
    async fn plays_audio_alone() {
        let options = CameraOptions { video: Video::None, audio: Audio::Aac, ..CameraOptions::default() };
        let camera = GstCamera::start(options).await.unwrap();
        let probed = ffprobe_over("tcp", &camera.url()).await.unwrap();
        assert_eq!(probed["streams"].as_array().unwrap().len(), 1);
        assert_eq!(stream(&probed, "audio")["codec_name"], "aac");
    }

    #[tokio::test]
    async fn replays_a_file_for_longer_than_it_lasts() {
        let media = MediaDir::new().unwrap();
        let options = Mp4Options { seconds: 1, gop: 25, ..Mp4Options::default() };
        let file = media.mp4("second.mp4", options).await.unwrap();
        let camera = GstCamera::start(CameraOptions { video: Video::File(file), ..CameraOptions::default() });
        let camera = camera.await.unwrap();
        // Three and a half rounds of it, each picture one frame (90,000 / 25) after the last.
        let packets = ["-rtsp_transport", "tcp", "-show_packets", "-read_intervals", "%+3.5"];
        let probed = ffprobe(&packets, &camera.url()).await.unwrap();
        let packets = probed["packets"].as_array().unwrap();
        let times: Vec<i64> = packets.iter().filter_map(|packet| packet["dts"].as_i64()).collect();
        assert!(times.len() > 80, "only {} packets", times.len());
        assert!(times.windows(2).all(|pair| pair[1] - pair[0] == 3600), "the loop shows: {times:?}");
    }

    #[tokio::test]
    async fn refuses_who_has_no_password() {
        for auth in [Auth::Basic("viewer", "secret"), Auth::Digest("viewer", "secret")] {
            let camera =
                GstCamera::start(CameraOptions { auth: auth.clone(), gop: 10, ..CameraOptions::default() });
            let camera = camera.await.unwrap();
            let refused = ffprobe_over("tcp", &camera.url()).await.unwrap_err().to_string();
            assert!(refused.contains("401"), "{auth:?}: {refused}");
            ffprobe_over("tcp", &camera.url_as("viewer", "secret")).await.unwrap();
        }
    }

    #[tokio::test]
    async fn offers_only_the_transport_it_is_told_to() {
        for (transport, offered, refused) in [(Transport::Tcp, "tcp", "udp"), (Transport::Udp, "udp", "tcp")]
        {
            let camera = GstCamera::start(CameraOptions { transport, gop: 10, ..CameraOptions::default() });
            let camera = camera.await.unwrap();
            ffprobe_over(offered, &camera.url()).await.unwrap();
            ffprobe_over(refused, &camera.url()).await.unwrap_err();
        }
    }

    #[tokio::test]
    async fn comes_back_at_the_same_address() {
        let mut camera =
            GstCamera::start(CameraOptions { gop: 10, ..CameraOptions::default() }).await.unwrap();
        let url = camera.url();
        camera.kill();
        ffprobe_over("tcp", &url).await.unwrap_err();
        camera.restart().await.unwrap();
        assert_eq!(camera.url(), url);
        ffprobe_over("tcp", &url).await.unwrap();
    }
}
