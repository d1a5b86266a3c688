//! A thinned recording plays, and clips of it are made as of others.

use crate::archive::{Archive, units};
use crate::media::{H264_B, H265_OPEN, desc, merged, pictures, tone, wall};
use crate::tools;
use futures_util::TryStreamExt as _;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use vas_core::model::{Recording, WallRange};
use vas_core::ports::RecordingRepo as _;
use vas_core::ports::store::{SegmentStore as _, StoreKey};
use vas_core::testing::index::MemoryIndex;
use vas_record::clip::{ClipFormat, ClipRequest, DEFAULT_LONGEST, plan};
use vas_record::library::Library;
use vas_record::recorder::SpoolPlace;
use vas_record::store::{LocalStore, SPOOL};
use vas_record::thin::{ThinError, thin};

/// A library of files on a disk.
struct Shelf {
    _folder: tempfile::TempDir,
    store: LocalStore,
    index: Arc<MemoryIndex>,
    library: Library,
    spool: SpoolPlace,
    rows: Vec<Recording>,
}

impl Shelf {
    async fn of(archive: &Archive) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = LocalStore::create(folder.path()).await.unwrap();
        let index = Arc::new(MemoryIndex::default());
        let library = Library::of_complete(index.clone(), Arc::new(store.clone()));
        let spool = SpoolPlace { disk: store.disk(), folder: SPOOL.into() };
        let device = archive.files[0].0.device;
        let rows = archive.files.iter().map(|(row, _)| Recording { device, ..row.clone() });
        let shelf = Self { _folder: folder, store, index, library, spool, rows: rows.collect() };
        for (row, (_, bytes)) in shelf.rows.iter().zip(&archive.files) {
            let file = shelf.spool.path(Path::new("incoming"));
            fs::write(&file, bytes).unwrap();
            shelf.store.put(&key(row), &file).await.unwrap();
        }
        for answer in shelf.index.complete(&shelf.rows).await.unwrap() {
            answer.unwrap();
        }
        shelf
    }
}

fn key(row: &Recording) -> StoreKey {
    StoreKey::parse(&row.file_name()).unwrap()
}

async fn thinned(options: &[&str]) {
    let (video, sound) = (pictures(options, "320x180", 0, 200), tone("aac", 8));
    let all = merged(&video.units, &sound.units);
    let shelf = Shelf::of(&Archive::record(units(all, &desc(&[&video.format, &sound.format])))).await;
    let keys: Vec<_> = video.units.iter().filter(|unit| unit.is_key()).map(|unit| unit.captured).collect();
    let hash = |n: usize| video.hashes[n].clone();
    let number = |time: vas_core::WallTime| (time.micros_since(wall(0)) / 40_000) as usize;

    let old = &shelf.rows[1];
    let row = thin(&shelf.library, &shelf.spool, old).await.unwrap();
    assert!(row.thinned && row.bytes < old.bytes / 2, "{} bytes of {}", row.bytes, old.bytes);
    assert_eq!((row.span, row.id, row.run), (old.span, old.id, old.run));
    assert_eq!(shelf.library.get(row.id).await.unwrap(), Some(row.clone()));
    assert_eq!(shelf.store.len(&key(&row)).await.unwrap(), row.bytes);
    assert!(row.groups.as_slice().iter().all(|group| group.key && group.pictures == 1));
    assert_eq!(
        row.groups.as_slice().last().unwrap().media_end(),
        old.groups.as_slice().last().unwrap().media_end()
    );

    // It plays by itself.
    let in_file = |time: &&vas_core::WallTime| old.span.start <= **time && **time < old.span.end;
    let inside: Vec<_> = keys.iter().filter(in_file).map(|&time| number(time)).collect();
    let shown = tools::hashes(&shelf.store.path_of(&key(&row)));
    assert_eq!(shown, inside.iter().map(|&n| hash(n)).collect::<Vec<_>>());

    // A clip of it and its neighbours shows all pictures of these that can still be decoded.
    let range = WallRange::new(wall(10), wall(190));
    let request = ClipRequest {
        device: row.device,
        layer: 0,
        range,
        format: ClipFormat::Progressive,
        longest: DEFAULT_LONGEST,
    };
    let clip = Arc::new(plan(&shelf.library, &request).await.unwrap());
    let stream = clip.clone().stream(Arc::new(shelf.library.clone()), 0..u64::MAX);
    let pieces: Vec<bytes::Bytes> = stream.try_collect().await.unwrap();
    let path = shelf.spool.path(Path::new("clip.mp4"));
    fs::write(&path, pieces.concat()).unwrap();
    let shown = tools::hashes(&path);
    let after = inside.last().copied().unwrap();
    let next = keys.iter().map(|&time| number(time)).find(|&n| n > after).unwrap();
    assert!(shown.ends_with(&video.hashes[next..190]));
    assert!(inside.iter().all(|&n| shown.contains(&hash(n))));
    assert!(shown.starts_with(&video.hashes[10..40]));
    assert_eq!(shown.len() as u64, clip.info().pictures);

    // Thinning it again changes nothing; nor does it when the index did not learn of it.
    assert_eq!(thin(&shelf.library, &shelf.spool, &row).await.unwrap(), row);
    shelf.index.replace(old).await.unwrap();
    assert_eq!(thin(&shelf.library, &shelf.spool, old).await.unwrap(), row);
    assert_eq!(shelf.library.get(row.id).await.unwrap(), Some(row));
}

#[tokio::test]
async fn h264_with_b_pictures() {
    thinned(H264_B).await;
}

#[tokio::test]
async fn h265_with_open_groups() {
    thinned(H265_OPEN).await;
}

#[tokio::test]
async fn sound_alone_is_kept() {
    let sound = tone("aac", 3);
    let shelf = Shelf::of(&Archive::record(units(sound.units.clone(), &desc(&[&sound.format])))).await;
    let answer = thin(&shelf.library, &shelf.spool, &shelf.rows[0]).await;
    assert!(matches!(answer, Err(ThinError::NoPictures)), "{answer:?}");
    let left: Vec<_> =
        fs::read_dir(shelf.store.spool()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.is_empty(), "{left:?}");
}

/// A file that is thinned while its clip is sent ends the stream with an error.
#[tokio::test]
async fn thinned_while_it_is_sent() {
    let video = pictures(H264_B, "320x180", 0, 100);
    let shelf = Shelf::of(&Archive::record(units(video.units.clone(), &desc(&[&video.format])))).await;
    let request = ClipRequest {
        device: shelf.rows[0].device,
        layer: 0,
        range: WallRange::new(wall(0), wall(100)),
        format: ClipFormat::Progressive,
        longest: DEFAULT_LONGEST,
    };
    let clip = Arc::new(plan(&shelf.library, &request).await.unwrap());
    thin(&shelf.library, &shelf.spool, &shelf.rows[0]).await.unwrap();
    let sent: Result<Vec<bytes::Bytes>, _> =
        clip.stream(Arc::new(shelf.library.clone()), 0..u64::MAX).try_collect().await;
    assert!(sent.is_err());
}
