//! API keys. They look like `kk_<public id>_<secret>`; only the SHA-256 of the secret is kept, and compared
//! by whoever checks it.

use super::sql::{Row, args};
use super::{Db, StoreError, Tx};
use domain::ids::{SourceId, StaffId};
use domain::time::Instant;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRow {
    pub public_id: String,
    /// SHA-256 of the secret, lower-case hex.
    pub secret_hash: String,
    /// ingest | agent | supervisor | marketer | analyst | admin
    pub role: String,
    /// Where its facts belong; ingest keys have one.
    pub source_id: Option<SourceId>,
    /// Who acts by it; agents' keys have one.
    pub staff_id: Option<StaffId>,
    pub label: String,
    pub created_at: Instant,
    pub expires_at: Option<Instant>,
    pub revoked_at: Option<Instant>,
}

const COLUMNS: &str =
    "id, public_id, secret_hash, role, source_id, staff_id, label, created_at, expires_at, revoked_at";

fn read(row: &Row) -> Result<KeyRow, StoreError> {
    Ok(KeyRow {
        public_id: row.text("public_id")?,
        secret_hash: row.text("secret_hash")?,
        role: row.text("role")?,
        source_id: row.opt_int("source_id")?.map(SourceId),
        staff_id: row.opt_int("staff_id")?.map(StaffId),
        label: row.text("label")?,
        created_at: row.at("created_at")?,
        expires_at: row.opt_at("expires_at")?,
        revoked_at: row.opt_at("revoked_at")?,
    })
}

/// The key with this public id, in force or not.
pub async fn find(db: &Db, public_id: &str) -> Result<Option<KeyRow>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM api_key WHERE public_id = $1");
    db.one(&sql, args![public_id]).await?.as_ref().map(read).transpose()
}

pub async fn insert(tx: &Tx, key: KeyRow) -> Result<(), StoreError> {
    let sql = "INSERT INTO api_key (public_id, secret_hash, role, source_id, staff_id, label, created_at, \
               expires_at, revoked_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    let k = key;
    let args = args![
        k.public_id,
        k.secret_hash,
        k.role,
        k.source_id,
        k.staff_id,
        k.label,
        k.created_at,
        k.expires_at,
        k.revoked_at
    ];
    tx.exec_one("api_key", sql, args).await
}

/// How many keys are in force.
pub async fn count(db: &Db) -> Result<i64, StoreError> {
    let sql = "SELECT COUNT(*) FROM api_key WHERE revoked_at IS NULL";
    Ok(db.number(sql, vec![]).await?.unwrap_or(0))
}
