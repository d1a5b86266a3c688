//! What strangers send is not answered, not by one byte, and does no harm.

use super::source::Script;
use super::stage::Stage;
use super::stun::{Credentials, is_answer, is_dtls};
use crate::turn;
use anyhow::{Context, Result, ensure};
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};
use tokio::net::UdpSocket;

/// Random datagrams, of each first byte.
const ROUNDS: usize = 4;

/// A record of DTLS 1.2 in epoch 0.
fn record(content: u8, number: u8, body: &[u8]) -> Vec<u8> {
    let length = (body.len() as u16).to_be_bytes();
    [&[content, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0x10, number][..], &length, body].concat()
}

/// Datagrams of any first byte with random contents.
fn noise() -> impl Iterator<Item = Vec<u8>> {
    let mut state = 7_u64;
    let mut next = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    (0..ROUNDS * 256).map(move |n| {
        let size = 1 + usize::from(next());
        let mut bytes: Vec<u8> = (0..size).map(|_| next()).collect();
        bytes[0] = n as u8;
        bytes
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_get_no_answer() -> Result<()> {
    let _turn = turn::shared().await;
    let script = Script::new(0, 100);
    let (stage, _live) = Stage::with_live(&script, 20)?;

    // A ClientHello, as a viewer sends it, and a report of its own.
    let (mut viewer, _playing) = stage.viewer().await?;
    let kept: Arc<Mutex<Vec<Vec<u8>>>> = Arc::default();
    let keep = kept.clone();
    viewer.outward = Box::new(move |datagram| {
        keep.lock().unwrap().push(datagram.to_vec());
        true
    });
    viewer.play(100).await?;
    let sent = kept.lock().unwrap().clone();
    ensure!(sent.iter().any(|datagram| is_dtls(datagram)), "no handshake");

    let (waiting, _session) = stage.viewer().await?;
    let right = waiting.credentials.clone();
    let wrong_password = Credentials { server_password: "x".repeat(32), ..right.clone() };
    let wrong_ufrag = Credentials { server_ufrag: "x".repeat(16), ..right.clone() };
    let mut damaged = right.check()?;
    let last = damaged.len() - 1;
    damaged[last] ^= 1;

    let stranger = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let mut datagrams = vec![wrong_ufrag.check()?, wrong_password.check()?, damaged, Vec::new()];
    // The viewer's own checks prove their credentials wherever they come from; all else of it does not.
    datagrams.extend(sent.into_iter().filter(|datagram| !super::stun::is_stun(datagram)));
    datagrams.extend(noise());
    let count = datagrams.len();
    for (n, datagram) in datagrams.iter().enumerate() {
        stranger.send_to(datagram, stage.address()).await?;
        if n % 50 == 49 {
            // So that the server's buffer holds them all.
            viewer.play(1).await?;
        }
    }
    // Datagrams of one flow stay in order: an answer to any of them would come before this one's.
    stranger.send_to(&right.check()?, stage.address()).await?;
    let mut buffer = [0; 2_048];
    let received = tokio::time::timeout(super::SOON, stranger.recv_from(&mut buffer)).await;
    let (size, _) = received.context("a right check is not answered")??;
    ensure!(is_answer(&buffer[..size]), "an answer to one of {count} datagrams: {:02x?}", &buffer[..size]);
    ensure!(stranger.try_recv_from(&mut buffer).is_err(), "there are two answers");
    viewer.play(50).await?;
    viewer.checked_and_whole(&[&script])?;
    stage.stop().await
}

/// Whoever can forge a viewer's address can't end its session: DTLS drops what is not authentic (RFC 6347, section
/// 4.1.2.7).
#[tokio::test(flavor = "multi_thread")]
async fn forged_datagrams_do_not_end_a_session() -> Result<()> {
    let _turn = turn::shared().await;
    let script = Script::new(0, 100);
    let (stage, _live) = Stage::with_live(&script, 20)?;
    let truncated = vec![22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 9, 0xff, 0xff, 1];
    let forged: Vec<(&str, Vec<u8>)> = vec![
        ("one byte of DTLS", vec![22]),
        ("a record longer than its datagram", truncated),
        ("an alert in the clear: close_notify", record(21, 1, &[1, 0])),
        ("an alert in the clear: fatal", record(21, 2, &[2, 40])),
        ("application data in the clear", record(23, 3, &[1, 2, 3])),
        ("a change of cipher", record(20, 4, &[1])),
        ("an empty handshake record", record(22, 5, &[])),
        ("a handshake message of no known type", record(22, 6, &[99; 30])),
        ("an encrypted alert with a wrong tag", {
            let mut sealed = record(21, 7, &[5; 26]);
            sealed[4] = 1;
            sealed
        }),
        ("a finished message of no known key", {
            let mut sealed = record(22, 8, &[5; 48]);
            sealed[4] = 1;
            sealed
        }),
        ("a record of no known content type", record(60, 9, &[1, 2, 3])),
    ];
    let mut ended = Vec::new();
    for (name, datagram) in &forged {
        let (mut peer, session) = stage.viewer().await?;
        peer.play(30).await?;
        peer.send_raw(datagram).await?;
        if peer.play(30).await.is_err() {
            ended.push(format!("{name}: {:?}", session.transport().state()));
        }
    }
    ensure!(ended.is_empty(), "sessions ended by what anybody could have sent: {ended:#?}");
    let (mut peer, session) = stage.viewer().await?;
    peer.play(30).await?;
    for noise in noise() {
        peer.send_raw(&noise).await?;
    }
    peer.play(100).await.with_context(|| format!("after noise: {:?}", session.transport().state()))?;
    peer.checked(&[&script])?;
    stage.stop().await
}
