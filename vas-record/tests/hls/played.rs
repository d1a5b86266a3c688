//! ffmpeg plays what a live stream serves.

use crate::media::{Plain, real};
use crate::source::{Encoder, Source, audio, video};
use crate::tools::{ffmpeg, hashes, run, text};
use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;
use vas_record::hls::live::{LiveConfig, LiveWindow};
use vas_record::hls::multivariant;
use vas_record::mux::mpegts;
use vas_record::read;

const IN_ORDER: &[&str] = &["-c:v", "libx264", "-preset", "veryfast", "-bf", "0"];
const REORDERED: &[&str] = &["-c:v", "libx264", "-preset", "veryfast", "-bf", "3"];
const HEVC: &[&str] = &[
    "-c:v",
    "libx265",
    "-preset",
    "veryfast",
    "-tag:v",
    "hvc1",
    "-x265-params",
    "log-level=error:info=0:bframes=3:open-gop=1:pools=1:frame-threads=1",
];

/// Twenty seconds of the sources in a window, and how many pictures its whole segments have.
fn window(sources: &[&Source]) -> (LiveWindow, usize) {
    let mut window = LiveWindow::new(LiveConfig { listed: Duration::from_secs(60), ..LiveConfig::default() });
    let mut pictures = Vec::new();
    for chunk in real(sources, 5) {
        window.push(&chunk);
        pictures.push((chunk.data, usize::from(chunk.pictures)));
    }
    let (open, last) = window.newest().unwrap();
    let growing = window.part(open, 0).unwrap();
    let first_open = pictures.iter().position(|(data, _)| *data == growing[0]).unwrap();
    assert!(pictures.len() - first_open > last as usize);
    (window, pictures[..first_open].iter().map(|(_, pictures)| pictures).sum())
}

/// Writes what the playlist names, and the playlist with its end.
fn write_cmaf(folder: &Path, window: &LiveWindow) -> PathBuf {
    let list = window.playlist(&Plain, false, &[]);
    for line in list.lines() {
        if let Some(number) = line.strip_suffix(".m4s").and_then(|number| number.parse().ok()) {
            fs::write(folder.join(line), window.segment(number).unwrap().chunks.concat()).unwrap();
        }
        if let Some(map) = line.strip_prefix("#EXT-X-MAP:URI=\"").and_then(|uri| uri.strip_suffix('"')) {
            let number = map.trim_start_matches("init-").trim_end_matches(".mp4").parse().unwrap();
            fs::write(folder.join(map), window.init(number).unwrap()).unwrap();
        }
    }
    // Without the part of the text that belongs to the growing segment.
    let end = list.rfind(".m4s\n#EXT-X-PROGRAM-DATE-TIME").unwrap() + ".m4s\n".len();
    let path = folder.join("index.m3u8");
    fs::write(&path, format!("{}#EXT-X-ENDLIST\n", &list[..end])).unwrap();
    path
}

fn write_ts(folder: &Path, window: &LiveWindow) -> (PathBuf, Vec<u8>) {
    let list = window.ts_playlist(&|sequence| format!("{sequence}.ts"));
    let mut all = Vec::new();
    for name in list.lines().filter(|line| line.ends_with(".ts")) {
        let media = window.segment(name.trim_end_matches(".ts").parse().unwrap()).unwrap();
        let init = read::init(&media.section.init).unwrap();
        let fragments: Result<Vec<_>, _> =
            media.chunks.iter().flat_map(|chunk| read::fragments(chunk.clone())).collect();
        let segment = mpegts::segment(&init, &fragments.unwrap()).unwrap();
        check_segment(&segment);
        all.extend_from_slice(&segment);
        fs::write(folder.join(name), segment).unwrap();
    }
    let path = folder.join("playlist.m3u8");
    fs::write(&path, format!("{list}#EXT-X-ENDLIST\n")).unwrap();
    (path, all)
}

/// A segment can be played by itself, and joins the next: tables first, sixteen packets of each PID or a multiple.
fn check_segment(segment: &[u8]) {
    let packets: Vec<_> = segment.chunks(188).collect();
    assert!(packets.iter().all(|packet| packet.len() == 188 && packet[0] == 0x47));
    let mut counts: HashMap<u16, usize> = HashMap::new();
    for packet in &packets {
        *counts.entry(pid(packet)).or_default() += 1;
    }
    assert!(counts.values().all(|count| count % 16 == 0), "{counts:?}");
    assert_eq!([pid(packets[0]), pid(packets[1])], [0, 0x1000]);
    // The random access indicator on the first picture.
    assert_eq!((pid(packets[2]), packets[2][5] & 0x40), (0x100, 0x40));
}

fn pid(packet: &[u8]) -> u16 {
    u16::from_be_bytes([packet[1], packet[2]]) & 0x1fff
}

/// No packet is missing, and the clock goes forward.
fn check_joined(stream: &[u8]) {
    let mut counters: HashMap<u16, u8> = HashMap::new();
    let mut clock = 0;
    for packet in stream.chunks(188) {
        assert_ne!(packet[3] & 0x10, 0, "a packet without payload");
        let counter = packet[3] & 15;
        if let Some(before) = counters.insert(pid(packet), counter) {
            assert_eq!(counter, (before + 1) & 15, "pid {}", pid(packet));
        }
        let adaptation = packet[3] & 0x20 != 0 && packet[4] > 0;
        if adaptation && packet[5] & 0x10 != 0 {
            let base = packet[6..11].iter().fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte)) >> 7;
            assert!(base > clock, "{base} after {clock}");
            clock = base;
        }
    }
}

/// Decoding times rise, packet by packet.
fn check_decoding_times(path: &Path) {
    for kind in ["v", "a"] {
        let entries = ["-select_streams", kind, "-show_entries", "packet=dts", "-of", "csv=p=0"];
        let printed = run("ffprobe", &[&entries[..], &[text(path)]].concat());
        let times: Vec<i64> = printed
            .lines()
            .map(|line| line.trim_end_matches(','))
            .filter(|line| !line.is_empty())
            .map(|line| line.parse().unwrap())
            .collect();
        assert!(times.windows(2).all(|pair| pair[0] < pair[1]), "{kind}: {times:?}");
    }
}

fn assert_plays(sources: &[&Source], folder: &Path) {
    let (window, pictures) = window(sources);
    assert!(pictures > 300, "{pictures}");
    let once = hashes(&sources[0].file, "v");
    let expected: Vec<_> = once.iter().cycle().take(pictures).cloned().collect();

    let cmaf = write_cmaf(folder, &window);
    assert_eq!(ffmpeg(&["-i", text(&cmaf), "-f", "null", "-"]), "");
    assert_eq!(hashes(&cmaf, "v"), expected);

    let (playlist, joined) = write_ts(folder, &window);
    // What would make it stumble at a seam is a warning to it.
    assert_eq!(ffmpeg(&["-v", "warning", "-i", text(&playlist), "-f", "null", "-"]), "");
    assert_eq!(hashes(&playlist, "v"), expected);
    check_joined(&joined);
    let path = folder.join("joined.ts");
    fs::write(&path, joined).unwrap();
    assert_eq!(hashes(&path, "v"), expected);
    check_decoding_times(&path);
    if sources.len() > 1 {
        let (ours, theirs) = (hashes(&path, "a").len(), hashes(&cmaf, "a").len());
        assert_eq!(ours, theirs);
        assert!(ours > 600, "{ours}");
    }
}

#[test]
fn h264_in_order() {
    let folder = tempfile::tempdir().unwrap();
    assert_plays(&[&video(folder.path(), Encoder::H264(IN_ORDER))], folder.path());
}

#[test]
fn h264_with_b_frames_and_aac() {
    let folder = tempfile::tempdir().unwrap();
    let pictures = video(folder.path(), Encoder::H264(REORDERED));
    let sound = audio(folder.path(), 0);
    assert_plays(&[&pictures, &sound], folder.path());
}

#[test]
fn h265_with_open_groups() {
    let folder = tempfile::tempdir().unwrap();
    assert_plays(&[&video(folder.path(), Encoder::H265(HEVC))], folder.path());
}

/// A player finds its way from the multivariant playlist.
#[test]
fn a_multivariant_playlist_leads_to_it() {
    let folder = tempfile::tempdir().unwrap();
    let source = video(folder.path(), Encoder::H264(IN_ORDER));
    let (window, pictures) = window(&[&source]);
    write_cmaf(folder.path(), &window);
    let info = window.variant().unwrap();
    assert_eq!((info.width, info.height, info.fps), (320, 180, 25.0));
    let path = folder.path().join("main.m3u8");
    fs::write(&path, multivariant::playlist([("index.m3u8".to_owned(), &info)])).unwrap();
    assert_eq!(hashes(&path, "v").len(), pictures);
}
