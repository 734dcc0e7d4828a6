//! The queue in its stored order, in pieces that an index answers; what is due to move; lists for people.

use super::{COLUMNS, StoredCallback, read_all};
use crate::store::sql::args;
use crate::store::{Db, StoreError};
use domain::callback::{Band, State};
use domain::ids::CallbackId;
use domain::time::Instant;

/// Where a callback stands in the queue, as stored: the keyset of its pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    pub band: Band,
    pub rank_at: Instant,
    pub created_at: Instant,
    pub id: CallbackId,
}

impl StoredCallback {
    pub fn place(&self) -> Place {
        let c = &self.callback;
        Place { band: self.band, rank_at: c.rank_at(), created_at: c.created_at, id: c.id }
    }
}

/// Which ready callbacks of a band are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueuePart {
    /// VIPs' and severe cases: a senior's first half.
    First,
    /// The others: a senior's second half.
    Usual,
    /// All in one order but VIPs', which never go below a senior: a junior's.
    WithoutVips,
}

/// The ready callbacks of a band behind `after`, best first.
pub async fn page(
    db: &Db,
    band: Band,
    part: QueuePart,
    after: Option<Place>,
    limit: i64,
) -> Result<Vec<StoredCallback>, StoreError> {
    let which = match part {
        QueuePart::First => "severe = 1",
        QueuePart::Usual => "severe = 0",
        QueuePart::WithoutVips => "vip = 0",
    };
    let mut values = args![band.number(), limit];
    let mut behind = "";
    if let Some(place) = after {
        behind = "AND (rank_at, created_at, id) > ($3, $4, $5)";
        values.extend(args![place.rank_at, place.created_at, place.id]);
    }
    let sql = format!(
        "SELECT {COLUMNS} FROM callback WHERE state = 'ready' AND band = $1 AND {which} {behind} \
         ORDER BY rank_at, created_at, id LIMIT $2"
    );
    let mut found = read_all(db, db.all(&sql, values).await?).await?;
    found.sort_by_key(|c| (c.callback.rank_at(), c.callback.created_at, c.callback.id));
    Ok(found)
}

/// Ready callbacks whose stored band or ring is behind the times: their moment has come and nobody has
/// moved them yet.
pub async fn lagging(db: &Db, now: Instant, limit: i64) -> Result<Vec<StoredCallback>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM callback WHERE wake_at <= $1 AND state = 'ready' ORDER BY rank_at, id LIMIT $2"
    );
    read_all(db, db.all(&sql, args![now, limit]).await?).await
}

/// What moves by itself at or before `now`, and assigned callbacks whose holder is not on shift or no longer
/// works here; the longest overdue first.
pub async fn due_to_move(db: &Db, now: Instant, limit: i64) -> Result<Vec<CallbackId>, StoreError> {
    let sql = "SELECT id, wake_at FROM callback WHERE wake_at <= $1 \
               UNION SELECT c.id, c.wake_at FROM callback c WHERE c.state = 'assigned' AND (NOT EXISTS \
               (SELECT 1 FROM shift h WHERE h.staff_id = c.staff_id AND h.starts_at <= $1 AND h.ends_at > $1) \
               OR NOT EXISTS (SELECT 1 FROM staff s WHERE s.id = c.staff_id AND s.state = 'active')) \
               ORDER BY wake_at, id LIMIT $2";
    let rows = db.all(sql, args![now, limit]).await?;
    rows.iter().map(|row| row.int("id").map(CallbackId)).collect()
}

/// When the next one moves by itself.
pub async fn next_wake(db: &Db) -> Result<Option<Instant>, StoreError> {
    let sql = "SELECT MIN(wake_at) FROM callback WHERE wake_at IS NOT NULL";
    Ok(db.number(sql, vec![]).await?.map(Instant::from_micros))
}

/// Which callbacks a list is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Which {
    #[default]
    All,
    /// Those that haven't ended.
    Open,
    In(State),
}

/// A page of callbacks in the stored order of the queue.
pub async fn list(
    db: &Db,
    which: Which,
    after: Option<Place>,
    limit: i64,
) -> Result<Vec<StoredCallback>, StoreError> {
    let mut values = args![limit];
    let mut conditions = vec!["1 = 1".to_owned()];
    match which {
        Which::All => {}
        Which::Open => {
            let ended = State::ALL.iter().filter(|state| state.is_final());
            let names: Vec<String> = ended.map(|state| format!("'{}'", state.as_str())).collect();
            conditions.push(format!("state NOT IN ({})", names.join(", ")));
        }
        Which::In(state) => {
            values.extend(args![state.as_str()]);
            conditions.push(format!("state = ${}", values.len()));
        }
    }
    if let Some(place) = after {
        let n = values.len();
        values.extend(args![place.band.number(), place.rank_at, place.created_at, place.id]);
        conditions.push(format!(
            "(band, rank_at, created_at, id) > (${}, ${}, ${}, ${})",
            n + 1,
            n + 2,
            n + 3,
            n + 4
        ));
    }
    let sql = format!(
        "SELECT {COLUMNS} FROM callback WHERE {} ORDER BY band, rank_at, created_at, id LIMIT $1",
        conditions.join(" AND ")
    );
    let mut found = read_all(db, db.all(&sql, values).await?).await?;
    found.sort_by_key(|c| (c.band, c.callback.rank_at(), c.callback.created_at, c.callback.id));
    Ok(found)
}
