//! The shipped retail book, written out as files: part of them is imported, the rest arrives later as events.
//! What the columns mean stands in `demo/retail/README.md`.

use crate::service::import::Kind;
use crate::service::suppressions::Refusal;
use crate::service::{Book, ServiceError, import};
use chrono_tz::Tz;
use domain::time::Instant;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

pub const ZONE: Tz = chrono_tz::Europe::London;

/// In the order in which they are imported; at one instant somebody registers before ordering.
const FILES: [(Kind, &str, &[u8]); 3] = [
    (Kind::Customers, "customers.csv.gz", include_bytes!("../../../demo/retail/customers.csv.gz")),
    (Kind::Orders, "orders.csv.gz", include_bytes!("../../../demo/retail/orders.csv.gz")),
    (Kind::Tickets, "tickets.csv.gz", include_bytes!("../../../demo/retail/tickets.csv.gz")),
];
const SUPPRESSIONS: &str = include_str!("../../../demo/retail/suppressions.csv");

/// What the demo declares, by file name.
pub const DECLARED: [(&str, &str); 3] = [
    ("calendar.yaml", include_str!("../../../demo/retail/calendar.yaml")),
    ("staff.yaml", include_str!("../../../demo/retail/staff.yaml")),
    ("coupons.yaml", include_str!("../../../demo/retail/coupons.yaml")),
];

/// Writes the book's three files into `folder`.
pub fn write_files(folder: &Path) -> Result<Vec<(Kind, PathBuf)>, ServiceError> {
    let failed = |path: &Path, e: std::io::Error| ServiceError::Internal(format!("{}: {e}", path.display()));
    fs::create_dir_all(folder).map_err(|e| failed(folder, e))?;
    FILES
        .iter()
        .map(|(kind, name, bytes)| {
            let path = folder.join(name);
            fs::write(&path, bytes).map_err(|e| failed(&path, e))?;
            Ok((*kind, path))
        })
        .collect()
}

/// Addresses that must not be written to.
pub fn suppressions() -> Vec<Refusal> {
    let mut reader = csv::Reader::from_reader(SUPPRESSIONS.as_bytes());
    let refusal = |row: csv::StringRecord| Refusal { email: row[0].to_owned(), reason: row[1].to_owned() };
    reader.records().filter_map(Result::ok).map(refusal).collect()
}

/// What these files say of the time after `after`, in order of its instants.
pub async fn events(
    book: &Book,
    files: &[(Kind, PathBuf)],
    after: Instant,
) -> Result<Vec<(Instant, Value)>, ServiceError> {
    let mut events = Vec::new();
    for (kind, path) in files {
        events.extend(match kind {
            Kind::Events => lines(path, after)?,
            kind => import::feed(&book.store, &book.shop_key, *kind, path, after).await?,
        });
    }
    // Stable: what stands first among the files comes first at one instant.
    events.sort_by_key(|(at, _)| *at);
    Ok(events)
}

/// The events of a file that has one a line, those after `after`.
fn lines(path: &Path, after: Instant) -> Result<Vec<(Instant, Value)>, ServiceError> {
    let failed = |e: &dyn std::fmt::Display| ServiceError::Internal(format!("{}: {e}", path.display()));
    let text = fs::read_to_string(path).map_err(|e| failed(&e))?;
    let mut events = Vec::new();
    for line in text.lines() {
        let event: Value = serde_json::from_str(line).map_err(|e| failed(&e))?;
        let at = event["timestamp"].as_str().and_then(|at| Instant::parse(at, Tz::UTC));
        let at = at.ok_or_else(|| failed(&format!("an event without its instant: {line}")))?;
        if at > after {
            events.push((at, event));
        }
    }
    Ok(events)
}

#[cfg(test)]
mod tests {
    use super::suppressions;

    #[test]
    fn one_in_a_hundred_addresses_is_suppressed() {
        assert_eq!(suppressions().len(), 44);
    }
}
