//! What the machine and this process use, from `/proc`. Fields are null where the system has no such files.

use super::HttpState;
use super::guard::Scoped;
use super::problem::Problem;
use super::view::{Verdict, time};
use crate::control::StreamInfo;
use axum::Json;
use parking_lot::Mutex;
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::Instant;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use vas_core::StreamId;
use vas_core::model::StreamState;
use vas_core::ports::StreamFilter;

/// Ticks per second of the times in `/proc`; Linux shows 100 to programs on every architecture.
const TICKS_PER_SECOND: f64 = 100.0;

pub(super) fn routes() -> OpenApiRouter<HttpState> {
    OpenApiRouter::new().routes(routes!(health)).routes(routes!(resources)).routes(routes!(stats))
}

/// What the machine and this process use: means since the last look of anybody.
#[derive(Debug, Serialize, ToSchema)]
struct Resources {
    cpu: Cpu,
    memory: Memory,
    network: Network,
}

/// Processors.
#[derive(Debug, Serialize, ToSchema)]
struct Cpu {
    /// Of all cores.
    percent: f64,
    /// Of one core: more than 100 where several are used.
    process_percent: f64,
    /// Since the process was started.
    process_seconds: f64,
    cores: Option<usize>,
    /// Over 1, 5 and 15 minutes.
    load: Option<Vec<f64>>,
}

/// Memory, in bytes.
#[derive(Debug, Serialize, ToSchema)]
struct Memory {
    total_bytes: Option<u64>,
    available_bytes: Option<u64>,
    /// In use.
    percent: Option<f64>,
    process_bytes: Option<u64>,
}

/// All interfaces but the loopback one.
#[derive(Debug, Serialize, ToSchema)]
struct Network {
    received_bytes: u64,
    sent_bytes: u64,
    received_kbps: f64,
    sent_kbps: f64,
}

impl HttpState {
    /// Seconds since the server was started.
    pub(super) fn uptime_seconds(&self) -> i64 {
        self.clock.wall().micros_since(self.started_at).max(0) / 1_000_000
    }
}

/// Remembers the counters of the last look: what is shown is the mean since then.
#[derive(Debug)]
pub(super) struct Meter {
    last: Mutex<(Instant, Counters)>,
}

/// Counters that only grow.
#[derive(Clone, Copy, Debug, Default)]
struct Counters {
    /// CPU time of the machine, in ticks of all cores: busy and in all.
    busy: f64,
    total: f64,
    /// CPU time of this process, in seconds.
    process: f64,
    /// Bytes through the network interfaces, loopback left out.
    received: u64,
    sent: u64,
}

impl Counters {
    fn read() -> Self {
        let (busy, total) = machine_cpu().unwrap_or_default();
        let (received, sent) = network().unwrap_or_default();
        Self { busy, total, process: process_cpu().unwrap_or_default(), received, sent }
    }
}

impl Meter {
    pub(super) fn new(now: Instant) -> Self {
        Self { last: Mutex::new((now, Counters::read())) }
    }

    fn resources(&self, now: Instant) -> Resources {
        let present = Counters::read();
        let (then, past) = std::mem::replace(&mut *self.last.lock(), (now, present));
        let seconds = now.saturating_duration_since(then).as_secs_f64().max(0.001);
        let share = (present.busy - past.busy) / (present.total - past.total).max(1.0);
        let per_second =
            |now: u64, then: u64| (now.saturating_sub(then) as f64 * 8.0 / seconds / 1_000.0).round();
        Resources {
            cpu: Cpu {
                percent: percent(share),
                process_percent: percent((present.process - past.process) / seconds),
                process_seconds: present.process,
                cores: std::thread::available_parallelism().ok().map(Into::into),
                load: load(),
            },
            memory: memory(),
            network: Network {
                received_bytes: present.received,
                sent_bytes: present.sent,
                received_kbps: per_second(present.received, past.received),
                sent_kbps: per_second(present.sent, past.sent),
            },
        }
    }
}

fn percent(share: f64) -> f64 {
    (share.max(0.0) * 1_000.0).round() / 10.0
}

/// What is used, and when that was looked at.
#[derive(Debug, Serialize, ToSchema)]
struct SystemResources {
    #[serde(flatten)]
    resources: Resources,
    #[schema(format = DateTime)]
    checked_at: String,
}

/// Show what the machine and the server use
#[utoipa::path(
    get, path = "/v2/system/resources", tag = "System",
    responses((status = 200, description = "Processors, memory, network.", body = SystemResources)),
)]
async fn resources(Scoped(state): Scoped<HttpState>) -> Json<SystemResources> {
    let resources = state.system.resources(state.clock.now());
    Json(SystemResources { resources, checked_at: time(state.clock.wall()) })
}

/// How the machine does.
#[derive(Debug, Serialize, ToSchema)]
struct SystemHealth {
    status: Verdict,
    uptime_seconds: i64,
    resources: Resources,
    #[schema(format = DateTime)]
    checked_at: String,
}

/// How the machine does
#[utoipa::path(
    get, path = "/v2/health/system", tag = "Health",
    responses((status = 200, description = "What it uses.", body = SystemHealth)),
)]
async fn health(Scoped(state): Scoped<HttpState>) -> Json<SystemHealth> {
    Json(SystemHealth {
        status: Verdict::Healthy,
        uptime_seconds: state.uptime_seconds(),
        resources: state.system.resources(state.clock.now()),
        checked_at: time(state.clock.wall()),
    })
}

/// Sums over the streams, and a line for each.
#[derive(Debug, Serialize, ToSchema)]
struct SystemStats {
    uptime_seconds: i64,
    streams: StreamCounts,
    /// Who watches, in all.
    consumers: usize,
    /// What all cameras send.
    ingest_kbps: f64,
    per_stream: Vec<StreamFigures>,
    /// Minutes by which the server's zone (`recording.zone`) is ahead of UTC at present.
    utc_offset_minutes: i32,
    #[schema(format = DateTime)]
    checked_at: String,
}

/// How many streams there are, in all and by state in lower case.
#[derive(Debug, Serialize, ToSchema)]
struct StreamCounts {
    total: usize,
    by_state: BTreeMap<String, usize>,
}

/// Figures of one stream.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = StreamLoad)]
struct StreamFigures {
    #[schema(value_type = Uuid)]
    stream_id: StreamId,
    #[schema(value_type = super::schema::State)]
    state: StreamState,
    /// What the camera sends.
    bitrate_kbps: f64,
    /// While it runs.
    fps: Option<f64>,
    /// Who watches.
    consumers: usize,
}

/// Show figures of all streams
#[utoipa::path(
    get, path = "/v2/system/stats", tag = "System",
    responses((status = 200, description = "Sums, and a line for each stream.", body = SystemStats)),
)]
async fn stats(Scoped(state): Scoped<HttpState>) -> Result<Json<SystemStats>, Problem> {
    let streams = state.control.streams(StreamFilter::default()).await?;
    let by_state = StreamState::ALL
        .iter()
        .map(|state| {
            let count = streams.iter().filter(|info| info.present.state == *state).count();
            (state.name().to_ascii_lowercase(), count)
        })
        .collect();
    let kbps = |info: &StreamInfo| {
        let layers = info.present.ingest.iter().chain(&info.present.sub);
        layers.map(|status| status.health.bitrate_kbps).sum::<f64>()
    };
    let per_stream: Vec<_> = streams
        .iter()
        .map(|info| StreamFigures {
            stream_id: info.stream.id,
            state: info.present.state,
            bitrate_kbps: kbps(info).round(),
            fps: info.present.ingest.as_ref().map(|status| status.health.fps.round()),
            consumers: state.control.live().viewers(info.stream.id).total,
        })
        .collect();
    let now = state.clock.wall();
    let zone = state.settings.current().recording.parsed_zone();
    Ok(Json(SystemStats {
        uptime_seconds: state.uptime_seconds(),
        // A configuration that holds has a zone that was read once already.
        utc_offset_minutes: zone.map_or(0, |zone| zone.minutes_ahead(now)),
        streams: StreamCounts { total: streams.len(), by_state },
        consumers: per_stream.iter().map(|stream| stream.consumers).sum(),
        ingest_kbps: streams.iter().map(kbps).sum::<f64>().round(),
        per_stream,
        checked_at: time(now),
    }))
}

/// Busy and total ticks of all cores (proc(5), `/proc/stat`).
pub(crate) fn machine_cpu() -> Option<(f64, f64)> {
    let text = std::fs::read_to_string("/proc/stat").ok()?;
    let ticks: Vec<f64> = text
        .lines()
        .next()?
        .split_whitespace()
        .skip(1)
        .take(8)
        .filter_map(|word| word.parse().ok())
        .collect();
    let idle = ticks.get(3)? + ticks.get(4)?;
    let total: f64 = ticks.iter().sum();
    Some((total - idle, total))
}

/// Seconds of CPU this process has used (proc(5), `/proc/pid/stat`, fields 14 and 15).
pub(super) fn process_cpu() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The name, field 2, is in brackets and may hold anything.
    let mut fields = text.rsplit_once(')')?.1.split_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<f64>().ok();
    Some((ticks()? + ticks()?) / TICKS_PER_SECOND)
}

/// Bytes received and sent by all interfaces but the loopback one (proc(5), `/proc/net/dev`).
fn network() -> Option<(u64, u64)> {
    let text = std::fs::read_to_string("/proc/net/dev").ok()?;
    let lines = text.lines().filter_map(|line| line.split_once(':'));
    let counts = lines.filter(|(name, _)| name.trim() != "lo").map(|(_, counts)| {
        let count = |place| counts.split_whitespace().nth(place).and_then(|word| word.parse::<u64>().ok());
        (count(0).unwrap_or(0), count(8).unwrap_or(0))
    });
    Some(counts.fold((0, 0), |(received, sent), (r, s)| (received + r, sent + s)))
}

fn load() -> Option<Vec<f64>> {
    let text = std::fs::read_to_string("/proc/loadavg").ok()?;
    Some(text.split_whitespace().take(3).filter_map(|word| word.parse().ok()).collect())
}

fn memory() -> Memory {
    let machine = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let process = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let (total, available) = (kilobytes(&machine, "MemTotal:"), kilobytes(&machine, "MemAvailable:"));
    let used = total.zip(available).map(|(total, available)| total.saturating_sub(available));
    Memory {
        total_bytes: total,
        available_bytes: available,
        percent: used.zip(total).map(|(used, total)| percent(used as f64 / total.max(1) as f64)),
        process_bytes: kilobytes(&process, "VmRSS:"),
    }
}

/// The value of a line such as `MemTotal:  24000000 kB`, in bytes.
pub(crate) fn kilobytes(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    Some(line.split_whitespace().next()?.parse::<u64>().ok()? * 1_024)
}
