//! The names of files in a store.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// The name of a file in a store: names of letters, digits, `.`, `_` and `-`, joined by `/`.
///
/// No key can lead out of a store: there is no empty name, none that begins with a dot (`.` and `..` among them; those
/// are the stores' own), and nothing a file system, a URL or S3 gives a meaning to. Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct StoreKey(Arc<str>);

/// Why text is not a [`StoreKey`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadKey {
    /// It is longer than [`StoreKey::MAX_LEN`].
    #[error("the key is longer than {} bytes; shorten it", StoreKey::MAX_LEN)]
    TooLong,
    /// A name in it is empty: the key is, or it begins or ends with `/`, or has two of them together.
    #[error("the key has an empty name in it; join names with one `/`")]
    EmptyName,
    /// A name in it begins with a dot.
    #[error("a name in the key begins with a dot; those are kept for the store itself")]
    LeadingDot,
    /// A character is none of letters, digits, `.`, `_`, `-` and `/`.
    #[error("the key has a character that is not allowed; use letters, digits, `.`, `_` and `-`")]
    Character,
}

impl StoreKey {
    /// The most bytes in a key.
    pub const MAX_LEN: usize = 200;

    /// The key that `text` spells.
    ///
    /// # Errors
    /// [`BadKey`].
    pub fn parse(text: &str) -> Result<Self, BadKey> {
        if text.len() > Self::MAX_LEN {
            return Err(BadKey::TooLong);
        }
        for name in text.split('/') {
            match name.as_bytes() {
                [] => return Err(BadKey::EmptyName),
                [b'.', ..] => return Err(BadKey::LeadingDot),
                bytes if !bytes.iter().all(|&byte| is_allowed(byte)) => return Err(BadKey::Character),
                _ => {}
            }
        }
        Ok(Self(text.into()))
    }

    /// The key's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The names in it, of which there is at least one.
    pub fn names(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.0.split('/')
    }

    /// The key of what this file lies in, if it has more than one name.
    #[must_use]
    pub fn folder(&self) -> Option<Self> {
        self.0.rsplit_once('/').map(|(folder, _)| Self(folder.into()))
    }
}

const fn is_allowed(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-')
}

impl FromStr for StoreKey {
    type Err = BadKey;

    fn from_str(text: &str) -> Result<Self, BadKey> {
        Self::parse(text)
    }
}

impl TryFrom<String> for StoreKey {
    type Error = BadKey;

    fn try_from(text: String) -> Result<Self, BadKey> {
        Self::parse(&text)
    }
}

impl From<StoreKey> for String {
    fn from(key: StoreKey) -> Self {
        key.0.as_ref().to_owned()
    }
}

impl fmt::Display for StoreKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for StoreKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::path::{Component, Path};

    #[test]
    fn keys_of_recordings_are_allowed() {
        let key = StoreKey::parse("0198-ab/2025/11/22/0198-cd.mp4").unwrap();
        assert_eq!(key.names().next_back(), Some("0198-cd.mp4"));
        assert_eq!(key.folder().unwrap().as_str(), "0198-ab/2025/11/22");
        assert_eq!(StoreKey::parse("a").unwrap().folder(), None);
        assert_eq!(serde_json_like(&key), key);
    }

    /// The way through [`String`] that serde takes.
    fn serde_json_like(key: &StoreKey) -> StoreKey {
        StoreKey::try_from(String::from(key.clone())).unwrap()
    }

    #[test]
    fn what_leads_elsewhere_is_refused() {
        for (text, why) in [
            ("", BadKey::EmptyName),
            ("/etc/passwd", BadKey::EmptyName),
            ("a//b", BadKey::EmptyName),
            ("a/", BadKey::EmptyName),
            ("..", BadKey::LeadingDot),
            ("a/../b", BadKey::LeadingDot),
            ("a/.", BadKey::LeadingDot),
            (".vas-store.json", BadKey::LeadingDot),
            ("a\\b", BadKey::Character),
            ("a\0", BadKey::Character),
            ("%2e%2e", BadKey::Character),
            ("a b", BadKey::Character),
            ("ä", BadKey::Character),
        ] {
            assert_eq!(StoreKey::parse(text), Err(why), "{text:?}");
        }
        assert_eq!(StoreKey::parse(&"a".repeat(201)), Err(BadKey::TooLong));
        assert!(StoreKey::parse(&"a".repeat(200)).is_ok());
    }

    proptest! {
        #[test]
        fn a_key_is_a_relative_path_of_plain_names(text in "[a-c./%\\\\\0é_-]{0,12}|\\PC{0,40}") {
            if let Ok(key) = StoreKey::parse(&text) {
                prop_assert_eq!(key.as_str(), &text);
                let path = Path::new(key.as_str());
                prop_assert!(path.components().all(|part| matches!(part, Component::Normal(_))));
                prop_assert_eq!(path.components().count(), key.names().count());
                prop_assert!(key.names().all(|name| !name.is_empty() && !name.starts_with('.')));
            }
        }

        #[test]
        fn names_of_the_alphabet_make_a_key(names in proptest::collection::vec("[A-Za-z0-9_-][A-Za-z0-9._-]{0,20}", 1..8)) {
            prop_assert!(StoreKey::parse(&names.join("/")).is_ok());
        }
    }
}
