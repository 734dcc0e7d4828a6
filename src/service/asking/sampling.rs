//! Estimates from a stable part of the book. The database looks each customer of it up; where a draft asks for properties that no index
//! has yet, fewer of them are looked at in memory, by their events.

use super::quick::{CountedBy, SegmentCount};
use super::{Question, terms};
use crate::service::{Book, ServiceError, shop};
use crate::store::rule_sql::{self, Asking, Sampled, Whole};
use crate::store::{Db, StoreError, customers, facts};
use chrono_tz::Tz;
use domain::customer::CustomerFacts;
use domain::estimate::{self, Estimate};
use domain::event::property::Wanted;
use domain::ids::CustomerId;
use domain::rule::{Rule, Share};
use domain::tag::Evaluation;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Customers looked at by their events.
const LOOKED_AT: u32 = 2_000;
/// So many of them at a time.
const AT_ONCE: usize = 200;
/// Longest that this may take: somebody waits at the keyboard.
const PATIENCE: Duration = Duration::from_secs(3);

/// Who is in the sample, as far as ids were drawn: an id's draw never changes, so only new ones are.
#[derive(Debug, Clone, Default)]
pub struct SampleMemory(Arc<Mutex<Drawn>>);

#[derive(Debug, Default)]
struct Drawn {
    share: Option<Share>,
    up_to: i64,
    customers: Arc<Vec<CustomerId>>,
}

impl SampleMemory {
    /// Whom this part of everybody up to `last` contains.
    fn drawn(&self, share: &Share, last: i64) -> Arc<Vec<CustomerId>> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.share.as_ref() != Some(share) {
            *known = Drawn { share: Some(share.clone()), ..Drawn::default() };
        }
        if known.up_to < last {
            let more = estimate::drawn(share, known.up_to + 1, last);
            Arc::make_mut(&mut known.customers).extend(more);
            known.up_to = last;
        }
        known.customers.clone()
    }
}

/// How many the sample says it is; of a small book, of which everybody is looked at, the number itself.
pub(super) async fn estimate(
    book: &Book,
    question: Question,
    within: Duration,
) -> Result<SegmentCount, ServiceError> {
    let (as_of, last) = (book.now().await?, rule_sql::last_customer(book.store.reader()).await?);
    let catalogue = question.catalogue.clone();
    let asked = catalogue.looked_at(&[question.whole.rule()]);
    let asking = terms(book, catalogue.clone(), &asked, as_of).await?;
    let share = estimate::part(CustomerId(last));
    let answered = by_the_database(book, &question.whole, &asked, &asking, (&share, last), within).await;
    let (share, sampled) = match answered {
        Ok(sampled) => (share, sampled),
        Err(refusal @ StoreError::NotIndexed { .. }) => {
            let share = estimate::part_of_about(LOOKED_AT, CustomerId(last));
            let sample = estimate::drawn(&share, 1, last);
            match by_their_events(book, &question.whole, &asked, &asking, &sample).await {
                Ok(sampled) => (share, sampled),
                Err(StoreError::TookTooLong(_)) => return Err(refusal.into()),
                Err(other) => return Err(other.into()),
            }
        }
        Err(other) => return Err(other.into()),
    };
    let Estimate { count, margin } = estimate::estimate(&share, sampled.found);
    Ok(SegmentCount {
        key: question.key,
        as_of,
        count,
        of: Some(estimate::estimate(&share, sampled.looked_at).count),
        exact: margin == 0,
        margin,
        source: CountedBy::Sample,
    })
}

async fn by_the_database(
    book: &Book,
    whole: &Whole,
    asked: &[&Rule],
    asking: &Asking,
    (share, last): (&Share, i64),
    within: Duration,
) -> Result<Sampled, StoreError> {
    let sample = book.sample.drawn(share, last);
    let (whole, asking) = (whole.clone(), asking.clone());
    let asked: Vec<Rule> = asked.iter().map(|rule| (*rule).clone()).collect();
    book.store
        .ask(within, move |db| {
            Box::pin(async move { rule_sql::estimate(db, &whole, &asked, &asking, &sample).await })
        })
        .await
}

/// What looking at each of them comes to, by all that is known of them now.
async fn by_their_events(
    book: &Book,
    whole: &Whole,
    asked: &[&Rule],
    asking: &Asking,
    sample: &[CustomerId],
) -> Result<Sampled, StoreError> {
    let zone = shop::shop(book).await.map_err(unreadable)?.zone;
    let wanted = asking.catalogue.wanted_for(asked);
    let (whole, asking, sample) = (whole.clone(), asking.clone(), sample.to_vec());
    let looked = book.store.ask(PATIENCE, move |db| {
        Box::pin(async move {
            let mut all = Sampled::default();
            for some in sample.chunks(AT_ONCE) {
                let found = look(db, &whole, &asking, (&wanted, zone), some).await?;
                all.looked_at += found.looked_at;
                all.found += found.found;
            }
            Ok(all)
        })
    });
    // A database's own limit may be one of each statement.
    tokio::time::timeout(PATIENCE, looked).await.unwrap_or(Err(StoreError::TookTooLong(PATIENCE)))
}

async fn look(
    db: &Db,
    whole: &Whole,
    asking: &Asking,
    (wanted, zone): (&Wanted, Tz),
    some: &[CustomerId],
) -> Result<Sampled, StoreError> {
    let takes_part = rule_sql::takes_part(db, some).await?;
    let ids: Vec<CustomerId> = takes_part.iter().map(|(id, _)| *id).collect();
    let bearers = customers::bearers(db, &ids, zone).await?;
    let events = facts::events_of(db, &ids, asking.now, wanted).await?;
    let holds = |(id, personalised): &&(CustomerId, bool)| {
        let Some(bearer) = bearers.get(id) else { return false };
        if matches!(whole, Whole::Personalised(_)) && !personalised {
            return false;
        }
        let facts = CustomerFacts::fold(events.get(id).map_or(&[][..], Vec::as_slice));
        *Evaluation::of(&asking.catalogue, &facts, *bearer, asking.now).eval(whole.rule()).at(asking.now)
    };
    let found = takes_part.iter().filter(holds).count();
    Ok(Sampled { looked_at: takes_part.len() as u64, found: found as u64 })
}

fn unreadable(error: ServiceError) -> StoreError {
    StoreError::Unavailable(format!("the shop can't be read: {error}"))
}
