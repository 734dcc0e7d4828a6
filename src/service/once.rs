//! Requests that come twice: what a request with an `Idempotency-Key` was answered is kept in the transaction of its
//! effect, and answered again without the effect. One mechanism for all of them; what a door puts into an answer is
//! the door's.

use super::{Book, ServiceError};
use crate::store::idempotency;
use crate::store::{StoreError, Tx};
use domain::time::Instant;
use std::any::Any;
use std::fmt;
use std::sync::Arc;

pub use crate::store::idempotency::{Answer, Claim, Known};

type Render = dyn Fn(&(dyn Any + Send)) -> Option<Answer> + Send + Sync;

/// A request whose effect is to happen once, and how what a transaction comes to is answered.
#[derive(Clone)]
pub struct Once {
    claim: Claim,
    render: Arc<Render>,
}

impl fmt::Debug for Once {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Once").field(&self.claim).finish()
    }
}

impl Once {
    /// `render` makes the answer from the `T` that the effect's transaction comes to; transactions that come to
    /// something else aren't the effect. `None` where nothing came of it, so that the same request may try again.
    /// Nothing secret or personal belongs into an answer that is kept.
    pub fn new<T: Any>(claim: Claim, render: impl Fn(&T) -> Option<Answer> + Send + Sync + 'static) -> Self {
        let render = move |done: &(dyn Any + Send)| done.downcast_ref::<T>().and_then(&render);
        Self { claim, render: Arc::new(render) }
    }

    pub(super) fn answer(&self, done: &(dyn Any + Send)) -> Option<Answer> {
        (self.render)(done)
    }

    pub(super) async fn keep(&self, tx: &Tx, answer: &Answer, at: Instant) -> Result<(), StoreError> {
        idempotency::put(tx, &self.claim, answer, at).await
    }
}

/// What is known of a request that carries a key.
pub async fn known(book: &Book, claim: &Claim) -> Result<Known, ServiceError> {
    Ok(idempotency::find(book.store.reader(), claim).await?)
}
