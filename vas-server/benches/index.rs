//! The index of recordings on SQLite with half a million rows: what a timeline, a playlist and a start of the server
//! wait for, each beside the bare reading of the same rows in the same run.
//!
//! `cargo bench -p vas-server --bench index`; with `-- --test` a short run that shows that all of it works.

#![expect(clippy::print_stdout, reason = "figures that are measured are printed")]

use anyhow::{Context, Result, ensure};
use futures_util::{StreamExt, TryStreamExt, stream};
use sea_orm::sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions, SqliteRow};
use sea_orm::sqlx::{self, Row, SqlitePool};
use std::path::Path;
use std::time::{Duration, Instant};
use vas_core::model::{Group, Recording, RecordingState, TenantId, WallRange};
use vas_core::ports::RecordingRepo;
use vas_core::{DeviceId, RecordingId, StreamId, WallTime};
use vas_server::{Database, Keyring, SqlRecordings};

const CAMERAS: i64 = 20;
/// Files of each camera, a minute each: 17 days, or some hours for a short run.
const FILES: i64 = 25_000;
const FILES_SHORT: i64 = 200;
/// Files that are completed together.
const BATCH: usize = 500;
/// Times that each question is asked.
const ROUNDS: i64 = 50;

const MINUTE: i64 = 60_000_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
const MONTH: i64 = 30 * DAY;
/// Buckets of a timeline, and cameras that one shows.
const BUCKETS: usize = 512;
const LANES: usize = 9;
const START: WallTime = WallTime::from_unix_micros(1_795_305_600_000_000);
/// What the design asks of a timeline and of a playlist.
const TARGET: Duration = Duration::from_millis(20);

/// The columns that a timeline is made of, and those that a playlist is made of.
const BARE_HEADS: &str = "SELECT id, start_us, end_us, bytes, thinned, run FROM recordings WHERE device_id = ? AND \
    layer = 0 AND state = 'complete' AND start_us >= ? AND start_us < ? ORDER BY start_us";
const BARE_ROWS: &str = "SELECT * FROM recordings WHERE device_id = ? AND layer = 0 AND state = 'complete' AND \
    start_us >= ? AND start_us < ? ORDER BY start_us";

fn main() -> Result<()> {
    let short = std::env::args().any(|argument| argument == "--test");
    tokio::runtime::Runtime::new()?.block_on(measure(if short { FILES_SHORT } else { FILES }))
}

async fn measure(files: i64) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("vas.db");
    let url = format!("sqlite://{}", file.display());
    let devices: Vec<_> = (0..CAMERAS).map(|_| DeviceId::random()).collect();

    let database = Database::connect(&url, Keyring::random()).await?;
    let begin = Instant::now();
    fill(&database.recordings(), &devices, files).await?;
    let (rows, took) = (CAMERAS * files, begin.elapsed());
    let bytes = std::fs::metadata(&file)?.len();
    println!(
        "{rows} rows of {CAMERAS} cameras, stored in batches of {BATCH}: {:.0} rows/s, {} bytes each",
        rows as f64 / took.as_secs_f64(),
        bytes / rows as u64
    );
    database.close().await;

    let begin = Instant::now();
    let database = Database::connect(&url, Keyring::random()).await?;
    let unfinished = database.recordings().unfinished(1_000).await?;
    println!("from opening the database to knowing what is unfinished: {:.1} ms", millis(begin.elapsed()));
    ensure!(unfinished.is_empty(), "all rows are complete");

    ask(&database.recordings(), &bare(&file).await?, &devices, files).await?;
    database.close().await;
    Ok(())
}

/// Asks what the server asks, of other cameras and times in each round.
async fn ask(index: &SqlRecordings, bare: &SqlitePool, devices: &[DeviceId], files: i64) -> Result<()> {
    let when = |round: i64, length: i64| {
        let room = (files * MINUTE - length).max(1);
        let from = START.add_micros((round * 7_919 * MINUTE + MINUTE / 2) % room);
        WallRange::new(from, from.add_micros(length))
    };
    let who = |round: i64| devices[(round * 13 % CAMERAS) as usize];

    let mut times = Times::default();
    for round in 0..ROUNDS {
        let (device, day, hour) = (who(round), when(round, DAY.min(files * MINUTE)), when(round, HOUR));
        let heads = times.take("timeline of a day", index.heads(device, None, day, u64::MAX)).await?;
        let floor = times.take("  the same heads, bare", read(bare, BARE_HEADS, device, day)).await?;
        ensure!(heads.len().abs_diff(floor.len()) <= 1, "{} and {} rows", heads.len(), floor.len());
        let tile = when(round, MONTH.min(files * MINUTE));
        let sums = times.take("timeline of a month, 9 cameras", month(index, devices, round, tile)).await?;
        ensure!(sums > 0, "there are recordings in every month");
        let rows = times.take("playlist of an hour", index.range(device, 0, hour, u64::MAX)).await?;
        let floor = times.take("  the same rows, bare", read(bare, BARE_ROWS, device, hour)).await?;
        ensure!(rows.len().abs_diff(floor.len()) <= 1, "{} and {} rows", rows.len(), floor.len());
        let found = times.take("one picture", index.at_or_before(device, 0, day.start)).await?;
        ensure!(found.is_some(), "there is a recording at any time");
        times.take("oldest 1,000 of all", index.oldest(None, None, day.end, 1_000)).await?;
        let batch: Vec<_> = devices.iter().map(|&device| recording(device, files + round)).collect();
        stored(times.take("files of all cameras completed", index.complete(&batch)).await?)?;
    }
    for _ in 0..3 {
        let usage = times.take("usage of all layers", index.usage()).await?;
        ensure!(usage.len() == devices.len(), "one layer of each camera");
    }
    times.print();
    Ok(())
}

/// What the lanes of a timeline of a month are made of: four at a time, as the server asks.
async fn month(index: &SqlRecordings, devices: &[DeviceId], round: i64, tile: WallRange) -> Result<usize> {
    let width = tile.micros() / BUCKETS as i64;
    let lanes = devices.iter().cycle().skip(round as usize % devices.len()).take(LANES);
    let sums = stream::iter(lanes).map(|&device| index.density(device, 0, tile.start, width, BUCKETS));
    let sums: Vec<_> = sums.buffered(4).try_collect().await?;
    Ok(sums.iter().flatten().flatten().count())
}

/// Stores files as recorders do: those of all cameras, minute by minute.
async fn fill(index: &SqlRecordings, devices: &[DeviceId], files: i64) -> Result<()> {
    let mut rows = (0..files).flat_map(|n| devices.iter().map(move |&device| recording(device, n)));
    loop {
        let batch: Vec<_> = rows.by_ref().take(BATCH).collect();
        if batch.is_empty() {
            return Ok(());
        }
        stored(index.complete(&batch).await?)?;
    }
}

fn stored<E: std::error::Error + Send + Sync + 'static>(answers: Vec<Result<(), E>>) -> Result<()> {
    answers.into_iter().collect::<Result<(), E>>().context("each file has a time of its own")
}

/// The `n`th minute of a camera, with groups of a second each.
fn recording(device: DeviceId, n: i64) -> Recording {
    let start = START.add_micros(n * MINUTE);
    let mut offset = 812;
    let groups = (0..60).map(|second| {
        let size = 250_000 + (second * 7_919 % 9_001) as u32;
        let group = Group {
            offset,
            size,
            media: (n * 60 + second) * 90_000,
            duration: 90_000,
            wall: start.add_micros(second * 1_000_013),
            pictures: 25,
            key: second % 2 == 0,
            gap: None,
            lost: 0,
        };
        offset += u64::from(size);
        group
    });
    let groups = groups.collect();
    Recording {
        id: RecordingId::random(),
        tenant: TenantId::default(),
        device,
        stream: StreamId::from(device.as_uuid()),
        layer: 0,
        run: device.as_uuid(),
        span: WallRange::new(start, start.add_micros(MINUTE)),
        bytes: offset,
        init_len: 812,
        codecs: "avc1.4d0028,mp4a.40.2".to_owned(),
        width: 1_920,
        height: 1_080,
        state: RecordingState::Complete,
        fence: 1,
        thinned: false,
        groups,
    }
}

/// The file itself, without the server's database layer.
async fn bare(file: &Path) -> Result<SqlitePool> {
    let options = SqliteConnectOptions::new().filename(file).pragma("query_only", "ON");
    Ok(SqlitePoolOptions::new().max_connections(1).connect_with(options).await?)
}

async fn read(
    bare: &SqlitePool,
    sql: &'static str,
    device: DeviceId,
    range: WallRange,
) -> Result<Vec<SqliteRow>, sqlx::Error> {
    let (from, to) = (range.start.as_unix_micros(), range.end.as_unix_micros());
    let rows = sqlx::query(sql).bind(device.as_uuid()).bind(from).bind(to).fetch_all(bare).await?;
    // The values lie in SQLite's memory until they are asked for.
    for row in &rows {
        row.try_get::<i64, _>("start_us")?;
    }
    Ok(rows)
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}

/// How long each question took, in the order in which they were first asked.
#[derive(Default)]
struct Times(Vec<(&'static str, Vec<Duration>)>);

impl Times {
    async fn take<T, E: Into<anyhow::Error>>(
        &mut self,
        name: &'static str,
        question: impl Future<Output = Result<T, E>>,
    ) -> Result<T> {
        let begin = Instant::now();
        let answer = question.await.map_err(Into::into)?;
        let took = begin.elapsed();
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some((_, times)) => times.push(took),
            None => self.0.push((name, vec![took])),
        }
        Ok(answer)
    }

    fn print(&mut self) {
        println!("{:<34}{:>12}{:>12}   (targets: {:.0} ms)", "", "median ms", "worst ms", millis(TARGET));
        for (name, times) in &mut self.0 {
            times.sort_unstable();
            let (median, worst) = (times[times.len() / 2], times[times.len() - 1]);
            println!("{name:<34}{:>12.2}{:>12.2}", millis(median), millis(worst));
        }
    }
}
