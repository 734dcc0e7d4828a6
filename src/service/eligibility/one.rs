//! One customer as their tags and segments are explained: what is known of them and what happened, as of the book's present instant.

use crate::service::{Book, ServiceError, reachability};
use crate::store::{customers, facts};
use domain::customer::{Bearer, CustomerFacts};
use domain::ids::CustomerId;
use domain::tag::{Catalogue, Evaluation, TagDefinition};
use domain::time::Instant;

/// What everything about one customer follows from.
pub(super) struct One {
    pub at: Instant,
    facts: CustomerFacts,
    bearer: Bearer,
}

impl One {
    /// From the stored facts, with what this tag or segment asks of them.
    pub async fn load(
        book: &Book,
        customer: CustomerId,
        (catalogue, node): (&Catalogue, &TagDefinition),
    ) -> Result<Self, ServiceError> {
        let db = book.store.reader();
        let missing = || missing(customer);
        let zone = customers::zones(db, &[customer]).await?.remove(&customer).ok_or_else(missing)?;
        let bearer =
            customers::bearers(db, &[customer], zone).await?.remove(&customer).ok_or_else(missing)?;
        let at = book.now().await?;
        let wanted = catalogue.wanted_for(&node.rules().collect::<Vec<_>>());
        if wanted.records.points {
            reachability::prepare(book).await?;
        }
        let events =
            facts::events_of(db, &[customer], at, &wanted).await?.remove(&customer).unwrap_or_default();
        Ok(Self { at, facts: CustomerFacts::fold(&events), bearer })
    }

    pub fn evaluation<'c>(&self, catalogue: &'c Catalogue) -> Evaluation<'c> {
        Evaluation::of(catalogue, &self.facts, self.bearer, self.at)
    }
}

pub(super) fn missing(customer: CustomerId) -> ServiceError {
    ServiceError::NotFound(format!("the customer {customer}"))
}
