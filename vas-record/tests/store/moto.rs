//! An S3 service of its own: PyPI's `moto[server]` on a free port of 127.0.0.1, with one bucket.
//!
//! It depends on nothing of this crate, so that other tests include the file too.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// The bucket that there is.
pub(crate) const BUCKET: &str = "footage";
/// Python may be slow to start on a machine that is at its limit.
const READY_WITHIN: Duration = Duration::from_secs(60);

/// A running service; dropping it ends it and what is stored in it.
#[derive(Debug)]
pub(crate) struct Moto {
    process: Child,
    address: SocketAddr,
}

impl Moto {
    /// Starts it and makes the bucket.
    ///
    /// # Panics
    /// If it is not installed (`make test` does that) or does not start.
    pub(crate) async fn start() -> Self {
        // The kernel hands out other ports before it comes round to this one again.
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = listener.local_addr().expect("a bound socket");
        drop(listener);
        let process = Command::new(program())
            .args(["-H", "127.0.0.1", "-p", &address.port().to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("moto_server starts; `make test` installs it");
        let moto = Self { process, address };
        let began = Instant::now();
        while TcpStream::connect(address).is_err() {
            assert!(began.elapsed() < READY_WITHIN, "moto_server does not listen");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let answer = moto.request("PUT", &format!("/{BUCKET}")).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "the bucket is not made: {answer}");
        moto
    }

    /// Where it listens.
    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The uploads in parts that are neither completed nor aborted, as the service lists them.
    pub(crate) async fn unfinished_uploads(&self) -> usize {
        let answer = self.request("GET", &format!("/{BUCKET}?uploads")).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        answer.matches("<UploadId>").count()
    }

    /// Makes a request that it takes unsigned and gives its answer.
    async fn request(&self, method: &str, path: &str) -> String {
        let mut stream = tokio::net::TcpStream::connect(self.address).await.expect("moto listens");
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
            self.address
        );
        stream.write_all(head.as_bytes()).await.expect("moto takes a request");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.expect("moto answers");
        String::from_utf8_lossy(&answer).into_owned()
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Where `scripts/setup.sh` puts it.
fn program() -> PathBuf {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| "target".into(), PathBuf::from);
    workspace.join(target).join("moto/bin/moto_server")
}

#[tokio::test]
async fn it_answers() {
    let moto = Moto::start().await;
    assert_eq!(moto.unfinished_uploads().await, 0);
}
