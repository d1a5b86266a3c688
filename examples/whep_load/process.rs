//! What the kernel says about processes and about lost datagrams (proc(5)); Linux only, empty elsewhere.

use std::collections::HashSet;
use std::fs;

use anyhow::Context;

/// CPU times in /proc are in units of 1/100 s on every architecture that Linux shows to programs (USER_HZ).
const TICKS_PER_SECOND: f64 = 100.0;

/// CPU time and memory of one or more processes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Usage {
    /// User and system time since the start, in seconds.
    pub(crate) cpu_seconds: f64,
    /// Resident memory, in kB.
    pub(crate) rss_kb: u64,
}

impl Usage {
    /// The sum over `pids`.
    pub(crate) fn of(pids: &[u32]) -> anyhow::Result<Self> {
        let mut sum = Self::default();
        for pid in pids {
            let one = Self::read(&pid.to_string()).with_context(|| {
                format!("cannot read /proc/{pid}: is the process of --server-pid running?")
            })?;
            sum.cpu_seconds += one.cpu_seconds;
            sum.rss_kb += one.rss_kb;
        }
        Ok(sum)
    }

    /// This process.
    pub(crate) fn own() -> Self {
        Self::read("self").unwrap_or_default()
    }

    fn read(process: &str) -> anyhow::Result<Self> {
        let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
        // The name, in brackets, may itself hold spaces and brackets.
        let (_, fields) = stat.rsplit_once(')').context("no process name in stat")?;
        let fields: Vec<&str> = fields.split_ascii_whitespace().collect();
        let ticks =
            |at: usize| fields.get(at).and_then(|text| text.parse::<u64>().ok()).context("stat is short");
        let status = fs::read_to_string(format!("/proc/{process}/status"))?;
        let rss = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB"));
        Ok(Self {
            cpu_seconds: (ticks(11)? + ticks(12)?) as f64 / TICKS_PER_SECOND,
            rss_kb: rss.and_then(|text| text.trim().parse().ok()).context("no VmRSS in status")?,
        })
    }
}

/// Datagrams dropped because a UDP socket of this process had no room for them; sockets that are closed don't
/// count.
pub(crate) fn receive_drops() -> u64 {
    let sockets: HashSet<String> = fs::read_dir("/proc/self/fd")
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let target = fs::read_link(entry.ok()?.path()).ok()?;
            Some(target.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned())
        })
        .collect();
    let table = |path: &str| fs::read_to_string(path).unwrap_or_default();
    ["/proc/self/net/udp", "/proc/self/net/udp6"].iter().map(|path| drops_of(&table(path), &sockets)).sum()
}

/// The sum of the last column over the rows whose inode, the tenth, is one of `sockets`.
fn drops_of(table: &str, sockets: &HashSet<String>) -> u64 {
    let row = |line: &str| {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        sockets.contains(*fields.get(9)?).then(|| fields.last()?.parse::<u64>().ok())?
    };
    table.lines().skip(1).filter_map(row).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_processes_and_finds_the_drops_of_a_socket() {
        assert!(Usage::own().rss_kb > 0);
        assert!(Usage::of(&[u32::MAX]).is_err());
        let row = |inode: u32, drops: u32| {
            format!("1: 00000000:1F90 00000000:0000 07 0:0 00:0 0 0 0 {inode} 2 0000000000000000 {drops}\n")
        };
        let table = format!("sl local_address ... drops\n{}{}", row(77, 4), row(78, 9));
        assert_eq!(drops_of(&table, &HashSet::from(["77".to_owned()])), 4);
    }
}
