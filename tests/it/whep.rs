//! A viewer in Chromium: a WHEP player (`tests/browser/whep.js`) with a record of every picture it showed.

use std::time::Duration;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::chromium::Page;
use crate::wait::until;

const PLAYER: &str = include_str!("../browser/whep.js");

/// One picture that the page presented (`requestVideoFrameCallback`).
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Frame {
    /// Milliseconds from the WHEP POST to the picture.
    pub(crate) t: f64,
    /// RTP timestamp of the picture, 90 kHz.
    pub(crate) rtp_timestamp: Option<u32>,
    /// Pictures presented so far; more than one step means that some were not painted.
    pub(crate) presented_frames: u64,
    pub(crate) width: u32,
    pub(crate) height: u32,
    /// What the built-in camera wrote on the picture, where that was asked for.
    pub(crate) stamp: Option<Stamp>,
}

/// The strip of the built-in camera, read from the pixels of the page.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Stamp {
    /// Number of the picture.
    pub(crate) frame: u32,
    /// Milliseconds from its capture to its showing.
    pub(crate) lag_ms: f64,
}

/// How a player plays.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct PlayOptions {
    /// Also receive sound.
    pub(crate) audio: bool,
    /// Read the built-in camera's strip from every picture.
    pub(crate) stamps: bool,
}

/// A player in a page. A page can hold several, each in a variable of its own.
#[derive(Clone, Debug)]
pub(crate) struct Whep {
    page: Page,
    variable: String,
}

impl Whep {
    /// Starts to play the WHEP endpoint `url` in `page`; `name` tells apart the players of one page.
    ///
    /// The page must be of the endpoint's own origin (any page of it will do), as no other may read the answer.
    /// Returns once the answer is set; pictures follow.
    ///
    /// # Errors
    /// The endpoint's answer is not 201 or no SDP that Chromium accepts.
    pub(crate) async fn play(page: &Page, name: &str, url: &str, options: PlayOptions) -> Result<Self> {
        let player = Self::new(page, name).await?;
        let play = format!("{}.play({}, {})", player.variable, json!(url), json!(options));
        page.eval::<Value>(&play).await.with_context(|| format!("cannot play {url}"))?;
        Ok(player)
    }

    /// Starts to play what `answer` says to the page's offer, from whatever origin: no HTTP is spoken.
    ///
    /// # Errors
    /// There is no answer, or it is no SDP that Chromium accepts.
    pub(crate) async fn join(
        page: &Page,
        name: &str,
        options: PlayOptions,
        answer: impl FnOnce(&str) -> Result<String>,
    ) -> Result<Self> {
        let player = Self::new(page, name).await?;
        let offer: String = page.eval(&format!("{}.offer({})", player.variable, json!(options))).await?;
        let accept = format!("{}.accept({})", player.variable, json!(answer(&offer)?));
        page.eval::<Value>(&accept).await.context("cannot play the answer")?;
        Ok(player)
    }

    async fn new(page: &Page, name: &str) -> Result<Self> {
        let variable = format!("window[{}]", json!(format!("whep-{name}")));
        let make = format!(
            "void (() => {{ if (!window.WhepPlayer) {{ {PLAYER} }} {variable} = new WhepPlayer(); }})()"
        );
        page.eval::<Value>(&make).await?;
        Ok(Self { page: page.clone(), variable })
    }

    /// Milliseconds from the POST to the first picture on the page.
    ///
    /// # Errors
    /// There is none within `deadline`.
    pub(crate) async fn first_frame_ms(&self, deadline: Duration) -> Result<f64> {
        let value = self.page.wait_for(&format!("{}.firstFrameMs", self.variable), deadline).await;
        let value = match value {
            Ok(value) => value,
            Err(error) => return Err(error.context(self.state().await)),
        };
        value.as_f64().context("firstFrameMs is no number")
    }

    /// The pictures presented so far, the first 5,000 of them.
    ///
    /// # Errors
    /// The page has gone.
    pub(crate) async fn frames(&self) -> Result<Vec<Frame>> {
        self.page.eval(&format!("{}.frames", self.variable)).await
    }

    /// The browser's statistics: `connectionState`, `iceState`, `video` and `audio` (inbound-rtp, with `codec` and
    /// `fmtp`), `transport` and `pair` (the selected candidates), with the names of W3C's webrtc-stats.
    ///
    /// # Errors
    /// The page has gone.
    pub(crate) async fn stats(&self) -> Result<Value> {
        self.page.eval(&format!("{}.stats()", self.variable)).await
    }

    /// The picture now showing as `columns` x `rows` values of brightness (0 to 255), row by row; of all of it, or
    /// of the `part` at x, y of that width and height, in pixels of the video. `None` before the first picture.
    ///
    /// # Errors
    /// The page has gone.
    pub(crate) async fn luma(
        &self,
        columns: u32,
        rows: u32,
        part: Option<[u32; 4]>,
    ) -> Result<Option<Vec<u8>>> {
        self.page.eval(&format!("{}.luma({columns}, {rows}, {})", self.variable, json!(part))).await
    }

    /// Waits until the video plays: `frames` more pictures than now are decoded, and the pixels change.
    ///
    /// # Errors
    /// It does not within `deadline`; the message holds the browser's statistics.
    pub(crate) async fn plays_on(&self, frames: u64, deadline: Duration) -> Result<()> {
        let (decoded, before) = (self.decoded().await?, self.luma(64, 36, None).await?);
        let moved = until(deadline, "pictures that move", async || {
            let enough = self.decoded().await.ok()? >= decoded + frames;
            let now = self.luma(64, 36, None).await.ok()??;
            (enough && Some(now) != before).then_some(())
        });
        match moved.await {
            Ok(()) => Ok(()),
            Err(error) => Err(error.context(self.state().await)),
        }
    }

    /// Waits until the browser takes the connection for lost.
    ///
    /// # Errors
    /// It does not within `deadline`.
    pub(crate) async fn fails(&self, deadline: Duration) -> Result<()> {
        let failed = format!("{}.pc.connectionState === 'failed'", self.variable);
        self.page.wait_for(&failed, deadline).await.map(drop)
    }

    /// Ends the session with DELETE; returns its HTTP status.
    ///
    /// # Errors
    /// The page or the server has gone.
    pub(crate) async fn close(self) -> Result<u16> {
        self.page.eval(&format!("{}.close()", self.variable)).await
    }

    async fn decoded(&self) -> Result<u64> {
        Ok(self.stats().await?["video"]["framesDecoded"].as_u64().unwrap_or_default())
    }

    /// What a failure message wants to show.
    async fn state(&self) -> String {
        self.stats().await.map_or_else(|error| error.to_string(), |stats| format!("{stats:#}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chromium::Browser;

    const SOON: Duration = Duration::from_secs(30);

    /// Stands in for a WHEP server: answers the page's own requests with a canvas that moves, so that the player is
    /// tried without VAS.
    const FAKE_SERVER: &str = r"
        window.fetch = async (url, { method, headers, body }) => {
            if (method === 'DELETE') return new Response('', { status: 200 });
            if (headers['Content-Type'] !== 'application/sdp') return new Response('', { status: 415 });
            const picture = Object.assign(document.createElement('canvas'), { width: 320, height: 180 });
            const context = picture.getContext('2d');
            let step = 0;
            setInterval(() => {
                context.fillStyle = 'black';
                context.fillRect(0, 0, 320, 180);
                context.fillStyle = 'white';
                context.fillRect((step++ * 8) % 320, 40, 60, 60);
            }, 40);
            const peer = window.peer = new RTCPeerConnection();
            peer.addTrack(picture.captureStream(25).getVideoTracks()[0]);
            await peer.setRemoteDescription({ type: 'offer', sdp: body });
            await peer.setLocalDescription();
            await new Promise((done) => {
                const look = () => peer.iceGatheringState === 'complete' && done();
                peer.onicegatheringstatechange = look;
                look();
            });
            const sdp = peer.localDescription.sdp;
            return new Response(sdp, { status: 201, headers: { Location: 'http://127.0.0.1/session' } });
        };";

    #[tokio::test]
    async fn records_what_it_plays() {
        let browser = Browser::launch().await.unwrap();
        let page = browser.open("about:blank").await.unwrap();
        page.eval::<Value>(&format!("(() => {{ {FAKE_SERVER} }})()")).await.unwrap();
        let player = Whep::play(&page, "one", "http://127.0.0.1/whep", PlayOptions::default()).await.unwrap();
        assert!(player.first_frame_ms(SOON).await.unwrap() > 0.0);
        player.plays_on(20, SOON).await.unwrap();

        let frames = player.frames().await.unwrap();
        assert_eq!((frames[0].width, frames[0].height), (320, 180));
        assert!(
            frames.is_sorted_by(|a, b| a.t < b.t && a.presented_frames < b.presented_frames),
            "{frames:?}"
        );
        assert!(frames.iter().all(|frame| frame.rtp_timestamp.is_some()), "{frames:?}");
        let stats = player.stats().await.unwrap();
        assert_eq!(stats["connectionState"], "connected");
        assert!(stats["video"]["codec"].as_str().unwrap().starts_with("video/"), "{stats}");

        let upper_edge = player.luma(1, 1, Some([0, 0, 320, 30])).await.unwrap().unwrap();
        assert!(upper_edge[0] < 40, "the upper edge is black: {upper_edge:?}");
        assert_eq!(player.close().await.unwrap(), 200);
        assert!(page.console_errors().await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn says_why_it_does_not_play() {
        let browser = Browser::launch().await.unwrap();
        let page = browser.open("about:blank").await.unwrap();
        page.eval::<Value>(
            "void (window.fetch = async () => new Response('no such stream', { status: 404 }))",
        )
        .await
        .unwrap();
        let error =
            Whep::play(&page, "one", "http://127.0.0.1/whep", PlayOptions::default()).await.unwrap_err();
        assert!(format!("{error:#}").contains("404: no such stream"), "{error:#}");
    }
}
