//! Where `vas-server device` and `import` work: on a running server, over its API, or on the database where none runs.
//!
//! A running server holds in memory what runs, so what changes goes through it (`--server`); where none runs, the
//! database is all there is. Without `--server`, a change beside a running server is refused rather than half done.
//! Both ways take and give what the API takes and gives.

use anyhow::{Context, Result, bail};
use clap::Args;
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Map, Value};
use std::time::Duration;
use vas_core::Secret;
use vas_server::config::Config;
use vas_server::portable::Document;
use vas_server::registry::{Purpose, Registry};

/// Devices of one page.
const PAGE: usize = 1_000;
/// Longest wait for a server's answer.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Which server to talk to.
#[derive(Clone, Debug, Args)]
pub(crate) struct ServerOptions {
    /// A running server to work on; without it, the database of the configuration; also VAS_SERVER
    #[arg(long, value_name = "URL", env = "VAS_SERVER")]
    server: Option<String>,
    /// An access token for that server (POST /v2/auth/token); also VAS_TOKEN
    #[arg(long, value_name = "TOKEN", env = "VAS_TOKEN", hide_env_values = true, requires = "server")]
    token: Option<String>,
}

/// The devices, wherever they are.
#[derive(Debug)]
pub(crate) enum Backend {
    /// On the database.
    Database(Registry),
    /// On a server.
    Server(Client),
}

impl Backend {
    pub(crate) async fn open(config: &Config, options: &ServerOptions, purpose: Purpose) -> Result<Self> {
        match &options.server {
            Some(url) => Ok(Self::Server(Client::new(url, options.token.clone())?)),
            None => Ok(Self::Database(Registry::open(config, purpose).await?)),
        }
    }

    pub(crate) async fn close(self) {
        if let Self::Database(registry) = self {
            registry.close().await;
        }
    }

    pub(crate) async fn devices(&self) -> Result<Vec<Value>> {
        let client = match self {
            Self::Database(registry) => return Ok(registry.devices().await?),
            Self::Server(client) => client,
        };
        let mut devices = Vec::new();
        loop {
            let path = format!("api/v1/devices?skip={}&limit={PAGE}", devices.len());
            let Value::Array(page) = client.json(client.request(Method::GET, &path)?).await? else {
                bail!("the server's list of devices is none");
            };
            let is_last = page.len() < PAGE;
            devices.extend(page);
            if is_last {
                return Ok(devices);
            }
        }
    }

    /// The device that has this id or name.
    pub(crate) async fn device(&self, text: &str) -> Result<Value> {
        let devices = self.devices().await?;
        let found = devices.into_iter().find(|device| device["id"] == text || device["name"] == text);
        found.with_context(|| format!("there is no device {text:?}; give its id or its name"))
    }

    /// Adds devices, each by itself; the answer of `POST /api/v1/devices/bulk`.
    pub(crate) async fn add(&self, rows: &[Map<String, Value>], trial: bool) -> Result<Value> {
        match self {
            Self::Database(registry) => Ok(registry.add(rows, trial).await?),
            Self::Server(client) => {
                let path = format!("api/v1/devices/bulk?dry_run={trial}");
                client.json(client.request(Method::POST, &path)?.json(rows)).await
            }
        }
    }

    pub(crate) async fn delete(&self, id: &str) -> Result<()> {
        match self {
            Self::Database(registry) => Ok(registry.delete(registry.device(id).await?).await?),
            Self::Server(client) => {
                client.send(client.request(Method::DELETE, &format!("api/v1/devices/{id}"))?).await?;
                Ok(())
            }
        }
    }

    pub(crate) async fn set_running(&self, id: &str, running: bool) -> Result<()> {
        match self {
            Self::Database(registry) => Ok(registry.set_running(registry.device(id).await?, running).await?),
            Self::Server(client) => {
                let call = if running { "start-stream" } else { "stop-stream" };
                client.send(client.request(Method::POST, &format!("api/v1/devices/{id}/{call}"))?).await?;
                Ok(())
            }
        }
    }

    /// Whether changes take effect only when a server starts.
    pub(crate) const fn is_database(&self) -> bool {
        matches!(self, Self::Database(_))
    }

    pub(crate) async fn export(&self, passphrase: Option<&Secret>) -> Result<Document> {
        match self {
            Self::Database(registry) => Ok(registry.export(passphrase).await?),
            Self::Server(client) => {
                let path = format!("v2/export?secrets={}", passphrase.is_some());
                let mut request = client.request(Method::GET, &path)?;
                if let Some(passphrase) = passphrase {
                    request = request.header("X-Passphrase", passphrase.expose());
                }
                let document = client.json(request).await?;
                serde_json::from_value(document).context("the server's document can't be read")
            }
        }
    }
}

/// A running server.
#[derive(Debug)]
pub(crate) struct Client {
    base: reqwest::Url,
    token: Option<String>,
    http: reqwest::Client,
}

impl Client {
    fn new(url: &str, token: Option<String>) -> Result<Self> {
        let base = reqwest::Url::parse(&format!("{}/", url.trim_end_matches('/')))
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https"))
            .context("--server must be an address such as http://127.0.0.1:8080")?;
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let http =
            reqwest::Client::builder().timeout(TIMEOUT).build().context("can't make an HTTP client")?;
        Ok(Self { base, token, http })
    }

    fn request(&self, method: Method, path: &str) -> Result<RequestBuilder> {
        let request = self.http.request(method, self.base.join(path)?);
        Ok(match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        })
    }

    async fn json(&self, request: RequestBuilder) -> Result<Value> {
        serde_json::from_slice(&self.send(request).await?).context("the server's answer is no JSON")
    }

    async fn send(&self, request: RequestBuilder) -> Result<Vec<u8>> {
        let response = request.send().await.map_err(reqwest::Error::without_url);
        let response = response.with_context(|| format!("can't reach the server at {}", self.base))?;
        let status = response.status();
        let body = response.bytes().await.context("the server's answer was cut short")?.to_vec();
        if status.is_success() {
            return Ok(body);
        }
        let problem: Value = serde_json::from_slice(&body).unwrap_or_default();
        let why = problem["error_description"].as_str().unwrap_or("it gave no reason");
        match status {
            StatusCode::UNAUTHORIZED => {
                bail!("the server asks who you are; give --token or VAS_TOKEN ({why})")
            }
            status => bail!("the server refused with {}: {why}", status.as_u16()),
        }
    }
}
