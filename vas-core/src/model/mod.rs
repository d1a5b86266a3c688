//! The models of the system: what a device and a stream are, apart from where they are stored.

pub mod stream;

pub use stream::{IllegalTransition, Reason, ReasonCode, StreamMachine, StreamState, Transition};
