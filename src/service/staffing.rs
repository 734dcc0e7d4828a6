//! Who works when: active staff with their shifts, and the calendars they work by, kept in memory until one
//! of them changes. Reading them anew for each pull would cost more than the pull.

use super::ServiceError;
use crate::store::{Db, Store, StoreError, calendars, meta, shifts, shops, staff};
use chrono_tz::Tz;
use domain::calendar::Calendar;
use domain::callback::{Agent, Level, OwnerChance, Shift};
use domain::ids::StaffId;
use domain::time::{Instant, Span};
use std::sync::{Arc, Mutex, PoisonError};

/// Keys of the calendars everybody works by.
const WORKING_DAYS: &str = "working_days";
const SERVICE_HOURS: &str = "service_hours";
/// Shifts kept around the instant of reading, and how long they do without reading again.
const SHIFTS_BEFORE: Span = Span::days(15);
const SHIFTS_AFTER: Span = Span::days(22);
const FRESH_FOR: Span = Span::days(1);

/// A member of staff who calls customers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// With the shifts of about two weeks before and three after the reading.
    pub agent: Agent,
    pub key: String,
    pub name: String,
}

/// The staffing as read at one instant.
#[derive(Debug)]
pub struct Staffing {
    epoch: i64,
    read_at: Instant,
    /// Promises in working days.
    pub working_days: Calendar,
    /// Business minutes: rings and leases.
    pub service_hours: Calendar,
    members: Vec<Member>,
}

impl Staffing {
    async fn read(db: &Db, shop_key: &str, now: Instant, epoch: i64) -> Result<Self, ServiceError> {
        let shop = shops::find(db, shop_key).await?;
        // Without a shop there is no customer either, and nothing the zone could decide.
        let zone = shop.map_or(Tz::UTC, |row| row.shop.zone);
        let rostered = shifts::list_between(db, now - SHIFTS_BEFORE, now + SHIFTS_AFTER).await?;
        let mut members = Vec::new();
        for row in staff::list_active(db).await? {
            let own = rostered.iter().filter(|s| s.staff_id == row.id);
            let own = own.map(|s| Shift { from: s.starts_at, until: s.ends_at }).collect();
            members.push(member(row, own)?);
        }
        Ok(Self {
            epoch,
            read_at: now,
            working_days: calendar(db, WORKING_DAYS, Calendar::default_working_days(zone)).await?,
            service_hours: calendar(db, SERVICE_HOURS, Calendar::default_service_hours(zone)).await?,
            members,
        })
    }

    fn serves(&self, epoch: i64, now: Instant) -> bool {
        self.epoch == epoch && self.read_at <= now && now < self.read_at + FRESH_FOR
    }

    /// Active staff, by id.
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    pub fn member(&self, id: StaffId) -> Option<&Member> {
        self.members.iter().find(|m| m.agent.id == id)
    }

    /// What can be expected of ring 0's agent in an episode from `ready_since` until `due`.
    pub fn owner_chance(&self, owner: Option<StaffId>, ready_since: Instant, due: Instant) -> OwnerChance {
        let agent = owner.and_then(|id| self.member(id)).map(|m| &m.agent);
        OwnerChance::of(agent, ready_since, due)
    }
}

fn member(row: staff::StaffRow, shifts: Vec<Shift>) -> Result<Member, ServiceError> {
    let staff::StaffRow { id, staff } = row;
    let unreadable = |column: &str, what: &str| StoreError::Corrupt {
        table: "staff".to_owned(),
        column: column.to_owned(),
        row: id.0.to_string(),
        detail: format!("\"{what}\" can't be"),
    };
    let count = |column: &str, n: i64| u32::try_from(n).map_err(|_| unreadable(column, &n.to_string()));
    let agent = Agent {
        id,
        level: Level::parse(&staff.level).ok_or_else(|| unreadable("level", &staff.level))?,
        skills: staff.skills,
        team: staff.team,
        capacity_held: count("capacity_held", staff.capacity_held)?,
        calls_per_day: count("calls_per_day", staff.calls_per_day)?,
        shifts,
    };
    Ok(Member { agent, key: staff.key, name: staff.name })
}

async fn calendar(db: &Db, key: &str, default: Calendar) -> Result<Calendar, ServiceError> {
    let Some(row) = calendars::find(db, key).await? else { return Ok(default) };
    Calendar::from_document(&row.document).map_err(|problems| {
        let said = problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
        ServiceError::Internal(format!("calendar {key} as stored can't be read: {said}"))
    })
}

/// The last reading, shared by everybody who has the same book open.
#[derive(Debug, Clone, Default)]
pub struct StaffingMemory(Arc<Mutex<Option<Arc<Staffing>>>>);

impl StaffingMemory {
    /// The staffing at `now`, as committed; read again only after a change or a day.
    pub async fn at(
        &self,
        store: &Store,
        shop_key: &str,
        now: Instant,
    ) -> Result<Arc<Staffing>, ServiceError> {
        let db = store.reader();
        let epoch = meta::staffing_epoch(db).await?;
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(kept) = kept.filter(|kept| kept.serves(epoch, now)) {
            return Ok(kept);
        }
        let fresh = Arc::new(Staffing::read(db, shop_key, now, epoch).await?);
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(fresh.clone());
        Ok(fresh)
    }
}
