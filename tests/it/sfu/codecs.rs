//! Every codec of pictures, from encoders that share no code with VAS to Chromium's decoders.

use super::SOON;
use super::stage::{self, Stage};
use crate::chromium::Browser;
use crate::media::MediaDir;
use crate::process::run;
use crate::turn;
use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use serde_json::Value;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;
use vas_core::hub::StreamWriter;
use vas_core::media::format::VIDEO_CLOCK;
use vas_core::media::{
    AccessUnit, StreamDesc, TrackFormat, UnitKind, VideoCodec, VideoFormat, av1, h264, nal,
};
use vas_core::{MediaTime, SystemClock, TrackId};

const ENCODE: Duration = Duration::from_secs(60);
/// Pictures a second.
const FPS: i64 = 25;
/// Pictures that Chromium has to show.
const SHOWN: u32 = 60;

/// Joins as a viewer and gives the offer.
const OFFER: &str = "(async () => {
    window.pc = new RTCPeerConnection();
    pc.addTransceiver('video', {direction: 'recvonly'});
    pc.ontrack = ({track}) => {
        const video = document.createElement('video');
        Object.assign(video, {muted: true, autoplay: true, srcObject: new MediaStream([track])});
        document.body.append(video);
    };
    await pc.setLocalDescription();
    return pc.localDescription.sdp;
})()";

/// The figures of the pictures and their codec, once as many as wanted have been decoded.
const FIGURES: &str = "(async () => {
    const all = [...(await pc.getStats()).values()];
    const video = all.find((entry) => entry.type === 'inbound-rtp');
    if (!(video?.framesDecoded >= WANTED)) return null;
    return {...video, mime: all.find((entry) => entry.id === video.codecId).mimeType};
})()";

/// Pictures as an encoder made them, without time.
struct Encoded {
    format: VideoFormat,
    pictures: Vec<(UnitKind, Bytes)>,
}

impl Encoded {
    /// Encodes four seconds with two key pictures.
    async fn new(codec: VideoCodec, settings: &[&str]) -> Result<Self> {
        let media = MediaDir::new()?;
        let container = if codec == VideoCodec::H264 { "h264" } else { "ivf" };
        let file = media.path(container);
        let mut ffmpeg = Command::new("ffmpeg");
        ffmpeg
            .args([
                "-v",
                "error",
                "-nostdin",
                "-f",
                "lavfi",
                "-i",
                "testsrc2=size=320x180:rate=25:duration=4",
            ])
            .args(settings)
            .args(["-g", "50", "-f", container])
            .arg(&file);
        run("ffmpeg", ffmpeg, ENCODE).await?;
        let bytes = std::fs::read(&file)?;
        let units = match codec {
            VideoCodec::H264 => access_units(&bytes),
            VideoCodec::Av1 => ivf(&bytes).into_iter().filter_map(av1::temporal_unit).collect(),
            _ => ivf(&bytes).into_iter().map(Bytes::copy_from_slice).collect::<Vec<_>>(),
        };
        let format =
            VideoFormat::announced_by(codec, units.first().context("a picture")?).context("a format")?;
        let pictures: Option<Vec<_>> =
            units.into_iter().map(|data| Some((format.classify(&data)?, data))).collect();
        Ok(Self { pictures: pictures.context("every unit is a picture")?, format })
    }

    /// Leaves out what may be left out; how many pictures that are.
    fn thin(&mut self) -> usize {
        let before = self.pictures.len();
        self.pictures.retain(|(kind, _)| !matches!(kind, UnitKind::Delta { disposable: true, .. }));
        before - self.pictures.len()
    }

    /// Shows the pictures over and over, at the camera's pace.
    async fn play(self, mut writer: StreamWriter) {
        let format = Arc::new(TrackFormat::Video(self.format));
        let mut pace = tokio::time::interval(Duration::from_millis(1_000 / FPS as u64));
        for (n, (kind, data)) in self.pictures.iter().cycle().enumerate() {
            pace.tick().await;
            let pts = MediaTime::new(n as i64 * i64::from(VIDEO_CLOCK.get()) / FPS, VIDEO_CLOCK);
            let wall = SystemClock::shared().wall();
            writer.push(AccessUnit {
                track: TrackId(0),
                seq: 0,
                epoch: 0,
                pts,
                dts: pts,
                received: wall,
                captured: wall,
                kind: *kind,
                lost_before: 0,
                format: format.clone(),
                data: data.clone(),
            });
        }
    }
}

/// The frames of an IVF file.
fn ivf(file: &[u8]) -> Vec<&[u8]> {
    let mut rest = file.get(32..).unwrap_or(&[]);
    let mut frames = Vec::new();
    while let Some((header, after)) = rest.split_first_chunk::<12>() {
        let size = u32::from_le_bytes([header[0], header[1], header[2], header[3]]) as usize;
        let Some((frame, after)) = after.split_at_checked(size) else { break };
        frames.push(frame);
        rest = after;
    }
    frames
}

/// The access units of an H.264 byte stream with delimiters.
fn access_units(file: &[u8]) -> Vec<Bytes> {
    let units: Vec<&[u8]> = nal::annexb_units(file).collect();
    let delimiter = |unit: &&[u8]| h264::nal_unit_type(unit) == h264::nal_type::AUD;
    units
        .split(delimiter)
        .filter(|units| !units.is_empty())
        .map(|units| nal::join(units.iter().copied()))
        .collect()
}

/// Plays a stream in Chromium and gives its figures.
async fn watch(encoded: Encoded) -> Result<Value> {
    let _turn = turn::shared().await;
    let stage = Stage::start(stage::config(1))?;
    let format = TrackFormat::Video(encoded.format.clone());
    let writer = stage.hub.publish(stage.stream, StreamDesc::new([format]))?;
    let (scope, browser) = (stage.scope.clone(), Browser::launch().await?);
    let ended = scope.cancelled();
    scope.spawn("source", async move {
        tokio::select! {
            () = encoded.play(writer) => {}
            () = ended => {}
        }
    });
    let page = browser.open("about:blank").await?;
    let offer: String = page.eval(OFFER).await?;
    let (_session, answer) = stage.router.whep(&stage.producer, &offer)?;
    let answer = serde_json::json!({"type": "answer", "sdp": answer});
    page.eval::<Value>(&format!("pc.setRemoteDescription({answer})")).await?;
    let figures = page.wait_for(&FIGURES.replace("WANTED", &SHOWN.to_string()), SOON).await?;
    println!(
        "{}: {} frames decoded by {}, {} of them keys, {} dropped, {} PLI",
        figures["mime"].as_str().unwrap_or("?"),
        figures["framesDecoded"],
        figures["decoderImplementation"].as_str().unwrap_or("?"),
        figures["keyFramesDecoded"],
        figures["framesDropped"],
        figures["pliCount"]
    );
    ensure!(figures["frameWidth"] == 320 && figures["frameHeight"] == 180, "{figures:#}");
    ensure!(figures["pliCount"] == 0, "the decoder missed something: {figures:#}");
    drop(browser);
    stage.stop().await?;
    Ok(figures)
}

async fn plays(codec: VideoCodec, settings: &[&str], mime: &str) -> Result<()> {
    let figures = watch(Encoded::new(codec, settings).await?).await?;
    ensure!(figures["mime"] == mime, "{figures:#}");
    Ok(())
}

const LIBAOM: [&str; 8] =
    ["-c:v", "libaom-av1", "-usage", "realtime", "-cpu-used", "8", "-lag-in-frames", "0"];
const X264: [&str; 6] =
    ["-c:v", "libx264", "-preset", "ultrafast", "-x264-params", "aud=1:keyint=50:bframes=0"];

#[tokio::test(flavor = "multi_thread")]
async fn av1() -> Result<()> {
    plays(VideoCodec::Av1, &LIBAOM, "video/AV1").await
}

#[tokio::test(flavor = "multi_thread")]
async fn vp8() -> Result<()> {
    plays(VideoCodec::Vp8, &["-c:v", "libvpx", "-deadline", "realtime"], "video/VP8").await
}

#[tokio::test(flavor = "multi_thread")]
async fn h264_of_every_profile() -> Result<()> {
    for profile in ["baseline", "main", "high"] {
        plays(
            VideoCodec::H264,
            &[&X264[..], &["-pix_fmt", "yuv420p", "-profile:v", profile]].concat(),
            "video/H264",
        )
        .await
        .context(profile)?;
    }
    Ok(())
}

/// A stream with temporal layers plays without its upper one.
#[tokio::test(flavor = "multi_thread")]
async fn without_pictures_that_nothing_refers_to() -> Result<()> {
    let layers = "pred-struct=1:hierarchical-levels=3:keyint=48";
    let mut encoded =
        Encoded::new(VideoCodec::Av1, &["-c:v", "libsvtav1", "-preset", "10", "-svtav1-params", layers])
            .await?;
    let left_out = encoded.thin();
    ensure!(left_out > 20, "{left_out} left out");
    watch(encoded).await.map(drop)
}
