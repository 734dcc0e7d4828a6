//! Sources: where facts come from. Each write key and each kind of import belongs to one.

use super::sql::args;
use super::{Db, StoreError, Tx};
use domain::ids::{ShopId, SourceId};

/// Kinds of sources, as stored.
pub mod kind {
    pub const API: &str = "api";
    pub const IMPORT: &str = "import";
    pub const KINKEEPER: &str = "kinkeeper";
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceRow {
    pub id: SourceId,
    pub key: String,
    pub shop_id: ShopId,
    pub kind: String,
}

pub async fn find(db: &Db, id: SourceId) -> Result<Option<SourceRow>, StoreError> {
    let row = db.one("SELECT id, key, shop_id, kind FROM source WHERE id = $1", args![id]).await?;
    row.map(|row| {
        Ok(SourceRow {
            id: SourceId(row.int("id")?),
            key: row.text("key")?,
            shop_id: ShopId(row.int("shop_id")?),
            kind: row.text("kind")?,
        })
    })
    .transpose()
}

/// The source of this key; made if there is none.
pub async fn ensure(tx: &Tx, key: &str, shop_id: ShopId, kind: &str) -> Result<SourceId, StoreError> {
    let sql = "INSERT INTO source (key, shop_id, kind) VALUES ($1, $2, $3) ON CONFLICT (key) DO NOTHING";
    tx.exec(sql, args![key, shop_id, kind]).await?;
    let row = tx.one("SELECT id FROM source WHERE key = $1", args![key]).await?;
    let row = row.ok_or(StoreError::RowsAffected { what: "source", expected: 1, actual: 0 })?;
    Ok(SourceId(row.int("id")?))
}
