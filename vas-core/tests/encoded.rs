//! Streams of real encoders, read as routing reads them, with ffmpeg's own parser as the judge.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in helpers as well")]

use std::io::Write;
use std::process::{Command, Stdio};
use vas_core::media::{KeyKind, UnitKind, VideoCodec, VideoFormat, av1};

/// Encodes a moving picture with ffmpeg and gives it as an IVF file.
fn encode(settings: &[&str]) -> Vec<u8> {
    let output = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin", "-f", "lavfi", "-i", "testsrc2=size=160x90:rate=25"])
        .args(["-frames:v", "30"])
        .args(settings)
        .args(["-f", "ivf", "pipe:1"])
        .output()
        .expect("ffmpeg is installed");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// The frames of an IVF file.
fn frames(ivf: &[u8]) -> Vec<&[u8]> {
    let mut rest = &ivf[32..];
    let mut frames = Vec::new();
    while let Some((header, after)) = rest.split_first_chunk::<12>() {
        let size = u32::from_le_bytes([header[0], header[1], header[2], header[3]]) as usize;
        let (frame, after) = after.split_at(size);
        frames.push(frame);
        rest = after;
    }
    frames
}

/// What ffmpeg's parser of headers says of each temporal unit.
fn judged(ivf: &[u8]) -> Vec<UnitKind> {
    let mut judge = Command::new("ffmpeg")
        .args(["-hide_banner", "-nostats", "-f", "ivf", "-i", "pipe:0"])
        .args(["-c", "copy", "-bsf:v", "trace_headers", "-f", "null", "-"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("ffmpeg is installed");
    let mut input = judge.stdin.take().expect("it is piped");
    let ivf = ivf.to_vec();
    let writer = std::thread::spawn(move || input.write_all(&ivf));
    let output = judge.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    // As in `[trace_headers @ 0x5] 43          refresh_frame_flags          01000000 = 64`.
    let field = |line: &str, name: &str| {
        let mut words = line.split_whitespace();
        words.find(|word| *word == name).and_then(|_| words.last()?.parse::<u32>().ok())
    };
    let unit = |lines: &str| {
        if lines.lines().next().is_some_and(|line| line.contains("key frame")) {
            return UnitKind::Key(KeyKind::Idr);
        }
        let kept = |line: &str| {
            field(line, "refresh_frame_flags").is_some_and(|flags| flags != 0)
                || field(line, "show_existing_frame") == Some(1)
        };
        UnitKind::Delta { disposable: !lines.lines().any(kept), bipredictive: false }
    };
    text.split("Packet: ").skip(1).map(unit).collect()
}

fn av1(settings: &[&str]) -> (VideoFormat, Vec<UnitKind>) {
    let ivf = encode(settings);
    let units: Vec<_> = frames(&ivf).into_iter().map(|frame| av1::temporal_unit(frame).unwrap()).collect();
    let format = VideoFormat::announced_by(VideoCodec::Av1, &units[0]).unwrap();
    let kinds: Vec<_> = units.iter().map(|unit| format.classify(unit).unwrap()).collect();
    assert_eq!(kinds, judged(&ivf), "{settings:?}");
    let delimiter = |obu: av1::Obu<'_>| obu.kind() == av1::obu_type::TEMPORAL_DELIMITER;
    assert!(units.iter().all(|unit| !av1::obus(unit).any(delimiter) && format.changed_by(unit).is_none()));
    assert_eq!((format.width, format.height), (160, 90));
    (format, kinds)
}

/// Hashes of the pictures that ffmpeg decodes, which must not complain.
fn decoded(ivf: Vec<u8>) -> Vec<String> {
    let mut decoder = Command::new("ffmpeg")
        .args(["-v", "error", "-f", "ivf", "-i", "pipe:0", "-fps_mode", "passthrough", "-f", "framemd5", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("ffmpeg is installed");
    let mut input = decoder.stdin.take().expect("it is piped");
    let writer = std::thread::spawn(move || input.write_all(&ivf));
    let output = decoder.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout);
    let pictures = text.lines().filter(|line| !line.starts_with('#'));
    pictures.filter_map(|line| line.rsplit(',').next().map(|hash| hash.trim().to_owned())).collect()
}

fn keys(kinds: &[UnitKind]) -> usize {
    kinds.iter().filter(|kind| matches!(kind, UnitKind::Key(_))).count()
}

fn disposable(kinds: &[UnitKind]) -> usize {
    kinds.iter().filter(|kind| matches!(kind, UnitKind::Delta { disposable: true, .. })).count()
}

#[test]
fn av1_with_low_delay() {
    let settings = "pred-struct=1:keyint=10:hierarchical-levels=3";
    let (format, kinds) = av1(&["-c:v", "libsvtav1", "-preset", "10", "-svtav1-params", settings]);
    assert_eq!((format.rfc6381.as_str(), keys(&kinds)), ("av01.0.00M.08", 3));
    assert!(disposable(&kinds) >= 8, "{kinds:?}");
}

/// What is left decodes to the very same pictures.
#[test]
fn disposable_pictures_can_be_left_out() {
    let settings = "pred-struct=1:keyint=10:hierarchical-levels=3";
    let ivf = encode(&["-c:v", "libsvtav1", "-preset", "10", "-svtav1-params", settings]);
    let frames = frames(&ivf);
    let format = VideoFormat::announced_by(VideoCodec::Av1, frames[0]).unwrap();
    let stays: Vec<bool> = frames
        .iter()
        .map(|frame| !matches!(format.classify(frame), Some(UnitKind::Delta { disposable: true, .. })))
        .collect();
    let mut thinned = ivf[..32].to_vec();
    for (n, frame) in frames.iter().enumerate().filter(|(n, _)| stays[*n]) {
        thinned.extend((frame.len() as u32).to_le_bytes());
        thinned.extend((n as u64).to_le_bytes());
        thinned.extend_from_slice(frame);
    }
    let all = decoded(ivf.clone());
    let expected: Vec<_> = all.iter().zip(&stays).filter_map(|(hash, stays)| stays.then_some(hash)).collect();
    assert_eq!(all.len(), 30);
    assert!(expected.len() <= 22, "{stays:?}");
    assert_eq!(decoded(thinned).iter().collect::<Vec<_>>(), expected);
}

#[test]
fn av1_with_hidden_frames() {
    let settings = ["-c:v", "libsvtav1", "-preset", "10", "-svtav1-params", "pred-struct=2:keyint=16"];
    let (format, kinds) = av1(&[&settings[..], &["-pix_fmt", "yuv420p10le"]].concat());
    assert_eq!(format.rfc6381, "av01.0.00M.10");
    assert!(disposable(&kinds) > 0, "{kinds:?}");
}

#[test]
fn av1_of_every_profile_as_browsers_encode_it() {
    let encoder = ["-c:v", "libaom-av1", "-usage", "realtime", "-cpu-used", "8", "-lag-in-frames", "0"];
    let timed = ["-g", "10", "-bsf:v", "av1_metadata=tick_rate=50:num_ticks_per_picture=2"];
    for (pixels, profile) in [("yuv420p", "0.00M.08"), ("yuv444p", "1.00M.08"), ("yuv422p", "2.00M.08")] {
        let (format, kinds) = av1(&[&encoder[..], &timed, &["-pix_fmt", pixels]].concat());
        assert_eq!((format.rfc6381, format.fps), (format!("av01.{profile}"), Some(25.0)));
        assert_eq!((keys(&kinds), disposable(&kinds)), (3, 0));
    }
}

#[test]
fn vp8() {
    let ivf = encode(&["-c:v", "libvpx", "-deadline", "realtime", "-g", "10"]);
    let frames = frames(&ivf);
    let format = VideoFormat::announced_by(VideoCodec::Vp8, frames[0]).unwrap();
    assert_eq!((format.width, format.height), (160, 90));
    let kinds: Vec<_> = frames.iter().map(|frame| format.classify(frame).unwrap()).collect();
    let expected =
        |n: usize| if n.is_multiple_of(10) { UnitKind::Key(KeyKind::Idr) } else { UnitKind::REFERENCE };
    assert_eq!(kinds, (0..30).map(expected).collect::<Vec<_>>());
    assert!(frames.iter().all(|frame| format.changed_by(frame).is_none()));
}
