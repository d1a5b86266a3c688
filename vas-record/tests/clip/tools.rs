//! ffmpeg and ffprobe.

use std::path::Path;
use std::process::Command;

/// What a program printed, when it succeeded and had nothing to complain about.
pub(crate) fn run(program: &str, arguments: &[&str]) -> Vec<u8> {
    let mut command = Command::new("timeout");
    command.args(["--kill-after=5", "120", program, "-v", "error"]).args(arguments);
    let output =
        command.output().unwrap_or_else(|error| panic!("{program} is needed for this test: {error}"));
    let errors = String::from_utf8_lossy(&output.stderr);
    // Where decoding starts at a recovery point, later pictures of x264 drop references that were never there.
    let harmless = ["mmco: unref short failure", "Last message repeated"];
    let complaints = errors.lines().filter(|line| !harmless.iter().any(|known| line.contains(known)));
    let silent = complaints.filter(|line| !line.trim().is_empty()).count() == 0;
    assert!(output.status.success() && silent, "{program}, {}: {errors}", output.status);
    output.stdout
}

pub(crate) fn ffmpeg(arguments: &[&str]) -> String {
    String::from_utf8(run("ffmpeg", &[&["-nostdin", "-y"], arguments].concat())).unwrap()
}

pub(crate) fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// The hashes of the decoded pictures, in the order of presentation and each in its own size.
pub(crate) fn hashes(path: &Path) -> Vec<String> {
    pictures(path).into_iter().map(|(_, hash)| hash).collect()
}

/// The decoded pictures: when they are shown, in ticks of 90 kHz, and their hashes.
pub(crate) fn pictures(path: &Path) -> Vec<(i64, String)> {
    let input = ["-i", text(path), "-map", "0:v:0", "-autoscale", "0", "-fps_mode", "passthrough"];
    let output = ["-enc_time_base", "1/90000", "-f", "framemd5", "-"];
    let printed = ffmpeg(&[&input[..], &output].concat());
    let parse = |line: &str| {
        let fields: Vec<_> = line.split(',').map(str::trim).collect();
        (fields[2].parse().unwrap(), fields[5].to_owned())
    };
    printed.lines().filter(|line| !line.starts_with('#')).map(parse).collect()
}

/// The decoded sound: 16-bit samples of one channel at 48 kHz.
pub(crate) fn sound(path: &Path) -> Vec<i16> {
    let output = ["-map", "0:a:0", "-ac", "1", "-ar", "48000", "-f", "s16le", "-"];
    let bytes = run("ffmpeg", &[&["-nostdin", "-i", text(path)], &output[..]].concat());
    bytes.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect()
}

/// A sample as a demuxer tells it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Packet {
    /// In ticks of the track.
    pub(crate) pts: i64,
    pub(crate) size: usize,
    /// Where it lies in the file.
    pub(crate) position: usize,
}

/// The samples of the first track of a kind (`v` or `a`), in decoding order.
pub(crate) fn packets(path: &Path, kind: &str) -> Vec<Packet> {
    let entries = ["-show_entries", "packet=pts,size,pos", "-of", "csv=p=0"];
    let printed = run("ffprobe", &[&["-select_streams", kind], &entries[..], &[text(path)]].concat());
    let parse = |line: &str| {
        let fields: Vec<_> = line.split(',').collect();
        Packet {
            pts: fields[0].parse().unwrap(),
            size: fields[1].parse().unwrap(),
            position: fields[2].parse().unwrap(),
        }
    };
    String::from_utf8(printed).unwrap().lines().map(parse).collect()
}
