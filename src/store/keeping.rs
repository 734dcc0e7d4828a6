//! What the keeper reads and writes about many customers at once: who is due, their profile, their tags and
//! the ledger of tag changes. Set-based: the number of statements doesn't grow with the batch.

use super::aggregates::COURSES;
use super::in_list::{all_in, as_table, exec_in};
use super::sql::{Arg, args, word};
use super::wakes::AFTER_IMPORT;
use super::{Claimed, Db, StoreError, Tx, aggregates, asked, changes, customers};
use chrono_tz::Tz;
use domain::customer::profile::Footing;
use domain::customer::{AccountKind, Bearer, Profile};
use domain::ids::CustomerId;
use domain::tag::{Cause, CurrentTag, TagChange, TagState, courses};
use domain::time::Instant;
use sea_orm::Value;
use std::collections::{HashMap, HashSet};

/// What stands of a customer before it is kept again.
#[derive(Debug, Clone)]
pub struct Standing {
    /// Rises with every new fact.
    pub fact_rev: i64,
    /// Under which rules it was last kept.
    pub rule_epoch: i64,
    /// Merged or parted since it was last kept.
    pub regrouped: bool,
    /// `None` if never kept.
    pub kept_at: Option<Instant>,
    /// What is known of them beside their events.
    pub bearer: Bearer,
    pub erased: bool,
    /// The kind of account it was kept as; `None` if never kept.
    pub kept_as: Option<AccountKind>,
    pub tags: Vec<CurrentTag>,
}

impl Standing {
    /// Nothing stands of them yet.
    pub fn new(id: CustomerId, zone: Tz) -> Self {
        Self {
            fact_rev: 0,
            rule_epoch: 0,
            regrouped: false,
            kept_at: None,
            bearer: Bearer { id, ..Bearer::consumer(zone) },
            erased: false,
            kept_as: None,
            tags: Vec::new(),
        }
    }
}

/// Reads what stands of each customer. `fact_rev` is read before anything else, and the caller reads the
/// facts after it: a fact that arrives in between makes the result void, never lost.
pub async fn standing(
    db: &Db,
    ids: &[CustomerId],
    shop_zone: Tz,
) -> Result<HashMap<CustomerId, Standing>, StoreError> {
    let mut found: HashMap<CustomerId, Standing> = HashMap::with_capacity(ids.len());
    if ids.is_empty() {
        return Ok(found);
    }
    let new = |id: CustomerId| move || Standing::new(id, shop_zone);
    let wanted = || ids.iter().map(|id| id.arg()).collect::<Vec<_>>();
    let sql =
        "SELECT customer_id, fact_rev, rule_epoch, regrouped FROM customer_due WHERE customer_id IN ({in})";
    for row in all_in(db, sql, Vec::new(), wanted()).await? {
        let id = CustomerId(row.int("customer_id")?);
        let standing = found.entry(id).or_insert_with(new(id));
        (standing.fact_rev, standing.regrouped) = (row.int("fact_rev")?, row.flag("regrouped")?);
        standing.rule_epoch = row.int("rule_epoch")?;
    }
    let sql = "SELECT c.id AS customer_id, c.erased_at, c.zone, c.registered_at, q.birthday, c.account_kind, p.kept_at, \
               p.account_kind AS kept_as FROM customer c LEFT JOIN profile p ON p.customer_id = c.id \
               LEFT JOIN customer_personal q ON q.customer_id = c.id WHERE c.id IN ({in})";
    for row in all_in(db, sql, Vec::new(), wanted()).await? {
        let id = row.int("customer_id")?;
        let kind = |table, text: &str| word(table, "account_kind", id, text, AccountKind::parse);
        let standing = found.entry(CustomerId(id)).or_insert_with(new(CustomerId(id)));
        let account = kind("customer", &row.text("account_kind")?)?;
        standing.bearer = customers::bearer(CustomerId(id), &row, account, shop_zone)?;
        standing.kept_as = row.opt_text("kept_as")?.map(|text| kind("profile", &text)).transpose()?;
        standing.kept_at = row.opt_at("kept_at")?;
        standing.erased = row.opt_at("erased_at")?.is_some();
    }
    let sql = "SELECT customer_id, key, value, rule_version FROM tag_current WHERE customer_id IN ({in})";
    for row in all_in(db, sql, Vec::new(), wanted()).await? {
        let id = CustomerId(row.int("customer_id")?);
        found.entry(id).or_insert_with(new(id)).tags.push(CurrentTag {
            key: row.text("key")?,
            value: Some(row.text("value")?),
            rule_version: row.int("rule_version")?,
        });
    }
    Ok(found)
}

/// What keeping one customer came to.
pub struct Kept {
    pub claimed: Claimed,
    pub fact_rev: i64,
    pub rule_epoch: i64,
    /// The kind of account it was kept as.
    pub account: AccountKind,
    pub profile: Profile,
    pub footing: Footing,
    /// What was known of them beside their events.
    pub bearer: Bearer,
    pub erased: bool,
    /// Those that hold; others are looked at no more.
    pub tags: Vec<TagState>,
    /// Tags that stood of them and hold no longer.
    pub gone: Vec<String>,
    pub changes: Vec<TagChange>,
    pub next_due: Option<Instant>,
    pub triggers: Vec<Trigger>,
}

/// Something that may start a campaign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trigger {
    /// `tag` or `event`.
    pub kind: &'static str,
    pub key: String,
    pub from: Option<String>,
    pub to: Option<String>,
    /// The true instant of the cause.
    pub cause_at: Instant,
    /// What makes the cause once, as far as it is known here.
    pub origin_key: String,
    pub payload: serde_json::Value,
}

/// Saves a batch and gives back the leases. A customer whose facts changed meanwhile, whose lease was lost, or who was
/// kept by rules that no longer hold is left as it was and stays due. Gives the number of customers saved.
pub async fn save(tx: &Tx, now: Instant, kept: Vec<Kept>) -> Result<u64, StoreError> {
    let accepted = settle(tx, &kept).await?;
    let kept: Vec<Kept> = kept.into_iter().filter(|k| accepted.contains(&k.claimed.key)).collect();
    write_profiles(tx, now, &kept).await?;
    write_tags(tx, now, &kept).await?;
    write_history(tx, now, &kept).await?;
    write_triggers(tx, now, triggers_of(&kept)).await?;
    Ok(kept.len() as u64)
}

/// Saves what was caught up with up to `at`, for whoever changes these customers in the same transaction and makes them
/// due by that: who computes at the same time finds other facts than they read. Their rows are locked.
pub async fn save_caught_up(tx: &Tx, at: Instant, kept: Vec<Kept>) -> Result<(), StoreError> {
    write_profiles(tx, at, &kept).await?;
    write_tags(tx, at, &kept).await?;
    write_history(tx, at, &kept).await?;
    let ids = |kept: &mut dyn Iterator<Item = &Kept>| {
        kept.map(|k| Value::BigInt(Some(k.claimed.key))).collect::<Vec<_>>()
    };
    let sql = "UPDATE customer_due SET regrouped = 0 WHERE regrouped = 1 AND customer_id IN ({in})";
    exec_in(tx, sql, vec![], ids(&mut kept.iter())).await?;
    // What was published until now is behind them.
    if let Some(epoch) = kept.iter().map(|k| k.rule_epoch).max().filter(|epoch| *epoch > 0) {
        let sql = "UPDATE customer_due SET rule_epoch = $1 WHERE rule_epoch < $1 AND customer_id IN ({in})";
        exec_in(tx, sql, args![epoch], ids(&mut kept.iter().filter(|k| k.rule_epoch == epoch))).await?;
    }
    write_triggers(tx, at, triggers_of(&kept)).await
}

fn triggers_of(kept: &[Kept]) -> Vec<(CustomerId, Trigger)> {
    let of = |k: &Kept| {
        let id = CustomerId(k.claimed.key);
        k.triggers.iter().map(|trigger| (id, trigger.clone())).collect::<Vec<_>>()
    };
    kept.iter().flat_map(of).collect()
}

/// Stores the next due times where fence, fact_rev and the rules' epoch are still what was read, and no import came in between; gives
/// those customers.
async fn settle(tx: &Tx, kept: &[Kept]) -> Result<HashSet<i64>, StoreError> {
    let customers = kept.iter().map(|k| CustomerId(k.claimed.key)).collect();
    super::wakes::lock(tx, &customers).await?;
    let row = |k: &Kept| {
        let due = k.next_due.unwrap_or(Instant::MAX);
        args![k.claimed.key, k.claimed.fence, k.fact_rev, due, k.rule_epoch]
    };
    let rows: Vec<Vec<Value>> = kept.iter().map(row).collect();
    if rows.is_empty() {
        return Ok(HashSet::new());
    }
    let (table, mut values) = as_table(tx, 1, &rows);
    values.push(AFTER_IMPORT.arg());
    let sql = format!(
        "WITH kept (id, fence, rev, due, epoch) AS ({table}) \
         UPDATE customer_due SET due_at = kept.due, rule_epoch = kept.epoch, regrouped = 0, leased_until = NULL, \
         lease_owner = NULL FROM kept WHERE customer_due.customer_id = kept.id AND customer_due.fence = kept.fence \
         AND customer_due.fact_rev = kept.rev AND kept.epoch = \
         COALESCE((SELECT CAST(value AS BIGINT) FROM meta WHERE key = 'rule_epoch'), 0) AND customer_due.due_at <> ${} \
         RETURNING customer_due.customer_id AS customer_id",
        values.len()
    );
    let accepted: HashSet<i64> =
        tx.all(&sql, values).await?.iter().map(|row| row.int("customer_id")).collect::<Result<_, _>>()?;
    for k in kept.iter().filter(|k| !accepted.contains(&k.claimed.key)) {
        super::claim::release(tx, super::waiting::CUSTOMERS, k.claimed).await?;
    }
    Ok(accepted)
}

/// A customer who can't be kept, by the facts and rules there were.
#[derive(Debug, Clone)]
pub struct Broken {
    pub claimed: Claimed,
    /// As it was before the facts were read.
    pub fact_rev: i64,
    pub rule_epoch: i64,
    pub why: String,
}

/// How often new facts came of each of these customers.
pub async fn fact_revs(db: &Db, ids: &[CustomerId]) -> Result<HashMap<CustomerId, i64>, StoreError> {
    let sql = "SELECT customer_id, fact_rev FROM customer_due WHERE customer_id IN ({in})";
    let rows = all_in(db, sql, Vec::new(), ids.iter().map(|id| id.arg()).collect()).await?;
    rows.iter().map(|row| Ok((CustomerId(row.int("customer_id")?), row.int("fact_rev")?))).collect()
}

/// Sets customers aside who can't be kept, each with why, and gives back their leases. A new fact or a publication lets the
/// keeper try again: of whom either came in meanwhile stays due.
pub async fn set_aside(tx: &Tx, broken: &[Broken]) -> Result<(), StoreError> {
    let sql = "UPDATE customer_due SET failed = CASE WHEN fact_rev = $4 AND $5 = \
               COALESCE((SELECT CAST(value AS BIGINT) FROM meta WHERE key = 'rule_epoch'), 0) THEN $1 END, \
               leased_until = NULL, lease_owner = NULL WHERE customer_id = $2 AND fence = $3";
    super::wakes::lock(tx, &broken.iter().map(|one| CustomerId(one.claimed.key)).collect()).await?;
    for Broken { claimed, fact_rev, rule_epoch, why } in broken {
        tx.exec(sql, args![why, claimed.key, claimed.fence, *fact_rev, *rule_epoch]).await?;
    }
    Ok(())
}

/// Writes profiles, and notes whose: what else is kept of a customer is written with their profile.
pub(super) async fn write_profiles(tx: &Tx, now: Instant, kept: &[Kept]) -> Result<(), StoreError> {
    changes::note(tx, kept.iter().map(|k| CustomerId(k.claimed.key))).await?;
    let columns: Vec<&str> = ["customer_id", "kept_at", "account_kind", COURSES]
        .into_iter()
        .chain(asked::COLUMNS)
        .chain(aggregates::columns())
        .collect();
    let row = |k: &Kept| {
        let courses = serde_json::to_string(&courses(&k.tags)).expect("instants and texts by name are JSON");
        let mut row = args![k.claimed.key, now, k.account.as_str(), courses];
        let asked = asked::Asked::of(&k.bearer, k.erased, &k.footing, &k.profile.more);
        row.extend(asked.values());
        row.extend(aggregates::values(&k.profile));
        row
    };
    let set = columns[1..].iter().map(|c| format!("{c} = excluded.{c}")).collect::<Vec<_>>().join(", ");
    let tail = format!("ON CONFLICT (customer_id) DO UPDATE SET {set}");
    tx.insert_many("profile", &columns, kept.iter().map(row).collect(), &tail).await.map(drop)
}

pub(super) async fn write_tags(tx: &Tx, now: Instant, kept: &[Kept]) -> Result<(), StoreError> {
    let row = |id: i64, tag: &TagState| {
        let value = tag.value.as_ref()?;
        let source = tag.source.as_str();
        Some(args![id, &tag.key, value, tag.since, now, source, tag.rule_version, tag.evidence.to_string()])
    };
    let rows =
        kept.iter().flat_map(|k| k.tags.iter().filter_map(move |tag| row(k.claimed.key, tag))).collect();
    let columns = ["customer_id", "key", "value", "since", "as_of", "source", "rule_version", "evidence"];
    let tail = "ON CONFLICT (customer_id, key) DO UPDATE SET value = excluded.value, since = excluded.since, \
                as_of = excluded.as_of, source = excluded.source, rule_version = excluded.rule_version, \
                evidence = excluded.evidence WHERE tag_current.value <> excluded.value \
                OR tag_current.since <> excluded.since OR tag_current.source <> excluded.source \
                OR tag_current.rule_version <> excluded.rule_version OR tag_current.evidence <> excluded.evidence";
    tx.insert_many("tag_current", &columns, rows, tail).await?;
    write_ended(tx, kept).await?;
    let gone: Vec<Vec<Value>> =
        kept.iter().flat_map(|k| k.gone.iter().map(|key| args![k.claimed.key, key])).collect();
    if gone.is_empty() {
        return Ok(());
    }
    let (table, values) = as_table(tx, 1, &gone);
    let sql = format!(
        "WITH gone (id, tag) AS ({table}) DELETE FROM tag_current WHERE (customer_id, key) IN (SELECT id, tag FROM gone)"
    );
    tx.exec(&sql, values).await.map(drop)
}

/// Since when they haven't tags that they had: what stands of it already is left alone.
async fn write_ended(tx: &Tx, kept: &[Kept]) -> Result<(), StoreError> {
    let rows: Vec<Vec<Value>> = kept
        .iter()
        .flat_map(|k| {
            asked::ended(&k.tags, k.footing.first_at)
                .into_iter()
                .map(|(key, since)| args![k.claimed.key, key, since])
        })
        .collect();
    let ids = kept.iter().map(|k| Value::BigInt(Some(k.claimed.key))).collect();
    if rows.is_empty() {
        return exec_in(tx, "DELETE FROM tag_ended WHERE customer_id IN ({in})", vec![], ids).await.map(drop);
    }
    let (table, values) = as_table(tx, 1, &rows);
    let sql = format!(
        "DELETE FROM tag_ended WHERE customer_id IN ({{in}}) AND (customer_id, key, since) NOT IN ({table})"
    );
    exec_in(tx, &sql, values.clone(), ids).await?;
    // SQLite takes ON CONFLICT behind a SELECT for a join's ON unless there is a WHERE.
    let sql = format!(
        "INSERT INTO tag_ended (customer_id, key, since) {table} WHERE 1 = 1 ON CONFLICT (customer_id, key) DO NOTHING"
    );
    tx.exec(&sql, values).await.map(drop)
}

/// What an entry of the ledger of tags says, for whoever writes one.
pub(super) const HISTORY: [&str; 11] = [
    "customer_id",
    "key",
    "from_value",
    "to_value",
    "since",
    "as_of",
    "recorded_at",
    "cause",
    "historical",
    "rule_version",
    "evidence",
];

async fn write_history(tx: &Tx, now: Instant, kept: &[Kept]) -> Result<(), StoreError> {
    let rows = kept
        .iter()
        .flat_map(|k| k.changes.iter().map(move |change| (k.claimed.key, change)))
        .map(|(id, c)| {
            args![
                id,
                &c.key,
                c.from.clone(),
                c.to.clone(),
                c.since,
                c.as_of,
                now,
                cause(c.cause),
                c.historical,
                c.rule_version,
                c.evidence.to_string()
            ]
        })
        .collect();
    tx.insert_many("tag_history", &HISTORY, rows, "").await?;
    Ok(())
}

fn cause(cause: Cause) -> &'static str {
    match cause {
        Cause::Event => "event",
        Cause::Time => "time",
        Cause::Rule => "rule",
        Cause::Merge => "merge",
        Cause::Manual => "manual",
    }
}

/// Queues what may start campaigns; due at once.
pub async fn write_triggers(
    tx: &Tx,
    now: Instant,
    triggers: Vec<(CustomerId, Trigger)>,
) -> Result<(), StoreError> {
    let columns = [
        "customer_id",
        "kind",
        "key",
        "from_value",
        "to_value",
        "cause_at",
        "origin_key",
        "payload",
        "due_at",
        "fence",
    ];
    let rows = triggers
        .into_iter()
        .map(|(id, t)| {
            args![
                id,
                t.kind,
                &t.key,
                t.from.clone(),
                t.to.clone(),
                t.cause_at,
                &t.origin_key,
                t.payload.to_string(),
                now,
                0i64
            ]
        })
        .collect();
    tx.insert_many("trigger_queue", &columns, rows, "").await?;
    Ok(())
}
