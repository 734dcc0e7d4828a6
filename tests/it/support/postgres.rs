//! A throw-away PostgreSQL for the tests: one cluster a test process, one database a test.
//!
//! The cluster is made on first use, in a temporary folder, by the server programs of this machine. A
//! watchdog shell owns the server and holds a pipe to the test process: when that process ends, however it
//! ends, the pipe closes, the server is stopped and the folder removed. Nothing here knows the product's
//! schema; a template database is prepared by the caller's function, once a process.

use std::collections::HashMap;
use std::fs;
use std::future::Future;
use std::io::Write as _;
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

/// The database role every test uses; it may do anything in its own cluster.
const ROLE: &str = "kinkeeper";
/// Folders are called so, then the process they belong to.
const PREFIX: &str = "kinkeeper-pg-";
/// What the server writes to its log once it does.
const READY: &str = "database system is ready to accept connections";
const START_LIMIT: Duration = Duration::from_secs(60);

/// A running server and the ways to make databases in it.
pub struct Cluster {
    programs: PathBuf,
    port: u16,
    folder: PathBuf,
    /// Closing its stdin is what ends the server; a line there stops or starts it.
    watchdog: Mutex<Child>,
    made: AtomicU32,
    templates: tokio::sync::Mutex<HashMap<&'static str, String>>,
}

/// How a server is stopped, as `pg_ctl stop -m` calls it.
#[derive(Debug, Clone, Copy)]
pub enum Stop {
    /// Clients are sent away, and the server ends in order.
    Fast,
    /// As in a crash: the next start recovers from the log.
    Immediate,
}

/// One database of a cluster; dropped with this value.
pub struct Database {
    cluster: &'static Cluster,
    name: String,
}

impl Database {
    /// As `database.url` in the settings.
    pub fn url(&self) -> String {
        self.cluster.url(&self.name)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // A failing drop costs a few megabytes until the process ends, so it fails no test.
        let _ = self.cluster.run("dropdb", &["--force", "--if-exists", &self.name]);
    }
}

/// An empty database in the shared cluster, which loses data if the machine does, in exchange for speed.
pub fn database() -> Database {
    Cluster::shared().database()
}

impl Cluster {
    /// The cluster of all tests that don't crash the server.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Cluster> = OnceLock::new();
        SHARED.get_or_init(|| Self::start("off"))
    }

    /// A cluster that keeps what it committed, for tests that kill the server.
    pub fn durable() -> &'static Self {
        static DURABLE: OnceLock<Cluster> = OnceLock::new();
        DURABLE.get_or_init(|| Self::start("on"))
    }

    /// A cluster that keeps what it committed, for one test that stops the server.
    pub fn own() -> &'static Self {
        Box::leak(Box::new(Self::start("on")))
    }

    pub fn database(&'static self) -> Database {
        self.create(None)
    }

    /// Stops the server; gives once it has ended.
    pub fn stop(&self, how: Stop) {
        let signal = match how {
            Stop::Fast => "INT",
            Stop::Immediate => "QUIT",
        };
        self.tell(signal);
        self.wait_until("the server to end", || self.folder.join("down").exists());
    }

    /// Starts the server again on the same port; gives once it takes connections.
    pub fn start_again(&self) {
        self.tell("start");
        self.wait_until("the server to start again", || {
            !self.folder.join("down").exists() && self.log().contains(READY)
        });
    }

    fn tell(&self, line: &str) {
        let mut watchdog = self.watchdog.lock().expect("not poisoned");
        let told = watchdog.stdin.as_mut().map(|stdin| writeln!(stdin, "{line}"));
        assert!(matches!(told, Some(Ok(()))), "the watchdog is gone");
    }

    fn wait_until(&self, what: &str, there: impl Fn() -> bool) {
        let begun = Instant::now();
        while !there() {
            assert!(begun.elapsed() < START_LIMIT, "waited for {what}:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    /// A copy of the template called `key`, which `prepare` fills (it gets the URL) the first time the key is
    /// asked for in this process.
    pub async fn database_like<F, R>(&'static self, key: &'static str, prepare: F) -> Database
    where
        F: FnOnce(String) -> R,
        R: Future<Output = ()>,
    {
        let mut templates = self.templates.lock().await;
        if !templates.contains_key(key) {
            let name = self.create_named(None);
            prepare(self.url(&name)).await;
            // PostgreSQL copies only what nobody is connected to.
            self.sql(&format!("ALTER DATABASE {name} ALLOW_CONNECTIONS false"));
            self.sql(&format!(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '{name}'"
            ));
            templates.insert(key, name);
        }
        self.create(templates.get(key).map(String::as_str))
    }

    /// Where the cluster lies, as long as this process lives.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// A statement as the cluster's owner, outside every test database.
    pub fn sql(&self, statement: &str) {
        let out = self.run("psql", &["-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", "postgres", "-c", statement]);
        assert!(out.status.success(), "{statement}: {}", String::from_utf8_lossy(&out.stderr));
    }

    fn url(&self, database: &str) -> String {
        format!("postgres://{ROLE}@127.0.0.1:{}/{database}", self.port)
    }

    fn create(&'static self, template: Option<&str>) -> Database {
        Database { cluster: self, name: self.create_named(template) }
    }

    fn create_named(&self, template: Option<&str>) -> String {
        let name = format!("t{}", self.made.fetch_add(1, Ordering::Relaxed));
        let out = self.run("createdb", &["-T", template.unwrap_or("template0"), &name]);
        assert!(out.status.success(), "createdb {name}: {}", String::from_utf8_lossy(&out.stderr));
        name
    }

    fn run(&self, program: &str, arguments: &[&str]) -> Output {
        Command::new(self.programs.join(program))
            .args(["-h", "127.0.0.1", "-U", ROLE, "-p", &self.port.to_string()])
            .args(arguments)
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .output()
            .unwrap_or_else(|e| panic!("{program} doesn't start: {e}"))
    }

    fn start(fsync: &str) -> Self {
        // Between asking for a free port and taking it somebody else may: then all is tried anew.
        let mut log = String::new();
        for _ in 0..3 {
            match Self::try_start(fsync) {
                Ok(cluster) => return cluster,
                Err(why) => log = why,
            }
        }
        panic!("the throw-away PostgreSQL doesn't start:\n{log}");
    }

    fn try_start(fsync: &str) -> Result<Self, String> {
        let programs = programs();
        let base = open_folder();
        sweep(&base);
        let folder = tempfile::Builder::new()
            .prefix(&format!("{PREFIX}{}-", std::process::id()))
            .tempdir_in(base)
            .expect("a temporary folder can be made")
            .keep();
        let user = Unprivileged::beside(&folder);
        init(&programs, &folder, &user);
        let port = free_port();
        let cluster = Self {
            watchdog: Mutex::new(spawn(&programs, &folder, &user, port, fsync)),
            programs,
            port,
            folder,
            made: AtomicU32::new(0),
            templates: tokio::sync::Mutex::default(),
        };
        cluster.wait_until_ready().map(|()| cluster)
    }

    fn wait_until_ready(&self) -> Result<(), String> {
        let begun = Instant::now();
        while begun.elapsed() < START_LIMIT {
            // The server itself says so; asking the port could reach somebody else's.
            let lines = self.log();
            if lines.contains(READY) {
                return Ok(());
            }
            if self.folder.join("ended").exists() {
                return Err(lines);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Err(self.log())
    }
}

/// Whom the server runs as: it refuses to run as root.
struct Unprivileged {
    ids: Option<(u32, u32)>,
}

impl Unprivileged {
    /// Ourselves, unless we are root; then the first of the users made for such work, who also gets `folder`.
    fn beside(folder: &Path) -> Self {
        let own = fs::metadata(folder).expect("the folder was just made").uid();
        if own != 0 {
            return Self { ids: None };
        }
        let ids = ["postgres", "nobody"].iter().find_map(|name| Some((id("-u", name)?, id("-g", name)?)));
        let (uid, gid) = ids.unwrap_or((65_534, 65_534));
        std::os::unix::fs::chown(folder, Some(uid), Some(gid)).expect("root may give a folder away");
        Self { ids: Some((uid, gid)) }
    }

    fn command(&self, program: &Path, folder: &Path) -> Command {
        let mut command = Command::new(program);
        if let Some((uid, gid)) = self.ids {
            command.uid(uid).gid(gid);
        }
        command.current_dir(folder).env_clear().env("LC_ALL", "C").env("TZ", "UTC");
        command.env("PATH", "/usr/local/bin:/usr/bin:/bin");
        command
    }
}

fn id(flag: &str, user: &str) -> Option<u32> {
    let out = Command::new("id").args([flag, user]).output().ok()?;
    String::from_utf8(out.stdout).ok()?.trim().parse().ok()
}

fn init(programs: &Path, folder: &Path, user: &Unprivileged) {
    let out = user
        .command(&programs.join("initdb"), folder)
        .args(["-D", "pg", "-U", ROLE, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"])
        .output()
        .expect("initdb was just found");
    assert!(out.status.success(), "initdb: {}", String::from_utf8_lossy(&out.stderr));
}

/// Starts the server below a shell that ends it as soon as our end of its stdin is closed. A line there names the
/// signal to stop it with, or is `start`.
fn spawn(programs: &Path, folder: &Path, user: &Unprivileged, port: u16, fsync: &str) -> Child {
    let mut settings =
        fs::File::create(folder.join("pg/postgresql.auto.conf")).expect("initdb made the folder");
    write!(
        settings,
        "listen_addresses = '127.0.0.1'\nport = {port}\nunix_socket_directories = '{}'\n\
         fsync = {fsync}\nfull_page_writes = {fsync}\nsynchronous_commit = {fsync}\n\
         max_connections = 300\nshared_buffers = 64MB\ntimezone = 'UTC'\nlog_timezone = 'UTC'\n\
         wal_level = minimal\nmax_wal_senders = 0\nautovacuum_naptime = 10min\n",
        folder.display()
    )
    .expect("a file just made can be written");
    // The shell starts the server with SIGQUIT ignored; until the server has handlers of its own the signal
    // is lost, so it is sent until it works.
    let script = r#"
        start() { "$0" -D pg >/dev/null 2>log </dev/null & server=$!; }
        start
        ( while kill -0 "$server"; do sleep 0.2; done; : >ended ) 2>/dev/null </dev/null &
        watch=$!
        while read -r what; do
            if [ "$what" = start ]; then
                : >log
                start
                rm -f down
            else
                kill -"$what" "$server"
                wait "$server"
                : >down
            fi
        done
        for n in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
            kill -QUIT "$server" 2>/dev/null || break
            sleep 0.2
        done
        kill -KILL "$server" 2>/dev/null
        kill "$watch" 2>/dev/null
        wait
        cd / && rm -rf "$1"
    "#;
    user.command(Path::new("/bin/sh"), folder)
        .args(["-c", script])
        .arg(programs.join("postgres"))
        .arg(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        // Ctrl-C goes to the tests; the watchdog has to outlive them.
        .process_group(0)
        .spawn()
        .expect("a shell starts")
}

/// Removes what processes left that were killed before their watchdog stood.
fn sweep(base: &Path) {
    let processes = Path::new("/proc");
    if !processes.join("self").exists() {
        return;
    }
    for entry in fs::read_dir(base).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let owner = name.strip_prefix(PREFIX).and_then(|rest| rest.split_once('-')).map(|(pid, _)| pid);
        if owner.is_some_and(|pid| !processes.join(pid).exists()) {
            // Somebody else's, or being removed by its watchdog at this moment: then it isn't ours to do.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

fn free_port() -> u16 {
    let socket = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    socket.local_addr().expect("a bound socket has an address").port()
}

/// A folder for temporary files that another user can walk into.
fn open_folder() -> PathBuf {
    let named = std::env::temp_dir();
    let open = |folder: &Path| fs::metadata(folder).is_ok_and(|m| m.permissions().mode() & 0o001 != 0);
    let short = named.as_os_str().len() < 60; // a socket's path holds 107 bytes
    if short && named.ancestors().all(open) { named } else { PathBuf::from("/tmp") }
}

/// The folder with the server's programs: the one named, or on the path, or where distributions put them.
pub fn programs() -> PathBuf {
    let complete = |folder: &PathBuf| {
        ["initdb", "postgres", "psql", "createdb", "dropdb"].iter().all(|p| folder.join(p).is_file())
    };
    if let Some(named) = std::env::var_os("KINKEEPER_PG_BIN").map(PathBuf::from) {
        assert!(
            complete(&named),
            "KINKEEPER_PG_BIN is {}, where initdb, postgres, psql, createdb and dropdb aren't all found",
            named.display()
        );
        return named;
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&path).collect::<Vec<_>>();
    let mut packaged: Vec<PathBuf> = ["/usr/lib/postgresql", "/usr/pgsql", "/opt/homebrew/opt"]
        .iter()
        .filter_map(|root| fs::read_dir(root).ok())
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path().join("bin")))
        .collect();
    packaged.sort_by_key(|folder| std::cmp::Reverse(version_of(folder)));
    on_path.into_iter().chain(packaged).find(complete).expect(
        "these tests need PostgreSQL's server programs (initdb, postgres, psql, createdb, dropdb; version 14 or \
         newer), and no folder has them. Debian, Ubuntu: apt-get install postgresql postgresql-client. macOS: \
         brew install postgresql@16. Or set KINKEEPER_PG_BIN to the folder they lie in",
    )
}

/// `/usr/lib/postgresql/15/bin` → 15; folders without a number come last.
fn version_of(bin: &Path) -> u32 {
    let digits = |part: &std::ffi::OsStr| {
        part.to_string_lossy().chars().filter(char::is_ascii_digit).collect::<String>().parse().ok()
    };
    bin.parent().and_then(Path::file_name).and_then(digits).unwrap_or(0)
}
