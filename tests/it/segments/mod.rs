//! Segments in a whole house: kept by fact and as time passes, published, merged, rebuilt, told of at every door, and what they
//! start. What a segment says of a customer is tested where that is decided.

mod asked;
mod hands;
mod kept;
mod recorded;
mod shipped;
mod starting;
mod year;

use crate::support::care::{Care, at};
use domain::ids::CustomerId;
use kinkeeper::service::profile::{IdentifierKind, find};
use serde_json::{Value, json};

const RECENT: &str = "kind: segment
key: recent
name: { en: Recent buyers, zh-CN: 近期买家 }
rule: { profile: last_order_at, within: 30d }
";

const DEAR: &str = "kind: segment
key: dear
name: { en: Dear, zh-CN: 高消费 }
keep: on_demand
rule: { profile: spend_365, gte: '1000.00' }
";

const GUESTS: &str = "kind: segment
key: guests
name: { en: Guests, zh-CN: 嘉宾 }
keep: list
";

/// Who stands with which segment.
const STAND: &str = "SELECT i.value AS who, t.key, t.value FROM tag_current t JOIN identifier i ON i.customer_id = t.customer_id \
                     WHERE t.key LIKE 'segment:%' AND i.kind = 'user_id' ORDER BY i.value, t.key";
const HISTORY: &str =
    "SELECT key, from_value, to_value, cause FROM tag_history WHERE key LIKE 'segment:%' ORDER BY id";

fn order(user: &str, when: &str, total: u32) -> Value {
    json!({"type": "track", "messageId": format!("{user} {when}"), "userId": user, "event": "Order Completed",
        "timestamp": when, "properties": {"order_id": format!("{user}-{when}"), "total": total}})
}

async fn keep(care: &Care) {
    care.house.app.engine().drain_all().await.expect("kept");
}

async fn keep_at(care: &Care, when: &str) {
    care.set_now(at(when)).await;
    keep(care).await;
}

async fn who(care: &Care, user: &str) -> CustomerId {
    find(&care.house.app.book, IdentifierKind::UserId, user).await.expect("asked").expect("is in the book")
}
