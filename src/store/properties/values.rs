//! Rows of the index: what events say, written as they are logged, filled in later, and written anew where an event was rewritten.

use super::registered::{Indexed, State, list};
use crate::store::facts::NewEvent;
use crate::store::in_list::{all_in, exec_in};
use crate::store::shops::BASE;
use crate::store::sql::{Row, args, word};
use crate::store::{Db, StoreError, Tx};
use domain::event::property::{Path, Values};
use domain::money::Currency;
use sea_orm::Value;
use serde_json::Map;

const COLUMNS: [&str; 10] =
    ["property_id", "event_id", "n", "base", "element", "text", "number", "sku", "own_sku", "shop"];

/// An event as far as its values follow from it.
struct Said<'a> {
    id: i64,
    order_key: Option<&'a str>,
    amount_minor: Option<i64>,
    properties: &'a str,
}

async fn currency(db: &Db) -> Result<Currency, StoreError> {
    let row = db.one(&format!("SELECT {BASE} AS base"), vec![]).await?;
    let text = row.as_ref().map(|row| row.text("base")).transpose()?.unwrap_or_default();
    word("shop", "currency", "the first", &text, Currency::parse)
}

/// Writes the values of events that are being logged, who passed the gate.
pub(in crate::store) async fn log(tx: &Tx, events: &[NewEvent]) -> Result<(), StoreError> {
    let known: Vec<Indexed> = list(tx).await?.into_iter().filter(|one| one.state != State::Going).collect();
    let asked = |event: &NewEvent| known.iter().any(|one| one.event == event.kind);
    if !events.iter().any(asked) {
        return Ok(());
    }
    let currency = currency(tx).await?;
    let mut rows = Vec::new();
    for event in events.iter().filter(|event| asked(event)) {
        let said = Said {
            id: event.id.0,
            order_key: event.order_key.as_deref(),
            amount_minor: event.amount_minor,
            properties: &event.properties,
        };
        said.rows(known.iter().filter(|one| one.event == event.kind), currency, &mut rows);
    }
    write(tx, rows).await
}

/// Writes the values of logged events of one name whose ids are within these, the second excluded.
pub(super) async fn fill(tx: &Tx, of: &[Indexed], (from, until): (i64, i64)) -> Result<(), StoreError> {
    let Some(first) = of.first() else { return Ok(()) };
    // What was said in identifies may be taken back meanwhile; all else that rewrites events closes the gate.
    let lock = if tx.is_postgres() && first.event == "Identify" { " FOR SHARE" } else { "" };
    let sql = format!(
        "SELECT id, kind, order_key, amount_minor, properties FROM event WHERE id >= $1 AND id < $2 AND kind = $3 \
         ORDER BY id{lock}"
    );
    let found = tx.all(&sql, args![from, until, &first.event]).await?;
    insert(tx, &found, of).await
}

/// Writes the values of these events anew, who say something else by now.
pub(in crate::store) async fn rewritten(
    tx: &Tx,
    events: impl IntoIterator<Item = i64>,
) -> Result<(), StoreError> {
    let ids: Vec<Value> = events.into_iter().map(|id| Value::BigInt(Some(id))).collect();
    let known = list(tx).await?;
    if ids.is_empty() || known.is_empty() {
        return Ok(());
    }
    let sql =
        "DELETE FROM event_property WHERE property_id IN (SELECT id FROM property) AND event_id IN ({in})";
    exec_in(tx, sql, vec![], ids.clone()).await?;
    let sql = "SELECT id, kind, order_key, amount_minor, properties FROM event WHERE id IN ({in})";
    let found = all_in(tx, sql, vec![], ids).await?;
    let kept: Vec<Indexed> = known.into_iter().filter(|one| one.state != State::Going).collect();
    insert(tx, &found, &kept).await
}

async fn insert(tx: &Tx, events: &[Row], of: &[Indexed]) -> Result<(), StoreError> {
    if events.is_empty() || of.is_empty() {
        return Ok(());
    }
    let currency = currency(tx).await?;
    let mut rows = Vec::new();
    for row in events {
        let (kind, order_key, properties) =
            (row.text("kind")?, row.opt_text("order_key")?, row.text("properties")?);
        let said = Said {
            id: row.int("id")?,
            order_key: order_key.as_deref(),
            amount_minor: row.opt_int("amount_minor")?,
            properties: &properties,
        };
        said.rows(of.iter().filter(|one| one.event == kind), currency, &mut rows);
    }
    write(tx, rows).await
}

async fn write(tx: &Tx, rows: Vec<Vec<Value>>) -> Result<(), StoreError> {
    // Of two that come to one event the first has written what the other would.
    let tail = "ON CONFLICT (property_id, event_id, n) DO NOTHING";
    tx.insert_many("event_property", &COLUMNS, rows, tail).await.map(drop)
}

impl Said<'_> {
    fn rows<'i>(
        &self,
        of: impl Iterator<Item = &'i Indexed>,
        currency: Currency,
        rows: &mut Vec<Vec<Value>>,
    ) {
        let of: Vec<&Indexed> = of.collect();
        if of.is_empty() {
            return;
        }
        let properties: Map<String, serde_json::Value> = match serde_json::from_str(self.properties) {
            Ok(properties) => properties,
            Err(error) => {
                // Whose customer can't be kept for it either, which is told.
                tracing::warn!(event = self.id, %error, "what an event says can't be read and isn't in the index");
                return;
            }
        };
        let paths = of.iter().map(|property| &property.path);
        let values = Values::read(&properties, self.amount_minor, paths);
        let shop = self.order_key.map(|order| order.split_once(':').map_or("", |(shop, _)| shop));
        for property in of {
            rows.extend(self.of_path(property.id, &property.path, &values, currency, shop));
        }
    }

    fn of_path(
        &self,
        property: i64,
        path: &Path,
        values: &Values,
        currency: Currency,
        shop: Option<&str>,
    ) -> Vec<Vec<Value>> {
        let row = |(n, (value, own, line)): (i64, (domain::event::property::PropertyValue, _, _))| {
            let (own, line): (Option<&str>, Option<&str>) = (own, line);
            let base = u32::try_from(value.base.len()).unwrap_or(u32::MAX);
            args![
                property,
                self.id,
                n,
                base,
                value.element,
                plain(&value.text),
                value.number,
                line.map(plain),
                own.map(plain),
                shop.filter(|_| own.or(line).is_some())
            ]
        };
        (0i64..).zip(values.with_products(path, currency)).map(row).collect()
    }
}

/// Without what PostgreSQL's texts can't hold. Nobody can ask for a control character, so any other stands for it.
fn plain(text: &str) -> String {
    text.replace('\0', "\u{1}")
}
