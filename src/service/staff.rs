//! Staff as people handle them: who there is, and who may act.

use super::{Book, ServiceError};
pub use crate::store::staff::{Staff, StaffRow};
use crate::store::{shifts, staff};
use domain::callback::agent::Shift;
use domain::ids::StaffId;
use domain::problem::nearest;
use domain::time::Instant;

pub async fn list(book: &Book) -> Result<Vec<StaffRow>, ServiceError> {
    Ok(staff::list(book.store.reader()).await?)
}

/// The member of staff with this key, if active.
pub async fn active(book: &Book, key: &str) -> Result<StaffRow, ServiceError> {
    match staff::find(book.store.reader(), key).await? {
        Some(row) if row.staff.state == "active" => Ok(row),
        Some(_) => Err(ServiceError::Forbidden(format!(
            "{key} is disabled; set `state: active` in the document and run `kinkeeper apply -f FILE`"
        ))),
        None => {
            let all = staff::list(book.store.reader()).await?;
            let hint = match nearest(key, all.iter().map(|row| row.staff.key.as_str())) {
                Some(near) => format!(" (did you mean {near}?)"),
                None => " (`kinkeeper staff list` shows who there is)".to_owned(),
            };
            Err(ServiceError::NotFound(format!("the member of staff {key}{hint}")))
        }
    }
}

/// A member of staff with their shifts.
#[derive(Debug, Clone)]
pub struct Rostered {
    pub id: StaffId,
    pub key: String,
    /// All of them, in order.
    pub shifts: Vec<Shift>,
}

/// Active staff with all their shifts.
pub async fn rostered(book: &Book) -> Result<Vec<Rostered>, ServiceError> {
    let db = book.store.reader();
    let mut rostered = Vec::new();
    for row in staff::list_active(db).await? {
        let shifts = shifts::list_of(db, row.id, Instant::MIN, Instant::MAX).await?;
        let shifts =
            shifts.iter().map(|shift| Shift { from: shift.starts_at, until: shift.ends_at }).collect();
        rostered.push(Rostered { id: row.id, key: row.staff.key, shifts });
    }
    Ok(rostered)
}
