//! The dashboard in Chromium: every page in both themes and on a phone, each control against the API, accounts.
//!
//! The walks are scripts beside the dashboard's sources (`vas-server/dashboard/test/e2e`); here are the servers and cameras
//! that they walk on. Their pictures come into `dashboard/` of the test's folder.

use crate::live::{synthetic, test_camera};
use crate::process::{built, run};
use crate::server::{Server, config_in};
use crate::turn;
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use vas_server::app::App;
use vas_server::config::{AuthMode, Config};
use vas_server::demo::{Demo, DemoConfig};

/// Time for one walk on a busy machine.
const WALK: Duration = Duration::from_secs(420);
/// A name that is markup.
const HOSTILE: &str = r#"<img src=x onerror="window.hacked=1">"#;
const PASSWORD: &str = "correct horse battery";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../vas-server/dashboard")
}

/// Where the walks put their pictures.
fn shots() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("dashboard")
}

/// Runs one walk; what it prints is shown.
async fn walk(name: &str, setup: &Value) -> Result<()> {
    ensure!(
        folder().join("dist/index.html").is_file(),
        "the dashboard is not built; `make dashboard` builds it"
    );
    let mut node = Command::new("node");
    node.arg("test/e2e/walk.mjs").arg(setup.to_string()).arg(name).current_dir(folder());
    let printed = run(name, node, WALK).await?;
    println!("{printed}");
    Ok(())
}

async fn demo_in(data: &Path) -> Result<Demo> {
    let mut config = config_in(data)?;
    config.http.dashboard_dir = folder().join("dist");
    let demo = DemoConfig { rtsp_port: 0, cameras: 4, size: (640, 360), ..DemoConfig::default() };
    Ok(Demo::start(&config, &demo).await?)
}

/// Adds a camera by the API and starts its stream.
async fn add(url: &str, name: &str, rtsp_url: &str) -> Result<()> {
    let client = reqwest::Client::new();
    let devices = format!("{url}api/v1/devices");
    let device: Value = client
        .post(&devices)
        .json(&json!({ "name": name, "rtsp_url": rtsp_url }))
        .send()
        .await?
        .json()
        .await?;
    let id = device["id"].as_str().with_context(|| format!("{device}"))?;
    let started = client.post(format!("{devices}/{id}/start-stream")).send().await?;
    ensure!(started.status().is_success(), "{}", started.status());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_is_well() -> Result<()> {
    let _turn = turn::shared().await;
    let data = tempfile::tempdir()?;
    let demo = demo_in(data.path()).await?;
    let setup = json!({ "url": demo.app().addresses().page(), "shots": shots() });
    walk("pages", &setup).await?;
    ensure!(demo.stop().await, "the demo stops by itself");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_control_does_what_it_says() -> Result<()> {
    let _turn = turn::shared().await;
    let data = tempfile::tempdir()?;
    let demo = demo_in(data.path()).await?;
    let url = demo.app().addresses().page();
    // One camera with a name that is markup, and one that only the walk adds.
    let (hostile, spare) = (test_camera(synthetic(25))?, test_camera(synthetic(25))?);
    add(&url, HOSTILE, &hostile.url("cam")).await?;
    let setup = json!({ "url": url, "camera": spare.url("cam"), "shots": shots() });
    walk("acts", &setup).await?;
    ensure!(demo.stop().await, "the demo stops by itself");
    Ok(())
}

/// Users are made while the server is open; then it asks for them.
#[tokio::test(flavor = "multi_thread")]
async fn accounts_are_asked_for() -> Result<()> {
    let _turn = turn::shared().await;
    let data = tempfile::tempdir()?;
    let mut config: Config = config_in(data.path())?;
    config.http.dashboard_dir = folder().join("dist");
    let app = App::start(&config).await?;
    let client = reqwest::Client::new();
    for (name, role) in [("chief", "admin"), ("guard", "viewer")] {
        let user = json!({ "username": name, "password": PASSWORD, "role": role });
        let users = format!("{}v2/auth/users", app.addresses().page());
        let answer = client.post(users).json(&user).send().await?;
        let status = answer.status();
        ensure!(status.is_success(), "{name}: {status} {}", answer.text().await?);
    }
    ensure!(app.stop().await, "the server stops by itself");
    config.auth.mode = AuthMode::Required;
    let app = App::start(&config).await.context("with accounts")?;
    let setup = json!({
        "shots": shots(),
        "locked": {
            "url": app.addresses().page(),
            "admin": { "username": "chief", "password": PASSWORD },
            "viewer": { "username": "guard", "password": PASSWORD },
        },
    });
    walk("sign-in", &setup).await?;
    ensure!(app.stop().await, "the server stops by itself");
    Ok(())
}

/// Files come compressed to whom takes that, and not again to whom has them.
#[tokio::test(flavor = "multi_thread")]
async fn files_are_sent_once_and_small() -> Result<()> {
    let server = Server::start_with(|config| config.http.dashboard_dir = folder().join("dist")).await?;
    let client = reqwest::Client::new();
    let page = client.get(server.url("")).send().await?.text().await?;
    let script = page.split('"').find(|part| part.starts_with("/assets/") && part.ends_with(".js"));
    let script = server.url(script.context("the page has a script")?.trim_start_matches('/'));
    let plain = client.get(&script).send().await?;
    let tag = plain.headers()["etag"].clone();
    let whole = plain.bytes().await?.len();
    let small = client.get(&script).header("accept-encoding", "gzip, br").send().await?;
    ensure!(small.headers()["content-encoding"] == "br", "{:?}", small.headers());
    ensure!(small.bytes().await?.len() * 2 < whole, "compressed");
    let known = client.get(&script).header("if-none-match", tag).send().await?;
    ensure!(known.status() == 304, "{}", known.status());
    ensure!(server.stop().await, "the server stops by itself");
    Ok(())
}

/// The live wall, the recordings and the element for other pages, in real pictures.
#[tokio::test(flavor = "multi_thread")]
async fn pictures_play() -> Result<()> {
    let _turn = turn::shared().await;
    let data = tempfile::tempdir()?;
    let demo = demo_in(data.path()).await?;
    for name in ["wall", "recordings", "player-element"] {
        let mut node = Command::new("node");
        node.arg(format!("test/e2e/{name}.mjs")).current_dir(folder());
        node.env("VAS_URL", demo.app().addresses().page()).env("VAS_OUT", shots());
        println!("{}", run(name, node, WALK).await?);
    }
    ensure!(demo.stop().await, "the demo stops by itself");
    Ok(())
}

/// The script starts servers of its own, which it kills.
#[tokio::test(flavor = "multi_thread")]
async fn faults_are_told_and_mended() -> Result<()> {
    let _turn = turn::shared().await;
    let mut node = Command::new("node");
    node.arg("test/e2e/faults.mjs").current_dir(folder());
    node.env("VAS_BINARY", built("vas-server")?)
        .env("VAS_DASHBOARD", folder().join("dist"))
        .env("VAS_OUT", shots());
    println!("{}", run("faults", node, WALK).await?);
    Ok(())
}
