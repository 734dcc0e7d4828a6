//! What comes in from outside as time passes on a virtual book: recorded events, scripted agents.

use crate::service::ServiceError;
use domain::time::Instant;

/// A source of things that happen at known instants. The stepping clock stops at each of them.
#[async_trait::async_trait]
pub trait Feed: Send {
    /// When this feed has something next, after all that was delivered; `None` at its end.
    async fn next_at(&mut self) -> Result<Option<Instant>, ServiceError>;
    /// Delivers everything due at `now` and gives how much that was. Delivering again after a crash must
    /// change nothing.
    async fn deliver(&mut self, now: Instant) -> Result<u64, ServiceError>;
}

/// Nothing comes in.
pub struct NoFeed;

#[async_trait::async_trait]
impl Feed for NoFeed {
    async fn next_at(&mut self) -> Result<Option<Instant>, ServiceError> {
        Ok(None)
    }
    async fn deliver(&mut self, _now: Instant) -> Result<u64, ServiceError> {
        Ok(0)
    }
}
