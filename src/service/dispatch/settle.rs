//! Carries changes out in one transaction: rows, contact days, coupons and the enrollments they wake all
//! move together. Locks are taken in one order everywhere: customers, enrollments, touchpoints, the rest.

use super::look::Decided;
use crate::store::contact::{self, Holder, Take};
use crate::store::dispatch::{self, Change, To};
use crate::store::{StoreError, Tx, coupons, enrollments};
use chrono::NaiveDate;
use domain::campaign::touch::TouchState;
use domain::ids::{CustomerId, EnrollmentId, TouchpointId};
use domain::time::Instant;
use std::collections::{BTreeSet, HashMap, HashSet};

/// What became of wanting contact days.
#[derive(Default)]
pub struct Days {
    /// Those that may take theirs.
    pub granted: HashSet<TouchpointId>,
    /// Who loses one, until when.
    losers: Vec<(TouchpointId, Instant)>,
}

/// Judges who gets which day, as the rows stand under the customers' locks: the highest priority first.
pub async fn arbitrate(tx: &Tx, mut wanted: Vec<Take>) -> Result<Days, StoreError> {
    let Some(first) = wanted.iter().map(|t| t.date).min() else { return Ok(Days::default()) };
    let customers: Vec<CustomerId> = wanted.iter().map(|t| t.customer_id).collect();
    let mut held: HashMap<(CustomerId, NaiveDate), Holder> = contact::days(tx, &customers, first).await?;
    wanted.sort_by_key(|t| (std::cmp::Reverse(t.priority), t.touchpoint_id));
    let mut days = Days::default();
    for take in wanted {
        let key = (take.customer_id, take.date);
        match held.get(&key) {
            Some(h) if h.touchpoint_id == take.touchpoint_id => {}
            Some(h) if h.state.is_waiting() && h.priority < take.priority => {
                days.losers.push((h.touchpoint_id, take.next_day.min(h.expires_at)));
            }
            Some(_) => continue,
            None => {}
        }
        days.granted.insert(take.touchpoint_id);
        let holder = Holder {
            touchpoint_id: take.touchpoint_id,
            campaign_key: String::new(),
            priority: take.priority,
            state: TouchState::Queued,
            expires_at: take.next_day,
        };
        held.insert(key, holder);
    }
    Ok(days)
}

impl Days {
    /// Lets the losers wait. Before the winners' own changes, so that a loser in the same batch isn't changed
    /// by what was decided while it held the day.
    pub async fn dispossess(&self, tx: &Tx) -> Result<(), StoreError> {
        dispatch::lose_day(tx, &self.losers).await
    }
}

/// Wakes the enrollments of touchpoints that come to their end.
pub async fn wake(tx: &Tx, now: Instant, enrollments: BTreeSet<EnrollmentId>) -> Result<(), StoreError> {
    for id in enrollments {
        enrollments::wake(tx, id, now).await?;
    }
    Ok(())
}

/// What ended without reaching anybody leaves nothing behind: no day, no coupon, no occasion.
pub async fn clear(tx: &Tx, ended: &[TouchpointId]) -> Result<(), StoreError> {
    contact::free_days(tx, ended).await?;
    contact::unreach(tx, ended).await?;
    contact::uncount(tx, ended).await?;
    coupons::release(tx, ended).await
}

/// Carries out what was decided; gives how many rows changed. A row that lost its day meanwhile, or was
/// changed by somebody else, is due again as it is.
pub async fn settle(tx: &Tx, now: Instant, decided: &[Decided]) -> Result<u64, StoreError> {
    if decided.is_empty() {
        return Ok(0);
    }
    let customers: Vec<CustomerId> = decided.iter().map(|d| d.due.customer_id).collect();
    contact::lock(tx, &customers).await?;
    let days = arbitrate(tx, decided.iter().filter_map(|d| d.take.clone()).collect()).await?;
    let (mut changes, mut back) = (Vec::with_capacity(decided.len()), Vec::new());
    for d in decided {
        if d.take.is_some() && !days.granted.contains(&d.due.id) {
            back.push((d.due.id, d.due.fence));
        } else {
            changes.push(Change { id: d.due.id, fence: d.due.fence, to: d.to.clone() });
        }
    }
    let is_end = |d: &&Decided| matches!(d.to, To::Ended { .. });
    wake(tx, now, decided.iter().filter(is_end).map(|d| d.due.enrollment_id).collect()).await?;
    days.dispossess(tx).await?;
    let changed = dispatch::apply(tx, now, &changes).await?;
    let moved = || decided.iter().filter(|d| changed.contains(&d.due.id));
    contact::take_days(tx, moved().filter_map(|d| d.take.clone()).collect()).await?;
    clear(tx, &moved().filter(is_end).map(|d| d.due.id).collect::<Vec<_>>()).await?;
    let deferred = moved().filter(|d| matches!(d.to, To::Deferred { .. })).map(|d| d.due.id);
    contact::free_days(tx, &deferred.collect::<Vec<_>>()).await?;
    dispatch::put_back(tx, &back, None).await?;
    Ok(changed.len() as u64)
}
