//! Putting a ClientHello together that was sent in several datagrams (RFC 6347, section 4.2.3).
//!
//! Browsers offer a post-quantum key share, which makes the message longer than a datagram.

use super::{CONTENT_HANDSHAKE, HANDSHAKE_CLIENT_HELLO, RECORD_HEADER};

const HANDSHAKE_HEADER: usize = 12;
/// Bytes of the longest ClientHello that is put together.
const MAX_HELLO: usize = 8_192;
/// Datagrams held back at the most; what comes then is handed on as it is.
const MAX_HELD: usize = 8;
/// `use_srtp` (RFC 5764, section 4.1.1).
const EXTENSION_USE_SRTP: usize = 14;
/// `SRTP_AEAD_AES_128_GCM` (RFC 7714, section 14.2).
const AEAD_AES_128_GCM: usize = 7;

/// Holds the first datagrams of a client until its ClientHello is whole.
#[derive(Debug, Default)]
pub(crate) struct ClientHelloAssembly {
    held: Vec<Vec<u8>>,
}

/// A whole ClientHello.
#[derive(Debug)]
pub(crate) struct WholeHello {
    /// The datagrams it came in, in the order of arrival.
    pub(crate) datagrams: Vec<Vec<u8>>,
    /// Whether the client can do SRTP with AES-128-GCM.
    pub(crate) offers_aes_128_gcm: bool,
}

impl ClientHelloAssembly {
    /// Adds a datagram; the ClientHello once it is whole, or once too much was held back.
    pub(crate) fn add(&mut self, datagram: &[u8]) -> Option<WholeHello> {
        self.held.push(datagram.to_vec());
        let body = assemble(&self.held);
        if body.is_none() && self.held.len() < MAX_HELD {
            return None;
        }
        let offers_aes_128_gcm = body.as_deref().and_then(srtp_profiles_have_gcm).unwrap_or(false);
        Some(WholeHello { datagrams: std::mem::take(&mut self.held), offers_aes_128_gcm })
    }
}

fn u16_at(bytes: &[u8], at: usize) -> Option<usize> {
    Some(usize::from(u16::from_be_bytes([*bytes.get(at)?, *bytes.get(at + 1)?])))
}

fn u24_at(bytes: &[u8], at: usize) -> Option<usize> {
    Some((usize::from(*bytes.get(at)?) << 16) | u16_at(bytes, at + 1)?)
}

/// The body of the ClientHello if every byte of it is there. Fragments may come in any order and more than once.
fn assemble(datagrams: &[Vec<u8>]) -> Option<Vec<u8>> {
    let mut body: Vec<u8> = Vec::new();
    let mut have: Vec<bool> = Vec::new();
    for datagram in datagrams {
        let mut rest = &datagram[..];
        while rest.first() == Some(&CONTENT_HANDSHAKE) {
            let record = rest.get(RECORD_HEADER..RECORD_HEADER + u16_at(rest, 11)?)?;
            rest = &rest[RECORD_HEADER + record.len()..];
            if record.first() != Some(&HANDSHAKE_CLIENT_HELLO) {
                return None;
            }
            let (length, offset, size) = (u24_at(record, 1)?, u24_at(record, 6)?, u24_at(record, 9)?);
            let fragment = record.get(HANDSHAKE_HEADER..HANDSHAKE_HEADER + size)?;
            if length > MAX_HELLO || offset + size > length || (!body.is_empty() && body.len() != length) {
                return None;
            }
            body.resize(length, 0);
            have.resize(length, false);
            body[offset..offset + size].copy_from_slice(fragment);
            have[offset..offset + size].fill(true);
        }
    }
    (!body.is_empty() && have.iter().all(|byte| *byte)).then_some(body)
}

/// Whether `use_srtp` of a ClientHello (RFC 5246, section 7.4.1.2, with DTLS's cookie) lists AES-128-GCM.
fn srtp_profiles_have_gcm(body: &[u8]) -> Option<bool> {
    let mut at = 2 + 32; // version, random
    at += 1 + usize::from(*body.get(at)?); // session id
    at += 1 + usize::from(*body.get(at)?); // cookie
    at += 2 + u16_at(body, at)?; // cipher suites
    at += 1 + usize::from(*body.get(at)?); // compression methods
    at += 2; // length of all extensions
    while let (Some(kind), Some(length)) = (u16_at(body, at), u16_at(body, at + 2)) {
        if kind == EXTENSION_USE_SRTP {
            let count = u16_at(body, at + 4)? / 2;
            return Some((0..count).any(|n| u16_at(body, at + 6 + 2 * n) == Some(AEAD_AES_128_GCM)));
        }
        at += 4 + length;
    }
    Some(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A ClientHello body with `padding` bytes of another extension in front of `use_srtp`.
    fn hello(profiles: &[u16], padding: usize) -> Vec<u8> {
        let mut body = vec![0xfe, 0xfd];
        body.extend([7; 32]);
        body.extend([0, 0]); // session id, cookie
        body.extend([0, 2, 0xc0, 0x2b, 1, 0]); // one suite, one compression method
        let mut extensions = vec![0x33, 0x33];
        extensions.extend((padding as u16).to_be_bytes());
        extensions.extend(vec![1; padding]);
        extensions.extend([0, 14]);
        extensions.extend((3 + 2 * profiles.len() as u16).to_be_bytes());
        extensions.extend((2 * profiles.len() as u16).to_be_bytes());
        extensions.extend(profiles.iter().flat_map(|p| p.to_be_bytes()));
        extensions.push(0);
        body.extend((extensions.len() as u16).to_be_bytes());
        body.extend(extensions);
        body
    }

    fn fragments(body: &[u8], size: usize) -> Vec<Vec<u8>> {
        let u24 = |n: usize| [(n >> 16) as u8, (n >> 8) as u8, n as u8];
        body.chunks(size)
            .enumerate()
            .map(|(n, chunk)| {
                let mut datagram = vec![22, 0xfe, 0xff, 0, 0, 0, 0, 0, 0, 0, n as u8];
                datagram.extend((12 + chunk.len() as u16).to_be_bytes());
                datagram.push(1);
                datagram.extend(u24(body.len()));
                datagram.extend([0, 0]);
                datagram.extend(u24(n * size));
                datagram.extend(u24(chunk.len()));
                datagram.extend(chunk);
                datagram
            })
            .collect()
    }

    #[test]
    fn fragments_in_any_order_make_the_hello_whole() {
        let parts = fragments(&hello(&[1, 8, 7], 1_300), 1_200);
        assert_eq!(parts.len(), 2);
        let mut assembly = ClientHelloAssembly::default();
        assert!(assembly.add(&parts[1]).is_none());
        assert!(assembly.add(&parts[1]).is_none());
        let whole = assembly.add(&parts[0]).unwrap();
        assert!(whole.offers_aes_128_gcm);
        assert_eq!(whole.datagrams.len(), 3);
    }

    #[test]
    fn a_client_without_gcm_is_seen_as_such() {
        let parts = fragments(&hello(&[1], 10), 1_200);
        assert!(!ClientHelloAssembly::default().add(&parts[0]).unwrap().offers_aes_128_gcm);
    }

    #[test]
    fn what_is_held_back_is_bounded() {
        let part = fragments(&hello(&[7], 3_000), 1_000).remove(0);
        let mut assembly = ClientHelloAssembly::default();
        for _ in 1..MAX_HELD {
            assert!(assembly.add(&part).is_none());
        }
        assert_eq!(assembly.add(&part).unwrap().datagrams.len(), MAX_HELD);
    }

    proptest! {
        #[test]
        fn any_bytes_are_taken_without_panic(data in proptest::collection::vec(any::<u8>(), 0..300)) {
            let mut assembly = ClientHelloAssembly::default();
            let mut record = vec![22, 0xfe, 0xff, 0, 0, 0, 0, 0, 0, 0, 0];
            record.extend((data.len() as u16).to_be_bytes());
            record.extend(&data);
            let _ = assembly.add(&data);
            let _ = assembly.add(&record);
            let _ = srtp_profiles_have_gcm(&data);
        }

        #[test]
        fn a_damaged_hello_is_taken_without_panic(at in 0_usize..200, to in any::<u8>()) {
            let mut part = fragments(&hello(&[1, 7], 60), 1_200).remove(0);
            let at = at % part.len();
            part[at] = to;
            let _ = ClientHelloAssembly::default().add(&part);
        }
    }
}
