//! A database, a store or a disk that goes away and comes back: live viewing goes on, memory stays bounded, recording goes
//! on within ten seconds, what is missing is in the index, and nothing that was stored is lost.

#[path = "../../../vas-record/tests/store/moto.rs"]
mod moto;
#[expect(dead_code, reason = "the tests of the store use all of it")]
#[path = "../../../vas-record/tests/store/proxy.rs"]
mod proxy;

use super::killed::now;
use super::node::{Node, Settings};
use super::watching::Watching;
use super::{SOON, judge, rfc3339, stretches_of};
use crate::live::synthetic;
use crate::postgres::Postgres;
use crate::turn;
use crate::wait::until;
use anyhow::{Context, Result, ensure};
use moto::{BUCKET, Moto};
use proxy::{Proxy, Weather};
use std::fs::File;
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use vas_ingest::camera::{CameraSource, SyntheticConfig, TestCamera, TestCameraConfig};

/// How long what goes away stays away, in the short and in the long form.
const SHORT: Duration = Duration::from_secs(20);
const LONG: Duration = Duration::from_secs(240);
/// Recording goes on within this, in microseconds, and what a busy machine adds.
const RESUMED: i64 = 10_000_000 + 2_000_000;
/// KiB that a server may take beyond what it took before: its streams' rings, and what waits for a disk, are bounded.
const GROWTH: u64 = 160 << 10;

/// A server that records and serves one camera to one viewer.
struct Scene {
    node: Node,
    stream: String,
    watching: Watching,
    memory: u64,
    _camera: TestCamera,
}

impl Scene {
    /// The server with these settings, once some seconds are recorded.
    async fn start(settings: Settings) -> Result<Self> {
        let quiet = SyntheticConfig { bitrate: 200_000, keyframe_interval: 25, ..SyntheticConfig::default() };
        Self::start_of(settings, CameraSource::Synthetic(quiet)).await
    }

    async fn start_of(mut settings: Settings, source: CameraSource) -> Result<Self> {
        let mut config = TestCameraConfig::new(SocketAddr::from(([127, 0, 0, 1], 0)));
        config.sources.push(("cam".to_owned(), source));
        let camera = TestCamera::start(config)?;
        settings.push(("VAS_RECORDING_FILE_SECONDS", "4".to_owned()));
        let node = Node::start_with(settings).await?;
        let (_, stream) = node.add("camera", &camera.url("cam")).await?;
        let watching = Watching::start(&node, &stream).await?;
        let scene = Self { memory: node.memory()?, node, stream, watching, _camera: camera };
        scene.recorded(now()? + 5_000_000).await?;
        Ok(scene)
    }

    /// The recorded stretches.
    async fn stretches(&self) -> Result<Vec<(i64, i64)>> {
        stretches_of(&self.node.get(&format!("v2/streams/{}/recordings", self.stream)).await?)
    }

    /// Waits until something is recorded that was captured after `time`.
    async fn recorded(&self, time: i64) -> Result<Vec<(i64, i64)>> {
        until(SOON + SHORT, "a recording that goes on", async || {
            let all = self.stretches().await.ok()?;
            (all.last()?.1 > time).then_some(all)
        })
        .await
        .with_context(|| self.node.tail())
    }

    /// Makes sure that recording goes on soon after `back`, when all was well again; gives what is recorded, some seconds
    /// later.
    async fn goes_on_after(&self, back: i64) -> Result<Vec<(i64, i64)>> {
        let all = self.recorded(back + 5_000_000).await?;
        let begin = all.iter().find(|(_, end)| *end > back).context("nothing after it")?.0;
        let late = (begin - back).max(0);
        let grown = self.node.memory()?.saturating_sub(self.memory);
        println!("recording went on {} ms after; memory grew by {grown} KiB", late / 1_000);
        ensure!(late <= RESUMED, "recording went on {} ms after all was well", late / 1_000);
        ensure!(grown <= GROWTH, "memory grew by {grown} KiB");
        Ok(all)
    }

    /// All that is in the index fits its files, and plays.
    async fn is_sound(&self, all: &[(i64, i64)]) -> Result<()> {
        println!("{}", self.node.verify().await.context("recordings verify")?);
        let (first, last) = (all.first().context("ranges")?.0, all.last().context("ranges")?.1);
        let query = format!("start={}&end={}", rfc3339(first), rfc3339(last));
        judge::decodes(&format!("{}/v2/streams/{}/playback.m3u8?{query}", self.node.page, self.stream)).await
    }
}

async fn postgres_goes_away(outage: Duration) -> Result<()> {
    let _turn = turn::alone().await;
    let mut postgres = Postgres::start().await?;
    let scene = Scene::start(vec![("VAS_DATABASE_URL", postgres.database("vas").await?)]).await?;
    let back = scene
        .watching
        .during(async {
            postgres.stop();
            tokio::time::sleep(outage).await;
            postgres.resume().await?;
            now()
        })
        .await?;
    let all = scene.watching.during(scene.goes_on_after(back)).await?;
    // Files wait in the spool until the database is there: nothing is missing.
    ensure!(all.len() == 1, "there is a gap: {all:?}");
    scene.is_sound(&all).await
}

#[tokio::test(flavor = "multi_thread")]
async fn postgresql_is_restarted() -> Result<()> {
    postgres_goes_away(Duration::from_secs(8)).await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "the long form of the test above"]
async fn postgresql_is_away_for_minutes() -> Result<()> {
    postgres_goes_away(LONG).await
}

async fn s3_goes_away(outage: Duration) -> Result<()> {
    let _turn = turn::alone().await;
    let moto = Moto::start().await;
    let proxy = Proxy::start(moto.address()).await;
    let scene = Scene::start(vec![
        ("VAS_RECORDING_STORE", "s3".to_owned()),
        ("VAS_RECORDING_S3_URL", format!("s3://{BUCKET}/site")),
        ("VAS_RECORDING_S3_ENDPOINT", proxy.url()),
        ("VAS_RECORDING_S3_ALLOW_HTTP", "true".to_owned()),
        ("VAS_RECORDING_S3_REGION", "us-east-1".to_owned()),
        ("VAS_RECORDING_S3_ACCESS_KEY", "test".to_owned()),
        ("VAS_RECORDING_S3_SECRET_KEY", "test".to_owned()),
    ])
    .await?;
    let back = scene
        .watching
        .during(async {
            proxy.set(Weather::Down);
            tokio::time::sleep(outage).await;
            proxy.set(Weather::Fine);
            now()
        })
        .await?;
    let all = scene.watching.during(scene.goes_on_after(back)).await?;
    // Files wait in the spool until the store is there: nothing is missing, and all of it gets there.
    ensure!(all.len() == 1, "there is a gap: {all:?}");
    let spool = scene.node.data.path().join("recordings/.spool");
    until(SOON, "an empty spool", async || (files_in(&spool)? <= 2).then_some(())).await?;
    scene.is_sound(&all).await
}

fn files_in(folder: &Path) -> Option<usize> {
    Some(std::fs::read_dir(folder).ok()?.count())
}

#[tokio::test(flavor = "multi_thread")]
async fn s3_is_away_for_a_while() -> Result<()> {
    s3_goes_away(SHORT).await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "the long form of the test above"]
async fn s3_is_away_for_minutes() -> Result<()> {
    s3_goes_away(LONG).await
}

/// A file system that is mounted; `None`, with a loud message, where that may not be.
struct Mount(PathBuf);

impl Mount {
    fn new(arguments: &[&str], at: &Path) -> Option<Self> {
        let mounted = Command::new("mount").args(arguments).arg(at).output();
        match mounted {
            Ok(output) if output.status.success() => Some(Self(at.to_owned())),
            other => {
                println!("SKIPPED: a file system can't be mounted here, which takes root: {other:?}");
                None
            }
        }
    }
}

impl Mount {
    /// Whether it could be done.
    fn remount(&self, options: &str) -> bool {
        let done = Command::new("mount").args(["-o", &format!("remount,{options}")]).arg(&self.0).output();
        done.is_ok_and(|output| output.status.success())
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// The stretch before `struck` is there as it was, and a gap after it that ends with the new stretch.
fn has_gap(all: &[(i64, i64)], before: (i64, i64), struck: i64, back: i64) -> Result<()> {
    // A kill costs a second at most.
    ensure!(
        all[0].0 == before.0 && all[0].1 >= before.1 - 1_500_000,
        "what was stored is lost: {before:?}, {all:?}"
    );
    let gap = all.windows(2).find(|pair| pair[1].1 > back).context("there is no gap")?;
    ensure!(gap[0].1 >= struck - 2_000_000, "the gap begins too early: {all:?} {struck}");
    ensure!(gap[1].0 > struck, "{all:?} {struck}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_disk_is_full() -> Result<()> {
    let _turn = turn::alone().await;
    let folder = tempfile::tempdir()?;
    let Some(_mount) = Mount::new(&["-t", "tmpfs", "-o", "size=512m", "tmpfs"], folder.path()) else {
        return Ok(());
    };
    let recordings = folder.path().join("recordings");
    let scene = Scene::start(vec![
        ("VAS_RECORDING_FOLDER", recordings.display().to_string()),
        // What retention would remove to make room is not what is looked at here.
        ("VAS_RECORDING_RETENTION_MIN_FREE_MB", "0".to_owned()),
    ])
    .await?;
    let before = scene.stretches().await?[0];
    let ballast = folder.path().join("ballast");
    let struck = now()?;
    let back = scene
        .watching
        .during(async {
            fill(&ballast)?;
            tokio::time::sleep(SHORT).await;
            std::fs::remove_file(&ballast)?;
            now()
        })
        .await?;
    let all = scene.watching.during(scene.goes_on_after(back)).await?;
    has_gap(&all, before, struck, back)?;
    scene.is_sound(&all).await
}

/// Takes all the room that there is.
fn fill(ballast: &Path) -> Result<()> {
    let mut file = File::create(ballast)?;
    for size in [1 << 20, 1 << 12] {
        let piece = vec![0x5a; size];
        while file.write_all(&piece).is_ok() {}
    }
    Ok(())
}

/// As after a restart of the machine with a file system that has errors. Nothing can be made read-only under a file that
/// is open for writing, so that the server is killed for that moment.
#[tokio::test(flavor = "multi_thread")]
async fn the_disk_comes_back_read_only() -> Result<()> {
    let _turn = turn::alone().await;
    let folder = tempfile::tempdir()?;
    let Some(mount) = Mount::new(&["-t", "tmpfs", "-o", "size=512m", "tmpfs"], folder.path()) else {
        return Ok(());
    };
    let recordings = folder.path().join("recordings");
    let settings = vec![
        ("VAS_RECORDING_FOLDER", recordings.display().to_string()),
        ("VAS_RECORDING_RETENTION_MIN_FREE_MB", "0".to_owned()),
    ];
    let mut scene = Scene::start(settings).await?;
    let before = scene.stretches().await?[0];
    let struck = now()?;
    scene.node.kill();
    ensure!(mount.remount("ro"), "the disk can't be made read-only");
    scene.node.kill_and_restart().await?;
    scene.watching = Watching::start(&scene.node, &scene.stream).await?;
    let back = scene
        .watching
        .during(async {
            tokio::time::sleep(SHORT).await;
            ensure!(mount.remount("rw"), "the disk can't be made writable again");
            now()
        })
        .await?;
    let all = scene.watching.during(scene.goes_on_after(back)).await?;
    has_gap(&all, before, struck, back)?;
    scene.is_sound(&all).await
}

/// What is recorded in the loop of the tests above is a camera's usual picture, too.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "minutes of a camera of the usual rate while S3 is away, for the bound on memory"]
async fn memory_is_bounded_while_s3_is_away() -> Result<()> {
    let _turn = turn::alone().await;
    let moto = Moto::start().await;
    let proxy = Proxy::start(moto.address()).await;
    let settings = vec![
        ("VAS_RECORDING_STORE", "s3".to_owned()),
        ("VAS_RECORDING_S3_URL", format!("s3://{BUCKET}/site")),
        ("VAS_RECORDING_S3_ENDPOINT", proxy.url()),
        ("VAS_RECORDING_S3_ALLOW_HTTP", "true".to_owned()),
        ("VAS_RECORDING_S3_REGION", "us-east-1".to_owned()),
        ("VAS_RECORDING_S3_ACCESS_KEY", "test".to_owned()),
        ("VAS_RECORDING_S3_SECRET_KEY", "test".to_owned()),
    ];
    let scene = Scene::start_of(settings, synthetic(25)).await?;
    proxy.set(Weather::Slow(10_000));
    let pause = async {
        tokio::time::sleep(LONG).await;
        Ok(())
    };
    scene.watching.during(pause).await?;
    proxy.set(Weather::Fine);
    let back = now()?;
    let all = scene.watching.during(scene.goes_on_after(back)).await?;
    scene.is_sound(&all).await
}
