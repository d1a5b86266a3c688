//! Samples of MP4 as the elementary streams of a transport stream want them.

use super::TsError;
use super::adts::{self, Adts};
use super::packets::{Stream, Unit};
use crate::read::{Fragment, Init, Sample};
use mpeg2ts::es::StreamType;
use vas_core::media::{AudioCodec, Codec, VideoCodec, VideoFormat, h264, h265, nal};

/// What times are moved by, in ticks of 90 kHz: ten seconds, more than any stream reorders by.
const OFFSET: i64 = 900_000;
/// Frames of sound are put together until they have so many bytes: fewer, fuller packets.
const AUDIO_UNIT: usize = 2_800;
const START_CODE: [u8; 4] = [0, 0, 0, 1];
/// `nal_unit_type` of an access unit delimiter (ITU-T H.265, table 7-1).
const H265_DELIMITER: u8 = 35;

/// Pictures per second of a stream that reorders and does not tell its rate: fewer than any has.
const FEWEST_FPS: f64 = 10.0;

/// The tracks of a segment.
#[derive(Debug)]
pub(super) struct Tracks {
    video: Option<Video>,
    audio: Option<Audio>,
    /// What all are shown later by, in ticks of 90 kHz.
    delay: i64,
}

#[derive(Debug)]
struct Video {
    number: u32,
    timescale: u32,
    codec: VideoCodec,
    /// With start codes.
    parameter_sets: Vec<u8>,
}

#[derive(Debug)]
struct Audio {
    number: u32,
    timescale: u32,
    adts: Adts,
}

/// Frames of sound that wait to be long enough.
#[derive(Debug, Default)]
struct Frames {
    time: i64,
    data: Vec<u8>,
}

impl Tracks {
    pub(super) fn of(init: &Init) -> Result<Self, TsError> {
        let (mut video, mut audio) = (None, None);
        for track in &init.tracks {
            let (number, timescale) = (track.number, track.timescale.get());
            if let Some(format) = track.format.video().filter(|_| video.is_none()) {
                if !matches!(format.codec, VideoCodec::H264 | VideoCodec::H265) {
                    return Err(TsError::Unsupported(Codec::Video(format.codec)));
                }
                let parameter_sets = annexb_sets(format);
                video = Some(Video { number, timescale, codec: format.codec, parameter_sets });
            }
            let aac =
                track.format.audio().filter(|format| format.codec == AudioCodec::Aac && audio.is_none());
            if let Some(adts) = aac.and_then(|format| Adts::parse(&format.config)) {
                audio = Some(Audio { number, timescale, adts });
            }
        }
        if video.is_none() && audio.is_none() {
            return Err(TsError::NoTracks);
        }
        let pictures = init.tracks.iter().find_map(|track| track.format.video());
        Ok(Self { video, audio, delay: pictures.map_or(0, delay) })
    }

    /// The elementary streams in the order of their indexes; the first one has the clock.
    pub(super) fn streams(&self) -> Vec<Stream> {
        let video = self.video.as_ref().map(|video| match video.codec {
            VideoCodec::H265 => Stream { kind: StreamType::H265, video: true },
            _ => Stream { kind: StreamType::H264, video: true },
        });
        let audio = self.audio.as_ref().map(|_| Stream { kind: StreamType::AdtsAac, video: false });
        video.into_iter().chain(audio).collect()
    }

    /// The units of all streams in the order of their decoding.
    pub(super) fn units<'a>(&self, fragments: impl IntoIterator<Item = &'a Fragment>) -> Vec<Unit> {
        let mut units = Vec::new();
        let audio_stream = usize::from(self.video.is_some());
        for fragment in fragments {
            let mut frames = Frames::default();
            for sample in &fragment.samples {
                if let Some(video) = self.video.as_ref().filter(|video| video.number == sample.track) {
                    units.push(video.unit(sample, self.delay));
                } else if let Some(audio) = self.audio.as_ref().filter(|audio| audio.number == sample.track) {
                    audio.add(sample, self.delay, &mut frames);
                    if frames.data.len() >= AUDIO_UNIT {
                        units.push(std::mem::take(&mut frames).unit(audio_stream));
                    }
                }
            }
            if !frames.data.is_empty() {
                units.push(frames.unit(audio_stream));
            }
        }
        units.sort_by_key(|unit| unit.dts);
        units
    }
}

/// A time of a track in ticks of 90 kHz, moved.
fn time(ticks: i64, timescale: u32) -> i64 {
    let scaled = (i128::from(ticks) * 90_000).div_euclid(i128::from(timescale));
    i64::try_from(scaled).unwrap_or(i64::MAX - OFFSET).saturating_add(OFFSET)
}

/// How much later pictures are shown than the run says.
///
/// A run's decoding and its presentation both start at 0, so that reordered pictures are decoded after they are shown.
/// Transport streams can't say so. What is enough for all pictures must not depend on those of one segment: twice the
/// time that the reordering takes, for cameras that send fewer pictures than they declare.
fn delay(video: &VideoFormat) -> i64 {
    let fps = video.fps.filter(|fps| *fps >= 1.0).unwrap_or(FEWEST_FPS);
    (f64::from(video.max_reorder) * 2.0 * 90_000.0 / fps) as i64
}

fn annexb_sets(format: &VideoFormat) -> Vec<u8> {
    format.parameter_sets.iter().flat_map(|set| START_CODE.iter().chain(set)).copied().collect()
}

impl Video {
    fn unit(&self, sample: &Sample, delay: i64) -> Unit {
        // ITU-T H.265, section 7.3.2.5, and H.264, section 7.3.2.4; any slice type.
        let delimiter: &[u8] =
            if self.codec == VideoCodec::H265 { &[0x46, 0x01, 0x50] } else { &[0x09, 0xf0] };
        let is_delimiter = |unit: &&[u8]| match self.codec {
            VideoCodec::H265 => h265::nal_unit_type(unit) == H265_DELIMITER,
            _ => h264::nal_unit_type(unit) == h264::nal_type::AUD,
        };
        let sets = if sample.key { &self.parameter_sets[..] } else { &[] };
        let mut data = Vec::with_capacity(sample.data.len() + sets.len() + 8);
        data.extend_from_slice(&START_CODE);
        data.extend_from_slice(delimiter);
        data.extend_from_slice(sets);
        for unit in nal::units(&sample.data).filter(|unit| !is_delimiter(unit)) {
            data.extend_from_slice(&START_CODE);
            data.extend_from_slice(unit);
        }
        let pts = time(sample.pts, self.timescale).saturating_add(delay);
        Unit {
            stream: 0,
            pts,
            // A picture that is later than it should ever be: rather a wrong decoding time than a wrong presentation.
            dts: time(sample.dts, self.timescale).min(pts),
            random_access: sample.key,
            data,
        }
    }
}

impl Audio {
    fn add(&self, sample: &Sample, delay: i64, frames: &mut Frames) {
        let Some(header) = self.adts.header(sample.data.len()) else { return };
        if frames.data.is_empty() {
            frames.time = time(sample.pts, self.timescale).saturating_add(delay);
            frames.data.reserve(AUDIO_UNIT + adts::HEADER + sample.data.len());
        }
        frames.data.extend_from_slice(&header);
        frames.data.extend_from_slice(&sample.data);
    }
}

impl Frames {
    fn unit(self, stream: usize) -> Unit {
        // Every frame of sound can be started with.
        Unit { stream, pts: self.time, dts: self.time, random_access: true, data: self.data }
    }
}
