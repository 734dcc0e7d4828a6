//! The shop in which the stories happen: people from a table, what happens when as a script that the stepping
//! clock stops at, and walking through time. Nothing is asserted here but what must hold at the end of every
//! story.

use super::then::Then;
use super::told;
use crate::support::TestDatabase;
use crate::support::book::House;
use crate::support::invariants::{self, Workers};
use chrono_tz::Tz;
use domain::campaign::gate::Consent;
use domain::ids::SourceId;
use domain::time::{Instant, Span};
use kinkeeper::service::apply::{self, Input};
use kinkeeper::service::ingest::{self, Batch};
use kinkeeper::service::suppressions::{self, Refusal};
use kinkeeper::service::{Book, ServiceError, campaigns, identity, live, profile};
use kinkeeper::store::stops::StopScope;
use kinkeeper::store::{Lane, StoreError, shops, sources};
use kinkeeper::worker::Feed;
use sea_orm::{ConnectionTrait, QueryResult, Statement, Value as Sql};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// Where the shop is, and everybody whose zone isn't known.
pub const SHOP: Tz = chrono_tz::Asia::Shanghai;

/// `2026-12-07 09:00`, by the shop's clock, or by another's named behind it.
pub fn at(text: &str) -> Instant {
    let words: Vec<&str> = text.split_whitespace().collect();
    let (zone, time) = match words.as_slice() {
        [date, time] => (SHOP, format!("{date} {time}")),
        [date, time, zone] => (zone.parse().expect("the story's zone"), format!("{date} {time}")),
        _ => panic!("`{text}` isn't an instant"),
    };
    Instant::parse(&time, zone).unwrap_or_else(|| panic!("`{text}` isn't an instant"))
}

/// Something that happens.
#[derive(Debug, Clone)]
pub enum Act {
    /// Facts come in from the shop.
    Told(Vec<Value>),
    /// The same after the fact (历史补录).
    Imported(Vec<Value>),
    GoLive,
    Start(&'static str),
    Pause(&'static str),
    StopAll,
    Resume,
    Suppress(String),
    /// Of an account, what kind it is.
    Name(String, &'static str),
    Apply(String),
}

/// Acts by the instant they happen at, in the order they were written.
#[derive(Default)]
struct Script {
    book: Option<Arc<Book>>,
    source: Option<SourceId>,
    acts: BTreeMap<(Instant, usize), Act>,
}

#[async_trait::async_trait]
impl Feed for Script {
    async fn next_at(&mut self) -> Result<Option<Instant>, ServiceError> {
        Ok(self.acts.keys().next().map(|(at, _)| *at))
    }

    async fn deliver(&mut self, now: Instant) -> Result<u64, ServiceError> {
        let later = self.acts.split_off(&(now + Span::micros(1), 0));
        let due = std::mem::replace(&mut self.acts, later);
        let (book, source) = (self.book.as_ref().expect("opened"), self.source.expect("opened"));
        let n = due.len() as u64;
        for act in due.into_values() {
            act.happen(book, source).await?;
        }
        Ok(n)
    }
}

impl Act {
    pub async fn happen(self, book: &Book, source: SourceId) -> Result<(), ServiceError> {
        match self {
            Self::Told(events) => tell(book, source, events, false).await,
            Self::Imported(events) => tell(book, source, events, true).await,
            Self::GoLive => live::go_live(book, "lead").await.map(drop),
            Self::Start(key) => campaigns::start(book, key, "lead").await.map(drop),
            Self::Pause(key) => campaigns::pause(book, key, "lead").await.map(drop),
            Self::StopAll => live::stop(book, StopScope::All, "a wrong price", "lead").await.map(drop),
            Self::Resume => live::resume(book, StopScope::All, "lead").await,
            Self::Suppress(address) => suppress(book, address).await,
            Self::Name(user, kind) => name(book, &user, kind).await,
            Self::Apply(text) => apply_documents(book, text).await,
        }
    }
}

async fn tell(
    book: &Book,
    source: SourceId,
    events: Vec<Value>,
    historical: bool,
) -> Result<(), ServiceError> {
    let batch = Batch { source, received_at: None, historical, events };
    let receipt = ingest::accept(&book.store, batch).await?;
    assert!(receipt.rejected.is_empty() && receipt.duplicate == 0, "{receipt:?}");
    Ok(())
}

async fn suppress(book: &Book, email: String) -> Result<(), ServiceError> {
    let refusal = Refusal { email, reason: "asked by letter".to_owned() };
    suppressions::add(book, &[refusal], "lead").await.map(drop)
}

async fn name(book: &Book, user: &str, kind: &str) -> Result<(), ServiceError> {
    let id = profile::find(book, profile::IdentifierKind::UserId, user).await?.expect("is in the book");
    identity::set_account_kind(book, id, kind, "lead").await.map(drop)
}

async fn apply_documents(book: &Book, text: String) -> Result<(), ServiceError> {
    let prepared = apply::prepare(book, &[Input { name: "story.yaml".to_owned(), text, kind: None }]).await?;
    apply::commit(book, prepared, "lead").await
}

/// The coupon batch of the win-back with this budget, in yuan.
pub fn coupons(budget: u32) -> String {
    format!(
        "kind: coupon_batch\nkey: winback-50\nname: 50 off from 199\nface: \"50\"\nthreshold: \"199\"\n\
         valid_days: 30\nper_customer: 1\nbudget: \"{budget}\"\n"
    )
}

pub struct Handbook {
    pub house: House,
    script: Script,
    /// Everybody in the book, with their own zone where it is known.
    pub people: BTreeMap<String, Option<Tz>>,
    said: usize,
}

impl Handbook {
    /// Half a day before the shop goes live, the win-back approved with 4,000 yuan for its coupons.
    pub async fn open(database: TestDatabase, live: &str) -> Self {
        let live = at(live);
        let clock = format!("clock={}", (live - Span::hours(12)).to_rfc3339());
        let shop = ["shop.locale=en", "shop.name=Tea House", "shop.sender_address=care@tea.example"];
        let house = House::open(database, &[&[clock.as_str()], &shop[..]].concat()).await;
        let book = house.app.book.clone();
        let shop = shops::find(book.store.reader(), "shop").await.expect("read").expect("the shop").id;
        let source: Result<SourceId, StoreError> = book
            .store
            .write(Lane::People, move |tx| {
                Box::pin(async move { sources::ensure(tx, "shop", shop, sources::kind::API).await })
            })
            .await;
        let script =
            Script { book: Some(book), source: Some(source.expect("a source")), acts: BTreeMap::new() };
        let mut handbook = Self { house, script, people: BTreeMap::new(), said: 0 };
        handbook.budget(4_000).await;
        handbook.approve("winback").await;
        handbook.put(live, Act::GoLive);
        handbook
    }

    pub fn book(&self) -> &Book {
        &self.house.app.book
    }

    pub fn source(&self) -> SourceId {
        self.script.source.expect("opened")
    }

    pub async fn approve(&self, key: &str) {
        campaigns::approve(self.book(), key, "lead").await.expect("approved");
    }

    /// Declares documents now.
    pub async fn declare(&self, text: &str) {
        apply_documents(self.book(), text.to_owned()).await.expect("sound documents");
    }

    pub async fn budget(&self, yuan: u32) {
        self.declare(&coupons(yuan)).await;
    }

    /// Who is known now, a line each: `name | zone | mail | consent | orders`. The zone may be `-` for unknown,
    /// the mail `own`, `-` or an address, the consent to marketing mail `yes`, `no` or `-`, the orders
    /// `2026-06-10 12:00 300` with `;` between, numbered `name-1`, `name-2` and in their zone.
    pub async fn people(&mut self, table: &str) {
        let mut events = Vec::new();
        for line in table.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let cells: Vec<&str> = line.split('|').map(str::trim).collect();
            let [name, zone, mail, consent, orders] = cells[..] else { panic!("five cells: {line}") };
            events.extend(self.person(name, zone, mail, consent, orders));
        }
        let told = tell(self.book(), self.source(), events, false).await;
        told.expect("people come in");
    }

    fn person(&mut self, name: &str, zone: &str, mail: &str, consent: &str, orders: &str) -> Vec<Value> {
        let known: Option<Tz> = (zone != "-").then(|| zone.parse().expect("the story's zone"));
        self.people.insert(name.to_owned(), known);
        let mut traits = json!({ "name": name });
        if let Some(zone) = known {
            traits["timezone"] = json!(zone.name());
        }
        match mail {
            "-" => {}
            "own" => traits["email"] = json!(format!("{name}@example.com")),
            address => traits["email"] = json!(address),
        }
        let mut said = vec![json!({ "type": "identify", "messageId": self.message(), "userId": name,
                                    "timestamp": "2025-01-01T00:00:00Z", "traits": traits })];
        if consent != "-" {
            let word = if consent == "yes" { Consent::Granted } else { Consent::Refused };
            said.push(self.consent(name, at("2025-01-01 00:00"), word));
        }
        for (n, order) in orders.split(';').map(str::trim).filter(|o| !o.is_empty() && *o != "-").enumerate()
        {
            let (when, total) = order.rsplit_once(' ').expect("an instant and a total");
            let paid = Instant::parse(when, known.unwrap_or(SHOP)).expect("the order's instant");
            said.push(self.order(name, &format!("{name}-{}", n + 1), paid, total));
        }
        said
    }

    /// In the order said, also where the instant is the same.
    fn message(&mut self) -> String {
        self.said += 1;
        format!("m{:04}", self.said)
    }

    pub fn track(&mut self, name: &str, event: &str, when: Instant, properties: Value) -> Value {
        json!({ "type": "track", "messageId": self.message(), "userId": name, "event": event,
                "timestamp": when.to_rfc3339(), "properties": properties })
    }

    pub fn order(&mut self, name: &str, id: &str, paid: Instant, total: &str) -> Value {
        self.track(
            name,
            "Order Completed",
            paid,
            json!({ "order_id": id, "total": total, "currency": "CNY" }),
        )
    }

    /// A word on marketing mail.
    pub fn consent(&mut self, name: &str, when: Instant, word: Consent) -> Value {
        let granted = word == Consent::Granted;
        let said = json!({ "channel": "email", "purpose": "marketing", "granted": granted });
        self.track(name, "Consent Changed", when, said)
    }

    /// What happens at an instant, by the shop's clock or another's: `2026-12-07 09:00 America/New_York`.
    pub fn at(&mut self, when: &str) -> Then<'_> {
        Then::new(at(when), self)
    }

    pub fn put(&mut self, when: Instant, act: Act) {
        self.said += 1;
        self.script.acts.insert((when, self.said), act);
    }

    /// Lets the daemon work up to and including an instant, with everything that happens until then.
    pub async fn walk_to(&mut self, when: &str) {
        self.walk(at(when)).await;
    }

    /// Lets it work up to an instant, but nothing at it, and puts the clock there.
    pub async fn walk_before(&mut self, when: &str) {
        let when = at(when);
        self.walk(when - Span::micros(1)).await;
        while self.book().now().await.expect("a clock") < when {
            self.book().store.advance_clock(when).await.expect("steps");
        }
    }

    /// The daemon is down until an instant: the clock goes on, nothing else does.
    pub async fn is_down_until(&self, when: &str) {
        let sql = "UPDATE clock SET now_at = $1, fence = fence + 1 WHERE now_at < $1";
        self.change(sql, vec![at(when).micros().into()]).await;
    }

    /// The shop lives by another clock from now on; the story's instants without a zone stay those of [`SHOP`].
    pub async fn moves_to(&self, zone: Tz) {
        self.change("UPDATE shop SET zone = $1", vec![zone.name().into()]).await;
    }

    /// Changes rows behind everybody's back.
    pub async fn change(&self, sql: &str, args: Vec<Sql>) {
        let statement = self.statement(sql, args);
        let unit = self.book().store.write(Lane::People, move |tx| {
            Box::pin(async move { Ok::<_, StoreError>(tx.execute_raw(statement).await?.rows_affected()) })
        });
        assert!(unit.await.expect(sql) > 0, "nothing changed: {sql}");
    }

    async fn walk(&mut self, limit: Instant) {
        let (engine, stop) = (self.house.app.engine(), CancellationToken::new());
        let walked = engine.run_virtual(&mut self.script, limit, None, &stop).await;
        walked.unwrap_or_else(|e| panic!("on the way to {limit}: {e}"));
    }

    /// What must hold at the end of every story.
    pub async fn close(self) {
        assert!(self.script.acts.is_empty(), "these never happened: {:?}", self.script.acts);
        let broken = invariants::broken(self.book().store.reader(), Workers::AtRest).await;
        assert_eq!(broken, Vec::<String>::new(), "broken promises");
        assert_eq!(told::mails_amiss(&self).await, Vec::<String>::new(), "mails amiss");
    }

    pub fn statement(&self, sql: &str, args: Vec<Sql>) -> Statement {
        Statement::from_sql_and_values(self.book().store.reader().get_database_backend(), sql, args)
    }

    pub async fn rows(&self, sql: &str, args: Vec<Sql>) -> Vec<QueryResult> {
        let statement = self.statement(sql, args);
        self.book().store.reader().query_all_raw(statement).await.unwrap_or_else(|e| panic!("{sql}: {e}"))
    }
}
