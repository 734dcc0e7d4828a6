//! Imports that are killed and begun again, file after file, beside whatever else happens to the book.

use super::clients::customer_of;
use super::verdict::Verdict;
use crate::support::daemon::{Binary, Running, wait_until};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

const ROWS: u64 = 4_000;
/// Of a hundred rows one is refused, and one of a file of orders names nobody.
const BAD: u64 = 7;
const NOBODY: u64 = 8;

/// A file of orders or customers.
struct File {
    kind: &'static str,
    number: u64,
    path: PathBuf,
    reject: PathBuf,
}

impl File {
    fn new(folder: &Path, number: u64) -> Self {
        let kind = if number.is_multiple_of(2) { "orders" } else { "customers" };
        let path = folder.join(format!("{kind}-{number}.csv"));
        let reject = folder.join(format!("{kind}-{number}-refused.csv"));
        let file = Self { kind, number, path, reject };
        std::fs::write(&file.path, file.text()).expect("a file in a temporary folder");
        file
    }

    fn text(&self) -> String {
        let id = |row| self.id(row);
        let order = |row: u64| match row % 100 {
            BAD => format!("i-{},{},2026-11-01T10:00:00Z,free\n", id(row), customer_of(&id(row))),
            NOBODY => format!("i-{},,2026-11-01T10:00:00Z,19.90\n", id(row)),
            _ => format!("i-{},{},2026-11-01T10:00:00Z,19.90\n", id(row), customer_of(&id(row))),
        };
        let customer = |row: u64| match row % 100 {
            BAD => format!("k{},Somebody,no address\n", id(row)),
            _ => format!("k{0},Somebody,k{0}@example.com\n", id(row)),
        };
        match self.kind {
            "orders" => {
                "order_id,customer_id,paid_at,total\n".to_owned() + &(0..ROWS).map(order).collect::<String>()
            }
            _ => "customer_id,name,email\n".to_owned() + &(0..ROWS).map(customer).collect::<String>(),
        }
    }

    fn id(&self, row: u64) -> String {
        format!("{}-{row}", self.number)
    }

    /// The ids of the rows that are taken in.
    fn taken_in(&self) -> Vec<String> {
        let without = if self.kind == "orders" { NOBODY } else { BAD };
        (0..ROWS).filter(|row| ![BAD, without].contains(&(row % 100))).map(|row| self.id(row)).collect()
    }

    fn name(&self) -> String {
        format!("{}-{}.csv", self.kind, self.number)
    }

    fn command(&self) -> [&str; 5] {
        let [path, reject] =
            [&self.path, &self.reject].map(|path| path.to_str().expect("a temporary folder in UTF-8"));
        ["import", self.kind, path, "--reject", reject]
    }

    /// Imports it once more, to its end; gives what became of its rows.
    fn import(&self, binary: &Binary) -> Value {
        let mut command = self.command().to_vec();
        command.extend(["--format", "json"]);
        serde_json::from_str(&binary.run(&command)).expect("a report")
    }

    /// Every row that was refused, once, in the file's order.
    fn refused_rows_are_written_down(&self) {
        let mut reader = csv::Reader::from_path(&self.reject).expect("the refused rows");
        let header = reader.headers().expect("a header").clone();
        let line = header.iter().position(|name| name == "reject_line").expect("the line's number");
        let lines: Vec<u64> =
            reader.records().map(|row| row.expect("a row")[line].parse().expect("a number")).collect();
        // The header is line 1.
        let expected: Vec<u64> = (0..ROWS).filter(|row| row % 100 == BAD).map(|row| row + 2).collect();
        assert_eq!(lines, expected, "{}", self.reject.display());
    }
}

/// All files of a run.
pub struct Files {
    folder: PathBuf,
    files: Vec<File>,
    /// The last file's import.
    under_way: Option<Running>,
    /// Whether the last file's import came to its end.
    ended: bool,
    pub killed: u64,
}

impl Files {
    pub fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), files: Vec::new(), under_way: None, ended: true, killed: 0 }
    }

    /// Notes whether the import under way has ended, and how.
    fn look(&mut self) {
        let Some(running) = &mut self.under_way else { return };
        let Some(status) = running.ended() else { return };
        assert!(status.success(), "{status}: an import nobody killed:\n{}", running.log());
        (self.under_way, self.ended) = (None, true);
    }

    /// Goes on with the last file, or begins the next, unless an import is under way.
    pub fn go_on(&mut self, binary: &Binary) {
        self.look();
        if self.under_way.is_some() {
            return;
        }
        if self.ended {
            self.files.push(File::new(&self.folder, self.files.len() as u64));
        }
        let file = self.files.last().expect("one was begun");
        (self.under_way, self.ended) = (Some(binary.begin(&file.command())), false);
    }

    /// Kills the import that is under way, if it hasn't ended.
    pub fn kill(&mut self) {
        self.look();
        if let Some(running) = self.under_way.take() {
            self.ended = running.kill().success();
            self.killed += u64::from(!self.ended);
        }
    }

    /// Imports to the end what was begun; each file then counts its rows exactly, and its refused rows are written down.
    pub async fn end(&mut self, binary: &Binary, verdict: &Verdict) {
        wait_until("the import under way to end", async || {
            self.look();
            self.under_way.is_none()
        })
        .await;
        if !self.ended {
            self.files.last().expect("it was begun").import(binary);
        }
        let (mut counted, mut again) = (Vec::new(), BTreeSet::new());
        for file in &self.files {
            file.refused_rows_are_written_down();
            let (taken, refused, name) = (file.taken_in().len() as u64, ROWS / 100, file.name());
            counted.push(format!("{name} {taken} 0 {refused} {}", ROWS - refused - taken));
            again.insert(format!("{name} 0 {taken} {refused} {}", ROWS - refused - taken));
        }
        let sql = "SELECT file_name || ' ' || accepted || ' ' || duplicate || ' ' || rejected || ' ' || without_customer \
                   FROM import_batch WHERE finished_at IS NOT NULL ORDER BY id";
        let mut found = verdict.texts(sql).await;
        // One that was killed after its end, and before it could say so, came once more as a whole.
        found.retain(|line| !again.contains(line));
        assert_eq!(found, counted);
        self.rows_are_there_once(verdict).await;
    }

    async fn rows_are_there_once(&self, verdict: &Verdict) {
        let mut orders: Vec<String> = self.bought();
        orders.sort();
        let found = "SELECT order_key FROM orders WHERE order_key LIKE '%:i-%'";
        let mut found: Vec<String> = verdict.texts(found).await;
        found.iter_mut().for_each(|key| *key = key.split_once(":i-").expect("as asked for").1.to_owned());
        found.sort();
        assert_eq!(found, orders, "the files' orders");
        let log =
            "SELECT e.message_id FROM event e JOIN source s ON s.id = e.source_id WHERE s.kind = 'import'";
        let rows: usize = self.files.iter().map(|file| file.taken_in().len()).sum();
        assert_eq!(verdict.texts(log).await.len(), rows, "the rows' events");
    }

    /// Each file once more: everything is known, and nothing changes.
    pub async fn again(&self, binary: &Binary, verdict: &Verdict) {
        for file in &self.files {
            let counts = file.import(binary)["counts"].take();
            assert_eq!(
                (&counts["accepted"], &counts["duplicate"]),
                (&json!(0), &json!(file.taken_in().len()))
            );
            file.refused_rows_are_written_down();
        }
        self.rows_are_there_once(verdict).await;
    }

    pub fn begun(&self) -> usize {
        self.files.len()
    }

    /// The ids of all orders that were taken in.
    pub fn bought(&self) -> Vec<String> {
        self.files.iter().filter(|file| file.kind == "orders").flat_map(File::taken_in).collect()
    }

    /// The ids of all customers that were taken in.
    pub fn people(&self) -> Vec<String> {
        let taken = self.files.iter().filter(|file| file.kind == "customers").flat_map(File::taken_in);
        taken.map(|id| format!("k{id}")).collect()
    }
}
