//! Who may still come: limits on viewers in all, of one stream, of one client address, and on what leaves this machine.

use crate::config::SfuConfig;
use crate::error::AdmissionError;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

/// Counts the viewers of each client address.
#[derive(Debug, Default)]
pub(crate) struct Admission {
    addresses: Mutex<HashMap<IpAddr, usize>>,
}

/// A viewer that was let in; leaves when dropped.
#[derive(Debug)]
pub(crate) struct Admitted {
    admission: Arc<Admission>,
    address: Option<IpAddr>,
}

impl Admission {
    /// Lets a viewer in that `address` asks for, if that is known.
    pub(crate) fn admit(
        self: &Arc<Self>,
        config: &SfuConfig,
        address: Option<IpAddr>,
    ) -> Result<Admitted, AdmissionError> {
        let address = address.map(network_of);
        if let Some(address) = address {
            let mut addresses = self.addresses.lock();
            let count = addresses.entry(address).or_default();
            if *count >= config.max_viewers_per_address {
                return Err(AdmissionError::Address { limit: config.max_viewers_per_address });
            }
            *count += 1;
        }
        Ok(Admitted { admission: self.clone(), address })
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        let Some(address) = self.address else { return };
        let mut addresses = self.admission.addresses.lock();
        if let Some(count) = addresses.get_mut(&address) {
            *count -= 1;
            if *count == 0 {
                addresses.remove(&address);
            }
        }
    }
}

/// What counts as one client: an IPv4 address, or the /64 that IPv6 hosts choose their addresses of at will.
fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)).into(),
    }
}

/// Whether `viewers` of a stream leave room for one more.
pub(crate) const fn admit_to_stream(config: &SfuConfig, viewers: usize) -> Result<(), AdmissionError> {
    if viewers >= config.max_viewers_per_stream {
        return Err(AdmissionError::Stream { limit: config.max_viewers_per_stream });
    }
    Ok(())
}

/// Whether a stream of `wanted` bits per second may leave this machine beside the `present` ones.
pub(crate) const fn admit_egress(
    config: &SfuConfig,
    present: u64,
    wanted: u64,
) -> Result<(), AdmissionError> {
    if config.max_egress_bps > 0 && present.saturating_add(wanted) > config.max_egress_bps {
        return Err(AdmissionError::Egress { limit_bps: config.max_egress_bps });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_its_share_and_gets_it_back() {
        let config = SfuConfig { max_viewers_per_address: 2, ..SfuConfig::default() };
        let admission = Arc::new(Admission::default());
        let from = |address: &str| admission.admit(&config, Some(address.parse().unwrap()));
        let (first, second) = (from("192.0.2.1"), from("::ffff:192.0.2.1"));
        assert!(first.is_ok() && second.is_ok());
        assert_eq!(from("192.0.2.1").err(), Some(AdmissionError::Address { limit: 2 }));
        assert!(from("192.0.2.2").is_ok() && admission.admit(&config, None).is_ok());
        drop(first);
        assert!(from("192.0.2.1").is_ok());
        drop(second);
        assert!(admission.addresses.lock().is_empty());
        let all: Vec<_> = ["2001:db8::1", "2001:db8::2"].map(from).into_iter().collect();
        assert!(from("2001:db8::3").is_err() && from("2001:db8:0:1::1").is_ok(), "{all:?}");
    }

    #[test]
    fn what_leaves_is_bounded_where_a_bound_is_set() {
        let mut config = SfuConfig::default();
        assert!(admit_egress(&config, u64::MAX, 1).is_ok());
        config.max_egress_bps = 10_000_000;
        assert!(admit_egress(&config, 8_000_000, 2_000_000).is_ok());
        assert!(admit_egress(&config, 8_000_001, 2_000_000).is_err());
    }
}
