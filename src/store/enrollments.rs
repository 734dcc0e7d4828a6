//! Customers' ways through campaigns: entering, what is known of each, moving on, ending. What the next
//! step is, is the domain's; sending is another file's.

use super::in_list::all_in;
use super::sql::{Arg, Row, args, json, places, word};
use super::{Claimed, Db, StoreError, Tx, contact, coupons, records, touchpoints};
use chrono_tz::Tz;
use domain::campaign::definition::Channel;
use domain::campaign::guard::Entered;
use domain::campaign::journey::{Happened, Standing, Touch};
use domain::campaign::state::EnrollmentState;
use domain::campaign::touch::{Reason, TouchState};
use domain::customer::records::Kinds;
use domain::ids::{CampaignId, CampaignVersionId, CustomerId, EnrollmentId};
use domain::time::Instant;
use sea_orm::Value;
use std::collections::{BTreeSet, HashMap, HashSet};

/// Somebody about to enter.
#[derive(Debug, Clone, PartialEq)]
pub struct NewEnrollment {
    pub campaign_id: CampaignId,
    pub version_id: CampaignVersionId,
    pub customer_id: CustomerId,
    pub occasion_key: String,
    /// The true instant of the cause: slot, tag's since, event's occurred_at.
    pub cause_at: Instant,
    pub payload: serde_json::Value,
}

/// Lets them in, due at once; whoever is in for the same occasion already stays as they are. The caller has passed
/// the gate of `clusters`: whoever was merged since they were read of enters as who they are now.
/// Gives how many entered.
pub async fn enter(tx: &Tx, now: Instant, new: Vec<NewEnrollment>) -> Result<u64, StoreError> {
    let columns = [
        "campaign_id",
        "campaign_version_id",
        "customer_id",
        "occasion_key",
        "arm",
        "cause_at",
        "entered_at",
        "step",
        "state",
        "payload",
        "wake_at",
        "fence",
    ];
    let now_is = super::clusters::canonical(tx, new.iter().map(|e| e.customer_id)).await?;
    let rows = new
        .into_iter()
        .map(|e| {
            args![
                e.campaign_id,
                e.version_id,
                now_is.get(&e.customer_id).copied().unwrap_or(e.customer_id),
                e.occasion_key,
                "treated",
                e.cause_at,
                now,
                0i64,
                "active",
                e.payload.to_string(),
                now,
                0i64
            ]
        })
        .collect();
    let tail = "ON CONFLICT (campaign_id, customer_id, occasion_key) DO NOTHING RETURNING customer_id";
    let entered = tx.insert_returning("enrollment", &columns, rows, tail).await?;
    came_or_left(tx, now, &entered).await?;
    Ok(entered.len() as u64)
}

/// Whoever these rows are of came into a campaign, or left one.
async fn came_or_left(tx: &Tx, now: Instant, rows: &[Row]) -> Result<(), StoreError> {
    let whose: Result<BTreeSet<CustomerId>, StoreError> =
        rows.iter().map(|row| row.int("customer_id").map(CustomerId)).collect();
    records::changed(tx, &whose?, now, Kinds::CAMPAIGNS).await
}

/// The cause of each customer's last entry into each of these campaigns. Holds the customers until the
/// transaction ends: whoever else lets them in waits, and sees what came of it.
pub async fn hold_last_entries(
    tx: &Tx,
    campaigns: &BTreeSet<CampaignId>,
    customers: &BTreeSet<CustomerId>,
) -> Result<HashMap<(CampaignId, CustomerId), Instant>, StoreError> {
    super::wakes::lock(tx, customers).await?;
    let sql = format!(
        "SELECT campaign_id, customer_id, MAX(cause_at) AS last FROM enrollment WHERE campaign_id IN ({}) \
         AND customer_id IN ({{in}}) GROUP BY campaign_id, customer_id",
        places(1, campaigns.len())
    );
    let fixed = campaigns.iter().map(|id| id.arg()).collect();
    all_in(tx, &sql, fixed, customers.iter().map(|id| id.arg()).collect())
        .await?
        .iter()
        .map(|row| {
            let whose = (CampaignId(row.int("campaign_id")?), CustomerId(row.int("customer_id")?));
            Ok((whose, row.at("last")?))
        })
        .collect()
}

/// Entries of these customers since an instant, in whatever state.
pub async fn entries_since(
    tx: &Tx,
    customers: &BTreeSet<CustomerId>,
    since: Instant,
) -> Result<HashMap<CustomerId, Vec<Entered>>, StoreError> {
    let sql =
        "SELECT id, customer_id, entered_at FROM enrollment WHERE entered_at >= $1 AND customer_id IN ({in})";
    let mut entries: HashMap<CustomerId, Vec<Entered>> = HashMap::new();
    for row in all_in(tx, sql, args![since], customers.iter().map(|id| id.arg()).collect()).await? {
        let entered = Entered { at: row.at("entered_at")?, enrollment: EnrollmentId(row.int("id")?) };
        entries.entry(CustomerId(row.int("customer_id")?)).or_default().push(entered);
    }
    Ok(entries)
}

/// Ends those of these that go on, before anything of them was planned: they are one too many. Gives how many there were.
pub async fn stop_loop(tx: &Tx, ids: &[EnrollmentId], now: Instant) -> Result<u64, StoreError> {
    let sql = "UPDATE enrollment SET state = 'exited', reason = 'loop', ended_at = $1, fence = fence + 1 \
               WHERE state = 'active' AND entered_at = $1 AND id IN ({in}) RETURNING customer_id";
    let ended = all_in(tx, sql, args![now], ids.iter().map(|id| id.arg()).collect()).await?;
    came_or_left(tx, now, &ended).await?;
    Ok(ended.len() as u64)
}

/// An enrollment with what its next step depends on.
#[derive(Debug, Clone)]
pub struct Enrolled {
    pub claimed: Claimed,
    pub id: EnrollmentId,
    pub campaign_id: CampaignId,
    pub version_id: CampaignVersionId,
    pub customer_id: CustomerId,
    pub occasion_key: String,
    pub cause_at: Instant,
    pub step: usize,
    pub payload: serde_json::Value,
    pub zone: Option<Tz>,
    pub touches: Vec<Touch>,
    pub ordered: Happened,
    pub opted_out: Happened,
    pub complained: Happened,
    pub standing: Standing,
}

/// Reads the claimed enrollments with everything about them, in a handful of statements.
pub async fn load(db: &Db, claimed: &[Claimed]) -> Result<Vec<Enrolled>, StoreError> {
    if claimed.is_empty() {
        return Ok(Vec::new());
    }
    let fences: HashMap<i64, Claimed> = claimed.iter().map(|c| (c.key, *c)).collect();
    let ids: Vec<Value> = claimed.iter().map(|c| Value::BigInt(Some(c.key))).collect();
    let sql = format!(
        "SELECT e.id, e.campaign_id, e.campaign_version_id, e.customer_id, e.occasion_key, e.cause_at, e.step, \
         e.payload, c.zone FROM enrollment e JOIN customer c ON c.id = e.customer_id \
         WHERE e.state = 'active' AND e.id IN ({}) ORDER BY e.cause_at, e.id",
        places(1, ids.len())
    );
    let mut enrolled = Vec::with_capacity(claimed.len());
    for row in db.all(&sql, ids.clone()).await? {
        enrolled.extend(read(&row, &fences)?);
    }
    let mut touches = touches(db, ids).await?;
    let customers: Vec<CustomerId> = enrolled.iter().map(|e| e.customer_id).collect();
    let facts = Facts::load(db, &customers).await?;
    for e in &mut enrolled {
        e.touches = touches.remove(&e.id).unwrap_or_default();
        facts.tell(e);
    }
    Ok(enrolled)
}

fn read(row: &Row, fences: &HashMap<i64, Claimed>) -> Result<Option<Enrolled>, StoreError> {
    let id = row.int("id")?;
    let Some(claimed) = fences.get(&id) else { return Ok(None) };
    Ok(Some(Enrolled {
        claimed: *claimed,
        id: EnrollmentId(id),
        campaign_id: CampaignId(row.int("campaign_id")?),
        version_id: CampaignVersionId(row.int("campaign_version_id")?),
        customer_id: CustomerId(row.int("customer_id")?),
        occasion_key: row.text("occasion_key")?,
        cause_at: row.at("cause_at")?,
        step: usize::try_from(row.int("step")?).unwrap_or(0),
        payload: json("enrollment", "payload", id, &row.text("payload")?)?,
        zone: row.opt_text("zone")?.and_then(|zone| zone.parse().ok()),
        touches: Vec::new(),
        ordered: Happened::No,
        opted_out: Happened::No,
        complained: Happened::No,
        standing: Standing::Ordinary,
    }))
}

async fn touches(db: &Db, enrollments: Vec<Value>) -> Result<HashMap<EnrollmentId, Vec<Touch>>, StoreError> {
    let sql = format!(
        "SELECT id, enrollment_id, step, channel, state, reason, expires_at FROM touchpoint \
         WHERE enrollment_id IN ({}) ORDER BY id",
        places(1, enrollments.len())
    );
    let mut found: HashMap<EnrollmentId, Vec<Touch>> = HashMap::new();
    for row in db.all(&sql, enrollments).await? {
        let id = row.int("id")?;
        found.entry(EnrollmentId(row.int("enrollment_id")?)).or_default().push(Touch {
            step: usize::try_from(row.int("step")?).unwrap_or(0),
            channel: word("touchpoint", "channel", id, &row.text("channel")?, Channel::parse)?,
            state: word("touchpoint", "state", id, &row.text("state")?, TouchState::parse)?,
            reason: row
                .opt_text("reason")?
                .map(|text| word("touchpoint", "reason", id, &text, Reason::parse))
                .transpose()?,
            expires_at: row.at("expires_at")?,
        });
    }
    Ok(found)
}

/// What ends enrollments, and who is a VIP, for a batch of customers.
struct Facts {
    last_order: HashMap<i64, Instant>,
    refused: HashMap<i64, Instant>,
    complained: HashMap<i64, Instant>,
    vips: HashSet<i64>,
}

impl Facts {
    async fn load(db: &Db, customers: &[CustomerId]) -> Result<Self, StoreError> {
        let mut facts = Self {
            last_order: HashMap::new(),
            refused: HashMap::new(),
            complained: HashMap::new(),
            vips: HashSet::new(),
        };
        if customers.is_empty() {
            return Ok(facts);
        }
        let list = places(1, customers.len());
        let ids = || customers.iter().map(|id| Value::BigInt(Some(id.0))).collect::<Vec<_>>();
        // A counted order: paid, not cancelled, not refunded in full.
        let sql = format!(
            "SELECT customer_id, MAX(paid_at) AS at FROM orders WHERE customer_id IN ({list}) AND paid_at IS NOT NULL \
             AND cancelled_at IS NULL AND (total_minor = 0 OR refunded_minor < total_minor) GROUP BY customer_id"
        );
        for row in db.all(&sql, ids()).await? {
            facts.last_order.insert(row.int("customer_id")?, row.at("at")?);
        }
        let sql = format!(
            "SELECT customer_id, COALESCE(origin_customer_id, customer_id) AS side, occurred_at, state FROM consent \
             c WHERE customer_id IN ({list}) AND purpose = 'marketing' AND revokes IS NULL \
             AND NOT EXISTS (SELECT 1 FROM consent r WHERE r.revokes = c.id) ORDER BY occurred_at, id"
        );
        // By side: one's grant doesn't take back the other's refusal.
        let mut refused: HashMap<(i64, i64), Instant> = HashMap::new();
        for row in db.all(&sql, ids()).await? {
            let side = (row.int("customer_id")?, row.int("side")?);
            match row.text("state")?.as_str() {
                "denied" => drop(refused.insert(side, row.at("occurred_at")?)),
                _ => drop(refused.remove(&side)),
            }
        }
        for ((customer, _), at) in refused {
            let latest = facts.refused.entry(customer).or_insert(at);
            *latest = at.max(*latest);
        }
        // An open one is as if it were opened just now.
        let sql = format!(
            "SELECT customer_id, MAX(CASE WHEN state = 'open' THEN {} ELSE COALESCE(opened_at, 0) END) AS at \
             FROM ticket WHERE customer_id IN ({list}) AND complaint = 1 GROUP BY customer_id",
            Instant::MAX.micros()
        );
        for row in db.all(&sql, ids()).await? {
            facts.complained.insert(row.int("customer_id")?, row.at("at")?);
        }
        let sql =
            format!("SELECT customer_id FROM tag_current WHERE key = 'vip' AND customer_id IN ({list})");
        for row in db.all(&sql, ids()).await? {
            facts.vips.insert(row.int("customer_id")?);
        }
        Ok(facts)
    }

    fn tell(&self, e: &mut Enrolled) {
        let customer = e.customer_id.0;
        let yes = |is: bool| if is { Happened::Yes } else { Happened::No };
        e.ordered = yes(self.last_order.get(&customer).is_some_and(|at| *at > e.cause_at));
        e.opted_out = yes(self.refused.get(&customer).is_some_and(|at| *at >= e.cause_at));
        e.complained = yes(self.complained.get(&customer).is_some_and(|at| *at >= e.cause_at));
        if self.vips.contains(&customer) {
            e.standing = Standing::Vip;
        }
    }
}

/// Stands at `step` and is due again at `wake_at`; the lease is given back. `false`: something happened to
/// the enrollment since it was claimed, nothing was changed, and it is due again by itself.
pub async fn stand(tx: &Tx, claimed: Claimed, step: usize, wake_at: Instant) -> Result<bool, StoreError> {
    let sql = "UPDATE enrollment SET step = $1, wake_at = $2, leased_until = NULL, lease_owner = NULL \
               WHERE id = $3 AND fence = $4 AND state = 'active'";
    Ok(tx.exec(sql, args![step as i64, wake_at, claimed.key, claimed.fence]).await? == 1)
}

/// Ends an enrollment; `false` as in [`stand`].
pub async fn end(
    tx: &Tx,
    claimed: Claimed,
    state: EnrollmentState,
    reason: Option<&str>,
    now: Instant,
) -> Result<bool, StoreError> {
    let sql = "UPDATE enrollment SET state = $1, reason = $2, ended_at = $3, leased_until = NULL, lease_owner = NULL \
               WHERE id = $4 AND fence = $5 AND state = 'active' RETURNING customer_id";
    let ended = tx.all(sql, args![state.as_str(), reason, now, claimed.key, claimed.fence]).await?;
    came_or_left(tx, now, &ended).await?;
    Ok(!ended.is_empty())
}

/// Ends an enrollment that can't go on as `failed`, with why. One whose touchpoint is being handed over waits for
/// its end, which wakes it. `false`: it waits, or something happened as in [`stand`].
pub async fn fail(tx: &Tx, claimed: Claimed, why: &str, now: Instant) -> Result<bool, StoreError> {
    let sql = "UPDATE enrollment SET state = 'failed', reason = 'broken', detail = $1, ended_at = $2, \
               leased_until = NULL, lease_owner = NULL WHERE id = $3 AND fence = $4 AND state = 'active' AND NOT EXISTS \
               (SELECT 1 FROM touchpoint t WHERE t.enrollment_id = enrollment.id AND t.state = 'sending') \
               RETURNING customer_id";
    let ended = tx.all(sql, args![why, now, claimed.key, claimed.fence]).await?;
    if !ended.is_empty() {
        came_or_left(tx, now, &ended).await?;
        return Ok(true);
    }
    let sql = "UPDATE enrollment SET wake_at = $1, leased_until = NULL, lease_owner = NULL \
               WHERE id = $2 AND fence = $3 AND state = 'active'";
    tx.exec(sql, args![Instant::MAX, claimed.key, claimed.fence]).await?;
    Ok(false)
}

/// What wakes an enrollment also voids what a worker that holds it has read of it.
const WAKE: &str = "UPDATE enrollment SET wake_at = CASE WHEN wake_at > $1 THEN $1 ELSE wake_at END, \
                    fence = fence + 1, leased_until = NULL, lease_owner = NULL WHERE state = 'active'";

/// Ends every journey of these customers that goes on, with all that waits of it; gives how many there were.
pub(super) async fn end_of(
    tx: &Tx,
    customers: Vec<Value>,
    state: EnrollmentState,
    reason: &str,
    skipped: Reason,
    now: Instant,
) -> Result<u64, StoreError> {
    let sql = "SELECT id FROM enrollment WHERE state = 'active' AND customer_id IN ({in})";
    let ended = all_in(tx, sql, vec![], customers).await?;
    for row in &ended {
        let id = EnrollmentId(row.int("id")?);
        let waiting = touchpoints::skip_waiting(tx, id, skipped, now).await?;
        coupons::release(tx, &waiting).await?;
        contact::unreach(tx, &waiting).await?;
        let sql = "UPDATE enrollment SET state = $1, reason = $2, ended_at = $3, fence = fence + 1, \
                   leased_until = NULL, lease_owner = NULL WHERE id = $4";
        tx.exec_one("ending a journey", sql, args![state.as_str(), reason, now, id]).await?;
    }
    Ok(ended.len() as u64)
}

/// Makes enrollments of these customers due at `now`, since something happened that may end them.
pub async fn wake_customers(tx: &Tx, customers: &[CustomerId], now: Instant) -> Result<(), StoreError> {
    for chunk in customers.chunks(1_000) {
        let sql = format!("{WAKE} AND customer_id IN ({})", places(2, chunk.len()));
        let mut values = args![now];
        values.extend(chunk.iter().map(|id| Value::BigInt(Some(id.0))));
        tx.exec(&sql, values).await?;
    }
    Ok(())
}

/// Makes one enrollment due at `now`, since its touchpoint came to its end.
pub async fn wake(tx: &Tx, id: EnrollmentId, now: Instant) -> Result<(), StoreError> {
    tx.exec(&format!("{WAKE} AND id = $2"), args![now, id]).await.map(drop)
}
