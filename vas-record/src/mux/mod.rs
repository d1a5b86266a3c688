//! Container formats.

pub mod fmp4;
pub mod mpegts;
