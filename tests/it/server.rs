//! A VAS server within the test's own process: the real thing on free ports, driven over HTTP.

use crate::wait::until;
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;
use tempfile::TempDir;
use vas_server::app::App;
use vas_server::config::{AuthMode, Config};

/// A camera and its stream are live within this, on a machine that is busy with other tests.
const LIVE: Duration = Duration::from_secs(30);

/// A running server.
#[derive(Debug)]
pub(crate) struct Server {
    app: App,
    client: reqwest::Client,
    _data: TempDir,
}

/// A configuration on free ports, with its files in `folder`.
pub(crate) fn config_in(folder: &Path) -> Result<Config> {
    let mut config = Config { data_dir: folder.to_owned(), ..Config::default() };
    config.http.listen = "127.0.0.1:0".parse()?;
    config.auth.mode = AuthMode::Open;
    config.ingest.allow_hosts.push("127.0.0.0/8".to_owned());
    // Hundreds of viewers come from one address.
    config.limits.requests_per_minute = 0;
    config.limits.expensive_per_minute = 0;
    config.media.port = 0;
    Ok(config)
}

/// A camera of the server.
#[derive(Clone, Debug)]
pub(crate) struct Camera {
    /// Id of its stream.
    pub(crate) stream: String,
}

impl Server {
    /// Starts a server with quick retries, so that tests of failures are short.
    ///
    /// # Errors
    /// It does not start.
    pub(crate) async fn start() -> Result<Self> {
        Self::start_with(|_| ()).await
    }

    /// The same with a configuration of its own.
    ///
    /// # Errors
    /// It does not start.
    pub(crate) async fn start_with(change: impl FnOnce(&mut Config)) -> Result<Self> {
        let data = TempDir::new()?;
        let mut config = config_in(data.path())?;
        config.ingest.backoff_max_seconds = 1;
        config.ingest.media_timeout_seconds = 3;
        change(&mut config);
        let app = App::start(&config).await?;
        Ok(Self { app, client: reqwest::Client::new(), _data: data })
    }

    /// The address of a path.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.app.addresses().page())
    }

    /// Where a viewer of a camera posts its offer.
    pub(crate) fn whep(&self, camera: &Camera) -> String {
        self.url(&format!("v2/streams/{}/whep", camera.stream))
    }

    /// Adds a camera and starts its stream.
    ///
    /// # Errors
    /// The server refuses.
    pub(crate) async fn add(&self, name: &str, rtsp_url: &str) -> Result<Camera> {
        let device = self.post("api/v1/devices", &json!({"name": name, "rtsp_url": rtsp_url})).await?;
        let device = device["id"].as_str().context("a device has an id")?.to_owned();
        let started = self.post(&format!("api/v1/devices/{device}/start-stream"), &json!({})).await?;
        let stream = started["v2_stream_id"].as_str().context("a stream has an id")?.to_owned();
        Ok(Camera { stream })
    }

    /// Adds a camera and waits until it is live.
    ///
    /// # Errors
    /// The server refuses, or the camera does not become live.
    pub(crate) async fn add_live(&self, name: &str, rtsp_url: &str) -> Result<Camera> {
        let camera = self.add(name, rtsp_url).await?;
        self.wait_for_state(&camera, "LIVE").await?;
        Ok(camera)
    }

    /// Waits until a camera's stream is in a state; gives its health.
    ///
    /// # Errors
    /// It does not get there.
    pub(crate) async fn wait_for_state(&self, camera: &Camera, state: &str) -> Result<Value> {
        let path = format!("v2/streams/{}/health", camera.stream);
        let mut last = Value::Null;
        let found = until(LIVE, state, async || {
            last = self.get(&path).await.ok()?;
            (last["state"] == state).then(|| last.clone())
        })
        .await;
        found.with_context(|| format!("the last health was {last:#}"))
    }

    /// GETs JSON.
    ///
    /// # Errors
    /// The answer is not 2xx.
    pub(crate) async fn get(&self, path: &str) -> Result<Value> {
        let response = self.client.get(self.url(path)).send().await?;
        let status = response.status();
        let body = response.text().await?;
        ensure!(status.is_success(), "GET {path}: {status} {body}");
        Ok(serde_json::from_str(&body)?)
    }

    /// POSTs JSON.
    ///
    /// # Errors
    /// The answer is not 2xx.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Result<Value> {
        let response = self.client.post(self.url(path)).json(body).send().await?;
        let status = response.status();
        let body = response.text().await?;
        ensure!(status.is_success(), "POST {path}: {status} {body}");
        Ok(serde_json::from_str(&body)?)
    }

    /// Stops it in order.
    pub(crate) async fn stop(self) -> bool {
        self.app.stop().await
    }
}
