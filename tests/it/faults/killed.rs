//! Kill -9 of daemons and imports at random instants of their first 400 ms at work. What was answered is there once, and
//! an import that is begun again ends with exactly the rows of its file.
//!
//! Clients in this process post batches over HTTP, as many at once as there are clients; some events they send again, and
//! one of each batch all of them send. What was answered 200 counts as answered even if the daemon died within the answer.
//! Beside them files are imported. `KINKEEPER_CRASH_ROUNDS` and `KINKEEPER_CRASH_SEED` widen and repeat a run.

use super::clients::{Answer, Client, Door, Known};
use super::files::Files;
use super::verdict::{Verdict, profiles_agree};
use super::{pause, wait};
use crate::support::daemon::{Binary, Daemon};
use crate::support::{TestDatabase, number, on_both_databases};
use domain::entropy::Entropy;
use futures::future::join_all;
use kinkeeper::system::{SeededEntropy, SystemEntropy};
use std::collections::BTreeSet;
use tokio_util::sync::CancellationToken;

const CLIENTS: usize = 6;
const DEFAULT_ROUNDS: u64 = 30;
/// The latest instant of a death, in milliseconds since the start, or since the work began.
const LATEST: u64 = 400;
/// A virtual clock, so that the orders lie in the last year whatever the machine's date. Time stands; leases
/// run by the machine's clock and come back soon after a death.
const SETTINGS: [&str; 3] =
    ["clock=2026-11-02T00:00:00Z", "workers.lease_seconds=2", "workers.poll_seconds=1"];

/// What a round kills.
#[derive(Debug, Clone, Copy)]
enum Victim {
    DaemonAtStart,
    DaemonAtWork,
    Import,
}

struct Scene {
    binary: Binary,
    key: String,
    clients: Vec<Client>,
    files: Files,
    daemon: Option<(Daemon, Door)>,
    entropy: SeededEntropy,
}

impl Scene {
    /// Ten of thirty rounds kill an import, fifteen or so a daemon at work, and the others one that starts.
    fn victim(&self, round: u64) -> Victim {
        match (round % 3, self.entropy.next_u64() % 4) {
            // Never the last: so that something is left unanswered.
            (0, _) => Victim::Import,
            (_, 0) => Victim::DaemonAtStart,
            _ => Victim::DaemonAtWork,
        }
    }

    async fn round(&mut self, n: u64) {
        match self.victim(n) {
            Victim::DaemonAtStart => {
                if let Some((daemon, _)) = self.daemon.take() {
                    daemon.kill();
                }
                self.files.go_on(&self.binary);
                let daemon = self.binary.serve();
                wait(pause(&self.entropy, LATEST)).await;
                daemon.kill();
            }
            Victim::DaemonAtWork => {
                self.files.go_on(&self.binary);
                let (daemon, door) = self.running().await;
                let pause = pause(&self.entropy, LATEST);
                let death = async {
                    wait(pause).await;
                    daemon.kill();
                };
                let for_ever = CancellationToken::new();
                tokio::join!(send(&mut self.clients, &door, &for_ever), death);
            }
            Victim::Import => {
                let (daemon, door) = self.running().await;
                self.files.go_on(&self.binary);
                let pause = pause(&self.entropy, LATEST);
                let stop = CancellationToken::new();
                let death = async {
                    wait(pause).await;
                    self.files.kill();
                    stop.cancel();
                };
                tokio::join!(send(&mut self.clients, &door, &stop), death);
                self.daemon = Some((daemon, door));
            }
        }
    }

    /// The daemon at work, started if there is none.
    async fn running(&mut self) -> (Daemon, Door) {
        if let Some(running) = self.daemon.take() {
            return running;
        }
        let mut daemon = self.binary.serve();
        let address = daemon.ready().await;
        (daemon, Door::of(address, &self.key))
    }
}

/// All clients send batch after batch until nobody answers or they are told to stop.
async fn send(clients: &mut [Client], door: &Door, stop: &CancellationToken) {
    let sending = clients.iter_mut().map(|client| async move {
        while !stop.is_cancelled() {
            match client.send(door).await {
                Answer::Taken(Some(_)) => {}
                Answer::Later => panic!("a daemon at work takes every batch"),
                Answer::Taken(None) | Answer::Nobody => return,
            }
        }
    });
    join_all(sending).await;
}

async fn nothing_answered_is_lost_or_doubled(database: &TestDatabase, seed: u64) {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let binary = Binary::new(folder.path(), &database.url(), &SETTINGS);
    let entropy = SeededEntropy::new(seed);
    // The first dies while it makes the book.
    let first = binary.serve();
    wait(pause(&entropy, LATEST)).await;
    first.kill();
    let key = binary.run(&["key", "create", "--role", "ingest"]).trim().to_owned();
    let clients = Client::several(CLIENTS, seed);
    let files = Files::new(folder.path());
    let mut scene = Scene { binary, key, clients, files, daemon: None, entropy };
    let rounds = number("KINKEEPER_CRASH_ROUNDS", DEFAULT_ROUNDS);
    for n in 0..rounds {
        scene.round(n).await;
    }

    let (daemon, door) = scene.running().await;
    let Scene { binary, clients, mut files, .. } = scene;
    let known = Known::to(&clients);
    let killed = files.killed;
    let (answered, open, begun) = (known.answered.len(), known.open.len(), files.begun());
    println!("{answered} answered, {open} not; {begun} files, {killed} times killed at it");
    assert!(!known.answered.is_empty(), "nothing was answered, so nothing was tested");
    assert!(killed * 6 >= rounds, "of the imports only {killed} were killed in {rounds} rounds");

    let verdict = Verdict::on(database.url()).await;
    verdict.nothing_is_lost(&known).await;
    known.send_again(&door).await;
    assert_eq!(verdict.kept().await, known.all());
    files.end(&binary, &verdict).await;
    files.again(&binary, &verdict).await;
    verdict.settled().await;
    assert!(daemon.stop().await.success(), "told to stop, it ends well");

    let bought = files.bought();
    let profiles = profiles_agree(&binary, known.all().iter().chain(&bought));
    let people: BTreeSet<String> =
        profiles.iter().map(|p| p["customer_id"].as_str().unwrap_or("?").to_owned()).collect();
    assert!(files.people().iter().all(|id| people.contains(id)), "a customer of a file is missing");
    verdict.whole(&binary).await;
}

on_both_databases! {
    async fn killed_daemons_and_imports_lose_and_double_nothing(database) {
        let seed = number("KINKEEPER_CRASH_SEED", SystemEntropy.next_u64());
        println!("KINKEEPER_CRASH_SEED={seed}");
        nothing_answered_is_lost_or_doubled(&database, seed).await;
    }
}
