//! One run: frames at a steady rate, and what became of them.

use crate::stage::{Faults, Stage};
use std::time::{Duration, Instant};

/// Between two looks at the sockets. The kernel notes when packets come, so looking seldom disturbs least.
const LOOK: Duration = Duration::from_millis(20);
/// How long the last frames may take to come.
const PATIENCE: Duration = Duration::from_secs(2);
/// Frames at the end of a run later than this are the head of a queue that grows.
const KEEPS_UP_MS: f64 = 20.0;

/// Milliseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Percentiles {
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    pub(crate) max: f64,
}

/// What a run showed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outcome {
    pub(crate) rate: f64,
    /// Frames that watched viewers missed.
    pub(crate) lost: u64,
    pub(crate) faults: Faults,
    /// From the push of a frame to the arrival of its last packet, over all frames and watched viewers.
    pub(crate) each: Percentiles,
    /// The same for the watched viewer that got the frame last.
    pub(crate) last: Percentiles,
    /// The median over the last tenth of the run.
    at_end: f64,
    /// Share of the machine's CPU time that other programs had, 0 to 1.
    pub(crate) others: f64,
}

impl Outcome {
    /// Whether every frame reached every viewer, and would have gone on to.
    pub(crate) fn is_lossless(&self) -> bool {
        self.lost == 0 && self.faults == Faults::default() && self.at_end < KEEPS_UP_MS
    }
}

/// Pushes `rate` frames a second for `seconds`, a key picture each second.
pub(crate) fn run(stage: &mut Stage, rate: f64, seconds: f64) -> Outcome {
    stage.settle();
    let before = stage.faults();
    let (count, watched, first) = ((rate * seconds) as u32, stage.watched(), stage.newest() + 1);
    let mut pushed = Vec::with_capacity(count as usize);
    let mut arrivals = vec![0_i64; count as usize * watched];
    let mut missing = arrivals.len();
    let mut look = |stage: &Stage| {
        stage.receive(|arrival| {
            let Some(frame) = arrival.frame.checked_sub(first).filter(|frame| *frame < count) else { return };
            let slot = &mut arrivals[frame as usize * watched + arrival.viewer];
            missing -= usize::from(*slot == 0);
            *slot = arrival.at;
        });
        missing
    };
    let others = others_seconds();
    let start = Instant::now();
    let mut next_look = start + LOOK;
    for frame in 0..count {
        let due = start + Duration::from_secs_f64(f64::from(frame) / rate);
        while next_look < due {
            sleep_until(next_look);
            look(stage);
            next_look = Instant::now() + LOOK;
        }
        sleep_until(due);
        pushed.push(stage.push(frame % rate as u32 == 0).as_unix_micros());
    }
    let end = Instant::now();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    // A process that ends takes the times of its children along where nobody waits for it.
    let others = (others_seconds() - others).max(0.0) / (cores as f64 * (end - start).as_secs_f64());
    while look(stage) > 0 && end.elapsed() < PATIENCE {
        std::thread::sleep(LOOK);
    }
    let after = stage.faults();
    let faults =
        Faults { unsent: after.unsent - before.unsent, overflows: after.overflows - before.overflows };
    let mut each = Vec::with_capacity(arrivals.len());
    let mut last = Vec::with_capacity(count as usize);
    for (frame, pushed) in arrivals.chunks(watched).zip(&pushed) {
        let delays = frame.iter().filter(|at| **at > 0).map(|at| (at - pushed) as f64 / 1e3);
        let before = each.len();
        each.extend(delays);
        last.extend(each[before..].iter().copied().reduce(f64::max));
    }
    let tail = last.len() - last.len() / 10;
    let at_end = percentiles(&mut last[tail..].to_vec()).p50;
    Outcome {
        rate,
        lost: missing as u64,
        faults,
        each: percentiles(&mut each),
        last: percentiles(&mut last),
        at_end,
        others,
    }
}

/// CPU time of all other processes and their children that have ended (proc(5), in units of 1/100 s).
fn others_seconds() -> f64 {
    let own = std::process::id().to_string();
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let others = entries.filter(|entry| {
        entry
            .file_name()
            .to_str()
            .is_some_and(|name| name != own && name.starts_with(|c: char| c.is_ascii_digit()))
    });
    let ticks = |entry: std::fs::DirEntry| -> Option<u64> {
        let stat = std::fs::read_to_string(entry.path().join("stat")).ok()?;
        // The name, in brackets, may itself hold spaces and brackets.
        let fields = stat.rsplit_once(')')?.1.split_ascii_whitespace().skip(11).take(4);
        fields.map(|field| field.parse::<u64>().ok()).sum()
    };
    others.filter_map(ticks).sum::<u64>() as f64 / 100.0
}

fn sleep_until(due: Instant) {
    std::thread::sleep(due.saturating_duration_since(Instant::now()));
}

/// By nearest rank; without values, nothing came at all.
fn percentiles(values: &mut [f64]) -> Percentiles {
    values.sort_by(f64::total_cmp);
    let rank = |percent: usize| {
        let rank = (values.len() * percent).div_ceil(100).max(1) - 1;
        values.get(rank).copied().unwrap_or(f64::INFINITY)
    };
    Percentiles { p50: rank(50), p99: rank(99), max: rank(100) }
}
