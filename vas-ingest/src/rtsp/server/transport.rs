//! The Transport header (RFC 2326, section 12.39), as far as this server offers it: RTP/AVP over the connection
//! itself or over UDP, to the peer of the connection alone.
//!
//! Read by hand: the typed header of `rtsp-types` panics on some malformed quoted values.

/// Most alternatives of a header that are looked at.
const MAX_ALTERNATIVES: usize = 16;

/// A transport that a client offers and this server has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Offer {
    /// Interleaved with the requests (section 10.12); the channels that the client would like.
    Tcp {
        /// RTP's and RTCP's channel.
        channels: Option<(u8, u8)>,
    },
    /// UDP to the address that the client connected from.
    Udp {
        /// The client's RTP and RTCP ports.
        client_ports: (u16, u16),
    },
}

/// The first alternative of the header's value that can be served; `None` calls for 461.
pub(super) fn choose(value: &str, allow_udp: bool) -> Option<Offer> {
    value.split(',').take(MAX_ALTERNATIVES).filter_map(parse).find(|offer| match offer {
        Offer::Tcp { .. } => true,
        Offer::Udp { .. } => allow_udp,
    })
}

fn parse(alternative: &str) -> Option<Offer> {
    let mut parts = alternative.split(';').map(str::trim);
    let tcp = match parts.next()?.to_ascii_uppercase().as_str() {
        "RTP/AVP" | "RTP/AVP/UDP" => false,
        "RTP/AVP/TCP" => true,
        _ => return None,
    };
    let (mut channels, mut client_ports) = (None, None);
    for part in parts {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        match name.to_ascii_lowercase().as_str() {
            "multicast" => return None,
            "mode" if !value.trim_matches('"').eq_ignore_ascii_case("play") => return None,
            "interleaved" => channels = Some(pair::<u8>(value)?),
            "client_port" => client_ports = Some(pair::<u16>(value)?),
            // `destination` among them: media goes to nobody but the peer of the connection.
            _ => {}
        }
    }
    if tcp {
        Some(Offer::Tcp { channels })
    } else {
        let client_ports = client_ports?;
        (client_ports.0 != 0 && client_ports.1 != 0).then_some(Offer::Udp { client_ports })
    }
}

/// `a-b`, or `a` alone, which stands for `a` and the number after it.
fn pair<T: std::str::FromStr + Copy + TryFrom<u32> + Into<u32>>(text: &str) -> Option<(T, T)> {
    if let Some((first, second)) = text.split_once('-') {
        return Some((first.trim().parse().ok()?, second.trim().parse().ok()?));
    }
    let first: T = text.trim().parse().ok()?;
    Some((first, T::try_from(first.into() + 1).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_players_send() {
        let udp = Some(Offer::Udp { client_ports: (5000, 5001) });
        assert_eq!(choose("RTP/AVP;unicast;client_port=5000-5001", true), udp);
        assert_eq!(choose("RTP/AVP/UDP;unicast;client_port=5000;mode=\"PLAY\"", true), udp);
        let tcp = |channels| Some(Offer::Tcp { channels });
        assert_eq!(choose("RTP/AVP/TCP;unicast;interleaved=2-3;mode=play", true), tcp(Some((2, 3))));
        assert_eq!(choose("RTP/AVP/TCP;unicast", true), tcp(None));
        let both = "RTP/AVP;unicast;client_port=5000-5001,RTP/AVP/TCP;unicast;interleaved=0-1";
        assert_eq!((choose(both, true), choose(both, false)), (udp, tcp(Some((0, 1)))));
    }

    #[test]
    fn what_is_not_served() {
        for value in [
            "",
            "RTP/SAVP;unicast;client_port=5000-5001",
            "RTP/AVP;multicast;client_port=5000-5001",
            "RTP/AVP;unicast",
            "RTP/AVP;unicast;client_port=0-1",
            "RTP/AVP;unicast;client_port=65535",
            "RTP/AVP;unicast;client_port=70000-70001",
            "RTP/AVP/TCP;unicast;interleaved=256-257",
            "RTP/AVP/TCP;unicast;interleaved=0-1;mode=RECORD",
            "RTP/AVP/TCP;unicast;mode=\"",
        ] {
            assert_eq!(choose(value, true), None, "{value}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_survived(text in "\\PC*", udp in any::<bool>()) {
            let _ = choose(&text, udp);
            let _ = choose(&format!("RTP/AVP;{text}"), udp);
        }
    }
}
