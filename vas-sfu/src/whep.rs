//! WHEP sessions: an offer in, an answer out (draft-ietf-wish-whep).

use crate::consumer::{Consumer, PreferredLayer};
use crate::error::{AnswerError, ConnectError, PatchError, WhepError};
use crate::ice::random_text;
use crate::negotiate::{Agreed, Disagreement, agree};
use crate::ortc::MediaKind;
use crate::producer::Producer;
use crate::router::Router;
use crate::sdp::{
    self, AnswerParams, AnswerStream, Fingerprint, Fragment, Offer, as_counter_offer, rejects_everything,
};
use crate::transport::{CloseReason, ConsumeOptions, WebRtcTransport};
use parking_lot::Mutex;
use rand::Rng;
use std::fmt;
use std::net::IpAddr;
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
    /// At least one, pictures first where there are any.
    consumers: Vec<Consumer>,
    viewer: Mutex<Side>,
}

/// The viewer's side of a session.
enum Side {
    /// It has yet to answer a counter-offer. For each consumer: its section and the payload types that it may use.
    Awaited(Vec<(usize, Vec<u8>)>),
    /// Its ICE credentials, by which a restart is told from a trickle.
    Known(String, Secret),
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

/// Who watches, and how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ViewerOptions {
    /// The address that the viewer's requests come from, whose viewers are counted.
    pub client: Option<IpAddr>,
    /// Which layer the viewer would have.
    pub preferred: PreferredLayer,
}

impl Router {
    /// Answers a viewer's offer to receive `producer`: gives the session and the SDP answer.
    ///
    /// # Errors
    /// The offer can't be used, has no codec in common with the producer, nothing is known of its media now, or a limit
    /// is reached.
    pub fn whep(&self, producer: &Producer, offer: &str) -> Result<(WhepSession, String), WhepError> {
        self.whep_with(&[producer], offer, ViewerOptions::default())
    }

    /// The same for several producers, such as a camera's pictures and its sound. Of pictures all must be in a codec
    /// that is offered; sound that the viewer can't take, or does not ask for, is left out beside pictures.
    ///
    /// # Errors
    /// As [`Self::whep`].
    pub fn whep_with(
        &self,
        producers: &[&Producer],
        offer: &str,
        options: ViewerOptions,
    ) -> Result<(WhepSession, String), WhepError> {
        let offer = Offer::parse(offer).map_err(|error| WhepError::BadOffer(error.to_string()))?;
        let (session, answer) = self.describe(producers, &offer, options)?;
        session.connect(offer).map_err(|error| WhepError::BadOffer(error.to_string()))?;
        Ok((session, answer))
    }

    /// Offers producers to a viewer whose own offer can't be answered: gives the session and the SDP offer. Media flows
    /// once the viewer's answer is given to [`WhepSession::answer`].
    ///
    /// # Errors
    /// As [`Self::whep`].
    pub fn whep_counter_offer(
        &self,
        producers: &[&Producer],
        options: ViewerOptions,
    ) -> Result<(WhepSession, String), WhepError> {
        // Sound that there is none of is not offered.
        let has_media = |producer: &&&Producer| {
            producer.kind() == MediaKind::Video || producer.formats().iter().any(Option::is_some)
        };
        let producers: Vec<&Producer> = producers.iter().filter(has_media).copied().collect();
        let kinds = producers.iter().map(|producer| match producer.kind() {
            MediaKind::Video => sdp::MediaKind::Video,
            MediaKind::Audio => sdp::MediaKind::Audio,
        });
        let (session, description) = self.describe(&producers, &Offer::of_everything(kinds), options)?;
        Ok((session, as_counter_offer(&description)))
    }

    /// Makes a session without its viewer, and this side's description of it.
    fn describe(
        &self,
        producers: &[&Producer],
        offer: &Offer,
        options: ViewerOptions,
    ) -> Result<(WhepSession, String), WhepError> {
        let agreed = agree_all(offer, producers)?;
        let transport = match options.client {
            Some(client) => self.create_webrtc_transport_for(client)?,
            None => self.create_webrtc_transport()?,
        };
        transport.close_with_consumers();
        let consume = ConsumeOptions { paused: false, preferred: options.preferred };
        let consumers = agreed.iter().map(|(producer, agreed)| {
            transport.consume_as(producer, &agreed.matched, agreed.extensions, None, consume)
        });
        let consumers: Vec<Consumer> = consumers.collect::<Result<_, _>>()?;
        let agreed: Vec<&Agreed> = agreed.iter().map(|(_, agreed)| agreed).collect();
        let description = write_answer(offer, &transport, &agreed, &consumers);
        let payload_types = |agreed: &&Agreed| agreed.codecs.iter().map(|codec| codec.payload_type).collect();
        let awaited = agreed.iter().map(|agreed| (agreed.section, payload_types(agreed))).collect();
        let inner = Inner {
            id: random_text(SESSION_ID_LENGTH),
            transport,
            consumers,
            viewer: Mutex::new(Side::Awaited(awaited)),
        };
        Ok((WhepSession { inner: Arc::new(inner) }, description))
    }
}

/// What each producer is sent as; those of sound that can't be are left out beside others.
fn agree_all<'p>(
    offer: &Offer,
    producers: &[&'p Producer],
) -> Result<Vec<(&'p Producer, Agreed)>, WhepError> {
    let (mut agreed, mut taken): (Vec<(&Producer, Agreed)>, _) = (Vec::new(), Vec::new());
    let mut refusal = WhepError::NoMedia;
    for &producer in producers {
        match agree(offer, producer, &taken) {
            Ok(found) => {
                taken.push(found.section);
                agreed.push((producer, found));
            }
            Err(Disagreement::NoMedia) if producer.kind() == MediaKind::Video => {
                return Err(WhepError::NoMedia);
            }
            Err(Disagreement::NoCodec(codecs)) if producer.kind() == MediaKind::Video => {
                return Err(WhepError::NoCommonCodec { codec: codecs.join(" or ") });
            }
            Err(Disagreement::NoMedia) => {}
            Err(Disagreement::NoCodec(codecs)) => {
                refusal = WhepError::NoCommonCodec { codec: codecs.join(" or ") };
            }
        }
    }
    if agreed.is_empty() { Err(refusal) } else { Ok(agreed) }
}

fn write_answer(
    offer: &Offer,
    transport: &WebRtcTransport,
    agreed: &[&Agreed],
    consumers: &[Consumer],
) -> String {
    let ice = transport.ice();
    let streams: Vec<AnswerStream<'_>> = agreed
        .iter()
        .zip(consumers)
        .map(|(agreed, consumer)| {
            let encoding = &consumer.rtp_parameters().encodings[0];
            AnswerStream {
                section: agreed.section,
                codecs: &agreed.codecs,
                ssrc: encoding.ssrc,
                rtx_ssrc: encoding.rtx.as_ref().map(|rtx| rtx.ssrc),
                cname: transport.cname(),
                msid: (transport.cname(), agreed.matched.kind.name()),
                extensions: &agreed.extmaps,
            }
        })
        .collect();
    offer.answer(&AnswerParams {
        // Below 2^63 (RFC 9429, section 5.2.1).
        session_id: rand::rng().random::<u64>() >> 2,
        ice_ufrag: &ice.ufrag,
        ice_pwd: &ice.pwd,
        fingerprint: Fingerprint(*transport.fingerprint()),
        candidates: &transport.candidates(),
        streams: &streams,
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

    /// The consumer on it, of pictures where there are any.
    pub fn consumer(&self) -> &Consumer {
        &self.inner.consumers[0]
    }

    /// All consumers on it.
    pub fn consumers(&self) -> &[Consumer] {
        &self.inner.consumers
    }

    /// Takes what the viewer says of its side.
    fn connect(&self, viewer: Offer) -> Result<(), ConnectError> {
        let fingerprints = viewer.fingerprints.iter().map(|fingerprint| fingerprint.0).collect();
        self.inner.transport.expect(fingerprints)?;
        *self.inner.viewer.lock() = Side::Known(viewer.ice_ufrag, viewer.ice_pwd);
        Ok(())
    }

    /// Whether the viewer has yet to answer a counter-offer.
    #[must_use]
    pub fn is_awaited(&self) -> bool {
        matches!(&*self.inner.viewer.lock(), Side::Awaited(_))
    }

    /// Takes the viewer's answer to a counter-offer. What it rejects is not sent.
    ///
    /// # Errors
    /// There is no counter-offer to answer, the body is no SDP answer, or it rejects all that was offered; the session
    /// then ends.
    pub fn answer(&self, answer: &str) -> Result<(), AnswerError> {
        let offered = match &*self.inner.viewer.lock() {
            Side::Awaited(offered) => offered.clone(),
            Side::Known(..) => return Err(AnswerError::NotAwaited),
        };
        let refuse = || {
            self.close();
            Err(AnswerError::Rejected)
        };
        if rejects_everything(answer) {
            return refuse();
        }
        let viewer = Offer::parse(answer).map_err(|error| AnswerError::BadAnswer(error.to_string()))?;
        let takes = |(section, payload_types): &(usize, Vec<u8>)| {
            let section = viewer.sections.get(*section).filter(|section| section.can_receive());
            let has =
                |wanted: &u8| section.is_some_and(|s| s.codecs.iter().any(|c| c.payload_type == *wanted));
            payload_types.iter().all(has)
        };
        let taken: Vec<bool> = offered.iter().map(takes).collect();
        // The first is of pictures where there are any.
        if !taken[0] {
            return refuse();
        }
        self.connect(viewer).map_err(|error| AnswerError::BadAnswer(error.to_string()))?;
        for (consumer, taken) in self.inner.consumers.iter().zip(taken) {
            if !taken {
                consumer.close();
            }
        }
        Ok(())
    }

    /// Takes an SDP fragment of the viewer: candidates, which an ICE-lite agent has no use for, or a restart of ICE
    /// (RFC 8840 and the draft's section on ICE restarts).
    ///
    /// # Errors
    /// The body is no SDP fragment, or the session awaits an answer first.
    pub fn patch(&self, fragment: &str) -> Result<FragmentOutcome, PatchError> {
        let fragment =
            Fragment::parse(fragment).map_err(|error| PatchError::BadFragment(error.to_string()))?;
        let mut viewer = self.inner.viewer.lock();
        match &*viewer {
            Side::Awaited(_) => return Err(PatchError::NotAnswered),
            Side::Known(ufrag, pwd) if !fragment.restarts(ufrag, pwd) => {
                return Ok(FragmentOutcome::Trickled);
            }
            Side::Known(..) => *viewer = Side::Known(fragment.ice_ufrag, fragment.ice_pwd),
        }
        drop(viewer);
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
