//! The command line: the real program, its output and its exit codes, beside a server of its own and without one.

#![expect(clippy::unwrap_used, reason = "a test that can't go on fails")]
#![expect(clippy::print_stdout, reason = "figures that are measured are printed")]

mod accounts;
mod devices;
mod imports;
mod kills;
mod reload;
mod settings;
mod support;
