//! An import that is killed: nobody waits for its end for ever, everybody sees how to go on with it, and going
//! on with it ends as if it had never been killed.

use super::{Files, import, run};
use crate::support::book::{START, both_databases};
use crate::support::retail::Retail;
use domain::time::Span;
use kinkeeper::service::import::{Kind, Progress, Request, end_abandoned, list_unfinished};
use kinkeeper::store::imports::Counts;
use kinkeeper::store::wakes::AFTER_IMPORT;
use std::path::{Path, PathBuf};

/// Ends with the first piece.
struct Killer;

impl Progress for Killer {
    fn begin(&mut self, _rows: u64) {}
    fn advance(&mut self, _rows: u64) {
        panic!("killed by the test");
    }
}

async fn killed(retail: &Retail, path: &Path) {
    killed_at(retail, Request::new(Kind::Orders, path)).await;
}

async fn killed_at(retail: &Retail, request: Request) {
    let store = retail.store.clone();
    let import = tokio::spawn(async move {
        kinkeeper::service::import::run(&store, "retail", &request, &mut Killer).await
    });
    assert!(import.await.is_err(), "it was killed");
}

/// Of a hundred rows one is refused and one names nobody.
fn orders(files: &Files, name: &str, rows: u32) -> PathBuf {
    let row = |n: u32| match n % 100 {
        7 => format!("{name}{n},c1,2011-11-01,free\n"),
        8 => format!("{name}{n},,2011-11-01,1\n"),
        _ => format!("{name}{n},c{},2011-11-01,1\n", n % 50),
    };
    let rows: String = (0..rows).map(row).collect();
    files.write(name, &format!("order_id,customer_id,paid_at,total\n{rows}"))
}

async fn waiting(retail: &Retail) -> i64 {
    let sql = format!("SELECT COUNT(*) AS n FROM customer_due WHERE due_at = {}", AFTER_IMPORT.micros());
    retail.number(&sql).await
}

both_databases! {
    async fn nobody_waits_for_an_import_that_nobody_works_on(book: Book) {
        let retail = Retail::of(book).await;
        let files = Files::new();
        let path = orders(&files, "a.csv", 2_500);
        killed(&retail, &path).await;
        assert_eq!(waiting(&retail).await, 50);
        assert_eq!(end_abandoned(&retail.store).await.expect("looked"), 0, "it may be under way");
        assert_eq!(waiting(&retail).await, 50);

        retail.clock.advance(Span::seconds(31));
        assert_eq!(end_abandoned(&retail.store).await.expect("looked"), 50);
        assert_eq!(waiting(&retail).await, 0);
        assert_eq!(end_abandoned(&retail.store).await.expect("looked"), 0, "once");

        // Who goes on with it makes its customers wait for the end again.
        let report = import(&retail, Kind::Orders, &path).await;
        assert_eq!((report.resumed_from, report.rows), (1_000, 2_500));
        let counts = Counts { accepted: 2_450, rejected: 25, without_customer: 25, ..Counts::default() };
        assert_eq!(report.counts, counts);
        assert_eq!(waiting(&retail).await, 0);
        assert_eq!(retail.number("SELECT COUNT(*) FROM orders").await, 2_450);
        let again = import(&retail, Kind::Orders, &path).await;
        assert_eq!(again.counts, Counts { accepted: 0, duplicate: 2_450, ..counts });
        assert_eq!(retail.number("SELECT COUNT(*) FROM import_batch WHERE leased_until IS NOT NULL").await, 0);
    }

    async fn a_later_import_lets_them_go_too(book: Book) {
        let retail = Retail::of(book).await;
        let files = Files::new();
        killed(&retail, &orders(&files, "a.csv", 2_500)).await;
        retail.clock.advance(Span::seconds(31));
        // Else it would be the same instant at which both are received.
        retail.set_now(START + Span::hours(1)).await;
        import(&retail, Kind::Orders, &orders(&files, "b.csv", 3)).await;
        assert_eq!(waiting(&retail).await, 0);
    }

    async fn refused_rows_are_written_down_once_whatever_the_killed_run_left(book: Book) {
        let retail = Retail::of(book).await;
        let files = Files::new();
        let reject = files.write("refused.csv", "");
        let path = orders(&files, "a.csv", 2_500);
        let request = Request { reject: Some(reject.clone()), ..Request::new(Kind::Orders, path) };
        killed_at(&retail, request.clone()).await;
        // It had got further than what it committed, into the midst of a row.
        let left = std::fs::read_to_string(&reject).expect("the refused rows so far");
        let lost = "a.csv1007,c7,2011-11-01,free,1009,amount_not_a_number,why,\na.csv1107,c";
        std::fs::write(&reject, left + lost).expect("written");

        run(&retail, &request).await.expect("imported");
        let refused = std::fs::read_to_string(&reject).expect("the refused rows");
        let ids: Vec<&str> = refused.lines().skip(1).filter_map(|line| line.split(',').next()).collect();
        let expected: Vec<String> = (0..25).map(|n| format!("a.csv{}", n * 100 + 7)).collect();
        assert_eq!(ids, expected);
    }

    async fn an_unfinished_import_is_listed_until_its_file_came_whole(book: Book) {
        let retail = Retail::of(book).await;
        let files = Files::new();
        killed(&retail, &orders(&files, "a.csv", 2_500)).await;
        let unfinished = async || {
            let found = list_unfinished(&retail.store).await.expect("listed");
            found.into_iter().map(|left| (left.command, left.rows_done, left.under_way)).collect::<Vec<_>>()
        };
        let command = "kinkeeper import orders a.csv".to_owned();
        assert_eq!(unfinished().await, [(command.clone(), 1_000, true)]);
        retail.clock.advance(Span::seconds(31));
        assert_eq!(unfinished().await, [(command, 1_000, false)]);
        import(&retail, Kind::Orders, &orders(&files, "b.csv", 3)).await;
        assert_eq!(unfinished().await.len(), 1, "another file");
        // Corrected, under its old name: another file by its hash.
        import(&retail, Kind::Orders, &orders(&files, "a.csv", 2_400)).await;
        assert_eq!(unfinished().await, []);
    }
}
