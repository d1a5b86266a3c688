//! Debian's coturn on free ports of 127.0.0.1, with credentials made from a shared secret.

use crate::ports::free_udp;
use crate::process::Process;
use anyhow::Result;
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;

/// It listens within this.
const READY: Duration = Duration::from_secs(20);

/// A running TURN server; dropping it ends it.
#[derive(Debug)]
pub(crate) struct Coturn {
    _process: Process,
    port: u16,
    _folder: TempDir,
}

impl Coturn {
    /// Starts it with this secret.
    ///
    /// # Errors
    /// It is not installed (`make test` does that) or does not start.
    pub(crate) async fn start(secret: &str) -> Result<Self> {
        let folder = TempDir::new()?;
        // It listens on both protocols.
        let port = loop {
            let port = free_udp()?;
            if std::net::TcpListener::bind(("127.0.0.1", port)).is_ok() {
                break port;
            }
        };
        let mut command = Command::new("turnserver");
        command.args(["-n", "--use-auth-secret", "--realm=vas.test", "--no-tls", "--no-dtls", "--no-cli"]);
        command.args(["--listening-ip=127.0.0.1", "--relay-ip=127.0.0.1", "--allow-loopback-peers"]);
        command.args(["--log-file=stdout", "--simple-log", "--verbose"]);
        command.arg(format!("--static-auth-secret={secret}")).arg(format!("--listening-port={port}"));
        command.arg(format!("--userdb={}", folder.path().join("turndb").display()));
        command.arg(format!("--pidfile={}", folder.path().join("pid").display()));
        let mut process = Process::spawn("coturn", command)?;
        process
            .wait_for_line(READY, "the listener", |line| {
                line.contains("IO method (admin thread)").then_some(())
            })
            .await?;
        Ok(Self { _process: process, port, _folder: folder })
    }

    /// Its URL, over UDP.
    pub(crate) fn url(&self) -> String {
        format!("turn:127.0.0.1:{}?transport=udp", self.port)
    }
}

#[tokio::test]
async fn it_listens() -> Result<()> {
    let coturn = Coturn::start("north").await?;
    assert!(std::net::TcpStream::connect(("127.0.0.1", coturn.port)).is_ok());
    Ok(())
}
