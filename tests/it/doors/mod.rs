//! The doors beside WHEP, in Chromium: `mediasoup-client` over HTTP and over a WebSocket, and a plain
//! RTCPeerConnection over a WebSocket; several cameras over one transport.

mod door;
mod http;
mod layers;
mod socket;

use crate::chromium::Page;
use anyhow::{Result, ensure};
use door::Door;

/// Whether the page's scripts went through.
async fn nothing_uncaught(page: &Page) -> Result<()> {
    let errors = page.console_errors().await?;
    ensure!(errors.iter().all(|error| !error.starts_with("uncaught")), "{errors:?}");
    Ok(())
}
