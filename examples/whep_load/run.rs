//! One run: open the viewers, receive, close them, and gather what there is to report.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use futures_util::{FutureExt, StreamExt, stream};
use reqwest::Url;
use vas_examples::viewer::{Decrypt, Identity, SrtpOffer, Viewer, ViewerConfig};

use super::args::Args;
use super::counters::Counters;
use super::process::{self, Usage};
use super::receive::Socket;
use super::report::{Growth, Opened, Phases, Report, Sample};
use super::signalling::Signalling;
use super::worker::{Joining, Worker};

/// For repairs that are on their way at the end.
const REPAIR_TIME: Duration = Duration::from_millis(500);
/// For the bursts that start the last viewers, so that they count as setting up.
const SETTLE_TIME: Duration = Duration::from_millis(500);
/// DELETEs under way at once.
const DELETES: usize = 16;
const WATCH_INTERVAL: Duration = Duration::from_millis(10);

/// Where viewers go, and from which of this machine's addresses.
struct Endpoint {
    url: Url,
    local: IpAddr,
}

/// Runs what `args` ask for. Ctrl-C ends it early, with a report on what there was.
pub(crate) async fn run(args: &Args) -> anyhow::Result<Report> {
    let mut endpoints = Vec::new();
    for url in &args.url {
        endpoints.push(Endpoint { url: url.clone(), local: local_address(url).await? });
    }
    let counters = Arc::new(Counters::default());
    let share = (args.viewers as usize).div_ceil(usize::from(args.threads));
    let workers = (0..args.threads)
        .map(|at| Worker::start(at, share, counters.clone()))
        .collect::<anyhow::Result<Vec<Worker>>>()?;
    let signalling = Signalling::new(args.token.clone())?;
    let interrupt = tokio::signal::ctrl_c().map(|_| ()).shared();
    let sample = || -> anyhow::Result<Sample> {
        Ok(Sample {
            at: Instant::now(),
            server: Usage::of(&args.server_pid)?,
            generator: Usage::own(),
            packets: counters.packets(),
            bytes: counters.bytes(),
        })
    };

    let idle_start = sample()?;
    if !args.server_pid.is_empty() {
        tokio::select! {
            () = tokio::time::sleep(args.baseline) => {}
            () = interrupt.clone() => {}
        }
    }
    let start = sample()?;
    let opening = Opening {
        signalling: &signalling,
        endpoints: &endpoints,
        workers: &workers,
        config: viewer_config(args)?,
        gro: !args.no_gro,
    };
    let mut opened: Vec<Opened> = Vec::new();
    let mut growth = Vec::new();
    let mut joined = 0;
    for step in steps(args) {
        let from = opened.len() as u32;
        opened.extend(open_up_to(from..step, args.ramp, &opening, &interrupt).await);
        joined = opened.iter().filter(|opened| opened.failure.is_none()).count() as u64;
        wait(args.setup_timeout, &interrupt, || counters.connected() + counters.ended() >= joined).await;
        if !args.steps.is_empty() {
            wait(args.step_seconds, &interrupt, || counters.ended() >= joined).await;
            let viewers = counters.connected().saturating_sub(counters.ended());
            growth.push(Growth { viewers, rss_kb: Usage::of(&args.server_pid)?.rss_kb });
        }
    }
    let over = || counters.ended() >= joined;
    wait(SETTLE_TIME, &interrupt, over).await;
    let steady = sample()?;
    wait(args.seconds, &interrupt, over).await;
    let end = sample()?;

    for worker in &workers {
        worker.finish_counting()?;
    }
    tokio::time::sleep(REPAIR_TIME).await;
    let receive_drops = process::receive_drops();
    let sessions = opened.iter().filter_map(|opened| opened.session.clone());
    let delete = |session| signalling.delete(session);
    let deleted: Vec<anyhow::Result<()>> =
        stream::iter(sessions).map(delete).buffer_unordered(DELETES).collect().await;
    let mut outcomes = Vec::new();
    for worker in workers {
        outcomes.extend(worker.stop()?);
    }
    let phases = Phases { idle_start, start, steady, end, growth, receive_drops };
    Report::new(args, &phases, &opened, &outcomes, &deleted)
}

/// The numbers of viewers to open up to, one after the other.
fn steps(args: &Args) -> Vec<u32> {
    let mut steps: Vec<u32> = args.steps.iter().copied().filter(|step| *step < args.viewers).collect();
    steps.sort_unstable();
    steps.push(args.viewers);
    steps
}

/// Opens the viewers of these numbers, `ramp` a second.
async fn open_up_to(
    numbers: Range<u32>,
    ramp: f64,
    opening: &Opening<'_>,
    interrupt: &(impl Future<Output = ()> + Clone),
) -> Vec<Opened> {
    let start = Instant::now();
    let count = numbers.len();
    stream::iter(numbers.enumerate())
        .map(|(nth, at)| {
            let due = start + Duration::from_secs_f64(nth as f64 / ramp);
            let interrupt = interrupt.clone();
            async move {
                tokio::select! {
                    () = interrupt => None,
                    () = tokio::time::sleep_until(due.into()) => Some(opening.open(at as usize).await),
                }
            }
        })
        .buffer_unordered(count.max(1))
        .filter_map(std::future::ready)
        .collect()
        .await
}

/// Waits for `time`, or until it is over sooner.
async fn wait(time: Duration, interrupt: &(impl Future<Output = ()> + Clone), done: impl Fn() -> bool) {
    let watch = async {
        while !done() {
            tokio::time::sleep(WATCH_INTERVAL).await;
        }
    };
    tokio::select! {
        () = watch => {}
        () = tokio::time::sleep(time) => {}
        () = interrupt.clone() => {}
    }
}

fn viewer_config(args: &Args) -> anyhow::Result<ViewerConfig> {
    let mut config = ViewerConfig::new(Identity::generate()?);
    config.h265 = args.h265;
    config.nack = !args.no_nack;
    config.playout_delay = !args.no_playout_delay;
    config.transport_cc = args.transport_cc;
    if args.sha1 {
        config.srtp = SrtpOffer::Sha1Only;
    }
    if args.decrypt_all {
        config.decrypt = Decrypt::All;
    }
    Ok(config)
}

/// What opening a viewer needs.
struct Opening<'a> {
    signalling: &'a Signalling,
    endpoints: &'a [Endpoint],
    workers: &'a [Worker],
    config: ViewerConfig,
    gro: bool,
}

impl Opening<'_> {
    async fn open(&self, at: usize) -> Opened {
        let endpoint = at % self.endpoints.len();
        let mut opened = Opened { endpoint, session: None, answered: None, failure: None };
        if let Err(error) = self.try_open(at, &mut opened).await {
            opened.failure = Some(format!("{error:#}"));
        }
        opened
    }

    async fn try_open(&self, at: usize, opened: &mut Opened) -> anyhow::Result<()> {
        let Endpoint { url, local } = &self.endpoints[opened.endpoint];
        let socket = Socket::bind(local.is_ipv4(), self.gro)
            .context("cannot open a UDP socket (`ulimit -n` has to be above the number of viewers)")?;
        let mut config = self.config.clone();
        config.candidates = vec![SocketAddr::new(*local, socket.socket.local_addr()?.port())];
        let mut viewer = Viewer::new(config);
        let posted = Instant::now();
        let accepted = self.signalling.post(url, viewer.offer().to_owned()).await?;
        opened.answered = Some(posted.elapsed());
        opened.session = accepted.session;
        viewer.accept_answer(Instant::now(), &accepted.answer)?;
        self.workers[at % self.workers.len()].join(Joining {
            viewer,
            socket,
            posted,
            endpoint: opened.endpoint,
        })
    }
}

/// This machine's address on the way to an endpoint. No packet is sent to find it.
async fn local_address(url: &Url) -> anyhow::Result<IpAddr> {
    let host = url.host_str().with_context(|| format!("no host in {url}"))?;
    let port = url.port_or_known_default().with_context(|| format!("no port in {url}"))?;
    let server = tokio::net::lookup_host((host.trim_matches(['[', ']']), port))
        .await
        .with_context(|| format!("cannot resolve {host}"))?
        .next()
        .with_context(|| format!("{host} has no address"))?;
    let any: IpAddr =
        if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let probe = UdpSocket::bind((any, 0))?;
    probe.connect(server).with_context(|| format!("no route to {host}"))?;
    Ok(probe.local_addr()?.ip())
}
