//! Runs over the whole book, once a week: how large amounts are, and which segment each buyer is in by recency, frequency and
//! monetary value. The one pass over the book there is. It goes page by page and on from where it was; what changes for
//! somebody is a fact like any other, of the shop's own source, so whatever reads facts need not know of runs.

mod supply;

use super::ingest::{Origin, Slice, Stamp, take_in};
use super::shop::shop;
use super::{Book, ServiceError, sources};
use crate::settings::RunSettings;
use crate::store::runs::{self, Looked, Measure, Open, Page};
use crate::store::{Db, Lane, Tx, clusters, shops, waiting};
use domain::customer::dealings::Score;
use domain::event::own::{Own, Settled};
use domain::ids::{CustomerId, ShopId};
use domain::insight::rank::fifths;
use domain::insight::rfm::{Cuts, Fixed, Segment, WINDOW};
use domain::insight::{Amounts, Given, RunKind, amount_rank, next_slot, settle};
use domain::money::Currency;
use domain::time::{Instant, Span};
use std::collections::BTreeMap;
use std::time::Duration;

/// A run begins once nobody has been waiting for the keeper for longer: it looks at what is kept.
const ON_THE_WAY: Span = Span::seconds(10);
/// How long until it looks again whether the keeper has.
const LOOK_AGAIN: Span = Span::seconds(1);

/// When there is something to do next.
pub async fn next_due(book: &Book, now: Instant) -> Result<Option<Instant>, ServiceError> {
    let Some(run) = runs::find_open(book.store.reader()).await? else { return Ok(Some(now)) };
    if run.as_of.is_none() && run.due_at <= now {
        let keeper = book.store.next_due(waiting::CUSTOMERS).await?;
        // Facts of this moment are always on their way.
        if keeper.is_some_and(|due| due <= run.due_at.max(now - ON_THE_WAY)) {
            return Ok(Some(now + LOOK_AGAIN));
        }
    }
    Ok(Some(run.due_at))
}

/// Does one page of the run that is due, of at most `limit` customers; gives 0 where nothing was to do or somebody else did it.
pub async fn do_page(book: &Book, now: Instant, limit: i64) -> Result<u64, ServiceError> {
    let Some(run) = runs::find_open(book.store.reader()).await? else {
        schedule(book, now).await?;
        return Ok(0);
    };
    if run.due_at > now {
        return Ok(0);
    }
    match (run.kind, run.as_of) {
        (RunKind::Supply, _) => supply::page(book, run, now, limit).await,
        (RunKind::Amounts, _) => look_at_amounts(book, &run, now).await,
        (RunKind::Rfm, None) => begin_rfm(book, &run, now).await,
        (RunKind::Rfm, Some(as_of)) => rfm_page(book, run, as_of, now, limit).await,
    }
}

/// Has each kind come due at its next hour.
async fn schedule(book: &Book, now: Instant) -> Result<(), ServiceError> {
    let due_at = next_run(book, now).await?;
    let write = book.store.write(Lane::Work, move |tx| {
        Box::pin(async move {
            runs::schedule(tx, due_at).await?;
            Ok::<_, ServiceError>(())
        })
    });
    write.await
}

async fn next_run(book: &Book, now: Instant) -> Result<Instant, ServiceError> {
    let RunSettings { weekday, hour, .. } = book.runs;
    Ok(next_slot(now, weekday, hour, shop(book).await?.zone))
}

fn fewer() -> ServiceError {
    let detail = "the book changed while its cuts were looked for".to_owned();
    ServiceError::Unavailable { retry_after: Duration::from_secs(1), detail }
}

async fn look_at_amounts(book: &Book, run: &Open, now: Instant) -> Result<u64, ServiceError> {
    let db = book.store.reader();
    let window = (now - WINDOW, now);
    let orders = runs::orders(db, window.0, window.1).await?;
    let order = async |percent| match amount_rank(orders, percent) {
        Some(rank) => runs::order_of_rank(db, window, rank).await?.ok_or_else(fewer).map(Some),
        None => Ok(None),
    };
    let buyers = runs::buyers(db).await?;
    let spend = match amount_rank(buyers, 95) {
        Some(rank) => Some(runs::buyer_of_rank(db, Measure::Spend, rank).await?.ok_or_else(fewer)?),
        None => None,
    };
    let amounts = Amounts {
        orders,
        order_p90_minor: order(90).await?,
        order_p95_minor: order(95).await?,
        buyers,
        spend_p95_minor: spend,
    };
    let (id, from, next) = (run.id, run.cursor, next_run(book, now).await?);
    let write = book.store.write(Lane::Work, move |tx| {
        Box::pin(async move {
            if !runs::begin(tx, id, now, &amounts).await? {
                return Ok(0);
            }
            let page = Page { to: from, looked_at: buyers, changed: 0, done_at: Some(now) };
            runs::advance(tx, id, from, page).await?;
            runs::schedule(tx, next).await?;
            Ok::<_, ServiceError>(1)
        })
    });
    write.await
}

async fn begin_rfm(book: &Book, run: &Open, now: Instant) -> Result<u64, ServiceError> {
    let cuts = rfm_cuts(book.store.reader(), &book.runs, shop(book).await?.currency, now).await?;
    let id = run.id;
    let write = book.store.write(Lane::Work, move |tx| {
        Box::pin(async move { Ok::<_, ServiceError>(u64::from(runs::begin(tx, id, now, &cuts).await?)) })
    });
    write.await
}

/// By the fifths of all buyers, or by fixed cuts while they are few.
async fn rfm_cuts(
    db: &Db,
    settings: &RunSettings,
    currency: Currency,
    as_of: Instant,
) -> Result<Cuts, ServiceError> {
    let buyers = runs::buyers(db).await?;
    let ranks = fifths(buyers).filter(|_| buyers >= i64::from(settings.rfm_buyers));
    let Some(ranks) = ranks else { return Ok(Cuts::fixed(&fixed(settings, currency), as_of)) };
    let cuts = async |measure| -> Result<[i64; 4], ServiceError> {
        let mut cuts = [0; 4];
        for (cut, rank) in cuts.iter_mut().zip(ranks) {
            *cut = runs::buyer_of_rank(db, measure, rank).await?.ok_or_else(fewer)?;
        }
        Ok(cuts)
    };
    Ok(Cuts {
        last_order_at: cuts(Measure::LastOrderAt).await?.map(Instant::from_micros),
        orders: cuts(Measure::Orders).await?,
        spend_minor: cuts(Measure::Spend).await?,
    })
}

fn fixed(settings: &RunSettings, currency: Currency) -> Fixed {
    let minor = 10_i64.pow(currency.exponent());
    Fixed {
        recency_days: settings.rfm_recency_days,
        orders: settings.rfm_orders.map(i64::from),
        spend_minor: settings.rfm_spend.map(|amount| i64::from(amount) * minor),
    }
}

async fn rfm_page(
    book: &Book,
    run: Open,
    as_of: Instant,
    now: Instant,
    limit: i64,
) -> Result<u64, ServiceError> {
    let (cuts, next) = (run.cuts::<Cuts>()?, next_run(book, now).await?);
    let stamp = Stamp::of(&book.store).await?;
    let write = book.store.write(Lane::Work, move |tx| {
        Box::pin(async move {
            clusters::pass(tx).await?;
            if !runs::is_at(tx, &run).await? {
                return Ok(0);
            }
            let page = runs::rfm_page(tx, run.cursor, limit).await?;
            let (given, facts) = judge(&page, &cuts);
            let last = i64::try_from(page.len()).unwrap_or(limit) < limit;
            let went = Page {
                to: page.last().map_or(run.cursor, |looked| looked.customer),
                looked_at: i64::try_from(page.len()).unwrap_or(limit),
                changed: i64::try_from(facts.len()).unwrap_or(limit),
                done_at: last.then_some(now),
            };
            runs::advance(tx, run.id, run.cursor, went).await?;
            runs::give(tx, RunKind::Rfm, run.id, given).await?;
            say(tx, facts, as_of, now, stamp).await?;
            if last {
                runs::schedule(tx, next).await?;
            }
            Ok::<_, ServiceError>(1)
        })
    });
    write.await
}

/// A fact to be said of somebody of this shop.
type Fact = (ShopId, CustomerId, Settled);

/// What a run gives these customers where that is another than before, and the facts that follow.
fn judge(page: &[Looked], cuts: &Cuts) -> (Vec<(CustomerId, Given<Segment>)>, Vec<Fact>) {
    let (mut given, mut facts) = (Vec::new(), Vec::new());
    for looked in page {
        let scores = looked.buyer.map(|buyer| cuts.scores(&buyer));
        let next = settle(&looked.given, scores.map(|scores| scores.segment()));
        if next.settled != looked.given.settled {
            let settled = Settled {
                score: Score::Rfm,
                value: next.settled.map(|segment| segment.as_str().to_owned()),
                parts: scores.map(|scores| scores.parts()).unwrap_or_default(),
            };
            facts.push((looked.shop, looked.customer, settled));
        }
        if next != looked.given {
            given.push((looked.customer, next));
        }
    }
    (given, facts)
}

async fn say(
    tx: &Tx,
    facts: Vec<Fact>,
    as_of: Instant,
    now: Instant,
    stamp: Stamp,
) -> Result<(), ServiceError> {
    let mut by_shop: BTreeMap<i64, (Vec<CustomerId>, Vec<_>)> = BTreeMap::new();
    for (shop, customer, settled) in facts {
        let (of, said) = by_shop.entry(shop.0).or_default();
        of.push(customer);
        said.push(Own::ScoreSettled(settled).said_at(as_of));
    }
    for (shop, (of, said)) in by_shop {
        let missing = || ServiceError::Internal(format!("customers are of shop {shop}, which isn't there"));
        let shop = shops::find_by_id(tx, ShopId(shop)).await?.ok_or_else(missing)?;
        let source = sources::own_in(tx, &shop).await?;
        take_in(tx, &Slice::own(Origin { source, shop }, of, said), now, stamp).await?;
    }
    Ok(())
}
