//! The delay that the SFU adds: from a frame's push into the hub to the arrival of its last packet at the viewers,
//! through the whole pipeline (hub, packetising task, shard threads, seal, UDP).
//!
//! First it looks for the highest rate at which 500 viewers lose nothing, then it measures at 80 % of that, in turns
//! without and with one viewer that is connected over TCP and reads nothing. Viewers have keys without a handshake;
//! their sockets drop in the kernel all but the last packets of frames at one viewer of ten. Times of arrival are the
//! kernel's.
//!
//! `cargo bench -p vas-sfu --bench latency -- [--seconds S] [--viewers N] [--frames-per-second F] [--max-p99-ms P]
//! [--max-change-ms C]`; with a rate nothing is searched for, with bounds a higher figure fails.

#![expect(clippy::print_stdout, reason = "the table is what it is for")]

mod run;
mod stage;

use run::{Outcome, run};
use stage::{PACKETS, Stage};

/// Bytes of RTP, SRTP, UDP and IP around a packet's payload.
const OVERHEAD: usize = 20 + 16 + 28;
/// Where the search begins, in frames per second, by how much it goes up and how close it comes.
const FIRST_RATE: f64 = 50.0;
const STEP_UP: f64 = 1.4;
const CLOSE: f64 = 1.06;
const SEARCH_SECONDS: f64 = 3.0;
/// Of the highest lossless rate.
const SHARE: f64 = 0.8;
/// Turns without and with a stalled viewer.
const TURNS: usize = 2;

struct Options {
    seconds: f64,
    viewers: usize,
    rate: Option<f64>,
    max_p99: f64,
    max_change: f64,
}

impl Options {
    fn read() -> Self {
        let mut options =
            Self { seconds: 15.0, viewers: 500, rate: None, max_p99: f64::INFINITY, max_change: f64::INFINITY };
        let mut args = std::env::args();
        while let Some(arg) = args.next() {
            let mut number = || args.next().and_then(|text| text.parse().ok()).expect("a number is expected");
            match arg.as_str() {
                "--seconds" => options.seconds = number(),
                "--viewers" => options.viewers = number() as usize,
                "--frames-per-second" => options.rate = Some(number()),
                "--max-p99-ms" => options.max_p99 = number(),
                "--max-change-ms" => options.max_change = number(),
                _ => {}
            }
        }
        options
    }
}

fn main() {
    let options = Options::read();
    raise_file_limit();
    let mut stage = Stage::new(options.viewers);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    println!(
        "{} viewers, frames of {PACKETS} packets of 1,180 bytes, AES-128-GCM, {} viewers looked at\n\
         {cores} cores, shared by {cores} media threads, the packetising task, the source and the viewers' side of the \
         kernel\n",
        options.viewers,
        stage.watched()
    );
    let rate = options.rate.unwrap_or_else(|| {
        println!("the highest lossless rate, {SEARCH_SECONDS} s each");
        heading();
        let highest = search(&mut stage, options.viewers);
        println!("\nhighest lossless rate {highest:.0} frames/s; {:.0} % of it:", SHARE * 100.0);
        SHARE * highest
    });

    let (mut alone, mut beside) = (Vec::new(), Vec::new());
    println!("{} s each", options.seconds);
    heading();
    for _ in 0..TURNS {
        let outcome = run(&mut stage, rate, options.seconds);
        row("", &outcome, options.viewers);
        alone.push(outcome);
        let memory = resident_kb();
        let stalled = stage.stall_one();
        let outcome = run(&mut stage, rate, options.seconds);
        let note = format!(
            "one stalled; its queue was let go {} times, memory {:+} kB",
            stalled.overflows(),
            resident_kb() - memory
        );
        row(&note, &outcome, options.viewers);
        beside.push(outcome);
    }
    let (alone, beside) = (mean(&alone), mean(&beside));
    let change = beside.1 - alone.1;
    println!(
        "\np99, mean of {TURNS} turns: {:.2} ms to each viewer, {:.2} ms to the last one; beside a stalled viewer \
         {:.2} ms and {:.2} ms: {change:+.2} ms",
        alone.0, alone.1, beside.0, beside.1
    );
    stage.shut_down();
    assert!(alone.0 <= options.max_p99, "p99 is {:.2} ms; {} are allowed", alone.0, options.max_p99);
    assert!(change <= options.max_change, "a stalled viewer costs {change:.2} ms; {} are allowed", options.max_change);
}

/// The highest rate that was lossless, tried upwards and then between; one that is not gets a second chance, for other
/// programs may have had the machine.
fn search(stage: &mut Stage, viewers: usize) -> f64 {
    let mut lossless = |rate: f64| {
        (0..2).any(|_| {
            let outcome = run(stage, rate, SEARCH_SECONDS);
            row(if outcome.is_lossless() { "" } else { "not lossless" }, &outcome, viewers);
            outcome.is_lossless()
        })
    };
    let (mut good, mut rate) = (0.0, FIRST_RATE);
    while lossless(rate) {
        good = rate;
        rate *= STEP_UP;
    }
    assert!(good > 0.0, "not even {FIRST_RATE} frames/s are lossless here");
    while rate / good > CLOSE {
        let middle = (rate * good).sqrt();
        if lossless(middle) {
            good = middle;
        } else {
            rate = middle;
        }
    }
    good
}

fn heading() {
    println!(
        "{:>9} {:>10} {:>7} {:>6} {:>7} {:>9} | {:>7} {:>7} {:>7} | {:>7} {:>7} {:>7}",
        "", "", "", "", "", "", "each", "viewer", "(ms)", "last", "viewer", "(ms)"
    );
    println!(
        "{:>9} {:>10} {:>7} {:>6} {:>7} {:>9} | {:>7} {:>7} {:>7} | {:>7} {:>7} {:>7}",
        "frames/s", "packets/s", "Mb/s", "lost", "unsent", "overflows", "p50", "p99", "max", "p50", "p99", "max"
    );
}

fn row(note: &str, outcome: &Outcome, viewers: usize) {
    let Outcome { rate, lost, faults, each, last, .. } = outcome;
    let packets = rate * (PACKETS * viewers) as f64;
    let megabits = packets * (1_180 + OVERHEAD) as f64 * 8.0 / 1e6;
    println!(
        "{rate:>9.0} {packets:>10.0} {megabits:>7.0} {lost:>6} {:>7} {:>9} | {:>7.2} {:>7.2} {:>7.2} | {:>7.2} {:>7.2} \
         {:>7.2}  {note}",
        faults.unsent, faults.overflows, each.p50, each.p99, each.max, last.p50, last.p99, last.max
    );
}

/// The mean of the 99th percentiles: to each viewer, and to the last one.
fn mean(outcomes: &[Outcome]) -> (f64, f64) {
    let mean = |of: fn(&Outcome) -> f64| outcomes.iter().map(of).sum::<f64>() / outcomes.len() as f64;
    (mean(|outcome| outcome.each.p99), mean(|outcome| outcome.last.p99))
}

/// Resident memory of this process (proc(5)), in kB; 0 where the kernel does not say.
fn resident_kb() -> i64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().strip_suffix(" kB")?.parse().ok()).unwrap_or(0)
}

fn raise_file_limit() {
    if let Ok((_, hard)) = nix::sys::resource::getrlimit(nix::sys::resource::Resource::RLIMIT_NOFILE) {
        let wanted = hard.min(8_192);
        let _ = nix::sys::resource::setrlimit(nix::sys::resource::Resource::RLIMIT_NOFILE, wanted, hard);
    }
}
