//! Files come in: the demo's whole book, bad rows with line, column and remedy, interruptions, and the same
//! file again.

use crate::support::TestDatabase;
use crate::support::book::{Book as TestBook, Time, both_databases};
use crate::support::retail::{Retail, at};
use kinkeeper::service::ServiceError;
use kinkeeper::service::import::{self, Kind, Later, Mode, Progress, Report, Request, Unknown, Unwatched};
use kinkeeper::store::wakes::AFTER_IMPORT;
use std::fs;
use std::path::{Path, PathBuf};

mod abandoned;
pub mod bad;
pub mod collected;
mod forms;
mod profiles;
mod rows;
mod spectrum;
mod staffing;
mod undo;

/// Imports, and checks that each row of the file is counted once.
async fn run(retail: &Retail, request: &Request) -> Result<Report, ServiceError> {
    let report = import::run(&retail.store, "retail", request, &mut Unwatched).await?;
    assert_eq!(report.counts.rows().unsigned_abs(), report.rows, "{:?}", report.counts);
    Ok(report)
}

struct Files(tempfile::TempDir);

impl Files {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }
    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.path().join(name);
        fs::write(&path, text).expect("written");
        path
    }
}

async fn import(retail: &Retail, kind: Kind, path: &Path) -> Report {
    run(retail, &Request::new(kind, path)).await.expect("imported")
}

fn reasons(report: &Report) -> Vec<&str> {
    report.refused.iter().map(|row| row.reason.as_str()).collect()
}

async fn state(retail: &Retail) -> Vec<String> {
    let mut state = retail
        .lines(
            "SELECT i.value, o.order_key, o.total_minor, o.refunded_minor, o.paid_at FROM orders o \
        JOIN identifier i ON i.customer_id = o.customer_id AND i.kind = 'user_id' ORDER BY o.order_key",
        )
        .await;
    state.extend(retail.lines("SELECT order_key, ref_key, amount_minor, occurred_at FROM refund ORDER BY order_key, ref_key").await);
    state.extend(retail.lines("SELECT ticket_key, state, opened_at, resolved_at, complaint, severity, version_id FROM ticket ORDER BY ticket_key").await);
    state.extend(
        retail
            .lines(
                "SELECT i.value AS who, c.channel, c.value, c.is_primary FROM contact_point c \
        JOIN identifier i ON i.customer_id = c.customer_id AND i.kind = 'user_id' ORDER BY i.value, c.channel, c.value",
            )
            .await,
    );
    state.extend(
        retail
            .lines(
                "SELECT i.value AS who, c.channel, c.purpose, c.state, c.occurred_at FROM consent c \
        JOIN identifier i ON i.customer_id = c.customer_id AND i.kind = 'user_id' ORDER BY i.value",
            )
            .await,
    );
    state
}

both_databases! {
    async fn bad_rows_are_refused_with_line_column_and_remedy(book: Book) {
        let retail = Retail::of(book).await;
        let files = Files::new();
        let text = "order_id,customer_id,paid_at,total,currency\n\
                    o1,c1,2011-11-01T10:00:00,12.50,GBP\n\
                    o2,c1,2011-11-01T10:00:00,free,GBP\n\
                    1.23E+18,c1,2011-11-01T10:00:00,1,GBP\n\
                    o4,c1,2039-01-01T10:00:00,1,GBP\n\
                    o5,,2011-11-01T10:00:00,1,GBP\n\
                    o6,c1,yesterday,1,GBP\n\
                    o7,c1,2011-11-01T10:00:00,1\n\
                    o8,c1,2011-11-01T10:00:00,1,EUR\n\
                    o9,c1,1970-01-01,1,GBP\n\
                    o10,c2,2011-11-01T10:00:00,7,\n";
        let mut request = Request::new(Kind::Orders, files.write("orders.csv", text));
        let reject = files.0.path().join("reject.csv");
        request.reject = Some(reject.clone());
        let report = run(&retail, &request).await.expect("imported");
        assert_eq!((report.rows, report.counts.accepted, report.counts.rejected, report.counts.without_customer), (10, 2, 7, 1));
        let expected = [
            "line 3, column total: \"free\" must be a plain decimal such as 12.50",
            "line 4, column order_id: \"1.23E+18\" was a longer number before a spreadsheet rounded it; export the column as text from the shop again",
            "line 5, column paid_at: \"2039-01-01T10:00:00\" is after the clock, which shows 2026-09-25T03:00:00 in Europe/London; correct it, or import it when that has come",
            "line 7, column paid_at: \"yesterday\" is no instant; write it like 2026-09-25T09:55:00 or 2026-09-25",
            "line 8: the row has 4 columns and the header 5; put text with commas in quotes",
            "line 9, column currency: there is no rate from EUR to the shop's GBP on 2011-11-01; declare it (kind: rates) with `kinkeeper apply`, then bring this again, or send amounts in GBP",
            "line 10, column paid_at: \"1970-01-01\" is what an empty date becomes; leave it empty or put the true one",
        ];
        assert_eq!(reasons(&report), expected);
        let rejected = fs::read_to_string(&reject).expect("a reject file");
        let mut lines = rejected.lines();
        assert_eq!(lines.next(), Some("order_id,customer_id,paid_at,total,currency,reject_line,reject_code,reject_reason,reject_row"));
        assert!(lines.next().expect("a row").starts_with("o2,c1,2011-11-01T10:00:00,free,GBP,3,amount_not_a_number,"));
        assert_eq!(lines.count(), 6);

        // Repaired, the reject file goes in as it is.
        let repaired: String = rejected.lines().filter(|l| l.starts_with("order_id") || l.starts_with("o2")).map(|l| format!("{l}\n")).collect();
        let report = import(&retail, Kind::Orders, &files.write("repaired.csv", &repaired.replace("free", "3"))).await;
        assert_eq!((report.counts.accepted, report.counts.rejected), (1, 0));
        assert_eq!(retail.lines("SELECT order_key, total_minor FROM orders ORDER BY order_key").await,
            ["retail:o1|1250", "retail:o10|700", "retail:o2|300"]);
    }

    async fn a_file_that_cant_be_read_changes_nothing(book: Book) {
        let retail = Retail::of(book).await;
        let files = Files::new();
        for (text, said) in [
            ("", "line 1: the file is empty; it needs a header row with the columns' names"),
            ("order_id,custmer_id,paid_at\n", "line 1, column 2: \"custmer_id\" is no column of orders; did you mean customer_id? Or keep it with --traits"),
            ("order_id,customer_id,paid_at,total\no1,c1,2011-11-01,1\no2,\"c1,2011-11-01,1\n", "line 3: a quote opens here and never closes; double it (\"\") if it belongs to the text, or close it"),
        ] {
            let path = files.write("orders.csv", text);
            let error = run(&retail, &Request::new(Kind::Orders, &path)).await.expect_err("refused");
            let ServiceError::Invalid(problems) = error else { panic!("{error:?}") };
            assert_eq!(problems[0].to_string(), format!("{}, {said}", path.display()));
        }
        assert_eq!(retail.lines("SELECT COUNT(*) AS n FROM event").await, ["0"]);
        assert_eq!(retail.lines("SELECT COUNT(*) AS n FROM import_batch").await, ["0"]);
        let missing = run(&retail, &Request::new(Kind::Orders, "nowhere.csv")).await;
        assert!(matches!(missing, Err(ServiceError::Invalid(_))));
    }

    async fn the_rows_of_an_order_are_one_order_wherever_they_stand(book: Book) {
        let retail = Retail::of(book).await;
        let files = Files::new();
        let rows = ["o1,c1,2011-11-01,a,2,1.50", "o2,c1,2011-11-01,b,1,4", "o1,c1,2011-11-01,c,1,2", "o3,c1,2011-11-01,d,3,1", "o3,c1,2011-11-01,e,,1"];
        let header = "order_id,customer_id,paid_at,sku,quantity,price\n";
        let report = import(&retail, Kind::Orders, &files.write("a.csv", &format!("{header}{}\n", rows.join("\n")))).await;
        assert_eq!((report.rows, report.counts.accepted), (5, 5));
        let expected = ["retail:o1|500", "retail:o2|400", "retail:o3|400"];
        assert_eq!(retail.lines("SELECT order_key, total_minor FROM orders ORDER BY order_key").await, expected);
        let disagree = format!("{header}o4,c1,2011-11-01,a,1,1\no4,c2,2011-11-01,b,1,1\n");
        let report = import(&retail, Kind::Orders, &files.write("b.csv", &disagree)).await;
        assert_eq!(reasons(&report), ["line 3, column customer_id: differs from line 2, a row of the same order o4"]);
        assert_eq!(report.counts.rejected, 2);
    }

    async fn customers_and_tickets_come_in_with_what_they_say(book: Book) {
        let retail = Retail::of(book).await;
        let files = Files::new();
        let text = "customer_id,name,email,phone,registered_at,timezone,hobby,consent_email_marketing,consent_sms_marketing\n\
                    c1,Rosa,Rosa@Example.com,+441164960108,2011-01-18T10:01:00,Europe/Paris,chess,granted,\n\
                    c2,Karl,,,,,,no,yes\n\
                    c3,,,,,Nowhere/Land,,,\n\
                    c4,,,,,,,maybe,\n";
        let mut request = Request::new(Kind::Customers, files.write("customers.csv", text));
        request.unknown = Unknown::Keep;
        let report = run(&retail, &request).await.expect("imported");
        assert_eq!(reasons(&report), [
            "line 4, column timezone: \"Nowhere/Land\" is no IANA time zone such as Europe/London",
            "line 5, column consent_email_marketing: \"maybe\" is neither granted nor denied; leave it empty where nobody was asked",
        ]);
        let people = retail.lines("SELECT p.name, c.zone, c.registered_at FROM customer_personal p JOIN customer c ON c.id = p.customer_id ORDER BY p.name").await;
        assert_eq!(people, ["Karl|-|-", "Rosa|Europe/Paris|1295344860000000"]);
        let consents = retail.lines("SELECT channel, state, occurred_at FROM consent ORDER BY occurred_at, state").await;
        let now = retail.lines("SELECT received_at FROM import_batch").await.remove(0);
        assert_eq!(consents, ["email|granted|1295344860000000".to_owned(), format!("email|denied|{now}"), format!("sms|granted|{now}")]);

        let text = "ticket_id,customer_id,opened_at,resolved_at,complaint,important,amount,csat\n\
                    t1,c1,2011-11-01,2011-11-02,true,no,12.5,4\n\
                    t2,c1,2011-11-01,2039-11-02,false,yes,,\n\
                    t3,c1,2011-11-02,2011-11-01,false,,,\n";
        let report = import(&retail, Kind::Tickets, &files.write("tickets.csv", text)).await;
        assert_eq!(reasons(&report), ["line 4, column resolved_at: \"2011-11-01\" is before opened_at, \"2011-11-02\"; correct the one that is wrong"]);
        let tickets = retail.lines("SELECT ticket_key, state, complaint, important, amount_minor FROM ticket ORDER BY ticket_key").await;
        assert_eq!(tickets, ["retail:t1|closed|1|0|1250", "retail:t2|open|0|1|-"]);
    }

    async fn an_interrupted_import_goes_on_and_its_customers_wait_for_its_end(book: Book) {
        let retail = Retail::of(book).await;
        let files = Files::new();
        let rows: String = (0..2_500).map(|n| format!("o{n},c{},2011-11-01,1\n", n % 50)).collect();
        let path = files.write("orders.csv", &format!("order_id,customer_id,paid_at,total\n{rows}"));
        let store = retail.store.clone();

        // Killed after its first slice.
        let request = Request::new(Kind::Orders, &path);
        let killed = tokio::spawn(async move { import::run(&store, "retail", &request, &mut Killer).await });
        assert!(killed.await.is_err(), "it was killed");
        assert_eq!(retail.lines("SELECT cursor_row, accepted FROM import_batch").await, ["1000|1000"]);
        let due = format!("SELECT COUNT(*) AS n FROM customer_due WHERE due_at < {}", AFTER_IMPORT.micros());
        assert_eq!(retail.lines(&due).await, ["0"], "nobody is due before the end");

        let report = import(&retail, Kind::Orders, &path).await;
        assert_eq!((report.resumed_from, report.counts.accepted, report.counts.duplicate), (1_000, 2_500, 0));
        assert_eq!(retail.lines("SELECT COUNT(*) AS n FROM orders").await, ["2500"]);
        assert_eq!(retail.lines(&due).await, ["50"]);
        assert_eq!(retail.lines("SELECT COUNT(*) AS n FROM (SELECT DISTINCT received_at FROM event) AS r").await, ["1"]);
        assert_eq!(retail.event_key_violations().await, Vec::<String>::new());
    }

    async fn a_dry_run_judges_and_writes_nothing(book: Book) {
        let retail = Retail::of(book).await;
        let files = Files::new();
        let path = files.write("o.csv", "order_id,customer_id,paid_at,total\no1,c1,2011-11-01,1\no2,c1,2011-11-01,x\n");
        let request = Request { mode: Mode::DryRun, ..Request::new(Kind::Orders, path) };
        let report = run(&retail, &request).await.expect("judged");
        assert_eq!((report.counts.accepted, report.counts.rejected, report.import), (1, 1, None));
        assert_eq!(retail.lines("SELECT COUNT(*) AS n FROM customer").await, ["0"]);
        assert_eq!(retail.lines("SELECT COUNT(*) AS n FROM import_batch").await, ["0"]);
    }

    async fn the_demos_book_comes_in_whole_and_in_any_order(book: Book) {
        // The demo's import stands before December; the rest comes as its feed.
        let start = at("2011-11-30T23:00:00Z");
        let database = if book.is_postgres() { TestDatabase::migrated_postgres().await } else { TestDatabase::migrated_sqlite().await };
        let sorted = Retail::of(TestBook::open(database, Time::Virtual(start)).await).await;
        let database = if book.is_postgres() { TestDatabase::migrated_postgres().await } else { TestDatabase::migrated_sqlite().await };
        let shuffled = Retail::of(TestBook::open(database, Time::Virtual(start)).await).await;
        let files = Files::new();
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("demo/retail");
        for kind in Kind::RECORDED {
            let path = folder.join(format!("{}.csv.gz", kind.as_str()));
            let request = |path: &Path| Request { later: Later::LeaveOut, ..Request::new(kind, path) };
            let report = run(&sorted, &request(&path)).await.expect("imported");
            let expected = match kind {
                Kind::Customers => (4_372_u64, 41_i64),
                Kind::Orders => (22_190, 921),
                _ => (800, 120),
            };
            assert_eq!((report.rows, report.counts.left_out), expected);
            assert_eq!((report.counts.rejected, report.counts.without_customer), (0, 0), "{:?}", report.refused);

            let again = run(&sorted, &request(&path)).await.expect("imported");
            assert_eq!((again.counts.accepted, again.counts.duplicate), (0, report.counts.accepted));

            let backwards = files.write(kind.as_str(), &reversed(&path));
            let report = run(&shuffled, &request(&backwards)).await.expect("imported");
            assert_eq!((report.rows, report.counts.left_out), expected);

            let feed = import::feed(&sorted.store, "retail", kind, &path, start).await.expect("a feed");
            let events = match kind {
                Kind::Customers => 41..=82,
                Kind::Orders => 921..=921,
                _ => 240..=360,
            };
            assert!(events.contains(&feed.len()), "{} {}", kind.as_str(), feed.len());
            assert!(feed.is_sorted_by_key(|(at, _)| *at));
        }
        assert_eq!(sorted.lines("SELECT COUNT(*) AS n FROM customer").await, ["4331"]);
        let (one, other) = (state(&sorted).await, state(&shuffled).await);
        assert!(one.len() > 25_000);
        assert!(one == other, "the order of rows changed the projections");
    }
}

struct Killer;

impl Progress for Killer {
    fn begin(&mut self, _rows: u64) {}
    fn advance(&mut self, _rows: u64) {
        panic!("killed by the test");
    }
}

fn reversed(path: &Path) -> String {
    use std::io::Read;
    let mut text = String::new();
    flate2::read::GzDecoder::new(fs::File::open(path).expect("the demo's file"))
        .read_to_string(&mut text)
        .expect("gzip");
    let (header, rows) = text.split_once('\n').expect("a header");
    let rows: Vec<&str> = rows.lines().rev().collect();
    format!("{header}\n{}\n", rows.join("\n"))
}
