//! The contract with existing clients, held against a running server by a client in Python (`tests/contract`), and the
//! API's own document, held against it by schemathesis.

use crate::ports;
use crate::process::{Process, built, run};
use crate::turn;
use crate::wait::until;
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;
use vas_ingest::camera::{CameraSource, SyntheticConfig, TestCamera, TestCameraConfig};

const START: Duration = Duration::from_secs(60);
/// Tests of the contract take seconds, on a busy machine minutes.
const SUITE: Duration = Duration::from_secs(600);
/// What schemathesis may spend, in seconds.
const BUDGET: u32 = 75;
const CLIENT: &str = "contract";
const SECRET: &str = "a-secret-of-the-contract-tests";
/// Faults are never documented; an answer is as the document says, its status and content type among it; what needs an
/// account can't be had without.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
                      response_schema_conformance,unsupported_method,ignored_auth";

/// A server process that asks who calls, and a camera.
struct Stage {
    server: Process,
    camera: TestCamera,
    url: String,
    data: TempDir,
}

impl Stage {
    async fn new() -> Result<Self> {
        let mut config = TestCameraConfig::new("127.0.0.1:0".parse()?);
        let picture =
            SyntheticConfig { width: 320, height: 192, keyframe_interval: 25, ..SyntheticConfig::default() };
        config.sources.push(("main".to_owned(), CameraSource::Synthetic(picture)));
        let camera = TestCamera::start(config)?;
        let (data, http) = (tempfile::tempdir()?, ports::free_tcp()?);
        let mut command = Command::new(built("vas-server")?);
        command
            .args(["serve", "--media-port", "0", "--http-listen", &format!("127.0.0.1:{http}")])
            .arg("--data-dir")
            .arg(data.path())
            .env("VAS_DEFAULT_CLIENT_ID", CLIENT)
            .env("VAS_DEFAULT_CLIENT_SECRET", SECRET)
            .env("VAS_INGEST_ALLOW_HOSTS", "127.0.0.0/8")
            .env("VAS_INGEST_BACKOFF_MAX_SECONDS", "1")
            .env("VAS_RECORDING_MODE", "continuous")
            .env("VAS_LIMITS_REQUESTS_PER_MINUTE", "0")
            .env("VAS_LIMITS_EXPENSIVE_PER_MINUTE", "0");
        let server = Process::spawn("vas-server", command)?;
        let stage = Self { server, camera, url: format!("http://127.0.0.1:{http}"), data };
        let ready = format!("{}/ready", stage.url);
        until(START, "a server that answers", async || {
            reqwest::get(&ready).await.ok()?.status().is_success().then_some(())
        })
        .await
        .with_context(|| stage.server.tail())?;
        Ok(stage)
    }

    fn camera_url(&self) -> String {
        self.camera.url("main")
    }

    /// A program of the environment that `scripts/setup.sh test` makes, in the folder of the tests.
    fn program(&self, name: &str) -> Result<Command> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("contract");
        // What it prints is shown when it fails, which a test's programs are for their standard error.
        let mut command = Command::new("sh");
        command
            .args(["-c", "exec \"$0\" \"$@\" >&2"])
            .arg(environment()?.join("bin").join(name))
            .current_dir(&folder)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("PYTHONPATH", &folder)
            .env("VAS_URL", &self.url)
            .env("VAS_CAMERA", self.camera_url())
            .env("VAS_CLIENT_ID", CLIENT)
            .env("VAS_CLIENT_SECRET", SECRET);
        Ok(command)
    }

    async fn post(&self, path: &str, token: Option<&str>, body: &Value) -> Result<Value> {
        let mut request = reqwest::Client::new().post(format!("{}{path}", self.url)).json(body);
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let response = request.send().await?;
        let status = response.status();
        let text = response.text().await?;
        ensure!(status.is_success(), "POST {path}: {status} {text}");
        Ok(serde_json::from_str(&text)?)
    }
}

/// Where `scripts/setup.sh` puts the Python packages: beside the profile's folder.
fn environment() -> Result<PathBuf> {
    let program = built("vas-server")?;
    let target = program.parent().and_then(Path::parent).context("a program lies in target/PROFILE")?;
    let folder = target.join("contract");
    ensure!(folder.exists(), "{} is missing; run `scripts/setup.sh test` first", folder.display());
    Ok(folder)
}

#[tokio::test(flavor = "multi_thread")]
async fn existing_clients_find_what_they_were_promised() -> Result<()> {
    let _turn = turn::shared().await;
    let stage = Stage::new().await?;
    let mut pytest = stage.program("python")?;
    pytest.args(["-m", "pytest", "--tb=short"]);
    run("pytest", pytest, SUITE).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_is_one_that_the_document_describes() -> Result<()> {
    let _turn = turn::shared().await;
    let stage = Stage::new().await?;
    let credentials = json!({ "client_id": CLIENT, "client_secret": SECRET });
    let token = stage.post("/v2/auth/token", None, &credentials).await?;
    let token = token["access_token"].as_str().context("a token")?.to_owned();
    // Something to find.
    let device = json!({ "name": "Gate", "rtsp_url": stage.camera_url() });
    let device = stage.post("/api/v1/devices", Some(&token), &device).await?;
    let device = device["id"].as_str().context("a device has an id")?;
    stage.post(&format!("/api/v1/devices/{device}/start-stream"), Some(&token), &json!({})).await?;
    let mut schemathesis = stage.program("st")?;
    schemathesis
        // It keeps files of its own where it is run.
        .current_dir(stage.data.path())
        .env("SCHEMATHESIS_HOOKS", "hooks")
        .args(["run", &format!("{}/openapi.json", stage.url)])
        .args(["--header", &format!("Authorization: Bearer {token}")])
        .args(["--phases", "examples,coverage,fuzzing", "--checks", CHECKS])
        .args(["--max-time", &BUDGET.to_string(), "--max-examples", "10", "--request-timeout", "30"])
        // One never ends; the other would end what the token came from.
        .args(["--exclude-path", "/v2/events", "--exclude-path", "/v2/auth/sessions"])
        .args(["--generation-database", "none", "--no-shrink", "--continue-on-failure"])
        .args(["--suppress-health-check", "all", "--warnings", "off"]);
    run("schemathesis", schemathesis, SUITE).await?;
    Ok(())
}
