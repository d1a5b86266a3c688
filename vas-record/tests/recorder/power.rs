//! A power cut: what was not synced is gone, and the index is never ahead of what is there.

use crate::stage::Stage;
use anyhow::{Result, ensure};
use std::time::Duration;
use vas_core::model::RecordingState;
use vas_record::recorder::RecordMode;

/// Cuts the power at `cuts` different moments, in the same folder, and gives it back each time.
async fn cuts(cuts: u32) -> Result<()> {
    let mut stage = Stage::start().await?;
    // Short files, so that the power is cut at every step of their way.
    stage.config.file = Duration::from_secs(3);
    stage.restart().await?;
    for n in 0..cuts {
        stage.record(RecordMode::Continuous).await?;
        stage.push_seconds(4 + u64::from(n % 5)).await?;
        tokio::time::sleep(Duration::from_millis(u64::from(n * 37 % 300))).await;
        let shown = stage.index.all();
        stage.disk.cut();
        stage.kill();
        // A few bytes of what was not synced survive, as they do.
        stage.disk.restore(u64::from(n) * 1_001 % 5_000)?;
        stage.restart().await?;
        for row in shown.iter().filter(|row| row.state == RecordingState::Complete) {
            let now = stage.index.all();
            let kept = now.iter().find(|kept| kept.id == row.id);
            ensure!(kept == Some(row), "cut {n}: a complete recording changed: {row:?} is {kept:?}");
        }
        let rows = stage.index.all();
        ensure!(rows.iter().all(|row| row.state == RecordingState::Complete), "cut {n}: {rows:?}");
        stage.is_sound().await?;
    }
    ensure!(stage.pictures() > u64::from(cuts) * 25, "{} pictures of {cuts} cuts", stage.pictures());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_power_is_cut_twelve_times() -> Result<()> {
    cuts(12).await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "long form, see `make soak`"]
async fn the_power_is_cut_three_hundred_times() -> Result<()> {
    cuts(300).await
}
