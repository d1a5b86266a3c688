//! How busy this machine is.

use crate::http::system::{kilobytes, machine_cpu};

/// Remembers the counters of the last look.
#[derive(Debug, Default)]
pub(super) struct Load {
    last: Option<(f64, f64)>,
}

impl Load {
    /// Percent of all cores since the last look; `None` at the first, and where the system does not tell.
    pub(super) fn percent(&mut self) -> Option<f64> {
        let present = machine_cpu()?;
        let (busy, total) = self.last.replace(present)?;
        let share = (present.0 - busy) / (present.1 - total).max(1.0);
        Some((share.clamp(0.0, 1.0) * 1_000.0).round() / 10.0)
    }
}

/// Memory of this process in bytes.
pub(super) fn process_memory() -> Option<u64> {
    kilobytes(&std::fs::read_to_string("/proc/self/status").ok()?, "VmRSS:")
}
