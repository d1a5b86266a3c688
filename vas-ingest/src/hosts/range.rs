//! Ranges of addresses, and those that hardly belong to a camera (RFC 6890 and the registries that it founded).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Addresses with the same first bits. IPv4 and IPv6 are apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Range {
    address: IpAddr,
    prefix: u8,
}

const fn v4(a: u8, b: u8, c: u8, d: u8, prefix: u8) -> Range {
    Range { address: IpAddr::V4(Ipv4Addr::new(a, b, c, d)), prefix }
}

const fn v6(first: u16, second: u16, third: u16, last: u16, prefix: u8) -> Range {
    Range { address: IpAddr::V6(Ipv6Addr::new(first, second, third, 0, 0, 0, 0, last)), prefix }
}

const METADATA: &str = "the address of a cloud's metadata service";
const LOOPBACK: &str = "a loopback address";
const UNSPECIFIED: &str = "an address of no host";
const LINK_LOCAL: &str = "a link-local address";
const MULTICAST: &str = "a multicast address";
const RESERVED: &str = "a reserved address";
const TUNNEL: &str = "an IPv6 address that leads to an IPv4 one";

/// What hardly belongs to a camera. The first that holds an address counts.
const SPECIAL: [(Range, &str); 20] = [
    (v4(169, 254, 169, 254, 32), METADATA),
    (v4(169, 254, 170, 2, 32), METADATA),
    (v4(100, 100, 100, 200, 32), METADATA),
    (v4(168, 63, 129, 16, 32), METADATA),
    (v4(192, 0, 0, 192, 32), METADATA),
    (v6(0xfd00, 0xec2, 0, 0x254, 128), METADATA),
    (v4(127, 0, 0, 0, 8), LOOPBACK),
    (v6(0, 0, 0, 1, 128), LOOPBACK),
    (v4(0, 0, 0, 0, 8), UNSPECIFIED),
    (v6(0, 0, 0, 0, 128), UNSPECIFIED),
    (v4(169, 254, 0, 0, 16), LINK_LOCAL),
    (v6(0xfe80, 0, 0, 0, 10), LINK_LOCAL),
    (v4(224, 0, 0, 0, 4), MULTICAST),
    (v6(0xff00, 0, 0, 0, 8), MULTICAST),
    (v4(192, 0, 0, 0, 24), RESERVED),
    (v4(240, 0, 0, 0, 4), RESERVED),
    (v6(0xfec0, 0, 0, 0, 10), RESERVED),
    (v6(0, 0, 0, 0, 96), TUNNEL),
    (v6(0x2001, 0, 0, 0, 32), TUNNEL),
    (v6(0x2002, 0, 0, 0, 16), TUNNEL),
];

/// Networks of houses and companies (RFC 1918, RFC 4193) and of providers behind address translation (RFC 6598).
const LOCAL: [Range; 5] = [
    v4(10, 0, 0, 0, 8),
    v4(172, 16, 0, 0, 12),
    v4(192, 168, 0, 0, 16),
    v4(100, 64, 0, 0, 10),
    v6(0xfc00, 0, 0, 0, 7),
];

/// IPv4 addresses as an IPv6 network without IPv4 reaches them (RFC 6052).
const NAT64: Range = v6(0x64, 0xff9b, 0, 0, 96);

/// The address by which another is judged: the IPv4 address that an IPv6 address is another way of writing, or that a
/// translator makes of it.
pub(super) fn judged(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V6(address) if NAT64.contains(address.into()) => {
            Ipv4Addr::from_bits(address.to_bits() as u32).into()
        }
        canonical => canonical,
    }
}

/// The range of addresses that hardly belong to cameras which holds `ip`, and what they are.
pub(super) fn special(ip: IpAddr) -> Option<(Range, &'static str)> {
    SPECIAL.into_iter().find(|(range, _)| range.contains(ip))
}

/// Whether an address is one of the Internet at large.
pub(super) fn is_public(ip: IpAddr) -> bool {
    special(ip).is_none() && !LOCAL.iter().any(|range| range.contains(ip))
}

impl Range {
    /// The range of so many leading bits; `None` where an address has not as many.
    pub(super) fn new(address: IpAddr, prefix: u8) -> Option<Self> {
        match (address, judged(address)) {
            (IpAddr::V6(_), IpAddr::V4(inner)) => Some(Self {
                address: inner.into(),
                prefix: prefix.checked_sub(96).filter(|&bits| bits <= 32)?,
            }),
            _ => (prefix <= bits(address)).then_some(Self { address, prefix }),
        }
    }

    /// The range of one address.
    pub(super) fn of(address: IpAddr) -> Self {
        let address = judged(address);
        Self { address, prefix: bits(address) }
    }

    pub(super) fn contains(&self, ip: IpAddr) -> bool {
        let differ = match (self.address, ip) {
            (IpAddr::V4(own), IpAddr::V4(other)) => (own.to_bits() ^ other.to_bits()).leading_zeros(),
            (IpAddr::V6(own), IpAddr::V6(other)) => (own.to_bits() ^ other.to_bits()).leading_zeros(),
            _ => return false,
        };
        differ >= u32::from(self.prefix)
    }

    /// Whether all of it lies in `other`.
    pub(super) fn is_within(&self, other: &Self) -> bool {
        self.prefix >= other.prefix && other.contains(self.address)
    }
}

const fn bits(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}
