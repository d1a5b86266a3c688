//! What a run amounts to; its JSON form is the fields below.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use reqwest::Url;
use serde::Serialize;
use vas_examples::viewer::ViewerStats;

use super::args::Args;
use super::process::Usage;
use super::worker::Outcome;

/// What came of one viewer's signalling.
#[derive(Debug)]
pub(crate) struct Opened {
    /// Which of the URLs it went to.
    pub(crate) endpoint: usize,
    pub(crate) session: Option<Url>,
    /// From the POST to its answer.
    pub(crate) answered: Option<Duration>,
    /// Why it never got to connecting.
    pub(crate) failure: Option<String>,
}

/// Counters at one moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    pub(crate) at: Instant,
    pub(crate) server: Usage,
    pub(crate) generator: Usage,
    pub(crate) packets: u64,
    pub(crate) bytes: u64,
}

/// The server's memory with so many viewers.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Growth {
    pub(crate) viewers: u64,
    pub(crate) rss_kb: u64,
}

/// The moments between the parts of a run: idle, setting up, steady.
#[derive(Debug)]
pub(crate) struct Phases {
    pub(crate) idle_start: Sample,
    pub(crate) start: Sample,
    pub(crate) steady: Sample,
    pub(crate) end: Sample,
    /// The server's memory on the way up.
    pub(crate) growth: Vec<Growth>,
    /// Datagrams dropped by the viewers' sockets.
    pub(crate) receive_drops: u64,
}

/// The whole report.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) viewers: Viewers,
    /// How long the run received after the last viewer was connected.
    pub(crate) steady_seconds: f64,
    /// Packets and megabits received in each second of the steady part.
    pub(crate) packets_per_second: f64,
    pub(crate) megabits_per_second: f64,
    pub(crate) packets: Packets,
    pub(crate) repair: Repair,
    pub(crate) srtp: Srtp,
    /// In milliseconds, from the moment the POST was sent.
    pub(crate) times_ms: Times,
    /// Interarrival jitter of each viewer at the end, in milliseconds (RFC 3550, section 6.4.1).
    pub(crate) jitter_ms: Option<Percentiles>,
    /// For each URL, in the order given.
    pub(crate) endpoints: Vec<Endpoint>,
    pub(crate) server: Option<Server>,
    pub(crate) generator: Generator,
}

#[derive(Debug, Serialize)]
pub(crate) struct Viewers {
    pub(crate) requested: u32,
    pub(crate) connected: u64,
    /// Never connected, or ended before the end.
    pub(crate) failed: u64,
    /// How many failed for which reason.
    pub(crate) failures: BTreeMap<String, u64>,
    /// DELETEs that were not answered with success.
    pub(crate) deletes_failed: u64,
}

/// Sums over viewers, from their first packets on.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Packets {
    /// In their first transmission.
    pub(crate) received: u64,
    pub(crate) expected: u64,
    /// By retransmission alone.
    pub(crate) recovered: u64,
    /// `expected - received - recovered`.
    pub(crate) lost: u64,
    pub(crate) loss_percent: f64,
    pub(crate) viewers_with_loss: u64,
    pub(crate) duplicates: u64,
    pub(crate) reordered: u64,
    pub(crate) bytes: u64,
    pub(crate) pictures: u64,
}

#[derive(Debug, Default, Serialize)]
pub(crate) struct Repair {
    pub(crate) nacks_sent: u64,
    pub(crate) packets_asked_for: u64,
    pub(crate) rtx_received: u64,
    pub(crate) sender_reports: u64,
}

#[derive(Debug, Default, Serialize)]
pub(crate) struct Srtp {
    /// Viewers on AES-128-GCM; the others have SHA1-80.
    pub(crate) gcm_viewers: u64,
    pub(crate) authenticated: u64,
    pub(crate) rejected: u64,
    pub(crate) ignored: u64,
    /// Before the viewer had the keys.
    pub(crate) early: u64,
}

#[derive(Debug, Serialize)]
pub(crate) struct Times {
    pub(crate) answer: Option<Percentiles>,
    /// To the end of the DTLS handshake.
    pub(crate) connected: Option<Percentiles>,
    pub(crate) first_packet: Option<Percentiles>,
    /// To the last packet of the first whole keyframe.
    pub(crate) first_keyframe: Option<Percentiles>,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Percentiles {
    pub(crate) count: usize,
    pub(crate) p50: f64,
    pub(crate) p95: f64,
    pub(crate) max: f64,
}

#[derive(Debug, Default, Serialize)]
pub(crate) struct Endpoint {
    pub(crate) url: String,
    pub(crate) connected: u64,
    pub(crate) packets: Packets,
}

/// What the run cost the server. CPU times come in steps of 10 ms.
#[derive(Debug, Serialize)]
pub(crate) struct Server {
    /// Over setting up and the steady part.
    pub(crate) cpu_seconds: f64,
    /// One core is 100 %.
    pub(crate) idle_cpu_percent: f64,
    pub(crate) steady_cpu_percent: f64,
    /// In the steady part, everything included.
    pub(crate) cpu_us_per_packet: Option<f64>,
    /// The same less the idle load.
    pub(crate) cpu_us_per_packet_above_idle: Option<f64>,
    /// For each connected viewer, its set-up and the burst of packets that starts it: CPU time until the
    /// steady part, less the idle load and less what the viewers connected so far cost when steady.
    pub(crate) cpu_ms_per_setup: Option<f64>,
    pub(crate) rss_kb_before: u64,
    pub(crate) rss_kb_connected: u64,
    pub(crate) rss_kb_end: u64,
    /// From before to the end, for each connected viewer.
    pub(crate) rss_kb_per_viewer: Option<f64>,
    /// At the steps asked for.
    pub(crate) growth: Vec<Growth>,
    /// From the first step to the last, for each viewer between them.
    pub(crate) rss_kb_slope: Option<f64>,
}

/// What the run cost here; a generator at its limit measures itself.
#[derive(Debug, Serialize)]
pub(crate) struct Generator {
    pub(crate) steady_cpu_percent: f64,
    pub(crate) rss_kb: u64,
    /// Datagrams that the viewers' own sockets had no room for: loss that is not the server's.
    pub(crate) receive_drops: u64,
}

impl Report {
    pub(crate) fn new(
        args: &Args,
        phases: &Phases,
        opened: &[Opened],
        outcomes: &[Outcome],
        deleted: &[anyhow::Result<()>],
    ) -> anyhow::Result<Self> {
        let connected = outcomes.iter().filter(|outcome| outcome.stats.connected_at.is_some()).count() as u64;
        let mut failures = BTreeMap::new();
        let timeout = format!("not connected within {:?}", args.setup_timeout);
        let signalling = opened.iter().filter_map(|opened| opened.failure.clone());
        let later = outcomes.iter().filter_map(|outcome| match &outcome.closed {
            Some(reason) => Some(reason.to_string()),
            None => outcome.stats.connected_at.is_none().then(|| timeout.clone()),
        });
        for reason in signalling.chain(later) {
            *failures.entry(reason).or_insert(0) += 1;
        }
        let since = |at: fn(&ViewerStats) -> Option<Instant>| {
            percentiles(outcomes.iter().filter_map(|o| Some(at(&o.stats)?.duration_since(o.posted))))
        };
        let steady = phases.end.at.duration_since(phases.steady.at).as_secs_f64();
        let mut packets = Packets::default();
        let mut endpoints: Vec<Endpoint> =
            args.url.iter().map(|url| Endpoint { url: url.to_string(), ..Endpoint::default() }).collect();
        let mut repair = Repair::default();
        let mut srtp = Srtp::default();
        for Outcome { stats, endpoint, .. } in outcomes {
            packets.add(stats);
            repair.add(stats);
            srtp.add(stats);
            if let Some(endpoint) = endpoints.get_mut(*endpoint) {
                endpoint.packets.add(stats);
                endpoint.connected += u64::from(stats.connected_at.is_some());
            }
        }
        Ok(Self {
            viewers: Viewers {
                requested: args.viewers,
                connected,
                failed: failures.values().sum(),
                failures,
                deletes_failed: deleted.iter().filter(|deleted| deleted.is_err()).count() as u64,
            },
            steady_seconds: steady,
            packets_per_second: share((phases.end.packets - phases.steady.packets) as f64, steady),
            megabits_per_second: share((phases.end.bytes - phases.steady.bytes) as f64, steady) * 8.0 / 1e6,
            packets,
            repair,
            srtp,
            times_ms: Times {
                answer: percentiles(opened.iter().filter_map(|opened| opened.answered)),
                connected: since(|stats| stats.connected_at),
                first_packet: since(|stats| stats.first_packet_at),
                first_keyframe: since(|stats| stats.first_keyframe_at),
            },
            jitter_ms: percentiles(
                outcomes.iter().filter(|o| o.stats.packets > 1).map(|outcome| outcome.stats.jitter),
            ),
            endpoints,
            server: (!args.server_pid.is_empty()).then(|| {
                let connected_at = outcomes.iter().filter_map(|outcome| outcome.stats.connected_at);
                Server::new(phases, &connected_at.collect::<Vec<_>>())
            }),
            generator: Generator {
                steady_cpu_percent: 100.0
                    * share(phases.end.generator.cpu_seconds - phases.steady.generator.cpu_seconds, steady),
                rss_kb: phases.end.generator.rss_kb,
                receive_drops: phases.receive_drops,
            },
        })
    }
}

impl Packets {
    fn add(&mut self, stats: &ViewerStats) {
        self.received += stats.packets;
        self.expected += stats.expected;
        self.recovered += stats.recovered;
        self.lost += stats.lost;
        self.viewers_with_loss += u64::from(stats.lost > 0);
        self.duplicates += stats.duplicates;
        self.reordered += stats.reordered;
        self.bytes += stats.bytes;
        self.pictures += stats.pictures;
        self.loss_percent = 100.0 * share(self.lost as f64, self.expected as f64);
    }
}

impl Repair {
    fn add(&mut self, stats: &ViewerStats) {
        self.nacks_sent += stats.nacks;
        self.packets_asked_for += stats.nacked;
        self.rtx_received += stats.repairs;
        self.sender_reports += stats.sender_reports;
    }
}

impl Srtp {
    fn add(&mut self, stats: &ViewerStats) {
        self.gcm_viewers += u64::from(stats.gcm == Some(true));
        self.authenticated += stats.authenticated;
        self.rejected += stats.rejected;
        self.ignored += stats.ignored;
        self.early += stats.early;
    }
}

impl Server {
    fn new(phases: &Phases, connected_at: &[Instant]) -> Self {
        let Phases { idle_start, start, steady, end, .. } = phases;
        let cpu = |from: &Sample, to: &Sample| to.server.cpu_seconds - from.server.cpu_seconds;
        let time = |from: &Sample, to: &Sample| to.at.duration_since(from.at).as_secs_f64();
        let viewers = connected_at.len() as f64;
        let idle = share(cpu(idle_start, start), time(idle_start, start));
        let packets = (end.packets - steady.packets) as f64;
        let above_idle = cpu(steady, end) - idle * time(steady, end);
        let viewer_second = share(above_idle, viewers * time(steady, end));
        let connected_seconds: f64 =
            connected_at.iter().map(|at| steady.at.saturating_duration_since(*at).as_secs_f64()).sum();
        let setup = cpu(start, steady) - idle * time(start, steady) - connected_seconds * viewer_second;
        let grown = end.server.rss_kb as f64 - start.server.rss_kb as f64;
        Self {
            cpu_seconds: cpu(start, end),
            idle_cpu_percent: 100.0 * idle,
            steady_cpu_percent: 100.0 * share(cpu(steady, end), time(steady, end)),
            cpu_us_per_packet: (packets > 0.0).then(|| 1e6 * cpu(steady, end) / packets),
            cpu_us_per_packet_above_idle: (packets > 0.0).then(|| 1e6 * above_idle / packets),
            cpu_ms_per_setup: (viewers > 0.0).then(|| 1e3 * setup / viewers),
            rss_kb_before: start.server.rss_kb,
            rss_kb_connected: steady.server.rss_kb,
            rss_kb_end: end.server.rss_kb,
            rss_kb_per_viewer: (viewers > 0.0).then(|| grown / viewers),
            growth: phases.growth.clone(),
            rss_kb_slope: slope(&phases.growth),
        }
    }
}

/// The line through the first step and the last, in kB a viewer.
fn slope(growth: &[Growth]) -> Option<f64> {
    let (first, last) = (growth.first()?, growth.last()?);
    let viewers = last.viewers.checked_sub(first.viewers).filter(|viewers| *viewers > 0)?;
    Some((last.rss_kb as f64 - first.rss_kb as f64) / viewers as f64)
}

/// In milliseconds; `None` of nothing.
fn percentiles(durations: impl Iterator<Item = Duration>) -> Option<Percentiles> {
    let mut sorted: Vec<f64> = durations.map(|duration| duration.as_secs_f64() * 1e3).collect();
    sorted.sort_by(f64::total_cmp);
    // Nearest rank: the smallest value that at least this share is not above.
    let rank = |percent: usize| sorted[(sorted.len() * percent).div_ceil(100).max(1) - 1];
    (!sorted.is_empty()).then(|| Percentiles {
        count: sorted.len(),
        p50: rank(50),
        p95: rank(95),
        max: rank(100),
    })
}

/// A quotient that is 0 of nothing.
fn share(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_occurred() {
        let of = |values: &[u64]| percentiles(values.iter().copied().map(Duration::from_millis));
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[5]), Some(Percentiles { count: 1, p50: 5.0, p95: 5.0, max: 5.0 }));
        let hundred: Vec<u64> = (1..=100).rev().collect();
        assert_eq!(of(&hundred), Some(Percentiles { count: 100, p50: 50.0, p95: 95.0, max: 100.0 }));
    }

    #[test]
    fn the_cost_of_setting_up_leaves_out_idling_and_watching() {
        let now = Instant::now();
        let at = |seconds: u64| now + Duration::from_secs(seconds);
        let sample = |seconds: u64, cpu_seconds: f64, packets: u64, rss_kb: u64| Sample {
            at: at(seconds),
            server: Usage { cpu_seconds, rss_kb },
            generator: Usage::default(),
            packets,
            bytes: 0,
        };
        // Idle: 0.1 s in each second. A viewer: 0.02 s in each second. A set-up: 0.005 s.
        let phases = Phases {
            idle_start: sample(0, 1.0, 0, 1000),
            start: sample(10, 2.0, 0, 1000),
            steady: sample(14, 2.0 + 0.4 + 10.0 * 0.005 + 20.0 * 0.02, 1000, 1900),
            end: sample(24, 2.85 + 1.0 + 100.0 * 0.02, 21_000, 2000),
            growth: vec![
                Growth { viewers: 2, rss_kb: 1_100 },
                Growth { viewers: 5, rss_kb: 1_300 },
                Growth { viewers: 10, rss_kb: 1_900 },
            ],
            receive_drops: 0,
        };
        let server = Server::new(
            &phases,
            &[at(11), at(11), at(11), at(11), at(11), at(13), at(13), at(13), at(13), at(13)],
        );
        let near = |value: Option<f64>, wanted: f64| value.is_some_and(|value| (value - wanted).abs() < 1e-6);
        assert!(near(server.cpu_us_per_packet, 150.0));
        assert!(near(server.cpu_us_per_packet_above_idle, 100.0));
        assert!(near(server.cpu_ms_per_setup, 5.0), "{server:?}");
        assert!(near(server.rss_kb_per_viewer, 100.0) && near(server.rss_kb_slope, 100.0));
    }
}
