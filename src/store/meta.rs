//! What kind of book this is: real or virtual, live or in onboarding; counters the daemons watch.

use super::sql::args;
use super::{Db, StoreError, Tx};
use domain::time::{Instant, MachineInstant};

/// Keys of the `meta` table.
mod key {
    pub const CLOCK_KIND: &str = "clock_kind";
    pub const GO_LIVE_AT: &str = "go_live_at";
    pub const CHANGE_SEQ: &str = "change_seq";
    pub const RULE_EPOCH: &str = "rule_epoch";
    pub const MACHINE_HIGH_WATER: &str = "machine_high_water";
    pub const STAFFING_EPOCH: &str = "staffing_epoch";
    pub const ERASURE_SALT: &str = "erasure_salt";
    pub const RESTORE_EPOCH: &str = "restore_epoch";
    pub const BACKED_UP_AT: &str = "backed_up_at";
    pub const PROPERTY_EPOCH: &str = "property_epoch";
    pub const RAW_MARK: &str = "raw_mark";
    pub const CHANGES_GONE: &str = "changes_gone";
}

/// A book is born real or virtual and stays so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClockKind {
    Real,
    Virtual,
}

impl ClockKind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Real => "real",
            Self::Virtual => "virtual",
        }
    }
}

async fn get(db: &Db, key: &str) -> Result<Option<String>, StoreError> {
    let row = db.one("SELECT value FROM meta WHERE key = $1", args![key]).await?;
    row.map(|row| row.text("value")).transpose()
}

fn number(key: &str, text: &str) -> Result<i64, StoreError> {
    text.parse().map_err(|_| StoreError::Corrupt {
        table: "meta".to_owned(),
        column: "value".to_owned(),
        row: key.to_owned(),
        detail: format!("\"{text}\" is not a number"),
    })
}

/// Which kind of book this is. A new one becomes `wanted`; of two that make it at once, one does.
pub(super) async fn be_born(tx: &Tx, wanted: ClockKind) -> Result<ClockKind, StoreError> {
    if let Some(kind) = clock_kind(tx).await? {
        return Ok(kind);
    }
    let sql = "INSERT INTO meta (key, value) VALUES ($1, $2) ON CONFLICT (key) DO NOTHING";
    tx.exec(sql, args![key::CLOCK_KIND, wanted.as_str()]).await?;
    Ok(clock_kind(tx).await?.unwrap_or(wanted))
}

async fn clock_kind(db: &Db) -> Result<Option<ClockKind>, StoreError> {
    match get(db, key::CLOCK_KIND).await?.as_deref() {
        None => Ok(None),
        Some("real") => Ok(Some(ClockKind::Real)),
        Some("virtual") => Ok(Some(ClockKind::Virtual)),
        Some(other) => Err(StoreError::Corrupt {
            table: "meta".to_owned(),
            column: "value".to_owned(),
            row: key::CLOCK_KIND.to_owned(),
            detail: format!("\"{other}\" is neither real nor virtual"),
        }),
    }
}

/// The latest machine time a lease was given at by a daemon on SQLite; machine time never falls behind it,
/// even if the machine's clock is put back between two runs.
pub(super) async fn machine_high_water(db: &Db) -> Result<MachineInstant, StoreError> {
    let stored = get(db, key::MACHINE_HIGH_WATER).await?;
    let micros = stored.map_or(Ok(i64::MIN), |text| number(key::MACHINE_HIGH_WATER, &text))?;
    Ok(MachineInstant::from_micros(micros))
}

pub(super) async fn raise_machine_high_water(tx: &Tx, at: MachineInstant) -> Result<(), StoreError> {
    let sql = "INSERT INTO meta (key, value) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE \
               SET value = excluded.value WHERE CAST(meta.value AS BIGINT) < CAST(excluded.value AS BIGINT)";
    tx.exec(sql, args![key::MACHINE_HIGH_WATER, at.micros().to_string()]).await.map(drop)
}

/// When the book went live; `None` in onboarding.
pub async fn go_live_at(db: &Db) -> Result<Option<Instant>, StoreError> {
    match get(db, key::GO_LIVE_AT).await? {
        None => Ok(None),
        Some(text) => number(key::GO_LIVE_AT, &text).map(|n| Some(Instant::from_micros(n))),
    }
}

/// Stores the go-live instant once; `false` if the book was live already.
pub async fn set_go_live_at(tx: &Tx, at: Instant) -> Result<bool, StoreError> {
    let sql = "INSERT INTO meta (key, value) VALUES ($1, $2) ON CONFLICT (key) DO NOTHING";
    Ok(tx.exec(sql, args![key::GO_LIVE_AT, at.micros().to_string()]).await? == 1)
}

/// Rises with every change by a command beside a running daemon, which watches it.
pub async fn change_seq(db: &Db) -> Result<i64, StoreError> {
    get(db, key::CHANGE_SEQ).await?.map_or(Ok(0), |text| number(key::CHANGE_SEQ, &text))
}

pub async fn raise_change_seq(tx: &Tx) -> Result<(), StoreError> {
    raise(tx, key::CHANGE_SEQ).await.map(drop)
}

/// Rises when a rule is published; customers kept under an older epoch are due again.
pub async fn rule_epoch(db: &Db) -> Result<i64, StoreError> {
    get(db, key::RULE_EPOCH).await?.map_or(Ok(0), |text| number(key::RULE_EPOCH, &text))
}

/// The same, and it isn't raised before this transaction has ended.
pub(super) async fn hold_rule_epoch(tx: &Tx) -> Result<i64, StoreError> {
    if tx.is_postgres() {
        tx.exec("SELECT value FROM meta WHERE key = $1 FOR SHARE", args![key::RULE_EPOCH]).await?;
    }
    rule_epoch(tx).await
}

pub(super) async fn raise_rule_epoch(tx: &Tx) -> Result<i64, StoreError> {
    raise(tx, key::RULE_EPOCH).await
}

/// Rises with every change of staff, shifts, calendars or shops, which daemons keep in memory.
pub async fn staffing_epoch(db: &Db) -> Result<i64, StoreError> {
    get(db, key::STAFFING_EPOCH).await?.map_or(Ok(0), |text| number(key::STAFFING_EPOCH, &text))
}

pub(super) async fn raise_staffing_epoch(tx: &Tx) -> Result<(), StoreError> {
    raise(tx, key::STAFFING_EPOCH).await.map(drop)
}

/// What the names of erased people are hashed with; in the book from its first day.
pub(super) async fn erasure_salt(db: &Db) -> Result<String, StoreError> {
    get(db, key::ERASURE_SALT).await?.ok_or_else(|| StoreError::Corrupt {
        table: "meta".to_owned(),
        column: "value".to_owned(),
        row: key::ERASURE_SALT.to_owned(),
        detail: "is missing".to_owned(),
    })
}

/// Rises with every restore: whoever compares two states of the book sees that time went back.
pub(super) async fn raise_restore_epoch(tx: &Tx) -> Result<(), StoreError> {
    raise(tx, key::RESTORE_EPOCH).await.map(drop)
}

/// When the last copy of the book was made, by the machine's clock.
pub async fn backed_up_at(db: &Db) -> Result<Option<MachineInstant>, StoreError> {
    let stored = get(db, key::BACKED_UP_AT).await?;
    stored.map(|text| number(key::BACKED_UP_AT, &text).map(MachineInstant::from_micros)).transpose()
}

pub async fn set_backed_up_at(tx: &Tx, at: MachineInstant) -> Result<(), StoreError> {
    let sql = "INSERT INTO meta (key, value) VALUES ($1, $2) \
               ON CONFLICT (key) DO UPDATE SET value = excluded.value";
    tx.exec(sql, args![key::BACKED_UP_AT, at.micros().to_string()]).await.map(drop)
}

pub(super) async fn raise(tx: &Tx, key: &str) -> Result<i64, StoreError> {
    let sql = "INSERT INTO meta (key, value) VALUES ($1, '1') \
               ON CONFLICT (key) DO UPDATE SET value = CAST(CAST(meta.value AS BIGINT) + 1 AS TEXT) RETURNING value";
    let row = tx.one(sql, args![key]).await?;
    row.map_or(Ok(0), |row| number(key, &row.text("value")?))
}

/// The rules' epoch whose properties are registered.
pub(super) async fn property_epoch(db: &Db) -> Result<i64, StoreError> {
    get(db, key::PROPERTY_EPOCH).await?.map_or(Ok(0), |text| number(key::PROPERTY_EPOCH, &text))
}

pub(super) async fn set_property_epoch(tx: &Tx, epoch: i64) -> Result<(), StoreError> {
    let sql = "INSERT INTO meta (key, value) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = excluded.value";
    tx.exec(sql, args![key::PROPERTY_EPOCH, epoch.to_string()]).await.map(drop)
}

/// The last event that the housekeeper has gone through for what was raw in it.
pub(super) async fn raw_mark(db: &Db) -> Result<i64, StoreError> {
    get(db, key::RAW_MARK).await?.map_or(Ok(0), |text| number(key::RAW_MARK, &text))
}

pub(super) async fn set_raw_mark(tx: &Tx, event: i64) -> Result<(), StoreError> {
    let sql = "INSERT INTO meta (key, value) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = excluded.value";
    tx.exec(sql, args![key::RAW_MARK, event.to_string()]).await.map(drop)
}

/// The last turn whose changes of profiles were deleted; below every turn before any were.
pub(super) async fn changes_gone(db: &Db) -> Result<i64, StoreError> {
    get(db, key::CHANGES_GONE).await?.map_or(Ok(-1), |text| number(key::CHANGES_GONE, &text))
}

/// It never goes back, whoever comes first.
pub(super) async fn raise_changes_gone(tx: &Tx, turn: i64) -> Result<(), StoreError> {
    let sql = "INSERT INTO meta (key, value) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = excluded.value \
               WHERE CAST(meta.value AS BIGINT) < CAST(excluded.value AS BIGINT)";
    tx.exec(sql, args![key::CHANGES_GONE, turn.to_string()]).await.map(drop)
}

pub(super) async fn clear_changes_gone(tx: &Tx) -> Result<(), StoreError> {
    tx.exec("DELETE FROM meta WHERE key = $1", args![key::CHANGES_GONE]).await.map(drop)
}
