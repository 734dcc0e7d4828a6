//! What somebody sees who edits a rule: how many each of its conditions leaves, and some of those who are left. One statement reads
//! the book once for all the numbers.

use super::condition::{Reach, Writer};
use super::{Asking, Condition, EVERYBODY, condition, reaching};
use crate::store::sql::args;
use crate::store::{Db, StoreError};
use domain::ids::CustomerId;
use domain::rule::{Rule, Share};
use sea_orm::Value;
use std::collections::BTreeMap;

/// The word by which a sample is drawn: the same people as long as they are members, and not those who came first.
const SAMPLE: &str = "a sample of a segment";

/// Whom a rule is asked of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whole {
    /// Of everybody.
    All(Rule),
    /// Of those who let themselves be personalised.
    Personalised(Rule),
}

impl Whole {
    pub fn rule(&self) -> &Rule {
        match self {
            Self::All(rule) | Self::Personalised(rule) => rule,
        }
    }

    pub(super) async fn condition(
        &self,
        reach: Reach,
        asking: &Asking,
        db: &Db,
        first: usize,
    ) -> Result<Condition, StoreError> {
        let Condition { sql, args } = reaching(reach, self.rule(), asking, db, first).await?;
        let sql = match self {
            Self::All(_) => sql,
            Self::Personalised(_) => format!("({sql} AND p.personalised = 1)"),
        };
        Ok(Condition { sql, args })
    }
}

/// How conditions stand together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Combined {
    All,
    Any,
}

/// Numbers of customers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tally {
    pub everybody: u64,
    /// Of whom the whole holds.
    pub whole: u64,
    /// By condition: of whom it holds alone, and of whom it does together with all before it.
    pub steps: Vec<(u64, u64)>,
}

/// Counts of whom the whole holds and of whom each of these conditions, alone and with those before it.
pub async fn tally(
    db: &Db,
    whole: &Whole,
    (combined, conditions): (Combined, &[Rule]),
    asking: &Asking,
) -> Result<Tally, StoreError> {
    let mut args: Vec<Value> = Vec::new();
    let Condition { sql, args: bound } = whole.condition(Reach::Book, asking, db, 1).await?;
    args.extend(bound);
    let mut flags = vec![format!("CASE WHEN {sql} THEN 1 ELSE 0 END AS w")];
    for (i, rule) in conditions.iter().enumerate() {
        let Condition { sql, args: bound } = condition(rule, asking, db, args.len() + 1).await?;
        args.extend(bound);
        flags.push(format!("CASE WHEN {sql} THEN 1 ELSE 0 END AS c{i}"));
    }
    let n = conditions.len();
    let rows = db.all(&grouped(db, combined, &flags, n), args).await?;
    let mut tally = Tally { everybody: 0, whole: 0, steps: vec![(0, 0); n] };
    let whole_number = |number: i64| u64::try_from(number).unwrap_or_default();
    for row in rows {
        let (decided, many) = (row.int("decided")?, whole_number(row.int("n")?));
        tally.everybody += many;
        tally.whole += whole_number(row.int("w")?);
        for (i, (alone, so_far)) in tally.steps.iter_mut().enumerate() {
            *alone += whole_number(row.int(&format!("c{i}"))?);
            let here = i64::try_from(i).unwrap_or(i64::MAX);
            let still = match combined {
                Combined::All => here < decided,
                Combined::Any => decided <= here,
            };
            *so_far += if still { many } else { 0 };
        }
    }
    Ok(tally)
}

/// Everybody by the first condition that decides of them (all: that doesn't hold; any: that does), each condition looked at once: what
/// bounds the inner SELECT keeps both databases from writing its columns out wherever they are named.
fn grouped(db: &Db, combined: Combined, flags: &[String], n: usize) -> String {
    let decides = match combined {
        Combined::All => 0,
        Combined::Any => 1,
    };
    let steps: String = (0..n).map(|i| format!(" WHEN c{i} = {decides} THEN {i}")).collect();
    let decided = if n == 0 { "0".to_owned() } else { format!("CASE{steps} ELSE {n} END") };
    let sums: String = (0..n).map(|i| format!(", SUM(c{i}) AS c{i}")).collect();
    let bounded = if db.is_postgres() { "OFFSET 0" } else { "LIMIT -1" };
    format!(
        "SELECT CAST({decided} AS BIGINT) AS decided, COUNT(*) AS n, SUM(w) AS w{sums} \
         FROM (SELECT {} {EVERYBODY} {bounded}) looked GROUP BY 1",
        flags.join(", ")
    )
}

/// Some of whom it holds, by their draw.
pub async fn drawn(
    db: &Db,
    whole: &Whole,
    asking: &Asking,
    limit: i64,
) -> Result<Vec<CustomerId>, StoreError> {
    let Condition { sql, mut args } = whole.condition(Reach::Book, asking, db, 1).await?;
    // The draw looks nothing up.
    let none = BTreeMap::new();
    let mut writer = Writer::new(asking, &none, db.is_postgres(), Reach::Book, args.len() + 1);
    // Of a share only the word matters here.
    let draw = writer.draw(&Share { millionths: 1, salt: SAMPLE.to_owned() });
    let limit = writer.bind(limit);
    args.extend(writer.into_args());
    let sql =
        format!("SELECT p.customer_id {EVERYBODY} AND {sql} ORDER BY {draw}, p.customer_id LIMIT {limit}");
    db.all(&sql, args).await?.iter().map(|row| row.int("customer_id").map(CustomerId)).collect()
}

/// Of whom it holds, behind `after` by id, at most so many.
pub async fn page(
    db: &Db,
    whole: &Whole,
    asking: &Asking,
    after: CustomerId,
    limit: i64,
) -> Result<Vec<CustomerId>, StoreError> {
    let Condition { sql, args } = whole.condition(Reach::Book, asking, db, 3).await?;
    let sql = format!(
        "SELECT p.customer_id {EVERYBODY} AND p.customer_id > $1 AND {sql} ORDER BY p.customer_id LIMIT $2"
    );
    let args = args![after, limit].into_iter().chain(args).collect();
    db.all(&sql, args).await?.iter().map(|row| row.int("customer_id").map(CustomerId)).collect()
}
