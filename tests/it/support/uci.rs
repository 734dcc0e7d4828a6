//! What UCI Online Retail amounts to, whole: counted over the raw invoice lines by `tests/oracle/check_derivation.py`, which
//! shares nothing with the product, and here in a book by SQL of its own.

use sea_orm::{ConnectionTrait, Database, Statement};

/// Customers, those of them with a purchase, purchases, refunds, and what was paid less what was given back, in pence.
pub const WHOLE: [i64; 5] = [4_372, 4_339, 18_536, 3_654, 830_006_581];

/// The same five numbers of the book at this address.
pub async fn sums(url: &str) -> [i64; 5] {
    let db = Database::connect(url).await.expect("a connection of its own");
    let sql = "SELECT (SELECT COUNT(*) FROM customer WHERE merged_into IS NULL), \
               (SELECT COUNT(DISTINCT customer_id) FROM orders WHERE paid_at IS NOT NULL), \
               (SELECT COUNT(*) FROM orders WHERE paid_at IS NOT NULL), (SELECT COUNT(*) FROM refund), \
               (SELECT CAST(SUM(total_minor) AS BIGINT) FROM orders) \
               - (SELECT CAST(SUM(amount_minor) AS BIGINT) FROM refund)";
    let statement = Statement::from_string(db.get_database_backend(), sql);
    let row = db.query_one_raw(statement).await.expect("read").expect("a row");
    let found = std::array::from_fn(|n| row.try_get_by_index(n).expect("a number"));
    db.close().await.expect("closes");
    found
}
