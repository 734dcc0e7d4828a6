//! The same asked of some customers only, each looked up by their id: what a sample says is at hand while the whole book is still read.

use super::condition::Reach;
use super::{Asking, Condition, Whole, coming_round};
use crate::store::in_list::all_in;
use crate::store::sql::Arg;
use crate::store::{Db, StoreError};
use domain::ids::CustomerId;
use domain::rule::Rule;
use domain::time::Instant;

/// What a sample comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sampled {
    /// Those of the sample who are somebody: neither erased nor another by now.
    pub looked_at: u64,
    /// Those of whom the whole holds.
    pub found: u64,
}

/// The highest id that the keeper ever wrote a profile for; 0 before there is any.
pub async fn last_customer(db: &Db) -> Result<i64, StoreError> {
    Ok(db.number("SELECT MAX(customer_id) FROM profile", vec![]).await?.unwrap_or_default())
}

/// Of how many of these customers the whole holds. `asked` are its rules with those it looks at in place.
pub async fn estimate(
    db: &Db,
    whole: &Whole,
    asked: &[Rule],
    asking: &Asking,
    sample: &[CustomerId],
) -> Result<Sampled, StoreError> {
    let ids = || sample.iter().map(|id| id.arg()).collect::<Vec<_>>();
    let mut oldest: Option<Instant> = None;
    for column in coming_round(&asked.iter().collect::<Vec<_>>()) {
        let sql = format!("SELECT MIN({column}) AS first FROM profile p WHERE p.customer_id IN ({{in}})");
        for row in all_in(db, &sql, vec![], ids()).await? {
            oldest = oldest.into_iter().chain(row.opt_at("first")?).min();
        }
    }
    let asking = Asking { oldest: oldest.unwrap_or(asking.now), ..asking.clone() };
    let Condition { sql, args } = whole.condition(Reach::Each, &asking, db, 1).await?;
    let sql = format!(
        "SELECT COUNT(*) AS n, CAST(COALESCE(SUM(CASE WHEN {sql} THEN 1 ELSE 0 END), 0) AS BIGINT) AS found \
         FROM profile p WHERE p.counts = 1 AND p.customer_id IN ({{in}})"
    );
    let mut all = Sampled::default();
    for row in all_in(db, &sql, args, ids()).await? {
        all.looked_at += u64::try_from(row.int("n")?).unwrap_or_default();
        all.found += u64::try_from(row.int("found")?).unwrap_or_default();
    }
    Ok(all)
}

/// Those of these customers who are somebody, with whether they let themselves be personalised.
pub async fn takes_part(db: &Db, customers: &[CustomerId]) -> Result<Vec<(CustomerId, bool)>, StoreError> {
    let sql =
        "SELECT p.customer_id, p.personalised FROM profile p WHERE p.counts = 1 AND p.customer_id IN ({in})";
    let rows = all_in(db, sql, vec![], customers.iter().map(|id| id.arg()).collect()).await?;
    rows.iter().map(|row| Ok((CustomerId(row.int("customer_id")?), row.flag("personalised")?))).collect()
}
