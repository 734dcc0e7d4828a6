//! Staff: the people callbacks go to and whose names stand behind decisions. Their shifts are another file's.

use super::sql::Row;
use super::sql::{args, json};
use super::{Db, StoreError, Tx};
use domain::ids::StaffId;

/// A member of staff. Words (`role`, `level`, `state`) as the schema lists them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StaffRow {
    pub id: StaffId,
    pub staff: Staff,
}

/// What is declared about one.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Staff {
    pub key: String,
    pub name: String,
    pub email: Option<String>,
    /// agent | supervisor | marketer | analyst | admin
    pub role: String,
    /// junior | senior | supervisor | manager
    pub level: String,
    pub team: Option<String>,
    pub skills: Vec<String>,
    /// Callbacks held at once.
    pub capacity_held: i64,
    pub calls_per_day: i64,
    /// active | disabled
    pub state: String,
}

const COLUMNS: &str = "id, key, name, email, role, level, team, skills, capacity_held, calls_per_day, state";

fn read(row: &Row) -> Result<StaffRow, StoreError> {
    let id = row.int("id")?;
    Ok(StaffRow {
        id: StaffId(id),
        staff: Staff {
            key: row.text("key")?,
            name: row.text("name")?,
            email: row.opt_text("email")?,
            role: row.text("role")?,
            level: row.text("level")?,
            team: row.opt_text("team")?,
            skills: json("staff", "skills", id, &row.text("skills")?)?,
            capacity_held: row.int("capacity_held")?,
            calls_per_day: row.int("calls_per_day")?,
            state: row.text("state")?,
        },
    })
}

pub async fn find(db: &Db, key: &str) -> Result<Option<StaffRow>, StoreError> {
    let row = db.one(&format!("SELECT {COLUMNS} FROM staff WHERE key = $1"), args![key]).await?;
    row.as_ref().map(read).transpose()
}

pub async fn list(db: &Db) -> Result<Vec<StaffRow>, StoreError> {
    let rows = db.all(&format!("SELECT {COLUMNS} FROM staff ORDER BY key"), vec![]).await?;
    rows.iter().map(read).collect()
}

/// Everybody callbacks may go to.
pub async fn list_active(db: &Db) -> Result<Vec<StaffRow>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM staff WHERE state = 'active' ORDER BY id");
    db.all(&sql, vec![]).await?.iter().map(read).collect()
}

/// Writes the member of staff over the one of its key, and makes the row that is locked while one pulls.
pub async fn put(tx: &Tx, staff: &Staff) -> Result<StaffId, StoreError> {
    let skills = serde_json::Value::from(staff.skills.clone()).to_string();
    let sql = "INSERT INTO staff (key, name, email, role, level, team, skills, capacity_held, calls_per_day, state) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (key) DO UPDATE SET \
               name = excluded.name, email = excluded.email, role = excluded.role, level = excluded.level, \
               team = excluded.team, skills = excluded.skills, capacity_held = excluded.capacity_held, \
               calls_per_day = excluded.calls_per_day, state = excluded.state RETURNING id";
    let s = staff.clone();
    let args = args![
        s.key,
        s.name,
        s.email,
        s.role,
        s.level,
        s.team,
        skills,
        s.capacity_held,
        s.calls_per_day,
        s.state
    ];
    let row = tx.one(sql, args).await?;
    let row = row.ok_or(StoreError::RowsAffected { what: "staff", expected: 1, actual: 0 })?;
    let id = StaffId(row.int("id")?);
    let load = "INSERT INTO agent_load (staff_id, held, calls_on, calls) VALUES ($1, 0, '', 0) \
                ON CONFLICT (staff_id) DO NOTHING";
    tx.exec(load, args![id]).await?;
    super::meta::raise_staffing_epoch(tx).await?;
    Ok(id)
}
