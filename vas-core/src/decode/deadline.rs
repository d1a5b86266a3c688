//! When decoding is to give up.

use super::DecodeError;
use crate::clock::SharedClock;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// Until when somebody waits for a picture. Asked between the NAL units of a picture: a decoder can't be stopped inside
/// one.
#[derive(Clone, Debug)]
pub struct Deadline {
    clock: SharedClock,
    at: Instant,
    abandoned: CancellationToken,
}

impl Deadline {
    /// `after` from now by the clock.
    #[must_use]
    pub fn new(clock: SharedClock, after: Duration) -> Self {
        let at = clock.now() + after;
        Self { clock, at, abandoned: CancellationToken::new() }
    }

    /// The token that says nobody waits any more once it is cancelled.
    #[must_use]
    pub fn abandon_token(&self) -> CancellationToken {
        self.abandoned.clone()
    }

    /// Whether to go on.
    ///
    /// # Errors
    /// [`DecodeError::TimedOut`] when the time is over, [`DecodeError::Abandoned`] when nobody waits any more.
    pub fn check(&self) -> Result<(), DecodeError> {
        if self.abandoned.is_cancelled() {
            return Err(DecodeError::Abandoned);
        }
        if self.clock.now() >= self.at {
            return Err(DecodeError::TimedOut);
        }
        Ok(())
    }
}
