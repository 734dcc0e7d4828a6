//! The rules' epoch. It rises when what everybody is kept by becomes another; from then on the book is gone through page by
//! page, customers becoming due behind those who have new facts. So neither a statement nor the queue of the keeper grows
//! with the book. Two rows of `meta` say how far that came: `mark_at`, since when, and `mark_after`, the last customer marked.
//! How customers are kept isn't here.

use super::in_list::exec_in;
use super::sql::{Arg, args};
use super::{Db, StoreError, Tx, meta, wakes};
use domain::ids::CustomerId;
use domain::time::Instant;

/// The SQL of the instant since which customers wait to be marked; no row where nobody does.
pub(super) const MARKING_SINCE: &str = "SELECT CAST(value AS BIGINT) AS due FROM meta WHERE key = 'mark_at'";

/// SQL condition on `customer_due`: to be looked at again, and not marked yet. Nobody is where no marking is under way.
pub(super) const UNMARKED: &str = "customer_id > (SELECT CAST(value AS BIGINT) FROM meta WHERE key = 'mark_after') \
     AND rule_epoch < (SELECT CAST(value AS BIGINT) FROM meta WHERE key = 'rule_epoch')";

/// Raises the epoch: from `at` on everybody is kept by other rules than before. Whoever is being marked for an earlier
/// change is for this one too, from the first customer on. Costs the same however large the book is. Gives the new epoch; whoever else
/// raises it waits for the end of this transaction.
pub async fn raise(tx: &Tx, at: Instant) -> Result<i64, StoreError> {
    let epoch = meta::raise_rule_epoch(tx).await?;
    tx.exec("INSERT INTO rule_turn (epoch, at) VALUES ($1, $2)", args![epoch, at]).await?;
    // Who comes into an empty book is kept by the new rules anyway.
    let sql = "INSERT INTO meta (key, value) \
               SELECT m.key, m.value FROM (SELECT 'mark_after' AS key, '0' AS value \
                 UNION ALL SELECT 'mark_at', CAST($1 AS TEXT)) m \
               WHERE EXISTS (SELECT 1 FROM customer_due) ORDER BY m.key \
               ON CONFLICT (key) DO UPDATE SET value = excluded.value";
    tx.exec(sql, args![at.micros().to_string()]).await?;
    Ok(epoch)
}

/// Whether customers wait at `now` to be marked.
pub async fn is_marking(db: &Db, now: Instant) -> Result<bool, StoreError> {
    Ok(db.number(MARKING_SINCE, vec![]).await?.is_some_and(|since| since <= now.micros()))
}

/// Makes the next customers due at `now` who were last kept under an earlier epoch, as many as bring those due to `most`.
/// Gives whether it came any further: not where nobody is left, where enough are due, or where somebody else is at it.
pub async fn mark_page(tx: &Tx, now: Instant, most: i64) -> Result<bool, StoreError> {
    // Whoever publishes meanwhile waits for this page, and begins anew after it.
    let lock = if tx.is_postgres() { " FOR UPDATE SKIP LOCKED" } else { "" };
    let sql = format!("SELECT CAST(value AS BIGINT) AS last FROM meta WHERE key = 'mark_after'{lock}");
    let Some(after) = tx.number(&sql, vec![]).await? else { return Ok(false) };
    if !is_marking(tx, now).await? {
        return Ok(false);
    }
    let sql =
        "SELECT COUNT(*) FROM (SELECT 1 FROM customer_due WHERE failed IS NULL AND due_at <= $1 LIMIT $2) q";
    let room = most - tx.number(sql, args![now, most]).await?.unwrap_or(0);
    if room <= 0 {
        return Ok(false);
    }
    let sql = "SELECT customer_id FROM customer_due WHERE customer_id > $1 ORDER BY customer_id LIMIT $2";
    let rows = tx.all(sql, args![after, room]).await?;
    let page: Vec<CustomerId> =
        rows.iter().map(|row| row.int("customer_id").map(CustomerId)).collect::<Result<_, _>>()?;
    // Who is being saved is looked at after that: until it is committed they seem to be due still.
    wakes::lock(tx, &page.iter().copied().collect()).await?;
    // Who waits for the end of an import is due then, under these rules; who couldn't be kept by those before may be by these.
    let sql = "UPDATE customer_due SET due_at = CASE WHEN due_at > $1 THEN $1 ELSE due_at END, failed = NULL \
               WHERE (due_at > $1 OR failed IS NOT NULL) AND due_at <> $2 AND rule_epoch < \
               (SELECT CAST(value AS BIGINT) FROM meta WHERE key = 'rule_epoch') AND customer_id IN ({in})";
    exec_in(tx, sql, args![now, wakes::AFTER_IMPORT], page.iter().map(|id| id.arg()).collect()).await?;
    match page.last() {
        Some(last) if page.len() as i64 == room => advance(tx, after, *last).await?,
        _ => drop(tx.exec("DELETE FROM meta WHERE key IN ('mark_after', 'mark_at')", vec![]).await?),
    }
    Ok(true)
}

async fn advance(tx: &Tx, from: i64, to: CustomerId) -> Result<(), StoreError> {
    let sql = "UPDATE meta SET value = $1 WHERE key = 'mark_after' AND value = $2";
    tx.exec_one("marking customers", sql, args![to.0.to_string(), from.to_string()]).await
}
