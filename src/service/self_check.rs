//! Looks now and then at a few customers drawn by lot whether they still are what their facts say: tags and numbers are kept by
//! small steps, and this notices should a step ever go wrong. It changes nothing.

use super::rebuild::Mode;
use super::rebuild::keeping::{self, Page};
use super::{Book, ServiceError};
use crate::store::customers;
use domain::ids::CustomerId;

/// Customers looked at at a time.
pub const SAMPLE: i64 = 20;

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Checked {
    pub customers: u64,
    /// What isn't as the facts say, each in words.
    pub drift: Vec<String>,
}

/// Looks at a few customers.
pub async fn sample(book: &Book) -> Result<Checked, ServiceError> {
    let last = customers::greatest_id(book.store.reader()).await?;
    let Some(last) = last else { return Ok(Checked::default()) };
    let mut bytes = [0; 8];
    book.entropy.fill(&mut bytes);
    let from = i64::try_from(u64::from_le_bytes(bytes) % (last.0.unsigned_abs() + 1)).unwrap_or(0);
    look(book, CustomerId(from), SAMPLE).await
}

/// Looks at the customers behind this one. What differs is looked at again: somebody may have been at work on it.
pub async fn look(book: &Book, after: CustomerId, limit: i64) -> Result<Checked, ServiceError> {
    let Some(first) = keeping::page(book, Mode::Check, after, limit).await? else {
        return Ok(Checked::default());
    };
    let customers = first.customers - first.not_compared;
    if first.found.is_empty() {
        return Ok(Checked { customers, drift: Vec::new() });
    }
    let again: Option<Page> = keeping::page(book, Mode::Check, after, limit).await?;
    let again = again.map(|page| page.found).unwrap_or_default();
    let both = first.found.into_iter().filter(|one| again.contains(one));
    Ok(Checked {
        customers,
        drift: both.map(|one| format!("{} {}: {}", one.table, one.key, one.detail)).collect(),
    })
}
