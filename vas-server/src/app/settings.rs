//! The settings of the server as the settings of its parts, at the start and when they change.

use crate::config::{Config, Invalid};
use crate::control::Recordings;
use crate::logging;
use crate::reload::Apply;
use std::time::Duration;
use vas_core::hub::StreamHub;
use vas_core::{SystemClock, TaskScope};
use vas_ingest::{BackoffConfig, HostPolicy, IngestConfig, Supervisor};
use vas_sfu::whip::WhipConfig;
use vas_sfu::{IceServerConfig, Sfu, SfuConfig};

/// The parts that take up other settings while they run.
#[derive(Debug)]
pub(super) struct Renewable {
    pub(super) supervisor: Supervisor,
    pub(super) sfu: Sfu,
    pub(super) recordings: Recordings,
    /// Ports that cameras can't be at on this machine.
    pub(super) own_ports: Vec<u16>,
}

impl Apply for Renewable {
    async fn apply(&self, config: &Config) -> Result<(), Invalid> {
        // What can be refused goes first, so that all of it holds or nothing.
        let ingest = ingest_config(config, self.own_ports.clone())?;
        logging::set_level(&config.log)?;
        self.recordings.renew(&config.recording).await?;
        self.supervisor.set_config(ingest);
        self.sfu.renew(sfu_config(config));
        Ok(())
    }
}

pub(super) fn sfu_config(config: &Config) -> SfuConfig {
    let media = &config.media;
    let mut sfu = SfuConfig::on_port(media.port)
        .public_addresses(media.public_addresses.clone())
        .shards(media.threads as usize);
    sfu.announce_local = media.announce_local;
    sfu.tcp = media.tcp;
    sfu.ice_servers = ice_servers(config);
    sfu.max_transports = media.max_viewers as usize;
    sfu.max_viewers_per_stream = media.max_viewers_per_stream as usize;
    sfu.max_viewers_per_address = match media.max_viewers_per_address {
        0 => usize::MAX,
        limit => limit as usize,
    };
    sfu.max_egress_bps = u64::from(media.max_egress_mbps) * 1_000_000;
    sfu
}

fn ice_servers(config: &Config) -> Vec<IceServerConfig> {
    let (stun, turn) = (&config.media.ice_servers, &config.turn);
    let mut servers = Vec::new();
    if !stun.is_empty() {
        servers.push(IceServerConfig::open(stun.clone()));
    }
    if !turn.urls.is_empty() {
        let (urls, secret) = (turn.urls.clone(), turn.secret.secret().clone());
        servers.push(if turn.secret.is_empty() {
            IceServerConfig::with_password(urls, turn.username.clone(), turn.password.secret().clone())
        } else {
            IceServerConfig::with_secret(urls, secret, turn.ttl_seconds.into())
        });
    }
    servers
}

pub(super) fn whip_config(config: &Config) -> WhipConfig {
    let mut whip = WhipConfig::default();
    whip.public_addresses = config.media.public_addresses.clone();
    whip.announce_local = config.media.announce_local;
    whip.ports = config.publishers.first_port..=config.publishers.last_port;
    whip.max_sessions = config.publishers.max as usize;
    whip.media_timeout = Duration::from_secs(config.ingest.media_timeout_seconds.into());
    whip
}

/// `own_ports`: what this server listens on.
pub(super) fn ingest_config(config: &Config, own_ports: Vec<u16>) -> Result<IngestConfig, Invalid> {
    let limits = &config.ingest;
    let seconds = |seconds: u32| Duration::from_secs(seconds.into());
    let mut ingest = IngestConfig::default();
    ingest.connect_timeout = seconds(limits.connect_timeout_seconds);
    ingest.request_timeout = seconds(limits.request_timeout_seconds);
    ingest.media_timeout = seconds(limits.media_timeout_seconds);
    ingest.max_connects = limits.max_connects as usize;
    ingest.max_connects_per_host = limits.max_connects_per_host as usize;
    ingest.backoff =
        BackoffConfig::between(seconds(limits.backoff_min_seconds), seconds(limits.backoff_max_seconds));
    let [allow, deny] = limits.host_rules()?;
    ingest.hosts = HostPolicy::new(allow, deny, own_ports);
    Ok(ingest)
}

/// What knows which hosts may be connected to, and connects to none.
pub(crate) fn supervisor_for_checks(config: &Config) -> Result<Supervisor, Invalid> {
    let ingest = ingest_config(config, Vec::new())?;
    Ok(Supervisor::new(StreamHub::default(), &TaskScope::new(), SystemClock::shared(), ingest))
}
