//! The settings in force as text, each with where it comes from and secrets masked.

use super::load::{Loaded, defaults, flatten};
use std::fmt::Write as _;
use vas_core::model::mask_url;

/// Widest value beside which the origin stands in line with those of its neighbours, in characters.
const COLUMN: usize = 44;

impl Loaded {
    /// The settings in force as a TOML file with where each comes from. Secrets that are set are masked, so this is to
    /// look at: as a file it would set the masks.
    #[must_use]
    pub fn effective(&self) -> String {
        let table = toml::Table::try_from(&self.config).unwrap_or_default();
        let values = flatten(&table);
        let mut sections: Vec<(&str, Vec<(&str, &str)>)> = Vec::new();
        // In TOML the keys of no section go first.
        let (top, inner): (Vec<_>, Vec<_>) = values.keys().partition(|key| !key.contains('.'));
        for key in top.into_iter().chain(inner) {
            let (section, name) = key.rsplit_once('.').unwrap_or(("", key));
            match sections.iter_mut().find(|(known, _)| *known == section) {
                Some((_, keys)) => keys.push((name, key)),
                None => sections.push((section, vec![(name, key)])),
            }
        }
        let mut text = String::new();
        for (section, keys) in sections {
            if !section.is_empty() {
                let _ = writeln!(text, "\n[{section}]");
            }
            for (name, key) in keys {
                let line = format!("{name} = {}", shown(&values[key]));
                let origin = self.origin(key);
                let _ = writeln!(text, "{line:<COLUMN$} # {origin}");
            }
        }
        text
    }

    /// Where the value of a setting comes from.
    fn origin(&self, key: &str) -> String {
        match self.origins.get(key) {
            // `file: key` names the key once more.
            Some(place) => place.strip_suffix(&format!(": {key}")).unwrap_or(place).to_owned(),
            None if defaults().contains_key(key) => "default".to_owned(),
            None => String::new(),
        }
    }
}

/// A value as TOML, passwords in URLs masked.
fn shown(value: &toml::Value) -> String {
    match value {
        toml::Value::String(text) => toml::Value::String(mask_url(text)).to_string(),
        toml::Value::Array(values) => {
            let values: Vec<_> = values.iter().map(shown).collect();
            format!("[{}]", values.join(", "))
        }
        other => other.to_string(),
    }
}
