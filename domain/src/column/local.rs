//! Local dates: every zone has its own instants, as SQL is asked of them.

use super::compile::{BIRTHDAY, Compiler, REGISTERED, instant};
use super::plan::{Name, Part, WordTest};
use super::ranges::joined;
use crate::customer::Birthday;
use crate::rule::dates::{self, Stretch};
use crate::rule::{DayRange, Field};
use crate::time::Instant;
use chrono::NaiveDate;
use chrono_tz::Tz;
use std::collections::{BTreeMap, BTreeSet};

const ZONE: Name = Name::Word("zone");

impl Compiler<'_> {
    pub(super) fn days_since(&self, field: Field, days: DayRange) -> Part {
        let Some(name) = instant(field) else { return Part::Always(false) };
        let mut alike: BTreeMap<Vec<Stretch>, Vec<Tz>> = BTreeMap::new();
        for zone in self.terms.zones {
            alike.entry(dates::days_ago(days, self.terms.now, *zone)).or_default().push(*zone);
        }
        self.if_registered(name.clone(), by_zone(&name, alike))
    }

    pub(super) fn anniversary(&self, field: Field, within_days: u32) -> Part {
        let mut alike: BTreeMap<BTreeSet<NaiveDate>, Vec<Tz>> = BTreeMap::new();
        for zone in self.terms.zones {
            alike.entry(dates::coming(within_days, self.terms.now, *zone)).or_default().push(*zone);
        }
        if field == Field::Birthday {
            let on = |(dates, zones): (BTreeSet<NaiveDate>, Vec<Tz>)| {
                let codes = joined(Birthday::codes_on(&dates).into_iter().map(|code| (code, code)));
                Part::All(vec![in_zones(&zones), Part::Within(BIRTHDAY, codes)])
            };
            return Part::Any(alike.into_iter().map(on).collect());
        }
        let Some(name) = instant(field) else { return Part::Always(false) };
        let round = Part::ComesRound { name: name.clone(), by_zone: alike.into_iter().collect() };
        self.if_registered(name, round)
    }

    /// Who registers in time to come isn't registered.
    fn if_registered(&self, name: Name, part: Part) -> Part {
        if name != REGISTERED {
            return part;
        }
        let by_now = Part::Within(REGISTERED, vec![(i64::MIN, self.terms.now.micros())]);
        Part::All(vec![by_now, part])
    }
}

/// Where the instant lies in one of its zone's stretches.
fn by_zone(name: &Name, alike: BTreeMap<Vec<Stretch>, Vec<Tz>>) -> Part {
    let within = |(stretches, zones): (Vec<Stretch>, Vec<Tz>)| {
        let ranges = stretches.into_iter().map(|(from, until)| {
            let high = until.map_or(i64::MAX, |until| until.micros().saturating_sub(1));
            (from.map_or(i64::MIN, Instant::micros), high)
        });
        Part::All(vec![in_zones(&zones), Part::Within(name.clone(), joined(ranges))])
    };
    Part::Any(alike.into_iter().map(within).collect())
}

fn in_zones(zones: &[Tz]) -> Part {
    Part::Word(ZONE, WordTest::Zone(zones.iter().map(|zone| zone.name()).collect()))
}

/// The same as ranges of instants, none of which is before `oldest`.
pub(super) fn come_round(name: &Name, groups: &[(BTreeSet<NaiveDate>, Vec<Tz>)], oldest: Instant) -> Part {
    let mut alike: BTreeMap<Vec<Stretch>, Vec<Tz>> = BTreeMap::new();
    for (dates, zones) in groups {
        for zone in zones {
            alike.entry(dates::come_round(dates, oldest, *zone)).or_default().push(*zone);
        }
    }
    by_zone(name, alike)
}
