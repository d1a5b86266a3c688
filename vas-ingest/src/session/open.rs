//! From an address to a session that is described and set up.

use super::Transport;
use super::track::{AudioTrack, VideoTrack};
use crate::config::IngestConfig;
use crate::failure::{self, Step};
use crate::source::{Source, TransportMode};
use retina::client::{
    Credentials, Described, Session, SessionGroup, SessionOptions, SetupOptions, TcpTransportOptions,
    TeardownPolicy, UdpTransportOptions,
};
use retina::codec::FrameFormat;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;
use url::Url;
use vas_core::TrackId;
use vas_core::model::stream::{Reason, ReasonCode};

/// A session whose tracks are set up and which can play.
pub(crate) struct Opened {
    pub(crate) session: Session<Described>,
    pub(crate) video: VideoTrack,
    pub(crate) audio: Option<AudioTrack>,
    pub(crate) transport: Transport,
}

/// Connects, describes, and sets up the first video track and the first audio track that can be used.
pub(crate) async fn open(
    source: &Source,
    config: &IngestConfig,
    group: Arc<SessionGroup>,
) -> Result<Opened, Reason> {
    let endpoint = source.endpoint();
    let limit = config.connect_timeout;
    let mut session = timeout(limit, describe(source, config, &group, &endpoint))
        .await
        .map_err(|_| failure::timeout(Step::Describe, limit, &endpoint))??;

    let (video, audio) = choose(&session, &endpoint)?;
    let mut transport = match source.transport {
        TransportMode::Udp => Transport::Udp,
        TransportMode::Auto | TransportMode::Tcp => Transport::Tcp,
    };
    let tracks = [Some(video.index()), audio.as_ref().map(AudioTrack::index)];
    for (n, index) in tracks.into_iter().flatten().enumerate() {
        let mut result = setup(&mut session, index, transport, config.request_timeout, &endpoint).await?;
        if let Err(error) = &result
            && source.transport == TransportMode::Auto
            && n == 0
            && failure::is_unsupported_transport(error)
        {
            transport = Transport::Udp;
            result = setup(&mut session, index, transport, config.request_timeout, &endpoint).await?;
        }
        result.map_err(|error| failure::rtsp(&error, Step::Setup, &endpoint))?;
    }
    Ok(Opened { session, video, audio, transport })
}

/// Connects and describes. Of several addresses that are allowed, the first that takes a connection.
async fn describe(
    source: &Source,
    config: &IngestConfig,
    group: &Arc<SessionGroup>,
    endpoint: &str,
) -> Result<Session<Described>, Reason> {
    let Some(addresses) = config.hosts.resolve(source).await? else {
        return describe_at(source, source.url.clone(), group, endpoint).await;
    };
    let mut failed = failure::unresolved(endpoint);
    for address in addresses {
        // Named by the address that was checked: a second look at the name might find another. RTSP has no field for
        // the name of a host that cameras would need.
        let mut url = source.url.clone();
        if url.set_ip_host(address.ip()).is_err() {
            continue;
        }
        match describe_at(source, url, group, endpoint).await {
            Err(reason) if is_unreachable(&reason) => failed = reason,
            done => return done,
        }
    }
    Err(failed)
}

/// Whether another address of the same host may do better.
const fn is_unreachable(reason: &Reason) -> bool {
    matches!(reason.code, ReasonCode::HostUnreachable | ReasonCode::ConnectionRefused)
}

async fn describe_at(
    source: &Source,
    url: Url,
    group: &Arc<SessionGroup>,
    endpoint: &str,
) -> Result<Session<Described>, Reason> {
    let credentials = source.credentials.as_ref().map(|credentials| Credentials {
        username: credentials.username.clone(),
        password: credentials.password.expose().to_owned(),
    });
    let options = SessionOptions::default()
        .creds(credentials)
        .user_agent(concat!("VAS/", env!("CARGO_PKG_VERSION")).to_owned())
        .session_group(group.clone())
        .teardown(TeardownPolicy::Auto);
    Session::describe(url, options).await.map_err(|error| failure::rtsp(&error, Step::Describe, endpoint))
}

/// The first video and the first audio track that this system reads.
fn choose(session: &Session<Described>, endpoint: &str) -> Result<(VideoTrack, Option<AudioTrack>), Reason> {
    let streams = session.streams();
    let video = streams.iter().enumerate().find_map(|(n, stream)| VideoTrack::of(n, stream, TrackId(0)));
    let Some(video) = video else {
        let offered: Vec<_> = streams
            .iter()
            .filter(|stream| stream.media() == "video")
            .map(|stream| printable(stream.encoding_name()))
            .collect();
        return Err(failure::no_video(&offered.join(", "), endpoint));
    };
    let audio = streams.iter().enumerate().find_map(|(n, stream)| AudioTrack::of(n, stream, TrackId(1)));
    Ok((video, audio))
}

/// A short name of the camera's that is fit to be shown.
fn printable(name: &str) -> String {
    name.chars().filter(char::is_ascii_graphic).take(20).collect()
}

/// The outer error is final; the inner one may have a way out.
async fn setup(
    session: &mut Session<Described>,
    index: usize,
    transport: Transport,
    limit: Duration,
    endpoint: &str,
) -> Result<Result<(), retina::Error>, Reason> {
    let transport = match transport {
        Transport::Tcp => retina::client::Transport::Tcp(TcpTransportOptions::default()),
        Transport::Udp => retina::client::Transport::Udp(UdpTransportOptions::default()),
    };
    let options = SetupOptions::default().transport(transport).frame_format(FrameFormat::MP4);
    timeout(limit, session.setup(index, options))
        .await
        .map_err(|_| failure::timeout(Step::Setup, limit, endpoint))
}
