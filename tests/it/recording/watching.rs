//! A viewer in Chromium that watches a server process while something is done to it.

use super::node::Node;
use crate::chromium::{Browser, Page};
use crate::wait::until;
use crate::whep::{PlayOptions, Whep};
use anyhow::{Context, Result, ensure};
use std::time::{Duration, Instant};

/// Time between two looks.
const LOOK: Duration = Duration::from_millis(200);
/// Pictures go on within this; what is longer is no jitter of a busy machine any more.
const FREEZE: Duration = Duration::from_secs(3);

/// A playing viewer.
pub(super) struct Watching {
    viewer: Whep,
    _page: Page,
    _browser: Browser,
}

impl Watching {
    /// Opens a browser that plays a stream of `node`.
    pub(super) async fn start(node: &Node, stream: &str) -> Result<Self> {
        until(super::SOON, "a live stream", async || {
            let health = node.get(&format!("v2/streams/{stream}/health")).await.ok()?;
            (health["state"] == "LIVE").then_some(())
        })
        .await?;
        let browser = Browser::launch().await?;
        let page = browser.open(&format!("{}/health", node.page)).await?;
        let endpoint = format!("{}/v2/streams/{stream}/whep", node.page);
        let viewer = Whep::play(&page, "viewer", &endpoint, PlayOptions::default()).await?;
        viewer.plays_on(25, super::SOON).await?;
        Ok(Self { viewer, _page: page, _browser: browser })
    }

    /// Does `work`, and makes sure that pictures advance all the while.
    pub(super) async fn during<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        let mut work = std::pin::pin!(work);
        let (mut seen, mut moved, mut longest) = (self.decoded().await?, Instant::now(), Duration::ZERO);
        let first = seen;
        let done = loop {
            tokio::select! {
                done = &mut work => break done?,
                () = tokio::time::sleep(LOOK) => {}
            }
            let decoded = self.decoded().await?;
            if decoded > seen {
                longest = longest.max(moved.elapsed());
                (seen, moved) = (decoded, Instant::now());
            }
            ensure!(moved.elapsed() < FREEZE, "the picture stands still since {:?}", moved.elapsed());
        };
        println!("{} pictures shown meanwhile, {} ms between two at most", seen - first, longest.as_millis());
        Ok(done)
    }

    async fn decoded(&self) -> Result<u64> {
        let stats = self.viewer.stats().await?;
        stats["video"]["framesDecoded"].as_u64().with_context(|| format!("{stats:#}"))
    }
}
