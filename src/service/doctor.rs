//! Whether a book is well: what a person should know or do, each with its remedy. Looks; changes nothing but on
//! request.

use super::import::list_unfinished;
use super::{Book, ServiceError, indexing};
use crate::store::invariants::{self, Workers};
use crate::store::set_aside::{self, SetAside};
use crate::store::{ClockKind, StoreError, audit, keys, meta, quarantine, stops};
use serde::Serialize;
use serde_json::json;

/// How serious something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Grade {
    Well,
    /// A person should know.
    Mind,
    /// Something doesn't work, or a promise is broken.
    Broken,
}

/// One thing looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was looked at.
    pub about: &'static str,
    pub grade: Grade,
    /// What was found, and what would help.
    pub detail: String,
}

impl Finding {
    pub fn new(about: &'static str, grade: Grade, detail: impl Into<String>) -> Self {
        Self { about, grade, detail: detail.into() }
    }
}

/// Most things of a kind that are named.
const NAMED: i64 = 20;
/// A copy older than this is worth a word.
const OLD_COPY_HOURS: i64 = 7 * 24;

/// What the book itself says.
pub async fn look(book: &Book) -> Result<Vec<Finding>, ServiceError> {
    let mut found = vec![database(book)?, clocks(book).await?, copies(book).await?];
    found.extend(aside(book).await?);
    found.extend(refused(book).await?);
    for left in list_unfinished(&book.store).await?.iter().filter(|left| !left.under_way) {
        let detail = format!(
            "{} {} was interrupted after {} rows; `{}` goes on with it",
            left.kind, left.file, left.rows_done, left.command
        );
        found.push(Finding::new("import", Grade::Mind, detail));
    }
    found.extend(index(book).await?);
    let db = book.store.reader();
    for stop in stops::list_in_force(db).await? {
        let detail = format!("{} since {} by {}: {}", stop.scope, stop.stopped_at, stop.actor, stop.reason);
        found.push(Finding::new("stop", Grade::Mind, detail));
    }
    if keys::count(db).await? == 0 {
        let detail = "there is none; `kinkeeper key create --role ingest` lets a shop send facts";
        found.push(Finding::new("keys", Grade::Mind, detail));
    }
    Ok(found)
}

/// What rules ask events for and the whole book can't be asked about yet.
async fn index(book: &Book) -> Result<Option<Finding>, ServiceError> {
    let filling = indexing::filling(book).await?;
    let told: Vec<String> = filling
        .iter()
        .take(usize::try_from(NAMED).unwrap_or(usize::MAX))
        .map(|one| format!("{}: {} ({} %)", one.event, one.path, one.percent))
        .collect();
    let detail = format!(
        "{} properties of events are being indexed, until when the whole book can't be asked about them; a running daemon does it: {}",
        filling.len(),
        told.join(", ")
    );
    Ok((!filling.is_empty()).then(|| Finding::new("index", Grade::Mind, detail)))
}

fn database(book: &Book) -> Result<Finding, ServiceError> {
    let kind = match book.store.clock_kind() {
        ClockKind::Real => "real",
        ClockKind::Virtual => "virtual",
    };
    let detail = format!("answers; its schema is this program's; a {kind} book");
    Ok(Finding::new("database", Grade::Well, detail))
}

/// On a real book both clocks are one; a book whose facts lie in the future had its clock put back.
async fn clocks(book: &Book) -> Result<Finding, ServiceError> {
    let (now, db) = (book.now().await?, book.store.reader());
    let last = crate::store::overview::last_fact_at(db).await?;
    Ok(match last.filter(|last| *last > now) {
        Some(last) => {
            let detail = format!(
                "shows {now}, and the last fact was received at {last}: the machine's clock was put back; set it right"
            );
            Finding::new("clock", Grade::Broken, detail)
        }
        None => Finding::new("clock", Grade::Well, format!("shows {now}")),
    })
}

async fn copies(book: &Book) -> Result<Finding, ServiceError> {
    let about = "copies";
    if book.store.clock_kind() == ClockKind::Virtual {
        return Ok(Finding::new(about, Grade::Well, "a virtual book needs none"));
    }
    let machine = book.store.machine_now().await?;
    Ok(match meta::backed_up_at(book.store.reader()).await? {
        None => Finding::new(about, Grade::Mind, "none was made yet; `kinkeeper backup FILE` makes one"),
        Some(at) if (machine - at).as_minutes() / 60 > OLD_COPY_HOURS => {
            let detail = format!("the last one was made at {}; `kinkeeper backup FILE`", at.to_rfc3339());
            Finding::new(about, Grade::Mind, detail)
        }
        Some(at) => Finding::new(about, Grade::Well, format!("the last one was made at {}", at.to_rfc3339())),
    })
}

async fn aside(book: &Book) -> Result<Vec<Finding>, ServiceError> {
    let db = book.store.reader();
    let (count, some) = (set_aside::count(db).await?, set_aside::list(db, NAMED).await?);
    let named = some.len() as i64;
    let one = |SetAside { what, which, why }: SetAside| {
        let detail = format!("{what} {which}: {why}; when that is mended, `kinkeeper doctor --retry`");
        Finding::new("set aside", Grade::Broken, detail)
    };
    let mut found: Vec<Finding> = some.into_iter().map(one).collect();
    if count > named {
        found.push(Finding::new("set aside", Grade::Broken, format!("and {} more", count - named)));
    }
    Ok(found)
}

async fn refused(book: &Book) -> Result<Vec<Finding>, ServiceError> {
    let counted = quarantine::count_by_code(book.store.reader()).await?;
    let one = |(code, n): (String, i64)| {
        let detail = format!("{n} with {code}; `kinkeeper quarantine list --code {code}` shows them");
        Finding::new("quarantine", Grade::Mind, detail)
    };
    Ok(counted.into_iter().map(one).collect())
}

/// The promises, asked by SQL that knows nothing of the program.
pub async fn promises(book: &Book) -> Result<Vec<Finding>, ServiceError> {
    let broken = invariants::broken(book.store.reader(), Workers::Busy).await?;
    if broken.is_empty() {
        let detail = format!("all {} hold", invariants::ALL.len() - 2);
        return Ok(vec![Finding::new("promises", Grade::Well, detail)]);
    }
    Ok(broken.into_iter().map(|one| Finding::new("promises", Grade::Broken, one)).collect())
}

/// Lets the workers try again what was set aside; gives how many there were.
pub async fn retry(book: &Book, actor: &str) -> Result<u64, ServiceError> {
    let actor = actor.to_owned();
    let tried = book.write(move |tx, at| {
        Box::pin(async move {
            let tried = set_aside::try_again(tx).await?;
            let (action, subject) = ("set_aside.retried".to_owned(), "book".to_owned());
            let entry = audit::Entry { at, actor, action, subject, detail: json!({ "rows": tried }) };
            audit::record(tx, entry).await?;
            meta::raise_change_seq(tx).await?;
            Ok(tried)
        })
    });
    tried.await.map_err(|e: StoreError| e.into())
}
