//! Certificate fingerprints (RFC 8122, section 5).

use std::fmt;
use std::str::FromStr;

/// The SHA-256 of a certificate in DER, the one kind that every WebRTC peer must offer (RFC 8827, section 6.5).
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fingerprint(pub(crate) [u8; 32]);

/// A fingerprint by another hash, or none at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a sha-256 fingerprint; expected `sha-256` and 32 bytes in hexadecimal with colons between")]
pub(crate) struct NotSha256;

impl FromStr for Fingerprint {
    type Err = NotSha256;

    /// Reads the value of an `a=fingerprint` attribute; case does not matter.
    fn from_str(text: &str) -> Result<Self, NotSha256> {
        let (hash, value) = text.trim().split_once(' ').ok_or(NotSha256)?;
        if !hash.eq_ignore_ascii_case("sha-256") {
            return Err(NotSha256);
        }
        let mut bytes = [0; 32];
        let mut pairs = value.trim_start().split(':');
        for byte in &mut bytes {
            let pair =
                pairs.next().filter(|pair| pair.len() == 2 && !pair.starts_with('+')).ok_or(NotSha256)?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| NotSha256)?;
        }
        if pairs.next().is_some() { Err(NotSha256) } else { Ok(Self(bytes)) }
    }
}

impl fmt::Display for Fingerprint {
    /// The value of an `a=fingerprint` attribute.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sha-256 ")?;
        for (index, byte) in self.0.iter().enumerate() {
            write!(f, "{}{byte:02X}", if index == 0 { "" } else { ":" })?;
        }
        Ok(())
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
