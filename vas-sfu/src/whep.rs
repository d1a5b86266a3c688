//! WHEP sessions: an offer in, an answer out (draft-ietf-wish-whep).

use crate::consumer::{Consumer, ConsumerShared};
use crate::error::{PatchError, WhepError};
use crate::ice::random_text;
use crate::producer::Producer;
use crate::router::Router;
use crate::sdp::{
    AnswerParams, AnswerStream, ChosenCodec, Fingerprint, Fragment, Offer, PLAYOUT_DELAY, choose_video,
};
use crate::shard::SenderSetup;
use crate::transport::{CloseReason, WebRtcTransport};
use parking_lot::Mutex;
use rand::Rng;
use std::fmt;
use std::sync::Arc;
use vas_core::Secret;

/// Characters of a session id: 190 random bits.
const SESSION_ID_LENGTH: usize = 32;

/// A viewer that came by an offer. Dropping the last handle ends it.
#[derive(Clone)]
#[must_use = "a session ends when its last handle is dropped"]
pub struct WhepSession {
    inner: Arc<Inner>,
}

struct Inner {
    id: String,
    transport: WebRtcTransport,
    consumer: Consumer,
    /// The viewer's ICE credentials, by which a restart is told from a trickle.
    remote: Mutex<(String, Secret)>,
}

impl fmt::Debug for WhepSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WhepSession").field("transport", &self.inner.transport.id()).finish_non_exhaustive()
    }
}

/// What a PATCH led to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FragmentOutcome {
    /// Candidates were taken note of.
    Trickled,
    /// ICE restarts: the answer's SDP fragment (RFC 8840) to send back. The session has another entity tag now.
    Restarted(String),
}

impl Router {
    /// Answers a viewer's offer to receive `producer`: gives the session and the SDP answer.
    ///
    /// # Errors
    /// The offer can't be used, has no codec in common with the stream, the stream has no video now, or a limit is
    /// reached.
    pub fn whep(&self, producer: &Producer, offer: &str) -> Result<(WhepSession, String), WhepError> {
        let offer = Offer::parse(offer).map_err(|error| WhepError::BadOffer(error.to_string()))?;
        let desc = producer.hub().describe(producer.stream()).ok_or(WhepError::NoMedia)?;
        let (_, format) = desc.video().ok_or(WhepError::NoMedia)?;
        let mut sections = offer.sections.iter().enumerate().filter(|(_, section)| section.can_receive());
        let (section, codec) = sections
            .find_map(|(place, section)| Some((place, choose_video(section, format)?)))
            .ok_or_else(|| WhepError::NoCommonCodec { codec: format.codec.encoding_name().to_owned() })?;
        let playout_delay = offer.sections[section].extension(PLAYOUT_DELAY);

        let transport = self.create_webrtc_transport()?;
        transport.close_with_consumers();
        let mut rng = rand::rng();
        let ssrc = rng.random_range(1..u32::MAX - 1);
        let cname = random_text(16);
        let setup = SenderSetup {
            producer: producer.shared().clone(),
            shared: Arc::new(ConsumerShared::new()),
            ssrc,
            payload_type: codec.payload_type,
            rtx: codec.rtx.map(|payload_type| (ssrc + 1, payload_type)),
            playout_delay: playout_delay.filter(|id| (1..=14).contains(id)),
            cname: cname.clone(),
            paused: false,
        };
        let fingerprints = offer.fingerprints.iter().map(|fingerprint| fingerprint.0).collect();
        transport.connect(fingerprints).map_err(|error| WhepError::BadOffer(error.to_string()))?;
        let answer = write_answer(&offer, &transport, section, &codec, &setup, rng.random::<u64>() >> 2);
        let consumer = transport.consume(producer, setup)?;
        let inner = Inner {
            id: random_text(SESSION_ID_LENGTH),
            transport,
            consumer,
            remote: Mutex::new((offer.ice_ufrag, offer.ice_pwd)),
        };
        Ok((WhepSession { inner: Arc::new(inner) }, answer))
    }
}

fn write_answer(
    offer: &Offer,
    transport: &WebRtcTransport,
    section: usize,
    codec: &ChosenCodec,
    setup: &SenderSetup,
    session_id: u64,
) -> String {
    let ice = transport.ice();
    let extensions: Vec<(u8, &str)> = setup.playout_delay.map(|id| (id, PLAYOUT_DELAY)).into_iter().collect();
    offer.answer(&AnswerParams {
        session_id,
        ice_ufrag: &ice.ufrag,
        ice_pwd: &ice.pwd,
        fingerprint: Fingerprint(*transport.fingerprint()),
        candidates: &transport.candidates(),
        streams: &[AnswerStream {
            section,
            codec,
            ssrc: setup.ssrc,
            rtx_ssrc: setup.rtx.map(|(ssrc, _)| ssrc),
            cname: &setup.cname,
            msid: (&setup.cname, "video"),
            extensions: &extensions,
        }],
    })
}

impl WhepSession {
    /// The session's id: 190 random bits, safe in URLs, the only thing needed to find it.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.inner.id
    }

    /// The entity tag of the present ICE session, quotes included.
    #[must_use]
    pub fn etag(&self) -> String {
        format!("\"{}\"", self.inner.transport.ice().ufrag)
    }

    /// The viewer's connection.
    pub fn transport(&self) -> &WebRtcTransport {
        &self.inner.transport
    }

    /// The consumer on it.
    pub fn consumer(&self) -> &Consumer {
        &self.inner.consumer
    }

    /// Takes an SDP fragment of the viewer: candidates, which an ICE-lite agent has no use for, or a restart of ICE
    /// (RFC 8840 and the draft's section on ICE restarts).
    ///
    /// # Errors
    /// The body is no SDP fragment.
    pub fn patch(&self, fragment: &str) -> Result<FragmentOutcome, PatchError> {
        let fragment =
            Fragment::parse(fragment).map_err(|error| PatchError::BadFragment(error.to_string()))?;
        let mut remote = self.inner.remote.lock();
        if !fragment.restarts(&remote.0, &remote.1) {
            return Ok(FragmentOutcome::Trickled);
        }
        *remote = (fragment.ice_ufrag, fragment.ice_pwd);
        drop(remote);
        let transport = &self.inner.transport;
        let ice = transport.restart_ice();
        let mut answer =
            format!("a=ice-lite\r\na=ice-ufrag:{}\r\na=ice-pwd:{}\r\n", ice.ufrag, ice.pwd.expose());
        if let Some(mid) = fragment.mid {
            answer.push_str(&format!("m=video 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:{mid}\r\n"));
        }
        for candidate in transport.candidates() {
            answer.push_str(&format!("a={candidate}\r\n"));
        }
        answer.push_str("a=end-of-candidates\r\n");
        Ok(FragmentOutcome::Restarted(answer))
    }

    /// Ends the session and tells the viewer.
    pub fn close(&self) {
        self.inner.transport.close();
    }

    /// Completes when the session has ended, with the reason. Cancel-safe.
    pub async fn closed(&self) -> CloseReason {
        self.inner.transport.closed().await
    }
}
