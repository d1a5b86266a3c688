//! How many TCP connections there may be, over all shards.

use parking_lot::Mutex;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

/// How many connections there may be.
#[derive(Debug)]
pub(crate) struct Admission {
    limit: usize,
    per_address: usize,
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    all: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// A place for a connection, given back when dropped.
#[derive(Debug)]
pub(super) struct Admitted {
    admission: Arc<Admission>,
    address: IpAddr,
}

impl Admission {
    pub(crate) fn new(limit: usize, per_address: usize) -> Arc<Self> {
        Arc::new(Self { limit, per_address, counts: Mutex::default() })
    }

    /// A place for a connection of `peer`; `None`: there are too many.
    pub(super) fn admit(self: &Arc<Self>, peer: IpAddr) -> Option<Admitted> {
        let address = group_of(peer);
        let mut guard = self.counts.lock();
        let counts = &mut *guard;
        if counts.all >= self.limit {
            return None;
        }
        let of_address = counts.by_address.entry(address).or_default();
        // An entry of none can't stay: with a limit of at least 1 it is taken at once.
        if *of_address >= self.per_address.max(1) {
            return None;
        }
        *of_address += 1;
        counts.all += 1;
        drop(guard);
        Some(Admitted { admission: self.clone(), address })
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        let mut guard = self.admission.counts.lock();
        let counts = &mut *guard;
        counts.all -= 1;
        if let Some(of_address) = counts.by_address.get_mut(&self.address) {
            *of_address -= 1;
            if *of_address == 0 {
                counts.by_address.remove(&self.address);
            }
        }
    }
}

/// Who counts as one: an IPv4 address, or a network of IPv6, in which each host has as many addresses as it likes.
fn group_of(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & (u128::MAX << 64)).into(),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    #[test]
    fn connections_are_limited_in_all_and_of_one_address() {
        let admission = Admission::new(3, 2);
        let [one, two]: [IpAddr; 2] = [1, 2].map(|last| Ipv4Addr::new(192, 0, 2, last).into());
        let first = admission.admit(one);
        let second = admission.admit(one);
        assert!(first.is_some() && second.is_some());
        assert!(admission.admit(one).is_none(), "a third of one address");
        let third = admission.admit(two);
        assert!(third.is_some());
        assert!(admission.admit(two).is_none(), "a fourth in all");
        drop((first, second));
        assert!(admission.admit(two).is_some());
        drop(third);
        assert_eq!(admission.counts.lock().all, 0);
        assert!(admission.counts.lock().by_address.is_empty());
    }

    #[test]
    fn a_network_of_ipv6_counts_as_one() {
        let admission = Admission::new(10, 1);
        let held = admission.admit("2001:db8::1".parse().unwrap());
        assert!(held.is_some());
        assert!(admission.admit("2001:db8::ffff:2".parse().unwrap()).is_none());
        assert!(admission.admit("2001:db8:0:1::1".parse().unwrap()).is_some());
        let mapped = admission.admit("::ffff:192.0.2.1".parse().unwrap());
        assert!(mapped.is_some() && admission.admit("192.0.2.1".parse().unwrap()).is_none());
    }
}
