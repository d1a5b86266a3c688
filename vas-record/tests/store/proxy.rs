//! A small proxy before a service that does to it what networks and overloaded services do.
//!
//! It depends on nothing of this crate, so that other tests include the file too.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// What is wrong with the way to the service. A change breaks the connections that there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Weather {
    /// Nothing.
    Fine,
    /// Connections are refused the moment they stand.
    Down,
    /// Each request is answered `503 Slow Down`.
    Errors,
    /// Each answer comes through, and every connection is cut after so many bytes in either direction.
    CutAfter(u64),
    /// Each direction carries about so many bytes a second.
    Slow(u64),
}

/// A running proxy; dropping it ends it.
#[derive(Debug)]
pub(crate) struct Proxy {
    address: SocketAddr,
    weather: watch::Sender<Weather>,
    connections: Arc<AtomicU64>,
    _tasks: JoinSet<()>,
}

impl Proxy {
    /// Starts one before the service at `to`.
    ///
    /// # Panics
    /// If there is no free port.
    pub(crate) async fn start(to: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound socket");
        let (weather, now) = watch::channel(Weather::Fine);
        let connections = Arc::new(AtomicU64::new(0));
        let mut tasks = JoinSet::new();
        let count = connections.clone();
        tasks.spawn(async move {
            let mut carried = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::Relaxed);
                let mut now = now.clone();
                carried.spawn(async move {
                    let weather = *now.borrow_and_update();
                    tokio::select! {
                        () = carry(client, to, weather) => {}
                        _ = now.changed() => {}
                    }
                });
                while carried.try_join_next().is_some() {}
            }
        });
        Self { address, weather, connections, _tasks: tasks }
    }

    /// The URL to reach the service by.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Changes the weather.
    pub(crate) fn set(&self, weather: Weather) {
        self.weather.send_replace(weather);
    }

    /// Connections that were made so far.
    pub(crate) fn connections(&self) -> u64 {
        self.connections.load(Ordering::Relaxed)
    }
}

async fn carry(mut client: TcpStream, to: SocketAddr, weather: Weather) {
    match weather {
        Weather::Down => return,
        Weather::Errors => {
            let mut request = [0; 16 << 10];
            // The request's end is not looked for: the answer may come before it, and ends the connection.
            let _ = client.read(&mut request).await;
            let body = "<Error><Code>SlowDown</Code></Error>";
            let answer = format!(
                "HTTP/1.1 503 Slow Down\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                body.len()
            );
            let _ = client.write_all(answer.as_bytes()).await;
            return;
        }
        Weather::Fine | Weather::CutAfter(_) | Weather::Slow(_) => {}
    }
    let Ok(server) = TcpStream::connect(to).await else { return };
    let (client_reads, client_writes) = client.into_split();
    let (server_reads, server_writes) = server.into_split();
    let up = pump(client_reads, server_writes, weather);
    let down = pump(server_reads, client_writes, weather);
    if matches!(weather, Weather::CutAfter(_)) {
        // One direction's end is the other's.
        tokio::select! { () = up => {}, () = down => {} }
    } else {
        tokio::join!(up, down);
    }
}

async fn pump(
    mut from: tokio::net::tcp::OwnedReadHalf,
    mut to: tokio::net::tcp::OwnedWriteHalf,
    weather: Weather,
) {
    let mut buffer = vec![0; 16 << 10];
    let mut left = if let Weather::CutAfter(bytes) = weather { bytes } else { u64::MAX };
    while left > 0 {
        let Ok(n @ 1..) = from.read(&mut buffer).await else { return };
        let n = n.min(usize::try_from(left).unwrap_or(usize::MAX));
        left -= n as u64;
        if to.write_all(&buffer[..n]).await.is_err() {
            return;
        }
        if let Weather::Slow(rate) = weather {
            tokio::time::sleep(Duration::from_secs_f64(n as f64 / rate as f64)).await;
        }
    }
}
