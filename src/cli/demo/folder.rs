//! The demo's own folder: made anew each time, and never anybody else's.

use crate::service::ServiceError;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Says that the demo made this folder and may remove it.
const MARK: &str = ".made-by-kinkeeper-demo";

/// Makes the folder anew, but for `kept`, the lock that the caller takes with `lock` before anything is removed: a
/// book that somebody works on is left alone. A folder that isn't the demo's is refused and left as it is.
pub fn make<L>(
    folder: &Path,
    kept: Option<&Path>,
    lock: impl FnOnce() -> Result<L, ServiceError>,
) -> Result<L, ServiceError> {
    let failed = |e: std::io::Error| ServiceError::Internal(format!("{}: {e}", folder.display()));
    if folder.exists() {
        let empty = fs::read_dir(folder).map_err(failed)?.next().is_none();
        if !empty && !folder.join(MARK).is_file() {
            return Err(ServiceError::Conflict(format!(
                "{} exists and wasn't made by the demo; move it away, or name another folder with --set data_dir=FOLDER",
                folder.display()
            )));
        }
    }
    fs::create_dir_all(folder).map_err(failed)?;
    let lock = lock()?;
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if Some(path.as_path()) == kept {
            continue;
        }
        let removed = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
        removed.map_err(failed)?;
    }
    fs::write(folder.join(MARK), "This folder is made anew by every `kinkeeper demo`.\n").map_err(failed)?;
    Ok(lock)
}

/// Whether an interrupted run can go on here.
pub fn is_ours(folder: &Path) -> bool {
    folder.join(MARK).is_file()
}

/// Writes the settings the demo runs under, so that other commands find the same book with `--config`.
/// `settings` are `key=value` as flags give them; the clock is left out, since the book knows its own.
pub fn write_config(folder: &Path, settings: &[String]) -> Result<PathBuf, ServiceError> {
    let mut text =
        String::from("# Written by `kinkeeper demo`; commands on its book take --config with this file.\n");
    // A flag goes over what the demo sets by itself, and TOML takes each key once.
    let pairs = settings.iter().filter_map(|setting| setting.split_once('='));
    let last: BTreeMap<&str, &str> = pairs.map(|(key, value)| (key.trim(), value)).collect();
    for (key, value) in last.into_iter().filter(|(key, _)| *key != "clock") {
        text.push_str(&format!("{key} = {}\n", toml_value(value)));
    }
    let path = folder.join("kinkeeper.toml");
    fs::write(&path, text).map_err(|e| ServiceError::Internal(format!("{}: {e}", path.display())))?;
    Ok(path)
}

fn toml_value(text: &str) -> String {
    let bare =
        text.parse::<i64>().is_ok() || matches!(text, "true" | "false") || text.starts_with(['[', '{']);
    if bare { text.to_owned() } else { format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_of_somebody_else_is_left_alone() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("data");
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("thesis.txt"), "years of work").unwrap();
        assert!(matches!(make(&folder, None, || Ok(())), Err(ServiceError::Conflict(_))));
        assert_eq!(fs::read_to_string(folder.join("thesis.txt")).unwrap(), "years of work");
    }

    #[test]
    fn the_demos_own_folder_is_made_anew() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("data/demo");
        make(&folder, None, || Ok(())).unwrap();
        fs::write(folder.join("old.db"), "old").unwrap();
        fs::create_dir(folder.join("mail")).unwrap();
        let lock = folder.join("old.db.lock");
        fs::write(&lock, "").unwrap();
        make(&folder, Some(&lock), || Ok(())).unwrap();
        assert!(!folder.join("old.db").exists() && !folder.join("mail").exists());
        assert!(lock.exists() && is_ours(&folder));
    }

    #[test]
    fn a_book_that_somebody_works_on_is_left_alone() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("data/demo");
        make(&folder, None, || Ok(())).unwrap();
        fs::write(folder.join("old.db"), "in use").unwrap();
        let busy = || Err::<(), _>(ServiceError::Conflict("another kinkeeper works on it".to_owned()));
        assert!(matches!(make(&folder, None, busy), Err(ServiceError::Conflict(_))));
        assert!(folder.join("old.db").exists());
    }

    #[test]
    fn the_settings_are_valid_toml_without_the_clock() {
        let root = tempfile::tempdir().unwrap();
        let settings = [
            "clock=2011-11-30T23:00:00Z",
            "shop.name=Online Retail (demo)",
            "workers.lease_seconds=2",
            "shop.name=Giles \"G\" & Co",
        ];
        let path = write_config(root.path(), &settings.map(str::to_owned)).unwrap();
        let text = fs::read_to_string(path).unwrap();
        assert!(
            text.ends_with("shop.name = \"Giles \\\"G\\\" & Co\"\nworkers.lease_seconds = 2\n"),
            "{text}"
        );
        assert!(!text.contains("clock ="));
    }
}
