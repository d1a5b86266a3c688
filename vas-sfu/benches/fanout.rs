//! What one packet to one viewer costs, beside the floor: the same bytes sealed with AES-128-GCM under each viewer's key
//! and sent with UDP_SEGMENT, and nothing else.
//!
//! Both are measured in turns within the same run. Receivers drop what they get: plain ones, for which the kernel cuts
//! the segments, and ones with GRO, which take them whole as a card with segmentation offload would.
//!
//! `cargo bench -p vas-sfu --bench fanout -- [--seconds S] [--max-ratio R]`; with `--max-ratio` a higher ratio fails.

#![expect(clippy::print_stdout, reason = "the table is what it is for")]

use nix::sys::socket::{ControlMessage, MsgFlags, SockaddrIn, sendmsg, setsockopt};
use socket2::{Domain, SockFilter, SockRef, Socket, Type};
use std::io::IoSlice;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};
use vas_sfu::bench_support::{BenchFrame, BenchSocket, BenchViewer, fan_out};

/// Payload bytes of a packet, and what header (with the transport-wide number) and tag add.
const PAYLOAD: usize = 1_180;
const HEADER: usize = 20;
const SEGMENT: usize = HEADER + PAYLOAD + 16;
/// Between two frames of a viewer.
const FRAME_INTERVAL: Duration = Duration::from_millis(33);
/// Turns that each side of a comparison gets; the median counts.
const ROUNDS: usize = 9;

fn main() {
    let mut seconds = 0.3;
    let mut max_ratio = f64::INFINITY;
    let mut args = std::env::args();
    while let Some(arg) = args.next() {
        let mut number = || args.next().and_then(|text| text.parse().ok()).expect("a number is expected");
        match arg.as_str() {
            "--seconds" => seconds = number(),
            "--max-ratio" => max_ratio = number(),
            _ => {}
        }
    }
    raise_file_limit();
    println!("ns per packet and viewer, median of {ROUNDS} turns of {seconds} s each; one thread\n");
    println!("sealing alone, {PAYLOAD} bytes in place");
    let ring_seal = bench_seal(&RingFloor::new(), seconds);
    let aws_seal = bench_seal(&AwsFloor::new(), seconds);
    println!("  ring {ring_seal:7.1}\n  aws-lc-rs {aws_seal:7.1}\n");

    println!(
        "{:<10} {:>8} {:>8} {:>10} {:>10} {:>8}",
        "receivers", "packets", "viewers", "floor", "vas-sfu", "ratio"
    );
    let mut worst = 0.0_f64;
    for gro in [false, true] {
        for packets in [5, 20] {
            for viewers in [100, 1_000] {
                let (floor, ours) = if ring_seal < aws_seal {
                    compare::<RingFloor>(gro, packets, viewers, seconds)
                } else {
                    compare::<AwsFloor>(gro, packets, viewers, seconds)
                };
                let ratio = ours / floor;
                worst = worst.max(ratio);
                let receivers = if gro { "GRO" } else { "plain" };
                println!("{receivers:<10} {packets:>8} {viewers:>8} {floor:>10.1} {ours:>10.1} {ratio:>8.2}");
            }
        }
    }
    println!("\nworst ratio {worst:.2}");
    assert!(worst <= max_ratio, "the fan-out costs {worst:.2} times the floor; {max_ratio} are allowed");
}

/// A seal in place, as bare as a crate offers it, with one viewer's key: no two viewers have the same.
trait Floor {
    fn new() -> Self;
    fn seal(&self, nonce: u64, segment: &mut [u8]);
}

struct RingFloor(ring::aead::LessSafeKey);

impl Floor for RingFloor {
    fn new() -> Self {
        let key = ring::aead::UnboundKey::new(&ring::aead::AES_128_GCM, &[7; 16]).expect("16 bytes");
        Self(ring::aead::LessSafeKey::new(key))
    }

    fn seal(&self, nonce: u64, segment: &mut [u8]) {
        let (header, rest) = segment.split_at_mut(HEADER);
        let (payload, tag) = rest.split_at_mut(PAYLOAD);
        let nonce = ring::aead::Nonce::assume_unique_for_key(nonce_bytes(nonce));
        let aad = ring::aead::Aad::from(&*header);
        let sealed = self.0.seal_in_place_separate_tag(nonce, aad, payload).expect("a valid length");
        tag.copy_from_slice(sealed.as_ref());
    }
}

struct AwsFloor(aws_lc_rs::aead::LessSafeKey);

impl Floor for AwsFloor {
    fn new() -> Self {
        let key =
            aws_lc_rs::aead::UnboundKey::new(&aws_lc_rs::aead::AES_128_GCM, &[7; 16]).expect("16 bytes");
        Self(aws_lc_rs::aead::LessSafeKey::new(key))
    }

    fn seal(&self, nonce: u64, segment: &mut [u8]) {
        let (header, rest) = segment.split_at_mut(HEADER);
        let (payload, tag) = rest.split_at_mut(PAYLOAD);
        let nonce = aws_lc_rs::aead::Nonce::assume_unique_for_key(nonce_bytes(nonce));
        let aad = aws_lc_rs::aead::Aad::from(&*header);
        let sealed = self.0.seal_in_place_separate_tag(nonce, aad, payload).expect("a valid length");
        tag.copy_from_slice(sealed.as_ref());
    }
}

fn nonce_bytes(nonce: u64) -> [u8; 12] {
    let mut bytes = [0; 12];
    bytes[4..].copy_from_slice(&nonce.to_be_bytes());
    bytes
}

fn bench_seal(floor: &impl Floor, seconds: f64) -> f64 {
    let mut segment = vec![0x5a; SEGMENT];
    let mut nonce = 0;
    median((0..ROUNDS).map(|_| {
        per_unit(1_000, seconds / 3.0, || {
            for _ in 0..1_000 {
                nonce += 1;
                floor.seal(nonce, &mut segment);
            }
        })
    }))
}

/// Nanoseconds for a packet of the floor and of vas-sfu, turn by turn.
fn compare<F: Floor>(gro: bool, packets: usize, viewers: usize, seconds: f64) -> (f64, f64) {
    let (_receivers, addresses) = receivers(viewers, gro);
    let socket = sending_socket();
    let mut train = vec![0x5a; SEGMENT * packets];
    let targets: Vec<(F, SockaddrIn)> =
        addresses.iter().map(|address| (F::new(), SockaddrIn::from(*address))).collect();
    let mut nonce = 0;
    let mut run_floor = || {
        for (floor, target) in &targets {
            for segment in train.chunks_mut(SEGMENT) {
                nonce += 1;
                floor.seal(nonce, segment);
            }
            let segment = SEGMENT as u16;
            let control = [ControlMessage::UdpGsoSegments(&segment)];
            let data = [IoSlice::new(&train)];
            sendmsg(socket.as_raw_fd(), &data, &control, MsgFlags::empty(), Some(target)).expect("sent");
        }
    };

    let mut wire = BenchSocket::new(sending_socket()).expect("a socket");
    let mut legs: Vec<BenchViewer> = addresses
        .iter()
        .enumerate()
        .map(|(n, address)| BenchViewer::new(SocketAddr::V4(*address), n as u8))
        .collect();
    let frame = BenchFrame::new(packets, PAYLOAD, false);
    let mut scratch = Vec::new();
    let clock = vas_core::SystemClock::shared();
    let units = packets * viewers;
    let (mut of_floor, mut of_ours) = (Vec::new(), Vec::new());
    let mut now = clock.now();
    let mut run_ours = |frame: &BenchFrame| {
        // Frames come faster here than from any camera; at their real pace pacing holds nothing back.
        now += FRAME_INTERVAL;
        fan_out(frame, &mut legs, &mut wire, &mut scratch, now, &clock);
    };
    run_floor();
    run_ours(&BenchFrame::new(1, PAYLOAD, true));
    run_ours(&frame);
    for _ in 0..ROUNDS {
        of_floor.push(per_unit(units, seconds, &mut run_floor));
        of_ours.push(per_unit(units, seconds, || run_ours(&frame)));
    }
    let unsent: u64 = legs.iter().map(BenchViewer::unsent).sum();
    assert_eq!(unsent, 0, "packets that were not sent would count as free");
    (median(of_floor), median(of_ours))
}

/// Runs `work`, which does `units` units, for about `seconds`; nanoseconds for a unit.
fn per_unit(units: usize, seconds: f64, mut work: impl FnMut()) -> f64 {
    let (start, budget) = (Instant::now(), Duration::from_secs_f64(seconds));
    let mut done = 0;
    while start.elapsed() < budget {
        work();
        done += units;
    }
    start.elapsed().as_secs_f64() * 1e9 / done as f64
}

fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn sending_socket() -> UdpSocket {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, None).expect("a socket");
    socket.bind(&SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0).into()).expect("a port");
    socket.set_send_buffer_size(8 << 20).expect("a size");
    socket.into()
}

/// Sockets that drop whatever arrives, in the kernel.
fn receivers(count: usize, gro: bool) -> (Vec<UdpSocket>, Vec<SocketAddrV4>) {
    let drop_all = [SockFilter::new(0x06, 0, 0, 0)];
    (0..count)
        .map(|_| {
            let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
            SockRef::from(&socket).attach_filter(&drop_all).expect("a filter");
            if gro {
                setsockopt(&socket, nix::sys::socket::sockopt::UdpGroSegment, &true).expect("GRO");
            }
            let SocketAddr::V4(address) = socket.local_addr().expect("bound") else {
                unreachable!("bound to IPv4")
            };
            (socket, address)
        })
        .unzip()
}

fn raise_file_limit() {
    if let Ok((_, hard)) = nix::sys::resource::getrlimit(nix::sys::resource::Resource::RLIMIT_NOFILE) {
        let wanted = hard.min(8_192);
        let _ = nix::sys::resource::setrlimit(nix::sys::resource::Resource::RLIMIT_NOFILE, wanted, hard);
    }
}
