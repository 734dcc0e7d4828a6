//! API keys. They look like `kk_<public id>_<secret>`; only the SHA-256 of the secret is kept, and compared
//! by whoever checks it.

use super::sql::{Row, args, word};
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

/// A key with the member of staff who acts by it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    pub key: KeyRow,
    /// Key of the member of staff, and whether they may act.
    pub staff: Option<(String, StaffState)>,
}

/// Whether a member of staff may act.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StaffState {
    Active,
    Disabled,
}

/// As [`find`], with whoever acts by the key.
pub async fn find_holder(db: &Db, public_id: &str) -> Result<Option<Holder>, StoreError> {
    let sql = "SELECT k.id, k.public_id, k.secret_hash, k.role, k.source_id, k.staff_id, k.label, k.created_at, \
               k.expires_at, k.revoked_at, s.key AS staff_key, s.state AS staff_state \
               FROM api_key k LEFT JOIN staff s ON s.id = k.staff_id WHERE k.public_id = $1";
    let Some(row) = db.one(sql, args![public_id]).await? else { return Ok(None) };
    let key = read(&row)?;
    let staff = match (row.opt_text("staff_key")?, row.opt_text("staff_state")?) {
        (Some(name), Some(state)) => {
            let state = word("staff", "state", &name, &state, |text| match text {
                "active" => Some(StaffState::Active),
                "disabled" => Some(StaffState::Disabled),
                _ => None,
            })?;
            Some((name, state))
        }
        _ => None,
    };
    Ok(Some(Holder { key, staff }))
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

/// All keys, oldest first, with who acts by each and where its facts belong.
pub async fn list(db: &Db) -> Result<Vec<(KeyRow, Option<String>, Option<String>)>, StoreError> {
    let sql = "SELECT k.id, k.public_id, k.secret_hash, k.role, k.source_id, k.staff_id, k.label, k.created_at, \
               k.expires_at, k.revoked_at, s.key AS staff_key, f.key AS source_key FROM api_key k \
               LEFT JOIN staff s ON s.id = k.staff_id LEFT JOIN source f ON f.id = k.source_id ORDER BY k.id";
    let rows = db.all(sql, vec![]).await?;
    rows.iter().map(|row| Ok((read(row)?, row.opt_text("staff_key")?, row.opt_text("source_key")?))).collect()
}

/// Takes a key out of force; `false` if it isn't in force.
pub async fn revoke(tx: &Tx, public_id: &str, at: Instant) -> Result<bool, StoreError> {
    let sql = "UPDATE api_key SET revoked_at = $1 WHERE public_id = $2 AND revoked_at IS NULL";
    Ok(tx.exec(sql, args![at, public_id]).await? == 1)
}
