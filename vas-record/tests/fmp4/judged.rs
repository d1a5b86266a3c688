//! The same pictures, at the same times, in a file that nobody complains about.

use crate::source::{Encoder, Source, audio, desc, g711, merged, opus, video};
use crate::tools::{decoded, ffmpeg, hashes, packets, property, text};
use std::fs;
use std::path::{Path, PathBuf};
use vas_core::media::AudioCodec;
use vas_record::mux::fmp4::Fmp4Writer;

/// Writes the sources into one file, with a chunk before each key picture.
fn write(folder: &Path, sources: &[&Source]) -> PathBuf {
    let mut writer = Fmp4Writer::new(&desc(sources)).unwrap();
    let mut file = writer.init_section().to_vec();
    let mut chunks = 0;
    for unit in merged(sources) {
        writer.push(&unit).unwrap();
        if unit.is_key()
            && let Some(chunk) = writer.take_chunk()
        {
            file.extend(chunk);
            chunks += 1;
        }
    }
    file.extend(writer.finish().unwrap());
    assert!(chunks > 2, "{chunks} chunks");
    let path = folder.join("out.mp4");
    fs::write(&path, file).unwrap();
    path
}

/// The track of a kind plays without a complaint and shows what the source shows.
fn assert_same_frames(ours: &Path, source: &Source, kind: &str) {
    assert_eq!(ffmpeg(&["-i", text(ours), "-f", "null", "-"]), "");
    let decoded = hashes(ours, kind);
    assert!(decoded.len() >= source.units.len(), "{} frames", decoded.len());
    assert_eq!(decoded, hashes(&source.file, kind));
}

/// A file of one video track is in every respect what ffmpeg itself makes of the same pictures.
fn assert_same_video(encoder: Encoder<'_>, reordered: bool) {
    let folder = tempfile::tempdir().unwrap();
    let source = video(folder.path(), encoder);
    assert_eq!(source.units.iter().any(|unit| unit.pts != unit.dts), reordered);
    let ours = write(folder.path(), &[&source]);
    assert_same_frames(&ours, &source, "v");

    // Its fragments too hold composition offsets below 0, and what its reader makes of these, ours must give.
    let theirs = folder.path().join("fragmented.mp4");
    let fragment = ["-c", "copy", "-movflags", "+cmaf+frag_keyframe", text(&theirs)];
    ffmpeg(&[&["-i", text(&source.file)], &fragment[..]].concat());
    assert_eq!(packets(&ours, "v"), packets(&theirs, "v"));

    for name in ["codec_tag_string", "extradata_hash", "width", "height", "profile", "level", "time_base"] {
        assert_eq!(property(&ours, "v", name), property(&source.file, "v", name), "{name}");
    }
}

#[test]
fn h264_in_order() {
    assert_same_video(Encoder::H264(&["-c:v", "libx264", "-preset", "veryfast", "-bf", "0"]), false);
}

#[test]
fn h264_baseline() {
    assert_same_video(
        Encoder::H264(&["-c:v", "libx264", "-preset", "veryfast", "-profile:v", "baseline"]),
        false,
    );
}

#[test]
fn h264_with_b_frames() {
    assert_same_video(Encoder::H264(&["-c:v", "libx264", "-preset", "veryfast", "-bf", "3"]), true);
}

/// Open groups: key pictures are CRA pictures, and pictures sent after them are shown before them.
#[test]
fn h265_with_b_frames() {
    let parameters = "log-level=error:info=0:bframes=3:open-gop=1:pools=1:frame-threads=1";
    let options = ["-c:v", "libx265", "-preset", "veryfast", "-tag:v", "hvc1", "-x265-params", parameters];
    assert_same_video(Encoder::H265(&options), true);
}

#[test]
fn h265_in_order() {
    let parameters = "log-level=error:info=0:bframes=0:pools=1:frame-threads=1";
    let options = ["-c:v", "libx265", "-preset", "veryfast", "-tag:v", "hvc1", "-x265-params", parameters];
    assert_same_video(Encoder::H265(&options), false);
}

#[test]
fn av1() {
    assert_same_video(Encoder::Av1, false);
}

#[test]
fn vp8() {
    let folder = tempfile::tempdir().unwrap();
    let source = video(folder.path(), Encoder::Vp8);
    let ours = write(folder.path(), &[&source]);
    assert_same_frames(&ours, &source, "v");
    let (times, keys): (Vec<_>, Vec<_>) =
        packets(&ours, "v").iter().map(|packet| (packet.pts, packet.key)).unzip();
    assert_eq!(times, (0..100).map(|n| n * 3_600).collect::<Vec<_>>());
    assert_eq!(keys, source.units.iter().map(|unit| unit.is_key()).collect::<Vec<_>>());
    for (name, value) in
        [("codec_name", "vp8"), ("codec_tag_string", "vp08"), ("width", "320"), ("height", "180")]
    {
        assert_eq!(property(&ours, "v", name), value, "{name}");
    }
}

#[test]
fn h264_with_opus() {
    let folder = tempfile::tempdir().unwrap();
    let pictures =
        video(folder.path(), Encoder::H264(&["-c:v", "libx264", "-preset", "veryfast", "-bf", "0"]));
    let sound = opus(folder.path());
    let ours = write(folder.path(), &[&pictures, &sound]);
    assert_same_frames(&ours, &pictures, "v");
    assert_eq!(packets(&ours, "a").len(), sound.units.len());
    // ffmpeg leaves out what the encoder needed to begin with; a recording begins within a stream.
    let (decoded, expected) = (hashes(&ours, "a"), hashes(&sound.file, "a"));
    assert_eq!(decoded[1..expected.len() - 1], expected[1..expected.len() - 1]);
    for (name, value) in [("codec_name", "opus"), ("sample_rate", "48000"), ("channels", "1")] {
        assert_eq!(property(&ours, "a", name), value, "{name}");
    }
}

#[test]
fn h264_with_g711() {
    for (codec, name, tag) in
        [(AudioCodec::Pcmu, "pcm_mulaw", "ulaw"), (AudioCodec::Pcma, "pcm_alaw", "alaw")]
    {
        let folder = tempfile::tempdir().unwrap();
        let pictures =
            video(folder.path(), Encoder::H264(&["-c:v", "libx264", "-preset", "veryfast", "-bf", "0"]));
        let sound = g711(folder.path(), codec);
        let ours = write(folder.path(), &[&pictures, &sound]);
        assert_same_frames(&ours, &pictures, "v");
        assert_eq!(packets(&ours, "a").len(), sound.units.len());
        assert_eq!(decoded(&ours), decoded(&sound.file));
        for (property_name, value) in
            [("codec_name", name), ("codec_tag_string", tag), ("sample_rate", "8000"), ("channels", "1")]
        {
            assert_eq!(property(&ours, "a", property_name), value, "{property_name}");
        }
    }
}

/// Sound that starts 300 ms after the pictures starts 300 ms after them in the file.
#[test]
fn h264_with_aac() {
    let folder = tempfile::tempdir().unwrap();
    let pictures =
        video(folder.path(), Encoder::H264(&["-c:v", "libx264", "-preset", "veryfast", "-bf", "0"]));
    let sound = audio(folder.path(), 300_000);
    let ours = write(folder.path(), &[&pictures, &sound]);
    assert_same_frames(&ours, &pictures, "v");
    assert_same_frames(&ours, &sound, "a");
    let first = |kind| packets(&ours, kind)[0].pts;
    assert_eq!((first("v"), first("a")), (0, 14_400));
    assert_eq!(packets(&ours, "a").len(), sound.units.len());
    assert_eq!(property(&ours, "a", "sample_rate"), "48000");
}

/// Sound that was captured before the first picture is left out.
#[test]
fn sound_from_before_the_first_picture() {
    let folder = tempfile::tempdir().unwrap();
    let pictures =
        video(folder.path(), Encoder::H264(&["-c:v", "libx264", "-preset", "veryfast", "-bf", "0"]));
    let sound = audio(folder.path(), -100_000);
    let ours = write(folder.path(), &[&pictures, &sound]);
    let first = packets(&ours, "a")[0].pts;
    assert!((0..1_024).contains(&first), "{first}");
    assert_eq!(packets(&ours, "a").len(), sound.units.len() - 5);
}

/// A file that was cut off plays up to its last whole chunk.
#[test]
fn a_cut_file_keeps_its_whole_chunks() {
    let folder = tempfile::tempdir().unwrap();
    let source = video(folder.path(), Encoder::H264(&["-c:v", "libx264", "-preset", "veryfast", "-bf", "2"]));
    let mut writer = Fmp4Writer::new(&desc(&[&source])).unwrap();
    let mut file = writer.init_section().to_vec();
    for unit in &source.units[..51] {
        writer.push(unit).unwrap();
    }
    assert!(source.units[50].is_key());
    file.extend(writer.take_chunk().unwrap());
    let whole = folder.path().join("whole.mp4");
    fs::write(&whole, &file).unwrap();
    assert_eq!(hashes(&whole, "v"), hashes(&source.file, "v")[..50]);
    assert_eq!(writer.take_chunk(), None);
}
