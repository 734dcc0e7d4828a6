//! The rules of ARCHITECTURE.md as functions over the files: each gives one line per violation.

use super::imports::{crate_named, rooms_named};
use super::source::{Source, code_of};
use std::collections::{BTreeMap, BTreeSet};

/// The rooms of `src/` and how high each lies: a room names rooms of its own height or below.
const ROOMS: [(&str, u8); 14] = [
    ("main", 6),
    ("lib", 6),
    ("cli", 5),
    ("app", 4),
    ("http", 4),
    ("console", 4),
    ("forecast", 4),
    ("worker", 3),
    ("service", 3),
    ("store", 2),
    ("delivery", 2),
    ("settings", 1),
    ("system", 1),
    ("telemetry", 1),
];

/// What the heights alone would allow.
const NEVER: [(&str, &str); 6] = [
    ("http", "store"),
    ("http", "delivery"),
    ("console", "store"),
    ("console", "delivery"),
    ("http", "console"),
    ("console", "http"),
];

const MOST_LINES: usize = 600;

/// Everything that reaches outside the process, waits, or reads a clock, as it is written in code.
const IMPURE: [&str; 12] = [
    "std::fs",
    "std::net",
    "std::process",
    "std::env",
    "std::thread",
    "std::io",
    "std::time::Instant",
    "SystemTime",
    "Utc::now",
    "Local::now",
    "async ",
    ".await",
];

/// The crates the domain may stand on: none of them does input or output.
const PURE_CRATES: [&str; 16] = [
    "chrono",
    "chrono-tz",
    "domain",
    "hmac",
    "icu_calendar",
    "icu_casemap",
    "libm",
    "minijinja",
    "regex",
    "serde",
    "serde_json",
    "sha2",
    "subtle",
    "thiserror",
    "unicode-normalization",
    "chacha20poly1305",
];

fn height(room: &str) -> Option<u8> {
    ROOMS.iter().find(|(name, _)| *name == room).map(|(_, h)| *h)
}

/// All violations of all rules.
pub fn violations(files: &[Source]) -> Vec<String> {
    let mut found = Vec::new();
    for file in files {
        found.extend(text_rules(file));
        if file.is_rust() {
            found.extend(shape_rules(file));
            found.extend(direction_rules(file));
            found.extend(purity_rules(file));
        } else if file.path == "domain/Cargo.toml" {
            found.extend(pure_dependencies(file));
        }
    }
    found.extend(circles(files));
    found
}

/// Nothing written here may know the machine it was written on.
fn text_rules(file: &Source) -> Vec<String> {
    const WRITTEN: [&str; 13] =
        ["rs", "toml", "md", "yaml", "yml", "sh", "html", "css", "js", "sql", "py", "json", "txt"];
    let extension = file.path.rsplit('.').next().unwrap_or_default();
    if !(WRITTEN.contains(&extension) || file.text.starts_with("#!")) {
        return Vec::new();
    }
    let homes = [concat!("/ho", "me/"), concat!("/Us", "ers/"), concat!("/ro", "ot/"), concat!("/wo", "rk/")];
    let absolute = |line: &str, home: &str| {
        line.match_indices(home).any(|(at, _)| {
            !line[..at].ends_with(|c: char| c.is_alphanumeric() || matches!(c, '.' | '}' | '_' | '-' | '*'))
        })
    };
    let mut found = Vec::new();
    for (n, line) in file.text.lines().enumerate() {
        for home in homes.iter().filter(|home| absolute(line, home)) {
            found.push(format!("{}:{}: names a folder of one machine ({home}…)", file.path, n + 1));
        }
    }
    found
}

fn shape_rules(file: &Source) -> Vec<String> {
    let path = &file.path;
    let mut found = Vec::new();
    if !file.text.starts_with("//!") {
        found.push(format!("{path}:1: begins without a `//!` that says what lives here and what must not"));
    }
    let lines = file.text.lines().count();
    if lines > MOST_LINES {
        found.push(format!("{path}: {lines} lines; split it, {MOST_LINES} is the most"));
    }
    let banned =
        |word: &str| ["helper", "helpers", "util", "utils", "common", "manager", "managers"].contains(&word);
    for part in path.trim_end_matches(".rs").split('/') {
        if part.split(['_', '-']).any(banned) {
            found.push(format!("{path}: `{part}` says nothing; name the file for what it decides or does"));
        }
    }
    let may_allow = ["src/system", "src/store/", "tests/"].iter().any(|place| path.starts_with(place));
    for (n, line) in code_of(&file.text).lines().enumerate() {
        if line.contains("disallowed_methods") && !may_allow {
            found.push(format!(
                "{path}:{}: lifts clippy's bans; only src/system (clock, randomness) and src/store (transactions) may",
                n + 1
            ));
        }
    }
    found
}

fn direction_rules(file: &Source) -> Vec<String> {
    let mut found = Vec::new();
    let path = &file.path;
    let database_allowed = matches!(file.top(), "tests" | "benches" | "entity" | "migration")
        || file.room() == Some("store")
        || path.contains("/tests/");
    if !database_allowed {
        for m in crate_named(file, &["sea_orm", "sea_orm_migration", "sea_query", "sqlx", "entity"]) {
            found.push(format!("{path}:{}: names `{}`; only src/store does", m.line, m.name));
        }
    }
    if file.top() == "migration" {
        for m in crate_named(file, &["entity"]) {
            found.push(format!("{path}:{}: a migration never names `entity`, which moves on", m.line));
        }
    }
    let Some(room) = file.room() else { return found };
    let Some(own) = height(room) else {
        found.push(format!("{path}: `{room}` is no room of ARCHITECTURE.md"));
        return found;
    };
    for m in rooms_named(file) {
        let Some(other) = height(&m.name) else { continue };
        if other > own {
            found.push(format!("{path}:{}: {room} names {}, which lies above it", m.line, m.name));
        } else if NEVER.contains(&(room, m.name.as_str())) {
            found.push(format!("{path}:{}: {room} must not name {}", m.line, m.name));
        }
    }
    found
}

/// The domain decides; it neither reads nor writes nor waits. Its tests may read files of samples.
fn purity_rules(file: &Source) -> Vec<String> {
    if !file.path.starts_with("domain/src/") {
        return Vec::new();
    }
    let code = code_of(&file.text);
    let code = code.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
    let mut found = Vec::new();
    for (n, line) in code.lines().enumerate() {
        for word in IMPURE.iter().filter(|word| line.contains(**word)) {
            found.push(format!("{}:{}: `{}` in the pure crate", file.path, n + 1, word.trim()));
        }
    }
    found
}

fn pure_dependencies(file: &Source) -> Vec<String> {
    let mut section = "";
    let mut found = Vec::new();
    for (n, line) in file.text.lines().enumerate() {
        if line.starts_with('[') {
            section = line.trim();
        } else if section == "[dependencies]" {
            let name = line.split(['.', '=', ' ']).next().unwrap_or_default();
            if !name.is_empty() && !name.starts_with('#') && !PURE_CRATES.contains(&name) {
                found.push(format!(
                    "{}:{}: `{name}` isn't on tidy's list of crates without input or output",
                    file.path,
                    n + 1
                ));
            }
        }
    }
    found
}

/// Two rooms that name each other, over however many between them.
fn circles(files: &[Source]) -> Vec<String> {
    let mut edges: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for file in files.iter().filter(|f| f.is_rust()) {
        let Some(room) = file.room().filter(|room| !matches!(*room, "lib" | "main")) else { continue };
        let named = rooms_named(file).into_iter().map(|m| m.name);
        edges.entry(room).or_default().extend(named.filter(|n| n != room && height(n).is_some()));
    }
    let mut found = Vec::new();
    for start in edges.keys() {
        // Each circle is reported once, from its first room in the alphabet.
        let mut ways = vec![vec![(*start).to_owned()]];
        let mut seen = BTreeSet::new();
        while let Some(way) = ways.pop() {
            let last = way.last().expect("a way begins with a room").clone();
            for next in edges.get(last.as_str()).into_iter().flatten() {
                if next == start {
                    found.push(format!("rooms in a circle: {} → {start}", way.join(" → ")));
                } else if next.as_str() > *start && seen.insert(next.clone()) {
                    ways.push(way.iter().chain([next]).cloned().collect());
                }
            }
        }
    }
    found
}
