//! The real binary as a daemon: started on a free port of its own choice, asked whether it is ready, killed or
//! told to stop. What it should have done meanwhile is for the tests to say.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// Longest wait for anything a sound daemon does at once.
const LIMIT: Duration = Duration::from_secs(60);
/// Between two looks at something that has to come.
const LOOK: Duration = Duration::from_millis(10);

/// `kinkeeper` with the settings of one book.
pub struct Binary {
    folder: PathBuf,
    settings: Vec<String>,
    /// Processes begun so far; each has a log of its own.
    begun: AtomicU32,
}

/// A process under way; killed when dropped.
pub struct Running {
    process: Child,
    log: PathBuf,
}

/// A running `kinkeeper serve`; killed when dropped.
pub struct Daemon {
    running: Running,
    /// Held open: the daemon prints hints after its address.
    out: BufReader<ChildStdout>,
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
        Self { folder: folder.to_owned(), settings, begun: AtomicU32::new(0) }
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

    /// Starts a command that may take a while; its stdout is nobody's.
    pub fn begin(&self, args: &[&str]) -> Running {
        self.spawn(args, Stdio::null())
    }

    /// Starts `serve`; it may take a while until it listens.
    pub fn serve(&self) -> Daemon {
        let mut running = self.spawn(&["serve"], Stdio::piped());
        let out = BufReader::new(running.process.stdout.take().expect("piped"));
        Daemon { running, out }
    }

    fn spawn(&self, args: &[&str], stdout: Stdio) -> Running {
        let log = self.folder.join(format!("{}-{}.log", args[0], self.begun.fetch_add(1, Ordering::Relaxed)));
        let stderr = File::create(&log).expect("a log in a temporary folder");
        let process = self.command(args).stdout(stdout).stderr(stderr).spawn().expect("the binary starts");
        Running { process, log }
    }
}

impl Running {
    /// How it ended, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.process.try_wait().expect("a child")
    }

    /// SIGKILL: it ends without another word; gives how it ended, for it may have been faster.
    pub fn kill(mut self) -> ExitStatus {
        self.process.kill().expect("SIGKILL");
        self.process.wait().expect("it was ours")
    }

    /// What it wrote to stderr.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // A test that failed halfway; else it has ended, and neither call does anything.
        let _ = self.process.kill();
        let _ = self.process.wait();
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
        assert!(self.running.ended().is_none(), "it ended by itself:\n{}", self.log());
        self.running.kill();
    }

    /// SIGTERM, and how it then ended.
    pub async fn stop(self) -> ExitStatus {
        self.signal("TERM");
        self.end().await.0
    }

    /// Waits until it ends; how it did, and what it wrote to stderr.
    pub async fn end(mut self) -> (ExitStatus, String) {
        wait_until("the daemon to stop", async || self.running.ended().is_some()).await;
        (self.running.ended().expect("it has"), self.log())
    }

    /// Sends a signal by its name: `TERM`, `STOP`, `CONT`.
    pub fn signal(&self, name: &str) {
        let id = self.running.process.id().to_string();
        let told = Command::new("kill").args(["-s", name, &id]).status().expect("kill runs");
        assert!(told.success(), "it had ended by itself:\n{}", self.log());
    }

    /// What it wrote to stderr.
    pub fn log(&self) -> String {
        self.running.log()
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
