//! Finding customers by a part of their name: one range of one index, however many there are.

use super::in_list::exec_in;
use super::sql::{Arg, args};
use super::{Db, StoreError, Tx};
use domain::customer::name;
use domain::ids::CustomerId;
use sea_orm::Value;

/// Keeps what these customers are found by; who has no name any more is found by none.
pub(super) async fn write(tx: &Tx, named: Vec<(CustomerId, Option<String>)>) -> Result<(), StoreError> {
    let ids: Vec<Value> = named.iter().map(|(customer, _)| customer.arg()).collect();
    exec_in(tx, "DELETE FROM name_part WHERE customer_id IN ({in})", vec![], ids).await?;
    let rows = named
        .iter()
        .filter_map(|(customer, name)| Some((customer, name.as_deref()?)))
        .flat_map(|(customer, name)| name::parts(name).into_iter().map(|part| args![part, *customer]))
        .collect();
    tx.insert_many("name_part", &["part", "customer_id"], rows, "").await.map(drop)
}

/// Where a page of names goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Behind {
    pub part: String,
    pub customer: CustomerId,
}

/// Customers with `sought` (see [`name::sought`]) in their name, by what follows in it; each found once a page.
/// With a tag, only those who have it: `key`, or `key=value`.
pub async fn find(
    db: &Db,
    sought: &str,
    tag: Option<(&str, Option<&str>)>,
    behind: Option<Behind>,
    limit: i64,
) -> Result<Vec<Behind>, StoreError> {
    let after = behind.unwrap_or(Behind { part: String::new(), customer: CustomerId(0) });
    // The last of all characters: what begins with the text comes before it.
    let end = format!("{sought}\u{10FFFF}");
    let mut values = args![sought, end, after.part, after.customer, limit];
    let mut condition = String::new();
    if let Some((key, value)) = tag {
        values.extend(args![key, value]);
        condition = "AND EXISTS (SELECT 1 FROM tag_current t WHERE t.customer_id = n.customer_id \
                     AND t.key = $6 AND (CAST($7 AS TEXT) IS NULL OR t.value = $7))"
            .to_owned();
    }
    let sql = format!(
        "SELECT n.part, n.customer_id FROM name_part n WHERE n.part >= $1 AND n.part < $2 \
         AND (n.part > $3 OR (n.part = $3 AND n.customer_id > $4)) {condition} \
         ORDER BY n.part, n.customer_id LIMIT $5"
    );
    let rows = db.all(&sql, values).await?;
    let read = |row: &super::sql::Row| {
        Ok(Behind { part: row.text("part")?, customer: CustomerId(row.int("customer_id")?) })
    };
    rows.iter().map(read).collect()
}
