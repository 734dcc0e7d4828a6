//! What stays of a forgotten person's events: instants, amounts and what projections are folded from
//! (`domain::event::bare_properties` and its neighbours), under message ids that don't speak of them.

use super::remembered::of_message;
use crate::store::sql::{args, json};
use crate::store::{StoreError, Tx, meta, properties};
use domain::customer::Marks;
use domain::event::{bare_detail, bare_name, bare_properties};
use domain::ids::{CustomerId, SourceId};
use serde_json::{Map, Value};

/// Events at a time: what bounds the memory.
const PAGE: i64 = 500;

/// An event, as far as it may speak of its person.
#[derive(Debug, Clone, PartialEq)]
struct Line {
    kind: String,
    fact: Option<String>,
    properties: String,
}

/// Rewrites the events of these customers, who are one person. Gives the hashes of the message ids that aren't there any
/// more.
pub(super) async fn rewrite(
    tx: &Tx,
    cluster: &[CustomerId],
    marks: &Marks,
) -> Result<Vec<String>, StoreError> {
    let salt = meta::erasure_salt(tx).await?;
    let mut gone = Vec::new();
    for customer in cluster {
        let mut after = 0;
        while let Some(last) = rewrite_page(tx, (*customer, after), marks, &salt, &mut gone).await? {
            after = last;
        }
    }
    Ok(gone)
}

/// The next page of one customer's events, and the last one's id; `None` behind the last.
async fn rewrite_page(
    tx: &Tx,
    (customer, after): (CustomerId, i64),
    marks: &Marks,
    salt: &str,
    gone: &mut Vec<String>,
) -> Result<Option<i64>, StoreError> {
    let sql = "SELECT id, source_id, message_id, kind, fact, properties FROM event \
               WHERE customer_id = $1 AND id > $2 ORDER BY id LIMIT $3";
    let (mut last, mut rewritten) = (None, Vec::new());
    for row in tx.all(sql, args![customer, after, PAGE]).await? {
        let id = row.int("id")?;
        last = Some(id);
        let (kind, fact) = (row.text("kind")?, row.opt_text("fact")?);
        let before = Line { kind, fact, properties: row.text("properties")? };
        let line = bare(id, &before, marks)?;
        if line != before {
            let sql = "UPDATE event SET kind = $1, fact = $2, properties = $3 WHERE id = $4";
            tx.exec_one("an event", sql, args![line.kind, line.fact, line.properties, id]).await?;
            rewritten.push(id);
        }
        let (source, message_id) = (SourceId(row.int("source_id")?), row.text("message_id")?);
        if let Some(cut) = marks.cut(&message_id) {
            let hash = of_message(salt, source, &message_id);
            // Two ids may differ in nothing but what was cut out; whoever sorts by them finds the rest as it was.
            let other = format!("{cut}~{}", hash.get(..12).unwrap_or_default());
            rename(tx, id, source, &message_id, &other).await?;
            gone.push(hash);
        }
    }
    properties::rewritten(tx, rewritten).await?;
    Ok(last)
}

fn bare(id: i64, line: &Line, marks: &Marks) -> Result<Line, StoreError> {
    let properties: Map<String, Value> = json("event", "properties", id, &line.properties)?;
    let fact: Option<Value> = line.fact.as_ref().map(|text| json("event", "fact", id, text)).transpose()?;
    Ok(Line {
        kind: bare_name(&line.kind, marks).to_owned(),
        fact: fact.map(|fact| bare_detail(fact, marks).to_string()),
        properties: Value::Object(bare_properties(&line.kind, &properties, marks)).to_string(),
    })
}

async fn rename(tx: &Tx, id: i64, source: SourceId, from: &str, to: &str) -> Result<(), StoreError> {
    let sql = "UPDATE event SET message_id = $1 WHERE id = $2";
    tx.exec_one("an event's message id", sql, args![to, id]).await?;
    // One that was taken back with its import has given its key back.
    let sql =
        "UPDATE event_key SET message_id = $1 WHERE source_id = $2 AND message_id = $3 AND event_id = $4";
    tx.exec(sql, args![to, source, from, id]).await.map(drop)
}
