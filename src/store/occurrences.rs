//! Slots of a schedule: each has one row, waits for its planning, is planned page by page over the customers
//! frozen at its start, and ends done or missed.

use super::sql::{Arg, args, places, word};
use super::{Claimed, Db, StoreError, Tx};
use chrono_tz::Tz;
use domain::ids::{CampaignId, CampaignVersionId, CustomerId, OccurrenceId};
use domain::time::Instant;
use sea_orm::Value;

/// A slot to be: its nominal local date-time in every customer's own zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewOccurrence {
    pub campaign_id: CampaignId,
    pub version_id: CampaignVersionId,
    /// `2011-12-25T10:00:00`.
    pub slot: String,
    pub occasion_key: String,
    /// When planning begins: before the slot's date begins anywhere the customers live.
    pub due_at: Instant,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OccurrenceState {
    Scheduled,
    Open,
    Done,
    Missed,
}

impl OccurrenceState {
    fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "scheduled" => Self::Scheduled,
            "open" => Self::Open,
            "done" => Self::Done,
            "missed" => Self::Missed,
            _ => return None,
        })
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Occurrence {
    pub id: OccurrenceId,
    pub campaign_id: CampaignId,
    pub version_id: CampaignVersionId,
    pub slot: String,
    pub occasion_key: String,
    pub due_at: Instant,
    pub state: OccurrenceState,
    pub cursor: CustomerId,
    pub frozen: CustomerId,
}

/// Puts a slot down once; a slot that is there stays as it is.
pub async fn schedule(tx: &Tx, new: NewOccurrence) -> Result<(), StoreError> {
    let sql = "INSERT INTO occurrence (campaign_id, campaign_version_id, slot, zone, occasion_key, due_at, state, \
               cursor_customer_id, frozen_max_id, fence) VALUES ($1, $2, $3, '*', $4, $5, 'scheduled', 0, 0, 0) \
               ON CONFLICT (campaign_id, slot, zone) DO NOTHING";
    tx.exec(sql, args![new.campaign_id, new.version_id, new.slot, new.occasion_key, new.due_at])
        .await
        .map(drop)
}

/// Puts a campaign's coming slots under another version: those it wants stay or come, those only the version
/// before wanted are missed as `superseded`; one broken under it is taken up again. What is being planned or was is left alone.
pub async fn put_under(tx: &Tx, campaign: CampaignId, wanted: Vec<NewOccurrence>) -> Result<(), StoreError> {
    let slots: Vec<Value> = wanted.iter().map(|new| new.slot.clone().arg()).collect();
    let others = if slots.is_empty() {
        String::new()
    } else {
        format!("AND slot NOT IN ({})", places(2, slots.len()))
    };
    let supersede = format!(
        "UPDATE occurrence SET state = 'missed', reason = 'superseded', leased_until = NULL, lease_owner = NULL, \
         fence = fence + 1 WHERE campaign_id = $1 AND state = 'scheduled' {others}"
    );
    tx.exec(&supersede, std::iter::once(campaign.arg()).chain(slots).collect()).await?;
    // The fence turns away a planner that has just read the slot under the version before.
    let adopt = "UPDATE occurrence SET state = 'scheduled', reason = NULL, campaign_version_id = $1, due_at = $2, \
                 leased_until = NULL, lease_owner = NULL, fence = fence + 1 WHERE campaign_id = $3 AND slot = $4 \
                 AND (state = 'scheduled' OR (state = 'missed' AND reason IN ('superseded', 'broken')))";
    for new in wanted {
        tx.exec(adopt, args![new.version_id, new.due_at, campaign, new.slot.clone()]).await?;
        schedule(tx, new).await?;
    }
    Ok(())
}

/// The slots whose planning hasn't begun: their nominal time, and when it is due.
pub async fn ahead(db: &Db) -> Result<Vec<(OccurrenceId, String, Instant)>, StoreError> {
    let rows = db
        .all("SELECT id, slot, due_at FROM occurrence WHERE state = 'scheduled' ORDER BY id", vec![])
        .await?;
    rows.iter().map(|row| Ok((OccurrenceId(row.int("id")?), row.text("slot")?, row.at("due_at")?))).collect()
}

/// Has a slot planned earlier, unless its planning has begun.
pub async fn bring_forward(tx: &Tx, id: OccurrenceId, due_at: Instant) -> Result<(), StoreError> {
    let sql = "UPDATE occurrence SET due_at = $1 WHERE id = $2 AND due_at > $1 AND state = 'scheduled'";
    tx.exec(sql, args![due_at, id]).await.map(drop)
}

pub async fn load(db: &Db, claimed: &[Claimed]) -> Result<Vec<Occurrence>, StoreError> {
    if claimed.is_empty() {
        return Ok(Vec::new());
    }
    let sql = format!(
        "SELECT id, campaign_id, campaign_version_id, slot, occasion_key, due_at, state, cursor_customer_id, \
         frozen_max_id FROM occurrence WHERE id IN ({}) ORDER BY due_at, id",
        places(1, claimed.len())
    );
    db.all(&sql, claimed.iter().map(|c| Value::BigInt(Some(c.key))).collect())
        .await?
        .iter()
        .map(|row| {
            let id = row.int("id")?;
            Ok(Occurrence {
                id: OccurrenceId(id),
                campaign_id: CampaignId(row.int("campaign_id")?),
                version_id: CampaignVersionId(row.int("campaign_version_id")?),
                slot: row.text("slot")?,
                occasion_key: row.text("occasion_key")?,
                due_at: row.at("due_at")?,
                state: word("occurrence", "state", id, &row.text("state")?, OccurrenceState::parse)?,
                cursor: CustomerId(row.int("cursor_customer_id")?),
                frozen: CustomerId(row.int("frozen_max_id")?),
            })
        })
        .collect()
}

/// Freezes who is looked at and opens the slot for planning. The lease stays.
pub async fn open(tx: &Tx, claimed: Claimed) -> Result<CustomerId, StoreError> {
    let frozen = tx.number("SELECT COALESCE(MAX(id), 0) FROM customer", vec![]).await?.unwrap_or(0);
    let sql = "UPDATE occurrence SET state = 'open', frozen_max_id = $1 WHERE id = $2 AND fence = $3 AND state = 'scheduled'";
    tx.exec_one("opening an occurrence", sql, args![frozen, claimed.key, claimed.fence]).await?;
    Ok(CustomerId(frozen))
}

/// Moves the cursor behind a planned page; the lease is given back for the next page.
pub async fn advance(tx: &Tx, claimed: Claimed, cursor: CustomerId) -> Result<(), StoreError> {
    let sql = "UPDATE occurrence SET cursor_customer_id = $1, leased_until = NULL, lease_owner = NULL \
               WHERE id = $2 AND fence = $3 AND state = 'open'";
    tx.exec_one("advancing an occurrence", sql, args![cursor, claimed.key, claimed.fence]).await
}

/// Ends a slot: `done`, or `missed` with the reason.
pub async fn end(tx: &Tx, claimed: Claimed, missed: Option<&str>) -> Result<(), StoreError> {
    let state = if missed.is_some() { "missed" } else { "done" };
    let sql = "UPDATE occurrence SET state = $1, reason = $2, leased_until = NULL, lease_owner = NULL \
               WHERE id = $3 AND fence = $4 AND state IN ('scheduled', 'open')";
    tx.exec_one("ending an occurrence", sql, args![state, missed, claimed.key, claimed.fence]).await
}

/// Ends a slot that can't be planned as missed, and gives whether it did; another version may take it up again.
pub async fn break_off(tx: &Tx, claimed: Claimed) -> Result<bool, StoreError> {
    let sql = "UPDATE occurrence SET state = 'missed', reason = 'broken', leased_until = NULL, lease_owner = NULL \
               WHERE id = $1 AND fence = $2 AND state IN ('scheduled', 'open')";
    Ok(tx.exec(sql, args![claimed.key, claimed.fence]).await? == 1)
}

/// A page of the customers frozen at the start: id and own zone.
pub async fn page(
    db: &Db,
    after: CustomerId,
    frozen: CustomerId,
    limit: i64,
) -> Result<Vec<(CustomerId, Option<Tz>)>, StoreError> {
    let sql = "SELECT id, zone FROM customer WHERE id > $1 AND id <= $2 AND erased_at IS NULL AND merged_into IS NULL ORDER BY id LIMIT $3";
    db.all(sql, args![after, frozen, limit])
        .await?
        .iter()
        .map(|row| Ok((CustomerId(row.int("id")?), row.opt_text("zone")?.and_then(|zone| zone.parse().ok()))))
        .collect()
}

/// The zones customers live in, as far as known.
pub async fn zones(db: &Db) -> Result<Vec<Tz>, StoreError> {
    // From one zone to the next in the index: there are many customers and few zones.
    let sql = "WITH RECURSIVE known (zone) AS (SELECT MIN(zone) FROM customer WHERE zone IS NOT NULL UNION ALL \
               SELECT (SELECT MIN(c.zone) FROM customer c WHERE c.zone IS NOT NULL AND c.zone > known.zone) FROM known \
               WHERE known.zone IS NOT NULL) SELECT zone FROM known WHERE zone IS NOT NULL";
    let rows = db.all(sql, vec![]).await?;
    let names = rows.iter().map(|row| row.text("zone")).collect::<Result<Vec<_>, _>>()?;
    Ok(names.iter().filter_map(|name| name.parse().ok()).collect())
}
