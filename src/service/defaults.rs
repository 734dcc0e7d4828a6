//! What a new book is born with: its shop, and the shipped calendars, coupon batches, templates and campaigns,
//! all in review, author `kinkeeper`. Done once; a book that has its shop is left as people made it.

use super::apply::{self, Input};
use super::{Book, ServiceError, keeping};
use crate::settings::ShopSettings;
use crate::store::shops::{self, Shop};
use crate::store::{Lane, clock, sources};

/// Who wrote what is shipped.
pub const AUTHOR: &str = "kinkeeper";

macro_rules! shipped {
    ($($path:literal),+ $(,)?) => {
        /// The shipped documents: path below `config/` and text.
        pub const SHIPPED: &[(&str, &str)] =
            &[$(($path, include_str!(concat!("../../config/", $path)))),+];
    };
}

shipped![
    "calendars/default.yaml",
    "campaigns/festival.yaml",
    "campaigns/important_ticket_callback.yaml",
    "campaigns/winback.yaml",
    "coupons/winback-50.yaml",
    "templates/festival.en.yaml",
    "templates/festival.zh-CN.yaml",
    "templates/winback_d0.en.yaml",
    "templates/winback_d0.zh-CN.yaml",
    "templates/winback_d7.en.yaml",
    "templates/winback_d7.zh-CN.yaml",
];

/// Makes the shop of a new book and declares what is shipped. On any other book it does nothing.
pub async fn found(book: &Book, settings: &ShopSettings) -> Result<(), ServiceError> {
    if shops::find(book.store.reader(), &settings.key).await?.is_some() {
        return Ok(());
    }
    let shop = Shop {
        key: settings.key.clone(),
        name: settings.name.clone(),
        zone: settings.timezone,
        currency: settings.currency,
        locale: settings.locale.to_owned(),
        id_namespace: settings.id_namespace.clone(),
        sender_name: settings.sender_name.clone(),
        sender_address: settings.sender_address.clone(),
        single_zone: settings.single_zone,
    };
    let (machine, kind) = (book.store.machine_now().await?, book.store.clock_kind());
    book.store
        .write(Lane::People, move |tx| {
            Box::pin(async move {
                // Another daemon may have opened the same new book at the same time.
                if shops::find(tx, &shop.key).await?.is_some() {
                    return Ok(());
                }
                let at = clock::business_now(tx, kind, machine).await?;
                let id = shops::put(tx, &shop).await?;
                sources::ensure(tx, AUTHOR, id, sources::kind::KINKEEPER).await?;
                apply::declare_in(tx, &inputs(&shop), &shop, AUTHOR, at).await
            })
        })
        .await
}

/// The shipped definitions of tags.
const TAGS: [&str; 5] = [
    include_str!("../../config/tags/value_tier.yaml"),
    include_str!("../../config/tags/vip.yaml"),
    include_str!("../../config/tags/churn_risk.yaml"),
    include_str!("../../config/tags/complaint_open.yaml"),
    include_str!("../../config/tags/complaint_history.yaml"),
];

/// Publishes the shipped tags a book doesn't have yet; those it has stay as they are.
pub async fn publish_tags(book: &Book) -> Result<(), ServiceError> {
    let read = |text: &str| {
        serde_saphyr::from_str(text)
            .map_err(|e| ServiceError::Internal(format!("a shipped tag can't be read: {e}")))
    };
    let documents = TAGS.iter().map(|text| read(text)).collect::<Result<Vec<_>, _>>()?;
    keeping::publish_missing(book, documents).await
}

fn inputs(shop: &Shop) -> Vec<Input> {
    SHIPPED
        .iter()
        .map(|(path, text)| Input {
            name: (*path).to_owned(),
            text: text.replace("{zone}", shop.zone.name()),
            kind: None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::SHIPPED;

    #[test]
    fn nothing_in_the_folder_is_forgotten() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("config");
        for folder in ["calendars", "campaigns", "coupons", "templates"] {
            for file in std::fs::read_dir(root.join(folder)).unwrap() {
                let name = format!("{folder}/{}", file.unwrap().file_name().to_string_lossy());
                assert!(SHIPPED.iter().any(|(path, _)| *path == name), "{name} isn't shipped");
            }
        }
    }
}
