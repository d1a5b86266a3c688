//! Streams of any source, pushed by the test itself: other codecs, restarts, slow clients.

use super::client::Client;
use super::tools::{DEADLINE, decode, run, until};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::net::TcpStream;
use vas_core::hub::{StreamHub, StreamWriter};
use vas_core::media::{AccessUnit, StreamDesc, TrackFormat, VideoFormat, h265, nal};
use vas_core::testing::{delta_picture, key_picture, sized, video_desc};
use vas_core::{Clock, StreamId, SystemClock, TaskScope};
use vas_ingest::rtsp::server::{RtspServer, RtspServerConfig, StartMode};

struct Served {
    hub: StreamHub,
    stream: StreamId,
    server: RtspServer,
    scope: TaskScope,
}

impl Served {
    fn new(config: RtspServerConfig) -> Self {
        let (hub, stream, scope) = (StreamHub::default(), StreamId::random(), TaskScope::new());
        let address = "127.0.0.1:0".parse().unwrap();
        let server = RtspServer::bind(address, config, hub.clone(), &scope, SystemClock::shared()).unwrap();
        server.mount("live/gate", stream);
        Self { hub, stream, server, scope }
    }

    fn publish(&self) -> StreamWriter {
        self.hub.publish(self.stream, video_desc()).unwrap()
    }

    fn url(&self) -> String {
        format!("rtsp://{}/live/gate", self.server.local_addr())
    }

    async fn client(&self) -> Client {
        Client::connect(self.server.local_addr(), self.url()).await
    }
}

fn now(mut unit: AccessUnit) -> AccessUnit {
    unit.received = SystemClock.wall();
    unit.captured = unit.received;
    unit
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_without_a_source_is_unavailable_and_then_it_is_there() {
    let served = Served::new(RtspServerConfig::default());
    let mut client = served.client().await;
    assert_eq!(client.ask("DESCRIBE", "", &[]).await.status, 503);
    let _writer = served.publish();
    let reply = client.ask("DESCRIBE", "/?token=x", &[]).await;
    assert_eq!(
        (reply.status, reply.header("Content-Base")),
        (200, Some(format!("{}/", served.url()).as_str()))
    );
    assert!(reply.body.contains("s=live/gate\r\n"), "{}", reply.body);
    assert!(served.server.unmount("/live/gate/"));
    assert_eq!(client.ask("DESCRIBE", "", &[]).await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_starts_anew_goes_on_in_the_same_session() {
    let served = Served::new(RtspServerConfig::default());
    let mut writer = served.publish();
    writer.push(key_picture(1_000));
    writer.push(delta_picture(1_001));
    let mut client = served.client().await;
    client.play().await;
    // The parameter sets, the key picture and the other picture.
    let (sets, key, delta) = (client.rtp(0).await, client.rtp(0).await, client.rtp(0).await);
    assert_eq!((sets.marker, key.marker, key.time), (false, true, sets.time));
    assert_eq!(delta.time, key.time.wrapping_add(3_600));
    drop(writer);
    let mut writer = served.publish();
    let mut again = key_picture(0);
    again.captured = key_picture(1_026).captured;
    writer.push(again);
    let anew = client.rtp(0).await;
    assert_eq!((anew.seq, anew.time), (delta.seq.wrapping_add(1), delta.time.wrapping_add(25 * 3_600)));
    served.hub.remove(served.stream);
    let mut last = Vec::new();
    while let Some((_, packet)) = client.packet().await {
        last = packet;
    }
    assert_eq!(last[last.len() - 7], 203, "a stream that ends says goodbye");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stops_says_goodbye_and_closes_its_port() {
    let served = Served::new(RtspServerConfig::default());
    let mut writer = served.publish();
    writer.push(key_picture(0));
    let mut client = served.client().await;
    client.play().await;
    client.rtp(0).await;
    assert!(served.server.shutdown(DEADLINE).await);
    let mut last = Vec::new();
    while let Some((_, packet)) = client.packet().await {
        last = packet;
    }
    assert_eq!(last[last.len() - 7], 203);
    assert!(TcpStream::connect(served.server.local_addr()).await.is_err());
    assert_eq!((served.server.stats().sessions, served.server.stats().connections), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_beyond_the_cap_are_refused() {
    let mut config = RtspServerConfig::default();
    config.max_connections = 1;
    let served = Served::new(config);
    let mut first = served.client().await;
    assert_eq!(first.ask("OPTIONS", "", &[]).await.status, 200);
    assert!(served.client().await.packet().await.is_none());
    assert_eq!(served.server.stats().refused, 1);
    drop(first);
    until("the place to be free", || served.server.stats().connections == 0).await;
    assert_eq!(served.client().await.ask("OPTIONS", "", &[]).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_may_start_at_the_next_key_picture() {
    let mut config = RtspServerConfig::default();
    config.start = StartMode::NextKey;
    let served = Served::new(config);
    let mut writer = served.publish();
    writer.push(key_picture(0));
    let mut client = served.client().await;
    let (_, reply) = client.play().await;
    assert!(!reply.header("RTP-Info").unwrap().contains("rtptime"), "not known before it comes");
    writer.push(delta_picture(1));
    writer.push(key_picture(2));
    writer.push(delta_picture(3));
    let (sets, key, delta) = (client.rtp(0).await, client.rtp(0).await, client.rtp(0).await);
    assert_eq!((sets.marker, key.time, delta.time), (false, sets.time, key.time.wrapping_add(3_600)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_does_not_read_costs_nobody_else() {
    let mut config = RtspServerConfig::default();
    (config.max_lag, config.max_queue) = (Duration::from_millis(200), 64 << 10);
    let served = Served::new(config);
    let mut writer = served.publish();
    writer.push(now(key_picture(0)));
    let mut stuck = served.client().await;
    stuck.play().await;
    let mut reading = served.client().await;
    reading.play().await;
    let done = Arc::new(AtomicBool::new(false));
    let ended = done.clone();
    let reader = served.scope.spawn("reader", async move {
        let mut expected = None;
        while !ended.load(Ordering::Acquire) {
            let packet = reading.rtp(0).await;
            assert!(expected.is_none_or(|seq| seq == packet.seq));
            expected = Some(packet.seq.wrapping_add(1));
        }
    });
    // More than the socket's buffers and the hub's ring hold together.
    let mut n = 0;
    until("enough to be pushed", || {
        n += 1;
        let unit = if n % 10 == 0 { key_picture(n) } else { delta_picture(n) };
        writer.push(now(sized(unit, 100_000)));
        n == 400
    })
    .await;
    done.store(true, Ordering::Release);
    writer.push(now(key_picture(n + 1)));
    assert_eq!(reader.await.unwrap(), Some(()));

    // What the stuck one has missed is whole pictures, up to a key picture.
    let mut last = stuck.rtp(0).await;
    loop {
        let next = stuck.rtp(0).await;
        assert_eq!(next.seq, last.seq.wrapping_add(1));
        if next.time.wrapping_sub(last.time) > 3_600 {
            assert!(last.marker && !next.marker, "a whole picture, and then parameter sets");
            break;
        }
        last = next;
    }
    assert!(served.server.stats().units_skipped > 0);
}

/// The access units of an H.265 stream that ffmpeg makes.
async fn h265_units() -> Vec<AccessUnit> {
    let source = ["-nostdin", "-v", "error", "-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25", "-t", "2"];
    let encode =
        ["-c:v", "libx265", "-x265-params", "log-level=none:bframes=0:keyint=50", "-pix_fmt", "yuv420p"];
    let write = ["-bsf:v", "hevc_metadata=aud=insert", "-f", "hevc", "-"];
    let output = run("ffmpeg", &[&source[..], &encode, &write].concat()).await;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let nals: Vec<_> = nal::annexb_units(&output.stdout).collect();
    let format = Arc::new(TrackFormat::Video(VideoFormat::h265(nals.iter().copied()).unwrap()));
    let is_delimiter = |nal: &&[u8]| h265::nal_unit_type(nal) == h265::nal_type::AUD;
    let pictures = nals.split(is_delimiter).filter(|picture| !picture.is_empty());
    pictures
        .enumerate()
        .map(|(n, picture)| {
            let data = nal::join(picture.iter().copied());
            let kind = h265::classify(&data).unwrap();
            now(AccessUnit { kind, data, format: format.clone(), ..key_picture(n as u64) })
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn ffmpeg_plays_h265() {
    let served = Served::new(RtspServerConfig::default());
    let units = h265_units().await;
    let desc = StreamDesc::new([TrackFormat::clone(&units[0].format)]);
    let mut writer = served.hub.publish(served.stream, desc).unwrap();
    units.into_iter().for_each(|unit| writer.push(unit));
    decode(&served.url(), "tcp", "40").await;
    decode(&served.url(), "udp", "40").await;
}
