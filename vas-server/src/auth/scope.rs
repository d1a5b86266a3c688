//! What a caller may do, in the words that tokens carry, and the roles that people have.

use std::fmt;
use std::str::FromStr;

/// One permission. The names are those of the API and of the `scope` claim (RFC 6749, section 3.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Scope {
    /// Read devices, streams, health, playlists and recordings.
    StreamsRead,
    /// Change devices and streams, and control recording.
    StreamsWrite,
    /// Watch: consume, WHEP, signalling, frames.
    StreamsConsume,
    /// Read snapshots.
    SnapshotsRead,
    /// Take and delete snapshots.
    SnapshotsWrite,
    /// Read bookmarks.
    BookmarksRead,
    /// Make, change and delete bookmarks.
    BookmarksWrite,
    /// Accounts and settings; whoever has it may do everything else, too.
    Admin,
}

impl Scope {
    /// All of them, in the order in which they are told.
    pub(crate) const ALL: [Self; 8] = [
        Self::StreamsRead,
        Self::StreamsWrite,
        Self::StreamsConsume,
        Self::SnapshotsRead,
        Self::SnapshotsWrite,
        Self::BookmarksRead,
        Self::BookmarksWrite,
        Self::Admin,
    ];

    /// Its name.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::StreamsRead => "streams:read",
            Self::StreamsWrite => "streams:write",
            Self::StreamsConsume => "streams:consume",
            Self::SnapshotsRead => "snapshots:read",
            Self::SnapshotsWrite => "snapshots:write",
            Self::BookmarksRead => "bookmarks:read",
            Self::BookmarksWrite => "bookmarks:write",
            Self::Admin => "admin",
        }
    }
}

/// No scope has this name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be of streams:read, streams:write, streams:consume, snapshots:read, snapshots:write, bookmarks:read, \
     bookmarks:write and admin"
)]
pub struct UnknownScope;

impl FromStr for Scope {
    type Err = UnknownScope;

    fn from_str(text: &str) -> Result<Self, UnknownScope> {
        Self::ALL.into_iter().find(|scope| scope.name() == text).ok_or(UnknownScope)
    }
}

/// A set of permissions. Prints as tokens carry it: names with spaces between them.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Scopes(u8);

impl Scopes {
    /// Those that let media be fetched, and change nothing.
    pub(crate) const MEDIA: Self =
        Self::of(&[Scope::StreamsRead, Scope::StreamsConsume, Scope::SnapshotsRead, Scope::BookmarksRead]);
    /// All of them.
    pub(crate) const ALL: Self = Self::of(&Scope::ALL);

    /// These and no others.
    pub(crate) const fn of(scopes: &[Scope]) -> Self {
        let (mut bits, mut at) = (0, 0);
        while at < scopes.len() {
            bits |= 1 << scopes[at] as u8;
            at += 1;
        }
        Self(bits)
    }

    /// The set that a text with names and spaces is.
    ///
    /// # Errors
    /// A name is none of a scope.
    pub(crate) fn parse(text: &str) -> Result<Self, UnknownScope> {
        text.split_ascii_whitespace().map(Scope::from_str).collect()
    }

    /// The known ones of a text: what other issuers write there beside them is theirs.
    pub(crate) fn known(text: &str) -> Self {
        text.split_ascii_whitespace().filter_map(|name| name.parse().ok()).collect()
    }

    /// Whether it permits what `scope` is for.
    pub(crate) const fn permits(self, scope: Scope) -> bool {
        self.0 & (1 << scope as u8 | 1 << Scope::Admin as u8) != 0
    }

    /// Whether all of these are permitted.
    pub(crate) fn cover(self, others: Self) -> bool {
        others.iter().all(|scope| self.permits(scope))
    }

    /// What both permit.
    pub(crate) fn and(self, other: Self) -> Self {
        Scope::ALL.into_iter().filter(|scope| self.permits(*scope) && other.permits(*scope)).collect()
    }

    /// Whether there is none.
    pub(crate) const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Those in it, in their order.
    pub(crate) fn iter(self) -> impl Iterator<Item = Scope> {
        Scope::ALL.into_iter().filter(move |scope| self.0 & (1 << *scope as u8) != 0)
    }

    /// Their names.
    pub(crate) fn names(self) -> Vec<&'static str> {
        self.iter().map(Scope::name).collect()
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        Self(scopes.into_iter().fold(0, |bits, scope| bits | 1 << scope as u8))
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.names().join(" "))
    }
}

impl fmt::Debug for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Scopes({self})")
    }
}

/// What a person is in a system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Watches.
    Viewer,
    /// Watches, and changes devices, streams and recordings.
    Operator,
    /// May do everything.
    Admin,
}

impl Role {
    /// All of them, the least first.
    pub const ALL: [Self; 3] = [Self::Viewer, Self::Operator, Self::Admin];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }

    /// What it permits.
    pub(crate) const fn scopes(self) -> Scopes {
        match self {
            Self::Viewer => Scopes::MEDIA,
            Self::Operator => {
                let more = Scopes::of(&[Scope::StreamsWrite, Scope::SnapshotsWrite, Scope::BookmarksWrite]);
                Scopes(Scopes::MEDIA.0 | more.0)
            }
            Self::Admin => Scopes::ALL,
        }
    }
}

/// No role has this name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be viewer, operator or admin")]
pub struct UnknownRole;

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(text: &str) -> Result<Self, UnknownRole> {
        Self::ALL.into_iter().find(|role| role.name() == text).ok_or(UnknownRole)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_are_read_as_they_are_written() {
        for scope in Scope::ALL {
            assert_eq!(scope.name().parse(), Ok(scope));
        }
        let scopes = Scopes::parse(" bookmarks:read  streams:read ").unwrap();
        assert_eq!(scopes.to_string(), "streams:read bookmarks:read");
        assert_eq!(Scopes::parse("streams:red"), Err(UnknownScope));
        assert_eq!(Scopes::known("openid streams:read profile").to_string(), "streams:read");
        assert!(Scopes::parse("").unwrap().is_empty());
    }

    #[test]
    fn admin_permits_everything_and_nothing_else_permits_admin() {
        let admin = Scopes::of(&[Scope::Admin]);
        assert!(Scope::ALL.into_iter().all(|scope| admin.permits(scope)));
        let rest: Scopes = Scope::ALL.into_iter().filter(|scope| *scope != Scope::Admin).collect();
        assert!(!rest.permits(Scope::Admin) && admin.cover(rest) && !rest.cover(admin));
        assert_eq!(admin.and(Scopes::MEDIA), Scopes::MEDIA);
    }

    #[test]
    fn each_role_permits_what_the_one_before_does() {
        for pair in Role::ALL.windows(2) {
            assert!(pair[1].scopes().cover(pair[0].scopes()) && !pair[0].scopes().cover(pair[1].scopes()));
        }
    }
}
