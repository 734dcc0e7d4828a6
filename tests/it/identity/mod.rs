//! Who is who: merging gives one customer with everything, parting gives each back their own.

mod accounts;
mod blocked;
mod care;
mod laws;
mod merging;
mod resolving;
mod slept;

use crate::support::book::House;
use domain::ids::CustomerId;
use kinkeeper::service::profile::{IdentifierKind, find};
use sea_orm::{ConnectionTrait, QueryResult, Statement};
use serde_json::{Value, json};

/// 2026-09-25T02:00:00Z.
const NOW: &str = "clock=2026-09-25T10:00:00+08:00";

/// Sends events by the front door and leaves the keeper's work undone.
async fn send(house: &House, events: Vec<Value>) {
    house.send(events).await;
}

async fn keep(house: &House) {
    house.app.engine().drain_all().await.expect("kept");
}

async fn rows(house: &House, sql: &str) -> Vec<QueryResult> {
    let db = house.app.book.store.reader();
    let statement = Statement::from_string(db.get_database_backend(), sql.to_owned());
    db.query_all_raw(statement).await.unwrap_or_else(|e| panic!("{sql}: {e}"))
}

async fn number(house: &House, sql: &str) -> i64 {
    let rows = rows(house, sql).await;
    rows.first().and_then(|row| row.try_get_by_index(0).ok()).unwrap_or_else(|| panic!("{sql}: no number"))
}

/// Who the book takes this user id for.
async fn who(house: &House, user: &str) -> CustomerId {
    find(&house.app.book, IdentifierKind::UserId, user).await.expect("asked").expect("is in the book")
}

fn identify(user: &str, at: &str, traits: Value) -> Value {
    json!({"type": "identify", "messageId": format!("i-{user}-{at}"), "userId": user, "traits": traits, "timestamp": at})
}

fn track(user: &str, event: &str, at: &str, properties: Value) -> Value {
    json!({"type": "track", "messageId": format!("{user} {event} {at} {properties}"), "userId": user, "event": event,
           "timestamp": at, "properties": properties})
}

fn order(user: &str, id: &str, at: &str, total: &str) -> Value {
    track(user, "Order Completed", at, json!({"order_id": id, "total": total}))
}
