//! One target under libFuzzer: `VAS_FUZZ_TARGET` names it, the arguments are libFuzzer's. Built and run by `run.sh`.

#![no_main]

mod decode;
mod recording;
mod targets;

use std::sync::LazyLock;
use targets::{TARGETS, Target};

static TARGET: LazyLock<&Target> = LazyLock::new(|| {
    let name = std::env::var("VAS_FUZZ_TARGET").unwrap_or_default();
    let all = || TARGETS.iter().chain(&decode::TARGETS).chain(&recording::TARGETS);
    let found = all().find(|target| target.name == name);
    let names = || all().map(|target| target.name).collect::<Vec<_>>().join(", ");
    found.unwrap_or_else(|| panic!("set VAS_FUZZ_TARGET to one of: {}", names()))
});

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| (TARGET.run)(bytes));
