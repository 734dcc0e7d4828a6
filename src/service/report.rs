//! The whole book in sums, for people: how customers stand, what was sent and why the rest wasn't, coupons
//! against budgets, callbacks and their order on one day.

use super::shop::shop;
use super::{Book, ServiceError};
use crate::store::profiles::{self, TagRow};
use crate::store::report::{self, BatchSums, CallbackCount, EnrollmentCount, Pull, TagCount, TouchCount};
use domain::ids::CustomerId;
use domain::time::Instant;

pub struct Report {
    pub at: Instant,
    pub customers: i64,
    pub tags: Vec<TagCount>,
    /// Live entries of churn_risk that began in the span asked for.
    pub churn_begun: i64,
    pub enrollments: Vec<EnrollmentCount>,
    pub touches: Vec<TouchCount>,
    pub batches: Vec<BatchSums>,
    pub callbacks: Vec<CallbackCount>,
    /// The first pulls of the day asked for.
    pub pulls: Vec<Pull>,
}

/// The report as of the book's clock. `since` opens the span of what began; `pulls_on` is the first instant
/// of the day whose pulls are listed.
pub async fn report(book: &Book, since: Instant, pulls_on: Instant) -> Result<Report, ServiceError> {
    let db = book.store.reader();
    let now = book.now().await?;
    let zone = shop(book).await?.zone;
    let day_end = Instant::first_of(domain::time::add_days(pulls_on.local_date(zone), 1), zone);
    Ok(Report {
        at: now,
        customers: report::customers(db).await?,
        tags: report::tags(db).await?,
        churn_begun: report::tag_entries(db, "churn_risk", "true", since, Instant::MAX).await?,
        enrollments: report::enrollments(db).await?,
        touches: report::touches(db).await?,
        batches: report::batches(db).await?,
        callbacks: report::callbacks(db, now).await?,
        pulls: report::pulls(db, pulls_on, day_end, 15).await?,
    })
}

impl Report {
    /// Customers with this value of a tag.
    pub fn tagged(&self, key: &str, value: &str) -> i64 {
        self.tags
            .iter()
            .find(|count| count.key == key && count.value == value)
            .map_or(0, |count| count.customers)
    }
}

/// One customer to look at in full.
pub struct Example {
    pub id: CustomerId,
    /// As the shop knows them.
    pub shop_id: String,
    pub tags: Vec<TagRow>,
}

/// Somebody worth showing: who got a coupon and had spent the most.
pub async fn example(book: &Book) -> Result<Example, ServiceError> {
    let found = report::example(book.store.reader()).await?;
    let (id, shop_id) =
        found.ok_or_else(|| ServiceError::NotFound("a customer with a profile".to_owned()))?;
    let mut tags = profiles::tags_of(book.store.reader(), &[id]).await?;
    Ok(Example { id, shop_id, tags: tags.remove(&id).unwrap_or_default() })
}
