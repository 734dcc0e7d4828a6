//! Reasons that people write where nothing is ever removed: the audit log, the log of a callback, the list of refusals. One
//! that names the person it is about is refused, since it would stay when they are erased.

use super::ServiceError;
use super::erasing::cluster;
use crate::store::{Db, clusters, erasure};
use domain::customer::Marks;
use domain::ids::CustomerId;

/// Refuses a reason that names this customer, or anybody who is one with them. `at` is the field it came in.
pub(super) async fn check(
    db: &Db,
    customer: CustomerId,
    at: &'static str,
    reason: &str,
) -> Result<(), ServiceError> {
    if reason.is_empty() {
        return Ok(());
    }
    let cluster = cluster(db, clusters::canonical_of(db, customer).await?).await?;
    check_marks(&erasure::known(db, &cluster).await?.marks, at, reason)
}

/// As [`check`], of somebody who is known by these.
pub(super) fn check_marks(marks: &Marks, at: &str, reason: &str) -> Result<(), ServiceError> {
    if !marks.in_reason(reason) {
        return Ok(());
    }
    let detail = "names the person it is about; say it without their names, ids, numbers and addresses: a reason is never \
                  removed, not even when they are erased";
    Err(ServiceError::invalid(at, "names_the_person", detail))
}
