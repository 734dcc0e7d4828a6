//! The short transaction directly before a hand-over: everything the gate asks is read once more under the
//! customers' locks, what still may go out is counted and marked `sending`, the rest is put off or ended.
//! After its commit an opt-out comes too late for these messages; before it, it stops them (G6).

use super::look::{Around, Decided, Next, Room, next, take};
use super::prepare::{Prepared, PreparedCoupon};
use super::settle::{arbitrate, settle};
use crate::service::secrets::Secrets;
use crate::store::contact::{self, Counted, Reach};
use crate::store::dispatch::{self, Begin, Due};
use crate::store::{Claimed, ClockKind, Lease, StoreError, Tx, clock, coupons, send_gate};
use domain::campaign::touch::Reason;
use domain::ids::{CustomerId, TouchpointId};
use domain::time::{Instant, MachineInstant};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// What was prepared of a message, as far as marking needs it.
#[derive(Clone)]
pub struct Wish {
    claimed: Claimed,
    customer_id: CustomerId,
    contact_hash: String,
    coupon: Option<PreparedCoupon>,
}

impl Wish {
    pub fn of(prepared: &Prepared) -> Self {
        let due = &prepared.due;
        Self {
            claimed: Claimed { key: due.id.0, due_at: due.not_before, fence: due.fence },
            customer_id: due.customer_id,
            contact_hash: prepared.target.hash.clone(),
            coupon: prepared.coupon,
        }
    }
}

/// Who marks, and by which clocks.
#[derive(Clone)]
pub struct Marker {
    pub room: Arc<Room>,
    pub secrets: Secrets,
    pub lease: Lease,
    pub kind: ClockKind,
    pub machine: MachineInstant,
}

/// What marking came to.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Marked {
    /// May be handed over; their fences are one higher now.
    pub begun: HashSet<TouchpointId>,
    /// Rows that changed otherwise.
    pub settled: u64,
}

/// Marks what may go out now.
pub async fn mark(tx: &Tx, marker: &Marker, wishes: &[Wish]) -> Result<Marked, StoreError> {
    let now = clock::business_now(tx, marker.kind, marker.machine).await?;
    send_gate::pass(tx).await?;
    contact::lock(tx, &wishes.iter().map(|w| w.customer_id).collect::<Vec<_>>()).await?;
    let claimed: Vec<Claimed> = wishes.iter().map(|w| w.claimed).collect();
    let due = dispatch::load(tx, &claimed).await?;
    let around = Around::load(tx, &marker.secrets, &due, now).await?;
    let wishes: HashMap<i64, &Wish> = wishes.iter().map(|w| (w.claimed.key, w)).collect();
    let (mut pass, mut decided, mut back) = (Vec::new(), Vec::new(), Vec::new());
    let mut met = HashSet::new();
    for one in due {
        let Some(wish) = wishes.get(&one.id.0) else { continue };
        match next(&marker.room, &around, &one, now) {
            Next::Change(change) => decided.push(change),
            // Of two messages to one customer the second is judged after the first is counted. What was
            // built on something that changed is built again.
            Next::HandOver
                if still_true(&marker.room, &around, wish, &one, now) && met.insert(one.customer_id) =>
            {
                pass.push(one);
            }
            Next::HandOver => back.push((one.id, one.fence)),
        }
    }
    let late = contact::reach(tx, &reaches(&wishes, &pass)).await?;
    for one in pass.extract_if(.., |one| late.contains(&one.id)) {
        decided.push(Decided::ended(&one, Reason::ContactShared, None));
    }
    let days = arbitrate(tx, pass.iter().filter_map(|d| take(&marker.room, d, now)).collect()).await?;
    let lost_day = |d: &Due| d.purpose.needs_opt_in() && !days.granted.contains(&d.id);
    let late: Vec<Due> = pass.extract_if(.., |d| lost_day(d)).collect();
    back.extend(late.iter().map(|d| (d.id, d.fence)));
    contact::unreach(tx, &late.iter().map(|d| d.id).collect::<Vec<_>>()).await?;

    let settled = settle(tx, now, &decided).await?;
    days.dispossess(tx).await?;
    let begin: Vec<Begin> = pass
        .iter()
        .map(|d| Begin { id: d.id, fence: d.fence, contact_hash: wishes[&d.id.0].contact_hash.clone() })
        .collect();
    let begun = dispatch::begin(tx, now, marker.machine, &marker.lease, &begin).await?;
    let missed: Vec<TouchpointId> = pass.iter().map(|d| d.id).filter(|id| !begun.contains(id)).collect();
    pass.retain(|d| begun.contains(&d.id));
    record(tx, marker, now, &pass, &wishes).await?;
    contact::unreach(tx, &missed).await?;
    dispatch::put_back(tx, &back, None).await?;
    Ok(Marked { begun, settled })
}

/// Whether the mail as built is still the one to send: same address, same coupon, same date in its text.
fn still_true(room: &Room, around: &Around, wish: &Wish, due: &Due, now: Instant) -> bool {
    around.target(due).is_some_and(|target| target.hash == wish.contact_hash)
        && due.coupon_id == wish.coupon.map(|c| c.id)
        && wish.coupon.is_none_or(|c| c.issued_on == now.local_date(room.zone(due)))
}

fn reaches(wishes: &HashMap<i64, &Wish>, pass: &[Due]) -> Vec<Reach> {
    pass.iter()
        .map(|d| Reach {
            campaign_id: d.campaign_id,
            occasion_key: d.occasion_key.clone(),
            step: d.step,
            contact_hash: wishes[&d.id.0].contact_hash.clone(),
            touchpoint_id: d.id,
        })
        .collect()
}

/// Counts the contacts, holds their days and fixes until when their coupons are good.
async fn record(
    tx: &Tx,
    marker: &Marker,
    now: Instant,
    begun: &[Due],
    wishes: &HashMap<i64, &Wish>,
) -> Result<(), StoreError> {
    let (mut counted, mut takes, mut valid) = (Vec::new(), Vec::new(), Vec::new());
    for d in begun {
        counted.push(Counted {
            customer_id: d.customer_id,
            touchpoint_id: d.id,
            channel: d.channel.as_str().to_owned(),
            purpose: d.purpose.as_str().to_owned(),
            local_date: now.local_date(marker.room.zone(d)),
        });
        takes.extend(take(&marker.room, d, now));
        valid.extend(wishes[&d.id.0].coupon.map(|c| (c.id, c.until)));
    }
    contact::count(tx, now, counted).await?;
    contact::take_days(tx, takes).await?;
    coupons::set_validity(tx, &valid).await
}
