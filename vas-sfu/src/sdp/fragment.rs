//! SDP fragments, the bodies of WHEP's PATCH requests (RFC 8840, section 9).

use super::{MAX_BODY, is_ice_credential, is_plain_text};
use vas_core::Secret;

/// Why a fragment can't be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FragmentError {
    /// More than 64 KiB.
    #[error("the SDP fragment is larger than 64 KiB")]
    TooLarge,
    /// A line that is no `<letter>=<value>`.
    #[error("the body is no SDP fragment; send lines such as `a=ice-ufrag:` and `a=candidate:`")]
    NotFragment,
    /// No ICE user name fragment or password.
    #[error(
        "the SDP fragment has no a=ice-ufrag and a=ice-pwd; it must tell which ICE session it belongs to"
    )]
    NoIceCredentials,
}

/// What a viewer says of its side of ICE after the offer. Its candidates are passed over: a lite agent sends no checks
/// and learns addresses from those that it receives (RFC 8445, section 2.5).
#[derive(Clone, Debug)]
pub(crate) struct Fragment {
    /// The user name fragment of the ICE session that this belongs to.
    pub(crate) ice_ufrag: String,
    /// Its password.
    pub(crate) ice_pwd: Secret,
    /// The section that the candidates are of.
    pub(crate) mid: Option<String>,
}

impl Fragment {
    /// Reads the body of a PATCH request.
    ///
    /// # Errors
    /// The text is too large, is no fragment, or does not name its ICE session.
    pub(crate) fn parse(text: &str) -> Result<Self, FragmentError> {
        if text.len() > MAX_BODY {
            return Err(FragmentError::TooLarge);
        }
        if !is_plain_text(text) {
            return Err(FragmentError::NotFragment);
        }
        let (mut ufrag, mut pwd, mut mid) = (None, None, None);
        for line in text.lines().map(str::trim_end).filter(|line| !line.is_empty()) {
            let &[kind, b'=', ..] = line.as_bytes() else { return Err(FragmentError::NotFragment) };
            if kind != b'a' {
                continue;
            }
            let (name, value) = line[2..].split_once(':').unwrap_or((&line[2..], ""));
            match name {
                // Bundled sections repeat the credentials; the first ones count.
                "ice-ufrag" if is_ice_credential(value) => _ = ufrag.get_or_insert(value),
                "ice-pwd" if is_ice_credential(value) => _ = pwd.get_or_insert(value),
                "mid" => _ = mid.get_or_insert(value),
                _ => {}
            }
        }
        let (Some(ufrag), Some(pwd)) = (ufrag, pwd) else { return Err(FragmentError::NoIceCredentials) };
        Ok(Self { ice_ufrag: ufrag.to_owned(), ice_pwd: Secret::new(pwd), mid: mid.map(str::to_owned) })
    }

    /// Whether it begins another ICE session than the one with this user name fragment and password, which is an ICE
    /// restart (RFC 8445, section 9; RFC 8839, section 4.4.1.1.1): at least one of the two differs.
    pub(crate) fn restarts(&self, ufrag: &str, pwd: &Secret) -> bool {
        self.ice_ufrag != ufrag || self.ice_pwd.expose() != pwd.expose()
    }
}
