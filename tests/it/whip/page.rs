//! A publisher in Chromium (`tests/browser/whip.js`): its fake camera, a moving test picture, and a beeping microphone.

use crate::chromium::Page;
use anyhow::{Context, Result};
use serde::Serialize;
use serde_json::{Value, json};

const PUBLISHER: &str = include_str!("../../browser/whip.js");

/// What a page publishes.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct PublishOptions {
    /// The one codec that is offered, such as `video/AV1`.
    pub(crate) codec: &'static str,
    /// Also send sound.
    pub(crate) audio: bool,
}

/// A publisher in a page of the server's own origin.
#[derive(Clone, Debug)]
pub(crate) struct Publisher {
    page: Page,
}

impl Publisher {
    async fn new(page: &Page) -> Result<Self> {
        page.eval::<Value>(&format!("void (() => {{ {PUBLISHER} window.whip = new WhipPublisher(); }})()"))
            .await?;
        Ok(Self { page: page.clone() })
    }

    /// Publishes to the WHIP endpoint `url`; gives the status of the PATCH with the candidates.
    pub(crate) async fn publish(page: &Page, url: &str, options: PublishOptions) -> Result<(Self, u16)> {
        let publisher = Self::new(page).await?;
        let publish = format!("whip.publish({}, {})", json!(url), json!(options));
        let status = page.eval(&publish).await.with_context(|| format!("cannot publish to {url}"))?;
        Ok((publisher, status))
    }

    /// Makes an offer, for a server that is reached by another way.
    pub(crate) async fn offer(page: &Page, options: PublishOptions) -> Result<(Self, String)> {
        let publisher = Self::new(page).await?;
        let offer = page.eval(&format!("whip.offer({})", json!(options))).await?;
        Ok((publisher, offer))
    }

    /// Takes the answer to that offer.
    pub(crate) async fn accept(&self, answer: &str) -> Result<()> {
        self.page.eval::<Value>(&format!("whip.accept({})", json!(answer))).await.map(drop)
    }

    /// Restarts ICE; gives the status of the PATCH.
    pub(crate) async fn restart(&self) -> Result<u16> {
        self.page.eval("whip.restart()").await
    }

    /// Sends pictures whose sides are so much shorter.
    pub(crate) async fn scale(&self, by: u32) -> Result<()> {
        self.page.eval::<Value>(&format!("whip.scale({by})")).await.map(drop)
    }

    /// Sends the candidates again with this `If-Match`; gives the status.
    pub(crate) async fn trickle(&self, if_match: &str) -> Result<u16> {
        self.page.eval(&format!("whip.trickle({})", json!(if_match))).await
    }

    /// The address of the session.
    pub(crate) async fn session(&self) -> Result<String> {
        self.page.eval("whip.session").await
    }

    /// `connectionState`, and `video` and `audio` (outbound-rtp).
    pub(crate) async fn stats(&self) -> Result<Value> {
        self.page.eval("whip.stats()").await
    }

    /// Ends the session with DELETE; gives its status.
    pub(crate) async fn close(&self) -> Result<u16> {
        self.page.eval("whip.close()").await
    }
}
