//! What the command line prints: tables, lengths of time and sizes.

use std::fmt::Write as _;

/// `2 d 03:04:05.6`, without what is 0 at the front.
pub(crate) fn length(micros: i64) -> String {
    let tenths = micros.max(0) / 100_000;
    let (seconds, tenth) = (tenths / 10, tenths % 10);
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    let clock = format!("{hours:02}:{minutes:02}:{:02}.{tenth}", seconds % 60);
    if days > 0 { format!("{days} d {clock}") } else { clock }
}

/// A number of things: `1 file`, `2 files`.
pub(crate) fn count_of(count: u64, thing: &str) -> String {
    format!("{count} {thing}{}", if count == 1 { "" } else { "s" })
}

/// Bytes in the unit that leaves up to three digits before the point.
pub(crate) fn size(bytes: u64) -> String {
    let units = ["kB", "MB", "GB", "TB", "PB"];
    if bytes < 1_000 {
        return format!("{bytes} B");
    }
    let mut amount = bytes as f64 / 1e3;
    let mut unit = 0;
    while amount >= 999.95 && unit + 1 < units.len() {
        amount /= 1e3;
        unit += 1;
    }
    format!("{amount:.1} {}", units[unit])
}

/// Lines in columns that are as wide as their widest cell.
pub(crate) struct Table<const N: usize> {
    rows: Vec<[String; N]>,
}

impl<const N: usize> Table<N> {
    /// A table with a head.
    pub(crate) fn new(head: [&str; N]) -> Self {
        Self { rows: vec![head.map(str::to_owned)] }
    }

    /// Adds a line.
    pub(crate) fn row(&mut self, cells: [String; N]) {
        self.rows.push(cells);
    }

    /// The lines.
    pub(crate) fn finish(self) -> String {
        let width =
            |column: usize| self.rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
        let widths: [usize; N] = std::array::from_fn(width);
        let mut text = String::new();
        for row in &self.rows {
            let mut line = String::new();
            for (cell, width) in row.iter().zip(widths) {
                let _ = write!(line, "{cell:<width$}  ");
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_and_sizes_are_for_people() {
        assert_eq!(length(3_661_500_000), "01:01:01.5");
        assert_eq!(length(2 * 86_400_000_000 + 1), "2 d 00:00:00.0");
        let sizes = [0, 999, 1_000, 999_949, 999_950, 1_234_567_890].map(size);
        assert_eq!(sizes, ["0 B", "999 B", "1.0 kB", "999.9 kB", "1.0 MB", "1.2 GB"]);
    }

    #[test]
    fn columns_are_as_wide_as_they_must() {
        let mut table = Table::new(["A", "LONG"]);
        table.row(["wide cell".to_owned(), "x".to_owned()]);
        assert_eq!(table.finish(), "A          LONG\nwide cell  x\n");
    }
}
