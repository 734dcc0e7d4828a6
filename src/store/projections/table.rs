//! The projected tables as lists of columns: reading rows as they stand, comparing them with what they should
//! be, writing what differs. What they should be is `fold`'s.

use super::super::in_list::all_in;
use super::super::sql::{Arg, Row as Stored};
use super::super::{Db, StoreError, Tx};
use domain::time::Instant;
use sea_orm::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// A value of a projected row.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cell {
    Int(Option<i64>),
    Text(Option<String>),
}

pub type Row = Vec<Cell>;

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Int(Some(n)) => write!(f, "{n}"),
            Self::Text(Some(text)) => write!(f, "\"{text}\""),
            Self::Int(None) | Self::Text(None) => f.write_str("nothing"),
        }
    }
}

impl Arg for Cell {
    fn arg(self) -> Value {
        match self {
            Self::Int(n) => n.arg(),
            Self::Text(text) => text.arg(),
        }
    }
}

macro_rules! cell_of {
    ($($t:ty => |$v:ident| $e:expr;)*) => {$( impl From<$t> for Cell { fn from($v: $t) -> Self { $e } } )*};
}
cell_of! {
    i64 => |v| Self::Int(Some(v));
    bool => |v| Self::Int(Some(i64::from(v)));
    Option<i64> => |v| Self::Int(v);
    Instant => |v| Self::Int(Some(v.micros()));
    Option<Instant> => |v| Self::Int(v.map(Instant::micros));
    &str => |v| Self::Text(Some(v.to_owned()));
    String => |v| Self::Text(Some(v));
    Option<String> => |v| Self::Text(v);
    domain::ids::ShopId => |v| Self::Int(Some(v.0));
    domain::ids::CustomerId => |v| Self::Int(Some(v.0));
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Int,
    Text,
}
use Kind::{Int, Text};

/// A projected table: its columns but `id` and those that aren't projected.
#[derive(Debug)]
pub struct Table {
    pub name: &'static str,
    pub columns: &'static [(&'static str, Kind)],
    /// How many of the first columns are its unique key. The first one is shop_id.
    pub key: usize,
    /// The column the log's key stands in.
    pub by: &'static str,
    /// Which of its rows are meant.
    pub filter: &'static str,
}

pub const ORDERS: Table = Table {
    name: "orders",
    columns: &[
        ("shop_id", Int),
        ("order_key", Text),
        ("customer_id", Int),
        ("origin_customer_id", Int),
        ("placed_at", Int),
        ("pay_by", Int),
        ("paid_at", Int),
        ("cancelled_at", Int),
        ("total_minor", Int),
        ("refunded_minor", Int),
        ("currency", Text),
        ("foreign_currency", Text),
        ("foreign_minor", Int),
        ("rate", Int),
        ("version_at", Int),
        ("version_id", Text),
        ("lines_at", Int),
        ("lines_id", Text),
    ],
    key: 2,
    by: "order_key",
    filter: "",
};

pub const LINES: Table = Table {
    name: "order_line",
    columns: &[
        ("shop_id", Int),
        ("order_key", Text),
        ("line_no", Int),
        ("sku", Text),
        ("product_id", Text),
        ("name", Text),
        ("category", Text),
        ("style", Text),
        ("brand", Text),
        ("quantity_milli", Int),
        ("price_minor", Int),
        ("amount_minor", Int),
    ],
    key: 3,
    by: "order_key",
    filter: "",
};

const REFUND: &[(&str, Kind)] = &[
    ("shop_id", Int),
    ("order_key", Text),
    ("ref_key", Text),
    ("customer_id", Int),
    ("origin_customer_id", Int),
    ("occurred_at", Int),
    ("amount_minor", Int),
];
pub const REFUNDS: Table =
    Table { name: "refund", columns: REFUND, key: 3, by: "order_key", filter: " AND order_key <> ''" };
pub const UNLINKED: Table =
    Table { name: "refund", columns: REFUND, key: 3, by: "ref_key", filter: " AND order_key = ''" };

pub const TICKETS: Table = Table {
    name: "ticket",
    columns: &[
        ("shop_id", Int),
        ("ticket_key", Text),
        ("customer_id", Int),
        ("origin_customer_id", Int),
        ("order_key", Text),
        ("state", Text),
        ("opened_at", Int),
        ("resolved_at", Int),
        ("reopened", Int),
        ("escalated", Int),
        ("complaint", Int),
        ("important", Int),
        ("complex", Int),
        ("amount_minor", Int),
        ("category", Text),
        ("severity", Text),
        ("channel", Text),
        ("sku", Text),
        ("theme", Text),
        ("first_reply_at", Int),
        ("chased", Int),
        ("version_at", Int),
        ("version_id", Text),
    ],
    key: 2,
    by: "ticket_key",
    filter: "",
};

pub const SHIPMENTS: Table = Table {
    name: "shipment",
    columns: &[
        ("shop_id", Int),
        ("shipment_key", Text),
        ("customer_id", Int),
        ("origin_customer_id", Int),
        ("order_key", Text),
        ("status", Text),
        ("promised_by", Int),
        ("carrier", Text),
        ("place", Text),
        ("exception_at", Int),
        ("reason", Text),
        ("new_eta", Int),
        ("delivered_at", Int),
        ("version_at", Int),
        ("version_id", Text),
    ],
    key: 2,
    by: "shipment_key",
    filter: "",
};

pub const REVIEWS: Table = Table {
    name: "review",
    columns: &[
        ("shop_id", Int),
        ("review_key", Text),
        ("customer_id", Int),
        ("origin_customer_id", Int),
        ("order_key", Text),
        ("product_id", Text),
        ("sku", Text),
        ("rating_milli", Int),
        ("reviewed_at", Int),
        ("version_at", Int),
        ("version_id", Text),
    ],
    key: 2,
    by: "review_key",
    filter: "",
};

pub const FEEDBACK: Table = Table {
    name: "feedback",
    columns: &[
        ("shop_id", Int),
        ("feedback_key", Text),
        ("kind", Text),
        ("customer_id", Int),
        ("origin_customer_id", Int),
        ("ticket_key", Text),
        ("order_key", Text),
        ("score", Int),
        ("version_at", Int),
        ("version_id", Text),
    ],
    key: 3,
    by: "feedback_key",
    filter: "",
};

pub const CONTACTS: Table = Table {
    name: "contact_made",
    columns: &[
        ("shop_id", Int),
        ("contact_key", Text),
        ("kind", Text),
        ("customer_id", Int),
        ("origin_customer_id", Int),
        ("channel", Text),
        ("purpose", Text),
        ("tool", Text),
        ("inbound", Int),
        ("seconds", Int),
        ("made_at", Int),
        ("version_at", Int),
        ("version_id", Text),
    ],
    key: 3,
    by: "contact_key",
    filter: "",
};

impl Table {
    fn names(&self) -> Vec<&'static str> {
        self.columns.iter().map(|(name, _)| *name).collect()
    }

    fn read(&self, stored: &Stored) -> Result<Row, StoreError> {
        let cell = |(name, kind): &(&str, Kind)| {
            Ok(match kind {
                Int => Cell::Int(stored.opt_int(name)?),
                Text => Cell::Text(stored.opt_text(name)?),
            })
        };
        self.columns.iter().map(cell).collect()
    }

    /// A row's key for people: without the shop's number, which its key begins with by name.
    fn shown(&self, row: &Row) -> String {
        row[1..self.key].iter().map(ToString::to_string).collect::<Vec<_>>().join(" ").replace('"', "")
    }
}

/// A row that isn't what the log says.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Difference {
    pub table: &'static str,
    pub key: String,
    /// `total_minor: 100 instead of 90`, `missing`, `of nothing in the log`.
    pub detail: String,
}

/// What is to be written.
#[derive(Debug, Default)]
pub struct Differing {
    wanted: Vec<Row>,
    spurious: Vec<Row>,
}

/// Compares the rows of these keys with what they should be.
pub async fn compare(
    db: &Db,
    table: &Table,
    keys: &BTreeSet<String>,
    wanted: Vec<Row>,
) -> Result<(Differing, Vec<Difference>), StoreError> {
    let sql = format!(
        "SELECT {} FROM {} WHERE {} IN ({{in}}){}",
        table.names().join(", "),
        table.name,
        table.by,
        table.filter
    );
    let mut standing = BTreeMap::new();
    for stored in all_in(db, &sql, vec![], keys.iter().map(Arg::arg).collect()).await? {
        let row = table.read(&stored)?;
        standing.insert(row[..table.key].to_vec(), row);
    }
    let (mut differing, mut found) = (Differing::default(), Vec::new());
    let mut note = |row: &Row, detail: String| {
        found.push(Difference { table: table.name, key: table.shown(row), detail });
    };
    for row in wanted {
        match standing.remove(&row[..table.key]) {
            Some(known) if known == row => continue,
            Some(known) => {
                let cells = table.columns.iter().zip(known.iter().zip(&row));
                let differs = cells.filter(|(_, (is, should))| is != should);
                let words =
                    differs.map(|((name, _), (is, should))| format!("{name}: {is} instead of {should}"));
                note(&row, words.collect::<Vec<_>>().join(", "));
            }
            None => note(&row, "missing".to_owned()),
        }
        differing.wanted.push(row);
    }
    for row in standing.into_values() {
        note(&row, "of nothing in the log".to_owned());
        differing.spurious.push(row);
    }
    Ok((differing, found))
}

/// Writes what differs.
pub async fn write(tx: &Tx, table: &Table, differing: Differing) -> Result<(), StoreError> {
    for row in differing.spurious {
        let mut places = Vec::new();
        for (n, (name, _)) in table.columns[..table.key].iter().enumerate() {
            places.push(format!("{name} = ${}", n + 1));
        }
        let sql = format!("DELETE FROM {} WHERE {}", table.name, places.join(" AND "));
        let key = row.into_iter().take(table.key).map(Arg::arg).collect();
        tx.exec_one("removing a row of no event", &sql, key).await?;
    }
    upsert(tx, table, differing.wanted).await
}

/// Writes rows over those of their keys.
pub async fn upsert(tx: &Tx, table: &Table, rows: Vec<Row>) -> Result<(), StoreError> {
    let names = table.names();
    let set: Vec<String> = names[table.key..].iter().map(|c| format!("{c} = excluded.{c}")).collect();
    let key = names[..table.key].join(", ");
    let tail = format!("ON CONFLICT ({key}) DO UPDATE SET {}", set.join(", "));
    let rows = rows.into_iter().map(|row| row.into_iter().map(Arg::arg).collect()).collect();
    tx.insert_many(table.name, &names, rows, &tail).await.map(drop)
}

/// The keys of the rows behind `after` by id, and the last one's id.
pub async fn page(
    db: &Db,
    table: &Table,
    after: i64,
    limit: i64,
) -> Result<Option<(BTreeSet<String>, i64)>, StoreError> {
    let sql = format!(
        "SELECT id, {} AS of_key FROM {} WHERE id > $1{} ORDER BY id LIMIT $2",
        table.by, table.name, table.filter
    );
    let rows = db.all(&sql, super::super::sql::args![after, limit]).await?;
    let Some(last) = rows.last() else { return Ok(None) };
    let last = last.int("id")?;
    let keys = rows.iter().map(|row| row.text("of_key")).collect::<Result<_, _>>()?;
    Ok(Some((keys, last)))
}
