//! The connection with one publisher: the `webrtc` crate's peer connection, set up to receive and nothing else.

use super::config::WhipConfig;
use super::error::WhipError;
use super::negotiate::Chosen;
use super::reports::{SLOT, SenderReports};
use super::sockets;
use rtc::interceptor::Slot;
use rtc::rtp_transceiver::rtp_sender::RtpCodecKind;
use rtc::rtp_transceiver::{RTCRtpTransceiverDirection, RTCRtpTransceiverInit};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use webrtc::media_stream::track_remote::TrackRemote;
use webrtc::peer_connection::{
    MediaEngine, PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler, RTCIceCandidateInit,
    RTCIceGatheringState, RTCPeerConnectionState, RTCSessionDescription, SettingEngineBuilder,
};

/// Tracks of one publisher; what comes beyond was not agreed on.
const MAX_TRACKS: usize = 4;
/// How long the addresses of this machine may take to be listed.
const GATHERING: Duration = Duration::from_secs(2);
/// ICE: a peer that answers no check for so long is not heard; for so long together, gone (RFC 7675, section 5.1).
const DISCONNECTED: Duration = Duration::from_secs(5);
const FAILED: Duration = Duration::from_secs(20);
const KEEPALIVE: Duration = Duration::from_secs(2);

type Failure = rtc::shared::error::Error;

/// What a connection tells.
#[derive(Debug)]
pub(super) struct Events {
    pub(super) state: watch::Receiver<RTCPeerConnectionState>,
    pub(super) tracks: mpsc::Receiver<Arc<dyn TrackRemote>>,
}

/// A connection. [`Self::close`] must end it: its driver is a task of the library's.
#[derive(Clone)]
pub(super) struct Connection {
    peer: Arc<dyn PeerConnection>,
    gathered: watch::Receiver<RTCIceGatheringState>,
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection").finish_non_exhaustive()
    }
}

/// Hands the library's events on; never waits, since it runs on the connection's driver.
struct Handler {
    state: watch::Sender<RTCPeerConnectionState>,
    gathered: watch::Sender<RTCIceGatheringState>,
    tracks: mpsc::Sender<Arc<dyn TrackRemote>>,
}

#[async_trait::async_trait]
impl PeerConnectionEventHandler for Handler {
    async fn on_ice_gathering_state_change(&self, state: RTCIceGatheringState) {
        self.gathered.send_replace(state);
    }

    async fn on_connection_state_change(&self, state: RTCPeerConnectionState) {
        self.state.send_replace(state);
    }

    async fn on_track(&self, track: Arc<dyn TrackRemote>) {
        let _ = self.tracks.try_send(track);
    }
}

impl Connection {
    /// Makes a connection that takes what was chosen, on sockets of its own.
    pub(super) async fn open(chosen: &Chosen, config: &WhipConfig) -> Result<(Self, Events), WhipError> {
        let (state, state_events) = watch::channel(RTCPeerConnectionState::New);
        let (gathered, gathering) = watch::channel(RTCIceGatheringState::New);
        let (tracks, track_events) = mpsc::channel(MAX_TRACKS);
        let mut engine = MediaEngine::default();
        let registry = chosen.register(&mut engine).map_err(internal)?;
        // Publishers are reached by the checks that they send; names of the local network are of no use, and
        // multicast would take a port that others want.
        let settings = SettingEngineBuilder::new()
            .with_multicast_dns_mode(rtc::ice::mdns::MulticastDnsMode::Disabled)
            // RFC 9725, section 4.4.4.
            .with_answering_dtls_role(rtc::peer_connection::transport::RTCDtlsRole::Server)
            .with_ice_timeouts(Some(DISCONNECTED), Some(FAILED), Some(KEEPALIVE))
            .build();
        let builder = PeerConnectionBuilder::new()
            .with_media_engine(engine)
            .with_setting_engine(settings)
            .with_interceptor_registry(registry.with(Slot::from(SLOT), SenderReports::default()))
            .with_handler(Arc::new(Handler { state, gathered, tracks }))
            .with_udp_addrs(sockets::choose(config)?);
        // Of some 20 kB, which callers' futures must not grow by.
        let peer = Box::pin(builder.build()).await.map_err(internal)?;
        let connection = Self { peer: Arc::new(peer), gathered: gathering };
        let kinds = [Some(RtpCodecKind::Video), chosen.audio.is_some().then_some(RtpCodecKind::Audio)];
        for kind in kinds.into_iter().flatten() {
            let init = RTCRtpTransceiverInit {
                direction: RTCRtpTransceiverDirection::Recvonly,
                ..RTCRtpTransceiverInit::default()
            };
            if let Err(error) = connection.peer.add_transceiver_from_kind(kind, Some(init)).await {
                connection.close().await;
                return Err(internal(error));
            }
        }
        Ok((connection, Events { state: state_events, tracks: track_events }))
    }

    /// Answers an offer, also a second one that restarts ICE. The answer has all candidates.
    pub(super) async fn answer(&self, offer: &str, config: &WhipConfig) -> Result<String, Failure> {
        let peer = &self.peer;
        peer.set_remote_description(RTCSessionDescription::offer(offer.to_owned())?).await?;
        let answer = peer.create_answer(None).await?;
        peer.set_local_description(answer).await?;
        let mut gathered = self.gathered.clone();
        let complete = gathered.wait_for(|state| *state == RTCIceGatheringState::Complete);
        // What has been found by then is offered.
        let _ = tokio::time::timeout(GATHERING, complete).await;
        let description = peer.local_description().await.ok_or(Failure::ErrSDPDoesNotMatchOffer)?;
        Ok(sockets::announce(&description.sdp, config))
    }

    /// Takes a candidate of the publisher's: the value of an `a=candidate` line, its name included.
    pub(super) async fn add_candidate(&self, candidate: &str) -> Result<(), Failure> {
        let init = RTCIceCandidateInit { candidate: candidate.to_owned(), ..RTCIceCandidateInit::default() };
        self.peer.add_ice_candidate(init).await
    }

    /// Ends the connection and tells the publisher.
    pub(super) async fn close(&self) {
        if let Err(error) = self.peer.close().await {
            tracing::debug!(%error, "a publisher's connection was not closed in order");
        }
    }
}

pub(super) fn internal(error: Failure) -> WhipError {
    WhipError::Internal(Box::new(error))
}
