//! The layers and how they are laid upon each other: defaults, file, environment, flags. What a value means
//! is not known here, only which keys there are.

use config::{Config, ConfigError, File, FileFormat, Map, Source, Value, ValueKind};
use domain::problem::{Problem, nearest};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The reference: every key with its default and its meaning.
pub const DEFAULTS: &str = include_str!("../../config/default.toml");

const PREFIX: &str = "KINKEEPER__";
/// Keys of one element of `mail.relays`; the only list of tables there is.
const RELAY_KEYS: [&str; 5] = ["url", "url_file", "from", "rate", "connections"];

/// Where settings come from, besides the defaults.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    pub file: Option<PathBuf>,
    /// Environment variables; those without the prefix `KINKEEPER__` are not ours.
    pub environment: Vec<(String, String)>,
    /// `key=value` as flags give them, such as `http.listen=127.0.0.1:9000`.
    pub overrides: Vec<String>,
}

impl Sources {
    /// The process's environment and what the command line gave.
    pub fn of_process(file: Option<PathBuf>, overrides: Vec<String>) -> Self {
        // A variable that isn't Unicode can't be one of ours.
        let unicode = |(k, v): (std::ffi::OsString, std::ffi::OsString)| {
            Some((k.into_string().ok()?, v.into_string().ok()?))
        };
        Self { file, environment: std::env::vars_os().filter_map(unicode).collect(), overrides }
    }
}

/// A value and the layer that gave it, in words; `None` is the default.
#[derive(Debug, Clone)]
pub struct Setting {
    pub value: Value,
    pub origin: Option<String>,
}

/// All layers, one over the other.
pub struct Merged {
    /// The settings in force, by dotted key.
    pub values: BTreeMap<String, Setting>,
    /// What is wrong with keys; their values are for others to judge.
    pub wrong_keys: Vec<Problem>,
}

/// Lays the layers over each other.
pub fn merge(sources: &Sources) -> Result<Merged, Vec<Problem>> {
    let defaults = Config::builder()
        .add_source(File::from_str(DEFAULTS, FileFormat::Toml))
        .build()
        .expect("the built-in defaults are valid TOML, as a test sees");
    let known = flatten(&defaults);
    let (mut problems, mut unreadable) = (Vec::new(), Vec::new());
    let mut builder = Config::builder().add_source(defaults);
    for layer in [file_layer(sources), environment_layer(sources, &known), flag_layer(sources, &known)] {
        match layer {
            Ok(layer) => {
                problems.extend(unknown_keys(&layer, &known));
                builder = builder.add_source(layer);
            }
            Err(problem) => unreadable.push(problem),
        }
    }
    if !unreadable.is_empty() {
        unreadable.extend(problems);
        return Err(unreadable);
    }
    let merged = builder.build().map_err(|e| vec![Problem::new("", "unreadable", e.to_string())])?;
    let values = flatten(&merged).into_iter().map(|(key, value)| (key, setting(value))).collect();
    Ok(Merged { values, wrong_keys: problems })
}

fn setting(value: Value) -> Setting {
    let origin = value.origin().map(str::to_owned);
    Setting { value, origin }
}

fn file_layer(sources: &Sources) -> Result<Config, Problem> {
    let Some(path) = &sources.file else { return Ok(Config::default()) };
    let place = path.display().to_string();
    if !path.is_file() {
        return Err(Problem::new(&place, "no_such_file", "the configuration file doesn't exist"));
    }
    Config::builder()
        .add_source(File::new(&place, FileFormat::Toml))
        .build()
        .map_err(|e| Problem::new(&place, "not_toml", toml_detail(&e)))
}

fn toml_detail(error: &ConfigError) -> String {
    match error {
        ConfigError::FileParse { cause, .. } => cause.to_string().trim_end().to_owned(),
        other => other.to_string(),
    }
}

fn environment_layer(sources: &Sources, known: &BTreeMap<String, Value>) -> Result<Config, Problem> {
    let ours = sources.environment.iter().filter_map(|(name, text)| {
        let key = name.strip_prefix(PREFIX)?.to_ascii_lowercase().replace("__", ".");
        Some((key, text.as_str(), name.clone()))
    });
    pairs_layer(ours, known)
}

fn flag_layer(sources: &Sources, known: &BTreeMap<String, Value>) -> Result<Config, Problem> {
    let mut pairs = Vec::new();
    for text in &sources.overrides {
        let Some((key, value)) = text.split_once('=') else {
            return Err(Problem::new(
                text,
                "no_value",
                "write key=value, such as shop.timezone=Europe/London",
            ));
        };
        pairs.push((key.trim().to_owned(), value, "the command line".to_owned()));
    }
    pairs_layer(pairs.into_iter(), known)
}

/// Texts become values: lists where the default is one, else texts, which the reader understands.
fn pairs_layer<'a>(
    pairs: impl Iterator<Item = (String, &'a str, String)>,
    known: &BTreeMap<String, Value>,
) -> Result<Config, Problem> {
    let mut values = Pairs::default();
    for (key, text, origin) in pairs {
        let value = if known.get(&key).is_some_and(|default| matches!(default.kind, ValueKind::Array(_))) {
            list(text, &origin)
                .map_err(|detail| Problem::new(&key, "not_toml", format!("{detail} (from {origin})")))?
        } else {
            Value::new(Some(&origin), ValueKind::String(text.to_owned()))
        };
        values.0.push((key, value));
    }
    let malformed = |e: ConfigError| Problem::new("", "unreadable", e.to_string());
    Config::builder().add_source(values).build().map_err(malformed)
}

fn list(text: &str, origin: &String) -> Result<Value, String> {
    let read = Config::builder()
        .add_source(File::from_str(&format!("list = {text}"), FileFormat::Toml))
        .build()
        .map_err(|_| {
            format!("\"{text}\" is no list; write one in TOML, such as [{{ url = \"smtp://127.0.0.1:25\" }}]")
        })?;
    let value: Value = read.get("list").map_err(|e| e.to_string())?;
    Ok(Value::new(Some(origin), value.kind))
}

/// Keys with their values, each knowing where it was written.
#[derive(Debug, Clone, Default)]
struct Pairs(Vec<(String, Value)>);

impl Source for Pairs {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Value>, ConfigError> {
        Ok(self.0.iter().cloned().collect())
    }
}

/// Leaves by dotted key; a list is a leaf.
fn flatten(config: &Config) -> BTreeMap<String, Value> {
    fn walk(prefix: &str, table: Map<String, Value>, found: &mut BTreeMap<String, Value>) {
        for (key, value) in table {
            let key = if prefix.is_empty() { key } else { format!("{prefix}.{key}") };
            match value.kind {
                ValueKind::Table(inner) => walk(&key, inner, found),
                _ => {
                    found.insert(key, value);
                }
            }
        }
    }
    let mut found = BTreeMap::new();
    walk("", config.collect().unwrap_or_default(), &mut found);
    found
}

fn unknown_keys(layer: &Config, known: &BTreeMap<String, Value>) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (key, value) in flatten(layer) {
        let origin = value.origin().map(|o| format!(" (from {o})")).unwrap_or_default();
        if !known.contains_key(&key) {
            let detail =
                format!("there is no such setting{}{origin}", remedy(&key, known.keys().map(String::as_str)));
            problems.push(Problem::new(key, "unknown_setting", detail));
        } else if let ValueKind::Array(elements) = value.kind {
            for (i, element) in elements.into_iter().enumerate() {
                let ValueKind::Table(table) = element.kind else { continue };
                for name in table.keys().filter(|name| !RELAY_KEYS.contains(&name.as_str())) {
                    let detail = format!("there is no such setting{}{origin}", remedy(name, RELAY_KEYS));
                    problems.push(Problem::new(format!("{key}[{i}].{name}"), "unknown_setting", detail));
                }
            }
        }
    }
    problems
}

fn remedy<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    match nearest(written, known) {
        Some(name) => format!("; did you mean {name}?"),
        None => "; config/default.toml lists them all".to_owned(),
    }
}
