//! The real binary, run in a folder of its own: what it printed, and how it ended.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A folder with a book in it, gone when this value is dropped.
pub struct Home {
    folder: tempfile::TempDir,
}

/// What a command came to.
#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    /// The JSON on stdout, which must be nothing else.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|e| panic!("stdout isn't JSON alone: {e}\n{}\n{}", self.stdout, self.stderr))
    }

    /// Asserts the exit code, showing everything where it is another.
    #[track_caller]
    pub fn ended(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }
}

impl Home {
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a temporary folder can be made") }
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file and gives its name.
    pub fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().expect("inside the folder")).expect("folders can be made");
        std::fs::write(&path, text).expect("files can be written");
        PathBuf::from(name)
    }

    /// Runs `kinkeeper` with these arguments, without a terminal.
    pub fn run(&self, args: &[&str]) -> Ran {
        let output = Command::new(env!("CARGO_BIN_EXE_kinkeeper"))
            .args(args)
            .current_dir(self.path())
            .env_clear()
            .env("USER", "tester")
            .env("KINKEEPER__SHOP__LOCALE", "en")
            .stdin(std::process::Stdio::null())
            .output()
            .expect("the binary runs");
        Ran {
            code: output.status.code().expect("it wasn't killed"),
            stdout: String::from_utf8(output.stdout).expect("UTF-8"),
            stderr: String::from_utf8(output.stderr).expect("UTF-8"),
        }
    }
}
