//! What a day's housekeeping has done, and the pages it removes. How long things are kept is the domain's to say. The
//! audit log and the ledger of consents are nobody's to remove anything from.

use super::erasure::{begin_overwriting, end_overwriting};
use super::sql::{Row, args, json, word};
use super::{Db, StoreError, Tx, meta};
use chrono::NaiveDate;
use chrono_tz::Tz;
use domain::retention::Step;
use domain::time::Instant;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// A day's housekeeping that isn't finished.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Round {
    pub id: i64,
    /// Local date of the shop.
    pub day: NaiveDate,
    pub step: Step,
    /// Behind which customer the step goes on.
    pub cursor: i64,
    /// How much went so far, by step.
    pub done: BTreeMap<String, i64>,
}

/// One page of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    pub gone: i64,
    /// Whether the step isn't at its end.
    pub more: bool,
}

fn read(row: &Row) -> Result<Round, StoreError> {
    let id = row.int("id")?;
    let day = word("housekeeping", "day", id, &row.text("day")?, |text| text.parse().ok())?;
    let step = word("housekeeping", "step", id, &row.text("step")?, Step::parse)?;
    let cursor = row.int("cursor_id")?;
    Ok(Round { id, day, step, cursor, done: json("housekeeping", "done", id, &row.text("done")?)? })
}

const OPEN: &str =
    "SELECT id, day, step, cursor_id, done FROM housekeeping WHERE finished_at IS NULL ORDER BY day LIMIT 1";

/// The earliest day that isn't finished.
pub async fn find_open(db: &Db) -> Result<Option<Round>, StoreError> {
    db.one(OPEN, vec![]).await?.as_ref().map(read).transpose()
}

/// How far the housekeeping is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Of the shop.
    pub zone: Tz,
    /// Whether a day isn't finished.
    pub open: bool,
    /// The latest day that was begun.
    pub latest: Option<NaiveDate>,
}

/// How far it is, in one statement: it is asked at each turn. `None`: there is no such shop.
pub async fn standing(db: &Db, shop: &str) -> Result<Option<Standing>, StoreError> {
    let sql = "SELECT id, zone, (SELECT MAX(day) FROM housekeeping) AS latest, \
               (SELECT MIN(day) FROM housekeeping WHERE finished_at IS NULL) AS open FROM shop WHERE key = $1";
    let Some(row) = db.one(sql, args![shop]).await? else { return Ok(None) };
    let id = row.int("id")?;
    let day = |text: String| word("housekeeping", "day", id, &text, |text| text.parse().ok());
    Ok(Some(Standing {
        zone: word("shop", "zone", id, &row.text("zone")?, |zone| zone.parse().ok())?,
        open: row.opt_text("open")?.is_some(),
        latest: row.opt_text("latest")?.map(day).transpose()?,
    }))
}

/// The latest day that was begun.
async fn latest_day(db: &Db) -> Result<Option<NaiveDate>, StoreError> {
    let row = db.one("SELECT id, day FROM housekeeping ORDER BY day DESC LIMIT 1", vec![]).await?;
    row.map(|row| word("housekeeping", "day", row.int("id")?, &row.text("day")?, |text| text.parse().ok()))
        .transpose()
}

/// The earliest day that isn't finished, begun if need be and held until the transaction ends; `None` once `today` is
/// finished.
pub async fn open(tx: &Tx, today: NaiveDate, now: Instant) -> Result<Option<Round>, StoreError> {
    if latest_day(tx).await?.is_none_or(|latest| latest < today) {
        let row = args![today.to_string(), Step::first().as_str(), "{}", now];
        let columns = ["day", "step", "done", "begun_at"];
        tx.insert_many("housekeeping", &columns, vec![row], "ON CONFLICT (day) DO NOTHING").await?;
    }
    let lock = if tx.is_postgres() { " FOR UPDATE" } else { "" };
    tx.one(&format!("{OPEN}{lock}"), vec![]).await?.as_ref().map(read).transpose()
}

/// Goes on with `step`, or ends the day where there is none.
pub async fn save(tx: &Tx, round: &Round, step: Option<Step>, now: Instant) -> Result<(), StoreError> {
    let done = serde_json::to_string(&round.done).expect("numbers by name are JSON");
    let finished_at = if step.is_none() { Some(now) } else { None };
    let cursor = if step == Some(round.step) { round.cursor } else { 0 };
    let sql = "UPDATE housekeeping SET step = $1, done = $2, finished_at = $3, cursor_id = $4 WHERE id = $5";
    let values = args![step.map(|step| step.as_str().to_owned()), done, finished_at, cursor, round.id];
    tx.exec_one("a day's housekeeping", sql, values).await
}

async fn page(tx: &Tx, sql: &str, until: Instant, limit: i64) -> Result<Page, StoreError> {
    begin_overwriting(tx).await?;
    let gone = i64::try_from(tx.exec(sql, args![until, limit]).await?).unwrap_or(i64::MAX);
    end_overwriting(tx).await?;
    Ok(Page { gone, more: gone >= limit })
}

/// What was refused and is decided keeps its reason, and nothing of what it said.
pub async fn empty_quarantine(tx: &Tx, until: Instant, limit: i64) -> Result<Page, StoreError> {
    let sql = "UPDATE quarantine SET payload = '{}', detail = code WHERE id IN (SELECT id FROM quarantine \
               WHERE state IN ('retried', 'discarded') AND received_at <= $1 \
               AND COALESCE(decided_at, received_at) <= $1 AND (payload <> '{}' OR detail <> code) \
               ORDER BY id LIMIT $2)";
    page(tx, sql, until, limit).await
}

pub async fn delete_looks(tx: &Tx, until: Instant, limit: i64) -> Result<Page, StoreError> {
    let sql = "DELETE FROM access_log WHERE id IN (SELECT id FROM access_log WHERE at <= $1 ORDER BY at, id LIMIT $2)";
    page(tx, sql, until, limit).await
}

pub async fn delete_keys(tx: &Tx, until: Instant, limit: i64) -> Result<Page, StoreError> {
    let sql = "DELETE FROM idempotency WHERE id IN (SELECT id FROM idempotency WHERE created_at <= $1 \
               ORDER BY id LIMIT $2)";
    page(tx, sql, until, limit).await
}

/// Personal values that nothing is read from becomes hashes: all of what isn't an identify said, and what a sender's
/// library added to one. Events are gone through in the order they were taken in, each once.
pub async fn hash_raw(tx: &Tx, until: Instant, limit: i64) -> Result<Page, StoreError> {
    let (mark, salt) = (meta::raw_mark(tx).await?, meta::erasure_salt(tx).await?);
    let sql = "SELECT p.event_id, e.kind, e.received_at, p.payload FROM event_personal p \
               JOIN event e ON e.id = p.event_id WHERE p.event_id > $1 ORDER BY p.event_id LIMIT $2";
    let rows = tx.all(sql, args![mark, limit]).await?;
    begin_overwriting(tx).await?;
    let (mut gone, mut last, mut young) = (0, mark, false);
    for row in &rows {
        if row.at("received_at")? > until {
            young = true;
            break;
        }
        last = row.int("event_id")?;
        let payload = row.text("payload")?;
        let said: Map<String, Value> = json("event_personal", "payload", last, &payload)?;
        if let Some(rest) = without_raw(said, &row.text("kind")?, &salt, &payload) {
            let sql = "UPDATE event_personal SET payload = $1 WHERE event_id = $2";
            tx.exec(sql, args![Value::Object(rest).to_string(), last]).await?;
            gone += 1;
        }
    }
    end_overwriting(tx).await?;
    if last > mark {
        meta::set_raw_mark(tx, last).await?;
    }
    Ok(Page { gone, more: !young && rows.len() as i64 >= limit })
}

const HASH: &str = "sha256";

/// What stays of an event's personal values; `None`: all.
fn without_raw(
    mut said: Map<String, Value>,
    kind: &str,
    salt: &str,
    payload: &str,
) -> Option<Map<String, Value>> {
    if kind == "Identify" {
        return said.remove("context_traits").map(|_| said);
    }
    if said.len() == 1 && said.contains_key(HASH) {
        return None;
    }
    let digest = Sha256::digest(format!("{salt}\0{payload}"));
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    Some(Map::from_iter([(HASH.to_owned(), Value::String(hex))]))
}

/// How many refused events have waited for a person since before `until`.
pub async fn count_waiting(db: &Db, until: Instant) -> Result<i64, StoreError> {
    let sql = "SELECT COUNT(*) FROM quarantine WHERE state = 'open' AND received_at <= $1";
    Ok(db.number(sql, args![until]).await?.unwrap_or(0))
}
