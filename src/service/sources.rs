//! Where facts come from, as the use cases name it.

use super::{Book, ServiceError, shop};
use crate::store::shops::ShopRow;
use crate::store::sources::SourceRow;
use crate::store::{Lane, StoreError, Tx, sources};
use domain::ids::SourceId;

/// The source of this key, for facts that arrive as through an API key; made if there is none.
pub async fn ensure(book: &Book, key: &str) -> Result<SourceId, ServiceError> {
    let shop = shop::row(book).await?;
    let key = key.to_owned();
    let made = book.store.write(Lane::People, move |tx| {
        Box::pin(async move { sources::ensure(tx, &key, shop.id, sources::kind::API).await })
    });
    made.await.map_err(|e: StoreError| e.into())
}

/// What the daemon says itself of a shop, or people say through it.
pub(super) async fn own_in(tx: &Tx, shop: &ShopRow) -> Result<SourceRow, ServiceError> {
    let key = format!("kinkeeper:{}", shop.shop.key);
    let id = sources::ensure(tx, &key, shop.id, sources::kind::KINKEEPER).await?;
    let source = sources::find(tx, id).await?;
    source.ok_or_else(|| ServiceError::Internal("the shop's own source is gone".to_owned()))
}
