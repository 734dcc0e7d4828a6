//! The month under kill -9: the real binary, a mail server that logs what it took, twenty deaths. Most are
//! drawn as "at the server's n-th message, before or after its 250", where a second mail would be born.

use super::judge::Judge;
use super::{MAILS, RETAIL};
use crate::support::TestDatabase;
use crate::support::book::House;
use crate::support::sink::Sink;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Deaths at the mail server's n-th message, and at a random time after a start.
const AT_A_MAIL: usize = 14;
const AT_RANDOM: usize = 6;
const CONNECTIONS: usize = 2;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    BeforeItsReply,
    AfterItsReply,
}

/// The daemon under test, within reach of whoever kills it.
type Victim = Arc<Mutex<Option<Child>>>;

fn kill(victim: &Victim) -> bool {
    let mut child = victim.lock().expect("not poisoned");
    let Some(running) = child.as_mut() else { return false };
    // SIGKILL; the process ends without another word.
    running.try_wait().expect("a child").is_none() && running.kill().is_ok()
}

struct Plan {
    /// By the number of messages accepted before.
    at_mails: Mutex<BTreeMap<usize, Side>>,
    done: Mutex<usize>,
}

impl Plan {
    fn strike(&self, victim: &Victim, sequence: usize, side: Side) {
        let due = {
            let mut planned = self.at_mails.lock().expect("not poisoned");
            // A mail that a death skipped is made up for by the next one.
            let due = planned.iter().find(|(n, s)| **n <= sequence && **s == side).map(|(n, _)| *n);
            due.and_then(|n| planned.remove(&n))
        };
        if due.is_some() && kill(victim) {
            *self.done.lock().expect("not poisoned") += 1;
        }
    }
}

async fn survives(database: TestDatabase, seed: u64) {
    println!("seed {seed}");
    let begun = Instant::now();
    let mut random = StdRng::seed_from_u64(seed);
    let victim: Victim = Arc::default();
    let mut at_mails = BTreeMap::new();
    while at_mails.len() < AT_A_MAIL {
        let side = if random.random_bool(0.5) { Side::BeforeItsReply } else { Side::AfterItsReply };
        at_mails.insert(random.random_range(0..MAILS - 200), side);
    }
    let plan = Arc::new(Plan { at_mails: Mutex::new(at_mails), done: Mutex::new(0) });
    let hook = |side: Side| {
        let (plan, victim) = (plan.clone(), victim.clone());
        move |accepted: &crate::support::sink::Acceptance| plan.strike(&victim, accepted.sequence, side)
    };
    let sink = Sink::builder()
        .before_reply(hook(Side::BeforeItsReply))
        .after_reply(hook(Side::AfterItsReply))
        .start()
        .await;
    let folder = tempfile::tempdir().expect("a folder");
    let home = folder.path().join("book");

    let mut random_deaths = 0;
    let mut starts = 0;
    loop {
        starts += 1;
        assert!(starts < 80, "it never comes to its end");
        let mut child = start(&home, &database.url(), &sink.url(), starts > 1);
        let lines = child.stderr.take().expect("piped");
        *victim.lock().expect("not poisoned") = Some(child);
        let december = tokio::task::spawn_blocking(move || wait_for_december(lines));
        let log = december.await.expect("reads");
        if random_deaths < AT_RANDOM && log.began {
            tokio::time::sleep(Duration::from_millis(random.random_range(0..2_000))).await;
            random_deaths += usize::from(kill(&victim));
        }
        let status = wait(&victim).await;
        if status.success() {
            break;
        }
        assert!(status.code().is_none(), "it failed by itself, exit {:?}:\n{}", status.code(), log.text());
    }
    let deaths = *plan.done.lock().expect("not poisoned") + random_deaths;
    let seconds = begun.elapsed().as_secs();
    println!("{deaths} deaths in {starts} starts, {random_deaths} of them at random; {seconds} s");
    assert_eq!(deaths, AT_A_MAIL + AT_RANDOM, "every death that was drawn was died");
    judge(database, &home, &sink, deaths).await;
}

/// What the daemon said up to its December (or its end).
struct Log {
    began: bool,
    lines: Arc<Mutex<Vec<String>>>,
}

impl Log {
    fn text(&self) -> String {
        self.lines.lock().expect("not poisoned").join("\n")
    }
}

fn wait_for_december(stderr: std::process::ChildStderr) -> Log {
    let lines: Arc<Mutex<Vec<String>>> = Arc::default();
    let mut reader = BufReader::new(stderr).lines().map_while(Result::ok);
    let mut began = false;
    for line in reader.by_ref() {
        let found = line.contains("letting December pass");
        lines.lock().expect("not poisoned").push(line);
        if found {
            began = true;
            break;
        }
    }
    let rest = lines.clone();
    // Somebody has to read on, or a full pipe would stop the daemon.
    std::thread::spawn(move || reader.for_each(|line| rest.lock().expect("not poisoned").push(line)));
    Log { began, lines }
}

fn start(home: &Path, url: &str, relay: &str, resume: bool) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kinkeeper"));
    command.args(["demo", "--no-serve"]).env_clear();
    if resume {
        command.arg("--resume");
    }
    for setting in [
        format!("data_dir={}", home.display()),
        format!("database.url={url}"),
        "mail.channel=smtp".to_owned(),
        format!("mail.relays=[{{ url = \"{relay}\", rate = 100000, connections = {CONNECTIONS} }}]"),
        "workers.lease_seconds=2".to_owned(),
    ] {
        command.args(["--set", &setting]);
    }
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts")
}

async fn wait(victim: &Victim) -> std::process::ExitStatus {
    loop {
        let ended = victim
            .lock()
            .expect("not poisoned")
            .as_mut()
            .and_then(|child| child.try_wait().expect("a child"));
        match ended {
            Some(status) => return status,
            None => tokio::time::sleep(Duration::from_millis(5)).await,
        }
    }
}

async fn judge(database: TestDatabase, home: &Path, sink: &Sink, deaths: usize) {
    let overrides: Vec<&str> = RETAIL[1..].to_vec();
    let house = House::open(database, &overrides).await;
    let judge = Judge::new(house.app.clone(), house.database.url(), home);
    assert_eq!(judge.tiers().await, [92, 158, 610, 3_441, 71]);
    assert_eq!(judge.tagged("churn_risk", "true").await, 989);
    judge.tags_agree("2011-12-31T23:59:59").await;
    judge.winback_as_expected().await;
    judge.invariants_hold().await;

    let (sent, unknown) = judge.posted_as_booked(sink).await;
    println!("{deaths} deaths: {sent} sent, {unknown} unknown");
    assert!(unknown <= 16 * CONNECTIONS * deaths, "{unknown} unknown after {deaths} deaths");
    // Nobody lost: everybody whom the month owes a mail was handed one, or it is unknown.
    assert_eq!(sent + unknown, MAILS);
    assert_eq!(judge.number("SELECT COUNT(*) FROM coupon WHERE state = 'issued'").await, 80);
    judge.callbacks_as_expected().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn december_survives_kill_9_on_sqlite() {
    survives(TestDatabase::sqlite(), 20_111_201).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn december_survives_kill_9_on_postgres() {
    survives(TestDatabase::postgres(), 20_111_202).await;
}
