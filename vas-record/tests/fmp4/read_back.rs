//! What was written is read back equal, and what is whole of a damaged file is found.

use crate::recording;
use crate::source::{Encoder, Source, audio, desc, g711, merged, opus, video};
use crate::targets::Target;
use bytes::Bytes;
use proptest::prelude::*;
use std::fs;
use std::io::Cursor;
use std::path::Path;
use std::sync::{Arc, LazyLock};
use vas_core::media::{AccessUnit, AudioCodec, Codec, TrackFormat, VideoCodec, h264, h265, nal};
use vas_core::model::{Group, GroupBuilder};
use vas_core::testing::{audio_unit, delta_picture, key_picture, sized, video_desc};
use vas_core::{MediaTime, TrackId};
use vas_record::read::{self, ReadError};
use vas_record::segment::Chunk;
use vas_record::segmenter::{Output, Segmenter, SegmenterConfig};

/// The file of these units, and its chunks.
fn record(units: &[AccessUnit], desc: vas_core::media::StreamDesc) -> (Bytes, Vec<Chunk>) {
    let mut segmenter = Segmenter::new(SegmenterConfig::default());
    let (desc, mut outputs) = (Arc::new(desc), Vec::new());
    units.iter().for_each(|unit| segmenter.push(unit, &desc, &mut outputs));
    segmenter.flush(&mut outputs);
    let (mut file, mut chunks) = (Vec::new(), Vec::new());
    for output in outputs {
        match output {
            Output::Section(section) => file.extend_from_slice(&section.init),
            Output::Chunk(chunk) => {
                file.extend_from_slice(&chunk.data);
                chunks.push(chunk);
            }
        }
    }
    (file.into(), chunks)
}

/// The payload without what stands in the sample entry.
fn stored(unit: &AccessUnit) -> Bytes {
    let is_set: fn(&[u8]) -> bool = match unit.format.codec() {
        Codec::Video(VideoCodec::H264) => |nal| matches!(h264::nal_unit_type(nal), 7 | 8),
        Codec::Video(VideoCodec::H265) => |nal| matches!(h265::nal_unit_type(nal), 32..=34),
        _ => return unit.data.clone(),
    };
    nal::join(nal::units(&unit.data).filter(|nal| !is_set(nal)))
}

fn assert_same(sources: &[&Source]) {
    let (file, chunks) = record(&merged(sources), desc(sources));
    let init = read::init(&file).unwrap();
    assert_eq!(init.desc(), desc(sources));
    assert_eq!(&file[..init.len], &chunks[0].section.init[..]);
    let fragments: Vec<_> = read::fragments(file.clone()).map(Result::unwrap).collect();
    assert_eq!(fragments.len(), chunks.len());
    let mut offset = init.len;
    for (fragment, chunk) in fragments.iter().zip(&chunks) {
        assert_eq!((fragment.offset, fragment.len), (offset, chunk.data.len()));
        assert!(fragment.wall.unwrap().micros_since(chunk.wall).abs() <= 1);
        offset += fragment.len;
    }
    for (source, track) in sources.iter().zip(&init.tracks) {
        assert_eq!(track.format, source.format);
        let samples = fragments.iter().flat_map(|fragment| &fragment.samples);
        let samples: Vec<_> = samples.filter(|sample| sample.track == track.number).collect();
        assert_eq!(samples.len(), source.units.len());
        let origin = (source.units[0].pts.ticks(), source.units[0].dts.ticks());
        for (sample, unit) in samples.iter().zip(&source.units) {
            assert_eq!(sample.pts, unit.pts.ticks() - origin.0);
            assert_eq!(sample.dts, unit.dts.ticks() - origin.1);
            assert_eq!(sample.key, unit.is_key() || !unit.is_video());
            assert_eq!(sample.data, stored(unit));
            // No copy was made.
            assert!(file.as_ptr_range().contains(&sample.data.as_ptr()));
        }
    }
}

#[test]
fn every_codec_is_read_back_equal() {
    let folders: Vec<_> = (0..4).map(|_| tempfile::tempdir().unwrap()).collect();
    let h264 =
        video(folders[0].path(), Encoder::H264(&["-c:v", "libx264", "-preset", "veryfast", "-bf", "3"]));
    let parameters = "log-level=error:info=0:bframes=3:open-gop=1:pools=1:frame-threads=1";
    let options = ["-c:v", "libx265", "-preset", "veryfast", "-tag:v", "hvc1", "-x265-params", parameters];
    let h265 = video(folders[1].path(), Encoder::H265(&options));
    let av1 = video(folders[2].path(), Encoder::Av1);
    let vp8 = video(folders[3].path(), Encoder::Vp8);
    assert_same(&[&h264, &audio(folders[0].path(), 0)]);
    assert_same(&[&h265, &opus(folders[1].path())]);
    assert_same(&[&av1, &g711(folders[2].path(), AudioCodec::Pcma)]);
    assert_same(&[&vp8]);
}

/// Two seconds of pictures and sound in small chunks.
fn small() -> (Bytes, Vec<Chunk>) {
    let mut desc = video_desc();
    desc.tracks.push(vas_core::media::Track { id: TrackId(1), format: audio_unit(0).format });
    let units: Vec<_> = (0..50)
        .flat_map(|n| {
            let picture = if n % 25 == 0 { key_picture(n) } else { delta_picture(n) };
            [picture, sized(audio_unit(n), 20)]
        })
        .collect();
    record(&units, desc)
}

static SMALL: LazyLock<(Bytes, Vec<Chunk>)> = LazyLock::new(small);

fn groups(chunks: &[Chunk]) -> Vec<Group> {
    let mut builder = GroupBuilder::new();
    let mut offset = chunks[0].section.init.len() as u64;
    for (n, chunk) in chunks.iter().enumerate() {
        let size = chunk.data.len() as u32;
        builder.push(Group {
            offset,
            size,
            media: chunk.media,
            duration: chunk.duration,
            wall: chunk.wall,
            pictures: chunk.pictures.into(),
            key: chunk.key,
            // That recording began is not told by the file.
            gap: chunk.gap.filter(|_| n > 0),
            lost: chunk.lost,
        });
        offset += u64::from(size);
    }
    builder.as_slice().to_vec()
}

#[test]
fn the_index_is_rebuilt_from_the_file() {
    let (file, chunks) = &*SMALL;
    let scan = read::scan(Cursor::new(file)).unwrap();
    assert!(scan.problem.is_none());
    assert_eq!((scan.valid_len, scan.init.len), (file.len() as u64, chunks[0].section.init.len()));
    assert_eq!(scan.groups, groups(chunks));
}

/// A hole is found again.
#[test]
fn a_hole_is_told_by_the_file() {
    let late = (25..50).map(|n| {
        let unit = if n == 25 { key_picture(n) } else { delta_picture(n) };
        let time = MediaTime::new(unit.pts.ticks() + 9_000_000, unit.pts.rate());
        AccessUnit { pts: time, dts: time, captured: unit.captured.add_micros(100_000_000), ..unit }
    });
    let first = (0..25).map(|n| if n == 0 { key_picture(n) } else { delta_picture(n) });
    let (file, chunks) = record(&first.chain(late).collect::<Vec<_>>(), video_desc());
    let scan = read::scan(Cursor::new(&file)).unwrap();
    assert_eq!(scan.groups, groups(&chunks));
    assert_eq!(scan.groups.iter().filter(|group| group.gap.is_some()).count(), 1);
}

/// Cut anywhere, a file keeps its whole chunks.
#[test]
fn a_file_is_good_up_to_its_last_whole_chunk() {
    let (file, chunks) = &*SMALL;
    let init = chunks[0].section.init.len();
    let mut ends = vec![init];
    for chunk in chunks {
        ends.push(ends[ends.len() - 1] + chunk.data.len());
    }
    for len in 0..file.len() {
        let scan = read::scan(Cursor::new(&file[..len]));
        if len < init {
            assert!(matches!(scan, Err(ReadError::Missing { .. } | ReadError::CutShort { .. })), "{len}");
            continue;
        }
        let scan = scan.unwrap();
        let whole = ends.iter().rposition(|&end| end <= len).unwrap();
        assert_eq!(scan.valid_len as usize, ends[whole]);
        assert_eq!(scan.groups, if whole == 0 { Vec::new() } else { groups(&chunks[..whole]) });
        let fragments = read::fragments(file.slice(..len)).filter(Result::is_ok).count();
        assert_eq!(fragments, whole);
    }
}

/// What a file system leaves of a tail that was never written.
#[test]
fn zeros_at_the_end_are_no_chunks() {
    let (file, chunks) = &*SMALL;
    let zeros = [&file[..], &[0; 5_000]].concat();
    let scan = read::scan(Cursor::new(&zeros)).unwrap();
    assert_eq!((scan.valid_len, scan.groups), (file.len() as u64, groups(chunks)));
    let problem = scan.problem.unwrap().to_string();
    assert!(problem.contains(&format!("byte {}", file.len())), "{problem}");
}

fn read_all(bytes: &[u8]) {
    recording::TARGETS.iter().for_each(|target| (target.run)(bytes));
}

/// The inputs that were kept for the fuzzer.
#[test]
fn what_the_fuzzer_kept_is_survived() {
    for Target { name, run } in recording::TARGETS {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(name);
        let files = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        let mut inputs = files.map(|file| fs::read(file.unwrap().path()).unwrap()).peekable();
        assert!(inputs.peek().is_some(), "{name} has no inputs to begin with");
        inputs.for_each(|input| run(&input));
    }
}

proptest! {
    #[test]
    fn damage_is_survived(
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        len in any::<prop::sample::Index>(),
    ) {
        let mut bytes = SMALL.0.to_vec();
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        read_all(&bytes);
        bytes.truncate(len.index(bytes.len()) + 1);
        read_all(&bytes);
    }

    #[test]
    fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        read_all(&bytes);
    }
}

/// A few bytes may promise any number of samples, or boxes in boxes without end.
#[test]
fn promises_are_not_believed() {
    let boxed =
        |kind: &[u8; 4], body: &[u8]| [&(body.len() as u32 + 8).to_be_bytes()[..], kind, body].concat();
    // A size of one byte for each of 2^32 - 1 samples.
    let tfhd = boxed(b"tfhd", &[0, 0, 0, 0x10, 0, 0, 0, 1, 0, 0, 0, 1]);
    let tfdt = boxed(b"tfdt", &[0; 8]);
    let trun = boxed(b"trun", &[0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]);
    let moof = boxed(b"moof", &boxed(b"traf", &[tfhd, tfdt, trun].concat()));
    let file = [moof, boxed(b"mdat", &[0; 8])].concat();
    let error = read::fragments(file.into()).next().unwrap().unwrap_err();
    assert!(matches!(error, ReadError::Malformed { .. }), "{error}");

    for kind in [b"moov", b"trak", b"mdia", b"meta", b"udta"] {
        let mut nested = Vec::new();
        let depth = 100_000_u32;
        for level in 0..depth {
            nested.extend_from_slice(&(8 * (depth - level)).to_be_bytes());
            nested.extend_from_slice(if level == 0 { b"moov" } else { kind });
        }
        assert!(read::init(&nested).is_err());
    }
}

#[test]
fn formats_are_told_by_their_entries() {
    let (file, _) = &*SMALL;
    let init = read::init(file).unwrap();
    assert_eq!(init.leader().number, 1);
    assert_eq!(init.track(2).map(|track| track.timescale.get()), Some(8_000));
    assert!(matches!(&init.tracks[1].format, TrackFormat::Audio(audio) if audio.codec == AudioCodec::Pcmu));
}
