//! The values that file, environment and flags gave, as they were given: compared and mixed when settings change.

use super::load::defaults;
use super::sections::Config;
use config::{Source, Value, ValueKind};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Values by key. Secrets are among them, so it prints as its keys alone.
#[derive(Clone, Default)]
pub(crate) struct Given(BTreeMap<String, Value>);

impl fmt::Debug for Given {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Given {
    /// What was given of a configuration.
    pub(super) fn of(merged: &config::Config) -> Self {
        let mut leaves = BTreeMap::new();
        for (name, value) in merged.collect().unwrap_or_default() {
            add_leaves(name, value, &mut leaves);
        }
        Self(leaves)
    }

    /// The keys of what was given.
    pub(super) fn keys(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// The keys whose values differ, a default counting as a value.
    pub(crate) fn differences(&self, other: &Self) -> BTreeSet<String> {
        let defaults = defaults();
        let value = |given: &Self, key: &str| match (given.0.get(key), defaults.get(key)) {
            (Some(given), _) => Some(written(given)),
            (None, Some(default)) => Some(written_default(default)),
            (None, None) => None,
        };
        let keys = defaults.keys().chain(self.0.keys()).chain(other.0.keys());
        keys.filter(|key| value(self, key) != value(other, key)).cloned().collect()
    }

    /// These values, with those of `other` for some keys.
    #[must_use]
    pub(crate) fn with(&self, other: &Self, keys: &BTreeSet<String>) -> Self {
        let mut mixed = self.clone();
        for key in keys {
            match other.0.get(key) {
                Some(value) => drop(mixed.0.insert(key.clone(), value.clone())),
                None => drop(mixed.0.remove(key)),
            }
        }
        mixed
    }

    /// The configuration that these values make; `None` where they don't fit together.
    pub(crate) fn config(&self) -> Option<Config> {
        let mut builder = config::Config::builder();
        for (key, value) in &self.0 {
            builder = builder.set_override(key, value.clone()).ok()?;
        }
        let config: Config = builder.build().ok()?.try_deserialize().ok()?;
        config.validate().ok()?;
        Some(config)
    }
}

fn add_leaves(key: String, value: Value, leaves: &mut BTreeMap<String, Value>) {
    match value.kind {
        ValueKind::Table(table) => {
            for (name, value) in table {
                add_leaves(format!("{key}.{name}"), value, leaves);
            }
        }
        _ => drop(leaves.insert(key, value)),
    }
}

/// A value as a text that is the same for the same value, whether it was given as a number or as its digits.
fn written(value: &Value) -> String {
    match &value.kind {
        ValueKind::Array(values) => list(values.iter().map(written)),
        _ => value.to_string(),
    }
}

fn written_default(value: &toml::Value) -> String {
    match value {
        toml::Value::Array(values) => list(values.iter().map(written_default)),
        toml::Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn list(items: impl Iterator<Item = String>) -> String {
    items.map(|item| format!("{item:?},")).collect()
}

#[cfg(test)]
mod tests {
    use super::super::load::{Flag, Sources};
    use super::*;

    fn given(flags: &[(&'static str, &str)]) -> Given {
        let flags = flags
            .iter()
            .map(|(key, value)| Flag { flag: "--x", key, values: vec![(*value).to_owned()] })
            .collect();
        Sources { flags, ..Sources::default() }.load().unwrap().given
    }

    #[test]
    fn values_are_compared_with_their_defaults_and_mixed() {
        let nothing = Given::default();
        let some = given(&[
            ("media.port", "8189"),
            ("log.level", "debug"),
            ("http.host_names", "a.example.com"),
            ("turn.secret", "planted"),
        ]);
        let differences = nothing.differences(&some);
        assert_eq!(differences, ["http.host_names", "log.level", "turn.secret"].map(String::from).into());
        assert_eq!(some.differences(&some.clone()), BTreeSet::new());
        let mixed = nothing.with(&some, &["log.level".to_owned()].into());
        let config = mixed.config().unwrap();
        assert_eq!((config.log.level.as_str(), config.http.host_names.len()), ("debug", 0));
        let back = some.with(&nothing, &differences);
        assert_eq!(back.config().unwrap(), Config::default());
        assert!(!format!("{some:?}").contains("planted"));
    }
}
