//! Clients of the facts' door as official SDKs are: they send in batches, send again what wasn't answered, and remember
//! what was.

use crate::support::daemon::local_client;
use domain::entropy::Entropy;
use kinkeeper::system::SeededEntropy;
use reqwest::{StatusCode, header};
use serde_json::{Value, json};
use std::collections::BTreeSet;

const CUSTOMERS: u64 = 40;

pub fn customer_of(id: &str) -> String {
    format!("u{}", id.bytes().map(u64::from).sum::<u64>() % CUSTOMERS)
}

/// One of forty customers buys something for 19.90.
fn order(id: &String) -> Value {
    json!({
        "type": "track", "messageId": id, "userId": customer_of(id), "event": "Order Completed",
        "timestamp": "2026-11-01T10:00:00Z", "properties": {"order_id": format!("o-{id}"), "total": "19.90"}
    })
}

/// The facts' door of one running daemon.
#[derive(Clone)]
pub struct Door {
    http: reqwest::Client,
    address: String,
    key: String,
}

/// What the door counted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Taken {
    pub accepted: usize,
    pub duplicate: usize,
}

/// What came of a batch.
#[derive(Debug, PartialEq)]
pub enum Answer {
    /// 200. `None`: the daemon died within its answer.
    Taken(Option<Taken>),
    /// 503, with `Retry-After`.
    Later,
    /// Nobody answers.
    Nobody,
}

impl Door {
    pub fn of(address: String, key: &str) -> Self {
        Self { http: local_client(), address, key: key.to_owned() }
    }

    /// Any other answer than these is a defect.
    pub async fn post(&self, events: &[Value]) -> Answer {
        let url = format!("{}/v1/batch", self.address);
        let request = self.http.post(url).basic_auth(&self.key, Some("")).json(&json!({ "batch": events }));
        let Ok(answer) = request.send().await else { return Answer::Nobody };
        let status = answer.status();
        if status == StatusCode::SERVICE_UNAVAILABLE {
            let after = answer.headers().get(header::RETRY_AFTER).expect("503 says when to ask again");
            assert!(after.to_str().is_ok_and(|after| after.parse::<u64>().is_ok()), "{after:?}");
            return Answer::Later;
        }
        let Ok(body) = answer.text().await else {
            assert_eq!(status, StatusCode::OK);
            return Answer::Taken(None);
        };
        assert_eq!(status, StatusCode::OK, "{body}");
        let body: Value = serde_json::from_str(&body).expect("JSON");
        assert_eq!(body["rejected"], json!([]), "these events are fine");
        let count = |name: &str| body[name].as_u64().expect("a count") as usize;
        Answer::Taken(Some(Taken { accepted: count("accepted"), duplicate: count("duplicate") }))
    }

    /// Sends orders to a daemon that nobody disturbs.
    pub async fn send(&self, ids: &[String]) -> Taken {
        match self.post(&ids.iter().map(order).collect::<Vec<_>>()).await {
            Answer::Taken(Some(taken)) => taken,
            other => panic!("undisturbed, it answers {other:?}"),
        }
    }
}

/// One sender, and what it knows of its events.
pub struct Client {
    name: usize,
    entropy: SeededEntropy,
    batches: u64,
    pub answered: Vec<String>,
    /// Sent, and never answered.
    pub open: BTreeSet<String>,
}

impl Client {
    pub fn several(number: usize, seed: u64) -> Vec<Self> {
        let entropy = |name: usize| SeededEntropy::new(seed ^ ((name as u64 + 1) << 32));
        (0..number)
            .map(|name| Self {
                name,
                entropy: entropy(name),
                batches: 0,
                answered: Vec::new(),
                open: BTreeSet::new(),
            })
            .collect()
    }

    /// New events, one that every client sends, and now and then one that was sent before.
    fn next_batch(&mut self) -> Vec<String> {
        let (name, n) = (self.name, self.batches);
        self.batches += 1;
        let mut ids: Vec<String> =
            (0..=self.entropy.next_u64() % 3).map(|i| format!("{name}-{n}-{i}")).collect();
        ids.push(format!("all-{n}"));
        let draw = self.entropy.next_u64() as usize;
        ids.extend(self.answered.get(draw % (self.answered.len() + 4)).cloned());
        // Whoever got no answer asks again.
        ids.extend(self.open.iter().next().cloned());
        ids
    }

    /// Sends one more batch.
    pub async fn send(&mut self, door: &Door) -> Answer {
        let ids = self.next_batch();
        self.open.extend(ids.iter().filter(|id| !self.answered.contains(id)).cloned());
        let answer = door.post(&ids.iter().map(order).collect::<Vec<_>>()).await;
        if let Answer::Taken(taken) = &answer {
            for id in &ids {
                if self.open.remove(id) {
                    self.answered.push(id.clone());
                }
            }
            let counted = taken.map(|taken| taken.accepted + taken.duplicate);
            assert!(counted.is_none_or(|counted| counted == ids.len()), "{taken:?} of {ids:?}");
        }
        answer
    }
}

/// What clients know together.
#[derive(Debug)]
pub struct Known {
    pub answered: BTreeSet<String>,
    /// Answered to none of them.
    pub open: BTreeSet<String>,
}

impl Known {
    pub fn to(clients: &[Client]) -> Self {
        let answered: BTreeSet<String> =
            clients.iter().flat_map(|client| &client.answered).cloned().collect();
        let open = clients.iter().flat_map(|client| &client.open);
        Self { open: open.filter(|id| !answered.contains(*id)).cloned().collect(), answered }
    }

    pub fn all(&self) -> BTreeSet<String> {
        self.answered.union(&self.open).cloned().collect()
    }

    /// Sends everything again: what was answered is known, the rest is taken in unless it is there already.
    pub async fn send_again(&self, door: &Door) {
        for ids in Vec::from_iter(self.answered.clone()).chunks(100) {
            assert_eq!(door.send(ids).await, Taken { accepted: 0, duplicate: ids.len() });
        }
        for ids in Vec::from_iter(self.open.clone()).chunks(100) {
            let Taken { accepted, duplicate } = door.send(ids).await;
            assert_eq!(accepted + duplicate, ids.len());
        }
    }
}
