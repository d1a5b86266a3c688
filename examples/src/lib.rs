//! Programs that use the crates of VAS; each is an example target of this package.
//!
//! What several of them share, and the integration tests too, is in this library:
//!
//! - [`viewer`]: a WHEP viewer without sockets or threads, light enough to run hundreds in one thread.

pub mod viewer;
