//! The real binary as a daemon: started on a free port of its own choice, asked whether it is ready, killed or
//! told to stop. What it should have done meanwhile is for the tests to say.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// Longest wait for anything a sound daemon does at once.
const LIMIT: Duration = Duration::from_secs(60);
/// Between two looks at something that has to come.
const LOOK: Duration = Duration::from_millis(10);

/// `kinkeeper` with the settings of one book.
pub struct Binary {
    folder: PathBuf,
    settings: Vec<String>,
}

/// A running `kinkeeper serve`; killed when dropped.
pub struct Daemon {
    process: Child,
    /// Held open: the daemon prints hints after its address.
    out: BufReader<ChildStdout>,
    log: PathBuf,
}

impl Binary {
    /// On the book at `url`, with its files in `folder` and `overrides` as after `--set`.
    pub fn new(folder: &Path, url: &str, overrides: &[&str]) -> Self {
        let mut settings = vec![
            format!("data_dir={}", folder.join("data").display()),
            format!("database.url={url}"),
            "http.listen=127.0.0.1:0".to_owned(),
        ];
        settings.extend(overrides.iter().map(|&setting| setting.to_owned()));
        Self { folder: folder.to_owned(), settings }
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kinkeeper"));
        command.current_dir(&self.folder).env_clear().env("USER", "tester").stdin(Stdio::null());
        for setting in &self.settings {
            command.args(["--set", setting]);
        }
        command.args(args);
        command
    }

    /// Runs a command that ends by itself, and well; gives its stdout.
    #[track_caller]
    pub fn run(&self, args: &[&str]) -> String {
        let output = self.command(args).output().expect("the binary runs");
        assert!(output.status.success(), "{args:?}:\n{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("UTF-8")
    }

    /// Starts `serve`; it may take a while until it listens.
    pub fn serve(&self) -> Daemon {
        let log = self.folder.join("serve.log");
        let stderr = File::create(&log).expect("a log in a temporary folder");
        let mut process = self
            .command(&["serve"])
            .stdout(Stdio::piped())
            .stderr(stderr)
            .spawn()
            .expect("the binary starts");
        let out = BufReader::new(process.stdout.take().expect("piped"));
        Daemon { process, out, log }
    }
}

impl Daemon {
    /// Waits until it says that it is ready, and gives its address as `http://…`.
    pub async fn ready(&mut self) -> String {
        let mut line = String::new();
        // Ends at the latest with the process, which closes its stdout.
        while !line.contains("listening on ") {
            line.clear();
            let read = tokio::task::block_in_place(|| self.out.read_line(&mut line)).expect("text");
            assert!(read > 0, "it ended by itself:\n{}", self.log());
        }
        let address = line.split_whitespace().last().expect("the address ends the line").to_owned();
        let http = local_client();
        let asked = format!("{address}/readyz");
        wait_until("/readyz to say yes", async || {
            http.get(&asked).send().await.is_ok_and(|answer| answer.status().is_success())
        })
        .await;
        address
    }

    /// SIGKILL: it ends without another word.
    pub fn kill(mut self) {
        assert!(self.process.try_wait().expect("a child").is_none(), "it ended by itself:\n{}", self.log());
        self.process.kill().expect("SIGKILL");
        self.process.wait().expect("it was ours");
    }

    /// SIGTERM, and how it then ended.
    pub async fn stop(mut self) -> ExitStatus {
        let told = Command::new("kill").arg(self.process.id().to_string()).status().expect("kill runs");
        assert!(told.success(), "it had ended by itself:\n{}", self.log());
        wait_until("the daemon to stop", async || self.process.try_wait().expect("a child").is_some()).await;
        self.process.wait().expect("it was ours")
    }

    /// What it wrote to stderr.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // A test that failed halfway; else it has ended, and neither call does anything.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// For daemons of this machine: past whatever proxy the environment names, and never waiting for ever.
pub fn local_client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().timeout(LIMIT).build().expect("a client")
}

/// Looks again and again until `there` is, a minute at most.
pub async fn wait_until(what: &str, mut there: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !there().await {
        assert!(begun.elapsed() < LIMIT, "waited {LIMIT:?} for {what}");
        tokio::time::sleep(LOOK).await;
    }
}
