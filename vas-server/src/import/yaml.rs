//! YAML from outside, with bounds.

use super::{ImportError, MAX_BYTES};
use serde_json::Value;
use serde_saphyr::Budget;

/// Deepest nesting: these files have five levels.
const MAX_DEPTH: usize = 24;
/// Mappings, lists and scalars.
const MAX_NODES: usize = 200_000;
/// References to anchors, of which each may stand for a large part of the file.
const MAX_ALIASES: usize = 1_000;

/// Reads a document. Aliases and merges are resolved within the bounds.
pub(super) fn parse(text: &str) -> Result<Value, ImportError> {
    if text.len() > MAX_BYTES {
        return Err(ImportError::TooLarge);
    }
    // A context would show lines of the file.
    let options = serde_saphyr::options! { budget: Some(budget()), with_snippet: false };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| refused(&error))
}

fn budget() -> Budget {
    let mut budget = Budget::default();
    budget.max_depth = MAX_DEPTH;
    budget.max_nodes = MAX_NODES;
    budget.max_events = 4 * MAX_NODES;
    budget.max_aliases = MAX_ALIASES;
    budget.max_anchors = MAX_ALIASES;
    budget.max_documents = 1;
    budget.max_merge_keys = MAX_ALIASES;
    budget
}

/// Where it is wrong, in words of our own: the library's may repeat a part of the text.
fn refused(error: &serde_saphyr::Error) -> ImportError {
    let (line, column) = error.location().map_or((1, 1), |at| (at.line(), at.column()));
    let message = match error.without_snippet() {
        serde_saphyr::Error::Budget { .. } => "the file is too deep, too long or repeats itself too often",
        serde_saphyr::Error::DuplicateMappingKey { .. } => "a key stands twice in the same mapping",
        _ => "this is no valid YAML",
    };
    ImportError::Yaml { line, column, message: message.to_owned() }
}

/// A scalar as the text it stands for.
pub(super) fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}

/// A switch, also in the words of YAML 1.1.
pub(super) fn switch(value: Option<&Value>) -> Option<bool> {
    match scalar(value?)?.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" => Some(true),
        "false" | "no" | "off" => Some(false),
        _ => None,
    }
}
