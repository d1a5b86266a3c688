//! A camera as it is to be read: its address, its credentials apart from it, and the transport.

use std::net::{Ipv4Addr, Ipv6Addr};
use url::{Host, Url};
use vas_core::{Credentials, ErrorKind, HasKind, StreamId};

/// Longest address that is read, in bytes.
const MAX_URL: usize = 2_048;
/// The scheme of sources that publish by themselves, as over WHIP: the rest is a name of the owner's choice.
const PUBLISHER: &str = "whip";

/// How media travels from the camera.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TransportMode {
    /// TCP, and UDP where the camera refuses TCP (461).
    #[default]
    Auto,
    /// Interleaved with RTSP over its TCP connection (RFC 2326, section 10.12).
    Tcp,
    /// RTP over UDP. Packets that arrive late are lost.
    Udp,
}

/// A camera to be read into a stream of the hub.
#[derive(Clone, Debug)]
pub struct Source {
    /// The stream it feeds.
    pub stream: StreamId,
    /// A name for logs.
    pub name: String,
    /// The RTSP address, without credentials; or `whip://name`, of a source that publishes by itself.
    pub url: Url,
    /// User name and password, where the camera wants them.
    pub credentials: Option<Credentials>,
    /// How media travels.
    pub transport: TransportMode,
}

/// What is wrong with an address. Never repeats the address, which may hold a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// More than 2,048 bytes.
    #[error("the address is longer than 2048 bytes")]
    TooLong,
    /// It does not start with a scheme.
    #[error("the address has no scheme; it should look like rtsp://10.0.0.5:554/path")]
    NoScheme,
    /// The scheme is not RTSP's.
    #[error("the address must start with rtsp://, or with whip:// for a camera that publishes by itself")]
    UnsupportedScheme,
    /// RTSP over TLS.
    #[error("rtsps is not supported yet; use rtsp:// on a network you trust")]
    Tls,
    /// No host, or one that is no name and no address.
    #[error("the host is missing or malformed; it should look like rtsp://10.0.0.5:554/path")]
    BadHost,
    /// The port is no number from 1 to 65535.
    #[error("the port is not a number from 1 to 65535")]
    BadPort,
    /// User name or password hold control characters.
    #[error("user name and password must not hold control characters")]
    BadCredentials,
    /// A publisher's name is none.
    #[error(
        "after whip:// goes a name of letters, digits, dots, dashes and underscores, such as whip://front-door"
    )]
    BadName,
    /// The rest is malformed.
    #[error("the address is malformed; it should look like rtsp://10.0.0.5:554/path")]
    Malformed,
}

impl HasKind for SourceError {
    fn kind(&self) -> ErrorKind {
        ErrorKind::InvalidInput
    }
}

impl Source {
    /// Reads an address such as `rtsp://user:password@10.0.0.5:554/path?query` and takes the credentials out of it, or
    /// `whip://name`.
    ///
    /// User name and password may be percent-encoded. A password with unencoded `@`, `/`, `?`, `#` or `%` is
    /// understood as well, as far as it is unambiguous: people paste what the camera's label says.
    ///
    /// # Errors
    /// [`SourceError`] names the part that is wrong.
    pub fn parse(stream: StreamId, name: impl Into<String>, text: &str) -> Result<Self, SourceError> {
        let text = text.trim();
        if text.len() > MAX_URL {
            return Err(SourceError::TooLong);
        }
        let (scheme, rest) = text.split_once("://").ok_or(SourceError::NoScheme)?;
        match scheme.to_ascii_lowercase().as_str() {
            "rtsp" => {}
            "rtsps" => return Err(SourceError::Tls),
            PUBLISHER => {
                let url = publisher_url(rest)?;
                let transport = TransportMode::Auto;
                return Ok(Self { stream, name: name.into(), url, credentials: None, transport });
            }
            _ => return Err(SourceError::UnsupportedScheme),
        }
        let (userinfo, address) = split_userinfo(rest);
        check_authority(authority(address))?;
        let url = Url::parse(&format!("rtsp://{address}")).map_err(|_| SourceError::Malformed)?;
        let credentials = userinfo.map(credentials).transpose()?;
        Ok(Self { stream, name: name.into(), url, credentials, transport: TransportMode::Auto })
    }

    /// The same source read over `transport`.
    #[must_use]
    pub fn with_transport(self, transport: TransportMode) -> Self {
        Self { transport, ..self }
    }

    /// Whether it publishes by itself: nothing is connected to from here.
    #[must_use]
    pub fn is_publisher(&self) -> bool {
        self.url.scheme() == PUBLISHER
    }

    /// Host and port, as they may be shown: a path or query may hold a password. A publisher's whole address.
    #[must_use]
    pub fn endpoint(&self) -> String {
        if self.is_publisher() {
            return self.url.to_string();
        }
        format!("{}:{}", self.url.host_str().unwrap_or_default(), self.port())
    }

    /// The camera's port; RTSP's own is 554.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.url.port().unwrap_or(554)
    }

    /// Whether a session with `other` would be the same session.
    pub(crate) fn reads_as(&self, other: &Self) -> bool {
        let secret = |source: &Self| {
            source.credentials.as_ref().map(|c| (c.username.clone(), c.password.expose().to_owned()))
        };
        self.url == other.url && self.transport == other.transport && secret(self) == secret(other)
    }
}

/// The address of a publisher of this name.
fn publisher_url(name: &str) -> Result<Url, SourceError> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    if name.is_empty() || !name.chars().all(is_name) {
        return Err(SourceError::BadName);
    }
    Url::parse(&format!("{PUBLISHER}://{name}")).map_err(|_| SourceError::BadName)
}

/// The part before the path, query and fragment.
fn authority(text: &str) -> &str {
    &text[..text.find(['/', '?', '#']).unwrap_or(text.len())]
}

/// Splits `user:password@host...`. The `@` that ends the credentials is the last one of the authority; where that
/// part is no host because the password holds a delimiter, the first one that is followed by a host.
fn split_userinfo(rest: &str) -> (Option<&str>, &str) {
    let head = authority(rest);
    if let Some(at) = head.rfind('@') {
        return (Some(&rest[..at]), &rest[at + 1..]);
    }
    if check_authority(head).is_err() {
        for (at, _) in rest.match_indices('@') {
            if check_authority(authority(&rest[at + 1..])).is_ok() {
                return (Some(&rest[..at]), &rest[at + 1..]);
            }
        }
    }
    (None, rest)
}

/// Checks `host[:port]`.
fn check_authority(text: &str) -> Result<(), SourceError> {
    let (host, port) = match text.rfind(':') {
        Some(colon) if !text[colon..].contains(']') => (&text[..colon], Some(&text[colon + 1..])),
        _ => (text, None),
    };
    if let Some(port) = port
        && port.parse::<u16>().ok().is_none_or(|port| port == 0)
    {
        return Err(SourceError::BadPort);
    }
    match Host::parse(host) {
        Ok(Host::Domain(name)) if name.is_empty() => Err(SourceError::BadHost),
        Ok(Host::Ipv4(Ipv4Addr::UNSPECIFIED) | Host::Ipv6(Ipv6Addr::UNSPECIFIED)) | Err(_) => {
            Err(SourceError::BadHost)
        }
        Ok(_) => Ok(()),
    }
}

fn credentials(userinfo: &str) -> Result<Credentials, SourceError> {
    let (username, password) = userinfo.split_once(':').unwrap_or((userinfo, ""));
    let (username, password) = (percent_decode(username), percent_decode(password));
    // They travel in a header, which a line break would end.
    if username.chars().chain(password.chars()).any(char::is_control) {
        return Err(SourceError::BadCredentials);
    }
    Ok(Credentials::new(username, password))
}

/// Decodes `%41`; a percent sign that no two hexadecimal digits follow stands for itself, and so does everything when
/// the result is no UTF-8.
fn percent_decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let digit = |offset: usize| bytes.get(at + offset).and_then(|&b| char::from(b).to_digit(16));
        match (byte, digit(1), digit(2)) {
            (b'%', Some(high), Some(low)) => {
                out.push((high * 16 + low) as u8);
                at += 3;
            }
            _ => {
                out.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8(out).unwrap_or_else(|_| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(text: &str) -> Result<Source, SourceError> {
        Source::parse(StreamId::random(), "camera", text)
    }

    #[test]
    fn takes_credentials_out_of_the_address() {
        for (text, url, user, password) in [
            ("rtsp://admin:secret@10.0.0.5/main", "rtsp://10.0.0.5/main", "admin", "secret"),
            ("RTSP://admin:a%40b%3Ac@cam.lan:8554/", "rtsp://cam.lan:8554/", "admin", "a@b:c"),
            ("rtsp://admin:a@b@10.0.0.5/main", "rtsp://10.0.0.5/main", "admin", "a@b"),
            ("rtsp://admin:pa/ss?w#d@10.0.0.5:554/m", "rtsp://10.0.0.5:554/m", "admin", "pa/ss?w#d"),
            ("rtsp://admin:100%@10.0.0.5/m", "rtsp://10.0.0.5/m", "admin", "100%"),
            ("rtsp://admin:a:b@[fe80::1]:554/m", "rtsp://[fe80::1]:554/m", "admin", "a:b"),
            ("rtsp://user@10.0.0.5/m", "rtsp://10.0.0.5/m", "user", ""),
            ("rtsp://:only@10.0.0.5/m", "rtsp://10.0.0.5/m", "", "only"),
            ("rtsp://ad%ff:x@10.0.0.5/m", "rtsp://10.0.0.5/m", "ad%ff", "x"),
        ] {
            let source = parse(text).unwrap();
            let credentials = source.credentials.as_ref().unwrap();
            assert_eq!(source.url.as_str(), url);
            assert_eq!((credentials.username.as_str(), credentials.password.expose()), (user, password));
        }
        let plain = parse(" rtsp://10.0.0.5/user@home?x=1 ").unwrap();
        assert!(plain.credentials.is_none());
        assert_eq!((plain.url.path(), plain.endpoint().as_str()), ("/user@home", "10.0.0.5:554"));
    }

    #[test]
    fn a_publisher_has_a_name_and_nothing_else() {
        let source = parse("WHIP://front-door_2.b").unwrap();
        assert!(source.is_publisher() && source.credentials.is_none());
        assert_eq!(source.endpoint(), "whip://front-door_2.b");
        assert!(!parse("rtsp://10.0.0.5/1").unwrap().is_publisher());
        for text in ["whip://", "whip://a/b", "whip://user:pw@a", "whip://a b", "whip://a:1"] {
            assert_eq!(parse(text).map(|source| source.url), Err(SourceError::BadName), "{text}");
        }
    }

    #[test]
    fn names_what_is_wrong() {
        use SourceError::{BadCredentials, BadHost, BadPort, NoScheme, Tls, TooLong, UnsupportedScheme};
        for (text, error) in [
            ("", NoScheme),
            ("10.0.0.5/main", NoScheme),
            ("http://10.0.0.5/", UnsupportedScheme),
            ("file:///etc/passwd", UnsupportedScheme),
            ("rtsps://10.0.0.5/", Tls),
            ("rtsp://", BadHost),
            ("rtsp:///path", BadHost),
            ("rtsp://0.0.0.0/path", BadHost),
            ("rtsp://ho st/", BadHost),
            ("rtsp://10.0.0.5:0/", BadPort),
            ("rtsp://10.0.0.5:70000/", BadPort),
            ("rtsp://10.0.0.5:x/", BadPort),
            ("rtsp://a:b%0d%0aX: y@10.0.0.5/", BadCredentials),
            (&format!("rtsp://10.0.0.5/{}", "x".repeat(MAX_URL)), TooLong),
        ] {
            assert_eq!(parse(text).map(|source| source.url).unwrap_err(), error, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_panic_and_no_password_stays(text in "(rtsp://)?[ -~é]{0,60}") {
            if let Ok(source) = parse(&text) {
                prop_assert!(source.url.username().is_empty() && source.url.password().is_none());
            }
        }

        #[test]
        fn any_password_survives_when_encoded(password in "[ -~]{1,20}") {
            let encoded: String = password.bytes().map(|byte| format!("%{byte:02X}")).collect();
            let source = parse(&format!("rtsp://user:{encoded}@10.0.0.5/main")).unwrap();
            let credentials = source.credentials.unwrap();
            prop_assert_eq!(credentials.password.expose(), password.as_str());
            prop_assert_eq!(source.url.as_str(), "rtsp://10.0.0.5/main");
        }
    }
}
