//! A hub with one stream, a recorder, a store in a folder and an index in memory.

use anyhow::{Context, Result, bail, ensure};
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use vas_core::hub::{StreamHub, StreamWriter};
use vas_core::model::{Recording, TenantId, WallRange};
use vas_core::testing::index::MemoryIndex;
use vas_core::testing::{delta_picture, key_picture, video_desc};
use vas_core::{DeviceId, StreamId, SystemClock, TaskScope, WallTime};
use vas_record::library::Library;
use vas_record::recorder::{
    RecordJob, RecordMode, Recorder, RecorderConfig, RecorderParts, RecorderStatus, SpoolPlace,
};
use vas_record::store::disk::TestDisk;
use vas_record::store::{LocalStore, SPOOL};
use vas_record::verify::{self, Depth, Walk};

/// What takes longer never happens.
const SOON: Duration = Duration::from_secs(20);
/// Pictures per second of the stream; every 25th is a key picture.
const FPS: u64 = 25;
/// Pictures of the chunk that the segmenter still makes.
const IN_WORK: u64 = 14;

pub(crate) struct Stage {
    pub(crate) device: DeviceId,
    pub(crate) stream: StreamId,
    pub(crate) index: Arc<MemoryIndex>,
    pub(crate) disk: TestDisk,
    pub(crate) store: LocalStore,
    pub(crate) config: RecorderConfig,
    pub(crate) folder: TempDir,
    hub: StreamHub,
    writer: Option<StreamWriter>,
    /// Number of the next picture, and how much later than its number says it is captured, in microseconds.
    next: u64,
    later: i64,
    pushed: u64,
    recorder: Option<Recorder>,
    scope: TaskScope,
}

/// All of the time that the stream can have.
pub(crate) fn minute() -> WallRange {
    WallRange::new(WallTime::from_unix_micros(0), WallTime::from_unix_micros(i64::MAX))
}

impl Stage {
    pub(crate) async fn start() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let disk = TestDisk::open(folder.path())?;
        let store = LocalStore::create_on(Arc::new(disk.clone())).await?;
        let hub = StreamHub::default();
        let stream = StreamId::random();
        let writer = hub.publish(stream, video_desc())?;
        let mut config = RecorderConfig::default();
        config.read = Duration::from_millis(5);
        config.flush = Duration::from_millis(50);
        config.sync = Duration::from_millis(200);
        config.retry = Duration::from_millis(300);
        let mut stage = Self {
            device: DeviceId::random(),
            stream,
            index: Arc::default(),
            disk,
            store,
            config,
            folder,
            hub,
            writer: Some(writer),
            next: 0,
            later: 0,
            pushed: 0,
            recorder: None,
            scope: TaskScope::new(),
        };
        stage.restart().await?;
        Ok(stage)
    }

    /// Starts a recorder on what there is.
    pub(crate) async fn restart(&mut self) -> Result<()> {
        let parts = RecorderParts {
            hub: self.hub.clone(),
            repo: self.index.clone(),
            store: Arc::new(self.store.clone()),
            spool: self.spool(),
            clock: SystemClock::shared(),
        };
        self.scope = TaskScope::new();
        self.recorder = Some(Recorder::start(parts, self.config.clone(), &self.scope).await?);
        Ok(())
    }

    pub(crate) fn spool(&self) -> SpoolPlace {
        SpoolPlace { disk: Arc::new(self.disk.clone()), folder: SPOOL.into() }
    }

    /// Where the file of a recording lies.
    pub(crate) fn stored(&self, row: &Recording) -> std::path::PathBuf {
        self.folder.path().join(row.file_name())
    }

    pub(crate) fn recorder(&self) -> &Recorder {
        self.recorder.as_ref().expect("the recorder runs")
    }

    pub(crate) fn library(&self) -> Library {
        self.recorder.as_ref().map_or_else(
            || Library::of_complete(self.index.clone(), Arc::new(self.store.clone())),
            |recorder| recorder.library().clone(),
        )
    }

    pub(crate) async fn record(&mut self, mode: RecordMode) -> Result<()> {
        let (device, stream, tenant) = (self.device, self.stream, TenantId::default());
        self.pushed = 0;
        Ok(self.recorder().record(RecordJob { tenant, device, layer: 0, stream, mode }).await?)
    }

    pub(crate) fn status(&self) -> RecorderStatus {
        self.recorder().status(self.device, 0).unwrap_or_default()
    }

    /// Pushes so many seconds of the stream as fast as the recorder reads them.
    pub(crate) async fn push_seconds(&mut self, seconds: u64) -> Result<()> {
        self.pushed = self.status().pictures;
        for _ in 0..seconds {
            self.push_group();
            self.read_up().await?;
        }
        Ok(())
    }

    /// Pushes one second: a key picture and those after it.
    pub(crate) fn push_group(&mut self) {
        for n in 0..FPS {
            let mut unit = if n == 0 { key_picture(self.next) } else { delta_picture(self.next) };
            unit.captured = unit.captured.add_micros(self.later);
            unit.received = unit.captured;
            if let Some(writer) = &mut self.writer {
                writer.push(unit);
            }
            self.next += 1;
            self.pushed += 1;
        }
    }

    /// Waits until the recorder has seen what was pushed; whether it could keep it is another question.
    pub(crate) async fn read_up(&self) -> Result<()> {
        let stats = || self.hub.stats(self.stream).unwrap_or_default();
        let start = Instant::now();
        let (bytes, pushed) = (self.status().pictures, self.pushed);
        while self.status().pictures + IN_WORK < pushed && self.status().last_error.is_none() {
            if start.elapsed() > SOON {
                bail!("{bytes} pictures of {pushed} were read; {:?}, {:?}", self.status(), stats());
            }
            tokio::time::sleep(Duration::from_millis(4)).await;
        }
        Ok(())
    }

    /// The source goes away and comes back after so many seconds of the camera's time.
    pub(crate) fn lose_source(&mut self, seconds: i64) {
        self.writer = None;
        self.later += seconds * 1_000_000;
        self.writer = self.hub.publish(self.stream, video_desc()).ok();
    }

    /// Waits until the library shows what `done` wants.
    pub(crate) async fn until(&self, done: impl Fn(&[Recording]) -> bool) -> Result<Vec<Recording>> {
        let start = Instant::now();
        loop {
            let rows = self.library().recordings(self.device, 0, minute()).await?;
            if done(&rows) {
                return Ok(rows);
            }
            ensure!(start.elapsed() < SOON, "it does not happen; there is {rows:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Ends the recorder in order.
    pub(crate) async fn stop(&mut self) -> Result<()> {
        let recorder = self.recorder.take().context("the recorder runs")?;
        ensure!(recorder.shutdown(SOON).await, "the recorder does not end");
        Ok(())
    }

    /// Ends everything at once, as the death of the process does: nothing that waits in memory is written.
    pub(crate) fn kill(&mut self) {
        self.scope.cancel();
        if let Some(recorder) = self.recorder.take() {
            recorder.abandon();
        }
    }

    /// The length of the files in the spool.
    pub(crate) fn spool_files(&self) -> Result<usize> {
        Ok(std::fs::read_dir(self.folder.path().join(SPOOL))?.count())
    }

    /// Adds bytes to every file in the spool.
    pub(crate) fn append_to_spool(&self, bytes: &[u8]) -> Result<()> {
        for entry in std::fs::read_dir(self.folder.path().join(SPOOL))? {
            std::fs::OpenOptions::new().append(true).open(entry?.path())?.write_all(bytes)?;
        }
        Ok(())
    }

    /// Checks that every row fits its file and that no file is without a row; and that times never go back.
    pub(crate) async fn is_sound(&self) -> Result<()> {
        let library = self.library();
        let mut walk = Walk::new(&library, None, Depth::Content);
        let mut last: Option<WallTime> = None;
        while let Some((head, fault)) = walk.next().await? {
            ensure!(fault.is_none(), "{}: {fault:?}", head.id);
            ensure!(last.is_none_or(|last| last <= head.span.start), "recordings overlap");
            last = Some(head.span.end);
        }
        let orphans = verify::orphans(&library).await?;
        ensure!(orphans.is_empty(), "files without rows: {orphans:?}");
        Ok(())
    }

    /// Pictures of all complete rows.
    pub(crate) fn pictures(&self) -> u64 {
        self.index.all().iter().map(|row| row.groups.pictures()).sum()
    }
}

/// The bytes of all files below a folder.
pub(crate) fn bytes_below(folder: &Path) -> Result<u64> {
    let mut total = 0;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let meta = entry.metadata()?;
        total += if meta.is_dir() { bytes_below(&entry.path())? } else { meta.len() };
    }
    Ok(total)
}
