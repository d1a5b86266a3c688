//! A NAT that forgets its viewers, and a network that goes away.

use super::stage::{self, Stage};
use super::watcher::{Watcher, like_a_browser};
use super::{ONE_WAY, SOON};
use crate::chromium::Browser;
use crate::relay::{Link, Relay};
use crate::turn;
use crate::whep::Whep;
use anyhow::{Context, Result, ensure};
use futures_util::future::try_join;
use std::cell::Cell;
use std::time::{Duration, Instant};
use vas_examples::viewer;
use vas_sfu::{CloseReason, TransportState, WhepSession};

/// By then media is back after the viewer's address has changed, without any signalling, on a machine that does much else.
const BACK: Duration = Duration::from_secs(20);
/// Pictures by which it is back.
const PICTURES: u64 = 10;
/// Time for what is on its way, and an outage that nobody gives up for.
const A_WHILE: Duration = Duration::from_secs(1);
/// Consent of either side lasts so long here.
const CONSENT: Duration = Duration::from_secs(8);
/// Chromium gives a silent connection up by itself within this.
const GIVEN_UP: Duration = Duration::from_secs(60);

/// Our own viewer and Chromium behind one network.
struct Pair {
    stage: Stage,
    relay: Relay,
    own: Watcher,
    chromium: Whep,
    session: WhepSession,
    _browser: Browser,
}

impl Pair {
    /// Both of them, playing.
    async fn playing(config: vas_sfu::SfuConfig, viewer: viewer::ViewerConfig) -> Result<Self> {
        let stage = Stage::start(config)?;
        let relay = stage.relay(3)?;
        relay.set_both(Link { delay: ONE_WAY, ..Link::default() });
        let browser = Browser::launch().await?;
        let page = browser.open("about:blank").await?;
        let (chromium, session) = stage.chromium(&page, "viewer", &relay).await?;
        let own = Watcher::join(&stage, &relay, viewer).await?;
        let mut pair = Self { stage, relay, own, chromium, session, _browser: browser };
        pair.play_on(SOON).await?;
        Ok(pair)
    }

    /// Waits until both play again.
    async fn play_on(&mut self, deadline: Duration) -> Result<()> {
        let start = Instant::now();
        let wanted = self.own.viewer.stats().shown + PICTURES;
        let (own_took, chromium_took) = (Cell::new(None), Cell::new(None));
        let own = self.own.run(deadline, "pictures of our own viewer", |own| {
            if own_took.get().is_none() && own.viewer.stats().shown >= wanted {
                own_took.set(Some(start.elapsed()));
            }
            // It lives on until the other one plays, too: nothing may wait at its socket afterwards.
            own.closed.is_some() || own_took.get().is_some() && chromium_took.get().is_some()
        });
        let chromium = async {
            self.chromium.plays_on(PICTURES, deadline).await.context("Chromium")?;
            chromium_took.set(Some(start.elapsed()));
            Ok(())
        };
        try_join(own, chromium).await?;
        ensure!(self.own.closed.is_none(), "our own viewer ended: {:?}", self.own.closed);
        let (own, chromium) = (own_took.get().unwrap_or_default(), chromium_took.get().unwrap_or_default());
        println!("{PICTURES} pictures later: own viewer after {own:.1?}, Chromium after {chromium:.1?}");
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn to_a_new_port_of_the_nat() -> Result<()> {
    let _turn = turn::alone().await;
    let mut pair = Pair::playing(stage::config(), like_a_browser()).await?;
    for _ in 0..2 {
        pair.relay.rebind();
        pair.play_on(BACK).await?;
        // Repairs of what went to the old port come in a burst, which is not to be taken for the next return.
        pair.own.live_for(A_WHILE).await?;
    }
    ensure!(pair.session.transport().state() == TransportState::Connected, "{:?}", pair.session.transport());
    pair.stage.stop().await
}

/// What is out for less than the consent's time comes back by itself; what stays out ends on both sides.
#[tokio::test(flavor = "multi_thread")]
async fn into_a_black_hole() -> Result<()> {
    let _turn = turn::alone().await;
    let mut config = stage::config();
    config.consent_timeout_secs = CONSENT.as_secs();
    let mut viewer = like_a_browser();
    viewer.consent_timeout = CONSENT;
    let mut pair = Pair::playing(config, viewer).await?;

    pair.relay.set_black_hole(true);
    pair.own.live_for(A_WHILE).await?;
    pair.relay.set_black_hole(false);
    pair.play_on(SOON).await?;

    pair.relay.set_black_hole(true);
    let start = Instant::now();
    pair.own.run(SOON, "our own viewer's end", |own| own.closed.is_some()).await?;
    let reason = pair.own.closed.as_ref();
    ensure!(reason == Some(&viewer::CloseReason::ConsentExpired(CONSENT)), "{reason:?}");
    for session in [&pair.own.session, &pair.session] {
        let reason = tokio::time::timeout(SOON, session.closed()).await.context("a session does not end")?;
        ensure!(reason == CloseReason::ConsentExpired, "{reason:?}");
    }
    println!("our own viewer and both sessions end {:.1?} after the last datagram", start.elapsed());
    pair.chromium.fails(GIVEN_UP).await?;
    println!("Chromium gives up {:.1?} after it", start.elapsed());
    pair.stage.stop().await
}
