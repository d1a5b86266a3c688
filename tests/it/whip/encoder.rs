//! An encoder that behaves as OBS does: H.264 and Opus, sendonly, one POST without trickling, DELETE at the end. On the
//! `webrtc` crate as a sender.

use anyhow::{Context, Result, ensure};
use rtc::media::Sample;
use rtc::media_stream::MediaStreamTrack;
use rtc::peer_connection::configuration::interceptor_registry::register_default_interceptors;
use rtc::rtp_transceiver::rtp_sender::{
    RTCRtpCodec, RTCRtpCodecParameters, RTCRtpCodingParameters, RTCRtpEncodingParameters, RtpCodecKind,
};
use rtc::rtp_transceiver::{RTCRtpTransceiverDirection, RTCRtpTransceiverInit};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};
use vas_core::TaskScope;
use vas_core::media::{h264, nal};
use webrtc::media_stream::track_local::static_sample::TrackLocalStaticSample;
use webrtc::peer_connection::{
    MediaEngine, PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler, RTCSessionDescription,
    Registry,
};

use crate::media::MediaDir;
use crate::process::run;
use crate::wait::until;

const SOON: Duration = Duration::from_secs(20);
const FRAME: Duration = Duration::from_millis(40);
const H264_PAYLOAD: u8 = 96;
const OPUS_PAYLOAD: u8 = 97;
/// 20 ms of silence (RFC 6716, section 3.1: CELT, full band, one frame).
const SILENCE: [u8; 3] = [0xf8, 0xff, 0xfe];

struct Silent;
impl PeerConnectionEventHandler for Silent {}

/// The encoder, sending until it is stopped.
pub(crate) struct Encoder {
    client: reqwest::Client,
    peer: Arc<dyn PeerConnection>,
    session: String,
    sending: TaskScope,
}

/// A codec's parameters and the SSRC of the track that sends it.
struct Sent {
    codec: RTCRtpCodec,
    payload_type: u8,
    kind: RtpCodecKind,
    ssrc: u32,
}

impl Sent {
    fn new(
        kind: RtpCodecKind,
        mime: &str,
        clock_rate: u32,
        channels: u16,
        fmtp: &str,
        payload_type: u8,
    ) -> Self {
        let codec = RTCRtpCodec {
            mime_type: mime.to_owned(),
            clock_rate,
            channels,
            sdp_fmtp_line: fmtp.to_owned(),
            rtcp_feedback: Vec::new(),
        };
        Self { codec, payload_type, kind, ssrc: 1_000 + u32::from(payload_type) }
    }

    fn track(&self) -> Result<Arc<TrackLocalStaticSample>> {
        let coding = RTCRtpCodingParameters { ssrc: Some(self.ssrc), ..RTCRtpCodingParameters::default() };
        let encoding = RTCRtpEncodingParameters {
            rtp_coding_parameters: coding,
            codec: self.codec.clone(),
            ..RTCRtpEncodingParameters::default()
        };
        let name = format!("track-{}", self.payload_type);
        let track = MediaStreamTrack::new("obs".into(), name.clone(), name, self.kind, vec![encoding]);
        Ok(Arc::new(TrackLocalStaticSample::new(Instant::now(), track)?))
    }
}

impl Encoder {
    /// Publishes a test picture with silence to a WHIP endpoint.
    pub(crate) async fn publish(url: &str) -> Result<Self> {
        let video = Sent::new(
            RtpCodecKind::Video,
            "video/H264",
            90_000,
            0,
            "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f",
            H264_PAYLOAD,
        );
        let audio = Sent::new(
            RtpCodecKind::Audio,
            "audio/opus",
            48_000,
            2,
            "minptime=10;useinbandfec=1",
            OPUS_PAYLOAD,
        );
        let mut engine = MediaEngine::default();
        for sent in [&video, &audio] {
            let parameters =
                RTCRtpCodecParameters { rtp_codec: sent.codec.clone(), payload_type: sent.payload_type };
            engine.register_codec(parameters, sent.kind)?;
        }
        let registry = register_default_interceptors(Registry::new(), &mut engine)?;
        let peer = PeerConnectionBuilder::new()
            .with_media_engine(engine)
            .with_interceptor_registry(registry)
            .with_handler(Arc::new(Silent))
            .with_udp_addrs(vec!["127.0.0.1:0"])
            .build();
        let peer: Arc<dyn PeerConnection> = Arc::new(Box::pin(peer).await?);
        let (pictures, sounds) = (video.track()?, audio.track()?);
        for track in [pictures.clone(), sounds.clone()] {
            let init = RTCRtpTransceiverInit {
                direction: RTCRtpTransceiverDirection::Sendonly,
                ..RTCRtpTransceiverInit::default()
            };
            peer.add_transceiver_from_track(track, Some(init)).await?;
        }
        peer.set_local_description(peer.create_offer(None).await?).await?;
        let offer = until(SOON, "candidates", async || {
            let sdp = peer.local_description().await?.sdp;
            sdp.contains("a=end-of-candidates").then_some(sdp)
        });
        let client = reqwest::Client::new();
        let post = client.post(url).header("Content-Type", "application/sdp").body(offer.await?);
        let response = post.send().await?;
        ensure!(response.status() == 201, "{}: {}", response.status(), response.text().await?);
        let location = response.headers()["Location"].to_str()?.to_owned();
        let session = reqwest::Url::parse(url)?.join(&location)?.to_string();
        peer.set_remote_description(RTCSessionDescription::answer(response.text().await?)?).await?;

        let media = MediaDir::new()?;
        let units = annexb_units(&media.path("obs.h264")).await?;
        let sending = TaskScope::new();
        sending.spawn_until_cancelled("encoder", send(units, (pictures, video.ssrc), (sounds, audio.ssrc)));
        Ok(Self { client, peer, session, sending })
    }

    /// Ends the session with DELETE; gives its status.
    pub(crate) async fn close(self) -> Result<u16> {
        let status = self.client.delete(&self.session).send().await?.status().as_u16();
        self.vanish().await?;
        Ok(status)
    }

    /// Stops without a word to the server.
    pub(crate) async fn vanish(self) -> Result<()> {
        self.sending.cancel();
        Ok(self.peer.close().await?)
    }

    /// Goes on without sending anything.
    pub(crate) fn fall_silent(&self) {
        self.sending.cancel();
    }
}

/// Two seconds of a moving picture as access units in Annex B, as x264 makes them: parameter sets at each key picture.
async fn annexb_units(path: &Path) -> Result<Vec<Vec<u8>>> {
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg
        .args([
            "-v",
            "error",
            "-nostdin",
            "-y",
            "-f",
            "lavfi",
            "-i",
            "testsrc2=size=320x180:rate=25:duration=2",
        ])
        .args(["-c:v", "libx264", "-preset", "ultrafast", "-profile:v", "baseline", "-pix_fmt", "yuv420p"])
        .args(["-g", "25", "-bf", "0", "-x264-params", "aud=1:sliced-threads=0:threads=1"])
        .arg(path);
    run("ffmpeg", ffmpeg, SOON).await?;
    let stream = std::fs::read(path).context("ffmpeg wrote nothing")?;
    let mut units: Vec<Vec<u8>> = Vec::new();
    for nal in nal::annexb_units(&stream) {
        if h264::nal_unit_type(nal) == h264::nal_type::AUD {
            units.push(Vec::new());
        }
        let unit = units.last_mut().context("a stream begins with a delimiter")?;
        unit.extend_from_slice(&[0, 0, 0, 1]);
        unit.extend_from_slice(nal);
    }
    Ok(units)
}

async fn send(
    units: Vec<Vec<u8>>,
    (pictures, video): (Arc<TrackLocalStaticSample>, u32),
    (sounds, audio): (Arc<TrackLocalStaticSample>, u32),
) {
    let mut clock = tokio::time::interval(FRAME);
    for unit in units.iter().cycle() {
        clock.tick().await;
        // Fails until the connection is made, as an encoder's first pictures do.
        let sample = |data: &[u8], duration| Sample {
            data: data.to_vec().into(),
            timestamp: Instant::now(),
            duration,
            ..Sample::new(Instant::now())
        };
        let _ = pictures.write_sample(video, H264_PAYLOAD, &sample(unit, FRAME), &[]).await;
        for _ in 0..2 {
            let _ = sounds.write_sample(audio, OPUS_PAYLOAD, &sample(&SILENCE, FRAME / 2), &[]).await;
        }
    }
}
