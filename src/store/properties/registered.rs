//! Which properties are in the index, since when and for whom: what published rules ask for, and for a while what drafts do.

use crate::store::housekeeping::Page;
use crate::store::sql::{Row, args, json, word};
use crate::store::{Db, StoreError, Tx, clusters, in_list::exec_in, meta, rules};
use domain::event::property::{Path, Wanted};
use domain::rule::event::wanted_in;
use domain::time::{Instant, Span};
use std::collections::BTreeMap;

/// For how long a property stays that no rule asks for any more: somebody may be at work on one.
const KEPT: Span = Span::days(1);
/// Most properties that only drafts ask for.
const MOST_DRAFTED: usize = 50;
/// How exactly it is known when a property was last asked for.
const NOTED: Span = Span::hours(1);

/// How far a property is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Events of before are still to be gone through.
    Filling,
    /// The whole log is in the index.
    Filled,
    /// Nobody asks for it; its rows go.
    Going,
}

impl State {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Filling => "filling",
            Self::Filled => "filled",
            Self::Going => "going",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [Self::Filling, Self::Filled, Self::Going].into_iter().find(|state| state.as_str() == text)
    }
}

/// A property in the index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Indexed {
    pub id: i64,
    /// The event's name.
    pub event: String,
    pub path: Path,
    pub state: State,
    /// Events from this id on are done.
    pub filled_to: i64,
    /// When a rule was last known to ask for it.
    pub asked_at: Instant,
}

pub(super) fn read(row: &Row) -> Result<Indexed, StoreError> {
    let id = row.int("id")?;
    Ok(Indexed {
        id,
        event: row.text("event")?,
        path: word("property", "path", id, &row.text("path")?, |text| Path::parse(text).ok())?,
        state: word("property", "state", id, &row.text("state")?, State::parse)?,
        filled_to: row.int("filled_to")?,
        asked_at: row.at("asked_at")?,
    })
}

/// All of them.
pub async fn list(db: &Db) -> Result<Vec<Indexed>, StoreError> {
    let sql = "SELECT id, event, path, filled_to, state, asked_at FROM property ORDER BY event, path";
    db.all(sql, vec![]).await?.iter().map(read).collect()
}

/// Those that aren't filled yet, each with how many events are in the log from which its share follows.
pub async fn list_filling(db: &Db) -> Result<Vec<(Indexed, i64)>, StoreError> {
    let last = db.number("SELECT MAX(id) FROM event", vec![]).await?.unwrap_or(0);
    let filling = list(db).await?.into_iter().filter(|property| property.state == State::Filling);
    Ok(filling.map(|property| (property, last)).collect())
}

/// The ids of those that can be asked, by event and path.
pub async fn filled(db: &Db) -> Result<BTreeMap<(String, Path), i64>, StoreError> {
    let all = list(db).await?.into_iter().filter(|property| property.state == State::Filled);
    Ok(all.map(|property| ((property.event, property.path), property.id)).collect())
}

/// What published rules ask for: the newest definitions of tags and segments, and of campaigns what they run by and what waits for
/// approval.
pub async fn published(db: &Db) -> Result<Wanted, StoreError> {
    let mut wanted = Wanted::default();
    rules::newest(db).await?.iter().for_each(|rule| wanted_in(&rule.document, &mut wanted));
    let sql = "SELECT v.id, v.document FROM campaign_version v JOIN campaign c ON c.id = v.campaign_id \
               WHERE v.document LIKE '%\"event\"%' AND (v.id = c.current_version_id OR v.version = \
               (SELECT MAX(n.version) FROM campaign_version n WHERE n.campaign_id = v.campaign_id))";
    for row in db.all(sql, vec![]).await? {
        let document: serde_json::Value =
            json("campaign_version", "document", row.int("id")?, &row.text("document")?)?;
        wanted_in(&document, &mut wanted);
    }
    Ok(wanted)
}

fn pairs(wanted: &Wanted) -> impl Iterator<Item = (&str, &Path)> {
    wanted.names().flat_map(|name| wanted.of(name).into_iter().flatten().map(move |path| (name, path)))
}

fn is_known(known: &[Indexed], (event, path): (&str, &Path)) -> bool {
    known.iter().any(|one| one.state != State::Going && one.event == event && one.path == *path)
}

/// Registers what of this isn't yet; gives whether anything wasn't. Whoever logs events is waited for: what they logged is filled in
/// later, and whoever comes behind writes their own. To be done before anything is locked that they might wait for.
pub async fn register(tx: &Tx, wanted: &Wanted, now: Instant) -> Result<bool, StoreError> {
    if pairs(wanted).next().is_none() {
        return Ok(false);
    }
    let known = list(tx).await?;
    let new: Vec<(&str, &Path)> = pairs(wanted).filter(|pair| !is_known(&known, *pair)).collect();
    if new.is_empty() {
        return Ok(false);
    }
    clusters::wait_for_passing(tx).await?;
    let last = tx.number("SELECT MAX(id) FROM event", vec![]).await?;
    let state = if last.is_some() { State::Filling } else { State::Filled };
    let to = last.map_or(0, |last| last + 1);
    let row = |(event, path): (&str, &Path)| args![event, path.as_str(), to, state.as_str(), now];
    let columns = ["event", "path", "filled_to", "state", "asked_at"];
    // What is left of one that was going is right; events that came meanwhile are filled in.
    let tail = "ON CONFLICT (event, path) DO UPDATE SET filled_to = excluded.filled_to, state = excluded.state, \
                asked_at = excluded.asked_at WHERE property.state = 'going'";
    tx.insert_many("property", &columns, new.into_iter().map(row).collect(), tail).await?;
    Ok(true)
}

/// Whether all of this is registered, and known to have been asked for of late.
pub async fn is_asked(db: &Db, wanted: &Wanted, now: Instant) -> Result<bool, StoreError> {
    let mut known = list(db).await?;
    known.retain(|one| one.asked_at > now - NOTED);
    Ok(pairs(wanted).all(|pair| is_known(&known, pair)))
}

/// Registers what somebody asks for who drafts a rule, and notes that it was asked for. Of what only drafts ask for the oldest goes.
pub async fn ask(tx: &Tx, wanted: &Wanted, now: Instant) -> Result<(), StoreError> {
    let new = register(tx, wanted, now).await?;
    for (event, path) in pairs(wanted) {
        let sql = "UPDATE property SET asked_at = $1 WHERE event = $2 AND path = $3 AND asked_at <= $4";
        tx.exec(sql, args![now, event, path.as_str(), now - NOTED]).await?;
    }
    if new {
        let drafted = unpublished(tx, &published(tx).await?).await?;
        let oldest: Vec<i64> = drafted.into_iter().skip(MOST_DRAFTED).map(|(id, _)| id).collect();
        let_go(tx, oldest).await?;
    }
    Ok(())
}

/// What published rules don't ask for, with when anybody did, latest first.
async fn unpublished(tx: &Tx, published: &Wanted) -> Result<Vec<(i64, Instant)>, StoreError> {
    let mut found = list(tx).await?;
    found.retain(|one| {
        let is_published = published.of(&one.event).is_some_and(|paths| paths.contains(&one.path));
        one.state != State::Going && !is_published
    });
    found.sort_by_key(|one| std::cmp::Reverse((one.asked_at, one.id)));
    Ok(found.into_iter().map(|one| (one.id, one.asked_at)).collect())
}

async fn let_go(tx: &Tx, ids: Vec<i64>) -> Result<(), StoreError> {
    if ids.is_empty() {
        return Ok(());
    }
    // Nobody who still writes rows of theirs is left behind.
    clusters::wait_for_passing(tx).await?;
    let ids = ids.into_iter().map(|id| sea_orm::Value::BigInt(Some(id))).collect();
    exec_in(tx, "UPDATE property SET state = 'going' WHERE id IN ({in})", vec![], ids).await.map(drop)
}

/// Whether anything is to be filled, or rules were published of which nobody has looked whether they ask for something new.
pub async fn is_waiting(db: &Db) -> Result<bool, StoreError> {
    let sql = "SELECT CAST(CASE WHEN EXISTS (SELECT 1 FROM property WHERE state = 'filling') \
               OR COALESCE((SELECT value FROM meta WHERE key = 'property_epoch'), '0') <> \
               COALESCE((SELECT value FROM meta WHERE key = 'rule_epoch'), '0') THEN 1 ELSE 0 END AS BIGINT) AS n";
    Ok(db.number(sql, vec![]).await? == Some(1))
}

/// Registers what published rules ask for, where that wasn't done since rules were last published: books of earlier versions
/// had no index. Gives whether there was anything to look at.
pub async fn register_published(tx: &Tx, now: Instant) -> Result<bool, StoreError> {
    let epoch = meta::rule_epoch(tx).await?;
    if meta::property_epoch(tx).await? == epoch {
        return Ok(false);
    }
    register(tx, &published(tx).await?, now).await?;
    meta::set_property_epoch(tx, epoch).await?;
    Ok(true)
}

/// Lets go of what no rule has asked for in a day, and removes at most so many rows of what goes.
pub async fn remove_page(tx: &Tx, now: Instant, limit: i64) -> Result<Page, StoreError> {
    let published = published(tx).await?;
    let drafted = unpublished(tx, &published).await?;
    for (event, path) in pairs(&published) {
        let sql = "UPDATE property SET asked_at = $1 WHERE event = $2 AND path = $3 AND asked_at <= $4";
        tx.exec(sql, args![now, event, path.as_str(), now - NOTED]).await?;
    }
    let old = drafted.into_iter().filter(|(_, asked_at)| *asked_at <= now - KEPT);
    let_go(tx, old.map(|(id, _)| id).collect()).await?;
    let Some(going) = tx.number("SELECT MIN(id) FROM property WHERE state = 'going'", vec![]).await? else {
        return Ok(Page { gone: 0, more: false });
    };
    let sql = "DELETE FROM event_property WHERE property_id = $1 AND (event_id, n) IN \
               (SELECT event_id, n FROM event_property WHERE property_id = $1 LIMIT $2)";
    let rows = i64::try_from(tx.exec(sql, args![going, limit]).await?).unwrap_or(i64::MAX);
    if rows < limit {
        tx.exec_one("a property", "DELETE FROM property WHERE id = $1", args![going]).await?;
        let more = tx.number("SELECT MIN(id) FROM property WHERE state = 'going'", vec![]).await?.is_some();
        return Ok(Page { gone: 0, more });
    }
    Ok(Page { gone: 0, more: true })
}
