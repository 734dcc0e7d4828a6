//! One way to take due work, for every table that waits: lease and fence, on both databases.
//!
//! A lease is no promise. It only keeps two workers from doing the same thing at once; that nothing is
//! done twice is held by unique keys, fences and checked row counts.

use super::sql::args;
use super::wakes::AFTER_IMPORT;
use super::{Store, StoreError, Tx};
use domain::time::{Instant, MachineInstant, Span};

/// A table with due work: key column, due column (business time) and which rows wait.
#[derive(Debug, Clone, Copy)]
pub struct Claimable {
    pub table: &'static str,
    pub key: &'static str,
    pub due: &'static str,
    /// SQL condition on the rows that wait.
    pub waiting: &'static str,
    /// The SQL of an instant (`due`) since which, or from which on, more rows come to be due.
    pub beside: Option<&'static str>,
}

impl Claimable {
    /// The SQL of the earliest instant at which anything of it is due.
    pub fn next_due_sql(&self) -> String {
        earliest_sql(std::slice::from_ref(self))
    }

    /// The SQL of the keys that are due at `$3`, by lease free at `$4`, earliest first and `$5` at the most.
    pub fn due_rows_sql(&self) -> String {
        let Self { table, key, due, waiting, .. } = self;
        format!(
            "SELECT {key} FROM {table} WHERE {waiting} AND {due} <= $3 \
             AND (leased_until IS NULL OR leased_until <= $4) ORDER BY {due}, {key} LIMIT $5"
        )
    }
}

/// Everything that waits for a due time under a lease. The virtual clock steps to the earliest of these.
pub mod waiting {
    use super::Claimable;

    pub const CUSTOMERS: Claimable = Claimable {
        table: "customer_due",
        key: "customer_id",
        due: "due_at",
        waiting: "failed IS NULL",
        beside: Some(crate::store::epoch::MARKING_SINCE),
    };
    pub const TRIGGERS: Claimable = Claimable {
        table: "trigger_queue",
        key: "id",
        due: "due_at",
        waiting: "failed IS NULL",
        beside: None,
    };
    pub const OCCURRENCES: Claimable = Claimable {
        table: "occurrence",
        key: "id",
        due: "due_at",
        waiting: "state IN ('scheduled', 'open')",
        beside: None,
    };
    pub const ENROLLMENTS: Claimable = Claimable {
        table: "enrollment",
        key: "id",
        due: "wake_at",
        waiting: "state = 'active'",
        beside: None,
    };
    /// `sending` is not among them: what was begun is never begun again.
    pub const TOUCHPOINTS: Claimable = Claimable {
        table: "touchpoint",
        key: "id",
        due: "not_before",
        waiting: "state IN ('planned', 'deferred', 'queued')",
        beside: None,
    };

    pub const ALL: [Claimable; 5] = [CUSTOMERS, TRIGGERS, OCCURRENCES, ENROLLMENTS, TOUCHPOINTS];
}

/// One leased row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claimed {
    pub key: i64,
    pub due_at: Instant,
    /// Whoever changes the row checks this; it rises with every claim.
    pub fence: i64,
}

/// Who claims, and for how long.
#[derive(Debug, Clone)]
pub struct Lease {
    pub owner: String,
    pub length: Span,
}

impl Store {
    /// Leases up to `limit` rows due at `now`, earliest first; rows under a live lease are passed over.
    pub async fn claim(
        &self,
        what: Claimable,
        now: Instant,
        lease: &Lease,
        limit: i64,
    ) -> Result<Vec<Claimed>, StoreError> {
        let machine = self.machine_now().await?;
        let lease = lease.clone();
        self.write(super::Lane::Work, move |tx| Box::pin(claim(tx, what, now, machine, lease, limit))).await
    }

    /// The earliest instant at which anything of `what` is due; `None` where nothing waits.
    pub async fn next_due(&self, what: Claimable) -> Result<Option<Instant>, StoreError> {
        self.earliest_due(&[what]).await
    }

    /// The earliest instant at which anything of `queues` is due.
    pub async fn earliest_due(&self, queues: &[Claimable]) -> Result<Option<Instant>, StoreError> {
        let due = self.reader().number(&earliest_sql(queues), vec![]).await?.map(Instant::from_micros);
        Ok(due.filter(|due| *due < AFTER_IMPORT))
    }
}

fn earliest_sql(queues: &[Claimable]) -> String {
    format!("SELECT MIN(due) FROM ({}) q", dues_sql(queues))
}

/// The SQL of one instant a row: when each of `queues` is due next.
pub(super) fn dues_sql(queues: &[Claimable]) -> String {
    let one = |Claimable { table, due, waiting, beside, .. }: &Claimable| {
        let beside = beside.map_or_else(String::new, |sql| format!(" UNION ALL {sql}"));
        format!("SELECT MIN({due}) AS due FROM {table} WHERE {waiting}{beside}")
    };
    queues.iter().map(one).collect::<Vec<_>>().join(" UNION ALL ")
}

async fn claim(
    tx: &Tx,
    what: Claimable,
    now: Instant,
    machine: MachineInstant,
    lease: Lease,
    limit: i64,
) -> Result<Vec<Claimed>, StoreError> {
    let Claimable { table, key, due, .. } = what;
    if !tx.is_postgres() {
        super::meta::raise_machine_high_water(tx, machine).await?;
    }
    let until = machine + lease.length;
    let due_rows = what.due_rows_sql();
    let set = "leased_until = $1, lease_owner = $2, fence = fence + 1";
    let sql = if tx.is_postgres() {
        format!(
            "WITH due_rows AS MATERIALIZED ({due_rows} FOR UPDATE SKIP LOCKED) \
             UPDATE {table} SET {set} FROM due_rows WHERE {table}.{key} = due_rows.{key} \
             RETURNING {table}.{key} AS claimed, {table}.{due} AS due, {table}.fence AS fence"
        )
    } else {
        format!(
            "UPDATE {table} SET {set} WHERE {key} IN ({due_rows}) \
             RETURNING {key} AS claimed, {due} AS due, fence AS fence"
        )
    };
    let rows = tx.all(&sql, args![until, lease.owner, now, machine, limit]).await?;
    let mut claimed = rows
        .iter()
        .map(|row| Ok(Claimed { key: row.int("claimed")?, due_at: row.at("due")?, fence: row.int("fence")? }))
        .collect::<Result<Vec<_>, StoreError>>()?;
    if claimed.len() as i64 > limit {
        return Err(StoreError::RowsAffected {
            what: "claim",
            expected: limit.unsigned_abs(),
            actual: claimed.len() as u64,
        });
    }
    claimed.sort_by_key(|c| (c.due_at, c.key));
    Ok(claimed)
}

/// Gives a leased row back without having changed it; nothing happens if the lease was lost meanwhile.
pub async fn release(tx: &Tx, what: Claimable, claimed: Claimed) -> Result<(), StoreError> {
    let Claimable { table, key, .. } = what;
    let sql =
        format!("UPDATE {table} SET leased_until = NULL, lease_owner = NULL WHERE {key} = $1 AND fence = $2");
    tx.exec(&sql, args![claimed.key, claimed.fence]).await?;
    Ok(())
}
