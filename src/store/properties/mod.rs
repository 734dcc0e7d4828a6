//! The index of what events say: which properties are looked up in it, and filling it. One row a value, as `domain::event::property`
//! reads it, so that memory and database compare the same. Asking it is `rule_sql`'s.
//!
//! A property is registered behind the gate that whoever logs events passes: what is logged later brings its own rows, what was
//! there is filled in page by page, newest first. So each event has them once, whoever comes first.

mod registered;
mod values;

pub use registered::{
    Indexed, State, ask, filled, is_asked, is_waiting, list, list_filling, published, register,
    register_published, remove_page,
};
pub(super) use values::{log, rewritten};

use super::sql::args;
use super::{StoreError, Tx, clusters};

/// Writes the rows of the next events, as many as have `limit` ids, for the properties that are furthest behind in being filled.
/// Gives whether there were any; several at once take different ones.
pub async fn fill_page(tx: &Tx, limit: i64) -> Result<bool, StoreError> {
    // Nobody is forgotten meanwhile.
    clusters::pass(tx).await?;
    let lock = if tx.is_postgres() { " FOR UPDATE SKIP LOCKED" } else { "" };
    let sql = format!(
        "SELECT id, event, path, filled_to, state, asked_at FROM property WHERE state = 'filling' \
         ORDER BY filled_to DESC, event, id LIMIT 100{lock}"
    );
    let rows = tx.all(&sql, vec![]).await?;
    let Some(first) = rows.first() else { return Ok(false) };
    let (event, until) = (first.text("event")?, first.int("filled_to")?);
    let mut together = Vec::new();
    for row in &rows {
        if row.int("filled_to")? == until && row.text("event")? == event {
            together.push(registered::read(row)?);
        }
    }
    let from = (until - limit.max(1)).max(0);
    values::fill(tx, &together, (from, until)).await?;
    let state = if from == 0 { State::Filled } else { State::Filling };
    for property in together {
        let sql = "UPDATE property SET filled_to = $1, state = $2 WHERE id = $3";
        tx.exec_one("a property", sql, args![from, state.as_str(), property.id]).await?;
    }
    Ok(true)
}
