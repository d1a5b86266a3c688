//! The states of a stream and the way between them.
//!
//! ```text
//! INITIALIZING --described--> READY --key picture--> LIVE
//!       \                      |                      |
//!        `-------------------> ERROR <----------------'      retries: ERROR -> READY -> LIVE
//! any of these --stop--> STOPPED --start--> INITIALIZING      anything --delete--> CLOSED (for good)
//! ```
//!
//! ERROR stands with its reason while retries go on, so that a dead camera is one entry in the history and not one
//! for each attempt.

use crate::error::{ErrorKind, HasKind};
use crate::time::WallTime;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// The state of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum StreamState {
    /// Started; the camera has not described itself yet.
    Initializing,
    /// Described and set up; no key picture yet.
    Ready,
    /// A key picture has arrived and media flows.
    Live,
    /// The camera failed; retries go on.
    Error,
    /// Stopped on request.
    Stopped,
    /// Deleted.
    Closed,
}

impl StreamState {
    /// Every state.
    pub const ALL: [Self; 6] =
        [Self::Initializing, Self::Ready, Self::Live, Self::Error, Self::Stopped, Self::Closed];

    /// The state's name in answers, upper case.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Initializing => "INITIALIZING",
            Self::Ready => "READY",
            Self::Live => "LIVE",
            Self::Error => "ERROR",
            Self::Stopped => "STOPPED",
            Self::Closed => "CLOSED",
        }
    }

    /// Whether the stream is wanted: started and neither stopped nor deleted.
    #[must_use]
    pub const fn is_active(self) -> bool {
        matches!(self, Self::Initializing | Self::Ready | Self::Live | Self::Error)
    }

    /// Whether `next` may follow this state.
    #[must_use]
    pub const fn may_become(self, next: Self) -> bool {
        use StreamState::{Closed, Error, Initializing, Live, Ready, Stopped};
        match (self, next) {
            (Closed, _) => false,
            (_, Closed) => true,
            (Stopped, Initializing) => true,
            (Stopped, _) => false,
            (_, Stopped | Error) => true,
            (Initializing | Error, Ready) | (Ready, Live) => true,
            // A restart on request begins anew.
            (Ready | Live | Error, Initializing) => true,
            _ => false,
        }
    }
}

impl fmt::Display for StreamState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A text that names no state.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no such stream state; one of INITIALIZING, READY, LIVE, ERROR, STOPPED, CLOSED was expected")]
pub struct UnknownState;

impl FromStr for StreamState {
    type Err = UnknownState;

    /// In any case, as clients send it.
    fn from_str(text: &str) -> Result<Self, UnknownState> {
        Self::ALL.into_iter().find(|state| state.name().eq_ignore_ascii_case(text)).ok_or(UnknownState)
    }
}

/// What led to a state, for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[non_exhaustive]
pub enum ReasonCode {
    /// Started on request.
    Started,
    /// Restarted on request.
    Restarted,
    /// The camera has described itself and the tracks are set up.
    Described,
    /// The first key picture has arrived.
    KeyPicture,
    /// The host name can't be resolved or no route leads to it.
    HostUnreachable,
    /// The host is not among those that may be connected to.
    NotAllowed,
    /// Nothing listens on the camera's port.
    ConnectionRefused,
    /// The camera did not answer in time.
    Timeout,
    /// User name or password is wrong or missing.
    Unauthorized,
    /// The camera has no such path.
    NotFound,
    /// Whatever answers does not speak RTSP.
    NotRtsp,
    /// The camera refused with another status.
    Refused,
    /// The camera's description is cut short or malformed.
    BadDescription,
    /// The camera offers no video track that can be used.
    NoVideo,
    /// The camera accepted and then sent nothing, or stopped sending.
    NoMedia,
    /// What the camera sends can't be understood.
    BadMedia,
    /// The camera closed the connection.
    Disconnected,
    /// Stopped on request.
    Stopped,
    /// Nobody watched it any more; it starts again when somebody does.
    Idle,
    /// Deleted on request.
    Deleted,
    /// The server was shut down.
    Shutdown,
    /// A fault of this program.
    Internal,
}

/// What led to a state: a code for programs and a sentence for people. Never holds a secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// For programs.
    pub code: ReasonCode,
    /// For people.
    pub text: String,
}

impl Reason {
    /// A reason.
    pub fn new(code: ReasonCode, text: impl Into<String>) -> Self {
        Self { code, text: text.into() }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A change of state, as it is stored and told to listeners.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transition {
    /// The state before.
    pub from: StreamState,
    /// The state after.
    pub to: StreamState,
    /// What led to it.
    pub reason: Reason,
    /// When.
    pub at: WallTime,
}

/// A change that the states do not allow.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a stream that is {from} can't become {to}")]
pub struct IllegalTransition {
    /// The present state.
    pub from: StreamState,
    /// The state asked for.
    pub to: StreamState,
}

impl HasKind for IllegalTransition {
    fn kind(&self) -> ErrorKind {
        ErrorKind::Conflict
    }
}

/// The state of one stream with the rules for changing it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamMachine {
    state: StreamState,
    reason: Reason,
    since: WallTime,
}

impl StreamMachine {
    /// A stream that has just been started.
    #[must_use]
    pub fn new(at: WallTime) -> Self {
        Self {
            state: StreamState::Initializing,
            reason: Reason::new(ReasonCode::Started, "started"),
            since: at,
        }
    }

    /// A stream as it was stored.
    #[must_use]
    pub const fn restore(state: StreamState, reason: Reason, since: WallTime) -> Self {
        Self { state, reason, since }
    }

    /// The present state.
    #[must_use]
    pub const fn state(&self) -> StreamState {
        self.state
    }

    /// What led to it.
    #[must_use]
    pub const fn reason(&self) -> &Reason {
        &self.reason
    }

    /// When it began.
    #[must_use]
    pub const fn since(&self) -> WallTime {
        self.since
    }

    /// Goes to another state. `None`: it is there already for the same reason, and nothing is to be told.
    ///
    /// # Errors
    /// The states don't allow it; the machine stays as it is.
    pub fn advance(
        &mut self,
        to: StreamState,
        reason: Reason,
        at: WallTime,
    ) -> Result<Option<Transition>, IllegalTransition> {
        if to == self.state && (to != StreamState::Error || reason.code == self.reason.code) {
            self.reason = reason;
            return Ok(None);
        }
        if !self.state.may_become(to) {
            return Err(IllegalTransition { from: self.state, to });
        }
        let from = std::mem::replace(&mut self.state, to);
        self.reason = reason.clone();
        self.since = at;
        Ok(Some(Transition { from, to, reason, at }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn reason(code: ReasonCode) -> Reason {
        Reason::new(code, format!("{code:?}"))
    }

    #[test]
    fn the_usual_life_of_a_stream() {
        let at = WallTime::from_unix_micros;
        let mut machine = StreamMachine::new(at(0));
        for (n, (to, code)) in [
            (StreamState::Ready, ReasonCode::Described),
            (StreamState::Live, ReasonCode::KeyPicture),
            (StreamState::Error, ReasonCode::Disconnected),
            (StreamState::Ready, ReasonCode::Described),
            (StreamState::Live, ReasonCode::KeyPicture),
            (StreamState::Stopped, ReasonCode::Stopped),
            (StreamState::Initializing, ReasonCode::Started),
            (StreamState::Closed, ReasonCode::Deleted),
        ]
        .into_iter()
        .enumerate()
        {
            let change = machine.advance(to, reason(code), at(n as i64 + 1)).unwrap().unwrap();
            assert_eq!((change.to, machine.state(), machine.since()), (to, to, at(n as i64 + 1)));
        }
        assert!(machine.advance(StreamState::Initializing, reason(ReasonCode::Started), at(99)).is_err());
    }

    #[test]
    fn the_same_failure_again_is_no_new_entry_but_another_is() {
        let mut machine = StreamMachine::new(WallTime::default());
        let mut fail = |code| machine.advance(StreamState::Error, reason(code), WallTime::default()).unwrap();
        assert!(fail(ReasonCode::ConnectionRefused).is_some());
        assert!(fail(ReasonCode::ConnectionRefused).is_none());
        assert!(fail(ReasonCode::Unauthorized).is_some());
    }

    #[test]
    fn names_parse_in_any_case() {
        assert_eq!("live".parse(), Ok(StreamState::Live));
        assert_eq!("Error".parse(), Ok(StreamState::Error));
        assert!("paused".parse::<StreamState>().is_err());
    }

    proptest! {
        #[test]
        fn closed_is_for_good_and_errors_change_nothing(steps in proptest::collection::vec(0_usize..6, 0..30)) {
            let mut machine = StreamMachine::new(WallTime::default());
            for step in steps {
                let (before, to) = (machine.clone(), StreamState::ALL[step]);
                let result = machine.advance(to, reason(ReasonCode::Internal), WallTime::default());
                match result {
                    Err(_) => prop_assert_eq!(&machine, &before),
                    Ok(_) => prop_assert_eq!(machine.state(), to),
                }
                prop_assert!(before.state() != StreamState::Closed || machine.state() == StreamState::Closed);
            }
        }
    }
}
