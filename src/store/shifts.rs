//! Shifts (班次): when somebody is rostered, as spans of instants. Working calendars are another file's.

use super::sql::args;
use super::{Db, StoreError, Tx};
use domain::ids::StaffId;
use domain::time::Instant;

/// One shift, half-open: `[starts_at, ends_at)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ShiftRow {
    pub staff_id: StaffId,
    pub starts_at: Instant,
    pub ends_at: Instant,
}

/// The shifts of one member of staff that start in `[from, until)`, in order.
pub async fn list_of(
    db: &Db,
    staff_id: StaffId,
    from: Instant,
    until: Instant,
) -> Result<Vec<ShiftRow>, StoreError> {
    let sql = "SELECT starts_at, ends_at FROM shift \
               WHERE staff_id = $1 AND starts_at >= $2 AND starts_at < $3 ORDER BY starts_at";
    let rows = db.all(sql, args![staff_id, from, until]).await?;
    rows.iter()
        .map(|row| Ok(ShiftRow { staff_id, starts_at: row.at("starts_at")?, ends_at: row.at("ends_at")? }))
        .collect()
}

/// Everybody's shifts that touch `[from, until)`, by who and when.
pub async fn list_between(db: &Db, from: Instant, until: Instant) -> Result<Vec<ShiftRow>, StoreError> {
    let sql = "SELECT staff_id, starts_at, ends_at FROM shift \
               WHERE starts_at < $2 AND ends_at > $1 ORDER BY staff_id, starts_at";
    let rows = db.all(sql, args![from, until]).await?;
    rows.iter()
        .map(|row| {
            let (starts_at, ends_at) = (row.at("starts_at")?, row.at("ends_at")?);
            Ok(ShiftRow { staff_id: StaffId(row.int("staff_id")?), starts_at, ends_at })
        })
        .collect()
}

/// Replaces the shifts of one member of staff that start in `[from, until)`.
pub async fn replace(
    tx: &Tx,
    staff_id: StaffId,
    from: Instant,
    until: Instant,
    shifts: Vec<ShiftRow>,
) -> Result<u64, StoreError> {
    let sql = "DELETE FROM shift WHERE staff_id = $1 AND starts_at >= $2 AND starts_at < $3";
    tx.exec(sql, args![staff_id, from, until]).await?;
    super::meta::raise_staffing_epoch(tx).await?;
    let rows = shifts.into_iter().map(|s| args![s.staff_id, s.starts_at, s.ends_at]).collect();
    tx.insert_many("shift", &["staff_id", "starts_at", "ends_at"], rows, "").await
}

/// Rostered time in `[from, until)` over all active staff, in microseconds.
pub async fn rostered_micros(db: &Db, from: Instant, until: Instant) -> Result<i64, StoreError> {
    let least = if db.is_postgres() { ("LEAST", "GREATEST") } else { ("MIN", "MAX") };
    let sql = format!(
        "SELECT CAST(COALESCE(SUM({}(ends_at, $2) - {}(starts_at, $1)), 0) AS BIGINT) FROM shift \
         JOIN staff ON staff.id = shift.staff_id AND staff.state = 'active' \
         WHERE starts_at < $2 AND ends_at > $1",
        least.0, least.1
    );
    Ok(db.number(&sql, args![from, until]).await?.unwrap_or(0))
}
