//! Where cut-offs lie among active buyers, by what is stored of them. Active buyers are consumers with a counted order in 365 d.

use super::sql::args;
use super::{Db, StoreError};
use domain::rule::Field;

/// Everybody whose profile counts here.
const CONSUMERS: &str = "FROM profile p JOIN customer c ON c.id = p.customer_id \
    WHERE c.merged_into IS NULL AND c.erased_at IS NULL AND p.account_kind = 'consumer'";

/// Those fields that are stored as rules compare them: amounts in minor units, and counts.
pub const FIELDS: [Field; 10] = [
    Field::Spend365,
    Field::SpendEver,
    Field::Orders365,
    Field::OrdersEver,
    Field::OrderDays,
    Field::Lines365,
    Field::Tickets,
    Field::Complaints90,
    Field::Complaints365,
    Field::Reviews,
];

/// The column; an amount's says that it is in minor units.
fn column(field: Field) -> String {
    let minor = field.kind() == domain::rule::FieldKind::Money;
    format!("p.{}{}", field.key(), if minor { "_minor" } else { "" })
}

/// How many active buyers there are.
pub async fn buyers(db: &Db) -> Result<i64, StoreError> {
    let sql = format!("SELECT CAST(COUNT(*) AS BIGINT) {CONSUMERS} AND p.orders_365 > 0");
    Ok(db.number(&sql, vec![]).await?.unwrap_or(0))
}

/// What the active buyer of this rank has; 1 has the most.
pub async fn cut_off(db: &Db, field: Field, rank: i64) -> Result<Option<i64>, StoreError> {
    let column = column(field);
    let sql =
        format!("SELECT {column} {CONSUMERS} AND p.orders_365 > 0 ORDER BY {column} DESC LIMIT 1 OFFSET $1");
    db.number(&sql, args![rank - 1]).await
}

/// How many active buyers, and how many consumers, have so much or more.
pub async fn count_from(db: &Db, field: Field, least: i64) -> Result<(i64, i64), StoreError> {
    let sql = format!(
        "SELECT CAST(COUNT(CASE WHEN p.orders_365 > 0 THEN 1 END) AS BIGINT) AS buyers, \
         CAST(COUNT(*) AS BIGINT) AS n {CONSUMERS} AND {} >= $1",
        column(field)
    );
    let row = db.one(&sql, args![least]).await?;
    row.map_or(Ok((0, 0)), |row| Ok((row.int("buyers")?, row.int("n")?)))
}
