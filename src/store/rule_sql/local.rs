//! Conditions on local dates: every zone has its own instants, worked out before the database is asked.

use super::compare::{NEVER, instant};
use super::condition::Writer;
use chrono::NaiveDate;
use chrono_tz::Tz;
use domain::customer::Birthday;
use domain::rule::dates::{self, Stretch};
use domain::rule::{DayRange, Field};
use std::collections::{BTreeMap, BTreeSet};

/// From so many stretches on they are a table rather than a chain of ORs, whose depth the database limits.
const MOST_IN_A_CHAIN: usize = 8;

impl Writer<'_> {
    pub(super) fn days_since(&mut self, field: Field, days: DayRange) -> String {
        let now = self.asking.now;
        self.by_zone(field, |zone| dates::days_ago(days, now, zone))
    }

    pub(super) fn anniversary(&mut self, field: Field, within_days: u32) -> String {
        let (now, oldest) = (self.asking.now, self.asking.oldest);
        if field == Field::Birthday {
            return self.birthday(within_days);
        }
        self.by_zone(field, |zone| dates::come_round(&dates::coming(within_days, now, zone), oldest, zone))
    }

    fn birthday(&mut self, within_days: u32) -> String {
        let mut alike: BTreeMap<BTreeSet<NaiveDate>, Vec<Tz>> = BTreeMap::new();
        for zone in &self.asking.zones {
            alike.entry(dates::coming(within_days, self.asking.now, *zone)).or_default().push(*zone);
        }
        let each: Vec<String> = alike
            .into_iter()
            .map(|(dates, zones)| {
                let codes = self.list(Birthday::codes_on(&dates));
                format!("({} AND p.birthday_code IN ({codes}))", self.in_zones(&zones))
            })
            .collect();
        format!("(p.birthday_code IS NOT NULL AND ({}))", each.join(" OR "))
    }

    /// Where the field's instant lies in one of its zone's stretches.
    fn by_zone(&mut self, field: Field, stretches: impl Fn(Tz) -> Vec<Stretch>) -> String {
        let Some(column) = instant(field) else { return NEVER.to_owned() };
        let mut alike: BTreeMap<Vec<Stretch>, Vec<Tz>> = BTreeMap::new();
        for zone in &self.asking.zones {
            alike.entry(stretches(*zone)).or_default().push(*zone);
        }
        let each: Vec<String> = alike
            .into_iter()
            .filter(|(stretches, _)| !stretches.is_empty())
            .map(|(stretches, zones)| {
                format!("({} AND {})", self.in_zones(&zones), self.in_stretches(column, &stretches))
            })
            .collect();
        if each.is_empty() {
            return NEVER.to_owned();
        }
        let there = match field {
            Field::RegisteredAt => self.registered(),
            _ => format!("{column} IS NOT NULL"),
        };
        format!("({there} AND ({}))", each.join(" OR "))
    }

    fn in_zones(&mut self, zones: &[Tz]) -> String {
        format!("p.zone IN ({})", self.list(zones.iter().map(|zone| zone.name())))
    }

    fn in_stretches(&mut self, column: &str, stretches: &[Stretch]) -> String {
        if stretches.len() <= MOST_IN_A_CHAIN {
            let each: Vec<String> =
                stretches.iter().map(|(from, until)| self.between(column, *from, *until)).collect();
            return format!(
                "({})",
                each.iter().map(|one| format!("({one})")).collect::<Vec<_>>().join(" OR ")
            );
        }
        let rows: Vec<String> = stretches
            .iter()
            .map(|(from, until)| {
                let from = self.bind(from.unwrap_or(domain::time::Instant::MIN));
                let until = self.bind(until.unwrap_or(domain::time::Instant::MAX));
                format!("SELECT {from} AS begins, {until} AS ends")
            })
            .collect();
        let table = rows.join(" UNION ALL ");
        format!("EXISTS (SELECT 1 FROM ({table}) s WHERE {column} >= s.begins AND {column} < s.ends)")
    }
}
