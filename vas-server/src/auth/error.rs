//! Why somebody is not let in.

use vas_core::ports::RepoError;
use vas_core::{ErrorKind, HasKind};

/// Why a request is refused for who asks.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum AuthError {
    /// Nothing was shown.
    #[error("sign in, or send an access token or an API key")]
    Missing,
    /// A token that is not honoured; which of its parts is wrong is nobody's business but the log's.
    #[error("the token is not valid here")]
    InvalidToken,
    /// A token whose time is over.
    #[error("the token has expired; get a new one")]
    Expired,
    /// A key that is unknown, revoked or over.
    #[error("the API key is not valid here")]
    InvalidKey,
    /// A session that is over.
    #[error("the session is over; sign in again")]
    NoSession,
    /// A change that a cookie alone would let through.
    #[error("send the session's csrf_token as X-CSRF-Token")]
    Csrf,
    /// Name or password, id or secret is wrong.
    #[error("the name or the password is wrong")]
    WrongPassword,
    /// A refresh token that is not honoured.
    #[error("the refresh token is not valid; sign in again")]
    InvalidGrant,
    /// More is asked for than is allowed.
    #[error("more is asked for than the account may do")]
    ScopeExceeded,
    /// Too many failures.
    #[error("too many failures; try again in {seconds} seconds")]
    Throttled {
        /// When to come again.
        seconds: u64,
    },
    /// As many are checked at the moment as the server can.
    #[error("too many sign in at the moment; try again in a few seconds")]
    Busy,
    /// There is no such account, key or session.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// What would lock everybody out.
    #[error("this is the last admin; make another one first")]
    LastAdmin,
    /// What only an account of this server can do.
    #[error("only users of this server have that; sign in as one")]
    NotAUser,
    /// The keys of the provider can't be had.
    #[error("the OpenID provider does not answer; try again later")]
    Provider,
    /// The database failed.
    #[error(transparent)]
    Repo(#[from] RepoError),
    /// A fault of this program.
    #[error("the server failed; its log says more")]
    Internal,
}

impl HasKind for AuthError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Missing
            | Self::InvalidToken
            | Self::Expired
            | Self::InvalidKey
            | Self::NoSession
            | Self::WrongPassword
            | Self::InvalidGrant => ErrorKind::Unauthorized,
            Self::Csrf | Self::ScopeExceeded | Self::NotAUser => ErrorKind::Forbidden,
            Self::Throttled { .. } => ErrorKind::Exhausted,
            Self::Busy | Self::Provider => ErrorKind::Unavailable,
            Self::NotFound(_) => ErrorKind::NotFound,
            Self::LastAdmin => ErrorKind::Conflict,
            Self::Repo(error) => error.kind(),
            Self::Internal => ErrorKind::Internal,
        }
    }
}
