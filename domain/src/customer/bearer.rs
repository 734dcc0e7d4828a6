//! What is known of a customer beside what happened, and since when it has been known. What follows from it is the
//! rules' to say.

use super::{AccountKind, Birthday};
use crate::event::TraitBook;
use crate::ids::CustomerId;
use crate::time::Instant;
use chrono_tz::Tz;
use serde_json::{Map, Value};

/// What is known of a customer beside their events, and decides what these amount to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bearer {
    /// Who it is: what stable shares of the book are drawn by.
    pub id: CustomerId,
    /// The customer's own zone, else the shop's.
    pub zone: Tz,
    pub account: AccountKind,
    /// As it is known, as if it had never been another.
    pub birthday: Option<Birthday>,
    pub registered_at: Option<Instant>,
}

impl Bearer {
    /// An ordinary customer in that zone of whom no more is known, not even who it is.
    pub const fn consumer(zone: Tz) -> Self {
        Self { id: CustomerId(0), zone, account: AccountKind::Consumer, birthday: None, registered_at: None }
    }
}

/// What is known of a customer beside their events, as it became known: what somebody said in May makes no day of April
/// another, however late it is looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bearers {
    first: Bearer,
    /// Known from then on, in order.
    later: Vec<(Instant, Bearer)>,
}

/// What an identify said of a customer.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    pub received_at: Instant,
    pub occurred_at: Instant,
    pub message_id: String,
    pub traits: Map<String, Value>,
}

impl Bearers {
    /// What follows from all that was said of somebody, in whatever order it is given. Kinds of account are named, not
    /// said: it is of this one throughout.
    pub fn by_word(id: CustomerId, account: AccountKind, shop_zone: Tz, mut told: Vec<Told>) -> Self {
        told.sort_by_key(|one| one.received_at);
        let first = Bearer { id, account, ..Bearer::consumer(shop_zone) };
        let (mut book, mut later) = (TraitBook::default(), Vec::with_capacity(told.len()));
        for one in told {
            book.absorb(one.occurred_at, &one.message_id, &one.traits);
            let bearer = Bearer {
                id,
                zone: book.zone().unwrap_or(shop_zone),
                birthday: book.birthday(),
                registered_at: book.registered_at(shop_zone),
                account,
            };
            later.push((one.received_at, bearer));
        }
        Self { first, later }
    }

    /// What was known at an instant, by all that had been received by then.
    pub fn at(&self, known_at: Instant) -> Bearer {
        let known = self.later.partition_point(|(at, _)| *at <= known_at);
        known.checked_sub(1).map_or(self.first, |last| self.later[last].1)
    }
}

impl From<Bearer> for Bearers {
    /// Known all along.
    fn from(first: Bearer) -> Self {
        Self { first, later: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::customer::fixture::day;
    use chrono_tz::{Asia::Shanghai, Europe::London, UTC};
    use serde_json::json;

    fn told(received: i64, occurred: i64, traits: &Value) -> Told {
        let traits = traits.as_object().expect("an object").clone();
        let message_id = format!("{received} {occurred}");
        Told { received_at: day(received), occurred_at: day(occurred), message_id, traits }
    }

    #[test]
    fn what_is_known_is_what_had_been_received_and_the_newest_of_it_counts() {
        let bearers = Bearers::by_word(
            CustomerId(7),
            AccountKind::Consumer,
            UTC,
            vec![
                told(9, 2, &json!({"timezone": "Europe/London", "created_at": "2026-01-01T00:00:00Z"})),
                told(5, 4, &json!({"timezone": "Asia/Shanghai"})),
                told(5, 3, &json!({"birthday": "05-09", "timezone": "Europe/London"})),
                told(12, 12, &json!({"timezone": "Moon/Tycho", "birthday": ""})),
            ],
        );
        let nothing = Bearer { id: CustomerId(7), ..Bearer::consumer(UTC) };
        let birthday = Birthday::parse("05-09").ok();
        assert_eq!(bearers.at(day(4)), nothing);
        let known = Bearer { zone: Shanghai, birthday, ..nothing };
        assert_eq!([5, 8].map(|n| bearers.at(day(n))), [known; 2], "of one instant the later word counts");
        let registered_at = Instant::parse("2026-01-01T00:00:00Z", UTC);
        let known = Bearer { registered_at, ..known };
        assert_eq!(bearers.at(day(9)), known, "older word of the zone came late");
        assert_eq!(bearers.at(day(12)), Bearer { zone: UTC, birthday: None, ..known });
        let always = Bearer::consumer(London);
        assert_eq!(Bearers::from(always).at(Instant::MIN), always);
    }
}
