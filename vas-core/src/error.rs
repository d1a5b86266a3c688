//! What kind of failure an error is, whatever operation it came from.

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
