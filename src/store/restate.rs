//! Reading whole customers as they were last kept, and putting them right: for `rebuild`, which decides nothing
//! anew and starts nothing. What should stand is the domain's word.

use super::asked::{self, Asked};
use super::in_list::{all_in, as_table};
use super::keeping::{HISTORY, Kept, write_profiles, write_tags};
use super::sql::{Arg, Row, args, json, word};
use super::{Db, StoreError, Tx, aggregates, customers};
use chrono_tz::Tz;
use domain::customer::{AccountKind, Bearer, Profile};
use domain::ids::CustomerId;
use domain::tag::Courses;
use domain::time::Instant;
use serde_json::Value;
use std::collections::{BTreeMap, HashMap, HashSet};

/// A customer as it stands.
#[derive(Debug, Clone)]
pub struct Stands {
    pub id: CustomerId,
    /// What is known of them beside their events; the kind of account is the one it was kept as.
    pub bearer: Bearer,
    pub erased: bool,
    /// As of when; `None` where nothing was kept, or it is gone.
    pub kept: Option<(Instant, Profile)>,
    /// What becomes of their tags, as of then.
    pub courses: Courses,
    /// What rules ask of them; `None` as with `kept`.
    pub asked: Option<Asked>,
    /// Since when they haven't tags that they had, by key.
    pub ended: BTreeMap<String, Instant>,
    /// `None` where nobody will ever look at it.
    pub due_at: Option<Instant>,
    /// Set aside: it can't be kept.
    pub set_aside: bool,
    pub fact_rev: i64,
    /// Rises with every claim.
    pub fence: i64,
    /// Of the rules it was last kept by; `None` as with `due_at`.
    pub rule_epoch: Option<i64>,
    /// What was computed, by key.
    pub tags: BTreeMap<String, StandingTag>,
    /// The value that each key's ledger ends with.
    pub ledger: BTreeMap<String, Option<String>>,
}

/// A computed tag as it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct StandingTag {
    pub value: String,
    pub since: Instant,
    pub rule_version: i64,
    pub evidence: Value,
}

/// The next customers behind `after` who are themselves and have any event, an entry to be kept, or a profile.
pub async fn page(db: &Db, shop_zone: Tz, after: CustomerId, limit: i64) -> Result<Vec<Stands>, StoreError> {
    let sql = format!(
        "SELECT c.id, c.erased_at, c.zone, c.registered_at, q.birthday, p.kept_at, p.courses, {}, {}, \
         COALESCE(p.account_kind, c.account_kind) AS account_kind, d.due_at, COALESCE(d.fact_rev, 0) AS fact_rev, \
         COALESCE(d.fence, 0) AS fence, d.rule_epoch, d.failed \
         FROM customer c LEFT JOIN profile p ON p.customer_id = c.id \
         LEFT JOIN customer_personal q ON q.customer_id = c.id LEFT JOIN customer_due d ON d.customer_id = c.id \
         WHERE c.id > $1 AND c.merged_into IS NULL AND (d.customer_id IS NOT NULL OR p.customer_id IS NOT NULL \
           OR EXISTS (SELECT 1 FROM event e WHERE e.customer_id = c.id)) ORDER BY c.id LIMIT $2",
        asked::selected("p"),
        aggregates::selected("p")
    );
    let mut found = Vec::new();
    for row in db.all(&sql, args![after, limit]).await? {
        found.push(Stands {
            id: CustomerId(row.int("id")?),
            erased: row.opt_at("erased_at")?.is_some(),
            bearer: customers::bearer(CustomerId(row.int("id")?), &row, account(&row)?, shop_zone)?,
            kept: match row.opt_at("kept_at")? {
                Some(at) => Some((at, aggregates::read(&row, row.int("id")?)?)),
                None => None,
            },
            courses: aggregates::read_courses(&row, row.int("id")?)?,
            asked: Asked::read(&row)?,
            ended: BTreeMap::new(),
            due_at: row.opt_at("due_at")?,
            set_aside: row.opt_text("failed")?.is_some(),
            fact_rev: row.int("fact_rev")?,
            fence: row.int("fence")?,
            rule_epoch: row.opt_int("rule_epoch")?,
            tags: BTreeMap::new(),
            ledger: BTreeMap::new(),
        });
    }
    read_tags(db, &mut found).await?;
    Ok(found)
}

fn account(row: &Row) -> Result<AccountKind, StoreError> {
    word("profile", "account_kind", row.int("id")?, &row.text("account_kind")?, AccountKind::parse)
}

async fn read_tags(db: &Db, found: &mut [Stands]) -> Result<(), StoreError> {
    let ids: Vec<_> = found.iter().map(|stands| stands.id.arg()).collect();
    let mut places: HashMap<i64, &mut Stands> =
        found.iter_mut().map(|stands| (stands.id.0, stands)).collect();
    let sql = "SELECT customer_id, key, value, since, rule_version, evidence FROM tag_current \
               WHERE customer_id IN ({in})";
    for row in all_in(db, sql, vec![], ids.clone()).await? {
        let id = row.int("customer_id")?;
        let tag = StandingTag {
            value: row.text("value")?,
            since: row.at("since")?,
            rule_version: row.int("rule_version")?,
            evidence: json("tag_current", "evidence", id, &row.text("evidence")?)?,
        };
        if let Some(stands) = places.get_mut(&id) {
            stands.tags.insert(row.text("key")?, tag);
        }
    }
    let sql = "SELECT customer_id, key, since FROM tag_ended WHERE customer_id IN ({in})";
    for row in all_in(db, sql, vec![], ids.clone()).await? {
        if let Some(stands) = places.get_mut(&row.int("customer_id")?) {
            stands.ended.insert(row.text("key")?, row.at("since")?);
        }
    }
    let sql =
        "SELECT id, customer_id, key, to_value FROM tag_history WHERE customer_id IN ({in}) ORDER BY id";
    for row in all_in(db, sql, vec![], ids).await? {
        if let Some(stands) = places.get_mut(&row.int("customer_id")?) {
            stands.ledger.insert(row.text("key")?, row.opt_text("to_value")?);
        }
    }
    Ok(())
}

/// A change of a tag that nobody decided: what stood was wrong.
#[derive(Debug, Clone)]
pub struct Corrected {
    pub customer: CustomerId,
    pub key: String,
    pub from: Option<String>,
    pub to: Option<String>,
    pub since: Instant,
    pub rule_version: i64,
    pub evidence: Value,
}

/// Writes customers as they should stand as of `at`: profile, tags, when they are due, and in the ledger, cause
/// `rebuild`, what it didn't end with. Of whom a fact came in since they were compared, who was claimed since, or who is kept by other
/// rules meanwhile, nothing is written: what was worked out of them is of no worth. Gives those who were written.
pub async fn write(
    tx: &Tx,
    at: Instant,
    now: Instant,
    mut kept: Vec<Kept>,
    mut corrected: Vec<Corrected>,
) -> Result<HashSet<CustomerId>, StoreError> {
    let written = settle(tx, &kept).await?;
    kept.retain(|k| written.contains(&CustomerId(k.claimed.key)));
    corrected.retain(|c| written.contains(&c.customer));
    write_profiles(tx, at, &kept).await?;
    write_tags(tx, at, &kept).await?;
    let rows = corrected
        .into_iter()
        .map(|c| {
            args![
                c.customer,
                c.key,
                c.from,
                c.to,
                c.since,
                at,
                now,
                "rebuild",
                true,
                c.rule_version,
                c.evidence.to_string()
            ]
        })
        .collect();
    tx.insert_many("tag_history", &HISTORY, rows, "").await?;
    Ok(written)
}

/// Says when each is due next, where everything is still what was read.
async fn settle(tx: &Tx, kept: &[Kept]) -> Result<HashSet<CustomerId>, StoreError> {
    super::wakes::lock(tx, &kept.iter().map(|k| CustomerId(k.claimed.key)).collect()).await?;
    let row = |k: &Kept| {
        let next = k.next_due.unwrap_or(Instant::MAX);
        args![k.claimed.key, next, k.fact_rev, k.rule_epoch, k.claimed.fence]
    };
    let rows: Vec<Vec<sea_orm::Value>> = kept.iter().map(row).collect();
    if rows.is_empty() {
        return Ok(HashSet::new());
    }
    let (table, values) = as_table(tx, 1, &rows);
    let sql = format!(
        "WITH kept (id, due, rev, epoch, fence) AS ({table}) \
         INSERT INTO customer_due (customer_id, due_at, fact_rev, rule_epoch, fence) \
         SELECT id, due, rev, epoch, fence FROM kept \
         WHERE epoch = COALESCE((SELECT CAST(value AS BIGINT) FROM meta WHERE key = 'rule_epoch'), 0) \
         ON CONFLICT (customer_id) DO UPDATE SET due_at = excluded.due_at \
         WHERE customer_due.fact_rev = excluded.fact_rev AND customer_due.fence = excluded.fence \
         RETURNING customer_id"
    );
    tx.all(&sql, values).await?.iter().map(|row| row.int("customer_id").map(CustomerId)).collect()
}
