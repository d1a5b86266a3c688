//! Seams: what the system needs of the world outside, as traits that a deployment chooses implementations of.

pub mod placement;

pub use placement::{NodeId, Placed, Placement, SingleNode};
