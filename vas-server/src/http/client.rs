//! Where a request comes from: the address at the other end of its connection or, behind a proxy that is trusted, the one
//! that the proxy tells of; and whether it came encrypted.

use crate::config::{AddressRange, ForwardedHeader, HttpConfig};
use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName};
use axum::middleware::Next;
use axum::response::Response;
use std::convert::Infallible;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const FORWARDED: HeaderName = HeaderName::from_static("forwarded");
/// Hops that are looked at; more proxies than that stand in no row.
const MOST_HOPS: usize = 32;

/// The address at the other end of a request's connection, as the listener notes it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer(pub(super) SocketAddr);

/// A mark of the listener: the connection is encrypted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Encrypted;

/// Where a request comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Client {
    /// Its address; `None` where there was no listener.
    pub(super) address: Option<IpAddr>,
    /// Whether nobody between it and the server, or the proxy that is trusted, could read along.
    pub(super) encrypted: bool,
}

/// The address of the client. `None` where there was no listener.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ClientAddress(pub(crate) Option<IpAddr>);

impl<S: Send + Sync> FromRequestParts<S> for ClientAddress {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        Ok(Self(parts.extensions.get::<Client>().and_then(|client| client.address)))
    }
}

/// Whether the client's connection is encrypted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct IsEncrypted(pub(crate) bool);

impl<S: Send + Sync> FromRequestParts<S> for IsEncrypted {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        Ok(Self(parts.extensions.get::<Client>().is_some_and(|client| client.encrypted)))
    }
}

/// What one client is: an address of IPv4, or the 64 bits of an IPv6 one that a network has in common, as whoever has one
/// of its addresses has them all (RFC 6177).
pub(super) fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & (!0 << 64)).into(),
        v4 => v4,
    }
}

/// The proxies that are believed.
#[derive(Debug)]
pub(super) struct Proxies {
    ranges: Vec<AddressRange>,
    header: ForwardedHeader,
}

impl Proxies {
    /// Those of a configuration that was checked.
    pub(super) fn new(config: &HttpConfig) -> Self {
        Self { ranges: config.proxies().unwrap_or_default(), header: config.forwarded_header }
    }

    fn is_trusted(&self, address: IpAddr) -> bool {
        self.ranges.iter().any(|range| range.contains(address))
    }

    /// Where a request comes from that arrived from `peer`.
    fn client(&self, peer: IpAddr, encrypted: bool, headers: &HeaderMap) -> Client {
        let peer = peer.to_canonical();
        let direct = Client { address: Some(peer), encrypted };
        if !self.is_trusted(peer) {
            return direct;
        }
        let hops = match self.header {
            ForwardedHeader::XForwardedFor => x_forwarded(headers),
            ForwardedHeader::Forwarded => forwarded(headers),
        };
        let mut client = direct;
        // The last was added by the proxy at the other end of the connection; the first by whom nobody vouches for.
        for hop in hops.into_iter().rev() {
            let Some(address) = hop.address else { break };
            client = Client { address: Some(address), encrypted: hop.encrypted.unwrap_or(client.encrypted) };
            if !self.is_trusted(address) {
                break;
            }
        }
        client
    }
}

/// One step of a request's way, as the proxy that took it tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Hop {
    /// `None`: unknown, or made up.
    address: Option<IpAddr>,
    encrypted: Option<bool>,
}

/// The elements of all lines of a list, which are one list (RFC 9110, section 5.3). Of a long one, the end.
fn elements(headers: &HeaderMap, name: &HeaderName) -> Vec<String> {
    let lines = headers.get_all(name).iter().map(|value| value.to_str().unwrap_or_default());
    let all: Vec<_> = lines.flat_map(|line| line.split(',')).map(|item| item.trim().to_owned()).collect();
    all[all.len().saturating_sub(MOST_HOPS)..].to_vec()
}

fn x_forwarded(headers: &HeaderMap) -> Vec<Hop> {
    // One for all: the scheme by which the first proxy was asked, passed on by the others.
    let proto = elements(headers, &X_FORWARDED_PROTO).pop();
    let encrypted = proto.map(|proto| proto.eq_ignore_ascii_case("https"));
    let hop = |text: String| Hop { address: node(&text), encrypted };
    elements(headers, &X_FORWARDED_FOR).into_iter().map(hop).collect()
}

/// RFC 7239, section 4.
fn forwarded(headers: &HeaderMap) -> Vec<Hop> {
    let hop = |element: String| {
        let mut hop = Hop { address: None, encrypted: None };
        for (name, value) in element.split(';').filter_map(|pair| pair.split_once('=')) {
            let value = value.trim().trim_matches('"');
            match name.trim().to_ascii_lowercase().as_str() {
                "for" => hop.address = node(value),
                "proto" => hop.encrypted = Some(value.eq_ignore_ascii_case("https")),
                _ => {}
            }
        }
        hop
    };
    elements(headers, &FORWARDED).into_iter().map(hop).collect()
}

/// The address of a node: `192.0.2.1`, `192.0.2.1:4711`, `2001:db8::1`, `[2001:db8::1]:4711` (RFC 7239, section 6).
fn node(text: &str) -> Option<IpAddr> {
    let text = text.trim().trim_matches('"');
    let bracketed = || text.strip_prefix('[')?.split_once(']')?.0.parse::<IpAddr>().ok();
    let with_port = || text.parse::<SocketAddr>().ok().map(|address| address.ip());
    let address = text.parse().ok().or_else(with_port).or_else(bracketed);
    address.map(|address: IpAddr| address.to_canonical())
}

/// Notes in a request where it comes from.
pub(super) async fn note(State(proxies): State<Arc<Proxies>>, mut request: Request, next: Next) -> Response {
    let encrypted = request.extensions().get::<Encrypted>().is_some();
    let client = match request.extensions().get::<Peer>() {
        Some(peer) => proxies.client(peer.0.ip(), encrypted, request.headers()),
        None => Client { address: None, encrypted },
    };
    request.extensions_mut().insert(client);
    next.run(request).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies(ranges: &[&str], header: ForwardedHeader) -> Proxies {
        let trusted_proxies = ranges.iter().map(ToString::to_string).collect();
        Proxies::new(&HttpConfig { trusted_proxies, forwarded_header: header, ..HttpConfig::default() })
    }

    fn headers(lines: &[(HeaderName, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(name, value.parse().unwrap());
        }
        headers
    }

    fn client(proxies: &Proxies, peer: &str, lines: &[(HeaderName, &'static str)]) -> (String, bool) {
        let client = proxies.client(peer.parse().unwrap(), false, &headers(lines));
        (client.address.unwrap().to_string(), client.encrypted)
    }

    #[test]
    fn only_trusted_proxies_are_believed_and_only_as_far_as_they_saw() {
        let proxies = proxies(&["10.0.0.0/24", "::1"], ForwardedHeader::XForwardedFor);
        let from = |peer, text| client(&proxies, peer, &[(X_FORWARDED_FOR, text)]).0;
        assert_eq!(from("192.0.2.1", "198.51.100.7"), "192.0.2.1");
        assert_eq!(from("10.0.0.1", "198.51.100.7"), "198.51.100.7");
        assert_eq!(from("::ffff:10.0.0.1", "198.51.100.7"), "198.51.100.7");
        // What the client itself claims stands in front.
        assert_eq!(from("10.0.0.1", "127.0.0.1, 198.51.100.7"), "198.51.100.7");
        assert_eq!(from("10.0.0.1", "127.0.0.1, 198.51.100.7, 10.0.0.2"), "198.51.100.7");
        assert_eq!(from("10.0.0.1", "10.0.0.9, 10.0.0.2"), "10.0.0.9");
        assert_eq!(from("10.0.0.1", "unknown"), "10.0.0.1");
        assert_eq!(from("10.0.0.1", "198.51.100.7, nonsense, 10.0.0.2"), "10.0.0.2");
        assert_eq!(from("::1", "\"[2001:db8::7]:4711\""), "2001:db8::7");
        assert_eq!(from("10.0.0.1", ""), "10.0.0.1");
        // The other header is whatever a client makes of it.
        assert_eq!(client(&proxies, "10.0.0.1", &[(FORWARDED, "for=198.51.100.7")]).0, "10.0.0.1");
        let lines = [(X_FORWARDED_FOR, "127.0.0.1"), (X_FORWARDED_FOR, "198.51.100.7")];
        assert_eq!(client(&proxies, "10.0.0.1", &lines).0, "198.51.100.7");
        let https = [(X_FORWARDED_FOR, "198.51.100.7"), (X_FORWARDED_PROTO, "https")];
        assert!(client(&proxies, "10.0.0.1", &https).1);
        assert!(!client(&proxies, "192.0.2.1", &https).1);
    }

    #[test]
    fn the_standard_header_is_understood() {
        let proxies = proxies(&["10.0.0.0/24"], ForwardedHeader::Forwarded);
        let from = |text| client(&proxies, "10.0.0.1", &[(FORWARDED, text)]);
        assert_eq!(from("for=198.51.100.7;proto=https;by=10.0.0.1"), ("198.51.100.7".to_owned(), true));
        assert_eq!(from("For=\"[2001:db8::7]\""), ("2001:db8::7".to_owned(), false));
        assert_eq!(from("for=127.0.0.1, for=\"198.51.100.7:80\", for=10.0.0.2").0, "198.51.100.7");
        assert_eq!(from("for=_hidden").0, "10.0.0.1");
        assert_eq!(client(&proxies, "10.0.0.1", &[(X_FORWARDED_FOR, "198.51.100.7")]).0, "10.0.0.1");
    }

    #[test]
    fn a_network_is_one_client() {
        let network = |text: &str| network_of(text.parse().unwrap()).to_string();
        assert_eq!(network("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(network("::ffff:192.0.2.1"), "192.0.2.1");
    }
}
