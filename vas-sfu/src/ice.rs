//! The ICE-lite responder (RFC 8445, section 2.5 and 7.3): it answers connectivity checks and sends none.

use bytes::{Bytes, BytesMut};
use rand::Rng;
use rtc::crypto::RTCCryptoProvider;
use rtc::stun::attributes::{ATTR_USE_CANDIDATE, ATTR_USERNAME};
use rtc::stun::fingerprint::FINGERPRINT;
use rtc::stun::integrity::MessageIntegrity;
use rtc::stun::message::{BINDING_REQUEST, BINDING_SUCCESS, Message};
use rtc::stun::xoraddr::XorMappedAddress;
use std::net::SocketAddr;
use vas_core::Secret;

/// Characters of ICE credentials (RFC 8839, section 5.4: `ice-char`), without the two that need care in URLs.
const ICE_CHARS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// Bytes of the longest check that is looked at; real ones stay well below.
const MAX_CHECK: usize = 1_500;

/// User name fragment and password of one side.
#[derive(Clone, Debug)]
pub(crate) struct IceCredentials {
    pub(crate) ufrag: String,
    pub(crate) pwd: Secret,
}

impl IceCredentials {
    /// Fresh credentials: 95 bits in the fragment, which alone routes packets, and 190 in the password.
    pub(crate) fn generate() -> Self {
        Self { ufrag: random_text(16), pwd: Secret::new(random_text(32)) }
    }
}

/// `length` random characters that are safe in SDP and in URLs, about 5.95 bits each.
pub(crate) fn random_text(length: usize) -> String {
    let mut rng = rand::rng();
    (0..length).map(|_| char::from(ICE_CHARS[rng.random_range(0..ICE_CHARS.len())])).collect()
}

/// A check whose sender is still to be proved.
#[derive(Debug)]
pub(crate) struct Check {
    message: Message,
    /// The fragment of ours that it is addressed to.
    pub(crate) local_ufrag: String,
    nominates: bool,
}

impl Check {
    /// Reads a binding request; `None` for anything else, which is passed over in silence.
    pub(crate) fn parse(datagram: &[u8]) -> Option<Self> {
        if datagram.len() > MAX_CHECK {
            return None;
        }
        let mut message = Message::new();
        message.unmarshal_binary(datagram).ok()?;
        if message.typ != BINDING_REQUEST {
            return None;
        }
        let username = String::from_utf8(message.get(ATTR_USERNAME).ok()?).ok()?;
        let (local, _remote) = username.split_once(':')?;
        let local_ufrag = local.to_owned();
        let nominates = message.contains(ATTR_USE_CANDIDATE);
        Some(Self { message, local_ufrag, nominates })
    }

    /// Whether the sender chooses this path (RFC 8445, section 8.1.1).
    pub(crate) const fn nominates(&self) -> bool {
        self.nominates
    }

    /// The success response, when the check was made with our password; else nothing at all is sent.
    pub(crate) fn respond(
        &mut self,
        pwd: &str,
        from: SocketAddr,
        provider: &dyn RTCCryptoProvider,
    ) -> Option<Bytes> {
        FINGERPRINT.check(&self.message).ok()?;
        MessageIntegrity::check(&mut self.message, pwd.as_bytes(), provider.crypto()).ok()?;
        let mut response = Message::new();
        response
            .build(&[
                Box::new(self.message.transaction_id),
                Box::new(BINDING_SUCCESS),
                Box::new(XorMappedAddress { ip: from.ip(), port: from.port() }),
                Box::new(MessageIntegrity::new_short_term_integrity_with_provider(
                    pwd.to_owned(),
                    provider.crypto(),
                )),
                Box::new(FINGERPRINT),
            ])
            .ok()?;
        Some(BytesMut::from(&response.raw[..]).freeze())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rtc::stun::message::TransactionId;
    use rtc::stun::textattrs::Username;

    fn request(username: &str, pwd: &str, nominate: bool) -> Vec<u8> {
        let provider = rtc::crypto::default_provider().unwrap();
        let mut message = Message::new();
        let mut setters: Vec<Box<dyn rtc::stun::message::Setter>> = vec![
            Box::new(TransactionId::new()),
            Box::new(BINDING_REQUEST),
            Box::new(Username::new(ATTR_USERNAME, username.to_owned())),
        ];
        if nominate {
            setters.push(Box::new(rtc::stun::attributes::RawAttribute {
                typ: ATTR_USE_CANDIDATE,
                length: 0,
                value: Vec::new(),
            }));
        }
        setters.push(Box::new(MessageIntegrity::new_short_term_integrity_with_provider(
            pwd.to_owned(),
            provider.crypto(),
        )));
        setters.push(Box::new(FINGERPRINT));
        message.build(&setters).unwrap();
        message.raw.to_vec()
    }

    #[test]
    fn answers_a_check_with_the_right_password_only() {
        let provider = rtc::crypto::default_provider().unwrap();
        let from = "192.0.2.1:5000".parse().unwrap();
        let raw = request("ours:theirs", "secret-password-of-the-leg", true);
        let mut check = Check::parse(&raw).unwrap();
        assert_eq!((check.local_ufrag.as_str(), check.nominates()), ("ours", true));
        assert!(check.respond("another-password", from, &*provider).is_none());
        let mut check = Check::parse(&raw).unwrap();
        let answer = check.respond("secret-password-of-the-leg", from, &*provider).unwrap();
        let mut response = Message::new();
        response.unmarshal_binary(&answer).unwrap();
        let mut mapped = XorMappedAddress::default();
        rtc::stun::message::Getter::get_from(&mut mapped, &response).unwrap();
        assert_eq!((mapped.ip, mapped.port), ("192.0.2.1".parse().unwrap(), 5000));
    }

    #[test]
    fn credentials_are_long_and_fresh() {
        let (a, b) = (IceCredentials::generate(), IceCredentials::generate());
        assert_ne!((&a.ufrag, a.pwd.expose()), (&b.ufrag, b.pwd.expose()));
        assert!(
            a.pwd.expose().len() >= 22 && a.ufrag.len() >= 4 && !format!("{a:?}").contains(a.pwd.expose())
        );
    }

    proptest! {
        #[test]
        fn any_datagram_is_parsed_without_panic(mut data in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Check::parse(&data);
            if data.len() >= 8 {
                let length = (data.len() as u8).saturating_sub(20);
                data[..8].copy_from_slice(&[0, 1, 0, length, 0x21, 0x12, 0xa4, 0x42]);
                let _ = Check::parse(&data);
            }
        }

        #[test]
        fn a_damaged_check_is_parsed_without_panic(at in 0_usize..80, to in any::<u8>()) {
            let mut raw = request("ours:theirs", "secret-password-of-the-leg", true);
            let at = at % raw.len();
            raw[at] = to;
            if let Some(mut check) = Check::parse(&raw) {
                let provider = rtc::crypto::default_provider().unwrap();
                let _ = check.respond("secret-password-of-the-leg", "192.0.2.1:5000".parse().unwrap(), &*provider);
            }
        }
    }
}
