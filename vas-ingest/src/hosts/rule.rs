//! One entry of a list of hosts.

use super::range::{Range, is_public};
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use vas_core::{ErrorKind, HasKind};

/// The word for all addresses of the Internet at large.
const PUBLIC: &str = "public";

/// An entry of a list of hosts: an address (`10.0.0.5`, `fd00::5`), a range (`10.0.0.0/8`), either an address or a name
/// with a port (`127.0.0.1:8554`, `[::1]:8554`), a name (`gate.example.com`), all names below one (`*.example.com`), or
/// `public`: all addresses that are neither local nor special.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostRule {
    hosts: Hosts,
    /// `None`: any port.
    port: Option<u16>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Hosts {
    Public,
    Range(Range),
    /// In lower case.
    Name(String),
    /// What names end with, the dot included; in lower case.
    Below(String),
}

/// A text is no entry of a list of hosts.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected an address, a range, a name or public, such as 192.168.1.0/24, 127.0.0.1:8554, *.example.com, not {0:?}"
)]
pub struct HostRuleError(String);

impl HasKind for HostRuleError {
    fn kind(&self) -> ErrorKind {
        ErrorKind::InvalidInput
    }
}

impl FromStr for HostRule {
    type Err = HostRuleError;

    fn from_str(text: &str) -> Result<Self, HostRuleError> {
        parse(text.trim()).ok_or_else(|| HostRuleError(text.to_owned()))
    }
}

fn parse(text: &str) -> Option<HostRule> {
    let any_port = |hosts| Some(HostRule { hosts, port: None });
    if text.eq_ignore_ascii_case(PUBLIC) {
        return any_port(Hosts::Public);
    }
    if let Some((address, prefix)) = text.split_once('/') {
        return any_port(Hosts::Range(Range::new(address.parse().ok()?, prefix.parse().ok()?)?));
    }
    if let Ok(address) = text.parse::<IpAddr>() {
        return any_port(Hosts::Range(Range::of(address)));
    }
    if let Ok(address) = text.parse::<SocketAddr>() {
        return Some(HostRule { hosts: Hosts::Range(Range::of(address.ip())), port: Some(address.port()) });
    }
    let (name, port) = match text.split_once(':') {
        Some((name, port)) => (name, Some(port.parse().ok().filter(|&port| port > 0)?)),
        None => (text, None),
    };
    let name = name.to_ascii_lowercase();
    let below = name.strip_prefix('*');
    let labels = below.map_or(Some(name.as_str()), |rest| rest.strip_prefix('.'))?;
    is_name(labels).then(|| HostRule {
        hosts: below.map_or_else(|| Hosts::Name(name.clone()), |rest| Hosts::Below(rest.to_owned())),
        port,
    })
}

/// Whether it is a host name. One of digits alone would be an address to the system's resolver.
fn is_name(text: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    text.len() <= 253
        && text.split('.').all(is_label)
        && text.rsplit('.').next().is_some_and(|last| last.bytes().any(|byte| byte.is_ascii_alphabetic()))
}

impl HostRule {
    pub(super) const fn has_port(&self) -> bool {
        self.port.is_some()
    }

    /// Whether it names nothing but addresses of `range`.
    pub(super) fn is_within(&self, range: &Range) -> bool {
        matches!(&self.hosts, Hosts::Range(own) if own.is_within(range))
    }

    pub(super) fn matches_address(&self, ip: IpAddr, port: u16) -> bool {
        let host = match &self.hosts {
            Hosts::Public => is_public(ip),
            Hosts::Range(range) => range.contains(ip),
            Hosts::Name(_) | Hosts::Below(_) => false,
        };
        host && self.is_of_port(port)
    }

    pub(super) fn matches_name(&self, name: &str, port: u16) -> bool {
        // The dot at the end of a complete name (RFC 1034, section 3.1) makes no other host of it.
        let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
        let host = match &self.hosts {
            Hosts::Name(own) => *own == name,
            Hosts::Below(end) => name.len() > end.len() && name.ends_with(end.as_str()),
            Hosts::Public | Hosts::Range(_) => false,
        };
        host && self.is_of_port(port)
    }

    fn is_of_port(&self, port: u16) -> bool {
        self.port.is_none_or(|own| own == port)
    }
}
