//! Retention on real files.

use crate::stage::{Stage, bytes_below};
use anyhow::{Result, ensure};
use async_trait::async_trait;
use std::collections::HashMap;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;
use vas_core::model::WallRange;
use vas_core::testing::ManualClock;
use vas_core::{DeviceId, SharedClock};
use vas_record::recorder::RecordMode;
use vas_record::retention::plan::{Limits, Policy};
use vas_record::retention::{PinSource, Retention};

#[derive(Debug)]
struct Pinned(Vec<(DeviceId, WallRange)>);

#[async_trait]
impl PinSource for Pinned {
    async fn pins(&self) -> Result<Vec<(DeviceId, WallRange)>, Box<dyn Error + Send + Sync>> {
        Ok(self.0.clone())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn old_files_go_and_pinned_ones_stay() -> Result<()> {
    let mut stage = Stage::start().await?;
    stage.config.file = Duration::from_secs(3);
    stage.restart().await?;
    stage.record(RecordMode::Continuous).await?;
    stage.push_seconds(30).await?;
    stage.recorder().stop(stage.device, 0).await;
    let rows = stage
        .until(|rows| {
            rows.len() == 10
                && stage.index.all().iter().all(|row| row.state == vas_core::model::RecordingState::Complete)
        })
        .await?;
    let clock = ManualClock::new(rows[9].span.end.add_micros(3_600_000_000));
    let pins = Arc::new(Pinned(vec![(stage.device, rows[1].span)]));
    let clock: SharedClock = Arc::new(clock);
    let half = rows[5].bytes * 4;
    let each = Limits { bytes: Some(half), ..Limits::default() };
    let policy = Policy { each, devices: HashMap::new(), total_bytes: None, min_free: 0 };
    let retention = Retention::new(stage.recorder(), pins, policy, clock);
    let round = retention.round().await?;
    ensure!(round.deleted == 6 && round.freed > 0, "{round:?}");
    let left = stage.index.all();
    ensure!(left.len() == 4 && left[0].id == rows[1].id, "{left:?}");
    ensure!(bytes_below(stage.folder.path())? < half + 4_096);
    ensure!(retention.round().await? == Default::default(), "there is nothing left to do");
    // By age everything goes but what is pinned.
    let each = Limits { keep: Some(Duration::from_secs(60)), ..Limits::default() };
    retention.set_policy(Policy { each, ..Policy::default() });
    retention.round().await?;
    let left = stage.index.all();
    ensure!(left.len() == 1 && left[0].id == rows[1].id, "{left:?}");
    stage.is_sound().await
}
