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
    AccessUnit, AudioCodec, AudioFormat, StreamDesc, TrackFormat, UnitKind, VideoCodec, VideoFormat, av1,
    h264, h265, nal,
};
use vas_core::{MediaTime, TrackId, WallTime};
use vas_record::read;

/// UTC of the start of every source.
const START: WallTime = WallTime::from_unix_micros(1_700_000_000_000_000);
/// Where the media times of video start: anywhere but at 0, as a camera's do.
const VIDEO_ORIGIN: i64 = 7_000_000_000;
const AUDIO_ORIGIN: i64 = -123_456;
const TICKS_PER_FRAME: i64 = 3_600;

const AV1: &[&str] = &["-c:v", "libaom-av1", "-usage", "realtime", "-cpu-used", "8"];
const VP8: &[&str] = &["-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8", "-auto-alt-ref", "0"];

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
    Av1,
    Vp8,
}

/// 100 pictures of 320x180, a key picture each second.
pub(crate) fn video(folder: &Path, encoder: Encoder<'_>) -> Source {
    let (codec, options, filter, format) = match encoder {
        Encoder::H264(options) => (VideoCodec::H264, options, "h264_mp4toannexb", "h264"),
        Encoder::H265(options) => (VideoCodec::H265, options, "hevc_mp4toannexb", "hevc"),
        Encoder::Av1 => (VideoCodec::Av1, AV1, "null", "obu"),
        Encoder::Vp8 => (VideoCodec::Vp8, VP8, "null", "ivf"),
    };
    // MP4 made by ffmpeg can't hold VP8, and Matroska counts milliseconds.
    let file = folder.join(if codec == VideoCodec::Vp8 { "video.mkv" } else { "video.mp4" });
    let raw = folder.join("video.raw");
    let input = ["-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25", "-frames:v", "100"];
    let output = ["-pix_fmt", "yuv420p", "-g", "25", "-video_track_timescale", "90000", text(&file)];
    ffmpeg(&[&input[..], options, &output].concat());
    ffmpeg(&["-i", text(&file), "-c", "copy", "-bsf:v", filter, "-f", format, text(&raw)]);

    let stream = fs::read(&raw).unwrap();
    let (format, pictures) = match codec {
        VideoCodec::H265 => {
            (VideoFormat::h265(nal::annexb_units(&stream)).unwrap(), nal_pictures(codec, &stream))
        }
        VideoCodec::H264 => {
            (VideoFormat::h264(nal::annexb_units(&stream)).unwrap(), nal_pictures(codec, &stream))
        }
        _ => {
            let pictures =
                if codec == VideoCodec::Av1 { temporal_units(&stream) } else { ivf_frames(&stream) };
            (VideoFormat::announced_by(codec, &pictures[0]).unwrap(), pictures)
        }
    };
    let mut dts = DtsEstimator::new(format.max_reorder, TICKS_PER_FRAME);
    let shared = Arc::new(TrackFormat::Video(format.clone()));
    let packets = packets(&file, "v");
    assert_eq!(pictures.len(), packets.len());
    let unit = |(n, (data, packet)): (usize, (Bytes, &crate::tools::Packet))| {
        let pts = match codec {
            VideoCodec::Vp8 => n as i64 * TICKS_PER_FRAME,
            _ => packet.pts - packets[0].pts,
        };
        AccessUnit {
            track: TrackId(0),
            seq: 0,
            epoch: 1,
            pts: MediaTime::new(VIDEO_ORIGIN + pts, VIDEO_CLOCK),
            dts: MediaTime::new(dts.next(VIDEO_ORIGIN + pts), VIDEO_CLOCK),
            received: START,
            captured: START.add_micros(pts * 1_000_000 / 90_000),
            kind: format.classify(&data).unwrap(),
            lost_before: 0,
            format: shared.clone(),
            data,
        }
    };
    let units = pictures.into_iter().zip(&packets).enumerate().map(unit).collect();
    Source { file, format: TrackFormat::Video(format), units }
}

/// The frames of an AV1 stream (section 5 of its specification), each temporal unit behind a delimiter.
fn temporal_units(stream: &[u8]) -> Vec<Bytes> {
    let mut units: Vec<Vec<u8>> = Vec::new();
    for obu in av1::obus(stream) {
        if obu.kind() == av1::obu_type::TEMPORAL_DELIMITER {
            units.push(Vec::new());
        } else {
            units.last_mut().unwrap().extend(obu.to_bytes());
        }
    }
    units.into_iter().map(|unit| av1::temporal_unit(&unit).unwrap()).collect()
}

/// The frames of an IVF file: a header of 32 bytes, then the length of each frame, its time and its bytes.
fn ivf_frames(file: &[u8]) -> Vec<Bytes> {
    let (mut rest, mut frames) = (&file[32..], Vec::new());
    while let Some((length, after)) = rest.split_first_chunk() {
        let (frame, next) = after[8..].split_at(u32::from_le_bytes(*length) as usize);
        frames.push(Bytes::copy_from_slice(frame));
        rest = next;
    }
    frames
}

/// The pictures of an Annex B stream of one slice each: whatever precedes a slice belongs to its picture.
fn nal_pictures(codec: VideoCodec, stream: &[u8]) -> Vec<Bytes> {
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

/// Four seconds of sound.
const SINE: [&str; 4] = ["-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000:duration=4"];

/// Four seconds of AAC, captured `late` microseconds after the pictures, as track 1.
pub(crate) fn audio(folder: &Path, late: i64) -> Source {
    let file = folder.join("audio.aac");
    ffmpeg(&[&SINE[..], &["-ac", "2", "-c:a", "aac", "-f", "adts", text(&file)]].concat());
    let stream = Bytes::from(fs::read(&file).unwrap());
    let rate = NonZeroU32::new(48_000).unwrap();
    // AAC low complexity, 48 kHz, two channels.
    let format = AudioFormat::aac(rate, 2, Bytes::from_static(&[0x11, 0x90]));
    sound(file, format, 1_024, adts_frames(stream), late)
}

/// Four seconds of Opus. The packets are taken out of a file that ffmpeg made, by the reader of this crate.
pub(crate) fn opus(folder: &Path) -> Source {
    let file = folder.join("opus.mp4");
    let output = ["-c:a", "libopus", "-movflags", "+cmaf", "-f", "mp4", text(&file)];
    ffmpeg(&[&SINE[..], &output].concat());
    let fragments = read::fragments(fs::read(&file).unwrap().into());
    let packets = fragments.flat_map(|fragment| fragment.unwrap().samples).map(|sample| sample.data);
    sound(file, AudioFormat::opus(1), 960, packets.collect(), 0)
}

/// Four seconds of G.711, in packets of 20 ms.
pub(crate) fn g711(folder: &Path, codec: AudioCodec) -> Source {
    let name = if codec == AudioCodec::Pcma { "alaw" } else { "mulaw" };
    let file = folder.join("audio.wav");
    let encoder = format!("pcm_{name}");
    ffmpeg(&[&SINE[..], &["-ar", "8000", "-c:a", &encoder, text(&file)]].concat());
    let raw = folder.join("audio.raw");
    ffmpeg(&["-i", text(&file), "-c", "copy", "-f", name, text(&raw)]);
    let stream = fs::read(&raw).unwrap();
    let packets = stream.chunks(160).map(Bytes::copy_from_slice).collect();
    sound(file, AudioFormat::g711(codec), 160, packets, 0)
}

/// Packets that last `ticks` each.
fn sound(file: PathBuf, format: AudioFormat, ticks: i64, packets: Vec<Bytes>, late: i64) -> Source {
    let rate = format.clock_rate;
    let format = TrackFormat::Audio(format);
    let shared = Arc::new(format.clone());
    let unit = |(n, data): (usize, Bytes)| {
        let ticks = n as i64 * ticks;
        let time = MediaTime::new(AUDIO_ORIGIN + ticks, rate);
        AccessUnit {
            track: TrackId(1),
            seq: 0,
            epoch: 1,
            pts: time,
            dts: time,
            received: START,
            captured: START.add_micros(late + ticks * 1_000_000 / i64::from(rate.get())),
            kind: UnitKind::Audio,
            lost_before: 0,
            format: shared.clone(),
            data,
        }
    };
    Source { file, format, units: packets.into_iter().enumerate().map(unit).collect() }
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
