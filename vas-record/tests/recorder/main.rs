//! The recorder with real files: what is recorded is in the store and in the index, whatever happens on the way.

mod faults;
mod modes;
mod power;
mod retention;
mod stage;

use anyhow::Result;
use stage::{Stage, minute};
use std::path::Path;
use vas_core::model::{GapReason, RecordingState, WallRange};
use vas_core::ports::RecordingRepo;
use vas_record::recorder::RecordMode;
use vas_record::verify::{Depth, Walk};

#[tokio::test(flavor = "multi_thread")]
async fn files_of_a_minute_follow_each_other_without_a_break() -> Result<()> {
    let mut stage = Stage::start().await?;
    stage.record(RecordMode::Continuous).await?;
    stage.push_seconds(150).await?;
    stage.stop().await?;
    let rows = stage.index.all();
    assert_eq!(rows.len(), 3);
    assert!(rows.iter().all(|row| row.state == RecordingState::Complete && row.run == rows[0].run));
    assert!(rows.windows(2).all(|pair| pair[0].span.end == pair[1].span.start));
    let pictures: u64 = rows.iter().map(|row| row.groups.pictures()).sum();
    assert_eq!(pictures, 150 * 25);
    assert_eq!(rows[0].groups.as_slice()[0].gap, Some(GapReason::Started));
    assert!(rows.iter().flat_map(|row| row.groups.as_slice()).skip(1).all(|group| group.gap.is_none()));
    assert!(rows.iter().all(|row| row.groups.as_slice()[0].key));
    assert_eq!(stage.spool_files()?, 0);
    stage.is_sound().await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_on_the_disk_is_shown_before_the_file_ends() -> Result<()> {
    let mut stage = Stage::start().await?;
    stage.record(RecordMode::Continuous).await?;
    stage.push_seconds(5).await?;
    let rows = stage.until(|rows| rows.first().is_some_and(|row| row.groups.pictures() >= 4 * 25)).await?;
    let row = &rows[0];
    assert_eq!(row.state, RecordingState::Open);
    let library = stage.library();
    let init = library.init(row).await?;
    assert_eq!(init.tracks.len(), 1);
    let group = row.groups.as_slice()[1];
    let bytes = library.read(row, group.offset..group.end_offset()).await?;
    let samples: usize = vas_record::read::fragments(bytes)
        .map(|fragment| fragment.map(|fragment| fragment.samples.len()))
        .sum::<Result<_, _>>()?;
    assert_eq!(samples, group.pictures as usize);
    let head = &library.heads(stage.device, None, minute(), 10).await?[0];
    assert_eq!((head.id, head.span.start), (row.id, row.span.start));
    // The same through the store once it is complete.
    stage.stop().await?;
    let again = library.read(row, group.offset..group.end_offset()).await?;
    assert_eq!(vas_record::read::fragments(again).count(), 3);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_comes_back_begins_another_file_after_a_gap() -> Result<()> {
    let mut stage = Stage::start().await?;
    stage.record(RecordMode::Continuous).await?;
    stage.push_seconds(3).await?;
    stage.lose_source(20);
    stage.push_seconds(3).await?;
    stage.stop().await?;
    let rows = stage.index.all();
    assert_eq!(rows.len(), 2);
    assert_ne!(rows[0].run, rows[1].run);
    assert_eq!(rows[1].groups.as_slice()[0].gap, Some(GapReason::SourceLost));
    let gap = rows[1].span.start.micros_since(rows[0].span.end);
    assert!((19_900_000..=20_100_000).contains(&gap), "{gap}");
    stage.is_sound().await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_recorder_left_is_taken_up_by_the_next() -> Result<()> {
    let mut stage = Stage::start().await?;
    stage.record(RecordMode::Continuous).await?;
    stage.push_seconds(70).await?;
    stage.until(|rows| rows.iter().map(|row| row.groups.pictures()).sum::<u64>() >= 68 * 25).await?;
    stage.kill();
    // A torn chunk at the end, as a write that was under way leaves it.
    stage.append_to_spool(b"\0\0\0\x20prft\0\0\0\x18")?;
    stage.restart().await?;
    let recovered = stage.recorder().recovered().clone();
    assert!(recovered.completed >= 1, "{recovered:?}");
    assert_eq!((recovered.cut, recovered.failed.len()), (12, 0), "{recovered:?}");
    let rows = stage.index.all();
    assert!(rows.iter().all(|row| row.state == RecordingState::Complete));
    let pictures: u64 = rows.iter().map(|row| row.groups.pictures()).sum();
    assert!(pictures >= 68 * 25, "{pictures}");
    stage.is_sound().await?;
    // What is recorded now comes after it.
    let end = rows.iter().map(|row| row.span.end).max();
    stage.record(RecordMode::Continuous).await?;
    stage.push_seconds(3).await?;
    stage.stop().await?;
    let rows = stage.index.all();
    assert!(rows.last().map(|row| row.span.start) >= end);
    stage.is_sound().await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_that_does_not_fit_is_found_and_repaired() -> Result<()> {
    let mut stage = Stage::start().await?;
    stage.record(RecordMode::Continuous).await?;
    stage.push_seconds(5).await?;
    stage.stop().await?;
    let mut row = stage.index.all().remove(0);
    let (good, groups) = (row.clone(), row.groups.as_slice().to_vec());
    row.groups = groups[..2].iter().copied().collect();
    RecordingRepo::replace(&*stage.index, &row).await?;
    let library = stage.library();
    let (head, fault) = Walk::new(&library, None, Depth::Content).next().await?.expect("one recording");
    assert!(fault.is_some());
    assert_eq!(Walk::new(&library, None, Depth::Length).next().await?.expect("one").1, None);
    vas_record::verify::repair(&library, &stage.spool(), &head).await?;
    let repaired = stage.index.all().remove(0);
    assert_eq!(repaired.groups.pictures(), good.groups.pictures());
    assert_eq!(repaired.span, WallRange::new(good.span.start, repaired.span.end));
    stage.is_sound().await
}

/// What a crash of another program, or of a disk, left behind a file's last whole chunk.
#[tokio::test(flavor = "multi_thread")]
async fn a_torn_tail_is_cut_off() -> Result<()> {
    let mut stage = Stage::start().await?;
    stage.record(RecordMode::Continuous).await?;
    stage.push_seconds(5).await?;
    stage.stop().await?;
    let row = stage.index.all().remove(0);
    let path = stage.stored(&row);
    let whole = std::fs::read(&path)?;
    std::fs::write(&path, [&whole[..], &whole[whole.len() / 2..][..1_000]].concat())?;
    let library = stage.library();
    let (head, fault) = Walk::new(&library, None, Depth::Length).next().await?.expect("one recording");
    assert!(matches!(fault, Some(vas_record::verify::Fault::Length { .. })), "{fault:?}");
    vas_record::verify::repair(&library, &stage.spool(), &head).await?;
    assert_eq!(std::fs::read(&path)?, whole);
    assert_eq!(stage.index.all().remove(0).groups.pictures(), row.groups.pictures());
    stage.is_sound().await
}

/// A crash after the thinned file took the place of the other one, and before the row followed: the next start mends it.
#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_thinning_is_taken_up() -> Result<()> {
    let mut stage = Stage::start().await?;
    stage.record(RecordMode::Continuous).await?;
    stage.push_seconds(5).await?;
    stage.stop().await?;
    let row = stage.index.all().remove(0);
    let library = stage.library();
    let thinned = vas_record::thin::thin(&library, &stage.spool(), &row).await?;
    assert!(thinned.thinned && stage.spool_files()? == 0);
    RecordingRepo::replace(&*stage.index, &row).await?;
    let left = stage.spool().path(Path::new(&format!("{}.thin", row.id)));
    std::fs::copy(stage.stored(&row), &left)?;
    stage.restart().await?;
    assert_eq!(stage.recorder().recovered().thinned, 1);
    assert_eq!(stage.index.all(), std::slice::from_ref(&thinned));
    assert_eq!(stage.spool_files()?, 0);
    // One that had not come so far is left as it is.
    std::fs::write(&left, b"half of it")?;
    stage.stop().await?;
    stage.restart().await?;
    assert_eq!((stage.recorder().recovered().thinned, stage.spool_files()?), (0, 0));
    stage.is_sound().await
}

/// A device that is deleted while it is recorded: its last file goes with it.
#[tokio::test(flavor = "multi_thread")]
async fn the_last_file_of_a_deleted_device_goes_too() -> Result<()> {
    let mut stage = Stage::start().await?;
    stage.record(RecordMode::Continuous).await?;
    stage.push_seconds(5).await?;
    let ids: Vec<_> = stage.index.all().iter().map(|row| row.id).collect();
    assert_eq!(ids.len(), 1);
    stage.index.mark_deleting(&ids).await?;
    stage.stop().await?;
    assert!(stage.index.all().is_empty(), "{:?}", stage.index.all());
    stage.is_sound().await
}
