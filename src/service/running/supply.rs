//! How fast buyers use products up: the days that a piece lasted between two orders of one buyer, counted over the whole book.

use super::next_run;
use crate::service::{Book, ServiceError};
use crate::store::products::{self, Bought, Gaps, Paces};
use crate::store::runs::{self, Open, Page};
use crate::store::{Lane, epoch};
use domain::insight::{days_a_piece, pace};
use domain::time::Instant;
use std::collections::BTreeMap;

/// Begins a run, or counts its next customers' pairs; after the last of them ends it.
pub(super) async fn page(book: &Book, run: Open, now: Instant, limit: i64) -> Result<u64, ServiceError> {
    let next = next_run(book, now).await?;
    let write = book.store.write(Lane::Work, move |tx| {
        Box::pin(async move {
            if !runs::is_at(tx, &run).await? {
                return Ok(0);
            }
            if run.as_of.is_none() {
                runs::begin(tx, run.id, now, &()).await?;
            }
            let page = products::consumers(tx, run.cursor, limit).await?;
            let gaps = gaps(&products::bought(tx, &page).await?);
            let looked_at = i64::try_from(page.len()).unwrap_or(limit);
            let last = looked_at < limit;
            let to = page.last().copied().unwrap_or(run.cursor);
            let went = |changed| Page { to, looked_at, changed, done_at: last.then_some(now) };
            products::add_gaps(tx, run.id, gaps).await?;
            let changed = if last { end(tx, run.id, now).await? } else { 0 };
            runs::advance(tx, run.id, run.cursor, went(changed)).await?;
            if last {
                runs::schedule(tx, next).await?;
            }
            Ok::<_, ServiceError>(1)
        })
    });
    write.await
}

/// From each order of a product to the same buyer's next.
fn gaps(bought: &[Bought]) -> Gaps {
    let mut gaps = Gaps::new();
    for pair in bought.windows(2) {
        let (one, next) = (&pair[0], &pair[1]);
        if (one.customer, one.shop, &one.sku) == (next.customer, next.shop, &next.sku) {
            let days = days_a_piece(one.paid_at, next.paid_at, one.quantity_milli);
            *gaps.entry((one.shop.0, one.sku.clone(), days)).or_default() += 1;
        }
    }
    gaps
}

/// Keeps the medians. Where one is another than before, everybody is looked at again, as under a new rule. Gives how many are.
async fn end(tx: &crate::store::Tx, run: i64, now: Instant) -> Result<i64, ServiceError> {
    let mut by_product: BTreeMap<(i64, String), BTreeMap<i64, i64>> = BTreeMap::new();
    for ((shop, sku, days), pairs) in products::gaps(tx, run).await? {
        by_product.entry((shop, sku)).or_default().insert(days, pairs);
    }
    let paces: Paces =
        by_product.into_iter().filter_map(|(key, by_days)| Some((key, pace(&by_days)?))).collect();
    let before = products::paces(tx).await?;
    let days = |paces: &Paces, key: &(i64, String)| paces.get(key).map(|(days, _)| *days);
    let keys = before.keys().chain(paces.keys().filter(|key| !before.contains_key(*key)));
    let were: Vec<_> = keys
        .filter(|key| days(&before, key) != days(&paces, key))
        .map(|key| (key.clone(), days(&before, key)))
        .collect();
    let changed = i64::try_from(were.len()).unwrap_or(i64::MAX);
    products::set_paces(tx, run, paces).await?;
    if changed > 0 {
        let epoch = epoch::raise(tx, now).await?;
        products::paces_were(tx, were, (epoch, now)).await?;
    }
    Ok(changed)
}
