//! The shop whose book this is, as the use cases need it.

use super::{Book, ServiceError};
use crate::settings::ShopSettings;
use crate::store::shops::{self, ShopRow};
use domain::problem::Problem;

pub use crate::store::shops::Shop;

/// The shop named by the settings; a book without it is broken.
pub async fn shop(book: &Book) -> Result<Shop, ServiceError> {
    Ok(row(book).await?.shop)
}

/// [`shop`] with the row's id.
pub(super) async fn row(book: &Book) -> Result<ShopRow, ServiceError> {
    let row = shops::find(book.store.reader(), &book.shop_key).await?;
    row.ok_or_else(|| ServiceError::Internal(format!("shop {} is not in the book", book.shop_key)))
}

/// A problem where the settings name a shop whose amounts aren't in what the book counts in: thresholds and limits
/// would be read in its currency.
pub async fn not_the_base(book: &Book) -> Result<Option<Problem>, ServiceError> {
    let ShopRow { shop, base, .. } = row(book).await?;
    if shop.currency == base {
        return Ok(None);
    }
    let first = shops::first(book.store.reader()).await?.map(|first| first.shop.key).unwrap_or_default();
    let detail = format!(
        "{} sells in {}, but this book counts in {base}, the currency of {first}, which it was founded with; name \
         {first} here. What {} says is taken over into {base} at each day's rate",
        shop.key, shop.currency, shop.key
    );
    Ok(Some(Problem::new("shop.key", "not_the_base", detail)))
}

/// Where the settings say something else than the book, which was founded under other ones or declared otherwise
/// since. The book's word holds: changing a zone or a currency in passing would falsify what was decided under it.
pub fn contradictions(shop: &Shop, settings: &ShopSettings) -> Vec<Problem> {
    let yes = |is: bool| is.to_string();
    let pairs = [
        ("shop.name", shop.name.clone(), settings.name.clone()),
        ("shop.timezone", shop.zone.name().to_owned(), settings.timezone.name().to_owned()),
        ("shop.currency", shop.currency.as_str().to_owned(), settings.currency.as_str().to_owned()),
        ("shop.locale", shop.locale.clone(), settings.locale.to_owned()),
        ("shop.single_zone", yes(shop.single_zone), yes(settings.single_zone)),
        ("shop.id_namespace", shop.id_namespace.clone(), settings.id_namespace.clone()),
        ("shop.sender_name", shop.sender_name.clone(), settings.sender_name.clone()),
        ("shop.sender_address", shop.sender_address.clone(), settings.sender_address.clone()),
    ];
    pairs
        .into_iter()
        .filter(|(key, held, said)| settings.given.contains(key) && held != said)
        .map(|(key, held, said)| {
            let detail = format!(
                "the settings say \"{said}\", but this book has \"{held}\", which holds. Settings found a new book; \
                 an existing one is changed by `kinkeeper apply -f` with a document of `kind: shop`. \
                 Leave the setting out, or make it the same"
            );
            Problem::new(key, "book_differs", detail)
        })
        .collect()
}
