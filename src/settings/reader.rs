//! Takes typed values out of the merged layers and gathers what is wrong with them, so that an operator
//! sees all problems at once. Each reading gives `None` exactly when it has noted a problem.

use super::layers::{Merged, Setting};
use config::{Map, Value};
use domain::problem::{Problem, nearest};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::path::PathBuf;

pub struct Reader {
    settings: BTreeMap<String, Setting>,
    data_dir: String,
    problems: Vec<Problem>,
    read: BTreeSet<String>,
}

impl Reader {
    pub fn new(Merged { values: settings, wrong_keys: problems }: Merged) -> Self {
        let data_dir = settings.get("data_dir").and_then(|s| s.value.clone().into_string().ok());
        Self { settings, data_dir: data_dir.unwrap_or_default(), problems, read: BTreeSet::new() }
    }

    pub fn into_problems(self) -> Vec<Problem> {
        self.problems
    }

    /// Keys no section has asked for.
    #[cfg(test)]
    pub fn unread(&self) -> Vec<&String> {
        self.settings.keys().filter(|key| !self.read.contains(*key)).collect()
    }

    /// Notes a problem with the value of `key`, naming the layer it came from.
    pub fn problem(&mut self, key: &str, code: &'static str, detail: impl AsRef<str>) {
        let setting = key.split('[').next().and_then(|key| self.settings.get(key));
        let origin = setting.and_then(|s| s.origin.as_deref()).map(|o| format!(" (from {o})"));
        self.problems.push(Problem::new(
            key,
            code,
            format!("{}{}", detail.as_ref(), origin.unwrap_or_default()),
        ));
    }

    /// Whether a layer above the defaults gave this value.
    pub fn is_given(&self, key: &str) -> bool {
        self.settings.get(key).is_some_and(|s| s.origin.is_some())
    }

    /// The text of `key`, with `{data_dir}` filled in.
    pub fn text(&mut self, key: &str) -> Option<String> {
        self.read.insert(key.to_owned());
        let value = self.settings.get(key).map(|s| s.value.clone());
        match value.map(Value::into_string) {
            Some(Ok(text)) => Some(text.trim().replace("{data_dir}", &self.data_dir)),
            _ => {
                self.problem(key, "not_text", "write it as text in quotes");
                None
            }
        }
    }

    /// As [`Self::text`], and not empty.
    pub fn filled(&mut self, key: &str) -> Option<String> {
        let text = self.text(key)?;
        if text.is_empty() {
            self.problem(key, "empty", "this setting can't be empty");
            return None;
        }
        Some(text)
    }

    pub fn path(&mut self, key: &str) -> Option<PathBuf> {
        self.filled(key).map(PathBuf::from)
    }

    /// The text of `key` as `parse` understands it; its error is the problem's detail.
    pub fn parsed<T>(&mut self, key: &str, parse: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        let text = self.text(key)?;
        match parse(&text) {
            Ok(value) => Some(value),
            Err(detail) => {
                self.problem(key, "invalid", detail);
                None
            }
        }
    }

    pub fn number(&mut self, key: &str, range: RangeInclusive<u32>) -> Option<u32> {
        self.parsed(key, |text| number_in(text, &range))
    }

    pub fn switch(&mut self, key: &str) -> Option<bool> {
        self.parsed(key, |text| match text {
            "true" => Ok(true),
            "false" => Ok(false),
            other => Err(format!("\"{other}\" is neither true nor false")),
        })
    }

    /// One of a few words.
    pub fn choice<T: Copy>(&mut self, key: &str, choices: &[(&str, T)]) -> Option<T> {
        self.parsed(key, |text| {
            if let Some((_, value)) = choices.iter().find(|(word, _)| *word == text) {
                return Ok(*value);
            }
            let words: Vec<_> = choices.iter().map(|(word, _)| *word).collect();
            let hint = nearest(text, words.iter().copied()).map(|w| format!("; did you mean {w}?"));
            Err(format!("\"{text}\" is none of {}{}", words.join(", "), hint.unwrap_or_default()))
        })
    }

    /// A value that may instead stand in the file that `<key>_file` names; the file wins over the default.
    pub fn text_or_file(&mut self, key: &str) -> Option<String> {
        let file_key = format!("{key}_file");
        let text = self.text(key);
        let file = self.text(&file_key)?;
        if file.is_empty() {
            return text;
        }
        if self.is_given(key) {
            self.problem(&file_key, "given_twice", format!("{key} is set too; leave out one of the two"));
            return None;
        }
        self.contents(&file_key, &file)
    }

    /// The trimmed text of a file with a secret; the problem never shows it.
    pub fn contents(&mut self, key: &str, file: &str) -> Option<String> {
        match std::fs::read_to_string(file) {
            Ok(text) => Some(text.trim().to_owned()),
            Err(e) => {
                self.problem(key, "unreadable_file", format!("{file} can't be read: {e}"));
                None
            }
        }
    }

    /// The tables of a list.
    pub fn tables(&mut self, key: &str) -> Option<Vec<Map<String, Value>>> {
        self.read.insert(key.to_owned());
        let value = self.settings.get(key).map(|s| s.value.clone());
        let tables = value.and_then(|v| v.into_array().ok()).and_then(|elements| {
            elements.into_iter().map(|e| e.into_table().ok()).collect::<Option<Vec<_>>>()
        });
        if tables.is_none() {
            self.problem(
                key,
                "not_a_list",
                "write a list of tables such as [{ url = \"smtp://127.0.0.1:2525\" }]",
            );
        }
        tables
    }
}

/// A whole number within `range`, or what is wrong with it.
pub fn number_in(text: &str, range: &RangeInclusive<u32>) -> Result<u32, String> {
    let (least, most) = (range.start(), range.end());
    match text.parse::<u32>() {
        Ok(n) if range.contains(&n) => Ok(n),
        _ => Err(format!("\"{text}\" is no whole number from {least} to {most}")),
    }
}
