//! Random rules of random books: whom the database finds is whom looking at each customer finds. A rule that isn't is shrunk, and
//! the seed that comes to it again is printed.

use super::trees::{NOW, story, tree};
use super::{records, said};
use crate::support::book::House;
use crate::support::on_both_databases;
use domain::column::{self, Terms};
use domain::customer::CustomerFacts;
use domain::customer::records::Kinds;
use domain::event::Event;
use domain::ids::CustomerId;
use domain::rule::{self, Rule};
use domain::tag::{Catalogue, Evaluation};
use domain::time::Instant;
use kinkeeper::service::apply::{self, Input};
use kinkeeper::service::{asking, rules, shop};
use kinkeeper::store::rule_sql::{Asking, Whole};
use kinkeeper::store::{Lane, StoreError, columns, customers, facts, occurrences, properties, rule_sql};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::Value;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Rules asked of each book, and how many books there are; more of both where asked for.
const RULES: usize = 500;
const BOOKS: u64 = 4;
const CUSTOMERS: usize = 60;

fn number(name: &str, otherwise: usize) -> usize {
    std::env::var(name).ok().and_then(|n| n.parse().ok()).unwrap_or(otherwise)
}

fn runner(seed: u64) -> TestRunner {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let config = Config { failure_persistence: None, ..Config::default() };
    TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes))
}

/// A kept book, and everything of it in memory.
struct Kept {
    house: House,
    /// How many rules columns could answer.
    in_columns: AtomicUsize,
    catalogue: Arc<Catalogue>,
    people: Vec<(domain::customer::Bearer, Vec<Event>)>,
    now: Instant,
}

async fn kept(database: crate::support::TestDatabase, seed: u64) -> Kept {
    let clock = format!("clock={}", NOW.to_rfc3339());
    let house = House::open(database, &[&clock, "workers.indexer_batch=37"]).await;
    let mut runner = runner(seed);
    for id in 0..CUSTOMERS {
        if id == CUSTOMERS / 2 {
            // What came before is filled in, what comes behind brings its own.
            register(&house).await;
        }
        let mut events = story().new_tree(&mut runner).expect("a story").current();
        for (n, event) in events.iter_mut().enumerate() {
            event["userId"] = format!("u{id}").into();
            event["messageId"] = format!("{id} {n}").into();
            let prefix = format!("{id}-");
            for key in ["order_id", "ticket_id", "refund_id", "review_id"] {
                if let Some(Value::String(text)) = event.pointer_mut(&format!("/properties/{key}")) {
                    text.insert_str(0, &prefix);
                }
            }
        }
        house.send(events).await;
    }
    // Every other book has products that never make anything known.
    if seed % 2 == 1 {
        let text = "kind: products\nproducts:\n  - {sku: S1, sensitive: true}\n".to_owned();
        let input = Input { name: "products.yaml".to_owned(), text, kind: None };
        let prepared = apply::prepare(&house.app.book, &[input]).await.expect("sound");
        apply::commit(&house.app.book, prepared, "test").await.expect("declared");
    }
    records::write(&house, &mut runner).await;
    house.app.engine().drain_all().await.expect("kept");
    let book = &house.app.book;
    let (db, now) = (book.store.reader(), NOW);
    let page = occurrences::page(db, CustomerId(0), CustomerId(i64::MAX), 1_000).await.expect("read");
    let ids: Vec<CustomerId> = page.into_iter().map(|(id, _)| id).collect();
    let bearers =
        customers::bearers(db, &ids, shop::shop(book).await.expect("shop").zone).await.expect("read");
    // What the list of refusals knows contact points by is put beside them when somebody asks.
    let reachable = parsed(&serde_json::json!({"reachable": "email"}));
    asking::at(book, &[&reachable], now).await.expect("asked");
    let mut wanted = said::wanted();
    wanted.records = Kinds::ALL;
    let mut events: HashMap<CustomerId, Vec<Event>> =
        facts::events_of(db, &ids, now, &wanted).await.expect("read");
    let people =
        bearers.into_iter().map(|(id, bearer)| (bearer, events.remove(&id).unwrap_or_default())).collect();
    let catalogue = rules::catalogue(book).await.expect("rules");
    Kept { house, in_columns: AtomicUsize::new(0), catalogue, people, now }
}

async fn register(house: &House) {
    let registered = house.app.book.store.write(Lane::Work, |tx| {
        Box::pin(async move { properties::register(tx, &said::wanted(), NOW).await })
    });
    let registered: Result<bool, StoreError> = registered.await;
    assert!(registered.expect("registered"));
}

impl Kept {
    /// Whom each of the two finds, where they don't find the same.
    async fn disagreement(&self, rule: &Rule) -> Option<String> {
        let book = &self.house.app.book;
        let asking = asking::at(book, &[rule], self.now).await.expect("asked");
        let found = rule_sql::members(book.store.reader(), rule, &asking, CustomerId(0), 1_000).await;
        let found: BTreeSet<CustomerId> = match found {
            Ok(found) => found.into_iter().collect(),
            Err(error) => return Some(error.to_string()),
        };
        let holds = |bearer, events: &[Event]| {
            let facts = CustomerFacts::fold(events);
            *Evaluation::of(&self.catalogue, &facts, bearer, self.now).eval(rule).at(self.now)
        };
        let seen: BTreeSet<CustomerId> = self
            .people
            .iter()
            .filter(|(bearer, events)| holds(*bearer, events))
            .map(|(bearer, _)| bearer.id)
            .collect();
        let counted = rule_sql::count(book.store.reader(), rule, &asking).await.expect("counted");
        assert_eq!(counted, found.len() as u64, "what is counted is what is listed");
        // As an estimate asks of its sample: each looked up by their id.
        let ids: Vec<CustomerId> = self.people.iter().map(|(bearer, _)| bearer.id).collect();
        let (whole, asked) = (Whole::All(rule.clone()), [rule.clone()]);
        let each =
            rule_sql::estimate(book.store.reader(), &whole, &asked, &asking, &ids).await.expect("asked");
        if (each.looked_at, each.found) != (ids.len() as u64, counted) {
            return Some(format!("the database counts {counted}, looking each of {} up {each:?}", ids.len()));
        }
        if let Some(told) = self.in_columns(rule, &asking).await
            && told != found
        {
            return Some(format!("the database finds {found:?}, columns find {told:?}"));
        }
        (found != seen).then(|| format!("the database finds {found:?}, looking finds {seen:?}"))
    }
}

impl Kept {
    /// Whom columns in memory find, where they can say.
    async fn in_columns(&self, rule: &Rule, asking: &Asking) -> Option<BTreeSet<CustomerId>> {
        let (now, currency) = (asking.now, asking.currency);
        let terms = Terms { catalogue: &asking.catalogue, now, currency, zones: &asking.zones };
        let plan = column::compile(rule, &terms).ok()?;
        let mut loading = columns::Loading::new(plan.names());
        while loading.page(self.house.app.book.store.reader()).await.expect("read") {}
        let columns = loading.into_columns();
        let members: BTreeSet<CustomerId> = columns.members(&plan).expect("held").into_iter().collect();
        let counted = columns.count(&plan).expect("held");
        assert_eq!((counted.count, counted.of), (members.len() as u64, self.people.len() as u64));
        self.in_columns.fetch_add(1, Ordering::Relaxed);
        Some(members)
    }
}

fn parsed(tree: &Value) -> Rule {
    rule::parse(tree).unwrap_or_else(|problems| panic!("{tree}: {problems:?}"))
}

async fn compare(kept: &Kept, seed: u64, rules: usize) -> (usize, usize) {
    let mut runner = runner(seed ^ 0x5eed);
    let (mut some, mut all) = (0, 0);
    for n in 0..rules {
        let mut tree = tree().new_tree(&mut runner).expect("a rule");
        let Some(mut why) = kept.disagreement(&parsed(&tree.current())).await else {
            let held = kept.house.app.book.store.reader();
            let asking =
                asking::at(&kept.house.app.book, &[&parsed(&tree.current())], kept.now).await.expect("asked");
            let found = rule_sql::count(held, &parsed(&tree.current()), &asking).await.expect("counted");
            some += usize::from(found > 0);
            all += usize::from(found as usize == kept.people.len());
            continue;
        };
        let mut least = tree.current();
        // As proptest shrinks: simpler while it still fails, less simple where it doesn't.
        let mut more = tree.simplify();
        while more {
            match kept.disagreement(&parsed(&tree.current())).await {
                Some(still) => {
                    (why, least) = (still, tree.current());
                    more = tree.simplify();
                }
                None => more = tree.complicate(),
            }
        }
        panic!("rule {n} of KINKEEPER_ASKING_SEED={seed}: {least}\n{why}");
    }
    (some, all)
}

on_both_databases! {
    async fn whom_the_database_finds_is_whom_looking_finds(database) {
        let (first, rules) = (number("KINKEEPER_ASKING_SEED", 0) as u64, number("KINKEEPER_ASKING_RULES", RULES));
        let books = number("KINKEEPER_ASKING_BOOKS", BOOKS as usize) as u64;
        let mut database = Some(database);
        let (mut some, mut all, mut columns) = (0, 0, 0);
        for seed in first..first + books {
            let again = database.as_ref().expect("there is one").another();
            let kept = kept(database.replace(again).expect("there is one"), seed).await;
            assert_eq!(kept.people.len(), CUSTOMERS);
            let (found, everybody) = compare(&kept, seed, rules).await;
            (some, all) = (some + found, all + everybody);
            columns += kept.in_columns.load(Ordering::Relaxed);
        }
        let asked = rules * books as usize;
        println!("of {asked} rules columns in memory answered {columns}");
        assert!(columns * 5 > asked, "columns answered {columns} of {asked} rules");
        // Rules that hold of nobody or of everybody would agree for nothing.
        assert!(some * 3 > asked && all * 3 < asked, "of {asked} rules {some} hold of somebody, {all} of everybody");
    }
}
