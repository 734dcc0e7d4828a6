//! Named points of work at which something may happen between two steps: a process may die, a fact may come in. A test stands
//! at them; elsewhere nobody does, and passing costs a look.

use futures::future::BoxFuture;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

macro_rules! points {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)+) => {
        /// A point of work.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Point { $($(#[$doc])* $variant,)+ }

        impl Point {
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }
        }
    };
}

points! {
    /// Customers are leased.
    KeeperClaimed = "keeper.claimed",
    /// The rules' epoch and the catalogue are read.
    KeeperRulesRead = "keeper.rules_read",
    /// What stands of the customers is read, `fact_rev` first.
    KeeperStandingRead = "keeper.standing_read",
    /// Their facts are read.
    KeeperFactsRead = "keeper.facts_read",
    /// What they come to is decided.
    KeeperDecided = "keeper.decided",
    /// The transaction that saves it has begun.
    KeeperSaving = "keeper.saving",
    /// It is written, and not committed.
    KeeperSaved = "keeper.saved",
    /// It is committed.
    KeeperCommitted = "keeper.committed",
    /// A page of customers was compared with the log, and what differs isn't put right yet.
    RebuildCompared = "rebuild.compared",
}

impl Point {
    /// Those of the keeper, in their order.
    pub fn of_the_keeper() -> impl Iterator<Item = Self> {
        Self::ALL.iter().copied().filter(|point| point.as_str().starts_with("keeper."))
    }
}

/// What happens at a point; an error ends the work there, as a death would.
pub type Visit = dyn Fn(Point) -> BoxFuture<'static, Result<(), String>> + Send + Sync;

/// Whoever stands at the points; nobody, but in tests.
#[derive(Clone, Default)]
pub struct Points(Arc<RwLock<Option<Arc<Visit>>>>);

impl Points {
    /// Lets `visit` happen at every point from now on.
    pub fn visited_by(
        &self,
        visit: impl Fn(Point) -> BoxFuture<'static, Result<(), String>> + Send + Sync + 'static,
    ) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(visit));
    }

    /// Nobody stands there any more.
    pub fn leave(&self) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    pub(super) async fn pass(&self, point: Point) -> Result<(), String> {
        let visit = self.0.read().unwrap_or_else(PoisonError::into_inner).clone();
        match visit {
            None => Ok(()),
            Some(visit) => visit(point).await,
        }
    }
}

impl fmt::Debug for Points {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Points")
    }
}
