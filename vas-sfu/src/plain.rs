//! Plain RTP: a producer sent to a host and port that an administrator has allowed, without keys and checks.
//!
//! Standards: RFC 3550 and RFC 3551 (RTP and its profile), RFC 8866 (the description that receivers are given).

use crate::config::SfuConfig;
use crate::consumer::Consumer;
use crate::error::{ConsumeError, PlainError, TransportError};
use crate::ortc::{MediaKind, RtpCapabilities, match_consumer, router_capabilities};
use crate::producer::Producer;
use crate::router::Router;
use crate::shard::{Extensions, Path, PlainSetup, Routes};
use crate::transport::{CloseReason, ConsumeOptions, TransportId, TransportInner, TransportShared};
use serde::{Deserialize, Serialize};
use std::fmt::{self, Write};
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;
use vas_core::media::TrackFormat;

/// An address, or all that share its first bits: `10.0.0.7`, `10.0.0.0/8`, `2001:db8::/32`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Network {
    address: IpAddr,
    bits: u8,
}

/// A text is no network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no address and no network; write 10.0.0.7 or 10.0.0.0/8")]
pub struct NetworkError(String);

impl Network {
    /// Whether an address belongs to it.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let (own, other) = match (self.address, address.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                (u128::from(own.to_bits()) << 96, u128::from(other.to_bits()) << 96)
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => (own.to_bits(), other.to_bits()),
            _ => return false,
        };
        let mask = u128::MAX.checked_shl(128 - u32::from(self.bits)).unwrap_or(0);
        (own ^ other) & mask == 0
    }
}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let error = || NetworkError(text.chars().take(64).collect());
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits.parse().map_err(|_| error())?)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| error())?;
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.unwrap_or(longest);
        if bits > longest { Err(error()) } else { Ok(Self { address, bits }) }
    }
}

impl TryFrom<String> for Network {
    type Error = NetworkError;

    fn try_from(text: String) -> Result<Self, NetworkError> {
        text.parse()
    }
}

impl From<Network> for String {
    fn from(network: Network) -> Self {
        format!("{}/{}", network.address, network.bits)
    }
}

/// A connection that sends plain RTP. Dropping the last handle of it and its consumers closes it.
#[derive(Clone)]
#[must_use = "a transport closes when its last handle is dropped"]
pub struct PlainTransport {
    inner: Arc<TransportInner>,
    rtp: SocketAddr,
    rtcp: SocketAddr,
}

impl fmt::Debug for PlainTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PlainTransport")
            .field("id", &self.id())
            .field("rtp", &self.rtp)
            .finish_non_exhaustive()
    }
}

impl PlainTransport {
    pub(crate) fn new(
        router: &Router,
        routes: &Arc<Routes>,
        config: &SfuConfig,
        bound: &[SocketAddr],
        rtp: SocketAddr,
        rtcp_mux: bool,
    ) -> Result<Self, PlainError> {
        let address = rtp.ip().to_canonical();
        if !config.plain_rtp_allow.iter().any(|network| network.contains(address)) {
            return Err(PlainError::NotAllowed { address });
        }
        let reports = if rtcp_mux { Some(rtp.port()) } else { rtp.port().checked_add(1) };
        let port = reports.filter(|_| rtp.port() != 0).ok_or(PlainError::Port { port: rtp.port() })?;
        let rtcp = SocketAddr::new(address, port);
        let rtp = SocketAddr::new(address, rtp.port());
        let socket = bound.iter().position(|socket| socket.is_ipv4() == rtp.is_ipv4());
        let family = if rtp.is_ipv4() { "IPv4" } else { "IPv6" };
        let socket = socket.ok_or(PlainError::Family { family })? as u32;
        let shared = TransportShared::new();
        let path = |peer| Path::udp(socket, peer, None);
        let setup = PlainSetup { shared: shared.clone(), rtp: path(rtp), rtcp: path(rtcp) };
        let leg = routes
            .insert_plain(Box::new(setup))
            .map_err(|error| TransportError::of(error, config.max_transports))?;
        let inner = TransportInner::new(leg, shared, router, routes, None);
        Ok(Self { inner, rtp, rtcp })
    }

    /// The transport's id.
    #[must_use]
    pub fn id(&self) -> TransportId {
        self.inner.shared.id
    }

    /// Where RTP goes.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.rtp
    }

    /// Sends a producer, in its own codec and under the payload type of [`crate::Router::rtp_capabilities`].
    ///
    /// # Errors
    /// Nothing is known of its media yet, it has no payload format, a limit is reached, or either is closed.
    pub fn consume(&self, producer: &Producer, options: ConsumeOptions) -> Result<Consumer, ConsumeError> {
        let formats = producer.formats();
        let main = formats.into_iter().next().flatten().ok_or(ConsumeError::NoMedia)?;
        let RtpCapabilities { mut codecs, .. } = router_capabilities();
        // Nobody asks for lost packets here.
        codecs.retain(|codec| !codec.mime_type.ends_with("/rtx"));
        let remote = RtpCapabilities { codecs, header_extensions: Vec::new() };
        let mut matched = match_consumer(&[main], &remote)?;
        // The first layer alone: the description can't say more of the others.
        matched.layers.resize(producer.shared().len(), None);
        self.inner.consume_as(producer, &matched, Extensions::default(), None, options)
    }

    /// The description by which a receiver plays what is consumed here, such as `ffplay -protocol_whitelist file,rtp,udp
    /// -i stream.sdp`. Players that do not tell streams of one port apart want a transport for each consumer.
    #[must_use]
    pub fn sdp(&self, consumers: &[Consumer]) -> String {
        let family = if self.rtp.is_ipv4() { "IP4" } else { "IP6" };
        let address = self.rtp.ip();
        let mut text = format!(
            "v=0\r\no=- {} 1 IN {family} {address}\r\ns=-\r\nc=IN {family} {address}\r\nt=0 0\r\n",
            self.id().as_uuid().as_u64_pair().0 >> 1
        );
        for consumer in consumers {
            self.describe(&mut text, consumer);
        }
        text
    }

    fn describe(&self, text: &mut String, consumer: &Consumer) {
        let parameters = consumer.rtp_parameters();
        let Some(codec) = parameters.codecs.first() else { return };
        let payload_type = codec.payload_type;
        let name = codec.mime_type.split_once('/').map_or("", |(_, name)| name);
        let channels = codec.channels.filter(|_| consumer.kind() == MediaKind::Audio);
        let channels = channels.map_or_else(String::new, |channels| format!("/{channels}"));
        // Writing to a String can't fail.
        let _ = write!(
            text,
            "m={} {} RTP/AVP {payload_type}\r\na=rtpmap:{payload_type} {name}/{}{channels}\r\n",
            consumer.kind().name(),
            self.rtp.port(),
            codec.clock_rate
        );
        let format = consumer.producer().formats().into_iter().next().flatten();
        if let Some(TrackFormat::Video(video)) = format.as_deref()
            && let fmtp = video.fmtp()
            && !fmtp.is_empty()
        {
            let _ = write!(text, "a=fmtp:{payload_type} {fmtp}\r\n");
        }
        if self.rtcp == self.rtp {
            text.push_str("a=rtcp-mux\r\n");
        } else {
            let _ = write!(text, "a=rtcp:{}\r\n", self.rtcp.port());
        }
        for encoding in &parameters.encodings {
            let _ = write!(text, "a=ssrc:{} cname:{}\r\n", encoding.ssrc, parameters.rtcp.cname);
        }
        text.push_str("a=sendonly\r\n");
    }

    /// Closes it.
    pub fn close(&self) {
        self.inner.close();
    }

    /// Completes when it is closed, with the reason. Cancel-safe.
    pub async fn closed(&self) -> CloseReason {
        self.inner.shared.closed().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_hold_what_they_say() {
        let holds = |network: &str, address: &str| {
            network.parse::<Network>().unwrap().contains(address.parse().unwrap())
        };
        assert!(holds("10.0.0.0/8", "10.255.1.2") && !holds("10.0.0.0/8", "11.0.0.1"));
        assert!(holds("10.0.0.7", "10.0.0.7") && !holds("10.0.0.7", "10.0.0.6"));
        assert!(holds("0.0.0.0/0", "192.0.2.1") && !holds("0.0.0.0/0", "2001:db8::1"));
        assert!(holds("2001:db8::/32", "2001:db8:1::1") && !holds("::1", "::2"));
        assert!(holds("127.0.0.1", "::ffff:127.0.0.1"), "an IPv4 address in IPv6's clothes");
        for wrong in ["", "10.0.0.0/33", "host", "10.0.0.0/", "10.0.0.0/-1", "::/129"] {
            assert!(wrong.parse::<Network>().is_err(), "{wrong}");
        }
    }
}
