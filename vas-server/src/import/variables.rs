//! Environment variables that a file refers to.

use std::collections::BTreeSet;

/// Longest text that variables may make of one, in bytes.
const MAX_TEXT: usize = 8_192;

/// How references look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Syntax {
    /// `${NAME}` or `${NAME:default}`, as in go2rtc.
    Shell,
    /// `{FRIGATE_NAME}`, as in Frigate, which takes variables with this beginning alone.
    Frigate,
}

/// A text with its references replaced.
///
/// # Errors
/// The variables that are not set and have no default.
pub(super) fn replace(
    text: &str,
    syntax: Syntax,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Result<String, BTreeSet<String>> {
    let open = if syntax == Syntax::Shell { "${" } else { "{" };
    let (mut out, mut rest, mut missing) = (String::new(), text, BTreeSet::new());
    while let Some(start) = rest.find(open) {
        let after = &rest[start + open.len()..];
        let Some(end) = after.find('}') else { break };
        out.push_str(&rest[..start]);
        let (name, default) = match after[..end].split_once(':') {
            Some((name, default)) if syntax == Syntax::Shell => (name, Some(default)),
            _ => (&after[..end], None),
        };
        let is_name =
            !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if is_name && (syntax == Syntax::Shell || name.starts_with("FRIGATE_")) {
            match variable(name).or_else(|| default.map(str::to_owned)) {
                Some(value) => out.push_str(&value),
                None => drop(missing.insert(name.to_owned())),
            }
        } else {
            out.push_str(&rest[start..start + open.len() + end + 1]);
        }
        rest = &after[end + 1..];
        if out.len() > MAX_TEXT {
            break;
        }
    }
    out.push_str(rest);
    if missing.is_empty() { Ok(out) } else { Err(missing) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(name: &str) -> Option<String> {
        (name == "FRIGATE_PASSWORD" || name == "PASSWORD").then(|| "s{3}cret".to_owned())
    }

    #[test]
    fn references_are_replaced_and_those_without_a_value_named() {
        let shell = |text| replace(text, Syntax::Shell, &known);
        assert_eq!(shell("rtsp://u:${PASSWORD}@cam/1").unwrap(), "rtsp://u:s{3}cret@cam/1");
        assert_eq!(shell("rtsp://${HOST:cam}/${PATH_1:}").unwrap(), "rtsp://cam/");
        assert_eq!(shell("rtsp://${HOST}/${OTHER}").unwrap_err(), ["HOST", "OTHER"].map(String::from).into());
        assert_eq!(shell("a ${ b ${!x} ${").unwrap(), "a ${ b ${!x} ${");
        let frigate = |text| replace(text, Syntax::Frigate, &known);
        assert_eq!(frigate("rtsp://u:{FRIGATE_PASSWORD}@cam").unwrap(), "rtsp://u:s{3}cret@cam");
        assert_eq!(frigate("{PASSWORD} {FRIGATE_X").unwrap(), "{PASSWORD} {FRIGATE_X");
        assert_eq!(frigate("{FRIGATE_X}").unwrap_err(), ["FRIGATE_X".to_owned()].into());
    }
}
