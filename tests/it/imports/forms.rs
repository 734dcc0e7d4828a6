//! The same facts in every form, the same file in every form twice, and rows that speak of one customer.

use super::{Files, import, reasons, run, state};
use crate::support::book::both_databases;
use crate::support::retail::Retail;
use kinkeeper::service::import::{Age, FormSaid, Kind, Request};
use kinkeeper::store::imports::Counts;
use std::fs;
use std::path::PathBuf;

/// A slice of the demo's real orders.
fn slice(rows: usize) -> Vec<Vec<String>> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("demo/retail/orders.csv.gz");
    let file = flate2::read::GzDecoder::new(fs::File::open(path).expect("the demo's file"));
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(file);
    let rows =
        reader.records().take(rows + 1).map(|row| row.expect("a row").iter().map(str::to_owned).collect());
    rows.collect()
}

fn csv(rows: &[Vec<String>], delimiter: &str) -> String {
    rows.iter().map(|row| format!("{}\r\n", row.join(delimiter))).collect()
}

fn ndjson(rows: &[Vec<String>]) -> String {
    let object = |row: &Vec<String>| {
        let pairs = rows[0].iter().zip(row).map(|(name, cell)| (name.clone(), cell.clone().into()));
        serde_json::Value::Object(pairs.collect()).to_string()
    };
    rows[1..].iter().map(|row| object(row) + "\n").collect()
}

fn utf16(text: &str) -> Vec<u8> {
    std::iter::once(0xfeff).chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect()
}

both_databases! {
    async fn the_form_of_a_file_changes_nothing(book: Book) {
        let retail = Retail::of(book).await;
        let rows = slice(400);
        let files = Files::new();
        let plain = import(&retail, Kind::Orders, &files.write("a.csv", &csv(&rows, ","))).await;
        assert_eq!((plain.counts.accepted, plain.form.as_str()), (400, "CSV, UTF-8, comma"));
        let expected = state(&retail).await;

        let other = retail.another().await;
        let path = files.write("a.ndjson", &ndjson(&rows));
        let report = import(&other, Kind::Orders, &path).await;
        assert_eq!((report.counts, report.form.as_str()), (plain.counts, "NDJSON"));
        assert!(state(&other).await == expected, "NDJSON gives another book than CSV");
        let again = import(&other, Kind::Orders, &path).await.counts;
        assert_eq!(again, Counts { accepted: 0, duplicate: 400, ..plain.counts });
        // The other forms of the same rows say nothing new either.
        let path = files.0.path().join("a.txt");
        fs::write(&path, utf16(&csv(&rows, "\t"))).expect("written");
        let report = import(&other, Kind::Orders, &path).await;
        assert_eq!((report.counts.duplicate, report.form.as_str()), (400, "CSV, UTF-16LE, tab"));
        let report = import(&other, Kind::Orders, &files.write("b.csv", &format!("\u{feff}{}", csv(&rows, ";")))).await;
        assert_eq!((report.counts.duplicate, report.form.as_str()), (400, "CSV, UTF-8, semicolon"));
        let mut request = Request::new(Kind::Orders, files.write("c.csv", &csv(&rows, "|")));
        request.form = FormSaid { delimiter: Some("|".to_owned()), ..FormSaid::default() };
        assert_eq!(run(&other, &request).await.expect("imported").counts.duplicate, 400);
        assert!(state(&other).await == expected);
    }

    async fn both_rows_of_a_customer_count(book: Book) {
        let retail = Retail::of(book).await;
        let files = Files::new();
        let text = "customer_id,name,email,consent_email_marketing\n\
                    c1,Ann,ann@example.com,granted\n\
                    c2,Ben,,\n\
                    c1,Anna,,denied\n";
        let path = files.write("c.csv", text);
        let report = import(&retail, Kind::Customers, &path).await;
        assert_eq!(report.counts, Counts { accepted: 3, ..Counts::default() });
        // The later row wins where it says something; what it leaves empty stays.
        assert_eq!(retail.lines("SELECT name FROM customer_personal ORDER BY name").await, ["Anna", "Ben"]);
        assert_eq!(retail.lines("SELECT value FROM contact_point").await, ["ann@example.com"]);
        assert_eq!(retail.lines("SELECT state FROM consent ORDER BY id").await, ["granted", "denied"]);
        let again = import(&retail, Kind::Customers, &path).await;
        assert_eq!(again.counts, Counts { duplicate: 3, ..Counts::default() });
    }

    async fn touches_of_other_tools_come_in(book: Book) {
        let retail = Retail::of(book).await;
        let files = Files::new();
        let text = "customer_id,phone,at,channel,purpose,source\n\
                    c1,,2026-09-01T10:00:00,email,marketing,mailer\n\
                    ,+44 1164 960108,2026-09-02,sms,marketing,gateway\n\
                    ,12,2026-09-02,sms,,\n\
                    ,,2026-09-02,sms,,\n\
                    c1,,soon,,,\n";
        let path = files.write("touches.csv", text);
        let request = Request { age: Age::Historical, ..Request::new(Kind::Contacts, &path) };
        let report = run(&retail, &request).await.expect("imported");
        assert_eq!(reasons(&report), [
            "line 4, column phone: \"12\" names nobody; put a whole telephone number or a customer_id",
            "line 6, column at: \"soon\" is no instant; write it like 2026-09-25T09:55:00 or 2026-09-25; line 6, column channel: is empty; a row needs it",
        ]);
        assert_eq!(report.counts, Counts { accepted: 2, rejected: 2, without_customer: 1, ..Counts::default() });
        assert_eq!(retail.number("SELECT COUNT(*) FROM event").await, 2);
        let again = run(&retail, &request).await.expect("imported");
        assert_eq!((again.counts.accepted, again.counts.duplicate), (0, 2));
    }
}
