//! The first page: every stream live in a grid, in Chromium.

use crate::chromium::Browser;
use crate::live::{synthetic, test_camera};
use crate::server::{Server, config_in};
use crate::turn;
use anyhow::{Result, ensure};
use serde_json::Value;
use std::path::Path;
use std::time::Duration;
use vas_server::app::App;
use vas_server::demo::{Demo, DemoConfig};

const SOON: Duration = Duration::from_secs(60);

/// How many tiles show a picture that has moved on by `frames`.
fn playing(frames: u32) -> String {
    format!(
        "[...document.querySelectorAll('[data-stream-id]')].filter((tile) => Number(tile.dataset.frames) >= {frames}).length"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_plays_both_cameras() -> Result<()> {
    let _turn = turn::shared().await;
    let data = tempfile::tempdir()?;
    let config = config_in(data.path())?;
    let demo = Demo::start(&config, &DemoConfig { rtsp_port: 0, ..DemoConfig::default() }).await?;
    let app: &App = demo.app();
    let page_url = app.addresses().page();
    ensure!(demo.banner().contains(&page_url), "the banner names the page");

    let browser = Browser::launch().await?;
    let page = browser.open(&page_url).await?;
    page.wait_for(&format!("{} === 2", playing(50)), SOON).await?;
    // The README's picture; `make screenshot` takes it from there.
    page.set_viewport(1280, 490).await?;
    page.wait_for(&format!("{} === 2", playing(120)), SOON).await?;
    let shots = Path::new(env!("CARGO_TARGET_TMPDIR"));
    page.screenshot(&shots.join("page.png")).await?;
    page.set_viewport(390, 844).await?;
    page.wait_for(&format!("{} === 2", playing(140)), SOON).await?;
    page.screenshot(&shots.join("page-phone.png")).await?;
    let errors = page.console_errors().await?;
    ensure!(errors.is_empty(), "{errors:?}");
    page.close().await?;
    ensure!(demo.stop().await, "the demo stops by itself");
    Ok(())
}

/// A camera that fails says so in its tile, and plays again in the same page; a name with markup is text.
#[tokio::test(flavor = "multi_thread")]
async fn a_tile_tells_what_happened_and_recovers() -> Result<()> {
    let _turn = turn::shared().await;
    let camera = test_camera(synthetic(25))?;
    let server = Server::start().await?;
    let name = "<img src=x onerror=document.title='broken'>";
    let live = server.add_live(name, &camera.url("cam")).await?;
    let browser = Browser::launch().await?;
    let page = browser.open(&server.url("")).await?;
    page.wait_for(&format!("{} === 1", playing(20)), SOON).await?;
    let text: String = page.eval("document.body.innerText").await?;
    ensure!(text.contains(name), "{text}");

    camera.stop().await;
    server.wait_for_state(&live, "ERROR").await?;
    page.wait_for("document.querySelector('[data-stream-id]').dataset.state === 'ERROR'", SOON).await?;
    camera.resume()?;
    server.wait_for_state(&live, "LIVE").await?;
    let before: Value = page.eval("document.querySelector('[data-stream-id]').dataset.frames").await?;
    let before: u32 = before.as_str().and_then(|text| text.parse().ok()).unwrap_or(0);
    page.wait_for(&format!("{} === 1", playing(before + 20)), SOON).await?;
    let title: String = page.eval("document.title").await?;
    ensure!(title != "broken", "a device's name was taken for markup");
    ensure!(page.console_errors().await?.is_empty(), "{:?}", page.console_errors().await?);
    Ok(())
}
