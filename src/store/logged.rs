//! Rows of the event log as they are read back for whoever folds a customer's facts, and what each says. What the facts
//! amount to is the domain's; writing the log is `facts`'.

use super::in_list::all_in;
use super::sql::{Arg, Row, args, json, places};
use super::{Db, StoreError};
use domain::event::property::{Values, Wanted};
use domain::event::{ConsentSaid, Detail, Event, Fact, TicketPatch, TicketStep};
use domain::ids::{CustomerId, SourceId};
use domain::problem::together;
use domain::time::Instant;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::sync::Arc;

/// A row of the log; its fields in the order of [`COLUMNS`].
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Logged {
    id: i64,
    occurred_at: i64,
    received_at: i64,
    message_id: String,
    source_id: i64,
    historical: i64,
    kind: String,
    order_key: Option<String>,
    ref_key: Option<String>,
    amount_minor: Option<i64>,
    fact: Option<String>,
    /// As they were said, where the event was logged before its typed part was, or somebody wants any.
    properties: Option<String>,
}

/// Raw properties, which are wide, are read only where there is nothing else, or where somebody wants them.
fn columns(wanted: &Wanted) -> String {
    let names = wanted.names().count();
    // The first parameter is the instant.
    let wanted = if names == 0 { String::new() } else { format!(" OR kind IN ({})", places(2, names)) };
    format!(
        "id, occurred_at, received_at, message_id, source_id, historical, kind, order_key, ref_key, amount_minor, fact, \
         CASE WHEN (fact IS NULL AND (kind LIKE 'Ticket %' OR kind = 'Consent Changed')){wanted} THEN properties END"
    )
}

fn fixed(until: Instant, wanted: &Wanted) -> Vec<sea_orm::Value> {
    args![until].into_iter().chain(wanted.names().map(|name| name.arg())).collect()
}

/// Effective events of these customers, received up to and including `until`, in no order; with the properties of those of which
/// any is wanted.
pub(super) async fn of_customers(
    db: &Db,
    customers: &[CustomerId],
    until: Instant,
    wanted: &Wanted,
) -> Result<Vec<(CustomerId, Logged)>, StoreError> {
    if !db.is_postgres()
        && let Some(events) = packed(db, customers, until, wanted).await
    {
        return Ok(events);
    }
    one_by_one(db, customers, until, wanted).await
}

async fn one_by_one(
    db: &Db,
    customers: &[CustomerId],
    until: Instant,
    wanted: &Wanted,
) -> Result<Vec<(CustomerId, Logged)>, StoreError> {
    let sql = format!(
        "SELECT customer_id, {} AS properties FROM event \
         WHERE received_at <= $1 AND effective = 1 AND customer_id IN ({{in}})",
        columns(wanted)
    );
    let rows = all_in(db, &sql, fixed(until, wanted), ids(customers)).await?;
    rows.iter().map(|row| Ok((CustomerId(row.int("customer_id")?), Logged::of(row)?))).collect()
}

fn ids(customers: &[CustomerId]) -> Vec<sea_orm::Value> {
    customers.iter().map(|id| id.arg()).collect()
}

/// The same with a row a customer: what a SQLite row costs on its way here is by the value. `None` where a row can't be packed or
/// isn't what it should be; read one by one, it says what is wrong with it.
async fn packed(
    db: &Db,
    customers: &[CustomerId],
    until: Instant,
    wanted: &Wanted,
) -> Option<Vec<(CustomerId, Logged)>> {
    let sql = format!(
        "SELECT customer_id, json_group_array(json_array({})) AS events FROM event \
         WHERE received_at <= $1 AND effective = 1 AND customer_id IN ({{in}}) GROUP BY customer_id",
        columns(wanted)
    );
    let rows = all_in(db, &sql, fixed(until, wanted), ids(customers)).await.ok()?;
    let mut found = Vec::new();
    for row in rows {
        let customer = CustomerId(row.int("customer_id").ok()?);
        let events: Vec<Logged> = serde_json::from_str(&row.text("events").ok()?).ok()?;
        found.extend(events.into_iter().map(|event| (customer, event)));
    }
    Some(found)
}

impl Logged {
    fn of(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.int("id")?,
            occurred_at: row.int("occurred_at")?,
            received_at: row.int("received_at")?,
            message_id: row.text("message_id")?,
            source_id: row.int("source_id")?,
            historical: row.int("historical")?,
            kind: row.text("kind")?,
            order_key: row.opt_text("order_key")?,
            ref_key: row.opt_text("ref_key")?,
            amount_minor: row.opt_int("amount_minor")?,
            fact: row.opt_text("fact")?,
            properties: row.opt_text("properties")?,
        })
    }

    /// The event with what is wanted of it, and the ticket fields it said.
    pub(super) fn read(self, wanted: &Wanted) -> Result<(Event, TicketPatch), StoreError> {
        let detail = self.detail()?;
        let patch = match TicketStep::of_event(&self.kind) {
            Some(_) => self.patch(detail.as_ref())?,
            None => TicketPatch::default(),
        };
        let fact = self.fact(&patch, detail.as_ref())?;
        let values = match wanted.of(&self.kind) {
            Some(paths) => Some(Arc::new(Values::read(&self.properties()?, self.amount_minor, paths))),
            None => None,
        };
        let event = Event {
            occurred_at: Instant::from_micros(self.occurred_at),
            received_at: Instant::from_micros(self.received_at),
            message_id: self.message_id,
            source: SourceId(self.source_id),
            historical: self.historical != 0,
            order: self.order_key,
            subject: self.ref_key,
            detail: detail.filter(|detail| !matches!(detail, Detail::Ticket(_) | Detail::Consent(_))),
            values,
            fact,
        };
        Ok((event, patch))
    }

    fn corrupt(&self, column: &str, detail: String) -> StoreError {
        let (table, column) = ("event".to_owned(), column.to_owned());
        StoreError::Corrupt { table, column, row: self.id.to_string(), detail }
    }

    fn fact(&self, patch: &TicketPatch, detail: Option<&Detail>) -> Result<Fact, StoreError> {
        let missing = |column: &str| self.corrupt(column, format!("missing in \"{}\"", self.kind));
        let order = || self.order_key.clone().ok_or_else(|| missing("order_key"));
        let reference = || self.ref_key.clone().ok_or_else(|| missing("ref_key"));
        let total = || self.amount_minor.ok_or_else(|| missing("amount_minor"));
        Ok(match self.kind.as_str() {
            "Order Completed" => Fact::OrderCompleted { order_id: order()?, total_minor: total()? },
            "Order Updated" => Fact::OrderUpdated { order_id: order()?, total_minor: total()? },
            "Order Cancelled" => Fact::OrderCancelled { order_id: order()? },
            "Order Refunded" => Fact::OrderRefunded {
                order_id: self.order_key.clone(),
                refund_id: Some(reference()?),
                amount_minor: self.amount_minor,
            },
            "Ticket Opened" => Fact::TicketOpened(patch.ticket(&reference()?)),
            "Ticket Updated" => Fact::TicketUpdated(patch.ticket(&reference()?)),
            "Ticket Escalated" => Fact::TicketEscalated(patch.ticket(&reference()?)),
            "Ticket Resolved" => Fact::TicketResolved { ticket_id: reference()? },
            "Ticket Reopened" => Fact::TicketReopened { ticket_id: reference()? },
            "Identify" => Fact::Identified,
            "Consent Changed" => self.consent(detail)?,
            _ => Fact::Custom { name: self.kind.clone() },
        })
    }

    /// The ticket fields an event said.
    fn patch(&self, detail: Option<&Detail>) -> Result<TicketPatch, StoreError> {
        let mut patch = match detail {
            Some(Detail::Ticket(patch)) => patch.clone(),
            // Of an event that was logged before typed parts were: those had no instants.
            _ => TicketPatch::read(&self.properties()?, chrono_tz::UTC)
                .map_err(|problems| self.corrupt("properties", together(&problems)))?,
        };
        patch.amount_minor = self.amount_minor;
        patch.order_id.clone_from(&self.order_key);
        Ok(patch)
    }

    fn detail(&self) -> Result<Option<Detail>, StoreError> {
        self.fact.as_deref().map(|text| json("event", "fact", self.id, text)).transpose()
    }

    fn properties(&self) -> Result<Map<String, Value>, StoreError> {
        match &self.properties {
            Some(text) => json("event", "properties", self.id, text),
            None => Ok(Map::new()),
        }
    }

    fn consent(&self, detail: Option<&Detail>) -> Result<Fact, StoreError> {
        if let Some(Detail::Consent(ConsentSaid { channel, purpose, granted })) = detail {
            let (channel, purpose) = (channel.clone(), purpose.clone());
            return Ok(Fact::ConsentChanged { channel, purpose, granted: *granted });
        }
        let properties = self.properties()?;
        let word = |name: &str| properties.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let granted = properties.get("granted").and_then(Value::as_bool).unwrap_or_default();
        Ok(Fact::ConsentChanged { channel: word("channel"), purpose: word("purpose"), granted })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::event::property::Path;
    use migration::MigratorTrait;
    use proptest::prelude::*;
    use proptest::test_runner::{Config, TestRunner};
    use sea_orm::{ConnectOptions, ConnectionTrait, Database, Statement};
    use tokio::runtime::Runtime;

    const UNTIL: i64 = 1_000;
    const CUSTOMERS: i64 = 12;

    /// What stands in a row of the log, whatever it means.
    #[derive(Debug, Clone)]
    struct Stored {
        customer: i64,
        instants: (i64, i64),
        flags: (i64, i64),
        kind: String,
        message_id: String,
        keys: (Option<String>, Option<String>),
        amount_minor: Option<i64>,
        fact: Option<String>,
        properties: String,
    }

    /// Anything, and often what JSON spells otherwise.
    fn text() -> impl Strategy<Value = String> {
        let awkward = prop::sample::select(
            "\"\\/\'\0\u{1}\u{8}\t\n\r\u{1f}\u{7f}\u{85}\u{2028}\u{feff}\u{fffd}\u{10ffff}{}[],:客😀e\u{301}"
                .chars()
                .collect::<Vec<_>>(),
        );
        prop::collection::vec(prop_oneof![awkward, any::<char>(), prop::char::range(' ', '~')], 0..24)
            .prop_map(String::from_iter)
    }

    /// JSON of such texts.
    fn document() -> impl Strategy<Value = String> {
        (text(), text(), any::<i64>(), prop::option::of(any::<bool>())).prop_map(
            |(key, said, number, flag)| {
                serde_json::json!({ key: { "said": said, "number": number, "flag": flag } }).to_string()
            },
        )
    }

    fn number() -> impl Strategy<Value = i64> {
        prop_oneof![
            -5..5_i64,
            any::<i64>(),
            prop::sample::select(vec![i64::MIN, -(1 << 53) - 1, (1 << 53) + 1, i64::MAX]),
        ]
    }

    fn kind() -> impl Strategy<Value = String> {
        let names = domain::event::KNOWN.iter().copied();
        let names =
            names.chain(["Identify", "Consent Changed", "Ticket Opened", "Ticket Résolved", "ticket opened"]);
        prop_oneof![4 => prop::sample::select(names.map(str::to_owned).collect::<Vec<_>>()), 1 => text()]
    }

    fn stored() -> impl Strategy<Value = Stored> {
        let received = prop_oneof![3 => UNTIL - 2..=UNTIL + 1, 1 => number()];
        let said = (
            prop::option::of(number()),
            prop::option::of(prop_oneof![document(), text()]),
            prop_oneof![document(), text()],
        );
        let keys = (prop::option::of(text()), prop::option::of(text()));
        (
            1..=CUSTOMERS,
            (number(), received),
            (prop::sample::select(vec![0, 1, 1, 1]), 0..2_i64),
            kind(),
            text(),
            keys,
            said,
        )
            .prop_map(
                |(customer, instants, flags, kind, message_id, keys, (amount_minor, fact, properties))| {
                    Stored {
                        customer,
                        instants,
                        flags,
                        kind,
                        message_id,
                        keys,
                        amount_minor,
                        fact,
                        properties,
                    }
                },
            )
    }

    async fn log() -> Db {
        let mut options = ConnectOptions::new("sqlite::memory:");
        // Each connection would be a book of its own.
        options.max_connections(1).min_connections(1);
        let connection = Database::connect(options).await.expect("a book in memory");
        migration::Migrator::up(&connection, None).await.expect("today's schema");
        Db::pool(connection)
    }

    async fn put(db: &Db, book: &[Stored]) {
        db.execute_unprepared("DELETE FROM event").await.expect("emptied");
        let sql = "INSERT INTO event (customer_id, origin_customer_id, source_id, occurred_at, received_at, effective, \
                   historical, kind, message_id, order_key, ref_key, amount_minor, fact, properties) \
                   VALUES ($1, $1, 1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)";
        for row in book.iter().cloned() {
            let ((occurred_at, received_at), (effective, historical)) = (row.instants, row.flags);
            let args = args![
                row.customer,
                occurred_at,
                received_at,
                effective,
                historical,
                row.kind,
                row.message_id,
                row.keys.0,
                row.keys.1,
                row.amount_minor,
                row.fact,
                row.properties
            ];
            db.execute_raw(Statement::from_sql_and_values(db.backend(), sql, args)).await.expect("logged");
        }
    }

    fn in_order(mut found: Vec<(CustomerId, Logged)>) -> Vec<(CustomerId, Logged)> {
        found.sort_by_key(|(customer, event)| (*customer, event.id));
        found
    }

    #[test]
    fn a_book_reads_the_same_packed_and_row_by_row() {
        let runtime = Runtime::new().expect("a runtime");
        let db = runtime.block_on(log());
        let mut runner =
            TestRunner::new(Config { cases: 150, failure_persistence: None, ..Config::default() });
        let book = prop::collection::vec(stored(), 0..60);
        let asked = prop::collection::btree_set(1..=CUSTOMERS + 1, 1..=12);
        let wanted = prop::collection::vec(kind(), 0..4);
        let seen = std::cell::Cell::new((0, 0));
        let same = runner.run(&(book, asked, wanted), |(book, asked, names)| {
            let mut wanted = Wanted::default();
            names.iter().for_each(|name| wanted.add(name, Path::parse("said").expect("a path")));

            let asked: Vec<CustomerId> = asked.into_iter().map(CustomerId).collect();
            let until = Instant::from_micros(UNTIL);
            let (packed, single) = runtime.block_on(async {
                put(&db, &book).await;
                let single = one_by_one(&db, &asked, until, &wanted).await.expect("read");
                (packed(&db, &asked, until, &wanted).await, single)
            });
            let meant = |row: &&Stored| {
                row.flags.0 == 1 && row.instants.1 <= UNTIL && asked.contains(&CustomerId(row.customer))
            };
            prop_assert_eq!(single.len(), book.iter().filter(meant).count());
            for (_, event) in single.iter().filter(|(_, event)| event.fact.is_some()) {
                prop_assert_eq!(event.properties.is_some(), names.contains(&event.kind), "{}", event.kind);
            }
            let with = single.iter().filter(|(_, event)| names.contains(&event.kind)).count();
            seen.set((seen.get().0 + single.len(), seen.get().1 + with));
            prop_assert_eq!(packed.map(in_order), Some(in_order(single)));
            Ok(())
        });
        same.unwrap_or_else(|e| panic!("{e}"));
        assert!(seen.get().0 > 500 && seen.get().1 > 20, "only {:?} events were compared", seen.get());
    }
}
