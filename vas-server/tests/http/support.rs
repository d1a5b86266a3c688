//! A server on free ports, a camera, a client that checks what every answer must have, and the log.

use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};
use std::future::Future;
use std::io;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;
use tempfile::TempDir;
use tokio::time::{Instant, sleep};
use vas_core::Credentials;
use vas_ingest::camera::{CameraSource, SyntheticConfig, TestCamera, TestCameraConfig};
use vas_server::config::{AuthMode, Config, LogConfig, Sources};
use vas_server::{App, logging};

/// Longest wait for something that must happen.
pub(crate) const SOON: Duration = Duration::from_secs(20);

/// A running server with its files.
pub(crate) struct Server {
    app: Option<App>,
    config: Config,
    folder: TempDir,
    client: reqwest::Client,
}

/// The configuration of the tests: free ports, and cameras tried again quickly.
pub(crate) fn test_config(folder: &TempDir) -> Config {
    let mut config = Config { data_dir: folder.path().to_owned(), ..Config::default() };
    config.http.listen.set_port(0);
    config.auth.mode = AuthMode::Open;
    config.ingest.allow_hosts.push("127.0.0.0/8".to_owned());
    config.media.port = 0;
    config.media.threads = 1;
    config.ingest.connect_timeout_seconds = 2;
    config.ingest.backoff_max_seconds = 1;
    config
}

impl Server {
    pub(crate) async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    pub(crate) async fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        log();
        let folder = TempDir::with_prefix("vas-server-").unwrap();
        let mut config = test_config(&folder);
        change(&mut config);
        let app = Some(App::start(&config).await.unwrap());
        Self { app, config, folder, client: reqwest::Client::new() }
    }

    /// Stops the server and starts it again on the same database.
    pub(crate) async fn restart(&mut self) {
        self.stop().await;
        self.app = Some(App::start(&self.config).await.unwrap());
        assert!(self.folder.path().join("vas.db").exists());
    }

    /// The same with other settings from then on.
    pub(crate) async fn restart_with(&mut self, change: impl FnOnce(&mut Config)) {
        self.stop().await;
        change(&mut self.config);
        self.app = Some(App::start(&self.config).await.unwrap());
    }

    /// Has it follow changes of its settings, as one that was started with a file of them.
    pub(crate) fn follow(&self) {
        let file = self.folder.path().join("vas.toml");
        std::fs::write(&file, toml::to_string(&self.config).unwrap()).unwrap();
        let sources = Sources { file: Some(file), ..Sources::default() };
        let loaded = sources.load().unwrap();
        self.app.as_ref().expect("it runs").follow(sources, &loaded);
    }

    /// Where it listens.
    pub(crate) fn addresses(&self) -> &vas_server::Addresses {
        self.app.as_ref().expect("it runs").addresses()
    }

    /// Stops the server, in order and in time.
    pub(crate) async fn stop(&mut self) {
        assert!(self.app.take().expect("it runs").stop().await, "not everything ended in time");
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address())
    }

    pub(crate) fn address(&self) -> std::net::SocketAddr {
        self.app.as_ref().expect("it runs").addresses().http
    }

    /// Where the server keeps its files.
    pub(crate) fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.client.request(method, self.url(path))
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        Answer::of(self.request(Method::GET, path)).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        Answer::of(self.request(Method::DELETE, path)).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        Answer::of(self.request(Method::POST, path).json(body)).await
    }

    pub(crate) async fn put(&self, path: &str, body: &Value) -> Answer {
        Answer::of(self.request(Method::PUT, path).json(body)).await
    }

    /// A POST without a body.
    pub(crate) async fn call(&self, path: &str) -> Answer {
        Answer::of(self.request(Method::POST, path)).await
    }

    pub(crate) async fn whep(
        &self,
        stream: &str,
        content_type: &str,
        offer: impl Into<reqwest::Body>,
    ) -> Answer {
        let request = self.request(Method::POST, &format!("/v2/streams/{stream}/whep"));
        Answer::of(request.header("Content-Type", content_type).body(offer)).await
    }

    /// Adds a device and gives its id.
    pub(crate) async fn add(&self, name: &str, url: &str) -> String {
        let device = self.post("/api/v1/devices", &json!({ "name": name, "rtsp_url": url })).await;
        device.expect(StatusCode::CREATED)["id"].as_str().unwrap().to_owned()
    }

    /// Starts a device's stream and gives the stream's id.
    pub(crate) async fn start_stream(&self, device: &str) -> String {
        let started = self.call(&format!("/api/v1/devices/{device}/start-stream")).await;
        started.expect(StatusCode::OK)["v2_stream_id"].as_str().unwrap().to_owned()
    }

    /// Waits until a stream is in a state, and gives the stream.
    pub(crate) async fn until_state(&self, stream: &str, state: &str) -> Value {
        let path = format!("/v2/streams/{stream}");
        until(&format!("stream {state}"), async || {
            let stream = self.get(&path).await.expect(StatusCode::OK);
            (stream["state"] == state).then_some(stream)
        })
        .await
    }

    /// Waits until the history of a stream has a change for this reason: it is written behind the change itself.
    pub(crate) async fn until_reason(&self, stream: &str, code: &str) {
        let path = format!("/v2/streams/{stream}/transitions");
        until(&format!("the reason {code}"), async || {
            let history = self.get(&path).await.expect(StatusCode::OK);
            let changes = history["transitions"].as_array().unwrap();
            changes.iter().any(|change| change["reason"]["code"] == code).then_some(())
        })
        .await;
    }
}

/// An answer, with what every answer must have already checked.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) async fn of(request: reqwest::RequestBuilder) -> Self {
        let response: Response = request.send().await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        let answer = Self { status, headers, text: response.text().await.unwrap() };
        answer.check();
        answer
    }

    fn check(&self) {
        assert_eq!(self.header("x-content-type-options"), "nosniff");
        assert!(self.header("content-security-policy").contains("default-src 'none'"));
        assert!(!self.header("x-request-id").is_empty());
        // The one error whose body is no problem: a WHEP counter-offer.
        let is_offer =
            self.status == StatusCode::NOT_ACCEPTABLE && self.header("content-type") == "application/sdp";
        if !is_offer && (self.status.is_client_error() || self.status.is_server_error()) {
            assert_eq!(self.header("content-type"), "application/problem+json", "{self:?}");
            let problem = self.json();
            assert_eq!(problem["status"], self.status.as_u16());
            assert_eq!(problem["request_id"], self.header("x-request-id"));
            assert_eq!(problem["detail"], problem["error_description"]);
            for member in ["type", "title", "instance", "error", "error_description"] {
                assert!(problem[member].as_str().is_some_and(|text| !text.is_empty()), "{member}: {problem}");
            }
            assert!(problem.get("details").is_some());
        }
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The body of an answer with this status.
    #[track_caller]
    pub(crate) fn expect(&self, status: StatusCode) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        self.json()
    }

    /// The details of a problem with this status and code.
    #[track_caller]
    pub(crate) fn problem(&self, status: u16, code: &str) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        let problem = self.json();
        assert_eq!(problem["error"], code, "{problem}");
        problem["details"].clone()
    }
}

/// Waits until `check` gives something.
pub(crate) async fn until<T, F: Future<Output = Option<T>>>(what: &str, mut check: impl FnMut() -> F) -> T {
    let end = Instant::now() + SOON;
    loop {
        if let Some(value) = check().await {
            return value;
        }
        assert!(Instant::now() < end, "did not come: {what}");
        sleep(Duration::from_millis(20)).await;
    }
}

/// A camera with one small picture at the path `main`.
pub(crate) fn camera(credentials: Option<Credentials>) -> TestCamera {
    let mut config = TestCameraConfig::new("127.0.0.1:0".parse().unwrap());
    let picture =
        SyntheticConfig { width: 320, height: 192, keyframe_interval: 25, ..SyntheticConfig::default() };
    config.sources.push(("main".to_owned(), CameraSource::Synthetic(picture)));
    config.auth = credentials;
    TestCamera::start(config).unwrap()
}

/// The URL of a camera that nobody is at.
pub(crate) fn dead_camera() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    format!("rtsp://{}/main", listener.local_addr().unwrap())
}

/// Everything logged by this process, down to the finest level.
pub(crate) fn log() -> Log {
    static LOG: OnceLock<Log> = OnceLock::new();
    LOG.get_or_init(|| {
        let log = Log::default();
        let config = LogConfig { level: "trace".to_owned(), ..LogConfig::default() };
        let writer = log.clone();
        let subscriber = logging::subscriber(&config, move || writer.clone(), false).unwrap();
        tracing::subscriber::set_global_default(subscriber).unwrap();
        log
    })
    .clone()
}

#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
