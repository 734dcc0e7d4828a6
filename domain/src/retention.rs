//! How long things are kept (保留期限), and in which order a day's housekeeping goes. What is removed is the store's.

use crate::names::stable_names;
use crate::time::{Instant, Span};
use chrono::NaiveDate;

stable_names! {
    /// A step of a day's housekeeping, in order.
    Step {
        /// What was refused and is decided loses what it said.
        Quarantine = "quarantine",
        /// Mails kept as files go.
        Mails = "mails",
        /// What events said beside what is typed becomes a hash.
        Raw = "raw",
        /// Looks go.
        AccessLog = "access_log",
        /// Idempotency keys go.
        Idempotency = "idempotency",
        /// What was kept to look up what events say, and no rule asks for, goes.
        Properties = "properties",
        /// Who was heard of again, or was vetoed long ago, is off the list of those to be forgotten.
        Unlist = "unlist",
        /// Whom nobody has heard of for long is put on it.
        List = "list",
        /// Who was on it for long enough is forgotten.
        Forget = "forget",
    }
}

impl Step {
    pub fn first() -> Self {
        Self::ALL[0]
    }

    /// The one after it; `None` behind the last.
    pub fn next(self) -> Option<Self> {
        let place = Self::ALL.iter().position(|step| *step == self)?;
        Self::ALL.get(place + 1).copied()
    }
}

/// The last instant whose things go when they are kept for `days` of 86,400 s: what is exactly so old goes.
pub fn gone_until(now: Instant, days: u32) -> Instant {
    now - Span::days(i64::from(days))
}

/// The first day (UTC) whose mails are kept: a day goes as a whole, once its last instant is so old.
pub fn first_day_kept(now: Instant, days: u32) -> NaiveDate {
    gone_until(now, days).local_date(chrono_tz::UTC)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_steps_are_gone_through_once() {
        let mut seen = vec![Step::first()];
        while let Some(next) = seen.last().expect("begun").next() {
            seen.push(next);
        }
        assert_eq!(seen, Step::ALL);
    }

    #[test]
    fn what_is_exactly_so_old_goes_and_a_day_only_as_a_whole() {
        let at = |text| Instant::parse(text, chrono_tz::UTC).expect("an instant");
        assert_eq!(gone_until(at("2026-03-31T10:00:00Z"), 30), at("2026-03-01T10:00:00Z"));
        let first = |text| first_day_kept(at(text), 30).to_string();
        // Of 1 March the last instant is 30 d old at the first one of 1 April.
        assert_eq!(first("2026-03-31T23:59:59.999999Z"), "2026-03-01");
        assert_eq!(first("2026-04-01T00:00:00Z"), "2026-03-02");
    }
}
