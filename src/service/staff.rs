//! Staff as people handle them: who there is, and who may act.

use super::{Book, ServiceError};
use crate::store::staff;
pub use crate::store::staff::{Staff, StaffRow};
use domain::problem::nearest;

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
