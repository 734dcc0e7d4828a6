//! Which event of a business key takes effect: the one that holds the key; where none does, the first in the
//! log. Who holds a key was decided when it was logged and isn't decided again while that event is there.

use super::super::in_list::all_in;
use super::super::sql::{Arg, args, word};
use super::super::{Db, StoreError, Tx};
use super::table::Difference;
use super::{Keys, Projection};
use domain::ids::{EventId, ShopId};
use std::collections::BTreeMap;

/// The word for an event's business key, where it counts once.
fn effect_of(kind: &str) -> Option<&'static str> {
    Some(match kind {
        "Order Placed" => "placed",
        "Order Completed" => "completed",
        "Order Cancelled" => "cancelled",
        "Order Refunded" => "refunded",
        _ => return None,
    })
}

const EFFECTS: [&str; 4] = ["placed", "completed", "cancelled", "refunded"];

type Key = (ShopId, String, &'static str, String);

#[derive(Default)]
struct Standing {
    /// Events of the key that weren't withdrawn, with whether each takes effect.
    events: BTreeMap<EventId, bool>,
    holders: Vec<EventId>,
}

/// What makes one thing right.
enum Repair {
    /// The key is held by this event, or by none.
    Hold(Key, Option<EventId>),
    /// The event is the one that takes effect, or isn't.
    Effective(EventId, i64),
}

/// Compares the business keys of these orders and refunds with the log.
pub(super) async fn compare(db: &Db, keys: &Keys) -> Result<Vec<Difference>, StoreError> {
    Ok(plan(db, keys).await?.into_iter().map(|(difference, _)| difference).collect())
}

/// As [`compare`], and puts them right: each key is held by one of its events, and that one alone is effective.
pub(super) async fn settle(tx: &Tx, keys: &Keys) -> Result<Vec<Difference>, StoreError> {
    let mut found = Vec::new();
    for (difference, repair) in plan(tx, keys).await? {
        found.push(difference);
        match repair {
            Repair::Hold(key, event) => hold(tx, &key, event).await?,
            Repair::Effective(event, effective) => {
                let sql = "UPDATE event SET effective = $1 WHERE id = $2";
                tx.exec_one("an event's effect", sql, args![effective, event]).await?;
            }
        }
    }
    Ok(found)
}

async fn plan(db: &Db, keys: &Keys) -> Result<Vec<(Difference, Repair)>, StoreError> {
    let mut found = Vec::new();
    for (key, standing) in standing(db, keys).await? {
        let held = standing.holders.iter().find(|holder| standing.events.contains_key(holder));
        let Some(holder) = held.or(standing.events.keys().next()).copied() else {
            let difference = difference(&key, "held by no event of the log".to_owned());
            found.push((difference, Repair::Hold(key, None)));
            continue;
        };
        if standing.holders != [holder] {
            let difference = difference(&key, format!("not held by event {}", holder.0));
            found.push((difference, Repair::Hold(key, Some(holder))));
        }
        for (event, effective) in standing.events {
            if effective != (event == holder) {
                let (is, should) = (i64::from(effective), i64::from(!effective));
                let detail = format!("effective: {is} instead of {should}");
                let difference = Difference { table: "event", key: event.0.to_string(), detail };
                found.push((difference, Repair::Effective(event, should)));
            }
        }
    }
    Ok(found)
}

fn difference((_, order, kind, reference): &Key, detail: String) -> Difference {
    let key = [order.as_str(), *kind, reference.as_str()];
    let key = key.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ");
    Difference { table: "order_effect", key, detail }
}

async fn hold(tx: &Tx, (shop, order, kind, reference): &Key, by: Option<EventId>) -> Result<(), StoreError> {
    let sql = "DELETE FROM order_effect WHERE shop_id = $1 AND order_key = $2 AND kind = $3 AND ref_key = $4";
    tx.exec(sql, args![*shop, order, *kind, reference]).await?;
    if let Some(event) = by {
        let columns = ["shop_id", "order_key", "kind", "ref_key", "event_id"];
        tx.insert_many("order_effect", &columns, vec![args![*shop, order, *kind, reference, event]], "")
            .await?;
    }
    Ok(())
}

async fn standing(db: &Db, keys: &Keys) -> Result<BTreeMap<Key, Standing>, StoreError> {
    let mut found: BTreeMap<Key, Standing> = BTreeMap::new();
    let select = "SELECT e.id, e.kind, e.effective, s.shop_id, COALESCE(e.order_key, '') AS order_key, \
                  COALESCE(e.ref_key, '') AS ref_key FROM event e JOIN source s ON s.id = e.source_id \
                  WHERE e.effective >= 0 AND e.kind IN ('Order Placed', 'Order Completed', 'Order Cancelled', 'Order Refunded')";
    let lists = [
        ("order_key", "", Projection::Orders),
        ("ref_key", " AND e.order_key IS NULL", Projection::UnlinkedRefunds),
    ];
    for (column, filter, projection) in lists {
        let Some(values) = keys.get(&projection) else { continue };
        let sql = format!("{select} AND e.{column} IN ({{in}}){filter}");
        for row in all_in(db, &sql, vec![], values.iter().map(Arg::arg).collect()).await? {
            let Some(kind) = effect_of(&row.text("kind")?) else { continue };
            let reference = if kind == "refunded" { row.text("ref_key")? } else { String::new() };
            let key = (ShopId(row.int("shop_id")?), row.text("order_key")?, kind, reference);
            let events = &mut found.entry(key).or_default().events;
            events.insert(EventId(row.int("id")?), row.flag("effective")?);
        }
        let filter = filter.replace("e.order_key IS NULL", "order_key = ''");
        let sql = format!(
            "SELECT shop_id, order_key, kind, ref_key, event_id FROM order_effect WHERE {column} IN ({{in}}){filter}"
        );
        for row in all_in(db, &sql, vec![], values.iter().map(Arg::arg).collect()).await? {
            let kind = row.text("kind")?;
            let id = row.int("event_id")?;
            let kind =
                word("order_effect", "kind", id, &kind, |kind| EFFECTS.into_iter().find(|k| *k == kind))?;
            let key = (ShopId(row.int("shop_id")?), row.text("order_key")?, kind, row.text("ref_key")?);
            found.entry(key).or_default().holders.push(EventId(id));
        }
    }
    Ok(found)
}
