//! How many customers can be reached: by the very rows the gate looks at, a page of customers in a few statements.
//! Looks, and for rules puts beside each point what the list of refusals knows it by; changes nothing else.

use super::{Book, ServiceError};
use crate::store::contact::{self, Point};
use crate::store::reach::{self, Unhashed};
use crate::store::{Lane, StoreError, customers, occurrences};
use domain::campaign::definition::{Channel, Purpose};
use domain::campaign::gate::{Consent, ContactPoint, Suppression};
use domain::campaign::reach::{Stages, stage};
use domain::customer::AccountKind;
use domain::ids::CustomerId;
use domain::time::Instant;
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};
use utoipa::ToSchema;

/// What is reported: recovery is judged as service.
const PURPOSES: [Purpose; 3] = [Purpose::Marketing, Purpose::Survey, Purpose::Service];
/// Each channel with the contact points it goes to.
const CHANNELS: [(Channel, &str); 2] = [(Channel::Email, "email"), (Channel::Sms, "phone")];

/// How many can be reached, by channel and purpose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Reachability {
    /// The book's clock at the time of the answer.
    #[schema(value_type = String, format = DateTime)]
    pub at: Instant,
    /// Consumers, merged ones as one, the erased left out: those who are counted below.
    pub customers: u64,
    /// The other accounts, by kind. They get no marketing and no survey, and stand nowhere below.
    #[schema(value_type = Object, example = json!({"reseller": 3}))]
    pub not_consumers: BTreeMap<AccountKind, u64>,
    pub items: Vec<Line>,
}

/// One channel and purpose. Each number is part of the one before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Line {
    /// email | sms
    #[schema(value_type = String, example = "email")]
    pub channel: Channel,
    /// marketing | survey | service
    #[schema(value_type = String, example = "marketing")]
    pub purpose: Purpose,
    pub customers: u64,
    /// Have a contact point of the channel.
    pub known: u64,
    /// Have one that may be used: real, not bounced, not blocked.
    pub usable: u64,
    /// Agree; for service: haven't refused.
    pub consenting: u64,
    /// And aren't on the list of refusals.
    pub reachable: u64,
}

const PAGE: i64 = 1_000;

/// Counts everybody.
pub async fn report(book: &Book) -> Result<Reachability, ServiceError> {
    let mut counts = Counts::default();
    let mut after = CustomerId(0);
    loop {
        let db = book.store.reader();
        let page = occurrences::page(db, after, CustomerId(i64::MAX), PAGE).await?;
        let Some((last, _)) = page.last() else { break };
        after = *last;
        let ids: Vec<CustomerId> = page.into_iter().map(|(id, _)| id).collect();
        counts.page(book, ids).await?;
    }
    let line = |((channel, purpose), s): ((Channel, Purpose), Stages)| Line {
        channel,
        purpose,
        customers: s.customers,
        known: s.known,
        usable: s.usable,
        consenting: s.consenting,
        reachable: s.reachable,
    };
    // Of an empty book every line stands there, too.
    let lines = CHANNELS.iter().flat_map(|(channel, _)| PURPOSES.map(|purpose| (*channel, purpose)));
    let items = lines.map(|key| line((key, counts.stages.get(&key).copied().unwrap_or_default())));
    let items: Vec<Line> = items.collect();
    Ok(Reachability {
        at: book.now().await?,
        customers: items.first().map_or(0, |line| line.customers),
        not_consumers: counts.others,
        items,
    })
}

/// Points hashed in one transaction, and how many such for one question.
const SLICE: i64 = 5_000;
const SLICES: usize = 40;

/// Sees to it that every contact point has its hash beside it, by which the database finds it on the list of refusals. An old book with more
/// points than one question may wait for is answered when it is asked again.
pub(super) async fn prepare(book: &Book) -> Result<(), ServiceError> {
    for _ in 0..SLICES {
        let some = reach::unhashed(book.store.reader(), SLICE).await?;
        if some.is_empty() {
            return Ok(());
        }
        let hash = |point: &Unhashed| (point.id, book.secrets.contact_hash(&point.channel, &point.value));
        let hashes: Vec<(i64, String)> = some.iter().map(hash).collect();
        let put = book.store.write(Lane::Work, move |tx| {
            let hashes = hashes.clone();
            Box::pin(async move { reach::put_hashes(tx, &hashes).await })
        });
        put.await.map_err(|error: StoreError| error)?;
    }
    let detail = "whom a channel reaches can't be told yet: contact points are still being compared with the list of refusals; ask again in \
                  a minute";
    Err(ServiceError::Conflict(detail.to_owned()))
}

#[derive(Default)]
struct Counts {
    stages: BTreeMap<(Channel, Purpose), Stages>,
    others: BTreeMap<AccountKind, u64>,
}

impl Counts {
    async fn page(&mut self, book: &Book, ids: Vec<CustomerId>) -> Result<(), ServiceError> {
        let db = book.store.reader();
        let accounts = customers::accounts(db, &ids).await?;
        let account = |id: &CustomerId| accounts.get(id).copied().unwrap_or(AccountKind::Consumer);
        let (ids, others): (Vec<_>, Vec<_>) = ids.into_iter().partition(|id| account(id).is_consumer());
        for id in &others {
            *self.others.entry(account(id)).or_default() += 1;
        }
        let points = contact::points(db, &ids).await?;
        let consents = contact::consents(db, &ids).await?;
        for (channel, at) in CHANNELS {
            let targets: HashMap<CustomerId, String> = ids
                .iter()
                .filter_map(|id| {
                    let target = contact::target(points.get(&(*id, at.to_owned()))?)?;
                    Some((*id, book.secrets.contact_hash(at, &target.value)))
                })
                .collect();
            let hashes = targets.values().map(|hash| (String::new(), hash.clone())).collect();
            let suppressed = contact::suppressed(db, hashes).await?;
            for purpose in PURPOSES {
                let stages = self.stages.entry((channel, purpose)).or_default();
                for id in &ids {
                    let said = (*id, channel.as_str().to_owned(), purpose.as_str().to_owned());
                    let consent = consents.get(&said).copied().unwrap_or(Consent::Unknown);
                    let point = contact_point(points.get(&(*id, at.to_owned())));
                    let scope =
                        targets.get(id).and_then(|hash| suppressed.get(&(at.to_owned(), hash.clone())));
                    let suppression = match scope.map(String::as_str) {
                        None => Suppression::Clear,
                        Some("marketing") if !purpose.needs_opt_in() => Suppression::Clear,
                        Some(_) => Suppression::Suppressed,
                    };
                    stages.count(stage(point, consent, suppression, purpose));
                }
            }
        }
        Ok(())
    }
}

fn contact_point(points: Option<&Vec<Point>>) -> ContactPoint {
    match points {
        None => ContactPoint::Missing,
        Some(points) if contact::target(points).is_some() => ContactPoint::Usable,
        Some(_) => ContactPoint::Unusable,
    }
}
