//! The retail book in any order of arrival: rows shuffled, orders and tickets before the customers they are of,
//! at once and piece by piece. What is known at an instant doesn't depend on how it came to be known (G12).

use super::judge::Judge;
use super::{RETAIL, at};
use crate::support::book::House;
use crate::support::{TestDatabase, on_both_databases, uci};
use domain::entropy::Entropy;
use domain::time::Instant;
use flate2::read::GzDecoder;
use kinkeeper::service::import::{self, Kind, Request, Unwatched};
use kinkeeper::system::SystemEntropy;
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use sea_orm::{ConnectionTrait, Database};
use std::fs::{self, File};
use std::io::Read;
use std::path::Path;
use tokio::sync::OnceCell;

/// The last of the book's orders lies before it; the numbers at it are known.
const NINTH: &str = "2011-12-09T23:59:59";
const END: &str = "2011-12-31T23:59:59";

/// One of the demo's files: its header and its rows.
struct Table {
    kind: Kind,
    header: String,
    rows: Vec<String>,
}

impl Table {
    fn read(kind: Kind) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("demo/retail")
            .join(format!("{}.csv.gz", kind.as_str()));
        let mut text = String::new();
        let file = File::open(path).expect("the demo's file");
        GzDecoder::new(file).read_to_string(&mut text).expect("gzip");
        let mut lines = text.lines().map(str::to_owned);
        let header = lines.next().expect("a header");
        let rows: Vec<String> = lines.collect();
        assert!(rows.iter().all(|row| row.matches('"').count() % 2 == 0), "a row is a line");
        Self { kind, header, rows }
    }

    fn shuffled(kind: Kind, random: &mut StdRng) -> Self {
        let mut table = Self::read(kind);
        table.rows.shuffle(random);
        table
    }

    /// Cuts it into `n` tables of about the same length.
    fn pieces(self, n: usize) -> Vec<Self> {
        let piece =
            |rows: &[String]| Self { kind: self.kind, header: self.header.clone(), rows: rows.to_vec() };
        self.rows.chunks(self.rows.len().div_ceil(n)).map(piece).collect()
    }
}

async fn open(database: TestDatabase) -> House {
    let clock = format!("clock={NINTH}Z");
    let mut settings = RETAIL;
    settings[0] = &clock;
    House::open(database, &settings).await
}

/// Imports all rows up to the clock.
async fn bring(house: &House, table: &Table) {
    let path = house.folder.path().join("piece.csv");
    fs::write(&path, format!("{}\n{}\n", table.header, table.rows.join("\n"))).expect("a file");
    let request = Request { later: import::Later::LeaveOut, ..Request::new(table.kind, &path) };
    let book = &house.app.book;
    let report = import::run(&book.store, &book.shop_key, &request, &mut Unwatched).await.expect("imported");
    assert_eq!(report.refused, [], "{}", table.kind.as_str());
}

async fn drain(house: &House) {
    house.app.engine().drain_all().await.expect("it drains");
}

/// The tags as they stand: whose, which, since when and why. `as_of` is when it was last looked at, no more.
async fn tags(house: &House) -> Vec<String> {
    let sql = "SELECT i.value || ' ' || t.key || ' ' || t.value || ' ' || CAST(t.since AS TEXT) || ' ' || t.source \
               || ' ' || CAST(t.rule_version AS TEXT) || ' ' || t.evidence \
               FROM tag_current t JOIN identifier i ON i.customer_id = t.customer_id AND i.kind = 'user_id'";
    let mut tags = Judge::of(house).texts(sql).await;
    tags.sort();
    tags
}

/// What a book says that was imported in order. One is enough for all tests here.
async fn in_order() -> &'static [String] {
    static TAGS: OnceCell<Vec<String>> = OnceCell::const_new();
    TAGS.get_or_init(|| async {
        let house = open(TestDatabase::migrated_sqlite().await).await;
        for kind in Kind::RECORDED {
            bring(&house, &Table::read(kind)).await;
        }
        drain(&house).await;
        tags(&house).await
    })
    .await
}

async fn says_what_it_says_in_order(house: &House) {
    let judge = Judge::of(house);
    assert_eq!(uci::sums(&house.database.url()).await, uci::WHOLE);
    assert_eq!(judge.tiers().await, [94, 163, 611, 3_451, 53]);
    assert_eq!(judge.tagged("churn_risk", "true").await, 861);
    judge.tags_agree(NINTH).await;
    let (found, expected) = (tags(house).await, in_order().await);
    let differing: Vec<_> = found.iter().zip(expected).filter(|(one, other)| one != other).take(5).collect();
    assert!(found == expected, "{} tags, {} in order: {differing:#?}", found.len(), expected.len());
    judge.invariants_hold().await;
}

/// Puts the clock over whatever falls due in between, as if the daemon had slept meanwhile.
async fn sleep_until(house: &House, instant: Instant) {
    let db = Database::connect(house.database.url()).await.expect("a connection of its own");
    let moved = db.execute_unprepared(&format!("UPDATE clock SET now_at = {}", instant.micros())).await;
    assert_eq!(moved.expect("the clock").rows_affected(), 1);
    db.close().await.expect("closes");
    drain(house).await;
}

/// The due times that came of it let time take tags away as it should.
async fn sleeps_through_the_month(house: &House) {
    sleep_until(house, at(END)).await;
    let judge = Judge::of(house);
    assert_eq!(judge.tiers().await, [92, 158, 610, 3_441, 71]);
    assert_eq!(judge.tagged("churn_risk", "true").await, 989);
    judge.tags_agree(END).await;
    judge.invariants_hold().await;
}

fn random() -> StdRng {
    let given = std::env::var("KINKEEPER_SHUFFLE_SEED").ok().and_then(|text| text.parse().ok());
    let seed = given.unwrap_or_else(|| SystemEntropy.next_u64());
    println!("KINKEEPER_SHUFFLE_SEED={seed}");
    StdRng::seed_from_u64(seed)
}

on_both_databases! {
    async fn a_book_in_order_is_what_the_raw_file_says(database) {
        let house = open(database).await;
        for kind in Kind::RECORDED {
            bring(&house, &Table::read(kind)).await;
        }
        drain(&house).await;
        says_what_it_says_in_order(&house).await;
    }

    async fn a_shuffled_book_says_the_same(database) {
        let mut random = random();
        let house = open(database).await;
        for kind in [Kind::Tickets, Kind::Orders, Kind::Customers] {
            bring(&house, &Table::shuffled(kind, &mut random)).await;
        }
        drain(&house).await;
        says_what_it_says_in_order(&house).await;
    }

    // Tags are decided again and again while late facts arrive between and before the known ones.
    async fn a_book_that_comes_in_pieces_says_the_same(database) {
        let mut random = random();
        let house = open(database).await;
        let mut pieces: Vec<Table> = Kind::RECORDED
            .into_iter()
            .flat_map(|kind| Table::shuffled(kind, &mut random).pieces(2))
            .collect();
        pieces.shuffle(&mut random);
        for piece in &pieces {
            bring(&house, piece).await;
            drain(&house).await;
        }
        says_what_it_says_in_order(&house).await;
        sleeps_through_the_month(&house).await;
    }
}
