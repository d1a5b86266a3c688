//! Plain RTP out: ffmpeg plays it from the description that is printed.

use crate::media::{MediaDir, Mp4Options};
use crate::ports::free_udp;
use crate::process::built;
use crate::wait::until;
use anyhow::{Context, Result, ensure};
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use vas_sfu::{ConsumeOptions, PlainError};

use super::source::Script;
use super::stage::{Stage, config};

/// A child that ends with the test.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ffmpeg_plays_what_the_example_sends() -> Result<()> {
    let media = MediaDir::new()?;
    let clip = media.mp4("clip.mp4", Mp4Options { seconds: 20, ..Mp4Options::default() }).await?;
    // An even port, with the next one for reports.
    let port = free_udp()? & !1;
    let mut source = Command::new("ffmpeg");
    source.args(["-v", "error", "-re", "-i"]).arg(&clip);
    source.args(["-c", "copy", "-bsf:v", "h264_mp4toannexb", "-f", "h264", "-"]);
    let mut source = Ended(source.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?);
    let stream = source.0.stdout.take().context("a pipe")?;
    let mut sender = Command::new(built("examples/raw_to_rtp")?);
    sender.arg(SocketAddr::from((Ipv4Addr::LOCALHOST, port)).to_string());
    let mut sender = Ended(sender.stdin(stream).stdout(Stdio::piped()).spawn()?);
    let mut output = BufReader::new(sender.0.stdout.take().context("a pipe")?);
    let sdp = tokio::task::spawn_blocking(move || -> Result<String> {
        let mut sdp = String::new();
        while !sdp.ends_with("a=sendonly\r\n") {
            ensure!(output.read_line(&mut sdp)? > 0, "the example ended after: {sdp}");
        }
        Ok(sdp)
    });
    let sdp = tokio::time::timeout(Duration::from_secs(30), sdp).await.context("no description")???;
    let path = media.path("stream.sdp");
    std::fs::write(&path, &sdp)?;
    let mut player = Command::new("ffmpeg");
    player.args(["-v", "error", "-protocol_whitelist", "file,rtp,udp", "-i"]).arg(&path);
    player.args(["-frames:v", "60", "-f", "framemd5", "-"]).stdin(Stdio::null());
    let played = tokio::task::spawn_blocking(move || player.output());
    let played =
        tokio::time::timeout(Duration::from_secs(60), played).await.context("ffmpeg plays on")???;
    let text = String::from_utf8(played.stdout)?;
    let pictures: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    let errors = String::from_utf8_lossy(&played.stderr);
    ensure!(pictures.len() == 60, "{} pictures: {errors}\n{sdp}", pictures.len());
    let mut sums: Vec<&str> = pictures.iter().filter_map(|line| line.rsplit(',').next()).collect();
    sums.sort_unstable();
    sums.dedup();
    ensure!(sums.len() > 50, "the picture moves: {} different ones", sums.len());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn only_allowed_addresses_are_sent_to() -> Result<()> {
    let mut config = config(1);
    config.plain_rtp_allow = vec!["127.0.0.0/8".parse()?];
    let stage = Stage::start(config)?;
    let target = |text: &str| -> Result<SocketAddr> { Ok(text.parse()?) };
    let refused = stage.router.create_plain_transport(target("192.0.2.1:5004")?, false).err();
    ensure!(matches!(refused, Some(PlainError::NotAllowed { .. })), "{refused:?}");
    let refused = stage.router.create_plain_transport(target("127.0.0.1:65535")?, false).err();
    ensure!(matches!(refused, Some(PlainError::Port { port: 65_535 })), "{refused:?}");
    let refused = stage.router.create_plain_transport(target("[::1]:5004")?, false).err();
    ensure!(matches!(refused, Some(PlainError::NotAllowed { .. })), "{refused:?}");
    let stage_default = Stage::start(super::stage::config(1))?;
    let refused = stage_default.router.create_plain_transport(target("127.0.0.1:5004")?, false).err();
    ensure!(
        matches!(refused, Some(PlainError::NotAllowed { .. })),
        "nothing is allowed by default: {refused:?}"
    );
    stage_default.stop().await?;
    stage.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn packets_and_reports_reach_their_ports_until_it_is_closed() -> Result<()> {
    let mut config = config(1);
    config.plain_rtp_allow = vec!["127.0.0.1".parse()?];
    let stage = Stage::start(config)?;
    let live = stage.publish(&Script::new(1, 50), 10)?;
    let (rtp, rtcp) = loop {
        let rtp = tokio::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let next = rtp.local_addr()?.port().checked_add(1).context("a port is left")?;
        if let Ok(rtcp) = tokio::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, next)).await {
            break (rtp, rtcp);
        }
    };
    let transport = stage.router.create_plain_transport(rtp.local_addr()?, false)?;
    let consumer = transport.consume(&stage.producer, ConsumeOptions::default())?;
    let ssrc = consumer.rtp_parameters().encodings[0].ssrc.to_be_bytes();
    let mut packet = [0; 2_048];
    let soon = Duration::from_secs(10);
    for _ in 0..100 {
        let size = tokio::time::timeout(soon, rtp.recv(&mut packet)).await.context("no packet")??;
        ensure!(size > 12 && packet[0] == 0x80 && packet[8..12] == ssrc, "no RTP of the consumer");
    }
    let size = tokio::time::timeout(soon, rtcp.recv(&mut packet)).await.context("no report")??;
    ensure!(size >= 28 && packet[1] == 200 && packet[4..8] == ssrc, "no sender report");
    transport.close();
    consumer.closed().await;
    until(soon, "a goodbye", async || {
        let size = rtcp.recv(&mut packet).await.ok()?;
        is_bye(&packet[..size]).then_some(())
    })
    .await?;
    live.stop().await?;
    stage.stop().await
}

/// Whether a datagram is an RTCP BYE (RFC 3550, section 6.6).
fn is_bye(datagram: &[u8]) -> bool {
    datagram.get(1) == Some(&203)
}
