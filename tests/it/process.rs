//! Child processes that cannot outlive their test.
//!
//! Each child leads a process group of its own, which is killed when the guard is dropped. Its standard input
//! is a pipe that nobody writes to unless asked: programs of this harness end when it closes, so they also go
//! when the test process itself is killed.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail, ensure};
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout, timeout_at};

/// Lines of output kept of a child: enough to see what went wrong.
const KEPT_LINES: usize = 400;
/// Characters kept of a line.
const KEPT_CHARS: usize = 4096;

/// Time to read what an ended child has left in its pipes.
const DRAIN: Duration = Duration::from_secs(1);

/// A running (or killed) child process; dropping it kills the child and everything the child started.
#[derive(Debug)]
pub(crate) struct Process {
    name: String,
    command: Command,
    child: Child,
    /// Whether the child's end has been collected, so that its id may already be another's.
    reaped: bool,
    output: Output,
}

impl Process {
    /// Starts `command` with its standard output and error captured line by line.
    ///
    /// # Errors
    /// The program cannot be started.
    pub(crate) fn spawn(name: &str, command: Command) -> Result<Self> {
        let mut process = Self::start(name, command)?;
        process.capture_stdout();
        process.capture_stderr();
        Ok(process)
    }

    /// Like [`spawn`](Self::spawn), but hands standard input and output to the caller; only standard error is
    /// captured. For children spoken to over a protocol.
    ///
    /// # Errors
    /// The program cannot be started.
    pub(crate) fn spawn_piped(name: &str, command: Command) -> Result<(Self, ChildStdin, ChildStdout)> {
        let mut process = Self::start(name, command)?;
        let stdin = process.child.stdin.take().context("standard input was not piped")?;
        let stdout = process.child.stdout.take().context("standard output was not piped")?;
        process.capture_stderr();
        Ok((process, stdin, stdout))
    }

    /// The process id of the child, which is also its process group's.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until some line of output, already printed or yet to come, satisfies `find`.
    ///
    /// # Errors
    /// No such line came within `deadline`, or the child ended without one; the message ends with the child's
    /// last lines.
    pub(crate) async fn wait_for_line<T>(
        &mut self,
        deadline: Duration,
        what: &str,
        find: impl Fn(&str) -> Option<T>,
    ) -> Result<T> {
        let end = Instant::now() + deadline;
        let mut printed = self.output.printed.subscribe();
        loop {
            let seen = *printed.borrow_and_update();
            if let Some(found) = self.output.lines().iter().find_map(|line| find(line)) {
                return Ok(found);
            }
            if seen.open == 0 {
                let status = self.wait(end.saturating_duration_since(Instant::now())).await?;
                bail!("{} ended ({status}) before: {what}\n{}", self.name, self.tail());
            }
            if timeout_at(end, printed.changed()).await.is_err() {
                bail!("{} did not come to: {what}\n{}", self.name, self.tail());
            }
        }
    }

    /// Waits until the child has ended by itself.
    ///
    /// # Errors
    /// It still runs after `deadline`.
    pub(crate) async fn wait(&mut self, deadline: Duration) -> Result<ExitStatus> {
        let end = Instant::now() + deadline;
        while Instant::now() < end {
            if let Some(status) = self.child.try_wait()? {
                self.reaped = true;
                self.drained().await;
                return Ok(status);
            }
            sleep(Duration::from_millis(10)).await;
        }
        bail!("{} still runs\n{}", self.name, self.tail())
    }

    /// Waits until all that an ended child has printed is captured. What it started may hold its pipes open for
    /// longer, and is not waited for.
    async fn drained(&self) {
        let mut printed = self.output.printed.subscribe();
        let _ = timeout(DRAIN, printed.wait_for(|state| state.open == 0)).await;
    }

    /// Kills the child and its process group (SIGKILL) and reaps it; harmless when it has ended.
    pub(crate) fn kill(&mut self) {
        if !self.reaped {
            // Until it is reaped its id cannot belong to anybody else. It may have ended, and what it started
            // may have, too: neither call has anything to report then.
            let _ = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
            let _ = self.child.wait();
            self.reaped = true;
        }
    }

    /// Kills the child and starts the same command again; its earlier output is forgotten.
    ///
    /// # Errors
    /// The program cannot be started.
    pub(crate) fn restart(&mut self) -> Result<()> {
        self.kill();
        self.output = Output::default();
        self.child = start(&self.name, &mut self.command)?;
        self.reaped = false;
        self.capture_stdout();
        self.capture_stderr();
        Ok(())
    }

    /// The child's last lines, for a failure message.
    pub(crate) fn tail(&self) -> String {
        let lines = self.output.lines();
        let skipped = lines.len().saturating_sub(40);
        lines.iter().skip(skipped).map(|line| format!("  {}| {line}\n", self.name)).collect()
    }

    fn start(name: &str, mut command: Command) -> Result<Self> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        let child = start(name, &mut command)?;
        Ok(Self { name: name.to_owned(), command, child, reaped: false, output: Output::default() })
    }

    fn capture_stdout(&mut self) {
        if let Some(stdout) = self.child.stdout.take() {
            self.output.read_from(stdout);
        }
    }

    fn capture_stderr(&mut self) {
        if let Some(stderr) = self.child.stderr.take() {
            self.output.read_from(stderr);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Runs `command` to its end and returns what it printed to standard output.
///
/// # Errors
/// It cannot be started, fails, or runs longer than `deadline`; the message ends with its standard error.
pub(crate) async fn run(name: &str, command: Command, deadline: Duration) -> Result<String> {
    let (mut process, stdin, mut stdout) = Process::spawn_piped(name, command)?;
    drop(stdin);
    let reader = thread::spawn(move || {
        let mut text = Vec::new();
        stdout.read_to_end(&mut text).map(|_| text)
    });
    let status = process.wait(deadline).await?;
    let text = reader.join().map_err(|_| anyhow!("the reader of {name} panicked"))??;
    if !status.success() {
        bail!("{name} failed ({status})\n{}", process.tail());
    }
    Ok(String::from_utf8_lossy(&text).into_owned())
}

fn start(name: &str, command: &mut Command) -> Result<Child> {
    command.spawn().with_context(|| format!("cannot start {name} ({:?})", command.get_program()))
}

/// What a child has printed: its last lines, and a counter to wait on.
#[derive(Debug)]
struct Output {
    lines: Arc<Mutex<VecDeque<String>>>,
    printed: watch::Sender<Printed>,
}

/// How much a child has printed, and how many of its output pipes are still open.
#[derive(Clone, Copy, Debug, Default)]
struct Printed {
    lines: u64,
    open: u8,
}

impl Default for Output {
    fn default() -> Self {
        Self { lines: Arc::default(), printed: watch::Sender::new(Printed::default()) }
    }
}

impl Output {
    fn lines(&self) -> MutexGuard<'_, VecDeque<String>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Collects the lines of `pipe` in a thread that ends with the pipe.
    fn read_from(&self, pipe: impl Read + Send + 'static) {
        let (lines, printed) = (Arc::clone(&self.lines), self.printed.clone());
        printed.send_modify(|state| state.open += 1);
        thread::spawn(move || {
            let mut reader = BufReader::new(pipe);
            let mut line = Vec::new();
            while reader.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
                let text = String::from_utf8_lossy(&line).trim_end().chars().take(KEPT_CHARS).collect();
                let mut kept = lines.lock().unwrap_or_else(PoisonError::into_inner);
                if kept.len() == KEPT_LINES {
                    kept.pop_front();
                }
                kept.push_back(text);
                drop(kept);
                printed.send_modify(|state| state.lines += 1);
                line.clear();
            }
            printed.send_modify(|state| state.open -= 1);
        });
    }
}

/// A program of the workspace, which `make test` builds before the tests.
pub(crate) fn built(path: &str) -> Result<PathBuf> {
    let test = std::env::current_exe()?;
    let folder =
        test.parent().and_then(|deps| deps.parent()).context("a test lies in target/PROFILE/deps")?;
    let program = folder.join(path);
    ensure!(
        program.exists(),
        "{} is missing; run `make test`, or `cargo build --workspace --bins --examples` first",
        program.display()
    );
    Ok(program)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wait::until;

    const SOON: Duration = Duration::from_secs(10);

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    fn number(line: &str) -> Option<i32> {
        line.parse().ok()
    }

    fn runs(pid: i32) -> bool {
        // A killed grandchild may stay a zombie until init reaps it; it runs no longer.
        std::fs::read_to_string(format!("/proc/{pid}/stat"))
            .is_ok_and(|stat| !stat.rsplit(')').next().unwrap_or_default().trim_start().starts_with('Z'))
    }

    #[tokio::test]
    async fn drop_kills_what_the_child_started() {
        let mut process = Process::spawn("shell", shell("sleep 600 & echo $!; wait")).unwrap();
        let grandchild = process.wait_for_line(SOON, "the grandchild's id", number).await.unwrap();
        assert!(runs(grandchild));
        drop(process);
        until(SOON, "the grandchild's end", async || (!runs(grandchild)).then_some(())).await.unwrap();
    }

    #[tokio::test]
    async fn restart_runs_the_same_command_again() {
        let mut process = Process::spawn("shell", shell("echo $$; exec sleep 600")).unwrap();
        let first = process.wait_for_line(SOON, "a process id", number).await.unwrap();
        process.restart().unwrap();
        let second = process.wait_for_line(SOON, "a process id", number).await.unwrap();
        assert_ne!(first, second);
        assert_eq!(u32::try_from(second).unwrap(), process.id());
        assert!(!runs(first));
    }

    #[tokio::test]
    async fn a_child_that_ends_shows_its_last_words() {
        let mut process = Process::spawn("shell", shell("echo last words >&2; exit 3")).unwrap();
        let error = process.wait_for_line(SOON, "something else", number).await.unwrap_err().to_string();
        assert!(error.contains("last words") && error.contains("exit status: 3"), "{error}");
    }

    #[tokio::test]
    async fn output_is_bounded() {
        let mut process = Process::spawn("shell", shell("seq 1 5000; echo end")).unwrap();
        process.wait_for_line(SOON, "the end", |line| (line == "end").then_some(())).await.unwrap();
        assert_eq!(process.output.lines().len(), KEPT_LINES);
        assert_eq!(process.output.printed.borrow().lines, 5001);
    }

    #[tokio::test]
    async fn run_returns_the_output_or_the_error() {
        assert_eq!(run("echo", shell("echo hello"), SOON).await.unwrap(), "hello\n");
        let error = run("false", shell("echo because >&2; false"), SOON).await.unwrap_err().to_string();
        assert!(error.contains("because"), "{error}");
        run("sleep", shell("sleep 600"), Duration::from_millis(50)).await.unwrap_err();
    }
}
