//! PostgreSQL stopped and started again under load, in order and as in a crash: while it is away senders are told to come
//! back, soon, and nothing they were told is taken is lost; the daemon needs nobody to go on.

use super::clients::{Answer, Client, Door, Known};
use super::verdict::Verdict;
use super::wait;
use crate::support::TestDatabase;
use crate::support::daemon::{Binary, local_client, wait_until};
use crate::support::postgres::{Cluster, Stop};
use domain::entropy::Entropy;
use futures::future::join_all;
use kinkeeper::store::lock::{self, Hold};
use kinkeeper::system::SystemEntropy;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

const CLIENTS: usize = 6;
/// How long the server is away.
const AWAY: Duration = Duration::from_millis(1_500);
/// No answer takes longer: an SDK gives up after ten seconds or so.
const LONGEST: Duration = Duration::from_secs(10);
const SETTINGS: [&str; 3] =
    ["clock=2026-11-02T00:00:00Z", "workers.lease_seconds=2", "workers.poll_seconds=1"];

/// What the senders saw.
#[derive(Default)]
struct Seen {
    taken: AtomicU64,
    later: AtomicU64,
    slowest: AtomicU64,
}

impl Seen {
    /// Waits until so many more were answered so.
    async fn more(&self, what: &str, count: &AtomicU64, more: u64) {
        let enough = count.load(Ordering::Relaxed) + more;
        wait_until(what, async || count.load(Ordering::Relaxed) >= enough).await;
    }
}

/// All clients send batch after batch until told to stop; whoever is told to come back does so soon.
async fn send(clients: &mut [Client], door: &Door, seen: &Seen, stop: &CancellationToken) {
    let sending = clients.iter_mut().map(|client| async move {
        while !stop.is_cancelled() {
            let begun = Instant::now();
            let answer = client.send(door).await;
            let took = begun.elapsed();
            assert!(took < LONGEST, "{answer:?} after {took:?}");
            seen.slowest.fetch_max(took.as_millis() as u64, Ordering::Relaxed);
            match answer {
                Answer::Taken(Some(_)) => seen.taken.fetch_add(1, Ordering::Relaxed),
                Answer::Later => {
                    wait(Duration::from_millis(50)).await;
                    seen.later.fetch_add(1, Ordering::Relaxed)
                }
                other => panic!("nobody killed the daemon, which answers {other:?}"),
            };
        }
    });
    join_all(sending).await;
}

async fn status(address: &str, path: &str) -> u16 {
    let answer = local_client().get(format!("{address}{path}")).send().await.expect("the daemon answers");
    answer.status().as_u16()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_postgres_that_restarts_loses_nothing_and_holds_nobody_up() {
    let cluster = Cluster::own();
    let database = TestDatabase::Postgres(cluster.database());
    let folder = tempfile::tempdir().expect("a folder");
    let binary = Binary::new(folder.path(), &database.url(), &SETTINGS);
    let key = binary.run(&["key", "create", "--role", "ingest"]).trim().to_owned();
    let mut daemon = binary.serve();
    let address = daemon.ready().await;
    let door = Door::of(address.clone(), &key);
    let mut clients = Client::several(CLIENTS, SystemEntropy.next_u64());
    let (seen, stop) = (Seen::default(), CancellationToken::new());

    let restarting = async {
        for how in [Stop::Immediate, Stop::Fast, Stop::Immediate, Stop::Fast] {
            seen.more("batches to be taken", &seen.taken, 40).await;
            tokio::task::block_in_place(|| cluster.stop(how));
            let back = Instant::now() + AWAY;
            seen.more("senders to be told to come back", &seen.later, 3).await;
            assert_eq!(status(&address, "/readyz").await, 503, "{how:?}");
            assert_eq!(status(&address, "/healthz").await, 200, "{how:?}");
            wait(back.saturating_duration_since(Instant::now())).await;
            tokio::task::block_in_place(|| cluster.start_again());
            let begun = Instant::now();
            seen.more("batches to be taken again", &seen.taken, 10).await;
            println!("{how:?}: takes batches again {:?} after the database", begun.elapsed());
        }
        stop.cancel();
    };
    tokio::join!(send(&mut clients, &door, &seen, &stop), restarting);

    let known = Known::to(&clients);
    let (taken, later) = (seen.taken.load(Ordering::Relaxed), seen.later.load(Ordering::Relaxed));
    println!(
        "{taken} batches taken, {later} told to come back, none later than {} ms; {} events answered, {} not",
        seen.slowest.load(Ordering::Relaxed),
        known.answered.len(),
        known.open.len()
    );
    let verdict = Verdict::on(database.url()).await;
    verdict.nothing_is_lost(&known).await;
    known.send_again(&door).await;
    assert_eq!(verdict.kept().await, known.all());
    verdict.settled().await;
    // It is known to be at work still.
    wait_until("the lock to be taken again", async || {
        lock::hold(&database.url(), Hold::Alone).await.expect("it is back").is_none()
    })
    .await;
    assert!(daemon.stop().await.success(), "told to stop, it ends well");
    super::verdict::profiles_agree(&binary, known.all().iter());
    verdict.whole(&binary).await;
}

/// Its lock is gone with the server's sessions; whoever has the book alone by then must not be written against.
#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_stops_when_the_book_was_taken_from_it_meanwhile() {
    let cluster = Cluster::own();
    let database = TestDatabase::Postgres(cluster.database());
    let folder = tempfile::tempdir().expect("a folder");
    let binary = Binary::new(folder.path(), &database.url(), &SETTINGS);
    let mut daemon = binary.serve();
    daemon.ready().await;
    tokio::task::block_in_place(|| cluster.stop(Stop::Immediate));
    // So that it isn't faster than we are. Only now: a server that ends waits for a client that says nothing.
    daemon.signal("STOP");
    tokio::task::block_in_place(|| cluster.start_again());
    let alone = lock::hold(&database.url(), Hold::Alone).await.expect("it is back");
    assert!(alone.is_some(), "nobody holds it");
    daemon.signal("CONT");
    let (status, log) = daemon.end().await;
    assert_eq!(status.code(), Some(4), "{log}");
    assert!(log.contains("while the database was away somebody else took the book"), "{log}");
    assert!(log.contains("start again when that is done"), "{log}");
}
