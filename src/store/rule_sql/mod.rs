//! Rules asked of the whole book, as SQL for both databases: a rule becomes a condition on a row of `profile`, its values bound, never
//! written into the text. It means what `domain::rule::eval` says of one customer; a property test holds the two together.
//!
//! What is asked is what the keeper wrote down: a profile and tags hold until the customer is due again, so the answer is right as far as
//! the keeper has come. No statement here uses a function of JSON or dates: local dates become instants before it is asked.

mod compare;
mod condition;
mod estimate;
mod events;
mod local;
mod properties;
mod records;
mod tally;

use super::sql::Arg;
use super::{Db, StoreError, properties as index};
use chrono_tz::Tz;
use condition::{Reach, Writer};
use domain::ids::CustomerId;
use domain::money::Currency;
use domain::rule::Rule;
use domain::tag::Catalogue;
use domain::time::Instant;
pub use estimate::{Sampled, estimate, last_customer, takes_part};
use sea_orm::Value;
use std::sync::Arc;
pub use tally::{Combined, Tally, Whole, drawn, page, tally};

/// As of when, and in what terms a rule is asked.
#[derive(Debug, Clone)]
pub struct Asking {
    /// What segments are, and whose tags there are.
    pub catalogue: Arc<Catalogue>,
    pub now: Instant,
    /// The book's base currency.
    pub currency: Currency,
    /// Every zone that anybody lives in.
    pub zones: Vec<Tz>,
    /// No instant of anybody is before this one, as far as it comes round.
    pub oldest: Instant,
}

/// A condition on the row `p` of `profile`, or a statement with one, with what is bound in it.
#[derive(Debug, Clone)]
pub struct Condition {
    pub sql: String,
    pub args: Vec<Value>,
}

/// Most parameters of a statement: SQLite takes 32,766.
const MOST_BOUND: usize = 32_000;

/// Everybody there is: neither erased nor another by now.
const EVERYBODY: &str = "FROM profile p WHERE p.counts = 1";

/// The rule as a condition whose first parameter is `$first`.
pub async fn condition(rule: &Rule, asking: &Asking, db: &Db, first: usize) -> Result<Condition, StoreError> {
    reaching(Reach::Book, rule, asking, db, first).await
}

async fn reaching(
    reach: Reach,
    rule: &Rule,
    asking: &Asking,
    db: &Db,
    first: usize,
) -> Result<Condition, StoreError> {
    // Read where it is asked: what is in the index now.
    let indexed = index::filled(db).await?;
    let mut writer = Writer::new(asking, &indexed, db.is_postgres(), reach, first);
    let sql = writer.rule(rule);
    if let Some((event, path)) = writer.missing() {
        return Err(StoreError::NotIndexed { event, path });
    }
    let too_much = writer.is_too_much();
    let args = writer.into_args();
    if too_much || first + args.len() > MOST_BOUND {
        return Err(StoreError::TooMuch);
    }
    Ok(Condition { sql, args })
}

/// The statement that counts of how many it holds.
pub async fn counting(rule: &Rule, asking: &Asking, db: &Db) -> Result<Condition, StoreError> {
    counting_of(&Whole::All(rule.clone()), asking, db).await
}

async fn counting_of(whole: &Whole, asking: &Asking, db: &Db) -> Result<Condition, StoreError> {
    let Condition { sql, args } = whole.condition(Reach::Book, asking, db, 1).await?;
    Ok(Condition { sql: format!("SELECT COUNT(*) {EVERYBODY} AND {sql}"), args })
}

/// Of how many the whole holds, and nothing else.
pub async fn count_of(db: &Db, whole: &Whole, asking: &Asking) -> Result<u64, StoreError> {
    let Condition { sql, args } = counting_of(whole, asking, db).await?;
    let found = db.number(&sql, args).await?;
    Ok(found.and_then(|n| u64::try_from(n).ok()).unwrap_or_default())
}

/// Of how many it holds.
pub async fn count(db: &Db, rule: &Rule, asking: &Asking) -> Result<u64, StoreError> {
    count_of(db, &Whole::All(rule.clone()), asking).await
}

/// The columns of instants whose anniversary any of the rules is about.
fn coming_round(rules: &[&Rule]) -> std::collections::BTreeSet<&'static str> {
    let leaves = rules.iter().flat_map(|rule| rule.leaves());
    let asked = leaves.filter_map(|leaf| match leaf {
        Rule::Anniversary { field, .. } => compare::instant(*field),
        _ => None,
    });
    asked.collect()
}

/// The earliest instant whose anniversary any of the rules is about; `None` where none is.
pub async fn oldest(db: &Db, rules: &[&Rule]) -> Result<Option<Instant>, StoreError> {
    let mut oldest: Option<Instant> = None;
    for column in coming_round(rules) {
        let first = db.number(&format!("SELECT MIN({column}) FROM profile p"), vec![]).await?;
        oldest = oldest.into_iter().chain(first.map(Instant::from_micros)).min();
    }
    Ok(oldest)
}

/// Of whom it holds, behind `after` by id, at most so many.
pub async fn members(
    db: &Db,
    rule: &Rule,
    asking: &Asking,
    after: CustomerId,
    limit: i64,
) -> Result<Vec<CustomerId>, StoreError> {
    page(db, &Whole::All(rule.clone()), asking, after, limit).await
}
