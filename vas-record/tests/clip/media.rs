//! Pictures and sound made by ffmpeg, as a camera sends them.

use crate::tools::{ffmpeg, hashes, packets, sound, text};
use bytes::Bytes;
use std::fs;
use std::num::NonZeroU32;
use std::sync::Arc;
use vas_core::media::format::VIDEO_CLOCK;
use vas_core::media::reorder::DtsEstimator;
use vas_core::media::{
    AccessUnit, AudioFormat, StreamDesc, Track, TrackFormat, UnitKind, VideoCodec, VideoFormat, h264, h265,
    nal,
};
use vas_core::{MediaTime, TrackId, WallTime};

/// UTC of picture 0.
pub(crate) const START: WallTime = WallTime::from_unix_micros(1_700_000_000_000_000);
/// Where the media times start: anywhere but at 0, as a camera's do.
const ORIGIN: i64 = 7_000_000_000;
const TICKS: i64 = 3_600;

/// UTC of picture `n`.
pub(crate) const fn wall(n: usize) -> WallTime {
    START.add_micros(n as i64 * 40_000)
}

pub(crate) const H264: &[&str] = &["-c:v", "libx264", "-preset", "veryfast", "-bf", "0"];
pub(crate) const H264_B: &[&str] =
    &["-c:v", "libx264", "-preset", "veryfast", "-x264-params", "bframes=2:b-adapt=0:b-pyramid=0"];
pub(crate) const H264_PYRAMID: &[&str] =
    &["-c:v", "libx264", "-preset", "veryfast", "-x264-params", "bframes=5:b-adapt=0:b-pyramid=normal"];
pub(crate) const H264_OPEN: &[&str] =
    &["-c:v", "libx264", "-preset", "veryfast", "-x264-params", "bframes=3:b-adapt=0:open-gop=1"];
pub(crate) const H265_OPEN: &[&str] = &[
    "-c:v",
    "libx265",
    "-preset",
    "veryfast",
    "-tag:v",
    "hvc1",
    "-x265-params",
    "log-level=error:info=0:bframes=4:b-adapt=0:open-gop=1:pools=1:frame-threads=1",
];

/// Pictures of 25 a second, a key picture each second or so.
pub(crate) struct Pictures {
    pub(crate) format: Arc<TrackFormat>,
    /// In decoding order.
    pub(crate) units: Vec<AccessUnit>,
    /// Of the decoded pictures, in the order in which they are shown.
    pub(crate) hashes: Vec<String>,
}

/// `count` pictures of `size`, the first of which is picture `first` of the camera.
pub(crate) fn pictures(options: &[&str], size: &str, first: usize, count: usize) -> Pictures {
    let folder = tempfile::tempdir().unwrap();
    let (file, raw) = (folder.path().join("video.mp4"), folder.path().join("video.raw"));
    let codec = if options.contains(&"libx265") { VideoCodec::H265 } else { VideoCodec::H264 };
    let (input, frames) = (format!("testsrc2=size={size}:rate=25"), count.to_string());
    let output = ["-pix_fmt", "yuv420p", "-g", "25", "-video_track_timescale", "90000", text(&file)];
    ffmpeg(&[&["-f", "lavfi", "-i", &input, "-frames:v", &frames], options, &output].concat());
    let (name, filter) = match codec {
        VideoCodec::H265 => ("hevc", "hevc_mp4toannexb"),
        _ => ("h264", "h264_mp4toannexb"),
    };
    ffmpeg(&["-i", text(&file), "-c", "copy", "-bsf:v", filter, "-frames:v", "1", "-f", name, text(&raw)]);
    let head = fs::read(&raw).unwrap();
    let format = match codec {
        VideoCodec::H265 => VideoFormat::h265(nal::annexb_units(&head)).unwrap(),
        _ => VideoFormat::h264(nal::annexb_units(&head)).unwrap(),
    };
    let mut dts = DtsEstimator::new(format.max_reorder, TICKS);
    let format = Arc::new(TrackFormat::Video(format));
    let stream = Bytes::from(fs::read(&file).unwrap());
    let unit = |packet: crate::tools::Packet| {
        let data = stream.slice(packet.position..packet.position + packet.size);
        let kind = match codec {
            VideoCodec::H265 => h265::classify(&data),
            _ => h264::classify(&data),
        };
        let n = first as i64 + packet.pts / TICKS;
        let pts = ORIGIN + n * TICKS;
        AccessUnit {
            track: TrackId(0),
            seq: 0,
            epoch: 1,
            pts: MediaTime::new(pts, VIDEO_CLOCK),
            dts: MediaTime::new(dts.next(pts), VIDEO_CLOCK),
            received: START,
            captured: START.add_micros(n * 40_000),
            kind: kind.unwrap(),
            lost_before: 0,
            format: format.clone(),
            data,
        }
    };
    let units: Vec<_> = packets(&file, "v").into_iter().map(unit).collect();
    assert_eq!(units.len(), count);
    let hashes = hashes(&file);
    assert_eq!(hashes.len(), count);
    Pictures { format, units, hashes }
}

/// Sound of one channel at 48 kHz, which rises in pitch all the time.
pub(crate) struct Sound {
    pub(crate) format: Arc<TrackFormat>,
    pub(crate) units: Vec<AccessUnit>,
    /// Decoded, from the time of picture 0 on.
    pub(crate) samples: Vec<i16>,
}

/// Sound of `seconds` from picture 0 on: `aac` or `libopus`.
pub(crate) fn tone(codec: &str, seconds: usize) -> Sound {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sound.mp4");
    let input = format!("aevalsrc=sin(2*PI*(300+40*t)*t)*0.5:s=48000:d={seconds}");
    // Without an edit list, so that everything that is decoded counts.
    let output = ["-c:a", codec, "-use_editlist", "0", text(&file)];
    ffmpeg(&[&["-f", "lavfi", "-i", &input], &output[..]].concat());
    let rate = NonZeroU32::new(48_000).unwrap();
    let format = Arc::new(TrackFormat::Audio(match codec {
        "aac" => AudioFormat::aac(rate, 1, Bytes::from_static(&[0x11, 0x88])),
        _ => AudioFormat::opus(1),
    }));
    let stream = Bytes::from(fs::read(&file).unwrap());
    let frame = if codec == "aac" { 1_024 } else { 960 };
    let unit = |(n, packet): (i64, crate::tools::Packet)| {
        let time = MediaTime::new(n * frame - 99, rate);
        AccessUnit {
            track: TrackId(1),
            seq: 0,
            epoch: 1,
            pts: time,
            dts: time,
            received: START,
            captured: START.add_micros(n * frame * 1_000_000 / 48_000),
            kind: UnitKind::Audio,
            lost_before: 0,
            format: format.clone(),
            data: stream.slice(packet.position..packet.position + packet.size),
        }
    };
    let units = (0..).zip(packets(&file, "a")).map(unit).collect();
    Sound { format, units, samples: sound(&file) }
}

/// The description of a stream of these formats.
pub(crate) fn desc(formats: &[&Arc<TrackFormat>]) -> Arc<StreamDesc> {
    let id = |format: &TrackFormat| TrackId(u8::from(format.audio().is_some()));
    let track = |format: &&Arc<TrackFormat>| Track { id: id(format), format: (*format).clone() };
    Arc::new(StreamDesc { tracks: formats.iter().map(track).collect() })
}

/// Units of pictures and of sound in the order in which they are sent.
pub(crate) fn merged(pictures: &[AccessUnit], sound: &[AccessUnit]) -> Vec<AccessUnit> {
    // Decoding order stays: a picture is sent no earlier than those before it.
    let mut latest = START;
    let sent = pictures.iter().map(|unit| {
        latest = latest.max(unit.captured);
        (latest, unit.clone())
    });
    let mut all: Vec<_> = sent.chain(sound.iter().map(|unit| (unit.captured, unit.clone()))).collect();
    all.sort_by_key(|(sent, _)| *sent);
    all.into_iter().map(|(_, unit)| unit).collect()
}
