//! Why a camera can't be read, typed: the one place that knows how retina words its errors.
//!
//! retina's errors are text. Their status code is reachable, and the system's error number stands in the text of an
//! I/O error; everything else is told by the step that failed and the fixed start of the text. No part of that text
//! is passed on, as it holds addresses and packets, and with them passwords that cameras take in their URLs.

use crate::hosts::NotAllowed;
use std::io;
use std::time::Duration;
use vas_core::model::stream::{Reason, ReasonCode};
use vas_core::{ErrorKind, HasKind};

/// Why a camera could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct IngestError {
    /// What happened, for programs and for people.
    pub reason: Reason,
}

impl From<Reason> for IngestError {
    fn from(reason: Reason) -> Self {
        Self { reason }
    }
}

impl HasKind for IngestError {
    fn kind(&self) -> ErrorKind {
        match self.reason.code {
            ReasonCode::Timeout | ReasonCode::NoMedia => ErrorKind::Timeout,
            ReasonCode::Unauthorized => ErrorKind::Unauthorized,
            ReasonCode::NotFound => ErrorKind::NotFound,
            ReasonCode::NotAllowed => ErrorKind::Forbidden,
            ReasonCode::HostUnreachable | ReasonCode::ConnectionRefused | ReasonCode::Disconnected => {
                ErrorKind::Unavailable
            }
            ReasonCode::Internal => ErrorKind::Internal,
            _ => ErrorKind::Protocol,
        }
    }
}

/// The step of a session that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Resolving, connecting, DESCRIBE.
    Describe,
    /// SETUP of a track.
    Setup,
    /// PLAY.
    Play,
    /// Receiving media.
    Media,
}

impl Step {
    const fn method(self) -> &'static str {
        match self {
            Self::Describe => "DESCRIBE",
            Self::Setup => "SETUP",
            Self::Play | Self::Media => "PLAY",
        }
    }
}

/// What is said of a retina error: fatal for the session, or of one packet only.
#[derive(Debug)]
pub(crate) enum MediaError {
    /// A packet or the picture that it belongs to is unusable; the session goes on.
    Packet {
        /// It concerns the stream that was asked about.
        of_stream: bool,
    },
    /// The session is over.
    Fatal(Reason),
}

/// The reason of an error of `step` with the camera at `endpoint` (host and port).
pub(crate) fn rtsp(error: &retina::Error, step: Step, endpoint: &str) -> Reason {
    let text = error.to_string();
    match error.status_code() {
        // The answer was a success; its content could not be used.
        Some(200..=299) => return malformed_answer(&text, step, endpoint),
        Some(status) => return refused(status, step, endpoint),
        None => {}
    }
    if text.starts_with("RTSP framing error") {
        return framing(&text, step, endpoint);
    }
    if let Some(number) = os_error(&text) {
        return io(&io::Error::from_raw_os_error(number), endpoint);
    }
    if text.contains("respond to keepalive") || text.contains("write keepalive") || text == "Timeout" {
        return Reason::new(
            ReasonCode::Timeout,
            format!("{endpoint} no longer answers; check the camera and the network"),
        );
    }
    if text.starts_with("Error reading") || text.starts_with("Error writing") {
        return disconnected(step, endpoint);
    }
    Reason::new(
        ReasonCode::Refused,
        format!("{} of {endpoint} failed; it asks for what is not supported", step.method()),
    )
}

/// What an error amid media means for the session. `stream`: the stream whose packets are asked about.
pub(crate) fn media(error: &retina::Error, stream: &retina::client::Stream, endpoint: &str) -> MediaError {
    if error.status_code().is_none() {
        let text = error.to_string();
        // Both packet errors end by locating the stream and the packet; the errors of the connection don't.
        if text.contains("\npkt: ") {
            let of_stream = stream.ctx().is_some_and(|ctx| text.contains(&format!("\nstream: {ctx}\n")));
            return MediaError::Packet { of_stream };
        }
    }
    MediaError::Fatal(rtsp(error, Step::Media, endpoint))
}

/// A failed status (RFC 2326, section 7.1.1).
fn refused(status: u16, step: Step, endpoint: &str) -> Reason {
    let method = step.method();
    match status {
        401 | 403 => Reason::new(
            ReasonCode::Unauthorized,
            format!("{endpoint} refused user name and password ({status}); check them"),
        ),
        404 => {
            Reason::new(ReasonCode::NotFound, format!("{endpoint} has no such path (404); check the address"))
        }
        300..=399 => Reason::new(
            ReasonCode::Refused,
            format!("{endpoint} redirects elsewhere ({status}); use the address that it moved to"),
        ),
        453 => Reason::new(
            ReasonCode::Refused,
            format!("{endpoint} has no bandwidth left (453); close other viewers of the camera"),
        ),
        461 => Reason::new(
            ReasonCode::Refused,
            format!("{endpoint} refused the transport (461); choose the other one"),
        ),
        _ => Reason::new(ReasonCode::Refused, format!("{endpoint} refused {method} with status {status}")),
    }
}

/// Whether an error is the refusal of a transport (461).
pub(crate) fn is_unsupported_transport(error: &retina::Error) -> bool {
    error.status_code() == Some(461)
}

fn malformed_answer(text: &str, step: Step, endpoint: &str) -> Reason {
    if step == Step::Describe {
        if text.contains("unexpected content type") {
            return bad_description(endpoint, "is no SDP");
        }
        return bad_description(endpoint, "is cut short or malformed");
    }
    if step == Step::Media {
        return bad_description(endpoint, "of a track is malformed");
    }
    Reason::new(
        ReasonCode::Refused,
        format!("{endpoint} answered {} with something that is not understood", step.method()),
    )
}

fn bad_description(endpoint: &str, what: &str) -> Reason {
    Reason::new(ReasonCode::BadDescription, format!("the description from {endpoint} {what}"))
}

fn framing(text: &str, step: Step, endpoint: &str) -> Reason {
    match step {
        Step::Describe if text.contains("Incomplete RTSP message at EOF") => {
            bad_description(endpoint, "is cut short: the connection ended in the middle of it")
        }
        Step::Describe => Reason::new(
            ReasonCode::NotRtsp,
            format!("{endpoint} does not speak RTSP; check the port (554 is usual)"),
        ),
        Step::Setup | Step::Play => Reason::new(
            ReasonCode::Refused,
            format!("{endpoint} answered {} with something that is not understood", step.method()),
        ),
        Step::Media if text.contains("Incomplete RTSP message at EOF") => disconnected(step, endpoint),
        Step::Media => Reason::new(ReasonCode::BadMedia, format!("{endpoint} sends what is no RTSP")),
    }
}

/// The number in `(os error 111)`, which is how the standard library ends the text of a system error.
fn os_error(text: &str) -> Option<i32> {
    let (_, rest) = text.split_once("(os error ")?;
    rest.split_once(')')?.0.parse().ok()
}

/// The reason of a failed connect, read or write.
pub(crate) fn io(error: &io::Error, endpoint: &str) -> Reason {
    use io::ErrorKind::{
        AddrNotAvailable, BrokenPipe, ConnectionAborted, ConnectionRefused, ConnectionReset, HostUnreachable,
        NetworkDown, NetworkUnreachable, PermissionDenied, TimedOut,
    };
    match error.kind() {
        ConnectionRefused => Reason::new(
            ReasonCode::ConnectionRefused,
            format!("connection refused by {endpoint}; check that the camera is on and the port is right"),
        ),
        HostUnreachable | NetworkUnreachable | NetworkDown | AddrNotAvailable | PermissionDenied => {
            Reason::new(
                ReasonCode::HostUnreachable,
                format!("no route to {endpoint}; check the address and the network"),
            )
        }
        TimedOut => Reason::new(
            ReasonCode::Timeout,
            format!("{endpoint} does not answer; check that the camera is on and the address is right"),
        ),
        ConnectionReset | ConnectionAborted | BrokenPipe => disconnected(Step::Media, endpoint),
        kind => Reason::new(ReasonCode::HostUnreachable, format!("{endpoint} can't be reached: {kind}")),
    }
}

/// The host's name has no address.
pub(crate) fn unresolved(endpoint: &str) -> Reason {
    Reason::new(
        ReasonCode::HostUnreachable,
        format!("the host name of {endpoint} can't be resolved; check the address"),
    )
}

/// The host is not to be connected to.
pub(crate) fn not_allowed(why: NotAllowed, endpoint: &str) -> Reason {
    Reason::new(ReasonCode::NotAllowed, format!("{endpoint} {why}"))
}

/// `step` took longer than `limit`.
pub(crate) fn timeout(step: Step, limit: Duration, endpoint: &str) -> Reason {
    let limit = seconds(limit);
    let text = match step {
        Step::Describe => format!(
            "{endpoint} did not answer within {limit}; check that the camera is on and the address is right"
        ),
        _ => format!("{endpoint} did not answer {} within {limit}", step.method()),
    };
    Reason::new(ReasonCode::Timeout, text)
}

/// The camera ended the connection.
pub(crate) fn disconnected(step: Step, endpoint: &str) -> Reason {
    let text = match step {
        Step::Media => format!("{endpoint} closed the connection"),
        _ => format!("{endpoint} closed the connection instead of answering {}", step.method()),
    };
    Reason::new(ReasonCode::Disconnected, text)
}

/// No video track that can be used; `offered`: the codecs of the video tracks that there are.
pub(crate) fn no_video(offered: &str, endpoint: &str) -> Reason {
    let text = if offered.is_empty() {
        format!("{endpoint} offers no video track; check the path")
    } else {
        format!("{endpoint} offers video as {offered} only; set the camera to H.264 or H.265")
    };
    Reason::new(ReasonCode::NoVideo, text)
}

/// Nothing came for `limit`; `before`: pictures had come before that.
pub(crate) fn no_media(limit: Duration, before: bool, endpoint: &str) -> Reason {
    let limit = seconds(limit);
    let text = if before {
        format!("{endpoint} stopped sending: no picture for {limit}")
    } else {
        format!(
            "{endpoint} accepted the session and sent no picture within {limit}; check firewalls and transport"
        )
    };
    Reason::new(ReasonCode::NoMedia, text)
}

/// Pictures came for `limit`, and none that decoding could start at.
pub(crate) fn no_key(limit: Duration, endpoint: &str) -> Reason {
    let limit = seconds(limit);
    Reason::new(
        ReasonCode::BadMedia,
        format!(
            "{endpoint} sends pictures, but for {limit} no key picture with usable parameter sets; check its interval of \
             key pictures and its codec"
        ),
    )
}

/// Nothing usable came for `limit`, though `garbage` pieces of data did.
pub(crate) fn bad_media(limit: Duration, garbage: u64, endpoint: &str) -> Reason {
    Reason::new(
        ReasonCode::BadMedia,
        format!(
            "{endpoint} sent nothing usable within {}, but {garbage} malformed pieces of media",
            seconds(limit)
        ),
    )
}

/// The session panicked or met a state that should not be.
pub(crate) fn internal(what: &str) -> Reason {
    Reason::new(ReasonCode::Internal, what)
}

fn seconds(limit: Duration) -> String {
    if limit.subsec_millis() == 0 {
        format!("{} s", limit.as_secs())
    } else {
        format!("{} ms", limit.as_millis())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_have_their_reasons() {
        use ReasonCode::{NotFound, Refused, Unauthorized};
        for (status, code) in [
            (401, Unauthorized),
            (403, Unauthorized),
            (404, NotFound),
            (302, Refused),
            (453, Refused),
            (454, Refused),
            (461, Refused),
            (503, Refused),
        ] {
            let reason = refused(status, Step::Setup, "10.0.0.5:554");
            assert_eq!(reason.code, code);
            assert!(reason.text.contains("10.0.0.5:554") && reason.text.contains(&status.to_string()));
        }
    }

    #[test]
    fn system_errors_are_found_in_text() {
        let text = |kind| format!("Unable to connect to RTSP server: {}", io::Error::from_raw_os_error(kind));
        for (number, code) in [
            (111, ReasonCode::ConnectionRefused),
            (113, ReasonCode::HostUnreachable),
            (101, ReasonCode::HostUnreachable),
            (110, ReasonCode::Timeout),
            (104, ReasonCode::Disconnected),
        ] {
            let found = os_error(&text(number)).unwrap();
            assert_eq!(found, number);
            assert_eq!(io(&io::Error::from_raw_os_error(found), "cam:554").code, code);
        }
        assert_eq!(os_error("(os error x)"), None);
        assert_eq!(os_error("(os error 1"), None);
    }

    #[tokio::test]
    async fn a_refused_connect_of_retina_is_told_apart() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let url = format!("rtsp://{address}/").parse().unwrap();
        let error = retina::client::Session::describe(url, retina::client::SessionOptions::default())
            .await
            .err()
            .unwrap();
        let reason = rtsp(&error, Step::Describe, &address.to_string());
        assert_eq!(
            reason.text,
            format!("connection refused by {address}; check that the camera is on and the port is right")
        );
    }
}
