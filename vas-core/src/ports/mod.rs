//! Seams: what the system needs of the world outside, as traits that a deployment chooses implementations of.

pub mod placement;
pub mod repo;

pub use placement::{NodeId, Placed, Placement, SingleNode};
pub use repo::{DeviceRepo, Page, RepoError, StreamFilter, StreamRecord, StreamRepo};
