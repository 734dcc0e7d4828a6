//! Coupons (券) and what a batch has outstanding: reserved for a touchpoint, issued with it, released when it
//! ends unsent. One a batch, customer and source; the same again on every retry. Codes come hashed and sealed.

use super::contact::keys;
use super::coupon_batches::{self, CouponBatchRow};
use super::in_list::all_in;
use super::sql::args;
use super::{Db, StoreError, Tx, records};
use domain::customer::records::Kinds;
use domain::ids::{CampaignId, CouponBatchId, CouponId, CustomerId, TouchpointId};
use domain::time::Instant;
use std::collections::{BTreeSet, HashMap};

/// The batches with these ids.
pub async fn batches(
    db: &Db,
    ids: &[CouponBatchId],
) -> Result<HashMap<CouponBatchId, CouponBatchRow>, StoreError> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let all = coupon_batches::list(db).await?;
    Ok(all.into_iter().filter(|row| ids.contains(&row.id)).map(|row| (row.id, row)).collect())
}

/// A coupon wanted for a touchpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    pub touchpoint_id: TouchpointId,
    pub fence: i64,
    pub batch_id: CouponBatchId,
    pub customer_id: CustomerId,
    pub campaign_id: CampaignId,
    /// What it is for: enrollment and step.
    pub source_ref: String,
    /// The most all coupons of the campaign may be worth, minor units; none where it sets no limit.
    pub campaign_budget_minor: Option<i64>,
    /// Fresh codes to choose from; the first that nobody has is taken.
    pub codes: Vec<NewCode>,
}

/// A code as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCode {
    pub hash: String,
    pub sealed: String,
    pub last4: String,
}

/// What came of wanting one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reserved {
    Coupon {
        id: CouponId,
        sealed: String,
    },
    /// The batch's or the campaign's budget, or the batch's maximum, is used up.
    NoBudget,
    /// The customer has one of this batch already.
    HasOne,
    /// The touchpoint isn't what it was.
    Gone,
}

/// Reserves one coupon, or gives the one reserved for the same source before.
pub async fn reserve(tx: &Tx, now: Instant, wanted: &Wanted) -> Result<Reserved, StoreError> {
    let w = wanted;
    // Locks the batch first: budget, owner and code are decided by one at a time.
    let lock = if tx.is_postgres() { " FOR UPDATE" } else { "" };
    let sql = format!("SELECT face_minor FROM coupon_batch WHERE id = $1{lock}");
    let Some(face) = tx.number(&sql, args![w.batch_id]).await? else { return Ok(Reserved::NoBudget) };
    let own = "SELECT id, source_ref, state, sealed FROM coupon WHERE batch_id = $1 AND customer_id = $2";
    let (mut same, mut another) = (None, false);
    for row in tx.all(own, args![w.batch_id, w.customer_id]).await? {
        let state = row.text("state")?;
        if row.text("source_ref")? == w.source_ref {
            same = Some((CouponId(row.int("id")?), row.text("sealed")?, state));
        } else if matches!(state.as_str(), "reserved" | "issued" | "redeemed") {
            another = true;
        }
    }
    let (id, sealed) = match same {
        Some((id, sealed, state)) if state == "reserved" => (id, sealed),
        Some((_, _, state)) if state != "released" => return Ok(Reserved::HasOne),
        _ if another => return Ok(Reserved::HasOne),
        Some((id, sealed, _)) => {
            if !claim_budget(tx, w, face, 0).await? {
                return Ok(Reserved::NoBudget);
            }
            let sql =
                "UPDATE coupon SET state = 'reserved', reserved_at = $1 WHERE id = $2 AND state = 'released'";
            tx.exec_one("taking a released coupon again", sql, args![now, id]).await?;
            (id, sealed)
        }
        None => {
            if !claim_budget(tx, w, face, 1).await? {
                return Ok(Reserved::NoBudget);
            }
            insert(tx, now, w, face).await?
        }
    };
    let sql = "UPDATE touchpoint SET coupon_id = $1 WHERE id = $2 AND fence = $3 AND state = 'queued'";
    match tx.exec(sql, args![id, w.touchpoint_id, w.fence]).await? {
        1 => Ok(Reserved::Coupon { id, sealed }),
        // The caller's unit must not keep what was taken for nobody.
        _ => Ok(Reserved::Gone),
    }
}

/// Takes `face` and `codes` new codes from the batch, if its budget and maximum and the campaign's allow it.
async fn claim_budget(tx: &Tx, w: &Wanted, face: i64, codes: i64) -> Result<bool, StoreError> {
    if let Some(limit) = w.campaign_budget_minor {
        let sql = "SELECT CAST(COALESCE(SUM(c.face_minor), 0) AS BIGINT) FROM coupon c \
                   JOIN touchpoint t ON t.coupon_id = c.id \
                   WHERE c.batch_id = $1 AND t.campaign_id = $2 AND c.state IN ('reserved', 'issued', 'redeemed')";
        let bound = tx.number(sql, args![w.batch_id, w.campaign_id]).await?.unwrap_or(0);
        if bound + face > limit {
            return Ok(false);
        }
    }
    let sql = "UPDATE coupon_batch SET outstanding_minor = outstanding_minor + face_minor, \
               created_count = created_count + $1 WHERE id = $2 AND outstanding_minor + face_minor <= budget_minor \
               AND (maximum IS NULL OR created_count + $1 <= maximum)";
    Ok(tx.exec(sql, args![codes, w.batch_id]).await? == 1)
}

async fn insert(tx: &Tx, now: Instant, w: &Wanted, face: i64) -> Result<(CouponId, String), StoreError> {
    let sql = "INSERT INTO coupon (batch_id, customer_id, source_ref, code_hash, sealed, last4, face_minor, state, \
               reserved_at) VALUES ($1, $2, $3, $4, $5, $6, $7, 'reserved', $8) \
               ON CONFLICT (code_hash) DO NOTHING RETURNING id";
    for code in &w.codes {
        let args =
            args![w.batch_id, w.customer_id, &w.source_ref, &code.hash, &code.sealed, &code.last4, face, now];
        if let Some(row) = tx.one(sql, args).await? {
            return Ok((CouponId(row.int("id")?), code.sealed.clone()));
        }
    }
    Err(StoreError::Conflict { constraint: "coupon(code_hash)".to_owned() })
}

/// Until when the coupons of these touchpoints are good, as their mails say.
pub async fn set_validity(tx: &Tx, until: &[(CouponId, Instant)]) -> Result<(), StoreError> {
    for (id, until) in until {
        let sql = "UPDATE coupon SET expires_at = $1 WHERE id = $2 AND state = 'reserved'";
        tx.exec_one("a coupon's validity", sql, args![*until, *id]).await?;
    }
    Ok(())
}

/// The customers have, or may have, the coupons of these touchpoints: since the hand-over.
pub async fn issue(tx: &Tx, now: Instant, touchpoints: &[TouchpointId]) -> Result<(), StoreError> {
    let sql = "UPDATE coupon SET state = 'issued', issued_at = \
               (SELECT t.handed_at FROM touchpoint t WHERE t.coupon_id = coupon.id AND t.handed_at IS NOT NULL) \
               WHERE state = 'reserved' AND id IN (SELECT coupon_id FROM touchpoint WHERE coupon_id IS NOT NULL \
               AND id IN ({in})) RETURNING customer_id";
    let rows = all_in(tx, sql, vec![], keys(touchpoints.iter().map(|id| id.0))).await?;
    let issued: Result<BTreeSet<CustomerId>, StoreError> =
        rows.iter().map(|row| row.int("customer_id").map(CustomerId)).collect();
    records::changed(tx, &issued?, now, Kinds::COUPONS).await
}

/// The coupons of these touchpoints reached nobody: their face is free again.
pub async fn release(tx: &Tx, touchpoints: &[TouchpointId]) -> Result<(), StoreError> {
    let sql = "UPDATE coupon SET state = 'released' WHERE state = 'reserved' AND id IN (SELECT coupon_id \
               FROM touchpoint WHERE coupon_id IS NOT NULL AND id IN ({in})) RETURNING batch_id, face_minor";
    let mut freed: HashMap<i64, i64> = HashMap::new();
    for row in all_in(tx, sql, vec![], keys(touchpoints.iter().map(|id| id.0))).await? {
        *freed.entry(row.int("batch_id")?).or_default() += row.int("face_minor")?;
    }
    let mut freed: Vec<_> = freed.into_iter().collect();
    freed.sort_unstable();
    for (batch, face) in freed {
        let sql = "UPDATE coupon_batch SET outstanding_minor = outstanding_minor - $1 WHERE id = $2";
        tx.exec_one("a batch's outstanding face", sql, args![face, batch]).await?;
    }
    Ok(())
}
