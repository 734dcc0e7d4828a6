//! The log of refusals: suppressions, consents denied and erasures, appended to a file outside the database, so
//! that restoring an older backup forgets none of them. Who refuses what is decided elsewhere.
//!
//! A line is on disk before the refusal is committed. One whose transaction then failed stays: whoever tried to
//! refuse is refused after a restore, which is what they wanted.

use super::in_list::all_in;
use super::sql::{Arg, args};
use super::{StoreError, Tx};
use domain::ids::CustomerId;
use domain::time::Instant;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// One refusal. Nobody's address or name is in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "refused", rename_all = "snake_case")]
pub enum Refused {
    /// A contact point, by its keyed hash.
    Contact { at: Instant, channel: String, hash: String, scope: String, reason: String },
    /// A consent of the customer that has this id and was added to the book at `since`: after a restore the id
    /// may be somebody else's.
    Consent { at: Instant, customer: CustomerId, since: Instant, channel: String, purpose: String },
    /// A person was erased; `names` are the hashes of what they were known by. Their contact points stand in lines of
    /// their own. `with`: everybody who was one with them, and since when the book had them; an older copy may know them as
    /// somebody else.
    Erased {
        at: Instant,
        customer: CustomerId,
        since: Instant,
        names: Vec<String>,
        #[serde(default)]
        with: Option<Vec<(CustomerId, Instant)>>,
    },
}

/// The open log. Only ever appended to.
#[derive(Debug)]
pub struct RefusalLog {
    file: Mutex<File>,
}

impl RefusalLog {
    /// Opens the log, made if there is none, for its owner only.
    pub fn open(path: &Path) -> io::Result<Self> {
        let mut file = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path)?;
        // A process killed while writing leaves half a line; the next one begins on its own.
        if file.seek(SeekFrom::End(0))? > 0 {
            file.seek(SeekFrom::End(-1))?;
            let mut last = [0];
            file.read_exact(&mut last)?;
            if last != *b"\n" {
                file.write_all(b"\n")?;
            }
        }
        Ok(Self { file: Mutex::new(file) })
    }

    /// On disk when this returns.
    fn append(&self, refused: &[Refused]) -> Result<(), StoreError> {
        let mut lines = Vec::new();
        for one in refused {
            serde_json::to_writer(&mut lines, one).expect("texts and numbers are JSON");
            lines.push(b'\n');
        }
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let written = file.write_all(&lines).and_then(|()| file.sync_data());
        written.map_err(|e| StoreError::Unavailable(format!("the log of refusals can't be written: {e}")))
    }
}

/// What a log holds: its refusals, and the numbers of lines that can't be read (a process was killed there,
/// before anything was committed).
pub fn read(path: &Path) -> io::Result<(Vec<Refused>, Vec<usize>)> {
    let (mut refused, mut torn) = (Vec::new(), Vec::new());
    for (n, line) in BufReader::new(File::open(path)?).split(b'\n').enumerate() {
        let line = line?;
        match serde_json::from_slice(&line) {
            Ok(one) => refused.push(one),
            Err(_) if line.is_empty() => {}
            Err(_) => torn.push(n + 1),
        }
    }
    Ok((refused, torn))
}

/// Puts contact points on the log before they are committed.
pub(super) async fn remember_contacts(
    tx: &Tx,
    rows: impl Iterator<Item = Refused>,
) -> Result<(), StoreError> {
    match tx.refusals() {
        Some(log) => log.append(&rows.collect::<Vec<_>>()),
        None => Ok(()),
    }
}

/// Puts an erasure on the log before it is committed.
pub fn remember_erased(tx: &Tx, erased: Refused) -> Result<(), StoreError> {
    match tx.refusals() {
        Some(log) => log.append(&[erased]),
        None => Ok(()),
    }
}

/// Puts denied consents on the log before they are committed: when, whose, for which channel and purpose.
pub(super) async fn remember_consents(
    tx: &Tx,
    denied: Vec<(Instant, CustomerId, String, String)>,
) -> Result<(), StoreError> {
    let Some(log) = tx.refusals().filter(|_| !denied.is_empty()) else { return Ok(()) };
    let ids: BTreeSet<CustomerId> = denied.iter().map(|(_, customer, ..)| *customer).collect();
    let sql = "SELECT id, created_at FROM customer WHERE id IN ({in})";
    let mut since = std::collections::BTreeMap::new();
    for row in all_in(tx, sql, args![], ids.into_iter().map(Arg::arg).collect()).await? {
        since.insert(CustomerId(row.int("id")?), row.at("created_at")?);
    }
    let known = denied.into_iter().filter_map(|(at, customer, channel, purpose)| {
        Some(Refused::Consent { at, customer, since: *since.get(&customer)?, channel, purpose })
    });
    log.append(&known.collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(n: i64) -> Refused {
        let (at, since) = (Instant::from_micros(n), Instant::from_micros(0));
        let (channel, purpose) = ("email".to_owned(), "marketing".to_owned());
        Refused::Consent { at, customer: CustomerId(n), since, channel, purpose }
    }

    #[test]
    fn a_line_torn_by_a_crash_costs_no_other() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("refusals.log");
        RefusalLog::open(&path).unwrap().append(&[refused(1), refused(2)]).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        OpenOptions::new().append(true).open(&path).unwrap().write_all(b"{\"refused\":\"cons").unwrap();
        let again = RefusalLog::open(&path).unwrap();
        again.append(&[refused(3)]).unwrap();
        let (lines, torn) = read(&path).unwrap();
        assert_eq!(lines, [refused(1), refused(2), refused(3)]);
        assert_eq!(torn, [3]);
    }
}
