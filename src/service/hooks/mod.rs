//! Pushes of other systems come in: verified, put as events, and taken in as all facts are. A push twice changes nothing,
//! one that can't be read goes to quarantine, one of no interest is counted.

pub mod signature;

use super::ingest::{self, Batch, Receipt, Unreadable};
use super::{Book, ServiceError, shop, sources};
use crate::settings::HookSettings;
use crate::store::{customers, orders};
use domain::hook::{shopify, youzan};
use domain::ids::SourceId;
use domain::problem::Problem;
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::sync::OnceCell;

/// Who pushes, and by which secret they prove it.
pub struct Hooks {
    pub settings: HookSettings,
    shopify: OnceCell<SourceId>,
    youzan: OnceCell<SourceId>,
    generic: OnceCell<SourceId>,
}

/// A door for pushes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    Shopify,
    Youzan,
    Generic,
}

impl Door {
    /// As in its path, its settings, its source and its counter.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Shopify => "shopify",
            Self::Youzan => "youzan",
            Self::Generic => "generic",
        }
    }
}

/// What became of a push.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pushed {
    Taken(Receipt),
    /// Genuine, and of a kind that isn't read.
    Ignored(&'static str),
}

/// A genuine push, by what it is about and what it is called.
#[derive(Debug, Clone, Copy)]
pub struct Push<'a> {
    /// Shopify's topic, Youzan's type.
    pub kind: &'a str,
    /// The sender's own id of it; a push again has it again.
    pub id: Option<&'a str>,
    /// JSON, if it is sound.
    pub content: &'a str,
}

/// Longest id taken over: a message's id has 100 bytes, and several events come of one push.
const LONGEST_ID: usize = 80;

impl Hooks {
    pub fn new(settings: HookSettings) -> Self {
        Self { settings, shopify: OnceCell::new(), youzan: OnceCell::new(), generic: OnceCell::new() }
    }

    /// The source of what comes through a door: `hook:shopify` and so on.
    pub async fn source(&self, book: &Book, door: Door) -> Result<SourceId, ServiceError> {
        let cell = match door {
            Door::Shopify => &self.shopify,
            Door::Youzan => &self.youzan,
            Door::Generic => &self.generic,
        };
        let key = format!("hook:{}", door.key());
        cell.get_or_try_init(|| async { sources::ensure(book, &key).await }).await.copied()
    }

    /// Takes a genuine push in. It is committed before this answers.
    pub async fn take(&self, book: &Book, door: Door, push: Push<'_>) -> Result<Pushed, ServiceError> {
        let id = message_id(push);
        let Ok(content) = serde_json::from_str::<Value>(push.content) else {
            return self.set_aside(book, door, id, push.content).await;
        };
        let events = match door {
            Door::Shopify => shopify::events(push.kind, &id, &content),
            Door::Youzan => youzan::events(push.kind, &id, &content),
            Door::Generic => None,
        };
        let Some(mut events) = events else {
            tracing::info!(hook = door.key(), kind = %shortened(push.kind), "a push of a kind that isn't read");
            return Ok(ignored(door, "unknown_kind"));
        };
        for event in &mut events {
            name_owner(book, event).await?;
        }
        let source = self.source(book, door).await?;
        let batch = Batch { source, received_at: None, historical: false, events };
        let receipt = ingest::accept(&book.store, batch).await?;
        count(door, if receipt.rejected.is_empty() { "taken" } else { "refused" });
        Ok(Pushed::Taken(receipt))
    }

    /// Keeps a push that is no JSON for people to look at.
    async fn set_aside(
        &self,
        book: &Book,
        door: Door,
        id: String,
        content: &str,
    ) -> Result<Pushed, ServiceError> {
        let detail = "the push isn't JSON; look at what the sender calls it, and send it again";
        let problem = Problem::new("", "not_json", detail);
        let unreadable = Unreadable { index: 0, message_id: Some(id), raw: content.to_owned(), problem };
        let source = self.source(book, door).await?;
        let batch = Batch { source, received_at: None, historical: false, events: vec![Value::Null] };
        let receipt = ingest::accept_with(&book.store, batch, vec![unreadable]).await?;
        count(door, "unreadable");
        Ok(Pushed::Taken(receipt))
    }
}

/// A genuine push that isn't taken in, counted.
pub fn ignored(door: Door, why: &'static str) -> Pushed {
    count(door, "ignored");
    Pushed::Ignored(why)
}

/// One more of `/metrics`' kinkeeper_pushes_total.
pub fn count(door: Door, result: &'static str) {
    metrics::counter!("kinkeeper_pushes_total", "hook" => door.key(), "result" => result).increment(1);
}

/// The sender's own id where it is one, else a hash of what was pushed.
fn message_id(push: Push<'_>) -> String {
    let own = push.id.map(str::trim).filter(|id| !id.is_empty() && id.len() <= LONGEST_ID);
    own.map_or_else(
        || {
            let hash = Sha256::new().chain_update(push.kind).chain_update(b"\n").chain_update(push.content);
            hash.finalize()[..16].iter().map(|byte| format!("{byte:02x}")).collect()
        },
        str::to_owned,
    )
}

/// Refunds and shipments say which order they are of, and not whose: that is known from the order.
async fn name_owner(book: &Book, event: &mut Value) -> Result<(), ServiceError> {
    if event.get("userId").is_some() {
        return Ok(());
    }
    let Some(order) = event["properties"]["order_id"].as_str() else { return Ok(()) };
    let shop = shop::row(book).await?;
    let order_key = format!("{}:{order}", shop.shop.key);
    let db = book.store.reader();
    let Some(customer) = orders::find_customer(db, shop.id, &order_key).await? else { return Ok(()) };
    if let Some(user) = customers::find_user_id(db, customer, &shop.shop.id_namespace).await? {
        event["userId"] = Value::String(user);
    }
    Ok(())
}

/// For the log: a sender may call a push anything.
fn shortened(kind: &str) -> String {
    kind.chars().filter(|c| !c.is_control()).take(60).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_push_without_an_id_of_its_own_is_known_by_what_it_says() {
        let of = |kind, id, content| message_id(Push { kind, id, content });
        assert_eq!(of("a", Some(" b54557e4 "), "{}"), "b54557e4");
        assert_eq!(of("a", None, "{}").len(), 32);
        assert_eq!(of("a", None, "{}"), of("a", Some(""), "{}"));
        assert_ne!(of("a", None, "{}"), of("b", None, "{}"));
        assert_ne!(of("a", None, "{}"), of("a", None, "{ }"));
        assert_eq!(of("a", Some(&"x".repeat(81)), "{}"), of("a", None, "{}"));
    }
}
