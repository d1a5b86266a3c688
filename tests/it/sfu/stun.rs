//! Connectivity checks made by hand, with whatever credentials a test likes (RFC 8489; RFC 8445, section 7.2).

use anyhow::{Context, Result};
use rtc::ice::attributes::use_candidate::UseCandidateAttr;
use rtc::stun::attributes::ATTR_USERNAME;
use rtc::stun::fingerprint::FINGERPRINT;
use rtc::stun::integrity::MessageIntegrity;
use rtc::stun::message::{BINDING_REQUEST, Message, Setter, TransactionId};
use rtc::stun::textattrs::TextAttribute;

/// How the transaction ids of these checks begin.
const TAG: &[u8; 8] = b"by-hand!";
/// Message type of a success response to a binding request (RFC 8489, section 5).
const BINDING_SUCCESS: [u8; 2] = [1, 1];

/// What a check towards the server is made with.
#[derive(Clone, Debug)]
pub(super) struct Credentials {
    pub(super) server_ufrag: String,
    pub(super) server_password: String,
    pub(super) viewer_ufrag: String,
}

impl Credentials {
    /// Reads both sides' attributes.
    pub(super) fn of(offer: &str, answer: &str) -> Result<Self> {
        Ok(Self {
            server_ufrag: attribute(answer, "ice-ufrag")?,
            server_password: attribute(answer, "ice-pwd")?,
            viewer_ufrag: attribute(offer, "ice-ufrag")?,
        })
    }

    /// A check that nominates its path.
    pub(super) fn check(&self) -> Result<Vec<u8>> {
        let provider = rtc::crypto::default_provider()?;
        let mut id = [0; 12];
        id[..8].copy_from_slice(TAG);
        let username = format!("{}:{}", self.server_ufrag, self.viewer_ufrag);
        let setters: Vec<Box<dyn Setter>> = vec![
            Box::new(TransactionId(id)),
            Box::new(BINDING_REQUEST),
            Box::new(TextAttribute::new(ATTR_USERNAME, username)),
            Box::new(UseCandidateAttr::new()),
            Box::new(MessageIntegrity::new_short_term_integrity_with_provider(
                self.server_password.clone(),
                provider.crypto(),
            )),
            Box::new(FINGERPRINT),
        ];
        let mut message = Message::new();
        message.build(&setters)?;
        Ok(message.raw.to_vec())
    }
}

/// The value of the first `a=name:` line.
pub(super) fn attribute(sdp: &str, name: &str) -> Result<String> {
    let value = sdp.lines().find_map(|line| line.strip_prefix("a=")?.strip_prefix(name)?.strip_prefix(':'));
    Ok(value.with_context(|| format!("no a={name} in {sdp}"))?.trim_end().to_owned())
}

/// Whether a datagram is the success response to a check made here.
pub(super) fn is_answer(datagram: &[u8]) -> bool {
    datagram.starts_with(&BINDING_SUCCESS) && datagram.get(8..16) == Some(TAG)
}

/// Whether a datagram is STUN (RFC 7983, section 7).
pub(super) fn is_stun(datagram: &[u8]) -> bool {
    matches!(datagram.first(), Some(0..=3))
}

/// Whether a datagram is DTLS.
pub(super) fn is_dtls(datagram: &[u8]) -> bool {
    matches!(datagram.first(), Some(20..=63))
}

/// Whether a datagram is RTP, and not RTCP (RFC 5761, section 4).
pub(super) fn is_rtp(datagram: &[u8]) -> bool {
    matches!(datagram, [128..=191, second, ..] if !(192..=223).contains(second))
}
