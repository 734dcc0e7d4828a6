//! What started campaigns, or could have: changes of tags, events, slots, and what still waits for the planner.
//! Read for explanations only; whether a cause lets anybody in is the domain's to say.

use super::epoch::UNMARKED;
use super::in_list::all_in;
use super::sql::{Arg, Row, args, json};
use super::tickets::{self, TicketRow};
use super::{Db, StoreError};
use domain::ids::{CampaignId, CustomerId};
use domain::time::Instant;
use std::collections::{BTreeMap, HashSet};

/// A change of a tag, as the ledger has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagStep {
    pub from: Option<String>,
    pub to: Option<String>,
    /// When the new value truly began.
    pub since: Instant,
    pub recorded_at: Instant,
    /// Campaigns ignore it (历史补录).
    pub historical: bool,
    /// The order it was decided after, `<shop key>:<order id>`, where it was one.
    pub last_order: Option<String>,
}

/// The changes of one tag of these customers, oldest first.
pub async fn tag_steps(
    db: &Db,
    key: &str,
    customers: &[CustomerId],
) -> Result<BTreeMap<CustomerId, Vec<TagStep>>, StoreError> {
    let sql = "SELECT customer_id, from_value, to_value, since, recorded_at, historical, evidence \
               FROM tag_history \
               WHERE key = $1 AND customer_id IN ({in}) ORDER BY customer_id, id";
    let mut steps: BTreeMap<CustomerId, Vec<TagStep>> = BTreeMap::new();
    for row in all_in(db, sql, args![key], customers.iter().map(|id| id.arg()).collect()).await? {
        let customer = row.int("customer_id")?;
        let evidence: serde_json::Value = json("tag_history", "evidence", customer, &row.text("evidence")?)?;
        steps.entry(CustomerId(customer)).or_default().push(TagStep {
            from: row.opt_text("from_value")?,
            to: row.opt_text("to_value")?,
            since: row.at("since")?,
            recorded_at: row.at("recorded_at")?,
            historical: row.flag("historical")?,
            last_order: evidence["last_order_id"].as_str().map(str::to_owned),
        });
    }
    Ok(steps)
}

/// An event of a customer, as far as its campaign asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventLine {
    pub occurred_at: Instant,
    pub received_at: Instant,
    pub historical: bool,
    /// `<shop key>:<ticket id>` of a ticket's.
    pub ticket_key: Option<String>,
}

/// The latest events of this name.
pub async fn events(
    db: &Db,
    customer: CustomerId,
    name: &str,
    limit: i64,
) -> Result<Vec<EventLine>, StoreError> {
    let sql = "SELECT occurred_at, received_at, historical, ref_key FROM event WHERE customer_id = $1 \
               AND kind = $2 AND effective = 1 ORDER BY occurred_at DESC, id DESC LIMIT $3";
    let read = |row: &Row| {
        Ok(EventLine {
            occurred_at: row.at("occurred_at")?,
            received_at: row.at("received_at")?,
            historical: row.flag("historical")?,
            ticket_key: row.opt_text("ref_key")?,
        })
    };
    db.all(sql, args![customer, name, limit]).await?.iter().map(read).collect()
}

/// The ticket of each effective event of this name that occurred in `(from, until]`, as it stands now; none for one that
/// is about no ticket. Reads the whole log: for what is asked once in a book's life.
pub async fn tickets_of(
    db: &Db,
    name: &str,
    from: Instant,
    until: Instant,
) -> Result<Vec<Option<TicketRow>>, StoreError> {
    let sql = "SELECT ref_key FROM event WHERE kind = $1 AND effective = 1 AND occurred_at > $2 AND occurred_at <= $3";
    let rows = db.all(sql, args![name, from, until]).await?;
    let keys = rows.iter().map(|row| row.opt_text("ref_key")).collect::<Result<Vec<_>, _>>()?;
    let known = tickets::by_key(db, keys.iter().flatten().cloned().collect()).await?;
    Ok(keys.into_iter().map(|key| key.and_then(|key| known.get(&key).cloned())).collect())
}

/// A slot of a campaign, as planned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlotLine {
    /// `2011-12-25T10:00:00`, by every customer's own clock.
    pub slot: String,
    pub occasion_key: String,
    /// scheduled | open | done | missed
    pub state: String,
    /// Why it was missed.
    pub reason: Option<String>,
}

/// The latest slots put down, but for those another version took the place of.
pub async fn slots(db: &Db, campaign: CampaignId, limit: i64) -> Result<Vec<SlotLine>, StoreError> {
    let sql = "SELECT slot, occasion_key, state, reason FROM occurrence WHERE campaign_id = $1 \
               AND (reason IS NULL OR reason <> 'superseded') ORDER BY slot DESC LIMIT $2";
    let read = |row: &Row| {
        Ok(SlotLine {
            slot: row.text("slot")?,
            occasion_key: row.text("occasion_key")?,
            state: row.text("state")?,
            reason: row.opt_text("reason")?,
        })
    };
    db.all(sql, args![campaign, limit]).await?.iter().map(read).collect()
}

/// Of these customers those for whom a cause of this kind and key waits to be planned.
pub async fn queued(
    db: &Db,
    kind: &str,
    key: &str,
    customers: &[CustomerId],
) -> Result<HashSet<CustomerId>, StoreError> {
    let sql = "SELECT DISTINCT customer_id FROM trigger_queue WHERE kind = $1 AND key = $2 AND failed IS NULL \
               AND customer_id IN ({in})";
    let ids = customers.iter().map(|id| id.arg()).collect();
    let rows = all_in(db, sql, args![kind, key], ids).await?;
    rows.iter().map(|row| Ok(CustomerId(row.int("customer_id")?))).collect()
}

/// Of the customers after `first` up to `last` those of whom something changes by itself until `until`.
pub async fn changing(
    db: &Db,
    first: CustomerId,
    last: CustomerId,
    until: Instant,
) -> Result<HashSet<CustomerId>, StoreError> {
    let sql = format!(
        "SELECT customer_id FROM customer_due WHERE customer_id > $1 AND customer_id <= $2 \
         AND (due_at <= $3 OR ({UNMARKED}))"
    );
    let rows = db.all(&sql, args![first, last, until]).await?;
    rows.iter().map(|row| Ok(CustomerId(row.int("customer_id")?))).collect()
}
