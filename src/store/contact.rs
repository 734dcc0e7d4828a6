//! What decides whether somebody may be contacted: consents, contact points, contacts that count, who holds
//! a contact day, who of a shared address was reached. What it means is the gate's.

use super::blocked;
use super::consents::consents_in_force;
use super::in_list::{all_in, exec_in};
use super::sql::{args, places, word};
use super::{Db, StoreError, Tx};
use chrono::NaiveDate;
use domain::campaign::gate::Consent;
use domain::campaign::touch::TouchState;
use domain::customer::consent::Word;
use domain::customer::identity::Kind;
use domain::ids::{CampaignId, CustomerId, TouchpointId};
use domain::time::Instant;
use sea_orm::Value;
use std::collections::HashMap;

/// Where somebody can be reached.
#[derive(Clone, PartialEq, Eq)]
pub struct Point {
    pub value: String,
    /// `real`, `relay` or `masked`.
    pub class: String,
    pub usable: bool,
}

/// Where a message would go: the primary point that may be used. `points` as [`points`] gives them.
pub fn target(points: &[Point]) -> Option<&Point> {
    points.iter().find(|point| point.usable && point.class == "real")
}

/// Who holds a customer's contact day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    pub touchpoint_id: TouchpointId,
    pub campaign_key: String,
    pub priority: u8,
    pub state: TouchState,
    pub expires_at: Instant,
}

/// A contact that counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Contact {
    pub at: Instant,
    /// None for contacts by others.
    pub touchpoint_id: Option<TouchpointId>,
}

pub(super) fn keys(ids: impl IntoIterator<Item = i64>) -> Vec<Value> {
    let mut ids: Vec<i64> = ids.into_iter().collect();
    ids.sort_unstable();
    ids.dedup();
    ids.into_iter().map(|id| Value::BigInt(Some(id))).collect()
}

fn customers_of(customers: &[CustomerId]) -> Vec<Value> {
    keys(customers.iter().map(|id| id.0))
}

/// Locks these customers to the transaction's end, so that an opt-out by whatever door, or another hand-over
/// of theirs, comes before or after it as a whole. On SQLite the one writer does that.
pub async fn lock(tx: &Tx, customers: &[CustomerId]) -> Result<(), StoreError> {
    super::wakes::lock(tx, &customers.iter().copied().collect()).await?;
    if tx.is_postgres() {
        let sql = "SELECT id FROM customer WHERE id IN ({in}) ORDER BY id FOR UPDATE";
        all_in(tx, sql, vec![], customers_of(customers)).await?;
    }
    Ok(())
}

/// What counts by customer, channel and purpose. Who never said anything isn't in it.
pub async fn consents(
    db: &Db,
    customers: &[CustomerId],
) -> Result<HashMap<(CustomerId, String, String), Consent>, StoreError> {
    let mut counts = HashMap::new();
    for (customer, said) in consents_in_force(db, customers).await? {
        for ((channel, purpose), said) in said {
            let state = match said.word {
                Word::Denied => Consent::Refused,
                Word::Granted => Consent::Granted,
                Word::Unknown => continue,
            };
            counts.insert((customer, channel, purpose), state);
        }
    }
    Ok(counts)
}

/// The contact points by customer and channel, the primary first. What is blocked as anybody's isn't usable.
pub async fn points(
    db: &Db,
    customers: &[CustomerId],
) -> Result<HashMap<(CustomerId, String), Vec<Point>>, StoreError> {
    let sql = "SELECT customer_id, channel, value, class, usable FROM contact_point WHERE customer_id IN ({in}) \
               ORDER BY is_primary DESC, id";
    let mut points: HashMap<_, Vec<Point>> = HashMap::new();
    for row in all_in(db, sql, vec![], customers_of(customers)).await? {
        let key = (CustomerId(row.int("customer_id")?), row.text("channel")?);
        let point =
            Point { value: row.text("value")?, class: row.text("class")?, usable: row.flag("usable")? };
        points.entry(key).or_default().push(point);
    }
    let said = |((_, channel), of): (&(CustomerId, String), &Vec<Point>)| -> Vec<(String, String)> {
        of.iter().map(|point| (channel.clone(), point.value.clone())).collect()
    };
    let said: Vec<(String, String)> = points.iter().flat_map(said).collect();
    let entries =
        blocked::of_addresses(said.iter().map(|(channel, value)| (channel.as_str(), value.as_str())));
    let blocked = blocked::find(db, entries).await?;
    for ((_, channel), of) in &mut points {
        let Some(kind) = Kind::parse(channel) else { continue };
        of.iter_mut().for_each(|point| point.usable &= !blocked.holds_address(kind, &point.value));
    }
    Ok(points)
}

/// The scope under which each of these hashes of a channel is suppressed, if it is.
pub async fn suppressed(
    db: &Db,
    hashes: Vec<(String, String)>,
) -> Result<HashMap<(String, String), String>, StoreError> {
    let values = hashes.into_iter().map(|(_, hash)| Value::String(Some(hash))).collect();
    let sql = "SELECT channel, value_hash, scope FROM suppression WHERE value_hash IN ({in})";
    let mut scopes = HashMap::new();
    for row in all_in(db, sql, vec![], values).await? {
        scopes.insert((row.text("channel")?, row.text("value_hash")?), row.text("scope")?);
    }
    Ok(scopes)
}

/// An open complaint of each customer that has one, by the name people know it by.
pub async fn open_complaints(
    db: &Db,
    customers: &[CustomerId],
) -> Result<HashMap<CustomerId, String>, StoreError> {
    let sql = "SELECT customer_id, ticket_key FROM ticket WHERE customer_id IN ({in}) AND complaint = 1 \
               AND state = 'open' ORDER BY id DESC";
    let mut open = HashMap::new();
    for row in all_in(db, sql, vec![], customers_of(customers)).await? {
        open.insert(CustomerId(row.int("customer_id")?), row.text("ticket_key")?);
    }
    Ok(open)
}

/// The contacts after `since` that count: the daemon's own, and those other tools made (`Contact Made`). Calls
/// people logged don't: nothing says which of them were courtesy.
pub async fn contacts(
    db: &Db,
    customers: &[CustomerId],
    since: Instant,
) -> Result<HashMap<CustomerId, Vec<Contact>>, StoreError> {
    let sql = "SELECT customer_id, touchpoint_id, counted_at FROM contact_ledger WHERE counted_at > $1 \
               AND customer_id IN ({in})";
    let others = "SELECT customer_id, CAST(NULL AS BIGINT) AS touchpoint_id, made_at AS counted_at FROM contact_made \
                  WHERE made_at > $1 AND kind = 'contact' AND inbound = 0 AND customer_id IN ({in})";
    let mut contacts: HashMap<_, Vec<Contact>> = HashMap::new();
    for sql in [sql, others] {
        for row in all_in(db, sql, args![since], customers_of(customers)).await? {
            let touchpoint_id = row.opt_int("touchpoint_id")?.map(TouchpointId);
            let contact = Contact { at: row.at("counted_at")?, touchpoint_id };
            contacts.entry(CustomerId(row.int("customer_id")?)).or_default().push(contact);
        }
    }
    Ok(contacts)
}

/// Who holds the days from `first` on. A holder that ended without a hand-over holds nothing.
pub async fn days(
    db: &Db,
    customers: &[CustomerId],
    first: NaiveDate,
) -> Result<HashMap<(CustomerId, NaiveDate), Holder>, StoreError> {
    let sql = "SELECT d.customer_id, d.local_date, d.priority, t.id, t.state, t.expires_at, c.key FROM contact_day d \
               JOIN touchpoint t ON t.id = d.touchpoint_id JOIN campaign c ON c.id = t.campaign_id \
               WHERE d.local_date >= $1 AND d.customer_id IN ({in})";
    let mut days = HashMap::new();
    for row in all_in(db, sql, args![first.to_string()], customers_of(customers)).await? {
        let id = row.int("id")?;
        let holder = Holder {
            touchpoint_id: TouchpointId(id),
            campaign_key: row.text("key")?,
            priority: u8::try_from(row.int("priority")?).unwrap_or(u8::MAX),
            state: word("touchpoint", "state", id, &row.text("state")?, TouchState::parse)?,
            expires_at: row.at("expires_at")?,
        };
        if holder.state.ended_without_hand_over() {
            continue;
        }
        let date = word("contact_day", "local_date", id, &row.text("local_date")?, |d| d.parse().ok())?;
        days.insert((CustomerId(row.int("customer_id")?), date), holder);
    }
    Ok(days)
}

/// A contact day about to be held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Take {
    pub customer_id: CustomerId,
    pub date: NaiveDate,
    pub touchpoint_id: TouchpointId,
    pub priority: u8,
    /// Where the day after it begins: until then a loser waits.
    pub next_day: Instant,
}

/// Holds these days, whoever held them. The caller has the customers locked and has seen who that is.
pub async fn take_days(tx: &Tx, takes: Vec<Take>) -> Result<(), StoreError> {
    let rows = takes
        .into_iter()
        .map(|t| args![t.customer_id, t.date.to_string(), t.touchpoint_id, i64::from(t.priority)])
        .collect();
    let tail = "ON CONFLICT (customer_id, local_date) DO UPDATE SET touchpoint_id = excluded.touchpoint_id, \
                priority = excluded.priority";
    tx.insert_many("contact_day", &["customer_id", "local_date", "touchpoint_id", "priority"], rows, tail)
        .await
        .map(drop)
}

/// Gives up every day these touchpoints hold.
pub async fn free_days(tx: &Tx, touchpoints: &[TouchpointId]) -> Result<(), StoreError> {
    let sql = "DELETE FROM contact_day WHERE touchpoint_id IN ({in})";
    exec_in(tx, sql, vec![], keys(touchpoints.iter().map(|id| id.0))).await.map(drop)
}

/// One contact to be counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counted {
    pub customer_id: CustomerId,
    pub touchpoint_id: TouchpointId,
    pub channel: String,
    pub purpose: String,
    pub local_date: NaiveDate,
}

/// Counts contacts at `now`.
pub async fn count(tx: &Tx, now: Instant, contacts: Vec<Counted>) -> Result<(), StoreError> {
    let columns = ["customer_id", "touchpoint_id", "channel", "purpose", "local_date", "counted_at"];
    let rows = contacts
        .into_iter()
        .map(|c| args![c.customer_id, c.touchpoint_id, c.channel, c.purpose, c.local_date.to_string(), now])
        .collect();
    tx.insert_many("contact_ledger", &columns, rows, "").await.map(drop)
}

/// What was counted for these touchpoints reached nobody after all.
pub async fn uncount(tx: &Tx, touchpoints: &[TouchpointId]) -> Result<(), StoreError> {
    let sql = "DELETE FROM contact_ledger WHERE touchpoint_id IN ({in})";
    exec_in(tx, sql, vec![], keys(touchpoints.iter().map(|id| id.0))).await.map(drop)
}

/// One occasion about to reach one contact point.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reach {
    pub campaign_id: CampaignId,
    pub occasion_key: String,
    pub step: usize,
    pub contact_hash: String,
    pub touchpoint_id: TouchpointId,
}

/// Notes which touchpoint reaches each contact point on an occasion; gives those that come too late, since
/// another one reaches it.
pub async fn reach(tx: &Tx, reaches: &[Reach]) -> Result<Vec<TouchpointId>, StoreError> {
    if reaches.is_empty() {
        return Ok(Vec::new());
    }
    let rows = reaches
        .iter()
        .map(|r| args![r.campaign_id, &r.occasion_key, r.step as i64, &r.contact_hash, r.touchpoint_id])
        .collect();
    let columns = ["campaign_id", "occasion_key", "step", "contact_hash", "touchpoint_id"];
    let tail = "ON CONFLICT (campaign_id, occasion_key, step, contact_hash) DO NOTHING";
    if tx.insert_many("occasion_contact", &columns, rows, tail).await? == reaches.len() as u64 {
        return Ok(Vec::new());
    }
    let held = format!(
        "SELECT touchpoint_id FROM occasion_contact WHERE touchpoint_id IN ({})",
        places(1, reaches.len())
    );
    let ids = reaches.iter().map(|r| Value::BigInt(Some(r.touchpoint_id.0))).collect();
    let rows = tx.all(&held, ids).await?;
    let held = rows.iter().map(|row| row.int("touchpoint_id")).collect::<Result<Vec<_>, _>>()?;
    Ok(reaches.iter().map(|r| r.touchpoint_id).filter(|id| !held.contains(&id.0)).collect())
}

/// What these touchpoints would have reached is free for others of the occasion.
pub async fn unreach(tx: &Tx, touchpoints: &[TouchpointId]) -> Result<(), StoreError> {
    let sql = "DELETE FROM occasion_contact WHERE touchpoint_id IN ({in})";
    exec_in(tx, sql, vec![], keys(touchpoints.iter().map(|id| id.0))).await.map(drop)
}
