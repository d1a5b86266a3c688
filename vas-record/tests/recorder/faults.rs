//! Disks that are full, read-only or stand still, and an index that is away.

use crate::stage::Stage;
use anyhow::{Result, ensure};
use std::io::ErrorKind;
use std::time::{Duration, Instant};
use vas_core::model::{GapReason, RecordingState};
use vas_record::recorder::RecordMode;
use vas_record::store::disk::Fault;

/// What takes longer never happens.
const SOON: Duration = Duration::from_secs(20);

/// Records while the disk has a fault, and checks that what was stored stays, that the fault is told, and that
/// recording goes on when it is gone, with the gap in the index.
async fn survives(fault: Fault) -> Result<()> {
    let mut stage = Stage::start().await?;
    stage.record(RecordMode::Continuous).await?;
    stage.push_seconds(5).await?;
    stage.until(|rows| rows.iter().map(|row| row.groups.pictures()).sum::<u64>() >= 4 * 25).await?;

    stage.disk.set_fault(fault);
    let start = Instant::now();
    while stage.status().last_error.is_none() {
        stage.push_group();
        tokio::time::sleep(Duration::from_millis(20)).await;
        ensure!(start.elapsed() < SOON, "the fault is not noticed: {:?}", stage.status());
    }
    ensure!(!stage.status().recording);

    stage.disk.set_fault(Fault::None);
    while !stage.status().recording {
        stage.push_group();
        tokio::time::sleep(Duration::from_millis(20)).await;
        ensure!(start.elapsed() < SOON, "recording does not go on: {:?}", stage.status());
    }
    stage.push_seconds(5).await?;
    stage.stop().await?;
    let rows = stage.index.all();
    ensure!(rows.iter().all(|row| row.state == RecordingState::Complete), "{rows:?}");
    ensure!(rows[0].groups.pictures() >= 4 * 25, "what was stored is lost");
    let last = rows.last().map(|row| row.groups.as_slice()[0].gap);
    ensure!(last == Some(Some(GapReason::Storage)), "the gap is not told: {last:?}");
    stage.is_sound().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk() -> Result<()> {
    survives(Fault::Fails(ErrorKind::StorageFull)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_only_disk() -> Result<()> {
    survives(Fault::Fails(ErrorKind::ReadOnlyFilesystem)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stalled_disk_takes_no_more_memory_than_allowed() -> Result<()> {
    let mut stage = Stage::start().await?;
    // Two seconds of this stream fit.
    stage.config.max_pending = 20_000;
    stage.restart().await?;
    stage.record(RecordMode::Continuous).await?;
    stage.push_seconds(3).await?;
    stage.until(|rows| rows.iter().map(|row| row.groups.pictures()).sum::<u64>() >= 2 * 25).await?;
    stage.disk.set_fault(Fault::Stalls);
    let start = Instant::now();
    while stage.status().last_error.is_none() {
        stage.push_group();
        tokio::time::sleep(Duration::from_millis(20)).await;
        ensure!(start.elapsed() < SOON, "it is not noticed: {:?}", stage.status());
    }
    stage.disk.set_fault(Fault::None);
    while !stage.status().recording {
        stage.push_group();
        tokio::time::sleep(Duration::from_millis(20)).await;
        ensure!(start.elapsed() < SOON, "recording does not go on: {:?}", stage.status());
    }
    stage.push_seconds(3).await?;
    stage.stop().await?;
    let last = stage.index.all().last().map(|row| row.groups.as_slice()[0].gap);
    ensure!(last == Some(Some(GapReason::Storage)), "the gap is not told: {last:?}");
    stage.is_sound().await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_that_is_away_is_waited_for() -> Result<()> {
    let mut stage = Stage::start().await?;
    stage.record(RecordMode::Continuous).await?;
    stage.push_seconds(3).await?;
    stage.index.set_away(true);
    stage.push_seconds(130).await?;
    ensure!(stage.status().recording, "recording goes on without the index");
    stage.index.set_away(false);
    let start = Instant::now();
    while stage.index.all().iter().filter(|row| row.state == RecordingState::Complete).count() < 2 {
        ensure!(start.elapsed() < SOON, "the rows do not come: {:?}", stage.index.all());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    stage.stop().await?;
    ensure!(stage.pictures() == 133 * 25, "{} pictures", stage.pictures());
    stage.is_sound().await
}

/// The file that was being written when the index went away has no row: it is found without one.
#[tokio::test(flavor = "multi_thread")]
async fn killed_while_the_index_is_away() -> Result<()> {
    let mut stage = Stage::start().await?;
    stage.index.set_away(true);
    ensure!(stage.record(RecordMode::Continuous).await.is_err(), "nobody knows where to begin");
    stage.index.set_away(false);
    stage.record(RecordMode::Continuous).await?;
    stage.index.set_away(true);
    stage.push_seconds(5).await?;
    tokio::time::sleep(Duration::from_millis(200)).await;
    stage.kill();
    stage.index.set_away(false);
    ensure!(stage.index.all().is_empty());
    stage.restart().await?;
    let rows = stage.index.all();
    ensure!(rows.len() == 1 && rows[0].device == stage.device && rows[0].stream == stage.stream, "{rows:?}");
    ensure!(stage.pictures() >= 3 * 25);
    stage.is_sound().await
}
