//! Typed ids. Uuids of version 7, so that they are unique across nodes and sort by creation.

use serde::{Deserialize, Serialize};
use std::fmt;

#[doc(hidden)]
pub mod macro_support {
    //! What [`uuid_id!`](crate::uuid_id) refers to from other crates.
    pub use serde::{Deserialize, Deserializer, Serialize, Serializer};
    pub use uuid::{Error, Uuid};
}

/// Declares a newtype over a uuid that prints, parses and serialises as the hyphenated form.
#[macro_export]
macro_rules! uuid_id {
    ($(#[$meta:meta])* $name:ident) => {
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name($crate::id::macro_support::Uuid);

        impl $name {
            /// A new id, unique across nodes.
            #[must_use]
            pub fn random() -> Self {
                Self($crate::id::macro_support::Uuid::now_v7())
            }

            /// The id as a plain uuid.
            #[must_use]
            pub const fn as_uuid(self) -> $crate::id::macro_support::Uuid {
                self.0
            }
        }

        impl From<$crate::id::macro_support::Uuid> for $name {
            fn from(id: $crate::id::macro_support::Uuid) -> Self {
                Self(id)
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::id::macro_support::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                $crate::id::macro_support::Uuid::parse_str(text).map(Self)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                std::fmt::Display::fmt(&self.0, f)
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl $crate::id::macro_support::Serialize for $name {
            fn serialize<S: $crate::id::macro_support::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                $crate::id::macro_support::Serialize::serialize(&self.0, to)
            }
        }

        impl<'de> $crate::id::macro_support::Deserialize<'de> for $name {
            fn deserialize<D: $crate::id::macro_support::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                $crate::id::macro_support::Deserialize::deserialize(from).map(Self)
            }
        }
    };
}

uuid_id! {
    /// A camera as its owner knows it; it outlives its streams.
    DeviceId
}
uuid_id! {
    /// The stream of a device: what is published in the hub and watched.
    StreamId
}
uuid_id! {
    /// A stored file of a device's stream.
    RecordingId
}
uuid_id! {
    /// A stretch of a device's recordings that somebody wants to keep.
    BookmarkId
}
uuid_id! {
    /// A stored picture.
    SnapshotId
}

/// A track within a stream; small numbers given by the source in the order of its description.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TrackId(pub u8);

impl fmt::Display for TrackId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
