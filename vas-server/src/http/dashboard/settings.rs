//! `/v2/settings`: the settings in force, where each comes from, and a change of those that may be changed here.

use crate::config::{ConfigError, Loaded, overlay, schema};
use crate::http::HttpState;
use crate::http::extract::JsonFields;
use crate::http::problem::Problem;
use crate::reload::is_live;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use vas_core::model::mask_url;

/// Settings that one call changes at most.
const MAX_CHANGES: usize = 100;

pub(super) fn routes() -> OpenApiRouter<HttpState> {
    OpenApiRouter::new().routes(routes!(show, change))
}

/// The settings.
#[derive(Debug, Serialize, ToSchema)]
struct SettingsView {
    sections: Vec<SectionView>,
    /// The JSON schema (draft 2020-12) of the configuration file.
    #[schema(value_type = Object)]
    schema: Value,
    /// Settings that were changed and take effect when the server is restarted.
    restart_pending: BTreeSet<String>,
}

/// Settings of one kind.
#[derive(Debug, Serialize, ToSchema)]
struct SectionView {
    /// Such as `recording`; empty for those of no section.
    name: String,
    settings: Vec<SettingView>,
}

/// A setting.
#[derive(Debug, Serialize, ToSchema)]
struct SettingView {
    /// Such as `recording.retention.days`.
    key: String,
    /// Secrets are masked.
    value: Value,
    default: Value,
    source: SettingSource,
    /// Whether it may be changed here: it is one of those that may, and neither environment nor flags set it.
    editable: bool,
    /// Whether a change takes effect only when the server is restarted.
    restart: bool,
    /// What it is for.
    description: Option<String>,
}

/// Where a setting comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum SettingSource {
    Default,
    /// The configuration file.
    File,
    /// It was changed here.
    Overlay,
    Environment,
    Flag,
}

/// What is to be changed.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes what is read in another way")]
struct SettingsChange {
    /// Values by key; null undoes a change.
    #[schema(value_type = Object)]
    settings: Value,
}

/// Show the settings in force
#[utoipa::path(
    get, path = "/v2/settings", tag = "Administration",
    responses((status = 200, description = "The settings by section.", body = SettingsView)),
)]
async fn show(State(state): State<HttpState>) -> Result<Json<SettingsView>, Problem> {
    let loaded = load(&state)?;
    Ok(Json(view(&state, &loaded)))
}

/// Change settings
///
/// They are kept in a file beside the data, which goes before the configuration file and after environment and flags,
/// and take effect at once but for those that need a restart.
#[utoipa::path(
    put, path = "/v2/settings", tag = "Administration", request_body = SettingsChange,
    responses(
        (status = 200, description = "The settings by section.", body = SettingsView),
        (status = 409, description = "Settings can't be changed here (`SETTINGS_FIXED`)."),
    ),
)]
async fn change(
    State(state): State<HttpState>,
    JsonFields(mut body): JsonFields,
) -> Result<Json<SettingsView>, Problem> {
    let sources = state.reloads.sources().ok_or_else(|| {
        Problem::new(StatusCode::CONFLICT, "SETTINGS_FIXED", "this server does not read its settings anew")
    })?;
    let given: BTreeMap<String, Value> = body.required_json("settings").unwrap_or_default();
    if given.len() > MAX_CHANGES {
        body.refuse("settings", format!("must be {MAX_CHANGES} at most"));
    }
    let loaded = load(&state)?;
    let mut changes = BTreeMap::new();
    for (key, value) in given {
        match wanted(&loaded, &key, value) {
            Ok(value) => drop(changes.insert(key, value)),
            Err(why) => body.refuse(&key, why),
        }
    }
    body.finish()?;
    // One change at a time, or one would undo the other.
    let _guard = state.settings_lock.lock().await;
    let path = sources.overlay().map_err(|error| wrong(&error))?;
    let present = overlay::read(&path).map_err(|error| failed(&error))?.unwrap_or_default();
    let text = overlay::changed(&present, &changes).ok_or_else(|| {
        let description = format!("{} is damaged; remove it to begin anew", path.display());
        Problem::new(StatusCode::CONFLICT, "SETTINGS_FIXED", description)
    })?;
    // Tried before it is written: what is refused here would keep the server from starting.
    sources.load_over(Some((path.clone(), text.clone()))).map_err(|error| wrong(&error))?;
    overlay::write(&path, &text).map_err(|error| failed(&error))?;
    state.reloads.reload_now().await;
    let loaded = load(&state)?;
    Ok(Json(view(&state, &loaded)))
}

/// The value to be written for a key; `None`: none.
fn wanted(loaded: &Loaded, key: &str, value: Value) -> Result<Option<toml::Value>, String> {
    if !overlay::is_editable(key) {
        return Err("can't be changed here; change it in the configuration file".to_owned());
    }
    if let Some(place) = loaded.place_of(key)
        && matches!(source_of(place), SettingSource::Environment | SettingSource::Flag)
    {
        return Err(format!("is set by {place}; change it there"));
    }
    match value {
        Value::Null => Ok(None),
        value => toml::Value::try_from(value).map(Some).map_err(|error| error.to_string()),
    }
}

/// The settings as they would be read now.
fn load(state: &HttpState) -> Result<Loaded, Problem> {
    match state.reloads.sources() {
        Some(sources) => sources.load().map_err(|error| wrong(&error)),
        None => Ok(Loaded::of(state.settings.current().as_ref().clone())),
    }
}

fn wrong(error: &ConfigError) -> Problem {
    let place = match error {
        ConfigError::Value { place, .. } => place.rsplit(": ").next().unwrap_or("settings").to_owned(),
        _ => "settings".to_owned(),
    };
    Problem::fields(&[(place, error.to_string())].into())
}

fn failed(error: &std::io::Error) -> Problem {
    tracing::error!(%error, "settings can't be kept");
    let description = "the settings can't be kept; check the data folder";
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "UNAVAILABLE", description).retry_after(5)
}

fn view(state: &HttpState, loaded: &Loaded) -> SettingsView {
    let schema = schema();
    let mut sections: Vec<SectionView> = Vec::new();
    for (key, (value, default)) in loaded.values() {
        let name = key.split_once('.').map_or("", |(section, _)| section);
        let place = loaded.place_of(&key);
        let source = place.map_or(SettingSource::Default, source_of);
        let editable = overlay::is_editable(&key)
            && !matches!(source, SettingSource::Environment | SettingSource::Flag)
            && state.reloads.sources().is_some();
        let setting = SettingView {
            value: shown(&value),
            default: default.as_ref().map_or(Value::Null, shown),
            source,
            editable,
            restart: !is_live(&key),
            description: description(&schema, &key),
            key: key.clone(),
        };
        match sections.iter_mut().find(|section| section.name == name) {
            Some(section) => section.settings.push(setting),
            None => sections.push(SectionView { name: name.to_owned(), settings: vec![setting] }),
        }
    }
    let pending = state.reloads.current().result.and_then(Result::ok);
    let restart_pending = pending.map(|result| result.restart_required).unwrap_or_default();
    SettingsView { sections, schema, restart_pending }
}

/// What a place is, which is named as whoever set it knows it.
fn source_of(place: &str) -> SettingSource {
    if place.starts_with("--") {
        SettingSource::Flag
    } else if place.starts_with("VAS_") {
        SettingSource::Environment
    } else if place.split(": ").next().is_some_and(|file| file.ends_with("settings.toml")) {
        SettingSource::Overlay
    } else {
        SettingSource::File
    }
}

/// A value as JSON, passwords in URLs masked; secrets are written as a mask anyhow.
fn shown(value: &toml::Value) -> Value {
    match value {
        toml::Value::String(text) => mask_url(text).into(),
        toml::Value::Array(values) => values.iter().map(shown).collect(),
        other => serde_json::to_value(other).unwrap_or(Value::Null),
    }
}

/// What the schema says of a key.
fn description(schema: &Value, key: &str) -> Option<String> {
    let mut at = schema;
    for part in key.split('.') {
        at = resolved(schema, at).get("properties")?.get(part)?;
    }
    let text = at.get("description").or_else(|| resolved(schema, at).get("description"))?;
    text.as_str().map(str::to_owned)
}

/// What a schema refers to, or itself.
fn resolved<'a>(root: &'a Value, at: &'a Value) -> &'a Value {
    let name = at.get("$ref").and_then(Value::as_str).and_then(|name| name.strip_prefix("#/$defs/"));
    name.and_then(|name| root.get("$defs")?.get(name)).unwrap_or(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_described() {
        let schema = schema();
        for key in ["recording.retention.days", "log.level", "data_dir"] {
            assert!(description(&schema, key).is_some_and(|text| text.len() > 10), "{key}");
        }
        assert_eq!(description(&schema, "recording.nothing"), None);
    }

    #[test]
    fn places_tell_what_set_a_value() {
        for (place, source) in [
            ("--http-listen", SettingSource::Flag),
            ("VAS_LOG_LEVEL", SettingSource::Environment),
            ("/var/lib/vas/settings.toml: log.level", SettingSource::Overlay),
            ("/etc/vas/vas.toml: log.level", SettingSource::File),
        ] {
            assert_eq!(source_of(place), source, "{place}");
        }
    }
}
