//! The session descriptions of WHEP: a viewer's offer read, an answer written (RFC 8866, RFC 8829, RFC 9429).
//!
//! Pure text in and out. What is accepted of an offer is decided here; keys, addresses and SSRCs come from outside.

mod answer;
mod choose;
mod counter;
mod fingerprint;
mod fragment;
mod offer;

#[cfg(test)]
mod tests;

pub(crate) use answer::{AnswerParams, AnswerStream, Candidate};
pub(crate) use choose::{ChosenCodec, choose_audio, choose_video};
pub(crate) use counter::{as_counter_offer, rejects_everything};
pub(crate) use fingerprint::Fingerprint;
pub(crate) use fragment::Fragment;
#[cfg(feature = "whip")]
pub(crate) use offer::{Direction, OfferedCodec};
pub(crate) use offer::{MediaKind, Offer, OfferedMedia};

/// The longest body that is looked at, in bytes.
const MAX_BODY: usize = 64 << 10;

/// The header extension by which a viewer without transport-wide feedback estimates what it can receive.
pub(crate) const ABS_SEND_TIME: &str = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time";

/// Whether a text can be an ICE user name fragment or password (RFC 8839, section 5.4). Characters beyond ICE's own
/// are let pass: some clients use them, and nothing depends on it but equality.
fn is_ice_credential(text: &str) -> bool {
    (1..=256).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Whether a text holds no control characters but line ends and tabs. Parts of what a viewer sends come back to it in
/// answers; no line of them may hide another.
fn is_plain_text(text: &str) -> bool {
    text.lines().all(|line| !line.contains(|c: char| c.is_control() && c != '\t'))
}
