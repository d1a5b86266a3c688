//! Which hosts are connected to for cameras: whoever may give a camera's address must not reach what only this machine
//! can reach (server-side request forgery).
//!
//! The address that was checked is the one that is connected to, so that a name cannot lead elsewhere a moment later
//! (DNS rebinding). Redirects are not followed. One thing goes elsewhere: a camera that is read over UDP may name
//! another `source` for its packets, which the RTSP library sends two fixed datagrams to, to open firewalls.

mod range;
mod rule;
#[cfg(test)]
mod tests;

pub use rule::{HostRule, HostRuleError};

use crate::failure::{self, IngestError};
use crate::source::Source;
use range::{judged, special};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::Arc;
use url::Host;
use vas_core::model::stream::Reason;

/// The hosts that may be connected to. `Clone` hands out the same lists.
///
/// An address is allowed when a rule of `allow` matches it or its name and none of `deny` does. Loopback, link-local,
/// multicast, unspecified and reserved addresses and those of clouds' metadata services are allowed by rules alone that
/// name them or a part of their range: `0.0.0.0/0` does not include them. A port of this server's own on an address of
/// this machine needs a rule with that port.
#[derive(Clone, Debug, Default)]
pub struct HostPolicy {
    /// `None`: everything may be connected to.
    lists: Option<Arc<Lists>>,
}

#[derive(Debug)]
struct Lists {
    allow: Vec<HostRule>,
    deny: Vec<HostRule>,
    own_ports: Vec<u16>,
}

/// Why a host is not connected to. The text goes on behind its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotAllowed {
    /// A rule forbids it.
    #[error("is among the hosts that are never connected to (ingest.deny_hosts)")]
    Denied,
    /// An address that hardly belongs to a camera.
    #[error(
        "is {0}, which is connected to only where the configuration names it; add it to ingest.allow_hosts if a \
         camera is there"
    )]
    Special(&'static str),
    /// The server itself.
    #[error("is a port of this server; add it with its port to ingest.allow_hosts if a camera is there")]
    Own,
    /// No rule allows it.
    #[error("is not among the hosts that cameras may be at; add it to ingest.allow_hosts")]
    Unlisted,
}

impl HostPolicy {
    /// Everything may be connected to: for programs whose users choose the addresses themselves.
    #[must_use]
    pub fn unrestricted() -> Self {
        Self::default()
    }

    /// What `allow` matches and `deny` does not. `own_ports`: ports that this server listens on.
    #[must_use]
    pub fn new(allow: Vec<HostRule>, deny: Vec<HostRule>, own_ports: Vec<u16>) -> Self {
        Self { lists: Some(Arc::new(Lists { allow, deny, own_ports })) }
    }

    /// Checks what can be told of a source without looking up names: an address in it, and whether its name is denied.
    ///
    /// # Errors
    /// It is not to be connected to; the reason is the one that a started stream would have.
    pub fn check(&self, source: &Source) -> Result<(), IngestError> {
        if source.is_publisher() {
            return Ok(());
        }
        let verdict = match host(source) {
            Host::Domain(name) => self.check_name(&name, source.port()),
            Host::Ipv4(address) => self.check_address(None, SocketAddr::new(address.into(), source.port())),
            Host::Ipv6(address) => self.check_address(None, SocketAddr::new(address.into(), source.port())),
        };
        verdict.map_err(|why| failure::not_allowed(why, &source.endpoint()).into())
    }

    /// The addresses of a source that may be connected to, in the resolver's order; never empty. `None`: no list is
    /// kept, and whoever connects may look up the name.
    ///
    /// # Errors
    /// The name has no address, or none that is allowed.
    pub(crate) async fn resolve(&self, source: &Source) -> Result<Option<Vec<SocketAddr>>, Reason> {
        let endpoint = source.endpoint();
        let name = match host(source) {
            Host::Domain(name) => name,
            Host::Ipv4(address) => address.to_string(),
            Host::Ipv6(address) => address.to_string(),
        };
        let found = tokio::net::lookup_host((name.as_str(), source.port())).await;
        let found: Vec<_> = found.map_err(|_| failure::unresolved(&endpoint))?.collect();
        if found.is_empty() {
            return Err(failure::unresolved(&endpoint));
        }
        if self.lists.is_none() {
            return Ok(None);
        }
        let mut refused = NotAllowed::Unlisted;
        let mut allowed = Vec::new();
        for address in found {
            match self.check_address(Some(&name), address) {
                Ok(()) => allowed.push(address),
                Err(why) => refused = why,
            }
        }
        if allowed.is_empty() { Err(failure::not_allowed(refused, &endpoint)) } else { Ok(Some(allowed)) }
    }

    fn check_name(&self, name: &str, port: u16) -> Result<(), NotAllowed> {
        let Some(lists) = &self.lists else { return Ok(()) };
        if lists.deny.iter().any(|rule| rule.matches_name(name, port)) {
            return Err(NotAllowed::Denied);
        }
        Ok(())
    }

    /// Whether `address`, to which `name` led where there was one, may be connected to.
    fn check_address(&self, name: Option<&str>, address: SocketAddr) -> Result<(), NotAllowed> {
        let Some(lists) = &self.lists else { return Ok(()) };
        let (ip, port) = (judged(address.ip()), address.port());
        if let Some(name) = name {
            self.check_name(name, port)?;
        }
        if lists.deny.iter().any(|rule| rule.matches_address(ip, port)) {
            return Err(NotAllowed::Denied);
        }
        let mut matching = lists.allow.iter().filter(|rule| rule.matches_address(ip, port));
        if lists.own_ports.contains(&port) && is_own(ip) {
            return if matching.any(|rule| rule.has_port()) { Ok(()) } else { Err(NotAllowed::Own) };
        }
        if let Some((range, what)) = special(ip) {
            let named = matching.any(|rule| rule.is_within(&range));
            return if named { Ok(()) } else { Err(NotAllowed::Special(what)) };
        }
        let by_name =
            || name.is_some_and(|name| lists.allow.iter().any(|rule| rule.matches_name(name, port)));
        if matching.next().is_some() || by_name() { Ok(()) } else { Err(NotAllowed::Unlisted) }
    }
}

/// The host of a source. URLs of schemes that browsers do not know keep an address as text; and the system's resolver
/// takes `127.1` and `0x7f000001` for addresses, as browsers do.
fn host(source: &Source) -> Host<String> {
    let text = source.url.host_str().unwrap_or_default();
    Host::parse(text).unwrap_or_else(|_| Host::Domain(text.to_owned()))
}

/// Whether it is an address of this machine: only such can be bound to.
fn is_own(ip: IpAddr) -> bool {
    ip.is_loopback() || ip.is_unspecified() || UdpSocket::bind((ip, 0)).is_ok()
}
