//! Debian's PostgreSQL on a free port of 127.0.0.1, with its data in a folder that goes with it; and the database of the
//! server on it.

use crate::ports::free_tcp;
use crate::process::{Process, run};
use anyhow::{Context, Result, ensure};
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// It is ready within this, or has made its files.
const READY: Duration = Duration::from_secs(60);
/// With characters that mean something in a URL.
const PASSWORD: &str = "s3cret/pass@word";
const PASSWORD_IN_URL: &str = "s3cret%2Fpass%40word";

/// A running PostgreSQL; dropping it ends it.
#[derive(Debug)]
pub(crate) struct Postgres {
    process: Option<Process>,
    programs: PathBuf,
    port: u16,
    folder: TempDir,
}

impl Postgres {
    /// Makes a cluster and starts it.
    ///
    /// # Errors
    /// It is not installed (`make test` does that) or does not start.
    pub(crate) async fn start() -> Result<Self> {
        let folder = TempDir::new()?;
        let mut postgres = Self { process: None, programs: programs()?, port: free_tcp()?, folder };
        std::fs::write(postgres.path("password"), PASSWORD)?;
        std::fs::create_dir(postgres.path("data"))?;
        postgres.give_away().await?;
        let mut initdb = postgres.program("initdb");
        initdb.args(["--username=vas", "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync"]);
        initdb.arg(format!("--pwfile={}", postgres.path("password").display()));
        initdb.arg("--pgdata").arg(postgres.path("data"));
        run("initdb", initdb, READY).await?;
        postgres.resume().await?;
        Ok(postgres)
    }

    /// The URL of a database of this name, which is made.
    ///
    /// # Errors
    /// It is there already.
    pub(crate) async fn database(&self, name: &str) -> Result<String> {
        let mut createdb = Command::new(self.programs.join("createdb"));
        createdb.args(["--host=127.0.0.1", "--username=vas", "--no-password", name]);
        createdb.arg(format!("--port={}", self.port)).env("PGPASSWORD", PASSWORD);
        run("createdb", createdb, READY).await?;
        Ok(format!("postgres://vas:{PASSWORD_IN_URL}@127.0.0.1:{}/{name}", self.port))
    }

    /// Ends it in a moment: connections are cut, and what was committed stays.
    pub(crate) fn stop(&mut self) {
        if self.process.is_some() {
            let mut stop = self.program("pg_ctl");
            stop.args(["stop", "--mode=immediate", "--wait", "--silent"])
                .arg("--pgdata")
                .arg(self.path("data"));
            // What a child of it still does is over when this returns; where it fails, there is nothing to stop.
            let _ = stop.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
        }
        self.process = None;
    }

    /// Starts it again with the data it has.
    ///
    /// # Errors
    /// It does not start.
    pub(crate) async fn resume(&mut self) -> Result<()> {
        let mut postgres = self.program("postgres");
        // Nothing here is to survive the machine.
        for setting in ["fsync=off", "shared_buffers=16MB", "listen_addresses=127.0.0.1"] {
            postgres.args(["-c", setting]);
        }
        postgres.arg("-c").arg(format!("unix_socket_directories={}", self.folder.path().display()));
        postgres.arg("-p").arg(self.port.to_string()).arg("-D").arg(self.path("data"));
        let mut process = Process::spawn("postgres", postgres)?;
        let ready = |line: &str| line.contains("ready to accept connections").then_some(());
        process.wait_for_line(READY, "readiness", ready).await?;
        self.process = Some(process);
        Ok(())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A program of it. It refuses to run as root; its package brings a user to run as.
    fn program(&self, name: &str) -> Command {
        let program = self.programs.join(name);
        if !rustix::process::geteuid().is_root() {
            return Command::new(program);
        }
        let mut command = Command::new("setpriv");
        command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups", "--"]).arg(program);
        command.current_dir(self.folder.path());
        command
    }

    /// Makes the user it runs as the owner of its folder.
    async fn give_away(&self) -> Result<()> {
        std::fs::set_permissions(self.path("data"), Permissions::from_mode(0o700))?;
        if rustix::process::geteuid().is_root() {
            let mut chown = Command::new("chown");
            chown.args(["--recursive", "postgres:postgres"]).arg(self.folder.path());
            run("chown", chown, READY).await?;
        }
        Ok(())
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The folder of its programs: of the newest version, where there are several.
fn programs() -> Result<PathBuf> {
    let versions = Path::new("/usr/lib/postgresql");
    let newest = std::fs::read_dir(versions)
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok())
        .max()
        .context("PostgreSQL is missing; run `make test`, or install the package postgresql")?;
    let programs = versions.join(newest.to_string()).join("bin");
    ensure!(programs.join("initdb").exists(), "{} has no initdb", programs.display());
    Ok(programs)
}

mod tests {
    use super::*;
    use crate::wait::until;
    use std::error::Error;
    use vas_core::model::WallRange;
    use vas_core::ports::{IndexError, RecordingRepo};
    use vas_core::testing::{bookmark, recording, repo, snapshot};
    use vas_core::{DeviceId, WallTime};
    use vas_server::{Database, Keyring};

    #[tokio::test]
    async fn every_repository_works_on_postgresql() {
        let postgres = Postgres::start().await.unwrap();
        let open = async |name| {
            Database::connect(&postgres.database(name).await.unwrap(), Keyring::random()).await.unwrap()
        };
        let database = open("devices").await;
        repo::devices(&database.devices()).await;
        database.close().await;
        let database = open("streams").await;
        repo::streams(&database.devices(), &database.streams()).await;
        database.close().await;
        let database = open("recordings").await;
        recording::recordings(&database.recordings()).await;
        database.close().await;
        let database = open("bookmarks").await;
        bookmark::bookmarks(&database.devices(), &database.bookmarks()).await;
        database.close().await;
        let database = open("snapshots").await;
        snapshot::snapshots(&database.devices(), &database.snapshots()).await;
        assert!(database.is_up().await);
        database.close().await;
    }

    fn minute(device: DeviceId, n: i64) -> vas_core::model::Recording {
        let start = WallTime::from_unix_micros(n * 60_000_000);
        recording::recording(device, WallRange::new(start, start.add_micros(60_000_000)))
    }

    #[tokio::test]
    async fn a_restart_is_waited_out() {
        let mut postgres = Postgres::start().await.unwrap();
        let url = postgres.database("vas").await.unwrap();
        let database = Database::connect(&url, Keyring::random()).await.unwrap();
        let (index, device) = (database.recordings(), DeviceId::random());
        index.complete(&[minute(device, 0)]).await.unwrap();

        postgres.stop();
        assert!(!database.is_up().await);
        let waiting = tokio::join!(
            async { index.complete(&[minute(device, 1)]).await.map(|answers| answers.len()) },
            async { index.newest_end(device, 0).await.map(|end| end.is_some()) },
            postgres.resume(),
        );
        assert!(matches!(waiting, (Ok(1), Ok(true), Ok(()))), "{waiting:?}");
        until(Duration::from_secs(10), "an answer", async || database.is_up().await.then_some(()))
            .await
            .unwrap();

        // One that stays away is not waited for without end.
        postgres.stop();
        let away = index.complete(&[minute(device, 2)]).await;
        assert!(matches!(away, Err(IndexError::Store(_))), "{away:?}");
        postgres.resume().await.unwrap();
        index.complete(&[minute(device, 2)]).await.unwrap();
        assert_eq!(index.usage().await.unwrap()[0].files, 3);
    }

    /// Two nodes that want the same device at the same time: one of them has it.
    #[tokio::test]
    async fn writers_at_the_same_time_never_share_time() {
        let postgres = Postgres::start().await.unwrap();
        let url = postgres.database("vas").await.unwrap();
        let [one, other] = [
            Database::connect(&url, Keyring::random()).await.unwrap(),
            Database::connect(&url, Keyring::random()).await.unwrap(),
        ];
        let device = DeviceId::random();
        for n in 0..20 {
            let rows = [minute(device, n), minute(device, n)];
            let (first, second) = (one.recordings(), other.recordings());
            let (first, second) = tokio::join!(first.complete(&rows[..1]), second.complete(&rows[1..]));
            let stored = [first, second].map(|answers| answers.unwrap().remove(0).is_ok());
            assert_eq!(stored.iter().filter(|&&stored| stored).count(), 1, "round {n}");
        }
        assert_eq!(one.recordings().usage().await.unwrap()[0].files, 20);
    }

    #[tokio::test]
    async fn no_error_tells_the_password() {
        let postgres = Postgres::start().await.unwrap();
        let url = postgres.database("vas").await.unwrap();
        let wrong = [
            url.replace("/vas", "/nowhere"),
            url.replace("s3cret", "wr0ng-s3cret"),
            url.replace("vas:", "nobody:"),
            url.replace("127.0.0.1:", "127.0.0.1:x"),
            format!("{url}?sslmode=s3cret"),
            url.replace("postgres:", "postgre:"),
        ];
        for url in wrong {
            let error = Database::connect(&url, Keyring::random()).await.expect_err("the URL is wrong");
            let mut causes = vec![format!("{error} {error:?}")];
            let mut cause = error.source();
            while let Some(inner) = cause {
                causes.push(inner.to_string());
                cause = inner.source();
            }
            let told = causes.join("; ");
            for secret in ["s3cret", PASSWORD_IN_URL] {
                assert!(!told.contains(secret), "{told}");
            }
        }
    }
}
