//! VAS for Python: the extension module `vas._native`, which the package `vas` (python/vas) shows to its users.
//!
//! ```text
//! vas.probe(url) --> interpreter released --> vas_ingest::probe --> Probe, or the exception of the error's kind
//! ```
//!
//! Waiting never holds the interpreter, and Ctrl-C ends it. What the package offers is documented in its stubs
//! (python/vas/_native.pyi), which the tests compare with this module.
//!
//! Deliberately absent: anything that decides. This crate converts arguments, results and errors.

mod errors;
mod probe;
mod wait;

/// The native part of the package `vas`.
#[pyo3::pymodule]
mod _native {
    #[pymodule_export]
    use crate::errors::{InvalidInput, NotFound, Protocol, Timeout, Unauthorized, Unavailable, VasError};
    #[pymodule_export]
    use crate::probe::{Probe, Track, probe};

    #[pymodule_export]
    #[expect(non_upper_case_globals, reason = "the name that Python's packages give their version")]
    const __version__: &str = env!("CARGO_PKG_VERSION");
}
