//! The methods of RTSP (RFC 2326, section 10) on one connection.
//!
//! A connection holds at most one session, and a session ends with its connection: an id that was overheard is of
//! no use elsewhere, and nothing is left behind by clients that vanish.

use super::auth::Verdict;
use super::connection::Connection;
use super::link::{Link, UdpPair};
use super::response::Response;
use super::session::{Session, TrackStart};
use super::transport::{self, Offer};
use super::{Mount, sdp};
use rtsp_types::headers::{AUTHORIZATION, CSEQ, REQUIRE, SESSION, TRANSPORT};
use rtsp_types::{HeaderName, Method, Request, StatusCode, Url, Version};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use vas_core::TrackId;
use vas_core::media::{StreamDesc, Track};

type Message = Request<Vec<u8>>;

const METHODS: &str = "OPTIONS, DESCRIBE, SETUP, PLAY, PAUSE, TEARDOWN, GET_PARAMETER";
const SDP: &str = "application/sdp";

/// What a request's URL names.
struct Target {
    path: String,
    mount: Mount,
    track: Option<TrackId>,
}

impl Connection {
    /// Answers one request.
    pub(super) async fn respond(&mut self, request: &Message) {
        let response = match self.answer(request).await {
            Ok(response) | Err(response) => response,
        };
        self.queue(&response, header(request, &CSEQ));
    }

    async fn answer(&mut self, request: &Message) -> Result<Response, Response> {
        if request.version() != Version::V1_0 {
            return Err(StatusCode::RTSPVersionNotSupported.into());
        }
        if header(request, &CSEQ).is_none_or(|value| value.parse::<u32>().is_err()) {
            return Err(StatusCode::BadRequest.into());
        }
        if let Some(feature) = header(request, &REQUIRE) {
            return Err(Response::new(StatusCode::OptionNotSupported).header("Unsupported", feature));
        }
        if *request.method() == Method::Options {
            return Ok(Response::ok().header("Public", METHODS));
        }
        self.authorize(request)?;
        match request.method() {
            Method::Describe => self.describe(request),
            Method::Setup => self.set_up(request).await,
            Method::Play => self.play(request),
            Method::Pause => self.pause(request),
            Method::Teardown => self.tear_down(request),
            Method::GetParameter => self.get_parameter(request),
            Method::Extension(_) => Err(StatusCode::NotImplemented.into()),
            _ => Err(Response::new(StatusCode::MethodNotAllowed).header("Allow", METHODS)),
        }
    }

    fn authorize(&mut self, request: &Message) -> Result<(), Response> {
        let (config, now) = (&self.shared.config.auth, self.shared.clock.now());
        let method: &str = request.method().into();
        let Verdict::Refused { stale } =
            self.gate.check(config, method, header(request, &AUTHORIZATION), now)
        else {
            return Ok(());
        };
        let challenges = self.gate.challenge(config, stale, now);
        Err(challenges.into_iter().fold(Response::new(StatusCode::Unauthorized), |response, challenge| {
            response.header("WWW-Authenticate", challenge)
        }))
    }

    /// Section 10.2.
    fn describe(&self, request: &Message) -> Result<Response, Response> {
        let target = self.target(request)?;
        let desc = self.desc(&target)?;
        let sdp = sdp::write(&desc, &target.mount.name, self.shared.clock_id, self.local.ip())
            .ok_or_else(|| Response::new(StatusCode::UnsupportedMediaType))?;
        let base = base_url(request, &target.path)?;
        Ok(Response::ok().header("Content-Base", format!("{base}/")).body(SDP, sdp))
    }

    /// Section 10.4.
    async fn set_up(&mut self, request: &Message) -> Result<Response, Response> {
        let target = self.target(request)?;
        let desc = self.desc(&target)?;
        let track = choose_track(&desc, target.track)?;
        match (&self.session, session_id(request)) {
            (None, None) => {}
            // A second session on this connection, or the transport of media that flows: not now.
            (Some(_), None) => return Err(StatusCode::MethodNotValidInThisState.into()),
            (Some(session), Some(id)) if session.id == id => {
                if session.is_playing() {
                    return Err(StatusCode::MethodNotValidInThisState.into());
                }
                if session.path != target.path {
                    return Err(StatusCode::AggregateOperationNotAllowed.into());
                }
            }
            _ => return Err(StatusCode::SessionNotFound.into()),
        }
        let value =
            header(request, &TRANSPORT).ok_or_else(|| Response::new(StatusCode::UnsupportedTransport))?;
        let offer = transport::choose(value, self.shared.config.allow_udp)
            .ok_or_else(|| Response::new(StatusCode::UnsupportedTransport))?;
        let (link, transport) = self.link(track.id, offer).await?;

        let session = self.session.get_or_insert_with(|| {
            self.shared.counters.sessions.fetch_add(1, Ordering::Relaxed);
            Session::new(target.path, target.mount.stream, self.shared.cname.clone())
        });
        let ssrc = session.set_up(track, sdp::payload_type(track.id, track.format.codec()), link);
        let timeout = self.shared.config.session_timeout.as_secs();
        Ok(Response::ok()
            .header("Transport", format!("{transport};ssrc={ssrc:08X}"))
            .header("Session", format!("{};timeout={timeout}", session.id)))
    }

    async fn link(&self, track: TrackId, offer: Offer) -> Result<(Link, String), Response> {
        match offer {
            Offer::Tcp { channels } => {
                let channels = match &self.session {
                    Some(session) => session.channels(track, channels),
                    None => Some(channels.unwrap_or((0, 1))),
                };
                let (rtp, rtcp) = channels.ok_or_else(|| Response::new(StatusCode::UnsupportedTransport))?;
                Ok((Link::Tcp(rtp, rtcp), format!("RTP/AVP/TCP;unicast;interleaved={rtp}-{rtcp}")))
            }
            Offer::Udp { client_ports } => {
                let pair =
                    UdpPair::open(self.local.ip(), self.peer.ip(), client_ports).await.map_err(|error| {
                        tracing::warn!(%error, "no UDP ports for an RTSP client");
                        Response::new(StatusCode::ServiceUnavailable)
                    })?;
                let (client, server) = (client_ports, pair.ports());
                let text = format!(
                    "RTP/AVP;unicast;client_port={}-{};server_port={}-{}",
                    client.0, client.1, server.0, server.1
                );
                Ok((Link::Udp(pair), text))
            }
        }
    }

    /// Section 10.5.
    fn play(&mut self, request: &Message) -> Result<Response, Response> {
        let base = base_url(request, &self.named_session(request)?.path)?;
        let (hub, start) = (self.shared.hub.clone(), self.shared.config.start);
        let session = self.named_session(request)?;
        let id = session.id.clone();
        let response = Response::ok().header("Session", id).header("Range", "npt=now-");
        if session.is_playing() {
            // A live stream has one place to be played from, and it is there.
            return Ok(response);
        }
        let starts = session.play(&hub, start).map_err(|_| Response::new(StatusCode::ServiceUnavailable))?;
        let info: Vec<String> = starts.iter().map(|start| rtp_info(&base, start)).collect();
        Ok(response.header("RTP-Info", info.join(",")))
    }

    /// Section 10.6.
    fn pause(&mut self, request: &Message) -> Result<Response, Response> {
        let session = self.named_session(request)?;
        session.pause();
        Ok(Response::ok().header("Session", session.id.clone()))
    }

    /// Section 10.7.
    fn tear_down(&mut self, request: &Message) -> Result<Response, Response> {
        self.named_session(request)?;
        self.end_session();
        Ok(Response::ok())
    }

    /// Section 10.8: without a body a sign of life, with or without a session. There are no parameters.
    fn get_parameter(&mut self, request: &Message) -> Result<Response, Response> {
        if session_id(request).is_some() {
            self.named_session(request)?;
        }
        if request.body().is_empty() {
            Ok(Response::ok())
        } else {
            Err(StatusCode::ParameterNotUnderstood.into())
        }
    }

    /// The session that a request names, checked against the request's URL.
    fn named_session(&mut self, request: &Message) -> Result<&mut Session, Response> {
        let id = session_id(request).ok_or_else(|| Response::new(StatusCode::SessionNotFound))?;
        let target = self.target(request);
        let session = self
            .session
            .as_mut()
            .filter(|session| session.id == id)
            .ok_or_else(|| Response::new(StatusCode::SessionNotFound))?;
        // A stream that was unmounted meanwhile can still be left.
        if let Ok(target) = target {
            if target.path != session.path {
                return Err(StatusCode::SessionNotFound.into());
            }
            let sole = session.tracks().count() == 1;
            if target.track.is_some_and(|track| !(sole && session.tracks().any(|known| known == track))) {
                return Err(StatusCode::OnlyAggregateOperationAllowed.into());
            }
        }
        Ok(session)
    }

    fn target(&self, request: &Message) -> Result<Target, Response> {
        let url = request.request_uri().ok_or_else(|| Response::new(StatusCode::BadRequest))?;
        let path = url.path().trim_end_matches('/');
        let mounts = self.shared.mounts.read();
        if let Some(mount) = mounts.get(path) {
            return Ok(Target { path: path.to_owned(), mount: mount.clone(), track: None });
        }
        let below = path.rsplit_once('/').and_then(|(path, last)| {
            let track = last.strip_prefix("trackID=")?.parse().ok().map(TrackId)?;
            let mount = mounts.get(path)?.clone();
            Some(Target { path: path.to_owned(), mount, track: Some(track) })
        });
        below.ok_or_else(|| Response::new(StatusCode::NotFound))
    }

    /// What the stream carries; 503 while its source is away.
    fn desc(&self, target: &Target) -> Result<Arc<StreamDesc>, Response> {
        self.shared
            .hub
            .describe(target.mount.stream)
            .ok_or_else(|| Response::new(StatusCode::ServiceUnavailable).header("Retry-After", "1"))
    }
}

fn header<'a>(request: &'a Message, name: &HeaderName) -> Option<&'a str> {
    request.header(name).map(|value| value.as_str().trim())
}

fn session_id(request: &Message) -> Option<&str> {
    header(request, &SESSION).map(|value| value.split(';').next().unwrap_or(value).trim())
}

/// The track to set up. Naming none is fine where there is one alone (section 11.3.9 otherwise).
fn choose_track(desc: &StreamDesc, named: Option<TrackId>) -> Result<&Track, Response> {
    let mut served = sdp::served(desc);
    match named {
        Some(id) => served.find(|track| track.id == id).ok_or_else(|| StatusCode::NotFound.into()),
        None => {
            let sole = served.next().filter(|_| served.next().is_none());
            sole.ok_or_else(|| StatusCode::AggregateOperationNotAllowed.into())
        }
    }
}

/// The stream's URL as the client wrote it, without credentials and query.
fn base_url(request: &Message, path: &str) -> Result<Url, Response> {
    let mut url = request.request_uri().cloned().ok_or_else(|| Response::new(StatusCode::BadRequest))?;
    url.set_path(path);
    url.set_query(None);
    url.set_fragment(None);
    // Fails only for URLs that have no host, which then have no credentials either.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    Ok(url)
}

fn rtp_info(base: &Url, start: &TrackStart) -> String {
    let time = start.time.map_or_else(String::new, |time| format!(";rtptime={time}"));
    format!("url={base}/{};seq={}{time}", sdp::control(start.track), start.seq)
}
