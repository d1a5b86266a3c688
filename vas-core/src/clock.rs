//! Where time comes from. Whatever decides by time takes a [`Clock`], so that a test can move it.

use crate::time::WallTime;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

/// A monotonic and a wall clock.
pub trait Clock: Debug + Send + Sync + 'static {
    /// The monotonic clock: never steps, has no relation to UTC.
    fn now(&self) -> Instant;

    /// UTC as this machine knows it; may step.
    fn wall(&self) -> WallTime;
}

/// A clock that several parts of a program share.
pub type SharedClock = Arc<dyn Clock>;

/// The operating system's clocks.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl SystemClock {
    /// The system clock as a [`SharedClock`].
    #[must_use]
    pub fn shared() -> SharedClock {
        Arc::new(Self)
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Instant {
        Instant::now()
    }

    // The one place that asks the operating system for wall time.
    #[expect(clippy::disallowed_methods)]
    fn wall(&self) -> WallTime {
        WallTime::from(SystemTime::now())
    }
}
