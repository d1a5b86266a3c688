//! What kind of failure an error is, whatever operation it came from.

use std::error::Error;

/// The kinds that callers tell apart. The server maps them to HTTP statuses in one place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The thing named does not exist.
    NotFound,
    /// The thing exists already, or somebody else holds it.
    Conflict,
    /// The caller's input is wrong; the message says which part.
    InvalidInput,
    /// Credentials are missing or wrong.
    Unauthorized,
    /// The credentials are right but do not allow this.
    Forbidden,
    /// Not possible in the present state; may be later.
    NotReady,
    /// The peer or a part of this system does not answer or is down.
    Unavailable,
    /// It took longer than allowed.
    Timeout,
    /// A limit on size, number or rate is reached.
    Exhausted,
    /// The peer broke its protocol.
    Protocol,
    /// A fault of this program or of its machine.
    Internal,
}

/// Errors that know their kind.
pub trait HasKind {
    /// The kind of this failure.
    fn kind(&self) -> ErrorKind;
}

/// An error with what caused it, for logs and for what is kept of a failure: `can't write: disk full`. Causes that the
/// message repeats already are left out.
#[must_use]
pub fn with_causes(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        let words = next.to_string();
        if !text.contains(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        cause = next.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;

    #[derive(Debug, thiserror::Error)]
    #[error("the index can't be written")]
    struct Outer(#[source] io::Error);

    #[test]
    fn causes_are_told_once() {
        let error = Outer(io::Error::other("disk full"));
        assert_eq!(with_causes(&error), "the index can't be written: disk full");
        assert_eq!(with_causes(&io::Error::other(error)), "the index can't be written: disk full");
    }
}
