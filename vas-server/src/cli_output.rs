//! What commands print, and what they ask.

use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::io::{BufRead, IsTerminal, Write};
use vas_core::Secret;
use vas_server::portable::PASSPHRASE_CHARACTERS;

/// What a command found.
#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) text: String,
    /// Whether all is well; else the program ends with 1.
    pub(crate) ok: bool,
}

impl Output {
    /// `value` where JSON is wanted, else `text`.
    pub(crate) fn new(json: bool, value: &Value, text: String, ok: bool) -> Self {
        Self { text: if json { format!("{value:#}\n") } else { text }, ok }
    }

    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self { text: text.into(), ok: true }
    }
}

/// Asks for a yes.
pub(crate) fn confirmed(question: &str) -> Result<bool> {
    let mut terminal = std::io::stderr();
    write!(terminal, "{question} [y/N] ").and_then(|()| terminal.flush()).context("can't ask")?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer).context("can't read the answer")?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}

/// A password from the environment, the terminal or, where there is none, a line of standard input.
pub(crate) fn secret(prompt: &str, variable: &str, twice: bool) -> Result<Secret> {
    if let Ok(secret) = std::env::var(variable) {
        return Ok(Secret::new(secret));
    }
    if !std::io::stdin().is_terminal() {
        let mut line = String::new();
        std::io::stdin().lock().read_line(&mut line).with_context(|| format!("can't read {prompt}"))?;
        let line = line.trim_end_matches(['\r', '\n']);
        if line.is_empty() {
            bail!("give {prompt} on standard input, or in {variable}");
        }
        return Ok(Secret::new(line));
    }
    let first = rpassword::prompt_password(format!("{prompt}: "))
        .with_context(|| format!("can't ask for {prompt}"))?;
    if twice && rpassword::prompt_password(format!("{prompt}, once more: "))? != first {
        bail!("the two are not the same");
    }
    Ok(Secret::new(first))
}

/// The passphrase of an export.
pub(crate) fn passphrase(new: bool) -> Result<Secret> {
    let passphrase = secret("passphrase", "VAS_PASSPHRASE", new)?;
    if new && passphrase.expose().chars().count() < PASSPHRASE_CHARACTERS {
        bail!("the passphrase must have {PASSPHRASE_CHARACTERS} characters at least");
    }
    Ok(passphrase)
}
