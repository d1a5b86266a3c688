//! A device: a camera as its owner describes it.

use crate::error::{ErrorKind, HasKind};
use crate::id::DeviceId;
use crate::time::WallTime;
use std::fmt;
use std::sync::Arc;

/// What stands in answers and logs in the place of a password.
pub const MASK: &str = "***";

/// The longest camera URL taken, in bytes.
const LONGEST_URL: usize = 2_048;

/// Query parameters whose values are passwords: cameras that take them there are common.
const SECRET_PARAMETERS: [&str; 8] =
    ["password", "passwd", "passphrase", "pass", "pwd", "pw", "secret", "token"];

/// A customer whose devices and streams are kept apart from those of others.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TenantId(Arc<str>);

impl TenantId {
    /// The tenant of this name.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self(name.into())
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for TenantId {
    /// The only tenant of a system that has one.
    fn default() -> Self {
        Self::new("default")
    }
}

/// Why a text is no camera URL. Never holds the text, which may contain a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CameraUrlError {
    /// Not a URL at all.
    #[error("not a URL; give one like rtsp://user:password@192.0.2.10:554/stream")]
    NotUrl,
    /// A URL of something else.
    #[error(
        "the URL must begin with rtsp:// or rtsps://, or with whip:// for a camera that publishes by itself"
    )]
    WrongScheme,
    /// No host in it.
    #[error("the URL names no host; give one like rtsp://192.0.2.10:554/stream")]
    NoHost,
    /// Longer than allowed.
    #[error("the URL is longer than 2,048 bytes")]
    TooLong,
}

impl HasKind for CameraUrlError {
    fn kind(&self) -> ErrorKind {
        ErrorKind::InvalidInput
    }
}

/// The URL of a camera as its owner gave it, credentials included. Prints with its password masked.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct CameraUrl {
    text: String,
    /// The text is what a database holds of a URL that can't be decrypted.
    is_sealed: bool,
}

impl CameraUrl {
    /// Takes an RTSP URL, or `whip://name` for a camera that publishes by itself; white space around it is dropped. Only
    /// its beginning is looked at: what a camera's address may look like in full, whoever connects to it decides.
    ///
    /// # Errors
    /// The text is no `rtsp`, `rtsps` or `whip` URL with a host, or too long.
    pub fn parse(text: &str) -> Result<Self, CameraUrlError> {
        let text = text.trim();
        if text.len() > LONGEST_URL {
            return Err(CameraUrlError::TooLong);
        }
        let (scheme, rest) = text.split_once("://").ok_or(CameraUrlError::NotUrl)?;
        if !["rtsp", "rtsps", "whip"].iter().any(|known| scheme.eq_ignore_ascii_case(known)) {
            return Err(CameraUrlError::WrongScheme);
        }
        if rest.is_empty() || rest.starts_with(['/', '?', '#']) {
            return Err(CameraUrlError::NoHost);
        }
        Ok(Self::restore(text.to_owned()))
    }

    /// A URL that was stored before, taken as it is.
    #[must_use]
    pub fn restore(text: String) -> Self {
        Self { text, is_sealed: false }
    }

    /// A URL that was stored encrypted and can't be decrypted now, because the key is missing. It is kept as it is
    /// stored, so that it can be read again when the key is back.
    #[must_use]
    pub fn sealed(text: String) -> Self {
        Self { text, is_sealed: true }
    }

    /// What is stored of a URL that can't be decrypted; `None` for one that can be read.
    #[must_use]
    pub fn as_sealed(&self) -> Option<&str> {
        self.is_sealed.then_some(self.text.as_str())
    }

    /// Whether it is that of a camera which publishes by itself, and is not connected to.
    #[must_use]
    pub fn is_publisher(&self) -> bool {
        self.expose().get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case("whip:"))
    }

    /// The URL with its password, for the one call that needs it; empty where it can't be decrypted.
    #[must_use]
    pub fn expose(&self) -> &str {
        if self.is_sealed { "" } else { &self.text }
    }

    /// The URL as it may be shown: `rtsp://user:***@host/path`; nothing but the mask where it can't be decrypted.
    #[must_use]
    pub fn masked(&self) -> String {
        if self.is_sealed { MASK.to_owned() } else { mask_url(&self.text) }
    }

    /// Whether the password in it is the mask, as in a URL copied from an answer.
    #[must_use]
    pub fn has_mask(&self) -> bool {
        // What masking leaves as it is, though it has a place for a password, holds a mask there.
        self.expose().contains(MASK) && self.masked() == self.expose()
    }
}

impl fmt::Debug for CameraUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CameraUrl({})", self.masked())
    }
}

impl fmt::Display for CameraUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

/// Any text with what would be a password in a URL masked: behind the user name, and in parameters named like one.
/// Works on texts that are no URL, too, and there rather hides too much.
#[must_use]
pub fn mask_url(text: &str) -> String {
    let start = text.find("://").map_or(0, |at| at + 3);
    let (scheme, rest) = text.split_at(start);
    // A password may hold `/`, `?` or `@` unescaped, so the last `@` counts, wherever it stands.
    let (user, tail) = match rest.rfind('@') {
        Some(at) => match rest[..at].find(':') {
            Some(colon) => (format!("{}:{MASK}", &rest[..colon]), &rest[at..]),
            None => (rest[..at].to_owned(), &rest[at..]),
        },
        None => (String::new(), rest),
    };
    format!("{scheme}{user}{}", mask_parameters(tail))
}

/// Masks the values of `name=value` pairs whose names are those of passwords: in the query up to the next `&`; in the
/// path, where some cameras have such pairs (`/user=admin_password=..._channel=1`), up to the next pair.
fn mask_parameters(text: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    let (path, query) = text.split_at(text.find('?').unwrap_or(text.len()));
    for (mut rest, in_path) in [(path, true), (query, false)] {
        while let Some(value) = secret_value(rest) {
            masked.push_str(&rest[..value]);
            masked.push_str(MASK);
            let ends = |(at, separator): &(usize, char)| match separator {
                '&' => true,
                '_' | ';' => in_path && starts_pair(&rest[value + at + 1..]),
                _ => false,
            };
            let end = rest[value..].char_indices().find(ends).map_or(rest.len(), |(at, _)| value + at);
            rest = &rest[end..];
        }
        masked.push_str(rest);
    }
    masked
}

/// Where the value of the first pair begins whose name is that of a password.
fn secret_value(text: &str) -> Option<usize> {
    text.match_indices('=').find_map(|(at, _)| {
        let name = text[..at].rsplit(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or("");
        SECRET_PARAMETERS.iter().any(|secret| name.eq_ignore_ascii_case(secret)).then_some(at + 1)
    })
}

fn starts_pair(text: &str) -> bool {
    let name = text.bytes().take_while(u8::is_ascii_alphanumeric).count();
    name > 0 && text.as_bytes().get(name) == Some(&b'=')
}

/// What a device is, apart from its id: the fields that its owner gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceFields {
    /// Unique among the devices of a tenant.
    pub name: String,
    /// Where the camera is reached; unique among the devices of a tenant.
    pub url: CameraUrl,
    /// Where the camera sends the same picture smaller, for viewers who need no more: its sub stream.
    pub sub_url: Option<CameraUrl>,
    /// Free text.
    pub description: Option<String>,
    /// Free text: where the camera hangs.
    pub location: Option<String>,
}

/// A device as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// The device's id, for good.
    pub id: DeviceId,
    /// Whose it is.
    pub tenant: TenantId,
    /// What its owner says of it.
    pub fields: DeviceFields,
    /// When it was added.
    pub created_at: WallTime,
    /// When it was last changed.
    pub updated_at: Option<WallTime>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn passwords_are_masked_wherever_they_stand() {
        for (given, shown) in [
            ("rtsp://cam/stream", "rtsp://cam/stream"),
            ("rtsp://admin@cam/stream", "rtsp://admin@cam/stream"),
            ("rtsp://admin:s3cret@cam:554/a?b=c", "rtsp://admin:***@cam:554/a?b=c"),
            ("rtsp://admin:p/w@rd?@cam/1", "rtsp://admin:***@cam/1"),
            ("rtsp://cam/1?user=a&password=s3cret&x=1", "rtsp://cam/1?user=a&password=***&x=1"),
            (
                "rtsp://cam/user=admin_password=s3cret_channel=1",
                "rtsp://cam/user=admin_password=***_channel=1",
            ),
            ("rtsp://cam/1?password=my_s3cret/x;y=z&a=b", "rtsp://cam/1?password=***&a=b"),
            (
                "rtsp://cam/user=u_password=a_s3cret/b_channel=1_x=2",
                "rtsp://cam/user=u_password=***_channel=1_x=2",
            ),
            ("rtsp://cam/a?Pwd=s3cret", "rtsp://cam/a?Pwd=***"),
            ("no url, but admin:s3cret@cam", "no url, but admin:***@cam"),
        ] {
            assert_eq!(mask_url(given), shown);
        }
        let url = CameraUrl::parse("rtsp://admin:s3cret@cam/1").unwrap();
        assert!(!format!("{url} {url:?}").contains("s3cret"));
    }

    #[test]
    fn a_url_that_cannot_be_decrypted_shows_nothing() {
        let url = CameraUrl::sealed("v1.00000000.AAAA".to_owned());
        assert_eq!(
            (url.as_sealed(), url.expose(), url.masked().as_str()),
            (Some("v1.00000000.AAAA"), "", MASK)
        );
        assert!(!url.is_publisher() && !url.has_mask() && !format!("{url:?}").contains("AAAA"));
    }

    #[test]
    fn a_masked_url_is_told_from_a_given_one() {
        let has_mask = |text| CameraUrl::parse(text).unwrap().has_mask();
        assert!(has_mask("rtsp://admin:***@cam/1"));
        assert!(!has_mask("rtsp://admin:s3cret@cam/1"));
        assert!(!has_mask("rtsp://cam/1"));
    }

    #[test]
    fn what_is_no_camera_url_is_refused_with_its_reason() {
        for (given, error) in [
            ("", CameraUrlError::NotUrl),
            ("camera", CameraUrlError::NotUrl),
            ("http://cam/1", CameraUrlError::WrongScheme),
            ("file:///etc/passwd", CameraUrlError::WrongScheme),
            ("rtsp:///1", CameraUrlError::NoHost),
        ] {
            assert_eq!(CameraUrl::parse(given), Err(error), "{given}");
        }
        assert_eq!(
            CameraUrl::parse(&format!("rtsp://cam/{}", "x".repeat(3_000))),
            Err(CameraUrlError::TooLong)
        );
    }

    proptest! {
        #[test]
        fn no_password_survives_masking(password in "[a-zA-Z0-9/?&=:@_;%]{9,20}", path in "[a-z0-9/]{0,9}") {
            let masked = mask_url(&format!("rtsp://admin:{password}@cam/{path}"));
            prop_assert_eq!(masked, format!("rtsp://admin:***@cam/{path}"));
        }

        #[test]
        fn masking_takes_any_text(text in ".{0,60}") {
            let masked = mask_url(&text);
            prop_assert_eq!(mask_url(&masked), masked);
        }
    }
}
