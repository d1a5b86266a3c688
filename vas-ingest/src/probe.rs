//! A look at a camera: what it offers, without starting anything.

use crate::config::IngestConfig;
use crate::failure::{self, IngestError, Step};
use crate::session::{self, Opened};
use crate::source::Source;
use futures_util::StreamExt;
use retina::client::{InitialTimestampPolicy, PacketItem, PlayOptions, SessionGroup};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};
use vas_core::media::{AudioFormat, Codec, VideoFormat};
use vas_core::model::stream::Reason;

/// Part of the time that is kept for TEARDOWN.
const TEARDOWN_SHARE: u32 = 10;
/// Intervals between pictures that are looked at to tell their rate.
const INTERVALS: usize = 12;

/// What a camera offers.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Probe {
    /// The tracks that would be read, video first.
    pub tracks: Vec<ProbedTrack>,
    /// The synchronization source of the video's packets; `None` when none came in time.
    pub video_ssrc: Option<u32>,
}

/// A track that a camera offers.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ProbedTrack {
    /// The codec.
    pub codec: Codec,
    /// Codec and profile as in RFC 6381; empty where the description lacks the parameter sets.
    pub rfc6381: String,
    /// H.264: the six hexadecimal digits of `profile-level-id`; empty otherwise.
    pub profile_level_id: String,
    /// Width in pixels; 0 when unknown, and for sound.
    pub width: u32,
    /// Height in pixels; 0 when unknown, and for sound.
    pub height: u32,
    /// Pictures per second: as measured, else as declared; `None` when neither is known, and for sound.
    pub fps: Option<f64>,
    /// Ticks per second of the track's clock.
    pub clock_rate: u32,
    /// Channels of sound; 0 for video.
    pub channels: u8,
}

/// Describes a camera, and listens for a moment to tell the real rate and the video's SSRC. Takes `timeout` at most,
/// TEARDOWN included. Of a source that publishes by itself there is nothing to see before it comes: no tracks.
///
/// # Errors
/// The camera can't be read; the reason is the one that a started stream would have.
pub async fn probe(source: &Source, timeout: Duration) -> Result<Probe, IngestError> {
    probe_with(source, timeout, &IngestConfig::default()).await
}

/// The same with the limits of `config`; its times are not used.
pub(crate) async fn probe_with(
    source: &Source,
    timeout: Duration,
    config: &IngestConfig,
) -> Result<Probe, IngestError> {
    if source.is_publisher() {
        return Ok(Probe { tracks: Vec::new(), video_ssrc: None });
    }
    let now = Instant::now();
    let (deadline, end) = (now + timeout - timeout / TEARDOWN_SHARE, now + timeout);
    let group = Arc::new(SessionGroup::default());
    let endpoint = source.endpoint();
    let config = IngestConfig { connect_timeout: timeout, request_timeout: timeout, ..config.clone() };
    let looked = timeout_at(deadline, look(source, &config, deadline, &group)).await;
    let _ = timeout_at(end, session::await_teardown(&group, timeout)).await;
    looked
        .unwrap_or_else(|_| Err(failure::timeout(Step::Describe, timeout, &endpoint)))
        .map_err(IngestError::from)
}

async fn look(
    source: &Source,
    config: &IngestConfig,
    deadline: Instant,
    group: &Arc<SessionGroup>,
) -> Result<Probe, Reason> {
    let opened = session::open(source, config, group.clone()).await?;
    let mut probe = described(&opened);
    // What the description says is an answer already; the camera may be slow to send.
    let listening = deadline.checked_sub(config.connect_timeout / TEARDOWN_SHARE).unwrap_or(deadline);
    let mut heard = Heard::default();
    let _ = timeout_at(listening, listen(opened, &mut heard)).await;
    probe.video_ssrc = heard.ssrc;
    if let Some(fps) = heard.fps() {
        probe.tracks[0].fps = Some(fps);
    }
    Ok(probe)
}

fn described(opened: &Opened) -> Probe {
    let video = &opened.video;
    let mut tracks = vec![video.video_format().map_or_else(
        || ProbedTrack {
            fps: video.described_fps(),
            clock_rate: vas_core::media::format::VIDEO_CLOCK.get(),
            ..ProbedTrack::unknown(Codec::Video(video.codec()))
        },
        ProbedTrack::video,
    )];
    tracks.extend(opened.audio.as_ref().and_then(|audio| audio.audio_format()).map(ProbedTrack::audio));
    Probe { tracks, video_ssrc: None }
}

impl ProbedTrack {
    const fn unknown(codec: Codec) -> Self {
        Self {
            codec,
            rfc6381: String::new(),
            profile_level_id: String::new(),
            width: 0,
            height: 0,
            fps: None,
            clock_rate: 0,
            channels: 0,
        }
    }

    fn video(format: &VideoFormat) -> Self {
        Self {
            rfc6381: format.rfc6381.clone(),
            profile_level_id: format.profile_level_id().to_owned(),
            width: format.width,
            height: format.height,
            fps: format.fps,
            clock_rate: vas_core::media::format::VIDEO_CLOCK.get(),
            ..Self::unknown(Codec::Video(format.codec))
        }
    }

    fn audio(format: &AudioFormat) -> Self {
        Self {
            rfc6381: format.rfc6381.clone(),
            clock_rate: format.clock_rate.get(),
            channels: format.channels,
            ..Self::unknown(Codec::Audio(format.codec))
        }
    }
}

/// What the packets of the video track told.
#[derive(Debug, Default)]
struct Heard {
    ssrc: Option<u32>,
    /// The distinct timestamps seen, in ticks.
    times: Vec<i64>,
}

impl Heard {
    /// The median interval stands for all: a pause or a lost picture changes nothing.
    fn fps(&self) -> Option<f64> {
        let mut times = self.times.clone();
        times.sort_unstable();
        let mut steps: Vec<_> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
        steps.sort_unstable();
        let median = *steps.get(steps.len() / 2)?;
        (median > 0).then(|| f64::from(vas_core::media::format::VIDEO_CLOCK.get()) / median as f64)
    }
}

/// Listens until enough was heard; whatever goes wrong, what was heard so far counts.
async fn listen(opened: Opened, heard: &mut Heard) {
    let video = opened.video.index();
    let options = PlayOptions::default().initial_timestamp(InitialTimestampPolicy::Permissive);
    let Ok(mut packets) = opened.session.play(options).await else { return };
    while let Some(Ok(item)) = packets.next().await {
        let PacketItem::Rtp(packet) = item else { continue };
        if packet.stream_id() != video {
            continue;
        }
        heard.ssrc = Some(packet.ssrc());
        let time = packet.timestamp().elapsed();
        if heard.times.last() != Some(&time) {
            heard.times.push(time);
        }
        if heard.times.len() > INTERVALS {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_that_of_most_pictures() {
        let heard = |times: &[i64]| Heard { ssrc: None, times: times.to_vec() }.fps();
        assert_eq!(heard(&[0, 3_600, 7_200, 18_000, 21_600]), Some(25.0));
        // In decoding order.
        assert_eq!(heard(&[0, 9_000, 3_000, 6_000, 18_000, 12_000, 15_000]), Some(30.0));
        assert_eq!(heard(&[0]), None);
        assert_eq!(heard(&[]), None);
    }
}
