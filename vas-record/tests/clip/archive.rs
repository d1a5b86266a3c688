//! Recordings in memory, made by the segmenter and indexed as the recorder does it.

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::TryStreamExt as _;
use std::fs;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use vas_core::media::{AccessUnit, StreamDesc};
use vas_core::model::{Group, GroupBuilder, Recording, RecordingState, TenantId, WallRange};
use vas_core::{DeviceId, RecordingId, StreamId, WallTime};
use vas_record::clip::{Clip, ClipError, ClipFormat, ClipRequest, DEFAULT_LONGEST, Footage, plan};
use vas_record::segment::Chunk;
use vas_record::segmenter::{Output, Segmenter, SegmenterConfig};

/// Files of two seconds and their rows.
#[derive(Debug, Default)]
pub(crate) struct Archive {
    pub(crate) files: Vec<(Recording, Bytes)>,
}

/// What happens to a recorder.
pub(crate) enum Event {
    Unit(AccessUnit, Arc<StreamDesc>),
    /// It falls behind.
    Lagged,
}

/// Events of units of one description.
pub(crate) fn units(units: Vec<AccessUnit>, desc: &Arc<StreamDesc>) -> Vec<Event> {
    units.into_iter().map(|unit| Event::Unit(unit, desc.clone())).collect()
}

impl Archive {
    pub(crate) fn record(events: Vec<Event>) -> Self {
        let mut segmenter = Segmenter::new(SegmenterConfig::default());
        let mut out = Vec::new();
        for event in events {
            match event {
                Event::Unit(unit, desc) => segmenter.push(&unit, &desc, &mut out),
                Event::Lagged => segmenter.lagged(1),
            }
        }
        segmenter.flush(&mut out);
        let mut archive = Self::default();
        let mut open: Option<File> = None;
        for output in out {
            let Output::Chunk(chunk) = output else { continue };
            let fits = open.as_ref().is_some_and(|file| file.takes(&chunk));
            if !fits && let Some(file) = open.take() {
                archive.files.push(file.close());
            }
            open.get_or_insert_with(|| File::new(&chunk)).add(&chunk);
        }
        archive.files.extend(open.map(File::close));
        archive
    }

    pub(crate) async fn plan(
        self: &Arc<Self>,
        range: WallRange,
        format: ClipFormat,
    ) -> Result<Clip, ClipError> {
        let request =
            ClipRequest { device: DeviceId::random(), layer: 0, range, format, longest: DEFAULT_LONGEST };
        plan(self.as_ref(), &request).await
    }

    /// The clip of a range in a file.
    pub(crate) async fn clip(
        self: &Arc<Self>,
        range: WallRange,
        format: ClipFormat,
        path: &Path,
    ) -> Arc<Clip> {
        let clip = Arc::new(self.plan(range, format).await.unwrap());
        let whole = self.output(&clip, 0..clip.info().bytes).await;
        assert_eq!(whole.len() as u64, clip.info().bytes);
        fs::write(path, whole).unwrap();
        clip
    }

    /// Bytes of a clip's output.
    pub(crate) async fn output(self: &Arc<Self>, clip: &Arc<Clip>, range: Range<u64>) -> Vec<u8> {
        let pieces: Vec<Bytes> = clip.clone().stream(self.clone(), range).try_collect().await.unwrap();
        pieces.concat()
    }
}

#[async_trait]
impl Footage for Archive {
    async fn recordings(&self, _: DeviceId, _: u8, range: WallRange) -> Result<Vec<Recording>, ClipError> {
        let rows = self.files.iter().map(|(row, _)| row);
        Ok(rows.filter(|row| row.span.overlaps(range)).cloned().collect())
    }

    async fn read(&self, recording: &Recording, bytes: Range<u64>) -> Result<Bytes, ClipError> {
        let (_, file) = self.files.iter().find(|(row, _)| row.id == recording.id).unwrap();
        Ok(file.slice(bytes.start as usize..bytes.end as usize))
    }
}

/// A file that is being written.
struct File {
    chunk: Chunk,
    bytes: Vec<u8>,
    groups: GroupBuilder,
}

impl File {
    fn new(first: &Chunk) -> Self {
        Self { chunk: first.clone(), bytes: first.section.init.to_vec(), groups: GroupBuilder::new() }
    }

    fn takes(&self, chunk: &Chunk) -> bool {
        let full = chunk.key && chunk.media - self.chunk.media >= 2 * 90_000;
        chunk.section.run == self.chunk.section.run && !full
    }

    fn add(&mut self, chunk: &Chunk) {
        self.groups.push(Group {
            offset: self.bytes.len() as u64,
            size: chunk.data.len() as u32,
            media: chunk.media,
            duration: chunk.duration,
            wall: chunk.wall,
            pictures: chunk.pictures.into(),
            key: chunk.key,
            gap: chunk.gap,
            lost: chunk.lost,
        });
        self.bytes.extend_from_slice(&chunk.data);
    }

    fn close(self) -> (Recording, Bytes) {
        let section = &self.chunk.section;
        let end: WallTime = self.groups.as_slice().last().unwrap().wall_end();
        let row = Recording {
            id: RecordingId::random(),
            tenant: TenantId::default(),
            device: DeviceId::random(),
            stream: StreamId::random(),
            layer: 0,
            run: section.run,
            span: WallRange::new(self.chunk.wall, end),
            bytes: self.bytes.len() as u64,
            init_len: section.init.len() as u32,
            codecs: section.codecs.clone(),
            width: section.width,
            height: section.height,
            state: RecordingState::Complete,
            fence: 1,
            thinned: false,
            groups: self.groups.table(),
        };
        (row, self.bytes.into())
    }
}
