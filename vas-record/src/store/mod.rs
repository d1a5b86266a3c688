//! Where recordings lie: a folder, an object store, or the one before the other.
//!
//! ```text
//! recorder --DiskIo--> spool --put--> LocalStore
//!                                     ObjectStore (feature `object`)
//!                                     TieredStore: LocalStore, and in the background the other
//! ```

pub(crate) mod deposit;
pub mod disk;
mod local;
#[cfg(feature = "object")]
mod object;
mod tiered;

pub use deposit::{DepositError, deposit};
pub use local::{LocalStore, OpenError, SPOOL};
#[cfg(feature = "object")]
pub use object::{ObjectConfigError, ObjectOptions, ObjectStore};
pub use tiered::{TieredConfig, TieredStatus, TieredStore};
