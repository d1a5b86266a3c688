//! What recording costs: cameras of 4 Mb/s through this crate, and the same number through one `ffmpeg -c copy -f hls`
//! each, one after the other in one run.
//!
//! `cargo bench -p vas-record --bench record [-- CAMERAS [SECONDS]]`; 20 cameras for 20 seconds unless told. CPU time is
//! that of the processes; memory is what they hold beyond a process that records nothing, and of ffmpeg the private
//! memory alone, for its code is shared.

#![allow(clippy::print_stdout, reason = "a benchmark prints")]

use anyhow::{Context, Result, ensure};
use nix::sys::resource::{UsageWho, getrusage};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use vas_core::hub::{StreamHub, StreamWriter};
use vas_core::media::AccessUnit;
use vas_core::model::TenantId;
use vas_core::testing::index::MemoryIndex;
use vas_core::testing::{delta_picture, key_picture, sized, video_desc};
use vas_core::{DeviceId, MediaTime, StreamId, SystemClock, TaskScope, WallTime};
use vas_record::recorder::{RecordJob, RecordMode, Recorder, RecorderConfig, RecorderParts, SpoolPlace};
use vas_record::store::{LocalStore, SPOOL};

const FPS: u32 = 25;
/// Bytes of a key picture, and of the 24 others of its second: 4 Mb/s together.
const KEY: usize = 100_000;
const DELTA: usize = 16_666;

fn main() -> Result<()> {
    let mut numbers = std::env::args().skip(1).filter_map(|argument| argument.parse::<u32>().ok());
    let cameras = numbers.next().unwrap_or(20);
    let time = Duration::from_secs(numbers.next().unwrap_or(20).into());
    println!("{cameras} cameras of 4 Mb/s for {time:?}");
    let ours = ours(cameras, time)?;
    ours.print("vas-record", cameras);
    let peer = ffmpeg(cameras, time)?;
    peer.print("ffmpeg", cameras);
    println!(
        "ratio            cpu 1/{:.1} (target 1/5)   memory 1/{:.1} (target 1/10)",
        peer.cpu.as_secs_f64() / ours.cpu.as_secs_f64().max(1e-9),
        peer.memory as f64 / ours.memory.max(1) as f64
    );
    Ok(())
}

/// What one side took.
struct Cost {
    cpu: Duration,
    time: Duration,
    memory: u64,
    bytes: u64,
}

impl Cost {
    fn print(&self, name: &str, cameras: u32) {
        println!(
            "{name:<12}     {:.2} % of a core and {:.2} MB of memory per camera; {:.1} Mb/s per camera stored",
            self.cpu.as_secs_f64() / self.time.as_secs_f64() / f64::from(cameras) * 100.0,
            self.memory as f64 / f64::from(cameras) / 1e6,
            self.bytes as f64 * 8.0 / self.time.as_secs_f64() / f64::from(cameras) / 1e6,
        );
    }
}

fn cpu(who: UsageWho) -> Result<Duration> {
    let usage = getrusage(who)?;
    let time = |value: nix::sys::time::TimeVal| {
        Duration::from_secs(value.tv_sec().unsigned_abs())
            + Duration::from_micros(value.tv_usec().unsigned_abs())
    };
    Ok(time(usage.user_time()) + time(usage.system_time()))
}

fn ours(cameras: u32, time: Duration) -> Result<Cost> {
    let folder = tempfile::tempdir()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let store = LocalStore::create(&folder.path().join("store")).await?;
        let hub = StreamHub::default();
        let scope = TaskScope::new();
        let index = Arc::new(MemoryIndex::default());
        let parts = RecorderParts {
            hub: hub.clone(),
            repo: index.clone(),
            store: Arc::new(store.clone()),
            spool: SpoolPlace { disk: store.disk(), folder: SPOOL.into() },
            clock: SystemClock::shared(),
        };
        let recorder = Recorder::start(parts, RecorderConfig::default(), &scope).await?;
        let mut feed = Feed::new(&hub, cameras)?;
        // The hub's own share, without recording: what the feeding costs is not the recorder's.
        let idle = feed.run(time / 4).await?;
        let before = private_memory("self")?;
        for stream in feed.streams.clone() {
            let (tenant, mode) = (TenantId::default(), RecordMode::Continuous);
            let device = DeviceId::random();
            recorder.record(RecordJob { tenant, device, layer: 0, stream, mode }).await?;
        }
        let start = Instant::now();
        let busy = feed.run(time).await?;
        let took = start.elapsed();
        let memory = private_memory("self")?.saturating_sub(before);
        recorder.shutdown(Duration::from_secs(20)).await;
        let rows = index.all();
        let pictures: u64 = rows.iter().map(|row| row.groups.pictures()).sum();
        let pushed = u64::from(cameras) * feed.pushed;
        ensure!(pictures + u64::from(cameras) >= pushed, "{pictures} of {pushed} pictures were recorded");
        let bytes = rows.iter().map(|row| row.bytes).sum();
        println!("every picture recorded: {pictures}; feeding alone takes {:.1} % of a core", idle * 100.0);
        let cpu = Duration::from_secs_f64((busy - idle).max(0.0) * took.as_secs_f64());
        Ok(Cost { cpu, time: took, memory, bytes })
    })
}

/// Cameras that push pictures in step.
struct Feed {
    streams: Vec<StreamId>,
    writers: Vec<StreamWriter>,
    key: AccessUnit,
    delta: AccessUnit,
    next: u64,
    /// Pictures of each camera in the last run.
    pushed: u64,
}

impl Feed {
    fn new(hub: &StreamHub, cameras: u32) -> Result<Self> {
        let streams: Vec<_> = (0..cameras).map(|_| StreamId::random()).collect();
        let writers: Result<Vec<_>, _> = streams.iter().map(|&id| hub.publish(id, video_desc())).collect();
        let (key, delta) = (sized(key_picture(0), KEY), sized(delta_picture(0), DELTA));
        Ok(Self { streams, writers: writers?, key, delta, next: 0, pushed: 0 })
    }

    /// Pushes in real time, and gives the share of a core that the process took.
    async fn run(&mut self, time: Duration) -> Result<f64> {
        let (start, cpu_before) = (Instant::now(), cpu(UsageWho::RUSAGE_SELF)?);
        let mut ticks = tokio::time::interval(Duration::from_secs(1) / FPS);
        self.pushed = 0;
        // Whole groups: the next run begins with a key picture.
        while start.elapsed() < time || !self.next.is_multiple_of(u64::from(FPS)) {
            ticks.tick().await;
            let key = self.next.is_multiple_of(u64::from(FPS));
            let (unit, rate) = (if key { &self.key } else { &self.delta }, self.key.pts.rate());
            let pts = MediaTime::new(self.next as i64 * 3_600, rate);
            let wall = WallTime::from_unix_micros(1_795_305_600_000_000 + self.next as i64 * 40_000);
            for writer in &mut self.writers {
                // A payload of its own, as from the network.
                let data = bytes::Bytes::copy_from_slice(&unit.data);
                writer.push(AccessUnit {
                    pts,
                    dts: pts,
                    received: wall,
                    captured: wall,
                    data,
                    ..unit.clone()
                });
            }
            self.next += 1;
            self.pushed += 1;
        }
        Ok((cpu(UsageWho::RUSAGE_SELF)? - cpu_before).as_secs_f64() / start.elapsed().as_secs_f64())
    }
}

fn ffmpeg(cameras: u32, time: Duration) -> Result<Cost> {
    let folder = tempfile::tempdir()?;
    let source = folder.path().join("source.mp4");
    let made = Command::new("ffmpeg")
        .args(["-v", "error", "-f", "lavfi", "-i", "testsrc2=size=1280x720:rate=25,noise=alls=40:allf=t"])
        .args(["-t", "10", "-c:v", "libx264", "-preset", "ultrafast", "-b:v", "4M", "-maxrate", "4M"])
        .args(["-minrate", "4M", "-bufsize", "2M", "-g", "25", "-nal-hrd", "cbr"])
        .arg(&source)
        .status()?;
    ensure!(made.success(), "ffmpeg can't make the source");
    let before = cpu(UsageWho::RUSAGE_CHILDREN)?;
    let start = Instant::now();
    let mut children: Vec<Child> = Vec::new();
    for n in 0..cameras {
        let out = folder.path().join(n.to_string());
        std::fs::create_dir(&out)?;
        let child = Command::new("ffmpeg")
            .args(["-v", "error", "-re", "-stream_loop", "-1", "-i"])
            .arg(&source)
            .args(["-c", "copy", "-f", "hls", "-hls_time", "6", "-hls_list_size", "0"])
            .arg(out.join("live.m3u8"))
            .stdin(Stdio::null())
            .spawn()
            .context("ffmpeg")?;
        children.push(child);
    }
    std::thread::sleep(time);
    let memory = children.iter().map(|child| private_memory(&child.id().to_string())).sum::<Result<u64>>()?;
    let took = start.elapsed();
    for child in &mut children {
        child.kill()?;
        child.wait()?;
    }
    let cpu = cpu(UsageWho::RUSAGE_CHILDREN)?.saturating_sub(before);
    Ok(Cost {
        cpu,
        time: took,
        memory,
        bytes: bytes_below(folder.path())? - std::fs::metadata(&source)?.len(),
    })
}

/// Private memory of a process in bytes.
fn private_memory(process: &str) -> Result<u64> {
    let text = std::fs::read_to_string(format!("/proc/{process}/smaps_rollup"))?;
    let of = |name: &str| {
        text.lines().find_map(|line| line.strip_prefix(name)?.trim().split(' ').next()?.parse::<u64>().ok())
    };
    let kilobytes: u64 = ["Private_Clean:", "Private_Dirty:"].into_iter().filter_map(of).sum::<u64>();
    Ok(kilobytes * 1_024)
}

fn bytes_below(folder: &Path) -> Result<u64> {
    let mut total = 0;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        total +=
            if entry.file_type()?.is_dir() { bytes_below(&entry.path())? } else { entry.metadata()?.len() };
    }
    Ok(total)
}
