//! The relay over real sockets; what it does to times and chances is tried in [`super::way`] without a clock.

use super::*;
use crate::turn;
use anyhow::ensure;

const MS: Duration = Duration::from_millis(1);
const SOON: Duration = Duration::from_secs(10);

/// A server, a relay in front of it and a client, with sockets that wait.
struct Line {
    server: UdpSocket,
    relay: Relay,
    client: UdpSocket,
    start: Instant,
}

fn socket() -> Result<UdpSocket> {
    let socket = bind()?;
    socket.set_nonblocking(false)?;
    socket.set_read_timeout(Some(SOON))?;
    Ok(socket)
}

/// A datagram of this size that begins with its number.
fn numbered(number: u32, size: usize) -> Vec<u8> {
    let mut datagram = number.to_be_bytes().to_vec();
    datagram.resize(size, 0);
    datagram
}

impl Line {
    fn new() -> Result<Self> {
        let server = socket()?;
        let relay = Relay::start(server.local_addr()?, 5)?;
        Ok(Self { server, relay, client: socket()?, start: Instant::now() })
    }

    /// The client says hello; gives the port under which the server hears it.
    fn hello(&self) -> Result<SocketAddr> {
        self.client.send_to(b"hello", self.relay.address())?;
        let mut buffer = [0; 100];
        let (size, port) = self.server.recv_from(&mut buffer)?;
        ensure!(&buffer[..size] == b"hello" && port != self.client.local_addr()?, "{port}");
        Ok(port)
    }

    /// The server sends numbered datagrams, `pace` apart, while the client listens; gives each that arrives with
    /// when it was sent and when it came. Ends when the last `wanted` have come.
    fn flood(
        &self,
        to: SocketAddr,
        count: u32,
        wanted: usize,
        size: usize,
        pace: Duration,
    ) -> Result<Vec<(u32, Instant, Instant)>> {
        let begin = Instant::now();
        let mut sent = Vec::new();
        let mut arrived = Vec::new();
        thread::scope(|scope| -> Result<()> {
            let listener = scope.spawn(|| {
                let (mut buffer, mut arrived) = (vec![0; LONGEST], Vec::new());
                while arrived.len() < wanted {
                    let Ok(size) = self.client.recv(&mut buffer) else { break };
                    let number = buffer[..size].first_chunk().map_or(0, |bytes| u32::from_be_bytes(*bytes));
                    arrived.push((number, Instant::now()));
                }
                arrived
            });
            for number in 0..count {
                thread::sleep((begin + pace * number).saturating_duration_since(Instant::now()));
                sent.push(Instant::now());
                self.server.send_to(&numbered(number, size), to)?;
            }
            arrived = listener.join().map_err(|_| anyhow::anyhow!("the listener panicked"))?;
            Ok(())
        })?;
        Ok(arrived.into_iter().map(|(number, at)| (number, sent[number as usize], at)).collect())
    }
}

/// In the middle of all, so that what the scheduler does to a few of them does not count.
fn median(mut values: Vec<Duration>) -> Duration {
    values.sort_unstable();
    values[values.len() / 2]
}

#[tokio::test]
async fn moves_datagrams_both_ways_with_their_delay() -> Result<()> {
    let _turn = turn::alone().await;
    let line = Line::new()?;
    let port = line.hello()?;
    for delay in [Duration::ZERO, 50 * MS] {
        line.relay.set(Direction::Down, Link { delay, ..Link::default() });
        let arrived = line.flood(port, 200, 200, 1_200, 3 * MS)?;
        ensure!(arrived.iter().map(|(number, ..)| *number).eq(0..200), "{arrived:?}");
        let times: Vec<_> = arrived.iter().map(|(_, sent, at)| at.duration_since(*sent)).collect();
        ensure!(times.iter().all(|time| *time >= delay), "{times:?}");
        let typical = median(times);
        println!("a delay of {delay:?} takes {typical:?}");
        ensure!(typical < delay + MS, "a delay of {delay:?} takes {typical:?}");
    }
    let down = line.relay.counters(Direction::Down);
    ensure!((down.offered, down.passed, down.lost) == (400, 400, 0), "{down:?}");
    ensure!(line.relay.counters(Direction::Up).passed == 1, "the hello");
    Ok(())
}

#[tokio::test]
async fn keeps_the_rate_of_a_bottleneck() -> Result<()> {
    let _turn = turn::alone().await;
    let line = Line::new()?;
    let port = line.hello()?;
    let bottleneck = Some(Bottleneck::new(2_000_000, 100 * MS));
    line.relay.set(Direction::Down, Link { bottleneck, ..Link::default() });
    // 1,000 bytes with headers each 2 ms are twice the rate.
    let arrived = line.flood(port, 1_000, 500, 1_000 - HEADERS, 2 * MS)?;
    let (Some(first), Some(last)) = (arrived.first(), arrived.last()) else {
        anyhow::bail!("nothing arrived");
    };
    let rate = (arrived.len() - 1) as f64 * 8_000.0 / last.2.duration_since(first.2).as_secs_f64();
    let down = line.relay.counters(Direction::Down);
    println!("{rate:.0} b/s through 2 Mb/s, {} dropped, {} bytes waited", down.overflowed, down.queue_max);
    ensure!((rate / 2e6 - 1.0).abs() < 0.03, "{rate}");
    ensure!(down.overflowed > 400 && down.queue_max <= 25_000, "{down:?}");
    Ok(())
}

#[tokio::test]
async fn serves_several_clients_and_gives_them_new_ports() -> Result<()> {
    let mut line = Line::new()?;
    let first = line.hello()?;
    line.client = socket()?;
    let second = line.hello()?;
    ensure!(first != second, "two clients share a port");
    line.relay.rebind();
    // The thread obeys within the wake-up; until then the old port is used.
    let third = loop {
        let port = line.hello()?;
        if port != second {
            break port;
        }
        ensure!(line.start.elapsed() < SOON, "no new port");
    };
    line.server.send_to(b"to the old port", second)?;
    line.server.send_to(b"to the new port", third)?;
    let mut buffer = [0; 100];
    let size = line.client.recv(&mut buffer)?;
    ensure!(&buffer[..size] == b"to the new port", "{:?}", &buffer[..size]);
    Ok(())
}

#[tokio::test]
async fn swallows_everything_while_told_to() -> Result<()> {
    let line = Line::new()?;
    let port = line.hello()?;
    line.relay.set_black_hole(true);
    line.server.send_to(b"lost", port)?;
    line.client.send_to(b"lost", line.relay.address())?;
    let lost = |direction| line.relay.counters(direction).lost;
    while lost(Direction::Down) + lost(Direction::Up) < 2 {
        ensure!(line.start.elapsed() < SOON, "nothing is lost");
        thread::yield_now();
    }
    line.relay.set_black_hole(false);
    line.server.send_to(b"found", port)?;
    let mut buffer = [0; 100];
    let size = line.client.recv(&mut buffer)?;
    ensure!(&buffer[..size] == b"found", "{:?}", &buffer[..size]);
    line.hello()?;
    Ok(())
}

#[test]
fn stands_in_for_all_candidates_of_an_answer() {
    let relay = Relay::start(SocketAddr::from((Ipv4Addr::LOCALHOST, 9)), 1).unwrap();
    let answer = "v=0\r\na=ice-lite\r\na=candidate:1 1 udp 9 192.0.2.1 8189 typ host\r\n\
        a=candidate:2 1 tcp 8 192.0.2.1 8189 typ host tcptype passive\r\na=end-of-candidates\r\n";
    let port = relay.address().port();
    let expected = format!(
        "v=0\r\na=ice-lite\r\na=candidate:1 1 udp 2130706431 127.0.0.1 {port} typ host\r\n\
         a=end-of-candidates\r\n"
    );
    assert_eq!(relay.rewrite(answer), expected);
}
