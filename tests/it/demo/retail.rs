//! The retail book's cases, on every eighth customer: who is shown is who plain SQL over sums and instants finds.

use crate::support::book::House;
use crate::support::on_both_databases;
use chrono_tz::Europe::London;
use domain::time::{Instant, Span};
use flate2::read::GzDecoder;
use kinkeeper::cli::demo::feed::Recorded;
use kinkeeper::service::import::{self, Kind, Later, Request, Unwatched};
use kinkeeper::service::showcase::{self, Case, Shown};
use kinkeeper::service::{flips, sources};
use kinkeeper::worker::NoFeed;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use tokio_util::sync::CancellationToken;

/// An hour before the demo's book goes live.
const IMPORTED_AT: &str = "2011-11-30T23:00:00Z";
/// Two days after the greatest order of the book came and went; somebody's 180 days are over.
const UNTIL: &str = "2011-12-12T23:59:59Z";

fn at(text: &str) -> Instant {
    Instant::parse(text, London).expect("an instant")
}

/// The orders of every eighth customer, 16446 among them.
fn orders(folder: &Path) -> PathBuf {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("demo/retail/orders.csv.gz");
    let shipped = std::fs::File::open(shipped).expect("the demo's orders");
    let mut reader = csv::Reader::from_reader(GzDecoder::new(shipped));
    let path = folder.join("orders.csv");
    let mut writer = csv::Writer::from_path(&path).expect("a file");
    writer.write_record(reader.headers().expect("headers")).expect("written");
    for row in reader.records() {
        let row = row.expect("a row");
        if row[1].parse::<u64>().expect("a number") % 8 == 16_446 % 8 {
            writer.write_record(&row).expect("written");
        }
    }
    writer.flush().expect("written");
    path
}

struct Retail {
    house: House,
    recorded: Recorded,
}

impl Retail {
    async fn open(database: crate::support::TestDatabase) -> Self {
        let settings = [
            "clock=2011-11-30T23:00:00Z",
            "shop.key=retail",
            "shop.timezone=Europe/London",
            "shop.currency=GBP",
            "shop.locale=en",
        ];
        let house = House::open(database, &settings).await;
        let book = &house.app.book;
        let path = orders(house.folder.path());
        let request = Request { later: Later::LeaveOut, ..Request::new(Kind::Orders, &path) };
        import::run(&book.store, &book.shop_key, &request, &mut Unwatched).await.expect("imported");
        let later = import::feed(&book.store, &book.shop_key, Kind::Orders, &path, at(IMPORTED_AT))
            .await
            .expect("read");
        let source = sources::ensure(book, "demo").await.expect("a source");
        let recorded = Recorded::new(book.clone(), source, later, at(IMPORTED_AT));
        Self { house, recorded }
    }

    async fn run_until(&mut self, until: Instant) {
        let stop = CancellationToken::new();
        self.house
            .app
            .engine()
            .run_virtual(&mut self.recorded, until, None, &stop)
            .await
            .expect("time passes");
        self.house.app.book.store.advance_clock(until).await.expect("the clock moves");
    }

    async fn cases(&self) -> Vec<Shown> {
        showcase::cases(&self.house.app.book).await.expect("the cases")
    }

    async fn lines(&self, sql: &str) -> Vec<String> {
        self.house.lines(sql).await
    }

    /// The shop's own ids a statement over `profile p` finds.
    async fn who(&self, condition: &str) -> BTreeSet<String> {
        let sql = format!(
            "SELECT i.value FROM profile p JOIN identifier i ON i.customer_id = p.customer_id AND i.kind = 'user_id' \
             WHERE {condition}"
        );
        self.lines(&sql).await.into_iter().collect()
    }
}

fn one(cases: &[Shown], case: Case) -> &Shown {
    cases.iter().find(|shown| shown.case == case).expect("told")
}

#[track_caller]
fn fits(cases: &[Shown], case: Case, wanted: &BTreeSet<String>) {
    let shown = one(cases, case);
    assert!(!wanted.is_empty(), "nobody to show for {case:?}");
    assert_eq!(shown.customers, wanted.len() as i64, "{case:?}");
    let example = shown.example.as_ref().expect("somebody");
    assert!(wanted.contains(&example.shop_id), "{case:?}: {}", example.shop_id);
    assert_eq!(example.told.len(), 1, "{case:?}");
}

on_both_databases! {
    async fn the_retail_cases_are_true_and_what_is_said_to_flip_does(database) {
        let mut retail = Retail::open(database).await;
        retail.run_until(at("2011-12-08T23:59:59Z")).await;
        let before = retail.cases().await;
        let reversed = one(&before, Case::Reversed);
        assert_eq!((reversed.customers, &reversed.example), (0, &None), "nobody yet");

        retail.run_until(at(UNTIL)).await;
        let cases = retail.cases().await;
        let reversed = one(&cases, Case::Reversed);
        let who = reversed.example.as_ref().expect("somebody");
        assert_eq!((reversed.customers, who.shop_id.as_str()), (1, "16446"));
        let instants: Vec<Instant> = who.told.iter().map(|told| told.at).collect();
        assert_eq!(instants, [at("2011-12-09T09:15:00Z"), at("2011-12-09T09:27:00Z")]);
        assert!(who.told[0].says.contains("Diamond") && who.told[0].says.contains("168469.60 GBP"));
        assert!(who.told[1].says.contains("Regular") && who.told[1].says.contains("2.90"));

        let tier = "(SELECT t.value FROM tag_current t WHERE t.customer_id = p.customer_id AND t.key = 'value_tier')";
        let above = format!(
            "p.spend_365_minor < CASE {tier} WHEN 'diamond' THEN 1000000 WHEN 'gold' THEN 500000 \
             WHEN 'silver' THEN 200000 WHEN 'regular' THEN 1 ELSE -999999999 END"
        );
        fits(&cases, Case::Held, &retail.who(&above).await);
        let near = format!("p.spend_365_minor >= 800000 AND {tier} <> 'diamond'");
        fits(&cases, Case::NearVip, &retail.who(&near).await);
        // 180 days before 12 December is 15 June; London is an hour ahead of UTC then.
        let (from, until) = (at("2011-06-14T23:00:00Z").micros(), at("2011-06-15T23:00:00Z").micros());
        let ordered = format!("p.last_order_at >= {from} AND p.last_order_at < {until}");
        fits(&cases, Case::ChurnToday, &retail.who(&ordered).await);
        fits(&cases, Case::Negative, &retail.who("p.spend_365_minor < 0").await);
        what_is_said_to_flip_is_what_the_keeper_then_writes(&retail).await;
    }
}

/// Ten days without a fact.
async fn what_is_said_to_flip_is_what_the_keeper_then_writes(retail: &Retail) {
    let book = retail.house.app.book.clone();
    let before = at("2011-12-23T00:00:00Z");
    let said = flips::before(&book, before).await.expect("foreseen");
    let mut wanted = BTreeSet::new();
    for row in &said.values {
        let line = |flip: &flips::Flip, what| {
            format!("{}|{}|{what}|{}|{}", flip.customer.0, row.key, row.value, flip.at.micros())
        };
        wanted.extend(row.entering.iter().map(|flip| line(flip, "enters")));
        wanted.extend(row.leaving.iter().map(|flip| line(flip, "leaves")));
    }
    assert!(wanted.len() > 20, "{wanted:?}");

    // No fact comes but what a run over the book finds out, which nobody can foretell.
    let last = before - Span::micros(1);
    let stop = CancellationToken::new();
    retail.house.app.engine().run_virtual(&mut NoFeed, last, None, &stop).await.expect("a day passes");
    let from = at(UNTIL).micros();
    let entries = |what, column| {
        format!(
            "SELECT customer_id, key, '{what}' AS what, {column} AS value, as_of FROM tag_history \
                 WHERE as_of > {from} AND {column} IS NOT NULL AND cause = 'time'"
        )
    };
    let written = format!("{} UNION ALL {}", entries("enters", "to_value"), entries("leaves", "from_value"));
    let written: BTreeSet<String> = retail.lines(&written).await.into_iter().collect();
    assert_eq!(written, wanted);
}
