//! Refused events of people who were forgotten. Nobody resolved whose they are, so all of them are read; one that speaks of
//! the person keeps its code, and nothing of what it said.

use super::remembered::of_message;
use crate::store::sql::args;
use crate::store::{StoreError, Tx, meta};
use domain::customer::Marks;
use domain::ids::SourceId;

/// Refused events at a time: what bounds the memory.
const PAGE: i64 = 500;

/// Empties the refused events that speak of this person, and gives the hashes of their message ids.
pub(super) async fn forget(tx: &Tx, marks: &Marks) -> Result<Vec<String>, StoreError> {
    let salt = meta::erasure_salt(tx).await?;
    let (mut after, mut gone) = (0, Vec::new());
    let sql = "SELECT id, source_id, message_id, detail, payload, reason FROM quarantine WHERE id > $1 ORDER BY id LIMIT $2";
    loop {
        let rows = tx.all(sql, args![after, PAGE]).await?;
        for row in &rows {
            after = row.int("id")?;
            let (message_id, reason) = (row.opt_text("message_id")?, row.opt_text("reason")?);
            let theirs = marks.in_document(&row.text("payload")?)
                || marks.in_text(&row.text("detail")?)
                || message_id.as_ref().is_some_and(|id| marks.cut(id).is_some())
                || reason.as_ref().is_some_and(|reason| marks.in_text(reason));
            if !theirs {
                continue;
            }
            let sql = "UPDATE quarantine SET payload = '{}', detail = code, message_id = NULL, reason = NULL WHERE id = $1";
            tx.exec_one("a refused event", sql, args![after]).await?;
            let source = SourceId(row.int("source_id")?);
            gone.extend(message_id.map(|id| of_message(&salt, source, &id)));
        }
        if (rows.len() as i64) < PAGE {
            return Ok(gone);
        }
    }
}
