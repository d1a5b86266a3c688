//! Any range of any recording: the file that comes out is consistent, and holds what the index says.

use crate::archive::{Archive, Event};
use bytes::Bytes;
use mp4_atom::{Atom, Decode as _, Header, Moov};
use proptest::prelude::*;
use std::sync::Arc;
use vas_core::MediaTime;
use vas_core::media::format::VIDEO_CLOCK;
use vas_core::media::{AccessUnit, StreamDesc, TrackFormat};
use vas_core::model::WallRange;
use vas_core::testing::{delta_picture, key_picture, sized, video_desc};
use vas_record::clip::{ClipError, ClipFormat, Timeline};
use vas_record::read;

/// What comes next from the camera.
#[derive(Clone, Copy, Debug)]
enum Next {
    /// A picture after this many ticks, a key picture or not.
    Picture(i64, bool),
    Lagged,
    /// The source starts over.
    Restart,
    /// Another format.
    Change,
}

fn next() -> impl Strategy<Value = Next> {
    prop_oneof![
        60 => (1_800_i64..7_200, prop::bool::weighted(0.1)).prop_map(|(ticks, key)| Next::Picture(ticks, key)),
        1 => (20_000_i64..400_000).prop_map(|ticks| Next::Picture(ticks, false)),
        1 => Just(Next::Lagged),
        1 => Just(Next::Restart),
        1 => Just(Next::Change),
    ]
}

/// The description, or another with one more parameter set.
fn described(changed: bool) -> Arc<StreamDesc> {
    let desc = video_desc();
    if !changed {
        return Arc::new(desc);
    }
    let mut format = desc.video().unwrap().1.clone();
    format.parameter_sets.push(Bytes::from_static(&[0x68, 0xce, 0x3c, 0x81]));
    Arc::new(StreamDesc::new([TrackFormat::Video(format)]))
}

fn recorded(story: &[Next]) -> Archive {
    let (mut time, mut epoch, mut changed, mut key_due) = (0, 1, false, true);
    let mut events = Vec::new();
    for (n, next) in (0_u32..).zip(story) {
        match *next {
            Next::Picture(ticks, key) => {
                time += ticks;
                let desc = described(changed);
                let key = key || std::mem::take(&mut key_due);
                let unit = sized(if key { key_picture(0) } else { delta_picture(0) }, 40 + n as usize % 60);
                let pts = MediaTime::new(time, VIDEO_CLOCK);
                let captured = unit.captured.add_micros(time * 100 / 9);
                let format = desc.tracks[0].format.clone();
                let unit = AccessUnit { pts, dts: pts, captured, epoch, format, ..unit };
                events.push(Event::Unit(unit, desc));
            }
            Next::Lagged => events.push(Event::Lagged),
            Next::Restart => (epoch, key_due, time) = (epoch + 1, true, time + 90_000),
            Next::Change => (changed, key_due) = (!changed, true),
        }
    }
    Archive::record(events)
}

/// The payloads of the pictures whose wall times lie in a range, by the index and the files themselves.
fn expected(archive: &Archive, range: WallRange) -> Vec<Bytes> {
    let mut found = Vec::new();
    for files in archive.files.chunk_by(|one, next| one.0.run == next.0.run) {
        let timeline = Timeline::new(files.iter().flat_map(|(row, _)| row.groups.as_slice())).unwrap();
        for (row, bytes) in files {
            for fragment in read::fragments(bytes.slice(row.init_len as usize..)) {
                let samples = fragment.unwrap().samples.into_iter();
                let shown = samples.filter(|sample| range.contains(timeline.wall_of(sample.pts)));
                found.extend(shown.map(|sample| sample.data));
            }
        }
    }
    found
}

/// The samples of a file's only track, and its `moov`.
fn samples(file: &[u8]) -> (Vec<&[u8]>, Moov) {
    let mut rest = file;
    let moov = loop {
        let header = Header::decode(&mut rest).unwrap();
        let body;
        (body, rest) = rest.split_at(header.size.unwrap());
        if header.kind == Moov::KIND {
            let mut body = body;
            break Moov::decode_body(&mut body).unwrap();
        }
    };
    let table = &moov.trak[0].mdia.minf.stbl;
    let mp4_atom::StszSamples::Different { sizes } = &table.stsz.samples else { panic!("{:?}", table.stsz) };
    let chunks = &table.stco.as_ref().unwrap().entries;
    let mut sizes = sizes.iter();
    let mut found = Vec::new();
    for (number, &chunk) in (1..).zip(chunks) {
        let run = table.stsc.entries.iter().rfind(|run| run.first_chunk <= number).unwrap();
        let mut at = chunk as usize;
        for &size in sizes.by_ref().take(run.samples_per_chunk as usize) {
            found.push(&file[at..at + size as usize]);
            at += size as usize;
        }
    }
    assert_eq!(sizes.next(), None);
    (found, moov)
}

fn check(story: &[Next], start: i64, length: i64) -> Result<(), TestCaseError> {
    let archive = Arc::new(recorded(story));
    let Some((first, _)) = archive.files.first() else { return Ok(()) };
    let start = first.span.start.add_micros(start);
    let range = WallRange::new(start, start.add_micros(length));
    let expected = expected(&archive, range);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let clip = match runtime.block_on(archive.plan(range, ClipFormat::Progressive)) {
        Err(ClipError::NoRecording) => {
            prop_assert_eq!(expected.len(), 0);
            return Ok(());
        }
        answer => Arc::new(answer.unwrap()),
    };
    let info = clip.info();
    prop_assert_eq!(info.pictures, expected.len() as u64);
    prop_assert!(range.contains(info.start) && info.start < info.end);
    prop_assert!(
        info.gaps.iter().all(|(gap, _)| info.start < gap.end && gap.end < info.end && !gap.is_empty())
    );
    prop_assert!(info.gaps.windows(2).all(|pair| pair[0].0.end <= pair[1].0.start));
    let file = runtime.block_on(archive.output(&clip, 0..info.bytes));
    prop_assert_eq!(file.len() as u64, info.bytes);

    let (samples, moov) = samples(&file);
    let track = &moov.trak[0];
    let durations = &track.mdia.minf.stbl.stts.entries;
    let count: u32 = durations.iter().map(|run| run.sample_count).sum();
    prop_assert_eq!(count as usize, samples.len());
    let media: u64 =
        durations.iter().map(|run| u64::from(run.sample_count) * u64::from(run.sample_delta)).sum();
    prop_assert_eq!(track.mdia.mdhd.duration, media);
    // In a stream without reordering only what leads to the first picture is hidden, and nothing follows the last.
    let hidden = samples.len() - expected.len();
    prop_assert!(samples[hidden..].iter().zip(&expected).all(|(sample, expected)| sample == expected));
    let edits = &track.edts.as_ref().unwrap().elst.as_ref().unwrap().entries;
    let shown: u64 = edits.iter().map(|edit| edit.segment_duration).sum();
    prop_assert_eq!(moov.mvhd.duration, shown);
    prop_assert!(edits.iter().all(|edit| edit.media_time.unwrap() < media));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn any_range_of_any_recording(
        story in proptest::collection::vec(next(), 1..400),
        start in -2_000_000_i64..20_000_000,
        length in 1_i64..20_000_000,
    ) {
        check(&story, start, length)?;
    }
}
