//! `kill -9` at random moments: what was recorded is whole, and at most a second of it is lost each time.

use super::node::Node;
use super::{judge, rfc3339, stretches_of};
use crate::live::synthetic;
use crate::turn;
use crate::wait::until;
use anyhow::{Context, Result, ensure};
use rand::Rng;
use std::net::SocketAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use vas_ingest::camera::{TestCamera, TestCameraConfig};

/// Cameras that are recorded.
const CAMERAS: usize = 4;
/// Media that a kill may cost, in microseconds, and what the picture takes to arrive on a busy machine.
const LOST: i64 = 1_000_000;
const ARRIVAL: i64 = 500_000;

async fn kills(times: u32) -> Result<()> {
    let _turn = turn::alone().await;
    let mut config = TestCameraConfig::new(SocketAddr::from(([127, 0, 0, 1], 0)));
    for n in 0..CAMERAS {
        config.sources.push((format!("cam{n}"), synthetic(25)));
    }
    let camera = TestCamera::start(config)?;
    let mut node = Node::start().await?;
    let mut streams = Vec::new();
    for n in 0..CAMERAS {
        streams.push(node.add(&format!("camera {n}"), &camera.url(&format!("cam{n}"))).await?.1);
    }
    let mut worst = 0;
    for n in 0..times {
        wait_for_more(&node, &streams, now()?).await.with_context(|| node.tail())?;
        let moment = rand::rng().random_range(0..2_500);
        tokio::time::sleep(Duration::from_millis(moment)).await;
        let killed = now()?;
        node.kill_and_restart().await.with_context(|| format!("after kill {n}"))?;
        for stream in &streams {
            let lost = lost_at(&recordings(&node, stream).await?, killed).context("nothing was recorded")?;
            worst = worst.max(lost);
            ensure!(lost <= LOST + ARRIVAL, "kill {n} at +{moment} ms lost {} ms", lost / 1_000);
        }
    }
    let report = node.verify().await.context("recordings verify")?;
    println!("{times} kills: at most {} ms of media lost; {report}", worst / 1_000);
    // All that is in the index plays, over all the gaps.
    let all = recordings(&node, &streams[0]).await?;
    let (first, last) = (all.first().context("ranges")?.0, all.last().context("ranges")?.1);
    let query = format!("start={}&end={}", rfc3339(first), rfc3339(last));
    judge::decodes(&format!("{}/v2/streams/{}/playback.m3u8?{query}", node.page, streams[0])).await
}

/// The recorded stretches of a stream.
async fn recordings(node: &Node, stream: &str) -> Result<Vec<(i64, i64)>> {
    stretches_of(&node.get(&format!("v2/streams/{stream}/recordings")).await?)
}

/// Microseconds of media that a kill cost: from the end of what is there to the kill. Stretches that lie closer together
/// than half a second are shown as one.
fn lost_at(stretches: &[(i64, i64)], killed: i64) -> Option<i64> {
    if stretches.iter().any(|(start, end)| (start..end).contains(&&killed)) {
        return Some(0);
    }
    stretches.iter().map(|(_, end)| *end).filter(|end| *end <= killed).max().map(|end| killed - end)
}

/// Waits until something is recorded of every camera that was taken after `time`.
async fn wait_for_more(node: &Node, streams: &[String], time: i64) -> Result<()> {
    for stream in streams {
        until(super::SOON, "a recording that goes on", async || {
            (recordings(node, stream).await.ok()?.last()?.1 > time).then_some(())
        })
        .await?;
    }
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "the time of another process is compared")]
pub(super) fn now() -> Result<i64> {
    Ok(i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_micros())?)
}

#[tokio::test(flavor = "multi_thread")]
async fn five_times() -> Result<()> {
    kills(5).await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "long form, see `make soak`"]
async fn a_hundred_times() -> Result<()> {
    kills(100).await
}
