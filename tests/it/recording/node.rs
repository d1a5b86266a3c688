//! A server as a process of its own, which can be killed.

use crate::ports;
use crate::process::{Process, built, run};
use crate::wait::until;
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;

/// A start, with all that an earlier run left, takes no longer than this.
const START: Duration = Duration::from_secs(60);

/// Settings as environment variables.
pub(super) type Settings = Vec<(&'static str, String)>;

/// A server process with its folder.
pub(super) struct Node {
    process: Process,
    pub(super) page: String,
    pub(super) data: TempDir,
    settings: Settings,
}

impl Node {
    /// Starts a server on a fresh folder, and waits until it answers.
    pub(super) async fn start() -> Result<Self> {
        Self::start_with(Settings::new()).await
    }

    /// The same with settings of its own.
    pub(super) async fn start_with(settings: Settings) -> Result<Self> {
        let data = tempfile::tempdir()?;
        let http = ports::free_tcp()?;
        let mut command = Command::new(built("vas-server")?);
        command
            .args(["serve", "--media-port", "0", "--http-listen", &format!("127.0.0.1:{http}")])
            .arg("--data-dir")
            .arg(data.path())
            .env("VAS_AUTH_MODE", "open")
            .env("VAS_INGEST_ALLOW_HOSTS", "127.0.0.0/8")
            .env("VAS_INGEST_BACKOFF_MAX_SECONDS", "1");
        command.envs(settings.iter().cloned());
        let process = Process::spawn("vas-server", command)?;
        let node = Self { process, page: format!("http://127.0.0.1:{http}"), data, settings };
        node.answers().await?;
        Ok(node)
    }

    async fn answers(&self) -> Result<()> {
        let what = "a server that answers";
        until(START, what, async || {
            reqwest::get(format!("{}/ready", self.page)).await.ok()?.status().is_success().then_some(())
        })
        .await
        .with_context(|| self.process.tail())
    }

    /// The id of its process.
    pub(super) fn id(&self) -> u32 {
        self.process.id()
    }

    /// Resident memory in KiB (proc(5)).
    pub(super) fn memory(&self) -> Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
        Ok(line.trim().trim_end_matches("kB").trim().parse()?)
    }

    /// Kills it without a word.
    pub(super) fn kill(&mut self) {
        self.process.kill();
    }

    /// Kills it without a word, and starts it again.
    pub(super) async fn kill_and_restart(&mut self) -> Result<()> {
        self.process.kill();
        self.process.restart()?;
        self.answers().await
    }

    /// GETs JSON.
    pub(super) async fn get(&self, path: &str) -> Result<Value> {
        let response = reqwest::get(format!("{}/{path}", self.page)).await?;
        let status = response.status();
        let body = response.text().await?;
        ensure!(status.is_success(), "GET {path}: {status} {body}");
        Ok(serde_json::from_str(&body)?)
    }

    /// Adds a camera and starts it; gives the ids of its device and its stream.
    pub(super) async fn add(&self, name: &str, rtsp_url: &str) -> Result<(String, String)> {
        let client = reqwest::Client::new();
        let post = async |path: String, body: Value| -> Result<Value> {
            let response = client.post(format!("{}/{path}", self.page)).json(&body).send().await?;
            Ok(response.error_for_status()?.json().await?)
        };
        let device = post("api/v1/devices".into(), json!({ "name": name, "rtsp_url": rtsp_url })).await?;
        let device = device["id"].as_str().context("a device has an id")?.to_owned();
        let started = post(format!("api/v1/devices/{device}/start-stream"), json!({})).await?;
        let stream = started["v2_stream_id"].as_str().context("a stream has an id")?.to_owned();
        Ok((device, stream))
    }

    /// What it last printed.
    pub(super) fn tail(&self) -> String {
        self.process.tail()
    }

    /// `vas-server recordings verify` on its folder: fails when anything is wrong.
    pub(super) async fn verify(&self) -> Result<String> {
        verify(self.data.path(), &self.settings).await
    }
}

async fn verify(data: &Path, settings: &Settings) -> Result<String> {
    let mut command = Command::new(built("vas-server")?);
    command
        .args(["recordings", "verify", "--json"])
        .arg("--data-dir")
        .arg(data)
        .envs(settings.iter().cloned());
    run("vas-server recordings verify", command, START).await
}
