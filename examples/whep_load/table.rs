//! The report as text.

use std::fmt::Write;

use super::report::{Packets, Percentiles, Report, Server};

const LABEL: usize = 34;
const COLUMN: usize = 14;

/// Lines of aligned columns.
#[derive(Default)]
struct Table {
    text: String,
}

impl Table {
    fn title(&mut self, title: &str, columns: &[&str]) {
        self.text.push('\n');
        self.line(title, &columns.iter().map(ToString::to_string).collect::<Vec<_>>());
    }

    fn row(&mut self, label: &str, cells: &[String]) {
        self.line(&format!("  {label}"), cells);
    }

    fn line(&mut self, label: &str, cells: &[String]) {
        let mut line = format!("{label:<LABEL$}");
        for cell in cells {
            // Writing to a string does not fail.
            let _ = write!(line, "{cell:>COLUMN$}");
        }
        self.text.push_str(line.trim_end());
        self.text.push('\n');
    }
}

/// Renders the report for a person.
pub(crate) fn render(report: &Report) -> String {
    let mut table = Table::default();
    let viewers = &report.viewers;
    let _ = writeln!(
        table.text,
        "{} of {} viewers connected, {} failed; {:.1} s of steady reception",
        viewers.connected, viewers.requested, viewers.failed, report.steady_seconds
    );
    for (reason, count) in &viewers.failures {
        table.row(&format!("{count} x {reason}"), &[]);
    }
    if viewers.deletes_failed > 0 {
        table.row(&format!("{} sessions could not be deleted", viewers.deletes_failed), &[]);
    }
    packets(&mut table, report);
    times(&mut table, report);
    if let Some(server) = &report.server {
        server_rows(&mut table, server);
    }
    let generator = &report.generator;
    table.title("load generator", &[]);
    table.row("CPU, steady (of one core)", &[percent(generator.steady_cpu_percent, 1)]);
    table.row("memory", &[kilobytes(generator.rss_kb)]);
    table.row("dropped by its own sockets", &[number(generator.receive_drops)]);
    table.text
}

fn packets(table: &mut Table, report: &Report) {
    let counts = |packets: &Packets| {
        [packets.received, packets.recovered, packets.lost, packets.expected]
            .map(number)
            .into_iter()
            .chain([percent(packets.loss_percent, 4)])
            .collect::<Vec<_>>()
    };
    let packets = &report.packets;
    table.title("packets", &["received", "recovered", "lost", "expected", "loss"]);
    table.row("all viewers", &counts(packets));
    if report.endpoints.len() > 1 {
        for endpoint in &report.endpoints {
            table.row(&tail(&endpoint.url), &counts(&endpoint.packets));
        }
    }
    table.row("viewers with loss", &[number(packets.viewers_with_loss)]);
    table.row("duplicates, reordered", &[number(packets.duplicates), number(packets.reordered)]);
    let rate = [number(report.packets_per_second as u64), format!("{:.1} Mb/s", report.megabits_per_second)];
    table.row("each second, steady", &rate);
    table.row("pictures", &[number(packets.pictures)]);
    let repair = &report.repair;
    let asked = [repair.nacks_sent, repair.packets_asked_for, repair.rtx_received].map(number);
    table.row("NACKs, packets asked for, RTX", &asked);
    let srtp = &report.srtp;
    table.row("decrypted, rejected", &[number(srtp.authenticated), number(srtp.rejected)]);
    table.row("ignored, before the keys", &[number(srtp.ignored), number(srtp.early)]);
    table.row("viewers on AES-128-GCM", &[number(srtp.gcm_viewers)]);
}

fn times(table: &mut Table, report: &Report) {
    table.title("milliseconds from the POST to", &["p50", "p95", "max", "viewers"]);
    let times = &report.times_ms;
    let rows = [
        ("answer", times.answer),
        ("connected", times.connected),
        ("first packet", times.first_packet),
        ("first whole keyframe", times.first_keyframe),
    ];
    for (label, values) in rows {
        table.row(label, &spread(values, 1));
    }
    table.title("milliseconds of jitter", &["p50", "p95", "max", "viewers"]);
    table.row("RFC 3550, at the end", &spread(report.jitter_ms, 2));
}

fn server_rows(table: &mut Table, server: &Server) {
    let figure = |value: Option<f64>, unit: &str, decimals: usize| {
        [value.map_or_else(|| "-".to_owned(), |value| format!("{value:.decimals$} {unit}"))]
    };
    table.title("server", &[]);
    table.row("CPU, setting up and steady", &[format!("{:.2} s", server.cpu_seconds)]);
    let load = [percent(server.idle_cpu_percent, 1), percent(server.steady_cpu_percent, 1)];
    table.row("CPU idle, steady (of one core)", &load);
    table.row("CPU for each packet", &figure(server.cpu_us_per_packet, "us", 3));
    table.row("  above idle", &figure(server.cpu_us_per_packet_above_idle, "us", 3));
    table.row("CPU for each set-up and its burst", &figure(server.cpu_ms_per_setup, "ms", 3));
    let memory = [server.rss_kb_before, server.rss_kb_connected, server.rss_kb_end].map(kilobytes);
    table.row("memory before, connected, end", &memory);
    table.row("  for each viewer", &figure(server.rss_kb_per_viewer, "kB", 1));
    for step in &server.growth {
        table.row(&format!("  at {} viewers", number(step.viewers)), &[kilobytes(step.rss_kb)]);
    }
    if server.rss_kb_slope.is_some() {
        table.row("  from first to last step, a viewer", &figure(server.rss_kb_slope, "kB", 1));
    }
}

fn spread(values: Option<Percentiles>, decimals: usize) -> Vec<String> {
    values.map_or_else(
        || vec!["-".to_owned()],
        |Percentiles { count, p50, p95, max }| {
            let mut cells: Vec<String> =
                [p50, p95, max].iter().map(|value| format!("{value:.decimals$}")).collect();
            cells.push(number(count as u64));
            cells
        },
    )
}

fn percent(value: f64, decimals: usize) -> String {
    format!("{value:.decimals$} %")
}

fn kilobytes(kilobytes: u64) -> String {
    format!("{} kB", number(kilobytes))
}

/// With commas between groups of three digits.
fn number(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The end of a URL, which is what tells streams apart.
fn tail(url: &str) -> String {
    let width = LABEL - 4;
    let skipped = url.chars().count().saturating_sub(width);
    url.chars().skip(skipped).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        assert_eq!(
            [0, 999, 1000, 1_234_567].map(number),
            ["0", "999", "1,000", "1,234,567"].map(str::to_owned)
        );
    }
}
