//! Random rows of the book beside the log, some of them odd (said tomorrow, taken back, used before they were issued, several of one
//! instant), and random questions about them.

use super::trees::{NOW, duration};
use crate::support::book::House;
use domain::time::Span;
use kinkeeper::service::Book;
use kinkeeper::store::{Lane, StoreError};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use sea_orm::{ConnectionTrait, Statement, Value as Bound};
use serde_json::{Value, json};

const CHANNELS: [&str; 2] = ["email", "sms"];
const PURPOSES: [&str; 2] = ["marketing", "survey"];
const BATCHES: [&str; 2] = ["spring", "autumn"];
const CAMPAIGNS: [&str; 2] = ["winback", "birthday"];

/// A row of somebody's; instants are quarters of a day before now.
#[derive(Debug, Clone)]
enum Row {
    Consent {
        channel: &'static str,
        purpose: &'static str,
        granted: bool,
        side: Option<i64>,
        at: i64,
        taken_back: bool,
    },
    Coupon {
        batch: usize,
        state: &'static str,
        issued: Option<i64>,
        expires: Option<i64>,
        redeemed: Option<i64>,
    },
    Way {
        campaign: usize,
        arm: &'static str,
        entered: i64,
        ended: Option<i64>,
    },
    Point {
        channel: &'static str,
        mailbox: &'static str,
        class: &'static str,
        usable: bool,
        primary: bool,
        refused: Option<&'static str>,
    },
}

fn quarters() -> BoxedStrategy<i64> {
    prop_oneof![8 => 0i64..60, 4 => 0i64..1_600, 2 => prop::sample::select(vec![0i64, 28, 120, 360]), 1 => -8i64..0].boxed()
}

fn row() -> BoxedStrategy<Row> {
    let about = (prop::sample::select(CHANNELS.to_vec()), prop::sample::select(PURPOSES.to_vec()));
    let side = prop::option::weighted(0.6, 1i64..4);
    let consent = (about, any::<bool>(), side, quarters(), prop::bool::weighted(0.2)).prop_map(
        |((channel, purpose), granted, side, at, taken_back)| Row::Consent {
            channel,
            purpose,
            granted,
            side,
            at,
            taken_back,
        },
    );
    let states = vec!["issued", "issued", "issued", "reserved", "released", "redeemed", "expired", "revoked"];
    let coupon = (
        0usize..2,
        prop::sample::select(states),
        prop::option::weighted(0.9, quarters()),
        prop::option::weighted(0.7, -40i64..40),
        prop::option::weighted(0.3, quarters()),
    )
        .prop_map(|(batch, state, issued, expires, redeemed)| Row::Coupon {
            batch,
            state,
            issued,
            expires,
            redeemed,
        });
    let past = || quarters().prop_map(i64::abs);
    let arm = prop::sample::select(vec!["treated", "treated", "control"]);
    let way = (0usize..2, arm, past(), prop::option::of(past()))
        .prop_map(|(campaign, arm, entered, ended)| Row::Way { campaign, arm, entered, ended });
    let channel = prop::sample::select(vec!["email", "email", "phone"]);
    let mailbox = prop::sample::select(vec!["ann", "ben", "noreply"]);
    let class = prop::sample::select(vec!["real", "real", "real", "masked"]);
    let refused = prop::option::weighted(0.3, prop::sample::select(vec!["all", "marketing"]));
    let point = (channel, mailbox, class, prop::bool::weighted(0.8), any::<bool>(), refused).prop_map(
        |(channel, mailbox, class, usable, primary, refused)| Row::Point {
            channel,
            mailbox,
            class,
            usable,
            primary,
            refused,
        },
    );
    prop_oneof![6 => consent, 2 => coupon, 3 => way, 5 => point].boxed()
}

fn micros(quarters: i64) -> i64 {
    (NOW - Span::hours(6 * quarters)).micros()
}

/// The statements that put a row there, the `n`th of all.
fn statements(book: &Book, customer: i64, n: i64, row: &Row) -> Vec<(&'static str, Vec<Bound>)> {
    match *row {
        Row::Consent { channel, purpose, granted, side, at, taken_back } => {
            let state = if granted { "granted" } else { "denied" };
            let recorded = micros(at.max(0));
            let sql = "INSERT INTO consent (customer_id, origin_customer_id, channel, purpose, state, source, evidence, occurred_at, \
                       recorded_at, text_version) VALUES ($1, $2, $3, $4, $5, 'test', '', $6, $7, $8)";
            let name = n.to_string();
            let said = vec![
                customer.into(),
                side.into(),
                channel.into(),
                purpose.into(),
                state.into(),
                micros(at).into(),
                recorded.into(),
                name.clone().into(),
            ];
            let back = "INSERT INTO consent (customer_id, origin_customer_id, channel, purpose, state, source, evidence, occurred_at, \
                        recorded_at, revokes) SELECT customer_id, origin_customer_id, channel, purpose, 'revoked', 'test', '', $1, $1, id \
                        FROM consent WHERE text_version = $2";
            let back = taken_back.then(|| (back, vec![NOW.micros().into(), name.into()]));
            [(sql, said)].into_iter().chain(back).collect()
        }
        Row::Coupon { batch, state, issued, expires, redeemed } => {
            let sql = "INSERT INTO coupon (batch_id, customer_id, source_ref, code_hash, sealed, last4, face_minor, state, reserved_at, \
                       issued_at, expires_at, redeemed_at) VALUES ((SELECT id FROM coupon_batch WHERE key = $1), $2, $3, $3, '', '0000', \
                       100, $4, 0, $5, $6, $7)";
            let at = |quarters: Option<i64>| quarters.map(micros).into();
            let (batch, name) = (BATCHES[batch], format!("coupon {n}"));
            vec![(
                sql,
                vec![
                    batch.into(),
                    customer.into(),
                    name.into(),
                    state.into(),
                    at(issued),
                    at(expires),
                    at(redeemed),
                ],
            )]
        }
        Row::Point { channel, mailbox, class, usable, primary, refused } => {
            let value = format!("{mailbox}@{n}.example.com");
            let sql = "INSERT INTO contact_point (customer_id, channel, value, class, usable, is_primary) VALUES ($1, $2, $3, $4, $5, $6)";
            let (usable, primary) = (i64::from(usable), i64::from(primary));
            let said = vec![
                customer.into(),
                channel.into(),
                value.clone().into(),
                class.into(),
                usable.into(),
                primary.into(),
            ];
            let list = "INSERT INTO suppression (channel, value_hash, scope, reason, actor, created_at) VALUES ($1, $2, $3, '', 'test', 0)";
            let hash = book.secrets.contact_hash(channel, &value);
            let listed = refused.map(|scope| (list, vec![channel.into(), hash.into(), scope.into()]));
            [(sql, said)].into_iter().chain(listed).collect()
        }
        Row::Way { campaign, arm, entered, ended } => {
            let sql = "INSERT INTO enrollment (campaign_id, campaign_version_id, customer_id, occasion_key, arm, cause_at, entered_at, \
                       step, state, payload, wake_at, ended_at, fence) VALUES ((SELECT id FROM campaign WHERE key = $1), 1, $2, $3, $4, \
                       $5, $5, 0, 'done', '{}', 9223372036854775807, $6, 0)";
            let ended = ended.map(|after| micros(entered - after));
            let (campaign, name) = (CAMPAIGNS[campaign], format!("way {n}"));
            vec![(
                sql,
                vec![
                    campaign.into(),
                    customer.into(),
                    name.into(),
                    arm.into(),
                    micros(entered).into(),
                    ended.into(),
                ],
            )]
        }
    }
}

/// Gives everybody some rows.
pub async fn write(house: &House, runner: &mut TestRunner) {
    let mut all: Vec<(String, Vec<Bound>)> = Vec::new();
    for key in BATCHES {
        let sql = "INSERT INTO coupon_batch (key, shop_id, face_minor, threshold_minor, currency, valid_days, budget_minor, \
                   outstanding_minor, created_count, document) VALUES ($1, (SELECT MIN(id) FROM shop), 1, 0, 'CNY', 7, 0, 0, 0, '{}')";
        all.push((sql.to_owned(), vec![key.into()]));
    }
    for key in CAMPAIGNS {
        let sql = "INSERT INTO campaign (key, state, trigger_kind, trigger_key, purpose, priority, created_at, changed_at) \
                   VALUES ($1, 'done', 'manual', '', 'marketing', 1, 0, 0) ON CONFLICT (key) DO NOTHING";
        all.push((sql.to_owned(), vec![key.into()]));
    }
    let blocked = "INSERT INTO blocked_identifier (list, kind, value, reason, actor, created_at) VALUES ('l', 'email', 'noreply@', '', 'test', 0)";
    all.push((blocked.to_owned(), vec![]));
    all.push(("UPDATE customer SET account_kind = 'reseller' WHERE id % 7 = 0".to_owned(), vec![]));
    let mut n = 0;
    for line in house.lines("SELECT id FROM customer ORDER BY id").await {
        let customer: i64 = line.parse().expect("a number");
        for row in prop::collection::vec(row(), 0..12).new_tree(runner).expect("rows").current() {
            n += 1;
            let statements = statements(&house.app.book, customer, n, &row);
            all.extend(statements.into_iter().map(|(sql, args)| (sql.to_owned(), args)));
        }
    }
    let store = &house.app.book.store;
    let backend = store.reader().get_database_backend();
    let written: Result<(), StoreError> = store
        .write(Lane::People, move |tx| {
            Box::pin(async move {
                for (sql, args) in all {
                    tx.execute_raw(Statement::from_sql_and_values(backend, sql, args)).await?;
                }
                Ok(())
            })
        })
        .await;
    written.expect("written");
}

/// A rule about records.
pub fn leaf() -> BoxedStrategy<Value> {
    let age = || {
        (prop::sample::select(vec!["within", "older_than"]), duration())
            .prop_map(|(op, span)| json!({op: span}))
    };
    let answers = vec![
        ("eq", json!("granted")),
        ("eq", json!("denied")),
        ("ne", json!("denied")),
        ("in", json!(["denied", "granted"])),
        ("exists", json!(true)),
        ("exists", json!(false)),
    ];
    let about = (prop::sample::select(CHANNELS.to_vec()), prop::sample::select(PURPOSES.to_vec()));
    let consent = (about, prop::sample::select(answers), prop::option::of(age())).prop_map(
        |((channel, purpose), (op, answer), said)| {
            let mut leaf = json!({"consent": purpose, "channel": channel, op: answer});
            if let Some(said) = said.filter(|_| leaf["exists"] != json!(false)) {
                leaf["said"] = said;
            }
            leaf
        },
    );
    let batch = prop::sample::select(vec![None, Some("spring"), Some("autumn"), Some("no such")]);
    let coupon = batch.prop_map(|batch| match batch {
        Some(batch) => json!({"coupon": "held", "batch": batch}),
        None => json!({"coupon": "held"}),
    });
    let key = || prop::sample::select(vec!["winback", "birthday", "no such"]);
    let count = prop_oneof![
        (prop::sample::select(vec!["eq", "ne", "lt", "lte", "gt", "gte"]), 0i64..4)
            .prop_map(|(op, n)| json!({op: n})),
        prop::collection::vec(0i64..4, 1..3).prop_map(|list| json!({"in": list})),
    ];
    let window = prop_oneof![
        3 => duration().prop_map(|span| ("within", json!(span))),
        1 => duration().prop_map(|span| ("before", json!(span))),
        1 => (1i64..200, 1i64..100).prop_map(|(n, more)| ("between", json!([format!("{}h", 6 * (n + more)), format!("{}h", 6 * n)]))),
    ];
    let did = prop::sample::select(vec!["entered", "left"]);
    let campaign = (key(), did, prop::option::of(count), prop::option::of(window)).prop_map(
        |(key, did, count, window)| {
            let mut leaf = json!({"campaign": key, "did": did});
            if let Some(count) = count {
                leaf["count"] = count;
            }
            if let Some((op, window)) = window {
                leaf[op] = window;
            }
            leaf
        },
    );
    let holdout = key().prop_map(|key| json!({"holdout_of": key}));
    let purpose = prop::sample::select(vec!["marketing", "survey", "service"]);
    let reach = (prop::sample::select(CHANNELS.to_vec()), purpose)
        .prop_map(|(channel, purpose)| json!({"reachable": channel, "purpose": purpose}));
    prop_oneof![4 => consent, 2 => coupon, 4 => campaign, 1 => holdout, 4 => reach].boxed()
}
