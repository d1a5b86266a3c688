//! An hour in bounded memory.

use crate::archive::{Archive, units};
use async_trait::async_trait;
use bytes::Bytes;
use futures_util::TryStreamExt as _;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use vas_core::model::{Group, Recording, WallRange};
use vas_core::testing::{delta_picture, key_picture, sized, video_desc};
use vas_core::{DeviceId, RecordingId};
use vas_record::clip::{ClipError, ClipFormat, ClipRequest, DEFAULT_LONGEST, Footage, plan};

/// Files of two seconds in an hour.
const FILES: usize = 1_800;
const TICKS: i64 = 180_000;
const MICROS: i64 = 2_000_000;

/// One file at 4 Mb/s over and over, its times moved on, and a count of the bytes that were read and are still held.
struct Hour {
    file: Bytes,
    rows: Vec<Recording>,
    /// Where its decoding times stand.
    times: Vec<usize>,
    held: Arc<Held>,
}

#[derive(Default)]
struct Held {
    now: AtomicUsize,
    most: AtomicUsize,
}

struct Counted(Vec<u8>, Arc<Held>);

impl AsRef<[u8]> for Counted {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.1.now.fetch_sub(self.0.len(), Ordering::Relaxed);
    }
}

impl Hour {
    fn new() -> Self {
        let picture = |n: u64| if n.is_multiple_of(25) { key_picture(n) } else { delta_picture(n) };
        let pictures = (0..50).map(|n| sized(picture(n), 20_000)).collect();
        let mut archive = Archive::record(units(pictures, &Arc::new(video_desc())));
        let (first, file) = archive.files.remove(0);
        let moved = |n: usize| {
            let group = |group: &Group| Group {
                media: group.media + n as i64 * TICKS,
                wall: group.wall.add_micros(n as i64 * MICROS),
                gap: group.gap.filter(|_| n == 0),
                ..*group
            };
            let span = WallRange::new(
                first.span.start.add_micros(n as i64 * MICROS),
                first.span.end.add_micros(n as i64 * MICROS),
            );
            let groups = first.groups.as_slice().iter().map(group).collect();
            Recording { id: RecordingId::random(), span, groups, ..first.clone() }
        };
        // The version 1 box, whose time has 64 bits.
        let times = file.windows(8).enumerate().filter(|(_, bytes)| bytes == b"tfdt\x01\0\0\0");
        let times = times.map(|(at, _)| at + 8).collect();
        Self { rows: (0..FILES).map(moved).collect(), times, file, held: Arc::default() }
    }
}

#[async_trait]
impl Footage for Hour {
    async fn recordings(&self, _: DeviceId, _: u8, range: WallRange) -> Result<Vec<Recording>, ClipError> {
        Ok(self.rows.iter().filter(|row| row.span.overlaps(range)).cloned().collect())
    }

    async fn read(&self, recording: &Recording, bytes: Range<u64>) -> Result<Bytes, ClipError> {
        let (start, end) = (bytes.start as usize, bytes.end as usize);
        let shift = recording.span.start.micros_since(self.rows[0].span.start) / MICROS * TICKS;
        let mut out = self.file[start..end].to_vec();
        for &at in self.times.iter().filter(|&&at| start <= at && at + 8 <= end) {
            let time = &mut out[at - start..at - start + 8];
            let moved = i64::from_be_bytes((*time).try_into().unwrap()) + shift;
            time.copy_from_slice(&moved.to_be_bytes());
        }
        let now = self.held.now.fetch_add(out.len(), Ordering::Relaxed) + out.len();
        self.held.most.fetch_max(now, Ordering::Relaxed);
        Ok(Bytes::from_owner(Counted(out, self.held.clone())))
    }
}

#[tokio::test]
async fn an_hour_in_bounded_memory() {
    let hour = Arc::new(Hour::new());
    let (first, last) = (hour.rows[0].span, hour.rows[FILES - 1].span);
    let range = WallRange::new(first.start.add_micros(500_000), last.end.add_micros(-500_000));
    for format in [ClipFormat::Progressive, ClipFormat::Fragmented] {
        let request =
            ClipRequest { device: DeviceId::random(), layer: 0, range, format, longest: DEFAULT_LONGEST };
        let clip = Arc::new(plan(hour.as_ref(), &request).await.unwrap());
        let info = clip.info().clone();
        let pictures = FILES as u64 * 50 - 25;
        assert!(info.pictures.abs_diff(pictures) <= 1, "{} pictures", info.pictures);
        assert!(info.gaps.is_empty());
        assert!(info.bytes > 1_700_000_000, "{} bytes", info.bytes);
        let mut stream = clip.clone().stream(hour.clone(), 0..info.bytes);
        let (mut total, mut head) = (0, 0);
        while let Some(bytes) = stream.try_next().await.unwrap() {
            head = head.max(if total == 0 { bytes.len() } else { 0 });
            total += bytes.len() as u64;
        }
        assert_eq!(total, info.bytes);
        println!("{format:?}: the first head has {head} bytes, {} a picture", head as u64 / info.pictures);
        drop(stream);
        assert_eq!(hour.held.now.load(Ordering::Relaxed), 0);
    }
    let most = hour.held.most.load(Ordering::Relaxed);
    println!("{most} bytes held at most");
    assert!(most <= 9 << 20, "{most} bytes held");
}
