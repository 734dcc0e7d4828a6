//! Merging and parting conserve: parted, everybody is as if never merged; merged, as if all facts had been one's.

use super::{NOW, identify, keep, number, rows, send, track, who};
use crate::support::{TestDatabase, book::House, on_both_databases};
use kinkeeper::service::identity::{merge, unmerge};
use sea_orm::QueryResult;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The same draws in every run.
pub(super) struct Draw(u64);

impl Draw {
    pub(super) fn of(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % n
    }
}

/// What somebody's facts came to.
type Dump = BTreeMap<String, Vec<String>>;

const DUMPED: [(&str, &str); 8] = [
    ("orders", "SELECT order_key, total_minor, refunded_minor, paid_at, cancelled_at FROM orders"),
    ("refunds", "SELECT order_key, ref_key, amount_minor FROM refund"),
    ("tickets", "SELECT ticket_key, state, opened_at, resolved_at, reopened, complaint FROM ticket"),
    ("consents", "SELECT channel, purpose, state, occurred_at FROM consent"),
    ("points", "SELECT channel, value, class, usable, is_primary FROM contact_point"),
    ("person", "SELECT name, birthday, traits FROM customer_personal"),
    (
        "profile",
        "SELECT spend_365_minor, spend_ever_minor, orders_365, orders_ever, order_days, first_order_at, \
      last_order_at, tickets, complaints_90, complaints_365, open_complaints FROM profile",
    ),
    ("tags", "SELECT key, value, since, evidence FROM tag_current"),
];

async fn dump(house: &House, user: &str) -> Dump {
    let id = who(house, user).await.0;
    let mut dump = Dump::new();
    for (name, sql) in DUMPED {
        let rows = rows(house, &format!("{sql} WHERE customer_id = {id}")).await;
        let mut lines: Vec<String> = rows.iter().map(line).collect();
        lines.sort();
        dump.insert(name.to_owned(), lines);
    }
    dump
}

fn line(row: &QueryResult) -> String {
    let cell = |column: &String| match row.try_get::<Option<i64>>("", column) {
        Ok(number) => format!("{number:?}"),
        Err(_) => format!("{:?}", row.try_get::<Option<String>>("", column).expect("a number or text")),
    };
    row.column_names().iter().map(cell).collect::<Vec<_>>().join(" | ")
}

/// One fact of `user`, said by `sayer`: on a book where several are one it may be another's word for the same.
fn fact(draw: &mut Draw, n: usize, user: usize) -> impl Fn(&str) -> Value + use<> {
    let day = 1 + draw.below(28);
    let month = 1 + draw.below(9);
    let at = format!("2026-{month:02}-{day:02}T0{}:00:00Z", draw.below(9));
    let (what, which, amount) = (draw.below(9), draw.below(4), 100 + draw.below(4_000));
    let id = format!("{user}-{which}");
    move |sayer: &str| {
        let mut event = match what {
            0..=3 => {
                track(sayer, "Order Completed", &at, json!({"order_id": id, "total": amount.to_string()}))
            }
            4 => track(
                sayer,
                "Order Refunded",
                &at,
                json!({"order_id": id, "refund_id": format!("r{which}"), "total": "50"}),
            ),
            5 => track(sayer, "Ticket Opened", &at, json!({"ticket_id": id, "complaint": true})),
            6 => track(sayer, "Ticket Resolved", &at, json!({"ticket_id": id})),
            7 => track(
                sayer,
                "Consent Changed",
                &at,
                json!({"channel": "email", "purpose": "marketing", "granted": which % 2 == 0}),
            ),
            _ => identify(
                sayer,
                &at,
                json!({"name": format!("N{n}"), "email": format!("{user}{which}@example.com")}),
            ),
        };
        event["messageId"] = json!(format!("m{n:03}"));
        event
    }
}

on_both_databases! {
    async fn whoever_is_parted_is_as_if_never_merged(database) {
        let merged = House::open(database, &[NOW]).await;
        let single = House::open(TestDatabase::migrated_sqlite().await, &[NOW]).await;
        let mut draw = Draw(7);
        let users = ["u0", "u1", "u2", "u3"];
        for (n, user) in users.iter().enumerate() {
            let hello = identify(user, "2026-01-01T00:00:00Z", json!({"plan": n}));
            send(&merged, vec![hello.clone()]).await;
            send(&single, vec![hello]).await;
        }
        let mut ids = Vec::new();
        for user in users {
            ids.push(who(&merged, user).await);
        }
        let mut into: Vec<usize> = (0..4).collect();
        for n in 0..60 {
            let user = usize::try_from(draw.below(4)).expect("small");
            let say = fact(&mut draw, n, user);
            send(&merged, vec![say(users[user])]).await;
            send(&single, vec![say(users[user])]).await;
            let (a, b) = (usize::try_from(draw.below(4)).expect("small"), usize::try_from(draw.below(4)).expect("small"));
            match draw.below(6) {
                0 if into[a] != into[b] => {
                    let (kept, gone) = (into[a], into[b]);
                    let done = merge(&merged.app.book, ids[a], ids[b], "test", None).await.expect("merged");
                    assert_eq!(done.customer, ids[kept], "whoever was merged counts as who they are");
                    into.iter_mut().filter(|i| **i == gone).for_each(|i| *i = kept);
                }
                1 if into[a] != a => {
                    unmerge(&merged.app.book, ids[a], "test", None).await.expect("parted");
                    into[a] = a;
                }
                2 => keep(&merged).await,
                _ => {}
            }
        }
        for (member, canonical) in into.iter().enumerate() {
            if *canonical != member {
                unmerge(&merged.app.book, ids[member], "test", None).await.expect("parted");
            }
        }
        keep(&merged).await;
        keep(&single).await;
        for user in users {
            assert_eq!(dump(&merged, user).await, dump(&single, user).await, "{user}");
        }
        let left = "SELECT COUNT(*) FROM event WHERE customer_id <> origin_customer_id OR customer_id < 0";
        assert_eq!(number(&merged, left).await, 0);
    }

    async fn whoever_is_merged_is_as_if_always_one(database) {
        let merged = House::open(database, &[NOW]).await;
        let single = House::open(TestDatabase::migrated_sqlite().await, &[NOW]).await;
        for seed in 0..4 {
            let mut draw = Draw(100 + seed);
            let users: Vec<String> = (0..3).map(|n| format!("s{seed}u{n}")).collect();
            let one = format!("s{seed}u0");
            for n in 0..30 {
                let user = usize::try_from(draw.below(3)).expect("small");
                let say = fact(&mut draw, 100 * usize::try_from(seed).expect("small") + n, user);
                let named = |mut event: Value| {
                    for id in ["order_id", "ticket_id"] {
                        if let Some(own) = event["properties"][id].as_str().map(|id| format!("{seed}-{id}")) {
                            event["properties"][id] = json!(own);
                        }
                    }
                    event
                };
                send(&merged, vec![named(say(&users[user]))]).await;
                // What one side refused, the other's grant doesn't undo: consents are judged elsewhere.
                send(&single, vec![named(say(&one))]).await;
                if n == 15 || n == 25 {
                    keep(&merged).await;
                    let user = if n == 15 { &users[1] } else { &users[2] };
                    let (a, b) = (who(&merged, &one).await, who(&merged, user).await);
                    merge(&merged.app.book, a, b, "test", None).await.expect("merged");
                }
            }
            keep(&merged).await;
            keep(&single).await;
            assert_eq!(who(&merged, &users[2]).await, who(&merged, &one).await);
            assert_eq!(dump(&merged, &one).await, dump(&single, &one).await, "seed {seed}");
        }
    }
}
