//! Touchpoints held until something changes: whose reason is gone is seen from the rows themselves, so whoever
//! ends a stop or a complaint, or frees a day, needs to know nothing of them.

use super::contact::keys;
use super::in_list::exec_in;
use super::sql::args;
use super::{Db, StoreError, Tx};
use domain::ids::TouchpointId;
use domain::time::Instant;

/// What holds a touchpoint until something changes, and how that is seen in SQL on `t`.
const HELD: [(&str, &str); 4] = [
    (
        "complaint_open",
        "NOT EXISTS (SELECT 1 FROM ticket x WHERE x.customer_id = t.customer_id AND x.complaint = 1 AND x.state = 'open')",
    ),
    (
        "stopped",
        "NOT EXISTS (SELECT 1 FROM stop s WHERE s.resumed_at IS NULL AND (s.scope = 'all' \
         OR s.scope = 'channel:' || t.channel \
         OR s.scope = 'campaign:' || (SELECT k.key FROM campaign k WHERE k.id = t.campaign_id)))",
    ),
    (
        "campaign_not_running",
        "NOT EXISTS (SELECT 1 FROM campaign k WHERE k.id = t.campaign_id AND k.state = 'paused')",
    ),
    // Of those that lost a day, the highest is looked at when it comes free.
    (
        "lower_priority",
        "NOT EXISTS (SELECT 1 FROM contact_day d JOIN touchpoint w ON w.id = d.touchpoint_id \
         WHERE d.customer_id = t.customer_id AND d.local_date = t.local_date \
         AND w.state NOT IN ('skipped', 'expired', 'failed')) \
         AND NOT EXISTS (SELECT 1 FROM touchpoint o WHERE o.customer_id = t.customer_id \
         AND o.local_date = t.local_date AND o.state = 'deferred' AND o.reason = 'lower_priority' \
         AND (o.priority > t.priority OR (o.priority = t.priority AND o.id < t.id)))",
    ),
];

/// Held touchpoints whose reason is gone.
pub async fn let_go(db: &Db, now: Instant, limit: i64) -> Result<Vec<TouchpointId>, StoreError> {
    let gone = HELD.map(|(reason, gone)| format!("(t.reason = '{reason}' AND {gone})")).join(" OR ");
    let sql = format!(
        "SELECT t.id FROM touchpoint t WHERE t.state = 'deferred' AND t.not_before > $1 AND ({gone}) \
         ORDER BY t.id LIMIT $2"
    );
    let rows = db.all(&sql, args![now, limit]).await?;
    rows.iter().map(|row| row.int("id").map(TouchpointId)).collect()
}

/// Makes held touchpoints due at `now`.
pub async fn look_again(tx: &Tx, now: Instant, ids: &[TouchpointId]) -> Result<u64, StoreError> {
    let sql =
        "UPDATE touchpoint SET not_before = $1 WHERE state = 'deferred' AND not_before > $1 AND id IN ({in})";
    exec_in(tx, sql, args![now], keys(ids.iter().map(|id| id.0))).await
}
