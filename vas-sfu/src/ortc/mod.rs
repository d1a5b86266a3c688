//! What viewers and this side tell each other of codecs and connections in mediasoup's vocabulary (ORTC), as
//! `mediasoup-client` reads and writes it: JSON with names in camel case.
//!
//! A viewer learns what can be sent ([`router_capabilities`]), says what of it it can receive ([`RtpCapabilities`])
//! and is told what will be sent ([`RtpParameters`]). [`match_consumer`] decides between the two: for each layer of a
//! producer the payload type, and for all of them the header extensions.
//!
//! What comes from a viewer is bounded and looked through by `validate`, which names the field that is wrong.

mod capabilities;
mod connection;
mod matching;
mod parameters;
mod validate;

#[cfg(test)]
mod tests;

pub(crate) use capabilities::mime_type;
pub use capabilities::{router_capabilities, uri};
pub use connection::{
    CandidateType, DtlsFingerprint, DtlsParameters, DtlsRole, IceCandidate, IceParameters, TcpType,
    TransportProtocol,
};
pub use matching::{
    AgreedCodec, Extensions, Feedback, Match, Unsupported, can_consume, consumer_parameters, match_consumer,
};
pub use parameters::{
    Direction, MediaKind, ParameterValue, Parameters, RtcpFeedback, RtcpParameters, RtpCapabilities,
    RtpCodecCapability, RtpCodecParameters, RtpEncodingParameters, RtpHeaderExtension,
    RtpHeaderExtensionParameters, RtpParameters, RtxEncoding,
};
pub use validate::InvalidParameters;
