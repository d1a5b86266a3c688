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
use url::Host;
use vas_core::TrackId;
use vas_core::model::stream::Reason;

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
    let mut session = timeout(limit, describe(source, group, &endpoint))
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

async fn describe(
    source: &Source,
    group: Arc<SessionGroup>,
    endpoint: &str,
) -> Result<Session<Described>, Reason> {
    // Asked first, as retina words the failure to resolve a name as the system does.
    if let Some(Host::Domain(name)) = source.url.host() {
        let found = tokio::net::lookup_host((name, source.port())).await;
        if !found.is_ok_and(|mut addresses| addresses.next().is_some()) {
            return Err(failure::unresolved(endpoint));
        }
    }
    let credentials = source.credentials.as_ref().map(|credentials| Credentials {
        username: credentials.username.clone(),
        password: credentials.password.expose().to_owned(),
    });
    let options = SessionOptions::default()
        .creds(credentials)
        .user_agent(concat!("VAS/", env!("CARGO_PKG_VERSION")).to_owned())
        .session_group(group)
        .teardown(TeardownPolicy::Auto);
    Session::describe(source.url.clone(), options)
        .await
        .map_err(|error| failure::rtsp(&error, Step::Describe, endpoint))
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
