//! An open book with what the use cases need beside it. Made once by `app` and shared; no globals.

use super::asking::{ColumnCache, SampleMemory};
use super::definitions::DefinitionCache;
use super::once::Once;
use super::points::Points;
use super::rules::RuleCache;
use super::secrets::Secrets;
use super::{ServiceError, StaffingMemory};
use crate::settings::{AccessSettings, RetentionSettings, RunSettings};
use crate::store::{Lane, Lease, Store, StoreError, Tx, clock};
use domain::entropy::Entropy;
use domain::time::{Instant, MachineInstant};
use futures::future::BoxFuture;
use std::path::PathBuf;
use std::sync::Arc;

#[derive(Clone)]
pub struct Book {
    pub store: Store,
    pub secrets: Secrets,
    pub entropy: Arc<dyn Entropy>,
    /// Key of the shop that facts without a shop belong to.
    pub shop_key: String,
    /// Where customers' browsers reach the daemon, without a trailing slash: opt-out links begin with it.
    pub public_url: String,
    /// Where this daemon keeps what isn't in the database; on SQLite usually the database too.
    pub data_dir: PathBuf,
    /// Where mails are kept as files, if they are.
    pub mail_dir: PathBuf,
    /// The tags' definitions as last read.
    pub rules: RuleCache,
    /// The book in memory, for counting.
    pub columns: ColumnCache,
    /// Whom estimates look at.
    pub sample: SampleMemory,
    /// Campaign versions as last read.
    pub definitions: DefinitionCache,
    /// Who this daemon is in leases, and how long it takes them for.
    pub lease: Lease,
    /// Staff, shifts and calendars as last read.
    pub staffing: StaffingMemory,
    /// How much people may look at.
    pub access: AccessSettings,
    /// For how long things are kept.
    pub retention: RetentionSettings,
    /// When the whole book is gone through, and how.
    pub runs: RunSettings,
    /// The request this is done for, where the same one is to have its effect once.
    pub once: Option<Once>,
    /// Where something may happen between two steps.
    pub points: Points,
}

impl Book {
    /// Now by the machine's clock, which rules how fresh something signed is.
    pub async fn machine_now(&self) -> Result<MachineInstant, ServiceError> {
        Ok(self.store.machine_now().await?)
    }

    /// Business now, as the book's clock shows it.
    pub async fn now(&self) -> Result<Instant, ServiceError> {
        Ok(self.store.business_now().await?)
    }

    /// One transaction of a person's, handed the instant the book's clock shows inside it.
    pub async fn write<T, E>(
        &self,
        unit: impl for<'a> FnOnce(&'a Tx, Instant) -> BoxFuture<'a, Result<T, E>> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let (machine, kind) = (self.store.machine_now().await?, self.store.clock_kind());
        let once = self.once.clone();
        self.store
            .write(Lane::People, move |tx| {
                Box::pin(async move {
                    let now = clock::business_now(tx, kind, machine).await?;
                    let done = unit(tx, now).await?;
                    let answer = once.as_ref().and_then(|once| once.answer(&done));
                    if let (Some(once), Some(answer)) = (once, answer) {
                        once.keep(tx, &answer, now).await?;
                    }
                    Ok(done)
                })
            })
            .await
    }
}
