//! From files, environment and flags to a [`Config`], with the place of whatever is wrong.

use super::given::Given;
use super::overlay;
use super::sections::{Config, Invalid};
use super::suggest;
use config::builder::DefaultState;
use config::{ConfigBuilder, Environment, File, FileFormat};
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use vas_core::{ErrorKind, HasKind};

/// The environment variables of this server begin so.
const PREFIX: &str = "VAS_";
/// Further names of the variables of some settings.
const ALIASES: [(&str, &str); 3] = [
    ("VAS_DEFAULT_CLIENT_ID", "auth.default_client_id"),
    ("VAS_DEFAULT_CLIENT_SECRET", "auth.default_client_secret"),
    ("VAS_SECRET_KEY", "auth.secret_key"),
];
/// Variables with the prefix that are no settings.
const OTHER_VARIABLES: [&str; 5] =
    ["VAS_CONFIG", "VAS_SERVER", "VAS_TOKEN", "VAS_PASSPHRASE", "VAS_PASSWORD"];

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file can't be read.
    #[error("can't read the configuration {}: {source}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is no TOML.
    #[error("{}: {message}", .path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// What is wrong, and in which line.
        message: String,
    },
    /// A setting is unknown, of the wrong type or out of range.
    #[error("{place}: {message}")]
    Value {
        /// The flag, the variable, or file and key.
        place: String,
        /// What was expected.
        message: String,
    },
}

impl HasKind for ConfigError {
    fn kind(&self) -> ErrorKind {
        ErrorKind::InvalidInput
    }
}

/// A flag of the command line that sets something.
#[derive(Clone, Debug)]
pub struct Flag {
    /// The flag, such as `--http-listen`.
    pub flag: &'static str,
    /// The setting, such as `http.listen`.
    pub key: &'static str,
    /// Its value; several make a list.
    pub values: Vec<String>,
}

/// Where settings come from, the weakest first.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// A TOML file.
    pub file: Option<PathBuf>,
    /// The environment.
    pub environment: Vec<(String, String)>,
    /// The flags that were given.
    pub flags: Vec<Flag>,
}

/// A valid configuration and what to tell about it.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// Variables named like settings that are none. They are not refused: a container platform may set some, for a
    /// service that is called `vas`.
    pub unknown_variables: Vec<String>,
    /// Where each setting comes from that is not its default.
    pub(super) origins: BTreeMap<String, String>,
    /// The values as they were given.
    pub(crate) given: Given,
}

impl Loaded {
    /// Whether file, environment or flags say something of a setting.
    #[must_use]
    pub fn is_set(&self, key: &str) -> bool {
        self.origins.contains_key(key)
    }

    /// A configuration whose origins are not known.
    pub(crate) fn of(config: Config) -> Self {
        Self { config, unknown_variables: Vec::new(), origins: BTreeMap::new(), given: Given::default() }
    }

    /// Where the value of a setting comes from that is not its default: the flag, the variable, or a file and the key.
    pub(crate) fn place_of(&self, key: &str) -> Option<&str> {
        self.origins.get(key).map(String::as_str)
    }

    /// The settings in force by their keys, secrets masked, and their defaults.
    pub(crate) fn values(&self) -> BTreeMap<String, (toml::Value, Option<toml::Value>)> {
        let table = toml::Table::try_from(&self.config).unwrap_or_default();
        let mut defaults = defaults();
        flatten(&table)
            .into_iter()
            .map(|(key, value)| {
                let default = defaults.remove(&key);
                (key, (value, default))
            })
            .collect()
    }
}

impl Sources {
    /// Reads and checks everything.
    ///
    /// # Errors
    /// The first thing that is wrong, with its place.
    pub fn load(&self) -> Result<Loaded, ConfigError> {
        let path = self.overlay()?;
        let text = overlay::read(&path).map_err(|source| ConfigError::Read { path: path.clone(), source })?;
        self.load_over(text.map(|text| (path, text)))
    }

    /// The file of the settings that were changed on the dashboard.
    pub(crate) fn overlay(&self) -> Result<PathBuf, ConfigError> {
        let (variables, _) = self.variables();
        let folder = self.merged(&variables, None)?.get_string("data_dir");
        Ok(overlay::path(&folder.map_or_else(|_| Config::default().data_dir, PathBuf::from)))
    }

    /// Reads and checks everything, with these settings of the dashboard: their file, and what is in it.
    pub(crate) fn load_over(&self, overlay: Option<(PathBuf, String)>) -> Result<Loaded, ConfigError> {
        let (variables, unknown_variables) = self.variables();
        let overlay = overlay.map(|(path, text)| Overlay::of(path, text)).transpose()?;
        let merged = self.merged(&variables, overlay.as_ref())?;
        let given = Given::of(&merged);
        let place = |key: &str| self.place(key, &variables, overlay.as_ref());
        let config: Config = serde_path_to_error::deserialize(merged)
            .map_err(|error| value_error(place(&error.path().to_string()), error.inner()))?;
        config.validate().map_err(|Invalid { key, expected }| ConfigError::Value {
            place: place(key),
            message: expected,
        })?;
        let origins = given.keys().map(|key| (key.to_owned(), place(key))).collect();
        Ok(Loaded { config, unknown_variables, origins, given })
    }

    /// All values, the stronger over the weaker.
    fn merged(
        &self,
        variables: &BTreeMap<String, (&str, &str)>,
        overlay: Option<&Overlay>,
    ) -> Result<config::Config, ConfigError> {
        let mut builder = config::Config::builder();
        if let Some(path) = &self.file {
            builder = builder.add_source(read(path)?);
        }
        if let Some(overlay) = overlay {
            builder = builder.add_source(File::from_str(&overlay.text, FileFormat::Toml));
        }
        builder = add_variables(builder, variables);
        for flag in &self.flags {
            builder = match flag.values.as_slice() {
                [value] if !is_list(flag.key) => builder.set_override(flag.key, value.as_str()),
                values => builder.set_override(flag.key, values.to_vec()),
            }
            .map_err(|error| value_error(flag.flag.to_owned(), &error))?;
        }
        builder.build().map_err(|error| value_error("configuration".to_owned(), &error))
    }

    /// The variables that are settings, by key, and the names of those that only look like it.
    fn variables(&self) -> (BTreeMap<String, (&str, &str)>, Vec<String>) {
        let aliases = ALIASES.map(|(name, key)| (name.to_owned(), key.to_owned()));
        let keys: HashMap<String, String> =
            keys().into_iter().map(|key| (variable_of(&key), key)).chain(aliases).collect();
        let mut known = BTreeMap::new();
        let mut unknown = Vec::new();
        for (name, value) in &self.environment {
            match keys.get(name) {
                Some(key) => {
                    known.insert(key.clone(), (name.as_str(), value.as_str()));
                }
                None if name.starts_with(PREFIX) && !OTHER_VARIABLES.contains(&name.as_str()) => {
                    unknown.push(name.clone());
                }
                None => {}
            }
        }
        (known, unknown)
    }

    /// Where the value of `key` comes from.
    fn place(
        &self,
        key: &str,
        variables: &BTreeMap<String, (&str, &str)>,
        overlay: Option<&Overlay>,
    ) -> String {
        // Within a list, the path goes on behind the key.
        let is_of = |setting: &str| {
            key.strip_prefix(setting).is_some_and(|rest| rest.is_empty() || rest.starts_with('['))
        };
        if let Some(flag) = self.flags.iter().rev().find(|flag| is_of(flag.key)) {
            return flag.flag.to_owned();
        }
        if let Some((_, (name, _))) = variables.iter().find(|(setting, _)| is_of(setting)) {
            return (*name).to_owned();
        }
        if let Some(overlay) = overlay.filter(|overlay| overlay.keys.iter().any(|known| is_of(known))) {
            return format!("{}: {key}", overlay.path.display());
        }
        match &self.file {
            Some(path) => format!("{}: {key}", path.display()),
            None => key.to_owned(),
        }
    }
}

/// The settings of the dashboard.
struct Overlay {
    path: PathBuf,
    text: String,
    keys: Vec<String>,
}

impl Overlay {
    fn of(path: PathBuf, text: String) -> Result<Self, ConfigError> {
        match text.parse::<toml::Table>() {
            Ok(table) => Ok(Self { path, text, keys: flatten(&table).into_keys().collect() }),
            Err(error) => Err(ConfigError::Syntax { path, message: syntax(&text, &error) }),
        }
    }
}

/// Where a text is no TOML, and why. The library's own message shows the line, which may hold a secret.
fn syntax(text: &str, error: &toml::de::Error) -> String {
    let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().map_or(0, |rest| rest.chars().count()) + 1;
    format!("line {line}, column {column}: {}", error.message())
}

fn read(path: &Path) -> Result<File<config::FileSourceString, FileFormat>, ConfigError> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
    // Parsed for its message alone, which names line and column.
    if let Err(error) = text.parse::<toml::Table>() {
        return Err(ConfigError::Syntax { path: path.to_owned(), message: syntax(&text, &error) });
    }
    Ok(File::from_str(&text, FileFormat::Toml))
}

fn add_variables(
    builder: ConfigBuilder<DefaultState>,
    variables: &BTreeMap<String, (&str, &str)>,
) -> ConfigBuilder<DefaultState> {
    let values = variables.iter().map(|(key, (_, value))| (key.replace('.', "__"), (*value).to_owned()));
    let mut source = Environment::default()
        .source(Some(values.collect()))
        .separator("__")
        .try_parsing(true)
        .list_separator(",");
    for key in keys().iter().filter(|key| is_list(key)) {
        source = source.with_list_parse_key(key);
    }
    builder.add_source(source)
}

fn value_error(place: String, error: &config::ConfigError) -> ConfigError {
    let message = match error {
        config::ConfigError::Type { unexpected, expected, .. } => {
            format!("expected {expected}, not {unexpected}")
        }
        // What went wrong within; the place is known better here.
        config::ConfigError::At { error, .. } => return value_error(place, error),
        config::ConfigError::Message(message) => message.clone(),
        other => other.to_string(),
    };
    ConfigError::Value { place, message: suggest::with_suggestion(message) }
}

/// The name of a setting's environment variable.
pub(super) fn variable_of(key: &str) -> String {
    format!("{PREFIX}{}", key.replace('.', "_").to_uppercase())
}

fn is_list(key: &str) -> bool {
    matches!(defaults().get(key), Some(toml::Value::Array(_)))
}

/// The keys of all settings.
pub(super) fn keys() -> Vec<String> {
    defaults().into_keys().collect()
}

/// The settings' defaults by key.
pub(super) fn defaults() -> BTreeMap<String, toml::Value> {
    let table = toml::Table::try_from(Config::default()).expect("the configuration can be written as TOML");
    flatten(&table)
}

/// The leaves of a table by their dotted keys.
pub(super) fn flatten(table: &toml::Table) -> BTreeMap<String, toml::Value> {
    let mut leaves = BTreeMap::new();
    for (name, value) in table {
        match value {
            toml::Value::Table(inner) => {
                leaves
                    .extend(flatten(inner).into_iter().map(|(key, value)| (format!("{name}.{key}"), value)));
            }
            leaf => {
                leaves.insert(name.clone(), leaf.clone());
            }
        }
    }
    leaves
}
