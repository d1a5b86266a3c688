//! The exceptions, and the one place that chooses one for an error.

use pyo3::exceptions::PyException;
use pyo3::{PyErr, create_exception};
use vas_core::{ErrorKind, HasKind};

create_exception!(vas, VasError, PyException, "Base of all exceptions of this package.");
create_exception!(vas, InvalidInput, VasError, "An argument is wrong; the message says which part.");
create_exception!(vas, Timeout, VasError, "The camera did not answer in time.");
create_exception!(vas, Unauthorized, VasError, "User name or password is missing or wrong.");
create_exception!(vas, NotFound, VasError, "The camera has no such path.");
create_exception!(vas, Unavailable, VasError, "The camera can't be reached, or closed the connection.");
create_exception!(
    vas,
    Protocol,
    VasError,
    "The camera answers with something that is not understood or supported."
);

/// The exception of an error, by its kind. The message never holds a password: those of VAS don't.
pub(crate) fn exception(error: &(impl HasKind + ToString)) -> PyErr {
    let message = error.to_string();
    match error.kind() {
        ErrorKind::InvalidInput => InvalidInput::new_err(message),
        ErrorKind::Timeout => Timeout::new_err(message),
        ErrorKind::Unauthorized | ErrorKind::Forbidden => Unauthorized::new_err(message),
        ErrorKind::NotFound => NotFound::new_err(message),
        ErrorKind::Unavailable | ErrorKind::NotReady => Unavailable::new_err(message),
        ErrorKind::Protocol => Protocol::new_err(message),
        _ => VasError::new_err(message),
    }
}
