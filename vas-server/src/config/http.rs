//! Settings of the listener of pages and API.

use super::sections::{Invalid, invalid, within};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

/// The listener of pages and API.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct HttpConfig {
    /// Address and port; port 0 takes a free one.
    #[serde(deserialize_with = "address")]
    pub listen: SocketAddr,
    /// A second address and port, for WebSockets alone.
    #[serde(with = "optional_address")]
    #[schemars(with = "String")]
    pub ws_listen: Option<SocketAddr>,
    /// With TLS: an address and port without it, where clients are sent to the one with it.
    #[serde(with = "optional_address")]
    #[schemars(with = "String")]
    pub redirect_listen: Option<SocketAddr>,
    /// Connections at the same time.
    pub max_connections: u32,
    /// Connections from one client address (of IPv6: one /64) at the same time; 0: no limit.
    pub max_connections_per_address: u32,
    /// A connection without a request for so long is closed, in seconds.
    pub idle_timeout_seconds: u32,
    /// Requests under way at the same time on one connection of HTTP/2.
    pub max_http2_streams: u32,
    /// Time for the whole head of a request, in seconds.
    pub header_timeout_seconds: u32,
    /// Largest body of a request, in bytes.
    pub max_body_bytes: u32,
    /// Origins of other sites whose pages may call the API.
    pub cors_origins: Vec<String>,
    /// Whether these pages may send what a browser knows of somebody, such as cookies.
    pub cors_credentials: bool,
    /// Names under which the server is reached, besides addresses and `localhost`.
    pub host_names: Vec<String>,
    /// Addresses of proxies that tell whom they speak for.
    pub trusted_proxies: Vec<String>,
    /// The header by which they do.
    pub forwarded_header: ForwardedHeader,
    /// Folder with the dashboard's built files; empty: those in the program.
    pub dashboard_dir: PathBuf,
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            listen: (Ipv4Addr::LOCALHOST, 8080).into(),
            ws_listen: None,
            redirect_listen: None,
            max_connections: 4_096,
            max_connections_per_address: 512,
            idle_timeout_seconds: 75,
            max_http2_streams: 128,
            header_timeout_seconds: 10,
            max_body_bytes: 1 << 20,
            cors_origins: Vec::new(),
            cors_credentials: false,
            host_names: Vec::new(),
            trusted_proxies: Vec::new(),
            forwarded_header: ForwardedHeader::XForwardedFor,
            dashboard_dir: PathBuf::new(),
        }
    }
}

impl HttpConfig {
    /// The proxies that tell whom they speak for.
    ///
    /// # Errors
    /// One of them is no address and no range.
    pub fn proxies(&self) -> Result<Vec<AddressRange>, Invalid> {
        let parse = |text: &String| {
            let expected = "each must be an address or a range of addresses, such as 10.0.0.0/8";
            AddressRange::parse(text).ok_or_else(|| invalid("http.trusted_proxies", expected))
        };
        self.trusted_proxies.iter().map(parse).collect()
    }

    pub(super) fn validate(&self) -> Result<(), Invalid> {
        within("http.max_connections", self.max_connections, 1, 1_000_000)?;
        within("http.max_connections_per_address", self.max_connections_per_address, 0, 1_000_000)?;
        within("http.idle_timeout_seconds", self.idle_timeout_seconds, 1, 3_600)?;
        within("http.max_http2_streams", self.max_http2_streams, 1, 10_000)?;
        within("http.header_timeout_seconds", self.header_timeout_seconds, 1, 300)?;
        within("http.max_body_bytes", self.max_body_bytes, 1_024, 64 << 20)?;
        self.proxies()?;
        for name in &self.host_names {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-.".contains(&byte);
            if name.is_empty() || !name.bytes().all(plain) {
                return Err(invalid("http.host_names", "each must be a name alone, such as vas.example.com"));
            }
        }
        for origin in &self.cors_origins {
            let expected = "each must be scheme, host and port alone, such as https://portal.example.com";
            let url = url::Url::parse(origin).map_err(|_| invalid("http.cors_origins", expected))?;
            if url.origin().ascii_serialization() != *origin {
                return Err(invalid("http.cors_origins", expected));
            }
        }
        Ok(())
    }
}

/// The header by which proxies tell whom they speak for. Of the other one whatever a client sends is passed on by many
/// proxies, so only one is believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(!try_from)]
pub enum ForwardedHeader {
    /// `X-Forwarded-For`, with `X-Forwarded-Proto`.
    #[serde(rename = "x-forwarded-for")]
    XForwardedFor,
    /// `Forwarded` (RFC 7239).
    #[serde(rename = "forwarded")]
    Forwarded,
}

impl TryFrom<String> for ForwardedHeader {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.to_ascii_lowercase().as_str() {
            "x-forwarded-for" => Ok(Self::XForwardedFor),
            "forwarded" => Ok(Self::Forwarded),
            _ => Err(format!("expected x-forwarded-for or forwarded, not {text:?}")),
        }
    }
}

/// Addresses with the same first bits: `10.0.0.0/8`, or a single one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddressRange {
    address: IpAddr,
    prefix: u8,
}

impl AddressRange {
    fn parse(text: &str) -> Option<Self> {
        let (address, prefix) =
            text.trim().split_once('/').map_or((text.trim(), None), |(a, p)| (a, Some(p)));
        let address: IpAddr = address.parse().ok()?;
        let bits = if address.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.map_or(Some(bits), |prefix| prefix.parse().ok())?;
        (prefix <= bits).then_some(Self { address, prefix })
    }

    /// Whether an address is one of them; IPv4 and IPv6 are apart.
    #[must_use]
    pub fn contains(&self, ip: IpAddr) -> bool {
        let same = match (self.address, ip) {
            (IpAddr::V4(own), IpAddr::V4(other)) => (own.to_bits() ^ other.to_bits()).leading_zeros(),
            (IpAddr::V6(own), IpAddr::V6(other)) => (own.to_bits() ^ other.to_bits()).leading_zeros(),
            _ => return false,
        };
        same >= u32::from(self.prefix)
    }
}

// The parser of the standard library says that a text is wrong, not what was expected.
fn address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SocketAddr, D::Error> {
    address_of(&String::deserialize(deserializer)?)
}

fn address_of<E: serde::de::Error>(text: &str) -> Result<SocketAddr, E> {
    let expected = || E::custom(format!("expected address and port, such as 127.0.0.1:8080, not {text:?}"));
    text.parse().map_err(|_| expected())
}

/// An address and port that may be left out: then the text is empty.
mod optional_address {
    use super::address_of;
    use serde::{Deserialize, Deserializer, Serializer};
    use std::net::SocketAddr;

    #[expect(clippy::ref_option, reason = "the signature is serde's")]
    pub(super) fn serialize<S: Serializer>(
        address: &Option<SocketAddr>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&address.map_or_else(String::new, |address| address.to_string()))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<SocketAddr>, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text.is_empty() { Ok(None) } else { address_of(&text).map(Some) }
    }
}
