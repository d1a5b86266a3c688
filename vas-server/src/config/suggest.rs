//! What somebody may have meant who wrote something else.

use super::load::{keys, variable_of};

/// How alike two words must be, from 0 to 1.
const ALIKE: f64 = 0.6;

/// The candidate that is most like a word, if any is like it.
pub(super) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = word.to_ascii_lowercase();
    let score =
        |candidate: &str| strsim::normalized_damerau_levenshtein(&lower, &candidate.to_ascii_lowercase());
    candidates
        .into_iter()
        .map(|candidate| (score(candidate), candidate))
        .filter(|(score, _)| *score >= ALIKE)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

/// The setting's variable that an unknown one may stand for.
#[must_use]
pub fn nearest_variable(name: &str) -> Option<String> {
    let variables: Vec<_> = keys().iter().map(|key| variable_of(key)).collect();
    nearest(name, variables.iter().map(String::as_str)).map(str::to_owned)
}

/// A message that names something unknown, with what may have been meant behind it.
pub(super) fn with_suggestion(message: String) -> String {
    let Some((wrong, candidates)) = unknown(&message) else { return message };
    match nearest(wrong, candidates.iter().copied()) {
        Some(meant) => format!("{message}; did you mean {meant}?"),
        None => message,
    }
}

/// The unknown word of a message, and those that were expected.
fn unknown(message: &str) -> Option<(&str, Vec<&str>)> {
    // serde: unknown field `listn`, expected one of `listen`, `max_connections`
    if message.starts_with("unknown ") {
        let mut quoted = message.split('`').skip(1).step_by(2);
        return Some((quoted.next()?, quoted.collect()));
    }
    // Settings with a few values: expected text or json, not "txt"
    let (expected, wrong) = message.strip_prefix("expected ")?.split_once(", not \"")?;
    let candidates: Vec<_> = expected.split(", ").flat_map(|part| part.split(" or ")).collect();
    let are_words = candidates.iter().all(|word| !word.is_empty() && !word.contains(' '));
    are_words.then_some((wrong.strip_suffix('"')?, candidates))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_meant_is_named() {
        for (message, meant) in [
            ("unknown field `listn`, expected one of `listen`, `max_connections`", Some("listen")),
            ("unknown field `host_name`, expected `host_names`", Some("host_names")),
            ("unknown field `colour`, expected one of `data_dir`, `http`", None),
            ("expected continuous, schedule, event or off, not \"continous\"", Some("continuous")),
            ("expected EdDSA, ES256 or HS256, not \"eddsa\"", Some("EdDSA")),
            ("expected address and port, such as 127.0.0.1:8080, not \"x\"", None),
            ("expected text or json, not \"\"", None),
            ("must be from 1 to 2, not 3", None),
        ] {
            let expected =
                meant.map_or(message.to_owned(), |meant| format!("{message}; did you mean {meant}?"));
            assert_eq!(with_suggestion(message.to_owned()), expected);
        }
        assert_eq!(nearest_variable("VAS_HTTP_LISTN").as_deref(), Some("VAS_HTTP_LISTEN"));
        assert_eq!(nearest_variable("VAS_SERVICE_HOST_4"), None);
    }
}
