//! The shipped mapping profiles, a person's own (`--map`), and which one a file is read by.

use super::reading::Broken;
use domain::import::{Kind, Profile, Table, best, named};
use domain::problem::Problem;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

/// The profile of our own column names.
pub(super) const GENERIC: &str = "generic";

/// Which profile a file is read by.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Choice {
    /// The one that fits the header, else the generic one.
    #[default]
    Detect,
    /// `--profile`.
    Named(String),
    /// `--map`: a profile document of one's own.
    Map(PathBuf),
}

const TEXTS: [(&str, &str); 6] = [
    ("generic", include_str!("../../../config/imports/generic.yaml")),
    ("taobao", include_str!("../../../config/imports/taobao.yaml")),
    ("jd", include_str!("../../../config/imports/jd.yaml")),
    ("shopify", include_str!("../../../config/imports/shopify.yaml")),
    ("douyin", include_str!("../../../config/imports/douyin.yaml")),
    ("pdd", include_str!("../../../config/imports/pdd.yaml")),
];

static SHIPPED: LazyLock<Vec<Profile>> = LazyLock::new(|| {
    let parsed = TEXTS.iter().map(|(name, text)| {
        let document: Value = serde_saphyr::from_str(text).expect("a test reads every shipped profile");
        let profile = Profile::parse(&document).expect("a test reads every shipped profile");
        assert_eq!(profile.name, *name, "a profile is named like its file");
        profile
    });
    parsed.collect()
});

/// The shipped profiles, the generic one first.
pub fn shipped() -> &'static [Profile] {
    &SHIPPED
}

/// Most bytes of a mapping; people write them.
const LARGEST_MAP: u64 = 256 * 1024;

/// A profile document from a file.
fn read_map(path: &Path) -> Result<Profile, Broken> {
    let shown = path.display().to_string();
    let cannot = |detail: String| Broken::file(shown.clone(), "cannot_read", detail);
    if path.metadata().map_err(|e| cannot(e.to_string()))?.len() > LARGEST_MAP {
        return Err(cannot("a mapping has at most 256 KiB".to_owned()));
    }
    let text = std::fs::read_to_string(path).map_err(|e| cannot(e.to_string()))?;
    let document: Value = serde_saphyr::from_str(&text).map_err(|e| {
        let at = e.location().map_or_else(String::new, |at| format!(":{}:{}", at.line(), at.column()));
        let detail = format!("this isn't readable as YAML: {}", e.without_snippet());
        Broken::file(format!("{shown}{at}"), "not_yaml", detail)
    })?;
    Profile::parse(&document).map_err(|problems| {
        Broken::File(
            problems.into_iter().map(|p| Problem { at: format!("{shown}, {}", p.at), ..p }).collect(),
        )
    })
}

/// A profile that was asked for, before the file is looked at.
pub(super) fn asked(choice: &Choice) -> Result<Option<Profile>, Broken> {
    match choice {
        Choice::Detect => Ok(None),
        Choice::Named(name) => {
            named(shipped(), name).map(|found| Some(found.clone())).map_err(|p| Broken::File(vec![p]))
        }
        Choice::Map(path) => read_map(path).map(Some),
    }
}

/// The profile and table that a file of this kind with this header is read by.
pub(super) fn choose(
    asked: Option<Profile>,
    kind: Kind,
    header: &[String],
) -> Result<(Profile, Table), Broken> {
    let generic = || shipped().iter().find(|profile| profile.name == GENERIC).expect("shipped");
    let Some(profile) = asked else {
        if let Some(fit) = best(shipped(), kind, header) {
            return Ok((fit.profile.clone(), fit.table.clone()));
        }
        let table = generic().table(kind).next().expect("the generic profile has every kind of table");
        return Ok((generic().clone(), table.clone()));
    };
    let mut tables: Vec<&Table> = profile.table(kind).collect();
    let own = std::slice::from_ref(&profile);
    let table = match best(own, kind, header) {
        Some(fit) => fit.table.clone(),
        None if tables.len() == 1 => tables.remove(0).clone(),
        None if tables.is_empty() => {
            let has: Vec<&str> = profile.tables.iter().map(|table| table.kind.as_str()).collect();
            let detail = format!(
                "the profile {} has no table of {}; it has {}",
                profile.name,
                kind.as_str(),
                has.join(", ")
            );
            return Err(Broken::file("--profile", "no_table", detail));
        }
        None => {
            let needs: Vec<String> = tables.iter().map(|table| table.needs.join(", ")).collect();
            let detail = format!(
                "the profile {} knows these files of {} by their columns: {}; this one has none of them",
                profile.name,
                kind.as_str(),
                needs.join("; or ")
            );
            return Err(Broken::file("--profile", "no_table", detail));
        }
    };
    Ok((profile, table))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shipped_profile_can_be_read() {
        for (name, text) in TEXTS {
            let document: Value = serde_saphyr::from_str(text).expect("YAML");
            let profile = Profile::parse(&document).unwrap_or_else(|p| panic!("{name}: {p:#?}"));
            assert_eq!(profile.name, name);
        }
        assert_eq!(shipped()[0].tables.len(), 5, "every kind of table");
    }

    #[test]
    fn no_two_shipped_tables_are_told_by_the_same_columns() {
        for profile in &shipped()[1..] {
            for table in &profile.tables {
                let header: Vec<String> = table
                    .needs
                    .iter()
                    .chain(table.columns.values().filter_map(|names| names.first()))
                    .cloned()
                    .collect();
                let fit = best(shipped(), table.kind, &header).expect("fits");
                assert_eq!((&fit.profile.name, &fit.table.title), (&profile.name, &table.title));
            }
        }
    }
}
