//! Streams for these tests: small made-up pictures where only their times count, and real ones, as chunks.

use crate::source::{Source, desc, merged};
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use vas_core::media::{AccessUnit, StreamDesc};
use vas_core::model::TenantId;
use vas_core::model::recording::{Group, GroupBuilder, Recording, RecordingState, WallRange};
use vas_core::{DeviceId, MediaTime, RecordingId, StreamId, WallTime, testing};
use vas_record::hls::vod::Stretch;
use vas_record::hls::{FileNames, Names};
use vas_record::segment::Chunk;
use vas_record::segmenter::{Output, Segmenter, SegmenterConfig};

/// Names as short as they can be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plain;

impl Names for Plain {
    fn init(&self, section: u64) -> String {
        format!("init-{section}.mp4")
    }

    fn segment(&self, sequence: u64) -> String {
        format!("{sequence}.m4s")
    }

    fn part(&self, sequence: u64, part: u32) -> String {
        format!("{sequence}.{part}.m4s")
    }
}

impl FileNames for Plain {
    fn file(&self, recording: &Recording) -> String {
        format!("{}.mp4", recording.id)
    }

    fn playable_init(&self, recording: &Recording) -> String {
        format!("{}.init.mp4", recording.id)
    }

    fn playable(&self, stretch: &Stretch) -> String {
        format!("{}-{}-{}.m4s", stretch.recording, stretch.first, stretch.last)
    }

    fn ts(&self, segment: &Stretch) -> String {
        format!("{}-{}-{}.ts", segment.recording, segment.first, segment.last)
    }
}

/// The chunks of units, all of them.
pub(crate) fn chunks(desc: &StreamDesc, units: &[AccessUnit]) -> Vec<Chunk> {
    let desc = Arc::new(desc.clone());
    let mut segmenter = Segmenter::new(SegmenterConfig::default());
    let mut outputs = Vec::new();
    for unit in units {
        segmenter.push(unit, &desc, &mut outputs);
    }
    segmenter.flush(&mut outputs);
    outputs.into_iter().filter_map(chunk).collect()
}

pub(crate) fn chunk(output: Output) -> Option<Chunk> {
    match output {
        Output::Chunk(chunk) => Some(chunk),
        Output::Section(_) => None,
    }
}

/// Pictures `frames` of a stream of 25 a second, a key picture every `group` of them.
pub(crate) fn pictures(frames: std::ops::Range<u64>, group: u64) -> Vec<AccessUnit> {
    frames.map(|n| if n % group == 0 { testing::key_picture(n) } else { testing::delta_picture(n) }).collect()
}

/// The chunks of a stream of made-up pictures.
pub(crate) fn made_up(frames: u64, group: u64) -> Vec<Chunk> {
    chunks(&testing::video_desc(), &pictures(0..frames, group))
}

/// The chunks of `times` repetitions of sources of four seconds.
pub(crate) fn real(sources: &[&Source], times: i64) -> Vec<Chunk> {
    let mut once = merged(sources);
    // Sound that reaches into the next repetition would be there twice.
    let first = once.iter().find(|unit| !unit.is_video()).map(|unit| unit.pts);
    once.retain(|unit| {
        let end = first.filter(|_| !unit.is_video()).map_or(0.0, |first| unit.pts.secs_since(first) + 0.022);
        end <= 4.0
    });
    let units: Vec<_> = (0..times).flat_map(|n| once.iter().map(move |unit| moved(unit, n * 4))).collect();
    chunks(&desc(sources), &units)
}

fn moved(unit: &AccessUnit, seconds: i64) -> AccessUnit {
    let move_time = |time: MediaTime| {
        let rate: NonZeroU32 = time.rate();
        MediaTime::new(time.ticks() + seconds * i64::from(rate.get()), rate)
    };
    AccessUnit {
        pts: move_time(unit.pts),
        dts: move_time(unit.dts),
        captured: unit.captured.add_micros(seconds * 1_000_000),
        ..unit.clone()
    }
}

/// Files of chunks, a new one after each run and before the first key picture after `seconds`, written to `folder`.
pub(crate) fn recorded(folder: &Path, chunks: &[Chunk], seconds: i64) -> Vec<Recording> {
    let mut files: Vec<Vec<&Chunk>> = Vec::new();
    for chunk in chunks {
        let goes_on = files.last().is_some_and(|file| {
            file[0].section.run == chunk.section.run
                && !(chunk.key && chunk.media - file[0].media >= seconds * 90_000)
        });
        if !goes_on {
            files.push(Vec::new());
        }
        files.last_mut().unwrap().push(chunk);
    }
    files.iter().map(|chunks| file(folder, chunks)).collect()
}

fn file(folder: &Path, chunks: &[&Chunk]) -> Recording {
    let section = &chunks[0].section;
    let mut bytes = section.init.to_vec();
    let mut builder = GroupBuilder::new();
    for chunk in chunks {
        builder.push(Group {
            offset: bytes.len() as u64,
            size: chunk.data.len() as u32,
            media: chunk.media,
            duration: chunk.duration,
            wall: chunk.wall,
            pictures: chunk.pictures.into(),
            key: chunk.key,
            gap: chunk.gap,
            lost: chunk.lost,
        });
        bytes.extend_from_slice(&chunk.data);
    }
    let groups = builder.table();
    let (first, last) = (groups.as_slice()[0], *groups.as_slice().last().unwrap());
    let recording = Recording {
        id: RecordingId::random(),
        tenant: TenantId::default(),
        device: DeviceId::random(),
        stream: StreamId::random(),
        layer: 0,
        run: section.run,
        span: WallRange::new(first.wall, last.wall_end()),
        bytes: bytes.len() as u64,
        init_len: section.init.len() as u32,
        codecs: section.codecs.clone(),
        width: section.width,
        height: section.height,
        state: RecordingState::Complete,
        fence: 1,
        thinned: false,
        groups,
    };
    std::fs::write(path(folder, &recording), bytes).unwrap();
    recording
}

/// Where the file of a recording lies.
pub(crate) fn path(folder: &Path, recording: &Recording) -> PathBuf {
    folder.join(Plain.file(recording))
}

/// All that was ever recorded.
pub(crate) fn always() -> WallRange {
    WallRange::new(WallTime::from_unix_micros(0), WallTime::from_unix_micros(i64::MAX))
}
