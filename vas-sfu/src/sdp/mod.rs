//! The session descriptions of WHEP: a viewer's offer read, an answer written (RFC 8866, RFC 8829, RFC 9429).
//!
//! Pure text in and out. What is accepted of an offer is decided here; keys, addresses and SSRCs come from outside.

mod answer;
mod choose;
mod fingerprint;
mod fragment;
mod offer;

#[cfg(test)]
mod tests;

pub(crate) use answer::{AnswerParams, AnswerStream, Candidate};
pub(crate) use choose::{ChosenCodec, choose_video};
pub(crate) use fingerprint::Fingerprint;
pub(crate) use fragment::Fragment;
pub(crate) use offer::Offer;

/// The longest body that is looked at, in bytes.
const MAX_BODY: usize = 64 << 10;

/// The header extension that tells a viewer how long to hold pictures back.
pub(crate) const PLAYOUT_DELAY: &str = "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay";

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
