//! How many connections there are, in all and from one client.

use super::super::client::network_of;
use crate::config::{AddressRange, HttpConfig};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Counts connections. `Clone` hands out the same counts.
#[derive(Clone, Debug)]
pub(super) struct Admission {
    total: Arc<Semaphore>,
    networks: Arc<Mutex<HashMap<IpAddr, u32>>>,
    /// Connections from one network; `None`: no limit.
    per_network: Option<u32>,
    /// Proxies speak for many.
    proxies: Arc<[AddressRange]>,
}

/// A place among all connections of HTTP, until this is dropped.
#[derive(Debug)]
pub(super) struct Place {
    _permit: OwnedSemaphorePermit,
}

/// A connection that counts for its network until this is dropped.
#[derive(Debug)]
pub(super) struct Admitted {
    _of_network: Option<OfNetwork>,
}

#[derive(Debug)]
struct OfNetwork {
    networks: Arc<Mutex<HashMap<IpAddr, u32>>>,
    network: IpAddr,
}

impl Admission {
    /// The limits of a configuration that was checked.
    pub(super) fn new(config: &HttpConfig) -> Self {
        Self {
            total: Arc::new(Semaphore::new(config.max_connections as usize)),
            networks: Arc::default(),
            per_network: (config.max_connections_per_address > 0)
                .then_some(config.max_connections_per_address),
            proxies: config.proxies().unwrap_or_default().into(),
        }
    }

    /// Waits until there is a place for one more.
    pub(super) async fn place(&self) -> Place {
        let permit = self.total.clone().acquire_owned().await.expect("the semaphore is never closed");
        Place { _permit: permit }
    }

    /// Takes in a connection from `address`; `None` where its network has as many as it may have.
    pub(super) fn admit(&self, address: IpAddr) -> Option<Admitted> {
        let address = address.to_canonical();
        let limit = self.per_network.filter(|_| !self.proxies.iter().any(|range| range.contains(address)));
        let of_network = match limit {
            Some(limit) => Some(self.count(network_of(address), limit)?),
            None => None,
        };
        Some(Admitted { _of_network: of_network })
    }

    fn count(&self, network: IpAddr, limit: u32) -> Option<OfNetwork> {
        let mut networks = self.networks.lock();
        let count = networks.entry(network).or_default();
        if *count >= limit {
            return None;
        }
        *count += 1;
        drop(networks);
        Some(OfNetwork { networks: self.networks.clone(), network })
    }
}

impl Drop for OfNetwork {
    fn drop(&mut self) {
        let mut networks = self.networks.lock();
        if let Some(count) = networks.get_mut(&self.network) {
            *count -= 1;
            if *count == 0 {
                networks.remove(&self.network);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_network_has_its_share_and_is_forgotten() {
        let admission = Admission::new(&HttpConfig {
            max_connections_per_address: 2,
            trusted_proxies: vec!["10.0.0.1".to_owned()],
            ..HttpConfig::default()
        });
        let admit = |text: &str| admission.admit(text.parse().unwrap());
        let held = [admit("192.0.2.1").unwrap(), admit("192.0.2.1").unwrap()];
        assert!(admit("192.0.2.1").is_none());
        let others = [admit("192.0.2.2").unwrap(), admit("2001:db8::1").unwrap()];
        let _second = admit("2001:db8::2").unwrap();
        assert!(admit("2001:db8::3").is_none(), "of the same network");
        let mut proxied = Vec::new();
        for _ in 0..5 {
            proxied.push(admit("10.0.0.1").unwrap());
        }
        drop(held);
        assert!(admit("192.0.2.1").is_some());
        drop(others);
        assert_eq!(admission.networks.lock().len(), 1);
    }
}
