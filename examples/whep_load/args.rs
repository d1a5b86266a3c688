//! The command line.

use std::time::Duration;

use clap::Parser;
use reqwest::Url;

/// Opens many viewers on WHEP endpoints, receives, and reports packets, loss, times and the server's cost.
#[derive(Parser)]
#[command(name = "whep_load")]
pub(crate) struct Args {
    /// The WHEP endpoint; give it several times to spread the viewers over several
    #[arg(long, required = true)]
    pub(crate) url: Vec<Url>,
    /// How many viewers to open
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) viewers: u32,
    /// Stop at these numbers of viewers on the way up and note the server's memory, such as 100,250,500
    #[arg(long, value_delimiter = ',')]
    pub(crate) steps: Vec<u32>,
    /// How long to stay at each step before its memory is noted, in seconds
    #[arg(long, default_value = "3", value_parser = seconds)]
    pub(crate) step_seconds: Duration,
    /// How long to receive once all viewers are connected, in seconds
    #[arg(long, default_value = "10", value_parser = seconds)]
    pub(crate) seconds: Duration,
    /// How many viewers to open per second
    #[arg(long, default_value_t = 50.0, value_parser = rate)]
    pub(crate) ramp: f64,
    /// How long a viewer may take from its POST to the end of its handshake, in seconds
    #[arg(long, default_value = "20", value_parser = seconds)]
    pub(crate) setup_timeout: Duration,
    /// Bearer token for the endpoint
    #[arg(long, env = "WHEP_TOKEN", hide_env_values = true)]
    pub(crate) token: Option<String>,
    /// Print the report as JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Threads that receive
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) threads: u16,
    /// Neither offer nor send NACK, so that loss stays visible
    #[arg(long, overrides_with = "nack")]
    pub(crate) no_nack: bool,
    /// Offer NACK and RTX and ask for missing packets (the default)
    #[arg(long, overrides_with = "no_nack")]
    pub(crate) nack: bool,
    /// Offer H.265 too
    #[arg(long)]
    pub(crate) h265: bool,
    /// Offer transport-wide congestion control and send its feedback
    #[arg(long)]
    pub(crate) transport_cc: bool,
    /// Do not offer the playout-delay header extension
    #[arg(long)]
    pub(crate) no_playout_delay: bool,
    /// Offer SRTP with SHA1-80 alone instead of AES-128-GCM first
    #[arg(long)]
    pub(crate) sha1: bool,
    /// Decrypt every packet, not a sample
    #[arg(long)]
    pub(crate) decrypt_all: bool,
    /// Receive datagrams one by one. A server on the same machine then pays for cutting its runs into
    /// packets, as it does on a network card without segmentation offload
    #[arg(long)]
    pub(crate) no_gro: bool,
    /// A process of the server, to report its CPU time and memory; give it several times to add several up
    #[arg(long)]
    pub(crate) server_pid: Vec<u32>,
    /// How long to watch the idle server before the first viewer, in seconds
    #[arg(long, default_value = "2", value_parser = seconds)]
    pub(crate) baseline: Duration,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "give a number of seconds".to_owned())?;
    Duration::try_from_secs_f64(seconds).map_err(|_| "give a number of seconds from 0 up".to_owned())
}

fn rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if rate.is_finite() && rate > 0.0 => Ok(rate),
        _ => Err("give a number above 0".to_owned()),
    }
}
