//! Addresses and telephone numbers that others collected, in a file: each row is taken in or refused with line, column and
//! remedy, and none is lost.

use super::{Files, run};
use crate::support::book::both_databases;
use crate::support::retail::Retail;
use domain::contact::{self, Class};
use kinkeeper::service::import::{Kind, Request};
use std::collections::BTreeSet;

const ADDRESSES: &str = include_str!("../../data/edge/email/isemail_tests.csv");
const NUMBERS: &str = include_str!("../../data/edge/phone_inputs_default_CN.csv");

/// What stands in this column of a collection, each as it was written.
fn samples(text: &str, column: usize) -> Vec<String> {
    let mut reader = csv::ReaderBuilder::new().from_reader(text.as_bytes());
    let rows = reader.records().map(|row| row.expect("a row"));
    rows.map(|row| serde_json::from_str(&row[column]).expect("JSON")).collect()
}

fn addresses() -> Vec<String> {
    samples(ADDRESSES, 1)
}

fn numbers() -> Vec<String> {
    samples(NUMBERS, 0)
}

/// Which of them can't be so by our rules, which `domain::contact` holds against the collections' own verdicts.
fn hopeless(samples: &[String], is_so: fn(&str) -> bool) -> BTreeSet<usize> {
    let is_bad = |text: &str| !text.trim().is_empty() && !is_so(text);
    samples.iter().enumerate().filter(|(_, text)| is_bad(text)).map(|(n, _)| n).collect()
}

/// A masked one is shown, and reaches nobody.
fn is_address(text: &str) -> bool {
    contact::email(text).is_some_and(|found| found.usable || found.class == Class::Masked)
}

/// One that nobody can be called at is kept; one that a spreadsheet destroyed isn't.
fn is_number(text: &str) -> bool {
    contact::phone(text).is_some() && !text.contains("E+")
}

/// How many of them are refused.
pub fn count() -> usize {
    hopeless(&addresses(), is_address).len() + hopeless(&numbers(), is_number).len()
}

/// Imports a customer for each; gives those that were refused, by their places.
async fn import(retail: &Retail, column: &str, samples: &[String]) -> BTreeSet<usize> {
    let files = Files::new();
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(["customer_id", column]).expect("written");
    for (n, text) in samples.iter().enumerate() {
        writer.write_record([&format!("{column}-{n}"), text]).expect("written");
    }
    let text = String::from_utf8(writer.into_inner().expect("written")).expect("text");
    let mut request = Request::new(Kind::Customers, files.write(&format!("{column}.csv"), &text));
    let reject = files.0.path().join("reject.csv");
    request.reject = Some(reject.clone());
    let report = run(retail, &request).await.expect("imported");
    assert_eq!(report.rows as usize, samples.len(), "each is a row");
    let mut reader = csv::ReaderBuilder::new().from_path(&reject).expect("a reject file");
    let columns = reader.headers().expect("a header").len();
    let mut refused = BTreeSet::new();
    for row in reader.records().map(|row| row.expect("a row")) {
        let (line, code, reason) = (&row[columns - 4], &row[columns - 3], &row[columns - 2]);
        let name =
            row.iter().find_map(|cell| cell.strip_prefix(&format!("{column}-")).and_then(|n| n.parse().ok()));
        let n: usize = name.unwrap_or_else(|| panic!("whose? {row:?}"));
        assert!(!code.is_empty(), "{row:?}");
        let place = if code == "nul_character" {
            format!("line {line}: ")
        } else {
            format!("line {line}, column {column}: ")
        };
        assert!(reason.strip_prefix(&place).is_some_and(|rest| rest.len() > 30), "{row:?}");
        assert!(refused.insert(n), "{n} is there twice");
    }
    assert_eq!(report.counts.rejected as usize, refused.len());
    let known = format!("SELECT COUNT(*) FROM identifier WHERE value LIKE '{column}-%'");
    assert_eq!(retail.number(&known).await as usize, samples.len() - refused.len(), "none is lost");
    refused
}

both_databases! {
    async fn each_is_taken_in_or_told(book: Book) {
        let retail = Retail::counting(book, chrono_tz::Asia::Shanghai, "CNY").await;
        let (addresses, numbers) = (addresses(), numbers());
        assert_eq!(import(&retail, "email", &addresses).await, hopeless(&addresses, is_address));
        assert_eq!(import(&retail, "phone", &numbers).await, hopeless(&numbers, is_number));
    }
}
