//! What a new book is born with: its shop, and the shipped lists of values that never identify, calendars, coupon batches, templates and campaigns,
//! all in review, author `kinkeeper`, and the shipped tags and segments. A book that has them is left as people made it.

use super::apply::{self, Input};
use super::{Book, ServiceError};
use crate::settings::ShopSettings;
use crate::store::shops::{self, Shop};
use crate::store::{Db, Lane, Tx, audit, clock, epoch, meta, rules, sources};
use domain::segment::{key_of, node_key};
use domain::tag::{Catalogue, TagDocument};
use domain::time::Instant;
use serde_json::{Value, json};
use std::collections::HashSet;

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
    "blocked/placeholders.yaml",
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

/// The shipped definitions of tags.
const TAGS: [&str; 26] = [
    include_str!("../../config/tags/account_kind.yaml"),
    include_str!("../../config/tags/active_hour.yaml"),
    include_str!("../../config/tags/birthday_soon.yaml"),
    include_str!("../../config/tags/category_affinity.yaml"),
    include_str!("../../config/tags/channel_pref.yaml"),
    include_str!("../../config/tags/churn_early.yaml"),
    include_str!("../../config/tags/churn_risk.yaml"),
    include_str!("../../config/tags/clv_band.yaml"),
    include_str!("../../config/tags/comm_style.yaml"),
    include_str!("../../config/tags/complaint_history.yaml"),
    include_str!("../../config/tags/complaint_open.yaml"),
    include_str!("../../config/tags/complaint_recent.yaml"),
    include_str!("../../config/tags/detractor.yaml"),
    include_str!("../../config/tags/discount_seeker.yaml"),
    include_str!("../../config/tags/lapsed.yaml"),
    include_str!("../../config/tags/new_customer.yaml"),
    include_str!("../../config/tags/personalization_off.yaml"),
    include_str!("../../config/tags/promoter.yaml"),
    include_str!("../../config/tags/returning.yaml"),
    include_str!("../../config/tags/replenish_due.yaml"),
    include_str!("../../config/tags/rfm_segment.yaml"),
    include_str!("../../config/tags/style_affinity.yaml"),
    include_str!("../../config/tags/value_tier.yaml"),
    include_str!("../../config/tags/vip.yaml"),
    include_str!("../../config/tags/vip_candidate.yaml"),
    include_str!("../../config/tags/won_back.yaml"),
];

/// The shipped definitions of segments: on demand, so that they cost nothing until somebody asks.
const SEGMENTS: [&str; 15] = [
    include_str!("../../config/segments/birthday_this_week.yaml"),
    include_str!("../../config/segments/churn_risk_diamond.yaml"),
    include_str!("../../config/segments/churn_risk_gold.yaml"),
    include_str!("../../config/segments/churn_risk_regular.yaml"),
    include_str!("../../config/segments/churn_risk_silver.yaml"),
    include_str!("../../config/segments/coupon_holders.yaml"),
    include_str!("../../config/segments/dissatisfied.yaml"),
    include_str!("../../config/segments/high_value.yaml"),
    include_str!("../../config/segments/lapsed_vips.yaml"),
    include_str!("../../config/segments/loyal.yaml"),
    include_str!("../../config/segments/new_customers.yaml"),
    include_str!("../../config/segments/no_consent.yaml"),
    include_str!("../../config/segments/open_complaints.yaml"),
    include_str!("../../config/segments/reachable_by_email.yaml"),
    include_str!("../../config/segments/reachable_by_sms.yaml"),
];

/// A shipped definition: what it is called among tags, and its document.
#[derive(Clone)]
struct Node {
    key: String,
    document: Value,
}

impl Node {
    fn read(&self) -> TagDocument {
        TagDocument::first_of(&self.key, self.document.clone())
    }
}

/// Makes the shop of a new book, declares what is shipped, and publishes the shipped tags and segments that are missing.
/// A book that has all of it is left as it is.
pub async fn found(book: &Book, settings: &ShopSettings) -> Result<(), ServiceError> {
    let db = book.store.reader();
    let nodes = nodes()?;
    if shops::find(db, &settings.key).await?.is_some() && missing(db, &nodes).await?.is_empty() {
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
                // Several daemons may open a new book at once. This row's lock lets one after the other in, and
                // each looks again under it.
                meta::raise_change_seq(tx).await?;
                let at = clock::business_now(tx, kind, machine).await?;
                if shops::find(tx, &shop.key).await?.is_none() {
                    let id = shops::put(tx, &shop).await?;
                    sources::ensure(tx, AUTHOR, id, sources::kind::KINKEEPER).await?;
                    apply::declare_in(tx, &inputs(&shop), &shop, AUTHOR, at).await?;
                }
                let (fit, left_out) = fitting(tx, missing(tx, &nodes).await?).await?;
                publish(tx, fit, left_out, at).await
            })
        })
        .await
}

fn nodes() -> Result<Vec<Node>, ServiceError> {
    let broken = |e| ServiceError::Internal(format!("a shipped definition can't be read: {e}"));
    let read = |text: &&str| serde_saphyr::from_str::<Value>(text).map_err(broken);
    let key = |document: &Value| document["key"].as_str().unwrap_or_default().to_owned();
    let tag = |document: Value| Node { key: key(&document), document };
    let segment = |mut document: Value| {
        // As it is declared by others, too.
        document.as_object_mut().map(|fields| fields.remove("kind"));
        Node { key: node_key(&key(&document)), document }
    };
    let tags = TAGS.iter().map(|text| read(text).map(tag));
    tags.chain(SEGMENTS.iter().map(|text| read(text).map(segment))).collect()
}

/// Those of the shipped definitions that the book has none of.
async fn missing(db: &Db, nodes: &[Node]) -> Result<Vec<Node>, ServiceError> {
    let known: HashSet<String> = rules::newest(db).await?.into_iter().map(|rule| rule.key).collect();
    Ok(nodes.iter().filter(|node| !known.contains(&node.key)).cloned().collect())
}

/// Those that can stand beside what the book has, and the keys of those that can't: a shop's own tags may lack what a shipped segment
/// asks for, and a catalogue that doesn't hold together nobody could be kept by.
async fn fitting(tx: &Tx, missing: Vec<Node>) -> Result<(Vec<Node>, Vec<String>), ServiceError> {
    let Some(base) = shops::first(tx).await?.map(|row| row.base) else { return Ok((missing, Vec::new())) };
    let known =
        rules::newest(tx).await?.into_iter().map(|rule| TagDocument::first_of(&rule.key, rule.document));
    let mut documents: Vec<TagDocument> = known.collect();
    let together = || documents.iter().cloned().chain(missing.iter().map(Node::read)).collect::<Vec<_>>();
    if documents.is_empty() || Catalogue::parse(&together(), base).is_ok() {
        return Ok((missing, Vec::new()));
    }
    let (tags, segments): (Vec<Node>, Vec<Node>) =
        missing.into_iter().partition(|node| key_of(&node.key).is_none());
    documents.extend(tags.iter().map(Node::read));
    let (mut fit, mut left_out) = (tags, Vec::new());
    for segment in segments {
        documents.push(segment.read());
        if Catalogue::parse(&documents, base).is_ok() {
            fit.push(segment);
        } else {
            documents.pop();
            tracing::warn!(
                segment = segment.key,
                "a shipped segment doesn't fit the book's own tags and is left out"
            );
            left_out.push(segment.key);
        }
    }
    Ok((fit, left_out))
}

async fn publish(tx: &Tx, nodes: Vec<Node>, left_out: Vec<String>, at: Instant) -> Result<(), ServiceError> {
    if nodes.is_empty() {
        return Ok(());
    }
    let epoch = epoch::raise(tx, at).await?;
    for Node { key, document } in &nodes {
        rules::publish(tx, key, document, &apply::document_hash(document), (epoch, at)).await?;
    }
    let keys: Vec<&str> = nodes.iter().map(|node| node.key.as_str()).collect();
    let entry = audit::Entry {
        at,
        actor: AUTHOR.to_owned(),
        action: "tags.shipped".to_owned(),
        subject: "book".to_owned(),
        detail: match left_out.is_empty() {
            true => json!({ "published": keys }),
            false => json!({ "published": keys, "left_out": left_out }),
        },
    };
    Ok(audit::record(tx, entry).await?)
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
    use super::{SEGMENTS, SHIPPED, TAGS};

    #[test]
    fn nothing_in_the_folder_is_forgotten() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("config");
        for folder in ["blocked", "calendars", "campaigns", "coupons", "templates"] {
            for file in std::fs::read_dir(root.join(folder)).unwrap() {
                let name = format!("{folder}/{}", file.unwrap().file_name().to_string_lossy());
                assert!(SHIPPED.iter().any(|(path, _)| *path == name), "{name} isn't shipped");
            }
        }
        for (folder, shipped) in [("tags", &TAGS[..]), ("segments", &SEGMENTS[..])] {
            for file in std::fs::read_dir(root.join(folder)).unwrap() {
                let path = file.unwrap().path();
                let text = std::fs::read_to_string(&path).unwrap();
                assert!(shipped.contains(&text.as_str()), "{} isn't shipped", path.display());
            }
        }
    }
}
