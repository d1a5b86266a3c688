//! Media made by ffmpeg: as access units for the writer, and in a file of ffmpeg's own to compare with.

use crate::tools::{ffmpeg, packets, text};
use bytes::Bytes;
use std::fs;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use vas_core::media::format::VIDEO_CLOCK;
use vas_core::media::reorder::DtsEstimator;
use vas_core::media::{
    AccessUnit, AudioFormat, StreamDesc, TrackFormat, UnitKind, VideoCodec, VideoFormat, h264, h265, nal,
};
use vas_core::{MediaTime, TrackId, WallTime};

/// UTC of the start of every source.
const START: WallTime = WallTime::from_unix_micros(1_700_000_000_000_000);
/// Where the media times of video start: anywhere but at 0, as a camera's do.
const VIDEO_ORIGIN: i64 = 7_000_000_000;
const AUDIO_ORIGIN: i64 = -123_456;
const TICKS_PER_FRAME: i64 = 3_600;

/// Four seconds of one track.
pub(crate) struct Source {
    /// ffmpeg's own file.
    pub(crate) file: PathBuf,
    pub(crate) format: TrackFormat,
    pub(crate) units: Vec<AccessUnit>,
}

/// How the pictures are made.
#[derive(Clone, Copy)]
pub(crate) enum Encoder<'a> {
    H264(&'a [&'a str]),
    H265(&'a [&'a str]),
}

/// 100 pictures of 320x180, a key picture each second.
pub(crate) fn video(folder: &Path, encoder: Encoder<'_>) -> Source {
    let (codec, name, options, filter) = match encoder {
        Encoder::H264(options) => (VideoCodec::H264, "h264", options, "h264_mp4toannexb"),
        Encoder::H265(options) => (VideoCodec::H265, "hevc", options, "hevc_mp4toannexb"),
    };
    let (file, raw) = (folder.join("video.mp4"), folder.join("video.raw"));
    let input = ["-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25", "-frames:v", "100"];
    let output = ["-pix_fmt", "yuv420p", "-g", "25", "-video_track_timescale", "90000", text(&file)];
    ffmpeg(&[&input[..], options, &output].concat());
    ffmpeg(&["-i", text(&file), "-c", "copy", "-bsf:v", filter, "-f", name, text(&raw)]);

    let stream = fs::read(&raw).unwrap();
    let format = match codec {
        VideoCodec::H265 => VideoFormat::h265(nal::annexb_units(&stream)),
        _ => VideoFormat::h264(nal::annexb_units(&stream)),
    };
    let format = format.unwrap();
    let mut dts = DtsEstimator::new(format.max_reorder, TICKS_PER_FRAME);
    let format = TrackFormat::Video(format);
    let shared = Arc::new(format.clone());
    let (pictures, packets) = (pictures(codec, &stream), packets(&file, "v"));
    assert_eq!(pictures.len(), packets.len());
    let unit = |(data, packet): (Bytes, &crate::tools::Packet)| {
        let kind = match codec {
            VideoCodec::H265 => h265::classify(&data),
            _ => h264::classify(&data),
        };
        let pts = packet.pts - packets[0].pts;
        AccessUnit {
            track: TrackId(0),
            seq: 0,
            epoch: 1,
            pts: MediaTime::new(VIDEO_ORIGIN + pts, VIDEO_CLOCK),
            dts: MediaTime::new(dts.next(VIDEO_ORIGIN + pts), VIDEO_CLOCK),
            received: START,
            captured: START.add_micros(pts * 1_000_000 / 90_000),
            kind: kind.unwrap(),
            lost_before: 0,
            format: shared.clone(),
            data,
        }
    };
    let units = pictures.into_iter().zip(&packets).map(unit).collect();
    Source { file, format, units }
}

/// The pictures of an Annex B stream of one slice each: whatever precedes a slice belongs to its picture.
fn pictures(codec: VideoCodec, stream: &[u8]) -> Vec<Bytes> {
    let (mut pictures, mut parts) = (Vec::new(), Vec::new());
    for unit in nal::annexb_units(stream) {
        parts.push(unit);
        let is_slice = match codec {
            VideoCodec::H265 => h265::nal_unit_type(unit) <= h265::nal_type::LAST_SLICE,
            _ => matches!(h264::nal_unit_type(unit), h264::nal_type::SLICE | h264::nal_type::IDR),
        };
        if is_slice {
            pictures.push(nal::join(parts.drain(..)));
        }
    }
    pictures
}

/// Four seconds of AAC, captured `late` microseconds after the pictures, as track 1.
pub(crate) fn audio(folder: &Path, late: i64) -> Source {
    let file = folder.join("audio.aac");
    let input = ["-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000:duration=4", "-ac", "2"];
    ffmpeg(&[&input[..], &["-c:a", "aac", "-f", "adts", text(&file)]].concat());
    let stream = Bytes::from(fs::read(&file).unwrap());
    let rate = NonZeroU32::new(48_000).unwrap();
    // AAC low complexity, 48 kHz, two channels.
    let format = TrackFormat::Audio(AudioFormat::aac(rate, 2, Bytes::from_static(&[0x11, 0x90])));
    let shared = Arc::new(format.clone());
    let unit = |(n, data): (usize, Bytes)| {
        let ticks = n as i64 * 1_024;
        let time = MediaTime::new(AUDIO_ORIGIN + ticks, rate);
        AccessUnit {
            track: TrackId(1),
            seq: 0,
            epoch: 1,
            pts: time,
            dts: time,
            received: START,
            captured: START.add_micros(late + ticks * 1_000_000 / 48_000),
            kind: UnitKind::Audio,
            lost_before: 0,
            format: shared.clone(),
            data,
        }
    };
    let units = adts_frames(stream).into_iter().enumerate().map(unit).collect();
    Source { file, format, units }
}

/// The frames of an ADTS stream without their headers (ISO/IEC 13818-7, section 6.2).
fn adts_frames(mut stream: Bytes) -> Vec<Bytes> {
    let mut frames = Vec::new();
    while stream.len() > 7 {
        let header = if stream[1] & 1 == 1 { 7 } else { 9 };
        let length =
            usize::from(stream[3] & 3) << 11 | usize::from(stream[4]) << 3 | usize::from(stream[5] >> 5);
        frames.push(stream.split_to(length).slice(header..));
    }
    frames
}

/// The description of a stream of these sources.
pub(crate) fn desc(sources: &[&Source]) -> StreamDesc {
    StreamDesc::new(sources.iter().map(|source| source.format.clone()))
}

/// The units of all sources in the order of their capture, as a hub carries them.
pub(crate) fn merged(sources: &[&Source]) -> Vec<AccessUnit> {
    let mut units: Vec<_> = sources
        .iter()
        .flat_map(|source| {
            // Decoding order stays: a picture is sent no earlier than those before it.
            let sent = source.units.iter().scan(WallTime::from_unix_micros(0), |latest, unit| {
                *latest = unit.captured.max(*latest);
                Some((*latest, unit.clone()))
            });
            sent.collect::<Vec<_>>()
        })
        .collect();
    units.sort_by_key(|(sent, _)| *sent);
    units.into_iter().map(|(_, unit)| unit).collect()
}
