//! The rules of a book as a daemon has them in memory: those that hold, and those of before as far as somebody was kept by them last.
//! What they say of a customer is the domain's.

use super::shop::shop;
use super::{Book, ServiceError};
use crate::store::{Db, StoreError, meta, products, rules};
use domain::customer::records::Kinds;
use domain::event::property::Wanted;
use domain::money::Currency;
use domain::problem::together;
use domain::rule::event::wanted_in;
use domain::tag::{Catalogue, Rulebook, TagDocument, Turn};
use domain::time::Instant;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// The rules as last read; read again when the epoch has risen.
#[derive(Clone, Default)]
pub struct RuleCache(Arc<Mutex<Option<Rules>>>);

/// The rules of an epoch, and what there was before.
#[derive(Clone)]
pub(super) struct Rules {
    pub epoch: i64,
    /// What holds.
    pub catalogue: Arc<Catalogue>,
    /// What any rule of now or before has to know of events' properties.
    pub wanted: Arc<Wanted>,
    currency: Currency,
    /// Every epoch that is written down, with its beginning.
    turns: Arc<Vec<(i64, Instant)>>,
    /// From which epoch on there is more than what holds, if anybody asked for it.
    past: Option<(i64, Arc<Rulebook>)>,
}

impl Rules {
    /// Reads them, past any memory: those of now, or those that held just before an instant.
    pub async fn read(db: &Db, currency: Currency, before: Option<Instant>) -> Result<Self, ServiceError> {
        // The epoch first: what is published from here on makes it void.
        let newest = meta::rule_epoch(db).await?;
        let mut turns = rules::turns(db).await?;
        let mut last = Instant::MIN;
        turns.retain(|(turn, at)| {
            last = last.max(*at);
            *turn <= newest && before.is_none_or(|before| last < before)
        });
        let epoch = before.and(turns.last()).map_or(newest, |(epoch, _)| *epoch);
        let known = match products::as_of(db, [epoch]).await?.remove(&epoch) {
            Some(were) => were,
            None => products::all(db).await?,
        };
        let catalogue = Arc::new(parsed(db, epoch, currency).await?.knowing(Arc::new(known)));
        // Of before, too: who comes late walks by what held then, and their facts are read before it is known how late they are.
        let mut wanted = Wanted::default();
        rules::of_events(db).await?.iter().for_each(|document| wanted_in(document, &mut wanted));
        // What is known of now alone nobody is kept by.
        wanted.records = Kinds { points: false, ..rules::records_asked(db).await? };
        let (wanted, turns) = (Arc::new(wanted), Arc::new(turns));
        Ok(Self { epoch, catalogue, wanted, currency, turns, past: None })
    }

    /// What was in force in this epoch or at this instant, whichever is earlier, and all that came behind it.
    pub async fn since(&mut self, db: &Db, oldest: Oldest) -> Result<Arc<Rulebook>, StoreError> {
        let Some(from) = oldest.epoch_among(&self.turns).filter(|from| *from < self.epoch) else {
            return Ok(Arc::new(self.catalogue.clone().into()));
        };
        if let Some((known, rulebook)) = &self.past
            && *known <= from
        {
            return Ok(rulebook.clone());
        }
        let ahead = last_of_each_instant(&self.turns, from);
        let was = products::as_of(db, ahead.iter().map(|(epoch, _)| *epoch).chain([from])).await?;
        let was: BTreeMap<i64, _> = was.into_iter().map(|(epoch, known)| (epoch, Arc::new(known))).collect();
        let then = async |epoch: i64| {
            if epoch == self.epoch {
                return Ok::<_, StoreError>(Some(self.catalogue.clone()));
            }
            let catalogue = match parsed(db, epoch, self.currency).await {
                Ok(catalogue) => catalogue,
                // What can't be read any more can't be walked by. Nobody is held up by it: what came next holds.
                Err(ServiceError::Invalid(problems)) => {
                    let why = together(&problems);
                    tracing::warn!(epoch, %why, "rules of before can't be read and are passed over");
                    return Ok(None);
                }
                Err(other) => return Err(unreadable(other)),
            };
            let known = was.get(&epoch).cloned().unwrap_or_else(|| self.catalogue.known_products());
            Ok(Some(Arc::new(catalogue.knowing(known))))
        };
        let first = then(from).await?;
        let mut turns = Vec::new();
        for (epoch, at) in ahead {
            turns.extend(then(epoch).await?.map(|catalogue| Turn { epoch, at, catalogue }));
        }
        let first = first.or_else(|| turns.first().map(|turn| turn.catalogue.clone()));
        let first = first.unwrap_or_else(|| self.catalogue.clone());
        let rulebook = Arc::new(Rulebook::new(first, turns));
        self.past = Some((from, rulebook.clone()));
        Ok(rulebook)
    }
}

/// The epochs behind `from`, of several at one instant the last: nobody was ever kept between them.
fn last_of_each_instant(turns: &[(i64, Instant)], from: i64) -> Vec<(i64, Instant)> {
    let mut last: Vec<(i64, Instant)> = Vec::new();
    for (epoch, at) in turns.iter().copied().filter(|(epoch, _)| *epoch > from) {
        match last.last_mut() {
            Some(same) if same.1 == at => same.0 = epoch,
            _ => last.push((epoch, at)),
        }
    }
    last
}

/// Of several customers, the one whose rules are the oldest.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Oldest {
    epoch: Option<i64>,
    at: Option<Instant>,
}

impl Oldest {
    /// Somebody was kept by the rules of this epoch.
    pub fn kept(&mut self, epoch: i64) {
        self.epoch = Some(self.epoch.map_or(epoch, |known| known.min(epoch)));
    }

    /// Somebody was never kept, and their first fact was received then.
    pub fn began(&mut self, at: Instant) {
        self.at = Some(self.at.map_or(at, |known| known.min(at)));
    }

    /// The epoch to begin with: never one before the first that is written down, with which the book was born.
    fn epoch_among(self, turns: &[(i64, Instant)]) -> Option<i64> {
        let (born, _) = turns.first()?;
        // As a rulebook counts them: an epoch begins no earlier than the one before it.
        let mut last = Instant::MIN;
        let begun = |at: Instant| {
            let begins = |(epoch, turn): &(i64, Instant)| {
                last = last.max(*turn);
                (last <= at).then_some(*epoch)
            };
            turns.iter().map_while(begins).last().unwrap_or(*born)
        };
        self.epoch.into_iter().chain(self.at.map(begun)).min().map(|epoch| epoch.max(*born))
    }
}

/// The rules that hold.
pub(super) async fn rules(book: &Book) -> Result<Rules, ServiceError> {
    rules_of(book, meta::rule_epoch(book.store.reader()).await?).await
}

/// The same, for whoever has just read which epoch it is.
pub(super) async fn rules_of(book: &Book, epoch: i64) -> Result<Rules, ServiceError> {
    let db = book.store.reader();
    if let Some(rules) = &*book.rules.0.lock().unwrap_or_else(PoisonError::into_inner)
        && rules.epoch == epoch
    {
        return Ok(rules.clone());
    }
    let rules = Rules::read(db, shop(book).await?.currency, None).await?;
    *book.rules.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(rules.clone());
    Ok(rules)
}

/// The rules since the oldest of some customers was kept; what is read for it is remembered.
pub(super) async fn since(
    book: &Book,
    mut rules: Rules,
    oldest: Oldest,
) -> Result<Arc<Rulebook>, StoreError> {
    let rulebook = rules.since(book.store.reader(), oldest).await?;
    if let Some(known) = &mut *book.rules.0.lock().unwrap_or_else(PoisonError::into_inner)
        && known.epoch == rules.epoch
    {
        known.past = rules.past;
    }
    Ok(rulebook)
}

/// The published definitions of all tags and segments.
pub async fn catalogue(book: &Book) -> Result<Arc<Catalogue>, ServiceError> {
    Ok(rules(book).await?.catalogue)
}

/// The definitions of all tags and segments that held in an epoch; nothing is known of products yet.
async fn parsed(db: &Db, epoch: i64, currency: Currency) -> Result<Catalogue, ServiceError> {
    // What the book was born with has always been there: nothing is backfill on its account.
    let born = rules::first_published_at(db).await?;
    let document = |rule: rules::PublishedRule| TagDocument {
        version: rule.version,
        published_at: (rule.version > 1 || born.is_some_and(|born| born < rule.published_at))
            .then_some(rule.published_at),
        ..TagDocument::first_of(&rule.key, rule.document)
    };
    let documents: Vec<TagDocument> = rules::as_of(db, epoch).await?.into_iter().map(document).collect();
    Catalogue::parse(&documents, currency).map_err(ServiceError::Invalid)
}

/// What was published could be read when it was; no customer is to blame where it can't be.
pub(super) fn unreadable(error: ServiceError) -> StoreError {
    let why = match error {
        ServiceError::Invalid(problems) => together(&problems),
        other => other.to_string(),
    };
    StoreError::Unavailable(format!("the published rules can't be read: {why}"))
}
