//! The program in a folder of its own, to its end or as a server.

use reqwest::{Method, StatusCode};
use serde_json::Value;
use std::fmt;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

/// Longest wait for something that must happen.
pub(crate) const SOON: Duration = Duration::from_secs(30);

/// A folder with its settings.
pub(crate) struct Site {
    folder: TempDir,
    variables: Vec<(&'static str, String)>,
}

/// What the program said.
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl fmt::Debug for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "exit code {}\n{}\n{}", self.code, self.out, self.err)
    }
}

impl Said {
    /// What it printed, where it ended with this code.
    #[track_caller]
    pub(crate) fn expect(&self, code: i32) -> &str {
        assert_eq!(self.code, code, "{self:?}");
        &self.out
    }

    /// The same as JSON.
    #[track_caller]
    pub(crate) fn json(&self, code: i32) -> Value {
        serde_json::from_str(self.expect(code)).unwrap()
    }

    /// Whether it said all of these, wherever.
    #[track_caller]
    pub(crate) fn says(&self, parts: &[&str]) {
        for part in parts {
            assert!(self.out.contains(part) || self.err.contains(part), "{part}: {self:?}");
        }
    }
}

impl Site {
    pub(crate) fn new() -> Self {
        let folder = TempDir::with_prefix("vas-cli-").unwrap();
        let variables = vec![
            ("VAS_DATA_DIR", folder.path().join("data").display().to_string()),
            ("VAS_HTTP_LISTEN", "127.0.0.1:0".to_owned()),
            ("VAS_MEDIA_PORT", "0".to_owned()),
            ("VAS_MEDIA_THREADS", "1".to_owned()),
            ("VAS_AUTH_MODE", "open".to_owned()),
            ("VAS_INGEST_ALLOW_HOSTS", "127.0.0.0/8,192.0.2.0/24".to_owned()),
            ("VAS_RECORDING_MODE", "off".to_owned()),
            ("VAS_LIMITS_REQUESTS_PER_MINUTE", "0".to_owned()),
            ("VAS_LIMITS_ADDRESS_REQUESTS_PER_MINUTE", "0".to_owned()),
            ("VAS_LIMITS_EXPENSIVE_PER_MINUTE", "0".to_owned()),
        ];
        Self { folder, variables }
    }

    /// A variable of the program's environment; it replaces one of the same name.
    pub(crate) fn set(&mut self, name: &'static str, value: &str) {
        self.variables.retain(|(known, _)| *known != name);
        self.variables.push((name, value.to_owned()));
    }

    pub(crate) fn unset(&mut self, name: &str) {
        self.variables.retain(|(known, _)| *known != name);
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file; gives its path.
    pub(crate) fn write(&self, name: &str, text: &str) -> String {
        std::fs::write(self.path(name), text).unwrap();
        self.path(name).display().to_string()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_vas-server"));
        command.args(arguments).env_clear().envs(self.variables.iter().map(|(name, value)| (name, value)));
        command.current_dir(self.folder.path()).stdin(Stdio::piped());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs the program to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Said {
        self.run_with(arguments, "")
    }

    /// The same with something on standard input.
    pub(crate) fn run_with(&self, arguments: &[&str], input: &str) -> Said {
        let mut child = self.command(arguments).spawn().unwrap();
        // One that asks nothing has gone before it is told.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        let output = child.wait_with_output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Said { code: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) }
    }

    /// Starts a server and waits until it answers.
    pub(crate) async fn serve(&self, arguments: &[&str]) -> Serving {
        let log = self.path("server.log");
        let file = std::fs::OpenOptions::new().create(true).append(true).open(&log).unwrap();
        let address = self.path("data/server.lock");
        let _ = std::fs::remove_file(&address);
        let mut command = self.command(arguments);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(file).spawn().unwrap();
        let mut serving = Serving { child, base: String::new(), http: reqwest::Client::new(), log };
        let end = Instant::now() + SOON;
        loop {
            serving.base = std::fs::read_to_string(&address).unwrap_or_default();
            let up = serving.base.ends_with('/') && serving.call(Method::GET, "ready", None).await.is_ok();
            if up {
                return serving;
            }
            assert!(Instant::now() < end && serving.child.try_wait().unwrap().is_none(), "{}", serving.log());
            sleep(Duration::from_millis(20)).await;
        }
    }
}

/// A running server. Killed when dropped.
pub(crate) struct Serving {
    child: Child,
    base: String,
    http: reqwest::Client,
    log: PathBuf,
}

impl Serving {
    pub(crate) fn base(&self) -> &str {
        self.base.trim_end_matches('/')
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it logged.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(Path::new(&self.log)).unwrap_or_default()
    }

    pub(crate) async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> reqwest::Result<(StatusCode, Value)> {
        let request = self.http.request(method, format!("{}{path}", self.base));
        let request = match body {
            Some(body) => request.json(body),
            None => request,
        };
        let response = request.send().await?;
        let status = response.status();
        let bytes = response.bytes().await?;
        Ok((status, serde_json::from_slice(&bytes).unwrap_or_default()))
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        let (status, body) = self.call(Method::GET, path, None).await.unwrap();
        assert_eq!(status, StatusCode::OK, "{path}: {body}");
        body
    }

    /// Kills it as `kill -9` does.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
