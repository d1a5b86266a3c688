//! What a viewer costs the process that serves it: memory while it watches, and CPU time to set it up (offer, answer,
//! checks, DTLS handshake and the packets it starts with).
//!
//! The SFU runs in this process, the viewers in a second one: real ones, with handshakes, reports and transport-wide
//! feedback. They watch a small stream, so that the figures are of the viewers and not of their pictures.
//!
//! `cargo bench -p vas-examples --bench viewers -- [--max-kb K] [--max-ms M]`; a higher figure fails.

#![expect(clippy::print_stdout, reason = "the table is what it is for")]

mod client;

use client::Client;
use nix::sys::resource::{Resource, UsageWho, getrlimit, getrusage, setrlimit};
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use vas_core::hub::{StreamHub, StreamWriter};
use vas_core::testing::{delta_picture, key_picture, sized, video_desc};
use vas_core::{MediaTime, StreamId, SystemClock, TaskScope};
use vas_sfu::{Producer, Router, Sfu, SfuConfig, TransportState, WhepSession};

/// Numbers of viewers at which memory is noted.
const STEPS: [usize; 4] = [100, 250, 500, 1_000];
/// Viewers opened in a second.
const RAMP: f64 = 100.0;
/// The stream: 5 pictures a second of one packet each, about 40 kb/s, a key picture every 2 s.
const FRAME_INTERVAL: Duration = Duration::from_millis(200);
const GROUP: u64 = 10;
const FRAME_BYTES: usize = 1_000;
/// How long each number of viewers watches; its last part tells what watching costs.
const STAY: Duration = Duration::from_secs(7);
const STEADY: Duration = Duration::from_secs(4);
const PATIENCE: Duration = Duration::from_secs(30);

fn main() {
    let (mut max_kb, mut max_ms) = (f64::INFINITY, f64::INFINITY);
    let mut args = std::env::args();
    while let Some(arg) = args.next() {
        let mut number = || args.next().and_then(|text| text.parse().ok()).expect("a number is expected");
        match arg.as_str() {
            client::FLAG => return client::run(),
            "--max-kb" => max_kb = number(),
            "--max-ms" => max_ms = number(),
            _ => {}
        }
    }
    raise_file_limit();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.expect("a runtime");
    let _entered = runtime.enter();
    let scope = TaskScope::new();
    let config = SfuConfig::default().listen(vec![(Ipv4Addr::LOCALHOST, 0).into()]);
    let sfu = Sfu::start(config, &scope, SystemClock::shared()).expect("an SFU");
    let (hub, stream) = (StreamHub::default(), StreamId::random());
    let writer = hub.publish(stream, video_desc()).expect("nobody else publishes");
    let router = sfu.create_router();
    let producer = router.produce(&hub, stream).expect("published");
    let ended = Arc::new(AtomicBool::new(false));
    let source = std::thread::spawn({
        let ended = ended.clone();
        move || push(writer, &ended)
    });

    let measured = measure(&router, &producer);

    ended.store(true, Ordering::Relaxed);
    source.join().expect("the source ended");
    let ended = runtime.block_on(async { sfu.shutdown(PATIENCE).await && scope.shutdown(PATIENCE).await });
    assert!(ended, "the SFU did not end in time");
    let (slope, setup) = measured;
    assert!(slope <= max_kb, "a viewer takes {slope:.1} kB; {max_kb} are allowed");
    assert!(setup <= max_ms, "setting a viewer up takes {setup:.2} ms; {max_ms} are allowed");
}

/// Opens viewers step by step; gives kB for each and milliseconds of CPU to set one up.
fn measure(router: &Router, producer: &Producer) -> (f64, f64) {
    let mut client = Client::start();
    let mut sessions: Vec<WhepSession> = Vec::new();
    let (mut before, mut setup_seconds) = (Load::default(), 0.0);
    let mut memory = Vec::new();
    println!(
        "{:>8} {:>12} {:>22} {:>18}",
        "viewers", "memory (kB)", "CPU for a set-up (ms)", "CPU watching (%)"
    );
    for step in STEPS {
        let (start, cpu) = (Instant::now(), cpu_seconds());
        let from = sessions.len();
        while sessions.len() < step {
            let due = start + Duration::from_secs_f64((sessions.len() - from) as f64 / RAMP);
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            let offer = client.offer();
            let (session, answer) = router.whep(producer, &offer).expect("a session");
            client.answer(&answer);
            sessions.push(session);
        }
        wait("every viewer connected", || {
            sessions.iter().all(|session| session.transport().state() == TransportState::Connected)
        });
        let (took, spent) = (start.elapsed().as_secs_f64(), cpu_seconds() - cpu);
        std::thread::sleep(STAY - STEADY);
        let steady = Load::over(STEADY);
        let kb = resident_kb();
        // While they came, watching cost what it did before at first and what it does now at last.
        let setup = spent - took * f64::midpoint(before.0, steady.0);
        setup_seconds += setup;
        let each = 1e3 * setup / (step - from) as f64;
        println!("{step:>8} {kb:>12.0} {each:>22.3} {:>18.1}", 100.0 * steady.0);
        memory.push((step as f64, kb));
        before = steady;
    }
    let alive = sessions.iter().filter(|s| s.transport().state() == TransportState::Connected).count();
    assert_eq!(alive, sessions.len(), "viewers were lost");
    let ((fewest, low), (most, high)) = (memory[0], memory[STEPS.len() - 1]);
    let slope = (high - low) / (most - fewest);
    let setup = 1e3 * setup_seconds / most;
    println!("\n{slope:.1} kB a viewer from {fewest:.0} to {most:.0}; {setup:.3} ms of CPU to set one up");
    (slope, setup)
}

/// CPU time in each second.
#[derive(Clone, Copy, Default)]
struct Load(f64);

impl Load {
    fn over(time: Duration) -> Self {
        let (start, cpu) = (Instant::now(), cpu_seconds());
        std::thread::sleep(time);
        Self((cpu_seconds() - cpu) / start.elapsed().as_secs_f64())
    }
}

/// User and system time of this process.
fn cpu_seconds() -> f64 {
    let usage = getrusage(UsageWho::RUSAGE_SELF).expect("usage");
    let seconds = |time: nix::sys::time::TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
    seconds(usage.user_time()) + seconds(usage.system_time())
}

/// Resident memory of this process (proc(5)).
fn resident_kb() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a figure");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

fn push(mut writer: StreamWriter, ended: &AtomicBool) {
    for n in 0.. {
        if ended.load(Ordering::Relaxed) {
            return;
        }
        let mut unit = sized(if n % GROUP == 0 { key_picture(n) } else { delta_picture(n) }, FRAME_BYTES);
        let ticks = n as i64 * 90 * FRAME_INTERVAL.as_millis() as i64;
        unit.pts = MediaTime::new(ticks, unit.pts.rate());
        unit.dts = unit.pts;
        writer.push(unit);
        std::thread::sleep(FRAME_INTERVAL);
    }
}

fn wait(what: &str, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < PATIENCE, "not within {PATIENCE:?}: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn raise_file_limit() {
    if let Ok((_, hard)) = getrlimit(Resource::RLIMIT_NOFILE) {
        let _ = setrlimit(Resource::RLIMIT_NOFILE, hard.min(8_192), hard);
    }
}
