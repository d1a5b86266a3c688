//! Recording on events, with the time before them.

use crate::stage::Stage;
use anyhow::{Result, ensure};
use std::time::Duration;
use vas_core::model::GapReason;
use vas_record::recorder::RecordMode;

#[tokio::test(flavor = "multi_thread")]
async fn an_event_keeps_the_time_before_and_after_it() -> Result<()> {
    let mut stage = Stage::start().await?;
    let mode = RecordMode::OnEvent { pre: Duration::from_secs(5), post: Duration::from_millis(500) };
    stage.record(mode).await?;
    for _ in 0..20 {
        stage.push_group();
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
    tokio::time::sleep(Duration::from_millis(400)).await;
    ensure!(!stage.status().recording && stage.index.all().is_empty(), "nothing has happened yet");
    ensure!(stage.recorder().trigger(stage.device));
    for _ in 0..3 {
        stage.push_group();
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    // Long after it nothing is recorded any more.
    tokio::time::sleep(Duration::from_millis(600)).await;
    for _ in 0..20 {
        stage.push_group();
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    stage.stop().await?;
    let rows = stage.index.all();
    ensure!(rows.len() == 1, "{rows:?}");
    let seconds = rows[0].span.micros() / 1_000_000;
    ensure!((7..=12).contains(&seconds), "{seconds} s were kept");
    ensure!(rows[0].groups.as_slice()[0].gap == Some(GapReason::Started));
    stage.is_sound().await
}
