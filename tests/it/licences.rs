//! What is linked into the program: licences, banned crates and sources, by deny.toml, without network.
//!
//! cargo-deny does the same and more (advisories); this test is there so that nobody needs it installed.

use config::{Config, File, FileFormat, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

/// The rules of deny.toml that need no network.
struct Policy {
    licences: BTreeSet<String>,
    banned: BTreeMap<String, String>,
    registries: Vec<String>,
}

impl Policy {
    fn read() -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("deny.toml");
        let file = Config::builder()
            .add_source(File::from_str(&read(&path), FileFormat::Toml))
            .build()
            .expect("deny.toml is TOML");
        let texts = |key: &str| file.get::<Vec<String>>(key).unwrap_or_else(|e| panic!("deny.toml: {e}"));
        let banned = file.get_array("bans.deny").expect("deny.toml lists bans");
        Self {
            licences: texts("licenses.allow").into_iter().collect(),
            banned: banned.into_iter().map(ban).collect(),
            registries: texts("sources.allow-registry"),
        }
    }

    fn problem_with(&self, name: &str, source: Option<&str>) -> Option<String> {
        if let Some(reason) = self.banned.get(name) {
            return Some(format!("{name} is banned: {reason}"));
        }
        match source.map(|s| s.strip_prefix("registry+").unwrap_or(s)) {
            None => None,
            Some(registry) if self.registries.iter().any(|r| r == registry) => None,
            Some(other) => Some(format!("{name} comes from {other}, which isn't an allowed source")),
        }
    }
}

fn ban(value: Value) -> (String, String) {
    let table = value.into_table().expect("a ban is a table");
    let text = |key: &str| table.get(key).map(ToString::to_string).unwrap_or_default();
    (text("crate"), text("reason"))
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Whether an SPDX expression can be satisfied by licences that `allowed` says yes to. `/`, as old manifests
/// write it, is OR; an exception after WITH only widens what the licence permits.
fn satisfied(expression: &str, allowed: &dyn Fn(&str) -> bool) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut at = 0;
    let met = any_of(&words, &mut at, allowed);
    met && at == words.len()
}

fn any_of(words: &[&str], at: &mut usize, allowed: &dyn Fn(&str) -> bool) -> bool {
    let mut met = all_of(words, at, allowed);
    while words.get(*at) == Some(&"OR") {
        *at += 1;
        met |= all_of(words, at, allowed);
    }
    met
}

fn all_of(words: &[&str], at: &mut usize, allowed: &dyn Fn(&str) -> bool) -> bool {
    let mut met = one(words, at, allowed);
    while words.get(*at) == Some(&"AND") {
        *at += 1;
        met &= one(words, at, allowed);
    }
    met
}

fn one(words: &[&str], at: &mut usize, allowed: &dyn Fn(&str) -> bool) -> bool {
    let Some(word) = words.get(*at) else { return false };
    *at += 1;
    if *word == "(" {
        let met = any_of(words, at, allowed);
        *at += 1;
        return met;
    }
    if words.get(*at) == Some(&"WITH") {
        *at += 2;
    }
    allowed(word)
}

/// Name and source of each locked package, for every platform.
fn locked(text: &str) -> Vec<(String, Option<String>)> {
    text.split("[[package]]")
        .skip(1)
        .map(|package| {
            let field = |key: &str| {
                let line = package.lines().find_map(|line| line.strip_prefix(key))?;
                Some(line.trim_matches('"').to_owned())
            };
            (field("name = ").expect("a package has a name"), field("source = "))
        })
        .collect()
}

#[test]
fn no_locked_crate_is_banned_or_from_elsewhere() {
    let policy = Policy::read();
    let locked = locked(&read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.lock")));
    assert!(locked.len() > 100, "Cargo.lock wasn't understood");
    let found: Vec<_> =
        locked.iter().filter_map(|(name, source)| policy.problem_with(name, source.as_deref())).collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn every_linked_crate_has_a_permissive_licence() {
    let policy = Policy::read();
    let allowed = |id: &str| policy.licences.contains(id);
    let packages = metadata();
    assert!(packages.len() > 100, "cargo metadata wasn't understood");
    let found: Vec<_> = packages
        .iter()
        .filter(|(_, licence)| !licence.as_deref().is_some_and(|l| satisfied(l, &allowed)))
        .map(|(name, licence)| format!("{name}: {}", licence.as_deref().unwrap_or("says no licence")))
        .collect();
    assert!(found.is_empty(), "not allowed by deny.toml:\n{}", found.join("\n"));
}

/// Name with version, and licence, of every package that is built on this platform.
fn metadata() -> Vec<(String, Option<String>)> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let host = Command::new("rustc").arg("-vV").output().expect("rustc runs").stdout;
    let host = String::from_utf8(host).expect("rustc speaks UTF-8");
    let host = host.lines().find_map(|line| line.strip_prefix("host: ")).expect("rustc names its host");
    let out = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--locked", "--offline", "--filter-platform", host])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    assert!(out.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&out.stderr));
    let read: serde_json::Value = serde_json::from_slice(&out.stdout).expect("cargo metadata gives JSON");
    let text = |package: &serde_json::Value, key: &str| package[key].as_str().map(str::to_owned);
    read["packages"]
        .as_array()
        .expect("packages is a list")
        .iter()
        .map(|p| {
            let name =
                format!("{} {}", p["name"].as_str().unwrap_or("?"), p["version"].as_str().unwrap_or("?"));
            (name, text(p, "license"))
        })
        .collect()
}

#[test]
fn expressions_are_read_as_spdx_means_them() {
    let allowed = |id: &str| matches!(id, "MIT" | "Apache-2.0" | "Unicode-3.0");
    for good in [
        "MIT",
        "MIT OR GPL-3.0-only",
        "GPL-3.0-only/MIT",
        "(MIT OR GPL-2.0-only) AND Unicode-3.0",
        "Apache-2.0 WITH LLVM-exception",
        "MIT AND Apache-2.0 OR GPL-3.0-only",
    ] {
        assert!(satisfied(good, &allowed), "{good}");
    }
    for bad in
        ["GPL-3.0-only", "MIT AND GPL-3.0-only", "(MIT OR MIT) AND AGPL-3.0-only", "", "MIT MIT", "MIT AND"]
    {
        assert!(!satisfied(bad, &allowed), "{bad}");
    }
}

#[test]
fn a_planted_ban_and_a_foreign_source_are_seen() {
    let policy = Policy::read();
    let lock = "[[package]]\nname = \"openssl-sys\"\n[[package]]\nname = \"x\"\nsource = \"git+https://a/b\"\n\
                [[package]]\nname = \"ours\"\n";
    let found: Vec<_> = locked(lock)
        .iter()
        .filter_map(|(name, source)| policy.problem_with(name, source.as_deref()))
        .collect();
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(!policy.licences.contains("GPL-3.0-only"));
}

/// The names under `[dependencies]` and `[dev-dependencies]` of a manifest.
fn direct(manifest: &str) -> BTreeSet<String> {
    let mut named = BTreeSet::new();
    let mut inside = false;
    for line in manifest.lines() {
        if line.starts_with('[') {
            inside = matches!(line, "[dependencies]" | "[dev-dependencies]");
        } else if inside && line.contains('=') && !line.starts_with('#') {
            named.insert(line.split(['.', ' ', '=']).next().unwrap_or_default().to_owned());
        }
    }
    named
}

#[test]
fn every_direct_dependency_has_its_reason() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = read(&root.join("docs/adr/dependencies.md"));
    let cells = page.lines().filter_map(|line| line.strip_prefix("| ")?.split(" | ").next());
    let explained: BTreeSet<&str> = cells.flat_map(|cell| cell.split(", ")).collect();
    let own = ["domain", "entity", "migration"];
    let mut used = BTreeSet::new();
    for manifest in ["Cargo.toml", "domain/Cargo.toml", "entity/Cargo.toml", "migration/Cargo.toml"] {
        used.extend(direct(&read(&root.join(manifest))));
    }
    let silent: Vec<_> =
        used.iter().filter(|n| !own.contains(&n.as_str()) && !explained.contains(n.as_str())).collect();
    assert!(silent.is_empty(), "docs/adr/dependencies.md doesn't say why there is {silent:?}");
    let stale: Vec<_> =
        explained.iter().filter(|n| !["crate", "---"].contains(n) && !used.contains(**n)).collect();
    assert!(stale.is_empty(), "docs/adr/dependencies.md explains what nobody uses: {stale:?}");
}
