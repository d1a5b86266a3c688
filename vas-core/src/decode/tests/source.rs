//! Streams made by ffmpeg, cut into access units, and the pictures that ffmpeg decodes from them.

use crate::clock::SystemClock;
use crate::decode::{CodedPicture, Deadline, Picture};
use crate::media::{VideoCodec, VideoFormat, h264, h265, nal};
use crate::time::WallTime;
use bytes::Bytes;
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

/// UTC of the first picture.
pub(super) const START: WallTime = WallTime::from_unix_micros(1_700_000_000_000_000);
/// Microseconds between pictures.
pub(super) const STEP: i64 = 40_000;

/// A stream and what it shows.
pub(super) struct Source {
    pub(super) format: VideoFormat,
    /// In decoding order.
    pub(super) pictures: Vec<CodedPicture>,
    /// Planar 4:2:0 with 8 bits, as ffmpeg decodes it, in the order of output.
    pub(super) shown: Vec<Vec<u8>>,
}

/// How a stream is made.
pub(super) struct Recipe<'a> {
    pub(super) codec: VideoCodec,
    pub(super) size: (usize, usize),
    /// A source of `lavfi` without size and rate.
    pub(super) scene: &'a str,
    pub(super) count: usize,
    pub(super) pixels: &'a str,
    pub(super) options: &'a [&'a str],
}

impl Default for Recipe<'_> {
    fn default() -> Self {
        Self {
            codec: VideoCodec::H264,
            size: (320, 180),
            scene: "testsrc2",
            count: 30,
            pixels: "yuv420p",
            options: &[],
        }
    }
}

/// What a program prints for `input`, when it succeeded and had nothing to complain about.
pub(super) fn run(program: &str, arguments: &[&str], input: &[u8]) -> Vec<u8> {
    let mut child = Command::new("timeout")
        .args(["--kill-after=5", "120", program, "-v", "error"])
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{program} is needed for this test: {error}"));
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    // It may end before it has read everything.
    let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && errors.trim().is_empty(), "{program}, {}: {errors}", output.status);
    output.stdout
}

impl Source {
    pub(super) fn make(recipe: &Recipe<'_>) -> Self {
        let (width, height) = recipe.size;
        let scene = format!("{}=size={width}x{height}:rate=25", recipe.scene);
        let count = recipe.count.to_string();
        let encoder = if recipe.codec == VideoCodec::H265 { "libx265" } else { "libx264" };
        let quiet = ["-x265-params", "log-level=error:info=0:pools=1:frame-threads=1"];
        let codec = ["-c:v", encoder, "-preset", "veryfast", "-pix_fmt", recipe.pixels];
        let codec = [&codec[..], if recipe.codec == VideoCodec::H265 { &quiet } else { &[] }].concat();
        let output =
            ["-video_track_timescale", "25", "-movflags", "frag_keyframe+empty_moov", "-f", "mp4", "-"];
        let input = ["-f", "lavfi", "-i", &scene, "-frames:v", &count];
        let file = run("ffmpeg", &[&input, &codec[..], recipe.options, &output].concat(), &[]);
        Self::read(recipe, &file)
    }

    /// Takes an MP4 file apart.
    fn read(recipe: &Recipe<'_>, file: &[u8]) -> Self {
        let codec = recipe.codec;
        let (name, filter) = match codec {
            VideoCodec::H265 => ("hevc", "hevc_mp4toannexb"),
            _ => ("h264", "h264_mp4toannexb"),
        };
        let stream = run("ffmpeg", &["-i", "-", "-c", "copy", "-bsf:v", filter, "-f", name, "-"], file);
        let listing = ["-select_streams", "v", "-show_entries", "packet=pts,size", "-of", "csv=p=0", "-"];
        let listing = String::from_utf8(run("ffprobe", &listing, file)).unwrap();
        let times: Vec<i64> =
            listing.lines().map(|line| line.split(',').next().unwrap().parse().unwrap()).collect();
        let format = match codec {
            VideoCodec::H265 => VideoFormat::h265(nal::annexb_units(&stream)),
            _ => VideoFormat::h264(nal::annexb_units(&stream)),
        };
        let format = format.unwrap();
        let first = times.iter().min().copied().unwrap();
        let units = access_units(codec, &stream);
        assert_eq!(units.len(), times.len());
        let pictures = units.into_iter().zip(&times).map(|(data, pts)| CodedPicture {
            pts: pts - first,
            time: START.add_micros((pts - first) * STEP),
            kind: format.classify(&data).unwrap(),
            data,
        });
        let pictures = pictures.collect();
        // Asked for by name, pictures of full range would be made limited.
        let pixels = if recipe.pixels == "yuv420p" { &[][..] } else { &["-pix_fmt", "yuv420p"] };
        let arguments = [&["-i", "-", "-f", "rawvideo", "-fps_mode", "passthrough"], pixels, &["-"]].concat();
        let raw = run("ffmpeg", &arguments, file);
        let (width, height) = (format.width as usize, format.height as usize);
        let size = width * height + 2 * width.div_ceil(2) * height.div_ceil(2);
        let shown = raw.chunks_exact(size).map(<[u8]>::to_vec).collect();
        Self { format, pictures, shown }
    }

    /// The picture that is shown at this place, as ffmpeg decodes it.
    pub(super) fn original(&self, pts: i64) -> &[u8] {
        &self.shown[usize::try_from(pts).unwrap()]
    }
}

/// The access units of an Annex B stream: each begins with the first slice of a picture or what precedes it.
/// (x264 codes interlaced frames as one picture each, never as two fields.)
fn access_units(codec: VideoCodec, stream: &[u8]) -> Vec<Bytes> {
    let (mut units, mut parts, mut in_picture) = (Vec::<Bytes>::new(), Vec::new(), false);
    for unit in nal::annexb_units(stream) {
        let (slice, first) = match codec {
            VideoCodec::H265 => {
                (h265::nal_unit_type(unit) <= h265::nal_type::LAST_SLICE, unit[2] & 0x80 != 0)
            }
            _ => {
                let slice = matches!(h264::nal_unit_type(unit), h264::nal_type::SLICE | h264::nal_type::IDR);
                (slice, unit[1] & 0x80 != 0)
            }
        };
        if in_picture && (!slice || first) {
            units.push(nal::join(parts.drain(..)));
            in_picture = false;
        }
        in_picture |= slice;
        parts.push(unit);
    }
    units.push(nal::join(parts));
    units
}

/// A deadline that is far away.
pub(super) fn no_deadline() -> Deadline {
    Deadline::new(SystemClock::shared(), Duration::from_secs(600))
}

/// The planes of a picture one after the other.
pub(super) fn bytes(picture: &Picture) -> Vec<u8> {
    picture.planes().into_iter().flat_map(|plane| plane.samples()).copied().collect()
}

/// Peak signal to noise ratio in dB, over all samples.
pub(super) fn psnr(a: &[u8], b: &[u8]) -> f64 {
    assert_eq!(a.len(), b.len());
    let squares = a.iter().zip(b).map(|(&a, &b)| u64::from(a.abs_diff(b)).pow(2)).sum::<u64>();
    if squares == 0 {
        return f64::INFINITY;
    }
    10.0 * (255.0_f64.powi(2) * a.len() as f64 / squares as f64).log10()
}
