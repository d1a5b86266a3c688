//! What a server needs, looked at one by one before it is started: settings, database, disk, ports, clock.

use crate::config::{Config, Loaded, StoreKind, nearest_variable};
use crate::db::{Database, DatabaseError};
use crate::instance::{Presence, presence};
use std::net::{Ipv6Addr, SocketAddr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use vas_core::model::{TenantId, mask_url};
use vas_core::ports::{DeviceRepo, Page};
use vas_core::{Clock, SystemClock, WallTime, with_causes};

const MB: u64 = 1_000_000;
/// A clock before this time, 2025-01-01, was never set, in microseconds since 1970.
const NEVER_SET: WallTime = WallTime::from_unix_micros(1_735_689_600_000_000);
/// Files may be so much younger than the clock says without that meaning anything, in microseconds.
const SLACK: i64 = 60_000_000;

/// How one thing stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Well.
    Good,
    /// Well enough to start.
    Odd,
    /// The server would not start, or not work.
    Bad,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What it is.
    pub subject: &'static str,
    /// How it stands.
    pub verdict: Verdict,
    /// More, and where something is wrong, what to do.
    pub text: String,
}

impl Finding {
    fn new(subject: &'static str, verdict: Verdict, text: impl Into<String>) -> Self {
        Self { subject, verdict, text: text.into() }
    }

    fn of(subject: &'static str, result: Result<String, String>) -> Self {
        match result {
            Ok(text) => Self::new(subject, Verdict::Good, text),
            Err(text) => Self::new(subject, Verdict::Bad, text),
        }
    }
}

/// Looks at everything. Makes folders and the database where they are missing, as a start would.
pub async fn check(loaded: &Loaded) -> Vec<Finding> {
    let config = &loaded.config;
    let mut findings = vec![Finding::new("settings", Verdict::Good, "they can be read and fit together")];
    for name in &loaded.unknown_variables {
        let meant =
            nearest_variable(name).map_or_else(String::new, |meant| format!("; did you mean {meant}?"));
        findings.push(Finding::new(
            "settings",
            Verdict::Odd,
            format!("{name} looks like a setting and is none{meant}"),
        ));
    }
    findings.push(database(config).await);
    findings.push(Finding::of("data folder", writable(&config.data_dir)));
    findings.extend(recordings(config));
    let running = match presence(&config.data_dir) {
        Presence::Server(address) => Some(address),
        Presence::None(_) => None,
    };
    match running {
        Some(address) => {
            findings.push(Finding::new(
                "ports",
                Verdict::Good,
                format!("a server runs on this data folder, at {address}"),
            ));
        }
        None => findings.extend(ports(config)),
    }
    findings.push(clock(&config.data_dir, SystemClock.wall()));
    findings
}

async fn database(config: &Config) -> Finding {
    let opened = async {
        let database = Database::open(config).await?;
        let devices =
            database.devices().list(&TenantId::default(), Page { offset: 0, limit: u64::MAX }).await;
        database.close().await;
        Ok::<_, DatabaseError>(devices)
    };
    Finding::of(
        "database",
        match opened.await {
            Ok(Ok(devices)) => {
                let plural = if devices.len() == 1 { "" } else { "s" };
                Ok(format!("{} has {} device{plural}", mask_url(&config.database_url()), devices.len()))
            }
            Ok(Err(error)) => Err(with_causes(&error)),
            Err(error) => Err(with_causes(&error)),
        },
    )
}

/// Whether files can be made in a folder, which is made where it is missing.
fn writable(folder: &Path) -> Result<String, String> {
    let failed = |error: std::io::Error| {
        format!("can't write to {}: {error}; check its owner and rights", folder.display())
    };
    std::fs::create_dir_all(folder).map_err(failed)?;
    let probe = folder.join(format!(".vas-check-{}", std::process::id()));
    std::fs::write(&probe, b"check").map_err(failed)?;
    std::fs::remove_file(&probe).map_err(failed)?;
    Ok(format!("{} can be written to", folder.display()))
}

/// The recording folder and the room on its disk.
fn recordings(config: &Config) -> Vec<Finding> {
    let folder = config.recording_folder();
    let mut findings = vec![Finding::of("recordings", writable(&folder))];
    let wanted = u64::from(config.recording.retention.min_free_mb) * MB;
    match rustix::fs::statvfs(&folder) {
        Ok(stat) => {
            let free = stat.f_bavail.saturating_mul(stat.f_frsize);
            let text = format!("{} MB are free for recordings", free / MB);
            let is_short = free < wanted && config.recording.store != StoreKind::S3;
            findings.push(if is_short {
                let wanted = config.recording.retention.min_free_mb;
                let text =
                    format!("{text}, and {wanted} MB are to stay free (recording.retention.min_free_mb)");
                Finding::new("disk", Verdict::Odd, text)
            } else {
                Finding::new("disk", Verdict::Good, text)
            });
        }
        Err(error) => {
            findings.push(Finding::new("disk", Verdict::Odd, format!("its free room can't be told: {error}")))
        }
    }
    findings
}

/// Whether the ports are free.
fn ports(config: &Config) -> Vec<Finding> {
    let failed = |address: SocketAddr, error: std::io::Error, setting: &str| {
        format!("can't listen on {address}: {error}; choose another with {setting}, or stop what uses it")
    };
    let listen = config.http.listen;
    let http = TcpListener::bind(listen).map(drop).map_err(|error| failed(listen, error, "http.listen"));
    let media = SocketAddr::from((Ipv6Addr::UNSPECIFIED, config.media.port));
    // Where the machine has no IPv6.
    let media_v4 = SocketAddr::from(([0, 0, 0, 0], config.media.port));
    let udp = UdpSocket::bind(media).or_else(|_| UdpSocket::bind(media_v4)).map(drop);
    let tcp = if config.media.tcp {
        TcpListener::bind(media).or_else(|_| TcpListener::bind(media_v4)).map(drop)
    } else {
        Ok(())
    };
    vec![
        Finding::of("HTTP port", http.map(|()| format!("{listen} is free"))),
        Finding::of(
            "media port",
            udp.and(tcp)
                .map(|()| {
                    format!(
                        "{} is free, UDP{}",
                        config.media.port,
                        if config.media.tcp { " and TCP" } else { "" }
                    )
                })
                .map_err(|error| failed(media_v4, error, "media.port")),
        ),
    ]
}

/// Whether the clock can be right. Recordings are found by their time, and tokens expire by it.
fn clock(data_dir: &Path, now: WallTime) -> Finding {
    if now < NEVER_SET {
        return Finding::new(
            "clock",
            Verdict::Bad,
            "it was never set; let NTP set it before the server starts",
        );
    }
    let files = std::fs::read_dir(data_dir).into_iter().flatten().flatten();
    let written = |path: PathBuf| Some(WallTime::from(path.metadata().ok()?.modified().ok()?));
    let newest = files.filter_map(|file| written(file.path())).max();
    match newest {
        Some(newest) if newest.micros_since(now) > SLACK => {
            let text = "files of the server are from the future: the clock was set back, and recordings begin anew behind \
                        them; check NTP";
            Finding::new("clock", Verdict::Odd, text)
        }
        _ => Finding::new("clock", Verdict::Good, crate::rfc3339::time(now)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Flag, Sources};

    fn loaded(folder: &Path) -> Loaded {
        let flag = |key, value: &str| Flag { flag: "--test", key, values: vec![value.to_owned()] };
        let folder = folder.display().to_string();
        let flags =
            vec![flag("data_dir", &folder), flag("http.listen", "127.0.0.1:0"), flag("media.port", "0")];
        Sources { flags, ..Sources::default() }.load().unwrap()
    }

    fn verdict(findings: &[Finding], subject: &str) -> Verdict {
        findings.iter().find(|finding| finding.subject == subject).unwrap().verdict
    }

    #[tokio::test]
    async fn what_is_wrong_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let mut loaded = loaded(folder.path());
        let findings = check(&loaded).await;
        assert!(findings.iter().all(|finding| finding.verdict != Verdict::Bad), "{findings:?}");

        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        loaded.config.http.listen = taken.local_addr().unwrap();
        loaded.config.database.url = format!("sqlite://{}/no/such/../../x/\0", folder.path().display());
        loaded.unknown_variables = vec!["VAS_HTTP_LISTN".to_owned()];
        let findings = check(&loaded).await;
        assert_eq!(verdict(&findings, "HTTP port"), Verdict::Bad);
        assert_eq!(verdict(&findings, "database"), Verdict::Bad);
        assert!(findings[1].text.ends_with("did you mean VAS_HTTP_LISTEN?"));
        assert_eq!(clock(folder.path(), WallTime::from_unix_micros(0)).verdict, Verdict::Bad);
        assert_eq!(clock(folder.path(), NEVER_SET).verdict, Verdict::Odd);
    }
}
