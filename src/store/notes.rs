//! What staff write down about a customer. Free text, and so personal.

use super::sql::args;
use super::{StoreError, Tx};
use domain::ids::CustomerId;
use domain::time::Instant;

pub async fn add(
    tx: &Tx,
    customer: CustomerId,
    at: Instant,
    actor: &str,
    text: &str,
) -> Result<(), StoreError> {
    let columns = ["customer_id", "origin_customer_id", "at", "actor", "text"];
    let row = args![customer, customer, at, actor, text];
    tx.insert_many("note", &columns, vec![row], "").await.map(drop)
}
