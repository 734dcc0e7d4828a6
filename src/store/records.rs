//! Rows of the book beside the log as facts of a customer: lines of the ledger of consents, coupons, ways through campaigns, contact points. Each comes as
//! an event that was received when it was written down. What they amount to is `domain::customer::records`'s; who writes one says so
//! here ([`changed`]), so that whoever keeps the customer looks again.

use super::in_list::all_in;
use super::sql::{Arg, Row, args, word};
use super::wakes::{Due, set_due};
use super::{Db, StoreError, Tx, meta, reach, rules};
use domain::customer::records::{Kinds, Record};
use domain::event::own::Arm;
use domain::event::{Event, Fact};
use domain::ids::{CustomerId, SourceId};
use domain::time::Instant;
use std::collections::BTreeSet;

/// The records of these customers that were written down by `until`, of the kinds that are wanted, in no order.
pub(super) async fn of_customers(
    db: &Db,
    customers: &[CustomerId],
    until: Instant,
    kinds: Kinds,
) -> Result<Vec<(CustomerId, Event)>, StoreError> {
    let mut found = Vec::new();
    if kinds.consents {
        consents(db, customers, until, &mut found).await?;
    }
    if kinds.coupons {
        coupons(db, customers, until, &mut found).await?;
    }
    if kinds.campaigns {
        campaigns(db, customers, until, &mut found).await?;
    }
    if kinds.points {
        targets(db, customers, &mut found).await?;
    }
    Ok(found)
}

type Found = Vec<(CustomerId, Event)>;

/// What a record says as of an instant, and since when it stands in the book.
struct Written {
    at: Instant,
    recorded_at: Instant,
    historical: bool,
}

impl Written {
    /// Of what is written down as it happens.
    const fn then(at: Instant) -> Self {
        Self { at, recorded_at: at, historical: false }
    }
}

fn event(written: &Written, record: Record) -> Event {
    Event {
        occurred_at: written.at,
        received_at: written.recorded_at,
        message_id: String::new(),
        source: SourceId(0),
        historical: written.historical,
        fact: Fact::Recorded(record),
        order: None,
        subject: None,
        detail: None,
        values: None,
    }
}

fn ids(customers: &[CustomerId]) -> Vec<sea_orm::Value> {
    customers.iter().map(|id| id.arg()).collect()
}

/// A line that came with a backfilled event is backfilled too.
async fn consents(
    db: &Db,
    customers: &[CustomerId],
    until: Instant,
    found: &mut Found,
) -> Result<(), StoreError> {
    let sql = "SELECT c.id, c.customer_id, COALESCE(c.origin_customer_id, c.customer_id) AS side, c.channel, c.purpose, \
               c.state, c.occurred_at, c.recorded_at, c.revokes, COALESCE(e.historical, 0) AS historical FROM consent c \
               LEFT JOIN source s ON s.key = c.source \
               LEFT JOIN event_key k ON k.source_id = s.id AND k.message_id = c.evidence \
               LEFT JOIN event e ON e.id = k.event_id WHERE c.recorded_at <= $1 AND c.customer_id IN ({in})";
    for row in all_in(db, sql, args![until], ids(customers)).await? {
        let id = row.int("id")?;
        let written = Written {
            at: row.at("occurred_at")?,
            recorded_at: row.at("recorded_at")?,
            historical: row.flag("historical")?,
        };
        let record = match row.opt_int("revokes")? {
            Some(line) => Record::TakenBack { line },
            None => Record::Consent {
                line: id,
                side: CustomerId(row.int("side")?),
                channel: row.text("channel")?,
                purpose: row.text("purpose")?,
                granted: word("consent", "state", id, &row.text("state")?, |state| match state {
                    "granted" => Some(true),
                    "denied" => Some(false),
                    _ => None,
                })?,
            },
        };
        found.push((whose(&row)?, event(&written, record)));
    }
    Ok(())
}

fn whose(row: &Row) -> Result<CustomerId, StoreError> {
    row.int("customer_id").map(CustomerId)
}

async fn coupons(
    db: &Db,
    customers: &[CustomerId],
    until: Instant,
    found: &mut Found,
) -> Result<(), StoreError> {
    let sql = "SELECT k.id, k.customer_id, b.key AS batch, k.issued_at, k.expires_at, k.redeemed_at FROM coupon k \
               JOIN coupon_batch b ON b.id = k.batch_id \
               WHERE k.issued_at <= $1 AND k.state IN ('issued', 'redeemed', 'expired') AND k.customer_id IN ({in})";
    for row in all_in(db, sql, args![until], ids(customers)).await? {
        let (customer, coupon) = (whose(&row)?, row.int("id")?);
        let issued =
            Record::Coupon { coupon, batch: row.text("batch")?, expires_at: row.opt_at("expires_at")? };
        found.push((customer, event(&Written::then(row.at("issued_at")?), issued)));
        if let Some(at) = row.opt_at("redeemed_at")?.filter(|at| *at <= until) {
            found.push((customer, event(&Written::then(at), Record::Redeemed { coupon })));
        }
    }
    Ok(())
}

async fn campaigns(
    db: &Db,
    customers: &[CustomerId],
    until: Instant,
    found: &mut Found,
) -> Result<(), StoreError> {
    let sql = "SELECT n.id, n.customer_id, c.key AS campaign, n.arm, n.entered_at, n.ended_at FROM enrollment n \
               JOIN campaign c ON c.id = n.campaign_id WHERE n.entered_at <= $1 AND n.customer_id IN ({in})";
    for row in all_in(db, sql, args![until], ids(customers)).await? {
        let (customer, enrollment, campaign) = (whose(&row)?, row.int("id")?, row.text("campaign")?);
        let arm = word("enrollment", "arm", enrollment, &row.text("arm")?, |arm| match arm {
            "treated" => Some(Arm::Treated),
            "control" => Some(Arm::Control),
            _ => None,
        })?;
        let left = Record::Left { enrollment, campaign: campaign.clone() };
        let entered = Record::Entered { enrollment, campaign, treated: arm == Arm::Treated };
        found.push((customer, event(&Written::then(row.at("entered_at")?), entered)));
        if let Some(at) = row.opt_at("ended_at")?.filter(|at| *at <= until) {
            found.push((customer, event(&Written::then(at), left)));
        }
    }
    Ok(())
}

/// As it is now: nobody says since when.
async fn targets(db: &Db, customers: &[CustomerId], found: &mut Found) -> Result<(), StoreError> {
    let sql = format!(
        "SELECT c.customer_id, c.channel, s.scope FROM contact_point c \
         LEFT JOIN suppression s ON s.channel = c.channel AND s.value_hash = c.value_hash \
         WHERE c.channel IN ('email', 'phone') AND c.value_hash IS NOT NULL AND {} AND c.customer_id IN ({{in}})",
        reach::is_target()
    );
    for row in all_in(db, &sql, vec![], ids(customers)).await? {
        let target = Record::Target { points: row.text("channel")?, refused: row.opt_text("scope")? };
        found.push((whose(&row)?, event(&Written::then(Instant::MIN), target)));
    }
    Ok(())
}

/// Records of these kinds were written down of these customers, or say something else now: where a rule that was ever published asks for
/// any, they are due at `now`. To know whether one does, what was published is looked through.
pub async fn changed(
    tx: &Tx,
    customers: &BTreeSet<CustomerId>,
    now: Instant,
    kinds: Kinds,
) -> Result<(), StoreError> {
    if customers.is_empty() {
        return Ok(());
    }
    // Held: a rule that is published meanwhile waits, and whoever is kept by it reads what is written here.
    let epoch = meta::hold_rule_epoch(tx).await?;
    if rules::ask_for(tx, kinds).await? {
        set_due(tx, customers, now, epoch, Due::AtOnce).await?;
    }
    Ok(())
}
