//! Clients that hang up at any moment: what was answered is in the book, and nothing is there twice or in part.
//! `KINKEEPER_GONE_ROUNDS` widens a run.

use super::Door;
use crate::support::{number, on_both_databases};
use base64::Engine as _;
use domain::entropy::Entropy;
use futures::future::join_all;
use kinkeeper::system::SeededEntropy;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

const DEFAULT_ROUNDS: u64 = 500;
const AT_ONCE: u64 = 5;
/// Nobody waits longer, or than what an answer takes on this machine: so that some see theirs.
const LONGEST: Duration = Duration::from_millis(5);
/// Of those who wait.
const PATIENCE: Duration = Duration::from_secs(30);
/// Orders of each request.
const ORDERS: u64 = 3;

fn ids(round: u64) -> impl Iterator<Item = String> {
    (0..ORDERS).map(move |n| format!("{round}-{n}"))
}

fn batch_of(round: u64) -> String {
    let orders: Vec<Value> = ids(round)
        .map(|id| {
            json!({"type": "track", "messageId": id, "userId": format!("u{}", round % 40), "event": "Order Completed",
                   "timestamp": "2011-11-01T10:00:00Z", "properties": {"order_id": id, "total": 1}})
        })
        .collect();
    json!({ "batch": orders }).to_string()
}

/// Sends a batch and hangs up after `patience`, or once it is answered; gives whether it was, and well.
async fn send(address: SocketAddr, key: &str, round: u64, patience: Duration) -> bool {
    let mut stream = TcpStream::connect(address).await.expect("it listens");
    let body = batch_of(round);
    let basic = base64::engine::general_purpose::STANDARD.encode(format!("{key}:"));
    let request = format!(
        "POST /v1/batch HTTP/1.1\r\nHost: a\r\nAuthorization: Basic {basic}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    let mut answer = Vec::new();
    let talk = async {
        stream.write_all(request.as_bytes()).await?;
        stream.read_to_end(&mut answer).await
    };
    let _ = tokio::time::timeout(patience, talk).await;
    let text = String::from_utf8_lossy(&answer);
    text.starts_with("HTTP/1.1 200") && text.contains("\"success\":true")
}

/// The events in the book, each there once and with its order. Read in one statement: what clients who hung up had begun
/// may still be finished meanwhile.
async fn in_the_book(door: &Door) -> BTreeSet<String> {
    let sql = "SELECT e.message_id || ' ' || CAST(COUNT(o.id) AS TEXT) FROM event e LEFT JOIN orders o \
               ON o.order_key = 'shop:' || e.message_id AND o.paid_at IS NOT NULL GROUP BY e.id, e.message_id";
    let found = door.lines(sql).await;
    let logged: BTreeSet<String> = found
        .iter()
        .map(|line| line.strip_suffix(" 1").unwrap_or_else(|| panic!("{line} orders")).to_owned())
        .collect();
    assert_eq!(found.len(), logged.len(), "something is there twice");
    logged
}

on_both_databases! {
    async fn whoever_hangs_up_leaves_all_of_it_or_nothing(database) {
        let rounds = number("KINKEEPER_GONE_ROUNDS", DEFAULT_ROUNDS);
        let door = Door::open(database).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        let stop = CancellationToken::new();
        let serving = tokio::spawn(kinkeeper::http::serve(listener, door.house.app.router(), stop.clone()));
        let entropy = SeededEntropy::new(42);
        let mut answered = BTreeSet::new();
        let mut slowest = Duration::ZERO;
        for round in rounds + 1..=rounds + 5 {
            let begun = Instant::now();
            let all = (0..AT_ONCE).map(|n| send(address, &door.key, round + n * 10, PATIENCE));
            assert!(join_all(all).await.into_iter().all(|answered| answered), "it doesn't answer");
            slowest = begun.elapsed();
        }
        let longest = u64::try_from(LONGEST.max(slowest).as_micros()).expect("short");
        for first in (0..rounds).step_by(AT_ONCE as usize) {
            let patience: Vec<Duration> =
                (0..AT_ONCE).map(|_| Duration::from_micros(entropy.next_u64() % longest)).collect();
            let sent = (first..first + AT_ONCE).zip(patience).map(|(round, patience)| {
                let key = door.key.clone();
                async move { send(address, &key, round, patience).await.then_some(round) }
            });
            answered.extend(join_all(sent).await.into_iter().flatten());
        }
        // One who waits, so that the database is seen to take in what comes after all those.
        assert!(send(address, &door.key, rounds, PATIENCE).await, "it doesn't answer any more");
        let seen = answered.len() as u64;
        assert!((5..rounds - 5).contains(&seen), "{seen} of {rounds} saw their answer, so little was tested");
        answered.insert(rounds);
        stop.cancel();
        serving.await.expect("it ends");

        let logged = in_the_book(&door).await;
        let lost: Vec<_> = answered.iter().flat_map(|round| ids(*round)).filter(|id| !logged.contains(id)).collect();
        assert!(lost.is_empty(), "answered and lost: {lost:?}");
        for round in 0..=rounds {
            let there = ids(round).filter(|id| logged.contains(id)).count() as u64;
            assert!(there == 0 || there == ORDERS, "round {round} is there in part");
        }
        println!("{} of {rounds} answered, {} events in the book", answered.len(), logged.len());
        // All sent again by somebody patient: each is there once.
        for round in 0..=rounds {
            let again = door.post("/v1/batch", batch_of(round)).await.body;
            let known = again["duplicate"].as_u64().expect("a count");
            // What was begun is finished though nobody waits for it: some may be there by now that weren't.
            assert!(known == ORDERS || known == 0 && ids(round).all(|id| !logged.contains(&id)), "{round}: {again}");
            assert_eq!(again["accepted"], ORDERS - known);
        }
        let logged = in_the_book(&door).await;
        assert!((0..=rounds).flat_map(ids).all(|id| logged.contains(&id)));
    }
}
