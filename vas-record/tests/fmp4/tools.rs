//! ffmpeg and ffprobe.

use std::path::Path;
use std::process::Command;

/// What a program printed, when it succeeded and had nothing to complain about.
pub(crate) fn run(program: &str, arguments: &[&str]) -> String {
    let mut command = Command::new("timeout");
    command.args(["--kill-after=5", "120", program, "-v", "error"]).args(arguments);
    let output =
        command.output().unwrap_or_else(|error| panic!("{program} is needed for this test: {error}"));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && errors.trim().is_empty(), "{program}, {}: {errors}", output.status);
    String::from_utf8(output.stdout).unwrap()
}

pub(crate) fn ffmpeg(arguments: &[&str]) -> String {
    run("ffmpeg", &[&["-nostdin", "-y"], arguments].concat())
}

pub(crate) fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// The hashes of the decoded frames of the first track of a kind (`v` or `a`), in the order of presentation.
pub(crate) fn hashes(path: &Path, kind: &str) -> Vec<String> {
    let track = format!("0:{kind}:0");
    let input = ["-i", text(path), "-map", &track, "-fps_mode", "passthrough", "-f", "framemd5", "-"];
    let printed = ffmpeg(&input);
    let lines = printed.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| line.rsplit(',').next().unwrap().trim().to_owned()).collect()
}

/// The hash of all decoded sound of a file.
pub(crate) fn decoded(path: &Path) -> String {
    ffmpeg(&["-i", text(path), "-map", "0:a:0", "-f", "md5", "-"])
}

/// A sample as a demuxer tells it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Packet {
    /// In ticks of the track.
    pub(crate) pts: i64,
    /// In ticks; the demuxer does not know it of every packet of sound.
    pub(crate) duration: Option<i64>,
    pub(crate) key: bool,
}

/// The samples of the first track of a kind (`v` or `a`), in decoding order.
pub(crate) fn packets(path: &Path, kind: &str) -> Vec<Packet> {
    let entries = "packet=pts,duration,flags";
    let printed =
        run("ffprobe", &["-select_streams", kind, "-show_entries", entries, "-of", "csv=p=0", text(path)]);
    let parse = |line: &str| {
        let fields: Vec<_> = line.split(',').collect();
        Packet {
            pts: fields[0].parse().unwrap(),
            duration: fields[1].parse().ok(),
            key: fields[2].starts_with('K'),
        }
    };
    printed.lines().map(parse).collect()
}

/// One property of the first track of a kind.
pub(crate) fn property(path: &Path, kind: &str, name: &str) -> String {
    let entries = format!("stream={name}");
    let format = ["-show_data_hash", "md5", "-of", "default=noprint_wrappers=1:nokey=1"];
    let arguments =
        [&["-select_streams", kind, "-show_entries", &entries], &format[..], &[text(path)]].concat();
    run("ffprobe", &arguments).trim().to_owned()
}
