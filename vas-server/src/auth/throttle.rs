//! Failures to sign in, counted by name and by address: after ten, whoever tries again waits.
//!
//! An attempt counts from its beginning, so that many at once are no way around; one that succeeds is taken off again.
//! Names are counted whether or not anybody has them.

use parking_lot::Mutex;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Failures that are let pass.
const FREE: u32 = 10;
/// Failures are forgotten when none was added for so long.
const MEMORY: Duration = Duration::from_secs(900);
/// The wait after the last one that is let pass; it doubles with each further one.
const FIRST_WAIT: Duration = Duration::from_secs(30);
/// Names and addresses that are remembered at most.
const REMEMBERED: usize = 20_000;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Of {
    Name(String),
    /// Of IPv6 the network that a site has, of whose addresses there is no end.
    Address(u128),
}

#[derive(Clone, Copy, Debug)]
struct Failures {
    count: u32,
    last: Instant,
}

impl Failures {
    /// How long is still to be waited.
    fn wait(self, now: Instant) -> Option<Duration> {
        let beyond = self.count.checked_sub(FREE)?;
        let wait = FIRST_WAIT.saturating_mul(1 << beyond.min(10)).min(MEMORY);
        let left = wait.saturating_sub(now.saturating_duration_since(self.last));
        (!left.is_zero()).then_some(left)
    }
}

/// Counts failures. `Clone` hands out the same counts.
#[derive(Clone, Debug, Default)]
pub(super) struct Throttle {
    failures: Arc<Mutex<HashMap<Of, Failures>>>,
}

impl Throttle {
    /// Begins an attempt.
    ///
    /// # Errors
    /// The time to wait: there were too many failures.
    pub(super) fn attempt(
        &self,
        name: &str,
        address: Option<IpAddr>,
        now: Instant,
    ) -> Result<Attempt, Duration> {
        let mut of = vec![Of::Name(name.to_lowercase())];
        of.extend(address.map(|address| Of::Address(network(address))));
        let mut failures = self.failures.lock();
        let wait = of.iter().filter_map(|of| failures.get(of)?.wait(now)).max();
        if let Some(wait) = wait {
            return Err(wait);
        }
        if failures.len() + of.len() > REMEMBERED {
            forget(&mut failures, now);
        }
        for of in &of {
            let entry = failures.entry(of.clone()).or_insert(Failures { count: 0, last: now });
            if now.saturating_duration_since(entry.last) > MEMORY {
                entry.count = 0;
            }
            (entry.count, entry.last) = (entry.count.saturating_add(1), now);
        }
        Ok(Attempt { of, throttle: self.clone() })
    }
}

/// Forgets what is old; where all is new, those with the fewest failures.
fn forget(failures: &mut HashMap<Of, Failures>, now: Instant) {
    failures.retain(|_, entry| now.saturating_duration_since(entry.last) <= MEMORY);
    if failures.len() >= REMEMBERED / 2 {
        failures.retain(|_, entry| entry.count >= FREE);
    }
    if failures.len() >= REMEMBERED {
        failures.clear();
    }
}

/// An attempt that counts as a failure unless it succeeds.
#[derive(Debug)]
#[must_use = "an attempt that did not fail must be told so"]
pub(super) struct Attempt {
    of: Vec<Of>,
    throttle: Throttle,
}

impl Attempt {
    /// It was no failure. Of the name all are forgotten; of the address this one, or else an attacker with an account of
    /// its own could go on for ever.
    pub(super) fn succeeded(self) {
        let mut failures = self.throttle.failures.lock();
        for of in &self.of {
            match of {
                Of::Name(_) => drop(failures.remove(of)),
                Of::Address(_) => {
                    if let Some(entry) = failures.get_mut(of) {
                        entry.count = entry.count.saturating_sub(1);
                    }
                }
            }
        }
    }
}

fn network(address: IpAddr) -> u128 {
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
        IpAddr::V6(address) => address.to_bits() >> 64 << 64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u8) -> Option<IpAddr> {
        Some([192, 0, 2, last].into())
    }

    #[test]
    fn after_ten_failures_names_and_addresses_wait() {
        let (throttle, start) = (Throttle::default(), Instant::now());
        for n in 0..FREE as u8 {
            let _failed = throttle.attempt("Admin", address(n), start).unwrap();
        }
        let wait = throttle.attempt("admin", address(200), start).unwrap_err();
        assert_eq!(wait, FIRST_WAIT);
        assert!(throttle.attempt("other", address(1), start).is_ok(), "others go on");
        let later = start + FIRST_WAIT;
        let _failed = throttle.attempt("admin", None, later).unwrap();
        assert_eq!(throttle.attempt("admin", None, later).unwrap_err(), FIRST_WAIT * 2);
        assert!(throttle.attempt("admin", None, later + MEMORY).is_ok());
        for n in 0..FREE {
            let _failed = throttle.attempt(&format!("name {n}"), address(9), start);
        }
        assert!(throttle.attempt("somebody", address(9), start).is_err());
    }

    #[test]
    fn success_is_no_failure_and_gives_addresses_nothing_back() {
        let (throttle, now) = (Throttle::default(), Instant::now());
        for _ in 0..100 {
            throttle.attempt("admin", address(1), now).unwrap().succeeded();
        }
        for n in 0..FREE {
            let _failed = throttle.attempt(&format!("name {n}"), address(1), now).unwrap();
            if n < FREE - 1 {
                throttle.attempt("own", address(1), now).unwrap().succeeded();
            }
        }
        assert!(throttle.attempt("own", address(1), now).is_err());
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let (throttle, now) = (Throttle::default(), Instant::now());
        for _ in 0..FREE {
            let _failed = throttle.attempt("admin", None, now).unwrap();
        }
        for n in 0..REMEMBERED * 2 {
            let _failed = throttle.attempt(&format!("name {n}"), None, now);
        }
        assert!(throttle.failures.lock().len() <= REMEMBERED);
        assert!(throttle.attempt("admin", None, now).is_err(), "who has failed often is not forgotten");
    }
}
