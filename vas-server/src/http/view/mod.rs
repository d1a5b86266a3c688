//! What clients see. Field names are those of the contract with existing clients; each type is also its own description
//! in the API's document. What may be missing is skipped, what may be unknown is null.

mod device;
mod health;
mod stream;

pub(crate) use device::DeviceView;
pub(super) use device::{DeviceStatusView, StartedView, StoppedView, ValidationView};
pub(super) use health::{HealthView, SourceHealthView, Verdict};
pub(super) use stream::{StreamView, TransitionView};

pub(crate) use crate::rfc3339::time;

use serde::Serialize;
use utoipa::ToSchema;
use vas_core::WallTime;
use vas_core::ports::Page;

/// Where a page of a list stands in the whole list.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub(super) struct Pagination {
    /// Entries in all.
    total: u64,
    /// Entries in this page at most.
    limit: u64,
    /// Entries before this page.
    offset: u64,
}

impl Pagination {
    /// Of a page of a list of `total` entries.
    pub(super) const fn new(total: u64, page: Page) -> Self {
        Self { total, limit: page.limit, offset: page.offset }
    }
}

/// The one value that tells of success where a client looks for it.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Success {
    /// It was done.
    Success,
}

/// Whole seconds from `earlier` to `now`.
fn seconds_since(earlier: WallTime, now: WallTime) -> i64 {
    now.micros_since(earlier).max(0) / 1_000_000
}

fn some_number(number: u32) -> Option<u32> {
    Some(number).filter(|number| *number > 0)
}

fn tenths(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}
