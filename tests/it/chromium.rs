//! Debian's Chromium, headless, driven by playwright-core in a node process (`tests/browser/drive.mjs`).
//!
//! Every test launches a browser of its own (about a second), so that none sees another's pages or load.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{ChildStdin, ChildStdout, Command};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::sync::oneshot;

use crate::process::Process;
use crate::wait::until;

/// Time for one command; starting Chromium on a cold and busy machine is the longest of them.
const COMMAND: Duration = Duration::from_secs(60);
/// Time for the browser to close by itself, and remove its profile, before it is killed.
const GOODBYE: Duration = Duration::from_secs(5);

type Answer = Result<Value, String>;

/// A running browser; dropping it (and all its pages) closes it.
#[derive(Clone, Debug)]
pub(crate) struct Browser(Arc<Driver>);

impl Browser {
    /// Starts Chromium.
    ///
    /// # Errors
    /// Node, playwright-core or Chromium is missing (`make test` installs them) or does not start.
    pub(crate) async fn launch() -> Result<Self> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("browser");
        let mut node = Command::new("node");
        node.arg("drive.mjs").current_dir(folder);
        let (process, stdin, stdout) = Process::spawn_piped("chromium", node)?;
        let browser = Self(Arc::new(Driver::new(process, stdin, stdout)));
        browser.version().await?;
        Ok(browser)
    }

    /// The browser's version, such as "156.0.8078.79".
    ///
    /// # Errors
    /// The browser has gone.
    pub(crate) async fn version(&self) -> Result<String> {
        Ok(serde_json::from_value(self.0.ask(COMMAND, json!({"command": "version"})).await?)?)
    }

    /// Opens `url` in a page of 1280x720 and waits until it has loaded.
    ///
    /// # Errors
    /// The page cannot be loaded.
    pub(crate) async fn open(&self, url: &str) -> Result<Page> {
        let open = json!({"command": "open", "url": url, "width": 1280, "height": 720});
        let number = self.0.ask(COMMAND, open).await.with_context(|| format!("cannot open {url}"))?;
        Ok(Page { driver: Arc::clone(&self.0), number })
    }
}

/// A page of a [`Browser`].
#[derive(Clone, Debug)]
pub(crate) struct Page {
    driver: Arc<Driver>,
    number: Value,
}

impl Page {
    /// The value of a JavaScript expression; a promise is awaited.
    ///
    /// # Errors
    /// It throws, or its value is not a `T`.
    pub(crate) async fn eval<T: DeserializeOwned>(&self, js: &str) -> Result<T> {
        let value = self.ask(COMMAND, json!({"command": "eval", "js": js})).await?;
        serde_json::from_value(value.clone()).with_context(|| format!("{js} gave {value}"))
    }

    /// Waits until a JavaScript expression is true (in the way of `if`), and returns its value. The page is asked
    /// again and again from outside, as its own Content Security Policy may forbid it to evaluate strings.
    ///
    /// # Errors
    /// It throws, or is not true within `deadline`.
    pub(crate) async fn wait_for(&self, js: &str, deadline: Duration) -> Result<Value> {
        let value = until(deadline, js, async || match self.eval::<Value>(js).await {
            Ok(Value::Null | Value::Bool(false)) => None,
            Ok(Value::Number(zero)) if zero.as_f64() == Some(0.0) => None,
            Ok(Value::String(empty)) if empty.is_empty() => None,
            Ok(value) => Some(Ok(value)),
            Err(error) => Some(Err(error)),
        });
        value.await.flatten().with_context(|| format!("waited in vain for: {js}"))
    }

    /// Writes what the page shows to a PNG file.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(crate) async fn screenshot(&self, path: &Path) -> Result<()> {
        self.ask(COMMAND, json!({"command": "screenshot", "path": path})).await.map(drop)
    }

    /// Resizes the page, in CSS pixels.
    ///
    /// # Errors
    /// The page has gone.
    pub(crate) async fn set_viewport(&self, width: u32, height: u32) -> Result<()> {
        self.ask(COMMAND, json!({"command": "viewport", "width": width, "height": height})).await.map(drop)
    }

    /// What the page has printed to its console as an error or thrown and not caught, since it was opened.
    ///
    /// # Errors
    /// The page has gone.
    pub(crate) async fn console_errors(&self) -> Result<Vec<String>> {
        Ok(serde_json::from_value(self.ask(COMMAND, json!({"command": "errors"})).await?)?)
    }

    /// Closes the page, as a viewer closes a tab.
    ///
    /// # Errors
    /// It has gone already.
    pub(crate) async fn close(self) -> Result<()> {
        self.ask(COMMAND, json!({"command": "close"})).await.map(drop)
    }

    async fn ask(&self, deadline: Duration, mut request: Value) -> Result<Value> {
        request["page"] = self.number.clone();
        self.driver.ask(deadline, request).await
    }
}

/// The node process, and who waits for which of its answers.
#[derive(Debug)]
struct Driver {
    process: Mutex<Process>,
    stdin: Mutex<Option<ChildStdin>>,
    pending: Arc<Mutex<Pending>>,
    last_id: AtomicU64,
}

#[derive(Debug, Default)]
struct Pending {
    waiting: HashMap<u64, oneshot::Sender<Answer>>,
    /// The driver's output has ended: no answer will come any more.
    ended: bool,
}

impl Driver {
    fn new(process: Process, stdin: ChildStdin, stdout: ChildStdout) -> Self {
        let pending = Arc::new(Mutex::new(Pending::default()));
        let answers = Arc::clone(&pending);
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                deliver(&answers, &line);
            }
            let mut answers = lock(&answers);
            answers.ended = true;
            answers.waiting.clear();
        });
        Self {
            process: Mutex::new(process),
            stdin: Mutex::new(Some(stdin)),
            pending,
            last_id: AtomicU64::new(0),
        }
    }

    /// Sends a command and waits for its answer.
    async fn ask(&self, deadline: Duration, mut request: Value) -> Result<Value> {
        let id = self.last_id.fetch_add(1, Ordering::Relaxed);
        let (sender, receiver) = oneshot::channel();
        {
            let mut pending = lock(&self.pending);
            if pending.ended {
                bail!("the browser has ended\n{}", self.tail());
            }
            pending.waiting.insert(id, sender);
        }
        request["id"] = id.into();
        self.send(&request)?;
        match tokio::time::timeout(deadline, receiver).await {
            Ok(Ok(answer)) => answer.map_err(|error| anyhow!(error)),
            Ok(Err(_)) => bail!("the browser ended\n{}", self.tail()),
            Err(_) => bail!("the browser did not answer {}\n{}", request["command"], self.tail()),
        }
    }

    fn send(&self, request: &Value) -> Result<()> {
        let mut stdin = lock(&self.stdin);
        let pipe = stdin.as_mut().context("the browser is closed")?;
        writeln!(pipe, "{request}").with_context(|| format!("the browser ended\n{}", self.tail()))
    }

    fn tail(&self) -> String {
        lock(&self.process).tail()
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // Its input ends, so it closes the browser; the end of its output shows that it has.
        lock(&self.stdin).take();
        let end = Instant::now() + GOODBYE;
        while !lock(&self.pending).ended && Instant::now() < end {
            thread::sleep(Duration::from_millis(5));
        }
        lock(&self.process).kill();
    }
}

fn deliver(pending: &Mutex<Pending>, line: &str) {
    let Ok(mut reply) = serde_json::from_str::<Value>(line) else { return };
    let Some(sender) = reply["id"].as_u64().and_then(|id| lock(pending).waiting.remove(&id)) else { return };
    let answer = match reply["error"].as_str() {
        Some(error) => Err(error.to_owned()),
        None => Ok(reply["value"].take()),
    };
    // Whoever asked may have given up.
    let _ = sender.send(answer);
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::MediaDir;

    const SOON: Duration = Duration::from_secs(20);

    #[tokio::test]
    async fn evaluates_waits_and_resizes() {
        let browser = Browser::launch().await.unwrap();
        let page = browser.open("data:text/html,<h1 id=title>VAS</h1>").await.unwrap();
        assert_eq!(page.eval::<String>("document.getElementById('title').textContent").await.unwrap(), "VAS");
        assert_eq!(page.eval::<u32>("Promise.resolve(41).then((x) => x + 1)").await.unwrap(), 42);
        let thrown = page.eval::<Value>("(() => { throw new Error('on purpose'); })()").await.unwrap_err();
        assert!(thrown.to_string().contains("on purpose"), "{thrown}");

        page.eval::<Value>("void setTimeout(() => { window.late = 'here'; }, 100)").await.unwrap();
        assert_eq!(page.wait_for("window.late", SOON).await.unwrap(), "here");
        page.wait_for("window.never", Duration::from_millis(100)).await.unwrap_err();

        page.set_viewport(320, 200).await.unwrap();
        assert_eq!(page.eval::<[u32; 2]>("[innerWidth, innerHeight]").await.unwrap(), [320, 200]);
        let media = MediaDir::new().unwrap();
        page.screenshot(&media.path("page.png")).await.unwrap();
        let png = std::fs::read(media.path("page.png")).unwrap();
        assert_eq!((&png[1..4], &png[16..24]), (&b"PNG"[..], &[0, 0, 1, 64, 0, 0, 0, 200][..]));
    }

    #[tokio::test]
    async fn collects_errors_of_each_page() {
        let browser = Browser::launch().await.unwrap();
        let script =
            "<script>console.error('printed'); console.log('fine'); throw new Error('thrown')</script>";
        let bad = browser.open(&format!("data:text/html,{script}")).await.unwrap();
        let good = browser.open("about:blank").await.unwrap();
        let errors = bad.console_errors().await.unwrap();
        assert_eq!(errors.len(), 2, "{errors:?}");
        assert!(errors[0].contains("printed") && errors[1].contains("thrown"), "{errors:?}");
        assert!(good.console_errors().await.unwrap().is_empty());

        bad.clone().close().await.unwrap();
        bad.eval::<Value>("1").await.unwrap_err();
        good.eval::<Value>("1").await.unwrap();
    }

    #[tokio::test]
    async fn leaves_nothing_running() {
        let browser = Browser::launch().await.unwrap();
        let node = lock(&browser.0.process).id();
        let children = format!("/proc/{node}/task/{node}/children");
        let chromium = std::fs::read_to_string(children).unwrap().trim().to_owned();
        assert!(Path::new("/proc").join(&chromium).exists(), "chromium is no child of node: {chromium:?}");
        drop(browser);
        assert!(!Path::new("/proc").join(&chromium).exists(), "chromium still runs");
    }
}
