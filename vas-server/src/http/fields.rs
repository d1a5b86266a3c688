//! Reads the fields of a request and collects everything that is wrong with them, so that one answer names it all.

use super::problem::Problem;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// The fields of a body or a query, while they are read.
#[derive(Debug)]
pub(crate) struct Fields {
    values: Map<String, Value>,
    /// In a query everything is text.
    numbers_as_text: bool,
    wrong: BTreeMap<String, String>,
}

impl Fields {
    pub(crate) const fn of_body(values: Map<String, Value>) -> Self {
        Self { values, numbers_as_text: false, wrong: BTreeMap::new() }
    }

    pub(super) fn of_query(pairs: impl Iterator<Item = (String, String)>) -> Self {
        let values = pairs.map(|(name, value)| (name, Value::String(value))).collect();
        Self { values, numbers_as_text: true, wrong: BTreeMap::new() }
    }

    /// Notes that a field is wrong.
    pub(crate) fn refuse(&mut self, name: &str, why: impl Into<String>) {
        self.wrong.insert(name.to_owned(), why.into());
    }

    /// Whether the field is there, be it null.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.values.contains_key(name)
    }

    /// A text of at most `longest` characters, without white space around it; `None` when it is missing, null or, as
    /// was noted, wrong.
    pub(crate) fn text(&mut self, name: &str, longest: usize) -> Option<String> {
        let text = match self.values.get(name) {
            None | Some(Value::Null) => return None,
            Some(Value::String(text)) => text.trim().to_owned(),
            Some(_) => {
                self.refuse(name, "must be a text");
                return None;
            }
        };
        if text.chars().count() > longest {
            self.refuse(name, format!("must not be longer than {longest} characters"));
        } else if text.contains(|c: char| c.is_control() && c != '\n' && c != '\t') {
            self.refuse(name, "must not contain control characters");
        } else {
            return Some(text);
        }
        None
    }

    /// A text that must be there and must not be empty.
    pub(crate) fn required_text(&mut self, name: &str, longest: usize) -> Option<String> {
        let text = self.text(name, longest);
        if !self.wrong.contains_key(name) {
            match &text {
                None => self.refuse(name, "is required"),
                Some(text) if text.is_empty() => self.refuse(name, "must not be empty"),
                Some(_) => return text,
            }
        }
        None
    }

    /// Any text at all, which must be given.
    pub(crate) fn any_text(&mut self, name: &str) -> Option<String> {
        match self.values.get(name) {
            Some(Value::String(text)) => return Some(text.clone()),
            None | Some(Value::Null) => self.refuse(name, "is required"),
            Some(_) => self.refuse(name, "must be a text"),
        }
        None
    }

    /// A whole number between bounds, or its default.
    pub(crate) fn integer(&mut self, name: &str, min: u64, max: u64, default: u64) -> u64 {
        let number = match self.values.get(name) {
            None | Some(Value::Null) => return default,
            Some(Value::String(text)) if self.numbers_as_text => text.parse().ok(),
            Some(value) => value.as_u64(),
        };
        match number {
            Some(number) if (min..=max).contains(&number) => number,
            _ if max == u64::MAX => {
                self.refuse(name, format!("must be a whole number from {min} up"));
                default
            }
            _ => {
                self.refuse(name, format!("must be a whole number from {min} to {max}"));
                default
            }
        }
    }

    /// A value that is parsed from text; `None` when it is missing or, as was noted, wrong.
    pub(crate) fn parsed<T: std::str::FromStr>(&mut self, name: &str, expected: &str) -> Option<T> {
        let text = self.text(name, 200)?;
        let value = text.parse().ok();
        if value.is_none() {
            self.refuse(name, expected);
        }
        value
    }

    /// The value as it was sent; `None` when it is missing.
    pub(crate) fn raw(&self, name: &str) -> Option<&Value> {
        self.values.get(name)
    }

    /// A value of several parts, which must be given. What is wrong in it is named by its path, such as
    /// `rtp_capabilities.codecs[0].clockRate`.
    pub(crate) fn required_json<T: DeserializeOwned>(&mut self, name: &str) -> Option<T> {
        let value = match self.values.get(name) {
            None | Some(Value::Null) => {
                self.refuse(name, "is required");
                return None;
            }
            Some(value) => value,
        };
        match serde_path_to_error::deserialize(value) {
            Ok(value) => Some(value),
            Err(error) => {
                let path = error.path().to_string();
                let field = if path == "." { name.to_owned() } else { format!("{name}.{path}") };
                self.refuse(&field, error.into_inner().to_string());
                None
            }
        }
    }

    /// A yes or no; `None` when it is missing or, as was noted, neither.
    pub(crate) fn flag(&mut self, name: &str) -> Option<bool> {
        match self.values.get(name) {
            None | Some(Value::Null) => None,
            Some(Value::Bool(flag)) => Some(*flag),
            Some(_) => {
                self.refuse(name, "must be true or false");
                None
            }
        }
    }

    /// A number from `min` to `max`; `None` when it is missing or null.
    pub(crate) fn number(&mut self, name: &str, min: f64, max: f64) -> Option<f64> {
        let number = match self.values.get(name) {
            None | Some(Value::Null) => return None,
            Some(Value::String(text)) if self.numbers_as_text => text.parse().ok(),
            Some(value) => value.as_f64(),
        };
        let number = number.filter(|number| (min..=max).contains(number));
        if number.is_none() {
            self.refuse(name, format!("must be a number from {min} to {max}"));
        }
        number
    }

    /// A whole number between bounds; `None` when it is missing or, as was noted, wrong.
    pub(crate) fn optional_integer(&mut self, name: &str, min: u64, max: u64) -> Option<u64> {
        let given = self.values.get(name).is_some_and(|value| !value.is_null());
        given.then(|| self.integer(name, min, max, min))
    }

    /// Ends reading.
    ///
    /// # Errors
    /// 422 with everything that is wrong.
    pub(crate) fn finish(self) -> Result<(), Problem> {
        if self.wrong.is_empty() { Ok(()) } else { Err(Problem::fields(&self.wrong)) }
    }
}
