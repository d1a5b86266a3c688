//! Stores: the conformance suite on each of them, and what goes wrong with disks and object stores.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "helpers of tests fail as tests do, and say what is left out"
)]

mod local;
mod moto;
mod object;
mod proxy;
mod tiered;
