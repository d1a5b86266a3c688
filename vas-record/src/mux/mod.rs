//! Container formats.

pub mod fmp4;
