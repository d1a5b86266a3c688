//! Scripts for pages, bundled with the npm packages that they import.

use anyhow::{Context, Result, anyhow, ensure};
use std::collections::HashMap;
use std::path::Path;
use std::process::Command;
use std::sync::{LazyLock, Mutex, PoisonError};

/// The script `name` of `tests/browser` with all that it imports, made once for all tests.
///
/// # Errors
/// It can't be bundled.
pub(crate) fn bundle(name: &'static str) -> Result<String> {
    static BUNDLES: LazyLock<Mutex<HashMap<&str, Result<String, String>>>> = LazyLock::new(Mutex::default);
    let mut bundles = BUNDLES.lock().unwrap_or_else(PoisonError::into_inner);
    let made = bundles.entry(name).or_insert_with(|| make(name).map_err(|error| format!("{error:#}")));
    made.clone().map_err(|error| anyhow!("{error}"))
}

fn make(name: &str) -> Result<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("browser");
    let output = Command::new(folder.join("node_modules/.bin/esbuild"))
        .args([name, "--bundle", "--format=iife", "--log-level=warning"])
        .current_dir(folder)
        .output()
        .context("can't run esbuild; `make test` installs it")?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}
