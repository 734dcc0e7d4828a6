//! Random rules over every kind of leaf, and a second, slow reading of them for tests: it looks at one instant only, at
//! what the numbers are there and at what had happened by then, and knows no timelines. The numbers themselves are held to
//! the facts by `customer::aggregates_tests`.

use super::{
    Age, Comparison, DayRange, Field, FieldKind, Rule, ScoreNumber, Share as Part, TagTest, TextTest, event,
    record,
};
use crate::customer::fixture::day;
use crate::customer::{Bearer, Profile};
use crate::event::own::Own;
use crate::event::{Detail, Event, Fact};
use crate::text::fold;
use crate::time::{Instant, Span, add_days};
use chrono::{Datelike, NaiveDate};
use proptest::prelude::*;
use std::collections::BTreeSet;

/// What there is to see at an instant.
pub(crate) struct Seen<'a> {
    pub now: Instant,
    pub profile: &'a Profile,
    pub events: &'a [Event],
    pub bearer: Bearer,
    pub tag: &'a dyn Fn(&str) -> Had,
}

/// A tag's value, and since when it has had it.
pub(crate) type Had = (Option<String>, Option<Instant>);

/// What a field is.
enum Is {
    Nothing,
    /// A fraction of what rules write.
    Number(i128, i128),
    At(Instant),
    Word(String),
}

/// Whether the rule holds there.
pub(crate) fn holds(rule: &Rule, seen: &Seen<'_>) -> bool {
    match rule {
        Rule::All(rules) => rules.iter().all(|rule| holds(rule, seen)),
        Rule::Any(rules) => rules.iter().any(|rule| holds(rule, seen)),
        Rule::Not(rule) => !holds(rule, seen),
        Rule::Profile { field, test } => match seen.field(*field) {
            Is::Nothing => matches!(test, Comparison::Absent),
            Is::Number(part, whole) => compares(test, part, whole),
            Is::At(at) => compares(test, i128::from(at.micros()), 1),
            Is::Word(_) => matches!(test, Comparison::Present),
        },
        Rule::Score { number, test } => match seen.scored(*number) {
            Some(n) => compares(test, i128::from(n), 1),
            None => matches!(test, Comparison::Absent),
        },
        Rule::Text { field, test } => match seen.field(*field) {
            Is::Word(word) => is_word(test, &fold(&word)),
            _ => matches!(test, TextTest::Absent),
        },
        Rule::Ago { field, age } => match seen.field(*field) {
            Is::At(at) => is_old(*age, seen.now, at),
            _ => false,
        },
        Rule::DaysSince { field, days } => match seen.field(*field) {
            Is::At(at) => {
                let gone = (seen.today() - at.local_date(seen.bearer.zone)).num_days();
                days.from.is_none_or(|from| gone >= i64::from(from))
                    && days.to.is_none_or(|to| gone <= i64::from(to))
            }
            _ => false,
        },
        Rule::Anniversary { field, within_days } => {
            (0..=i64::from(*within_days)).any(|ahead| seen.comes_round(*field, add_days(seen.today(), ahead)))
        }
        Rule::Event(test) => event::brute::holds(test, seen),
        Rule::Record(test) => record::brute::holds(test, seen),
        Rule::Share(share) => share.draw(seen.bearer.id) < share.bound(),
        Rule::Tag { key, test, since } => {
            let (value, from) = (seen.tag)(key);
            let is = match (&value, test) {
                (None, test) => matches!(test, TagTest::Absent),
                (Some(value), TagTest::Eq(wanted)) => value == wanted,
                (Some(value), TagTest::Ne(other)) => value != other,
                (Some(value), TagTest::In(list)) => list.contains(value),
                (Some(_), TagTest::Present) => true,
                (Some(_), TagTest::Absent) => false,
            };
            is && since.is_none_or(|age| from.is_some_and(|from| is_old(age, seen.now, from)))
        }
        Rule::Segment { key, since } => {
            let (value, from) = (seen.tag)(&format!("segment:{key}"));
            let long = |age| from.is_some_and(|from| is_old(age, seen.now, from));
            value.is_some() && since.is_none_or(long)
        }
    }
}

pub(super) fn is_old(age: Age, now: Instant, at: Instant) -> bool {
    match age {
        Age::Within(span) => now - at < span,
        Age::OlderThan(span) => now - at >= span,
    }
}

pub(super) fn compares(test: &Comparison<i64>, part: i128, whole: i128) -> bool {
    let at = |operand: &i64| part - i128::from(*operand) * whole;
    match test {
        Comparison::Eq(n) => at(n) == 0,
        Comparison::Ne(n) => at(n) != 0,
        Comparison::Lt(n) => at(n) < 0,
        Comparison::Lte(n) => at(n) <= 0,
        Comparison::Gt(n) => at(n) > 0,
        Comparison::Gte(n) => at(n) >= 0,
        Comparison::In(list) => list.iter().any(|n| at(n) == 0),
        Comparison::Between(low, high) => at(low) >= 0 && at(high) <= 0,
        Comparison::Present => true,
        Comparison::Absent => false,
    }
}

pub(super) fn is_word(test: &TextTest, word: &str) -> bool {
    match test {
        TextTest::Eq(wanted) => word == fold(wanted),
        TextTest::Ne(other) => word != fold(other),
        TextTest::In(list) => list.iter().any(|wanted| word == fold(wanted)),
        TextTest::Contains(part) => word.contains(&fold(part)),
        TextTest::StartsWith(part) => word.starts_with(&fold(part)),
        TextTest::Present => true,
        TextTest::Absent => false,
    }
}

impl Seen<'_> {
    /// The latest local date that has begun: where clocks go back over midnight, the later of the two.
    fn today(&self) -> NaiveDate {
        let shown = self.now.local_date(self.bearer.zone);
        let next = add_days(shown, 1);
        if Instant::first_of(next, self.bearer.zone) <= self.now { next } else { shown }
    }

    /// Whether the field's day of the year is on this date.
    fn comes_round(&self, field: Field, on: NaiveDate) -> bool {
        let leap = NaiveDate::from_ymd_opt(on.year(), 2, 29).is_some();
        let same = |month: u32, day: u32| {
            let day = if (month, day) == (2, 29) && !leap { 28 } else { day };
            (on.month(), on.day()) == (month, day)
        };
        match (field, self.field(field)) {
            (Field::Birthday, Is::Word(written)) => {
                let mut parts = written.rsplit('-').map(|part| part.parse().expect("digits"));
                let (day, month) = (parts.next().expect("a day"), parts.next().expect("a month"));
                same(month, day)
            }
            (_, Is::At(at)) => {
                let date = at.local_date(self.bearer.zone);
                on.year() > date.year() && same(date.month(), date.day())
            }
            _ => false,
        }
    }

    /// Whether they let us personalise: the last word on each channel.
    pub(crate) fn personalised(&self) -> bool {
        let mut said: Vec<&Event> =
            self.events.iter().filter(|event| event.occurred_at <= self.now).collect();
        said.sort_by_key(|event| (event.occurred_at, &event.message_id));
        let mut refused: BTreeSet<&str> = BTreeSet::new();
        for event in said {
            if let Fact::ConsentChanged { channel, purpose, granted } = &event.fact
                && purpose == "personalization"
            {
                if *granted {
                    refused.remove(channel.as_str())
                } else {
                    refused.insert(channel.as_str())
                };
            }
        }
        refused.is_empty()
    }

    /// The number that the last run gave.
    fn scored(&self, number: ScoreNumber) -> Option<i64> {
        let said = self.events.iter().filter(|event| event.occurred_at <= self.now).filter_map(|event| {
            let Some(Detail::Own(own)) = &event.detail else { return None };
            let Own::ScoreSettled(settled) = &**own else { return None };
            let stamp = (event.occurred_at, &event.message_id);
            (settled.score == number.score()).then(|| (stamp, settled.parts.get(number.as_str()).copied()))
        });
        said.max_by_key(|(stamp, _)| *stamp).and_then(|(_, n)| n).filter(|_| self.personalised())
    }

    fn field(&self, field: Field) -> Is {
        let (p, more) = (self.profile, &self.profile.more);
        let count = |n: i64| Is::Number(i128::from(n), 1);
        let known = |n: Option<i64>| n.map_or(Is::Nothing, count);
        // Rules write millionths of a yuan, the profile counts fen.
        let money = |fen: i64| Is::Number(i128::from(fen) * 10_000, 1);
        let part = |part: i64, whole: i64, of: i128| match whole {
            ..=0 => Is::Nothing,
            _ => Is::Number(i128::from(part) * of, i128::from(whole)),
        };
        let share = |n: i64, whole: i64| part(n, whole, 1_000_000);
        let at = |at: Option<Instant>| at.map_or(Is::Nothing, Is::At);
        let word = |word: &Option<String>| word.clone().map_or(Is::Nothing, Is::Word);
        match field {
            Field::Spend365 => money(p.spend_365_minor),
            Field::SpendEver => money(p.spend_ever_minor),
            Field::Orders365 => count(p.orders_365),
            Field::OrdersEver => count(p.orders_ever),
            Field::OrderDays => count(p.order_days),
            Field::FirstOrderAt => at(p.first_order_at),
            Field::LastOrderAt => at(p.last_order_at),
            Field::AvgOrder365 => part(more.counted_net_365_minor, p.orders_365, 10_000),
            Field::RefundRate365 => share(more.refunded_365_minor, more.gross_365_minor),
            Field::CouponShare365 => share(more.coupon_orders_365, p.orders_365),
            Field::MedianGapDays => more.gap_halves.map_or(Is::Nothing, |halves| share(halves, 2)),
            Field::ActiveHour => known(more.active_hour),
            Field::Lines365 => count(more.lines_365),
            Field::TopCategory => word(&more.top_category),
            Field::TopCategoryShare => share(more.top_category_lines, more.lines_365),
            Field::TopStyle => word(&more.top_style),
            Field::TopStyleShare => share(more.top_style_lines, more.lines_365),
            Field::TopBrand => word(&more.top_brand),
            Field::TopBrandShare => share(more.top_brand_lines, more.lines_365),
            Field::OpenComplaints => count(p.open_complaints),
            Field::Complaints90 => count(p.complaints_90),
            Field::Complaints365 => count(p.complaints_365),
            Field::ComplaintClosedAt => at(more.complaint_closed_at),
            Field::Tickets => count(p.tickets),
            Field::Reviews => count(more.reviews),
            Field::ReviewMean => part(more.review_milli, more.reviews, 1_000),
            Field::CsatLast => known(more.csat_last),
            Field::CsatMean => share(more.csat_sum, more.csat_count),
            Field::NpsLast => known(more.nps_last),
            Field::NpsMean => share(more.nps_sum, more.nps_count),
            Field::UnhappyAt => at(more.unhappy_at),
            Field::RecommendedAt => at(more.recommended_at),
            Field::LastContactAt => at(more.last_contact_at),
            Field::LastInboundAt => at(more.last_inbound_at),
            Field::PreferredChannel => word(&more.preferred_channel),
            Field::WonBackAt => at(more.won_back_at),
            Field::RegisteredAt => at(self.bearer.registered_at.filter(|at| *at <= self.now)),
            Field::Birthday => self.bearer.birthday.map_or(Is::Nothing, |day| Is::Word(day.to_string())),
        }
    }

    /// What a field is as a tag's value, where a tag is what a field is.
    pub(crate) fn word(&self, field: Field) -> Option<String> {
        match self.field(field) {
            Is::Word(word) => Some(word),
            Is::Number(n, 1) => Some(n.to_string()),
            _ => None,
        }
    }
}

fn fields(of: &'static [FieldKind]) -> impl Strategy<Value = Field> {
    let all: Vec<Field> = Field::ALL.iter().copied().filter(|field| of.contains(&field.kind())).collect();
    prop::sample::select(all)
}

/// Operands near what the stories come to, and now and then at the ends of the range.
fn operand(kind: FieldKind) -> BoxedStrategy<i64> {
    let usual = match kind {
        FieldKind::Money => (-8i64..60).prop_map(|n| n * 500_000).boxed(),
        FieldKind::Count => (-1i64..9).boxed(),
        FieldKind::Share => (0i64..11).prop_map(|n| n * 100_000).boxed(),
        FieldKind::Number => (0i64..20).prop_map(|n| n * 500_000).boxed(),
        FieldKind::Instant => (-10i64..300).prop_map(|n| (day(0) + Span::hours(6 * n)).micros()).boxed(),
        FieldKind::Text | FieldKind::Birthday => Just(0).boxed(),
    };
    let ends = prop::sample::select(vec![i64::MIN, -1, 0, 1, i64::MAX]);
    prop_oneof![19 => usual, 1 => ends].boxed()
}

pub(super) fn comparison(kind: FieldKind) -> BoxedStrategy<Comparison<i64>> {
    let number = || operand(kind);
    let there = prop_oneof![Just(Comparison::Present), Just(Comparison::Absent)];
    if matches!(kind, FieldKind::Text | FieldKind::Birthday) {
        return there.boxed();
    }
    let between = (number(), number()).prop_map(|(a, b)| Comparison::Between(a.min(b), a.max(b)));
    prop_oneof![
        number().prop_map(Comparison::Eq),
        number().prop_map(Comparison::Ne),
        number().prop_map(Comparison::Lt),
        number().prop_map(Comparison::Lte),
        number().prop_map(Comparison::Gt),
        number().prop_map(Comparison::Gte),
        prop::collection::vec(number(), 1..4).prop_map(Comparison::In),
        between,
        there,
    ]
    .boxed()
}

pub(super) fn age() -> impl Strategy<Value = Age> {
    let span = prop_oneof![
        9 => (1i64..240).prop_map(|n| Span::hours(6 * n)),
        1 => Just(Span::days(36_525)),
    ];
    (span, any::<bool>())
        .prop_map(|(span, within)| if within { Age::Within(span) } else { Age::OlderThan(span) })
}

fn leaf() -> impl Strategy<Value = Rule> {
    use FieldKind::{Birthday, Count, Instant as At, Money, Number, Share, Text};
    let profile = fields(&[Money, Count, Share, Number, At, Birthday])
        .prop_flat_map(|field| (Just(field), comparison(field.kind())))
        .prop_map(|(field, test)| Rule::Profile { field, test });
    let score = prop::sample::select(ScoreNumber::ALL.to_vec())
        .prop_flat_map(|number| (Just(number), comparison(number.kind())))
        .prop_map(|(number, test)| Rule::Score { number, test });
    let word =
        || prop::sample::select(vec!["lip", "EYE", "ｓｋｉｎ", "i", "email", ""]).prop_map(str::to_owned);
    let text_test = prop_oneof![
        word().prop_map(TextTest::Eq),
        word().prop_map(TextTest::Ne),
        prop::collection::vec(word(), 1..3).prop_map(TextTest::In),
        word().prop_map(TextTest::Contains),
        word().prop_map(TextTest::StartsWith),
        Just(TextTest::Present),
        Just(TextTest::Absent),
    ];
    let text = (fields(&[Text]), text_test).prop_map(|(field, test)| Rule::Text { field, test });
    let ago = (fields(&[At]), age()).prop_map(|(field, age)| Rule::Ago { field, age });
    let number = || prop_oneof![9 => 0u32..300, 1 => Just(36_525u32)];
    let days = (prop::option::of(number()), prop::option::of(number())).prop_map(|(from, to)| DayRange {
        from: from.or(if to.is_none() { Some(0) } else { None }),
        to: to.map(|to| to.max(from.unwrap_or(0))),
    });
    let days = (fields(&[At]), days).prop_map(|(field, days)| Rule::DaysSince { field, days });
    let round = (fields(&[At, Birthday]), 0u32..=182)
        .prop_map(|(field, within_days)| Rule::Anniversary { field, within_days });
    let event = event::brute::any_test().prop_map(Rule::Event);
    let value = || prop::sample::select(vec!["none", "gold", "true"]).prop_map(str::to_owned);
    let tag_test = prop_oneof![
        value().prop_map(TagTest::Eq),
        value().prop_map(TagTest::Ne),
        prop::collection::vec(value(), 1..3).prop_map(TagTest::In),
        Just(TagTest::Present),
        Just(TagTest::Absent),
    ];
    let tag = (prop::sample::select(vec!["value_tier", "vip"]), tag_test, prop::option::of(age()))
        .prop_map(|(key, test, since)| Rule::Tag { key: key.to_owned(), test, since });
    let share = (1i64..=1_000_000, prop::sample::select(vec!["a", "b"]))
        .prop_map(|(millionths, salt)| Rule::Share(Part { millionths, salt: salt.to_owned() }));
    let segment = (prop::sample::select(vec!["loyal", "nobody"]), prop::option::of(age()))
        .prop_map(|(key, since)| Rule::Segment { key: key.to_owned(), since });
    let record = record::brute::any_test().prop_map(Rule::Record);
    prop_oneof![
        4 => profile, 4 => record, 1 => score, 1 => text, 2 => ago, 3 => days, 2 => round, 5 => event, 1 => tag, 1 => segment,
        1 => share
    ]
}

/// Any rule over any kind of leaf.
pub(crate) fn any_rule() -> impl Strategy<Value = Rule> {
    leaf().prop_recursive(5, 24, 4, |inner| {
        let several = || prop::collection::vec(inner.clone(), 1..4);
        prop_oneof![
            several().prop_map(Rule::All),
            several().prop_map(Rule::Any),
            inner.clone().prop_map(|rule| Rule::Not(Box::new(rule))),
        ]
    })
}
