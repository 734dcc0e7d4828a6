//! The shop whose book this is, as the use cases need it.

use super::{Book, ServiceError};
use crate::store::shops;

pub use crate::store::shops::Shop;

/// The shop named by the settings; a book without it is broken.
pub async fn shop(book: &Book) -> Result<Shop, ServiceError> {
    let row = shops::find(book.store.reader(), &book.shop_key).await?;
    row.map(|row| row.shop)
        .ok_or_else(|| ServiceError::Internal(format!("shop {} is not in the book", book.shop_key)))
}
