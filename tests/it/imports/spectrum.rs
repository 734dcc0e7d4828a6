//! What others found that breaks CSV readers (csv-spectrum): each file gives the cells it should.

use super::{Files, run};
use crate::support::book::both_databases;
use crate::support::retail::Retail;
use kinkeeper::service::import::{Kind, Request, Unknown};
use std::fs;
use std::path::Path;

both_databases! {
    async fn csv_spectrum_is_read_as_it_should_be(book: Book) {
        let retail = Retail::of(book).await;
        let files = Files::new();
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/edge/csv-spectrum");
        let mut seen = 0;
        for entry in fs::read_dir(folder.join("csvs")).expect("the samples") {
            let path = entry.expect("a sample").path();
            let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
            if name == "location_coordinates" {
                // Its own notice says that quotes stand in the middle of cells; its JSON tells another number.
                continue;
            }
            seen += 1;
            // Each row becomes a customer who has the sample's cells as traits.
            let text = fs::read_to_string(&path).expect("text");
            let text = add_ids(&text, &name);
            let mut request = Request::new(Kind::Customers, files.write(&name, &text));
            request.unknown = Unknown::Keep;
            let report = run(&retail, &request).await.expect("imported");
            assert_eq!(report.counts.rejected, 0, "{name}: {:?}", report.refused);
            let json = fs::read_to_string(folder.join("json").join(format!("{name}.json"))).expect("what is in it");
            let expected: Vec<serde_json::Map<String, serde_json::Value>> = serde_json::from_str(&json).expect("JSON");
            assert_eq!(report.rows as usize, expected.len(), "{name}");
            let sql = format!("SELECT p.traits FROM customer_personal p JOIN identifier i ON i.customer_id = p.customer_id \
                WHERE i.value LIKE '{name}#%' ORDER BY i.value");
            let found = retail.lines(&sql).await;
            for (row, expected) in found.iter().zip(&expected) {
                let traits: serde_json::Value = serde_json::from_str(row).expect("JSON");
                for (column, value) in expected.iter().filter(|(_, value)| *value != "") {
                    let column = column.to_lowercase();
                    assert_eq!(traits[&column][0].as_str().map(plain), value.as_str().map(plain), "{name}: {column}: {row}");
                }
            }
            assert_eq!(found.len(), expected.len(), "{name}");
        }
        assert_eq!(seen, 11);
    }
}

/// Line ends inside cells are compared as one kind: a sample's JSON has either.
fn plain(text: &str) -> String {
    text.replace("\r\n", "\n").trim().to_owned()
}

/// Puts a column with an id before the others, at the beginning of each row outside quotes.
fn add_ids(text: &str, name: &str) -> String {
    let (mut out, mut quoted, mut row, mut begins) = (String::new(), false, 0, true);
    for c in text.chars() {
        if begins {
            out.push_str(&if row == 0 { "customer_id,".to_owned() } else { format!("{name}#{row},") });
            begins = false;
        }
        out.push(c);
        quoted ^= c == '"';
        if c == '\n' && !quoted {
            (row, begins) = (row + 1, true);
        }
    }
    out
}
