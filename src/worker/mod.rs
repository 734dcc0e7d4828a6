//! Background work. A worker is a function without input: it drains what is due at a given now, within a
//! budget, and says when it is due next. It is idempotent, safe to run anywhere at any time and twice at
//! once; what is due is decided from the database, never from when somebody was woken.

mod alarm;
mod dispatcher;
mod engine;
mod feed;
mod housekeeper;
mod indexer;
mod journeys;
mod keeper;
mod modeler;
mod planner;
mod router;

pub use alarm::Alarm;
pub use dispatcher::Dispatcher;
pub use engine::{Engine, Hired, WorkDone};
pub use feed::{Feed, NoFeed};
pub use housekeeper::Housekeeper;
pub use indexer::Indexer;
pub use journeys::Journeys;
pub use keeper::Keeper;
pub use modeler::Modeler;
pub use planner::Planner;
pub use router::Router;

use crate::service::ServiceError;
use domain::time::Instant;

/// The most one `drain` call takes on before it answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Rows claimed at a time.
    pub batch: i64,
    /// Batches before answering.
    pub batches: u32,
}

/// What one `drain` call came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Drained {
    /// Pieces of work done; 0 says nothing was due (or what is due is under somebody's lease).
    pub done: u64,
    /// When this worker is due next, by the business clock; `None` while nothing waits.
    pub next_due: Option<Instant>,
}

/// Works batch after batch while something is due and the budget lasts. The question what is due next is asked
/// before each batch, so an idle worker costs one query and writes nothing.
async fn while_due<D, B>(
    now: Instant,
    budget: Budget,
    next_due: impl Fn() -> D,
    batch: impl Fn() -> B,
) -> Result<Drained, ServiceError>
where
    D: Future<Output = Result<Option<Instant>, ServiceError>>,
    B: Future<Output = Result<u64, ServiceError>>,
{
    let mut done = 0;
    for _ in 0..budget.batches {
        let due = next_due().await?;
        if due.is_none_or(|due| due > now) {
            return Ok(Drained { done, next_due: due });
        }
        match batch().await? {
            // Due, but under somebody's lease.
            0 => return Ok(Drained { done, next_due: due }),
            worked => done += worked,
        }
    }
    Ok(Drained { done, next_due: next_due().await? })
}

/// One kind of background work.
#[async_trait::async_trait]
pub trait Worker: Send + Sync {
    fn name(&self) -> &'static str;
    /// Whether most of its work follows from facts coming in, and may wait for more of them.
    fn follows_facts(&self) -> bool {
        false
    }
    async fn drain(&self, now: Instant, budget: Budget) -> Result<Drained, ServiceError>;
}
