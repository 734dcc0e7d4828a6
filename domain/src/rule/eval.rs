//! What a rule means for one customer: a timeline of true and false.

use super::ast::{Age, Comparison, DayRange, Rule, TagTest, TextTest};
use super::event;
use super::field::Field;
use super::record;
use super::score::ScoreNumber;
use crate::customer::profile::{Scored, Top};
use crate::customer::{Bearer, OrderRef, ProfileTimelines};
use crate::money::Currency;
use crate::segment::node_key;
use crate::text::fold as folded;
use crate::time::{Instant, add_days};
use crate::timeline::Timeline;
use chrono::{Datelike, NaiveDate};
use chrono_tz::Tz;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A tag's value; a tag without levels has `true`.
pub type TagValue = Arc<str>;
/// Tags by key and segments by their [`node_key`], over time; a customer doesn't have what is `None` or not there.
pub type TagTimelines = BTreeMap<String, Timeline<Option<TagValue>>>;

/// What a rule is evaluated against.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    pub profile: &'a ProfileTimelines,
    pub tags: &'a TagTimelines,
    /// Whose facts they are: their zone, birthday, registration.
    pub bearer: Bearer,
    /// The book's base currency.
    pub currency: Currency,
    /// Days that come round are followed up to here.
    pub horizon: Instant,
}

/// A fraction: what a mean or a share is compared by, without rounding.
pub(super) type Ratio = (i64, i64);
/// The same of what may be larger; the lower one above 0.
pub(super) type Fraction = (i128, i128);

/// An aggregate's timeline by its kind.
pub(super) enum Column<'a> {
    Minor(&'a Timeline<i64>),
    Count(&'a Timeline<i64>),
    /// A number that may be unknown.
    Known(&'a Timeline<Option<i64>>),
    /// Minor units ÷ a count; absent for a count of 0.
    MinorMean(Timeline<Option<Ratio>>),
    /// Absent where the whole is 0.
    Part(Timeline<Option<Ratio>>),
    Order(&'a Timeline<Option<OrderRef>>),
    At(&'a Timeline<Option<Instant>>),
    Fixed(Timeline<Option<Instant>>),
    Word(Timeline<Option<Arc<str>>>),
    Birthday,
}

fn over(part: &Timeline<i64>, whole: &Timeline<i64>, scale: i64) -> Timeline<Option<Ratio>> {
    part.zip_with(whole, |part, whole| (*whole > 0).then_some((*part, whole.saturating_mul(scale))))
}

fn top_word(line: &Timeline<Option<Top>>) -> Column<'static> {
    Column::Word(line.map(|top| top.as_ref().map(|top| top.value.clone())))
}

impl<'a> Context<'a> {
    pub(super) fn column(&self, field: Field) -> Column<'a> {
        let p = self.profile;
        let share = |line: &Timeline<Option<Top>>| {
            let lines = line.map(|top| top.as_ref().map_or(0, |top| top.lines));
            Column::Part(over(&lines, &p.lines_365, 1))
        };
        match field {
            Field::Spend365 => Column::Minor(&p.spend_365),
            Field::SpendEver => Column::Minor(&p.spend_ever),
            Field::Orders365 => Column::Count(&p.orders_365),
            Field::OrdersEver => Column::Count(&p.orders_ever),
            Field::OrderDays => Column::Count(&p.order_days),
            Field::FirstOrderAt => Column::Order(&p.first_order),
            Field::LastOrderAt => Column::Order(&p.last_order),
            Field::AvgOrder365 => Column::MinorMean(over(&p.counted_net_365, &p.orders_365, 1)),
            Field::RefundRate365 => Column::Part(over(&p.refunded_365, &p.gross_365, 1)),
            Field::CouponShare365 => Column::Part(over(&p.coupon_orders_365, &p.orders_365, 1)),
            Field::MedianGapDays => Column::Part(p.gap_halves.map(|halves| halves.map(|n| (n, 2)))),
            Field::ActiveHour => Column::Known(&p.active_hour),
            Field::Lines365 => Column::Count(&p.lines_365),
            Field::TopCategory => top_word(&p.top_category),
            Field::TopCategoryShare => share(&p.top_category),
            Field::TopStyle => top_word(&p.top_style),
            Field::TopStyleShare => share(&p.top_style),
            Field::TopBrand => top_word(&p.top_brand),
            Field::TopBrandShare => share(&p.top_brand),
            Field::OpenComplaints => Column::Count(&p.open_complaints),
            Field::Complaints90 => Column::Count(&p.complaints_90),
            Field::Complaints365 => Column::Count(&p.complaints_365),
            Field::ComplaintClosedAt => Column::At(&p.complaint_closed),
            Field::Tickets => Column::Count(&p.tickets),
            Field::Reviews => Column::Count(&p.reviews),
            Field::ReviewMean => Column::Part(over(&p.review_milli, &p.reviews, 1_000)),
            Field::CsatLast => Column::Known(&p.csat_last),
            Field::CsatMean => Column::Part(over(&p.csat_sum, &p.csat_count, 1)),
            Field::NpsLast => Column::Known(&p.nps_last),
            Field::NpsMean => Column::Part(over(&p.nps_sum, &p.nps_count, 1)),
            Field::UnhappyAt => Column::At(&p.unhappy),
            Field::RecommendedAt => Column::At(&p.recommended),
            Field::LastContactAt => Column::At(&p.last_contact),
            Field::LastInboundAt => Column::At(&p.last_inbound),
            Field::PreferredChannel => Column::Word(p.preferred_channel.clone()),
            Field::WonBackAt => Column::At(&p.won_back),
            Field::RegisteredAt => Column::Fixed(match self.bearer.registered_at {
                Some(at) => Timeline::from_points(None, [(at, Some(at))]),
                None => Timeline::always(None),
            }),
            Field::Birthday => Column::Birthday,
        }
    }

    /// What a field is over time, as a word: a word itself, or a count. Nothing of any other.
    pub(crate) fn words(&self, field: Field) -> Timeline<Option<TagValue>> {
        let number = |n: i64| Some(TagValue::from(n.to_string()));
        match self.column(field) {
            Column::Word(line) => line,
            Column::Known(line) => line.map(|n| n.and_then(number)),
            Column::Count(line) => line.map(|n| number(*n)),
            _ => Timeline::always(None),
        }
    }

    /// What runs gave of a number over time.
    pub(super) fn score(&self, number: ScoreNumber) -> Timeline<Option<Scored>> {
        self.profile.scores.get(&number).cloned().unwrap_or_else(|| Timeline::always(None))
    }

    /// The instants that a field is over time; `None` of a field that is no instant.
    pub(super) fn instants(&self, field: Field) -> Option<Timeline<Option<Instant>>> {
        match self.column(field) {
            Column::Order(line) => Some(line.map(|order| order.as_ref().map(|order| order.at))),
            Column::At(line) => Some(line.clone()),
            Column::Fixed(line) => Some(line),
            _ => None,
        }
    }
}

/// When the rule holds. Total: every rule has a value at every instant.
pub fn eval(rule: &Rule, context: &Context<'_>) -> Timeline<bool> {
    match rule {
        Rule::All(rules) => fold(rules, context, Timeline::and),
        Rule::Any(rules) => fold(rules, context, Timeline::or),
        Rule::Not(rule) => eval(rule, context).not(),
        Rule::Profile { field, test } => profile(*field, test, context),
        Rule::Score { number, test } => context
            .score(*number)
            .map(|found| test.holds(found.map(|found| (i128::from(found.millionths), 1)))),
        Rule::Text { field, test } => match context.column(*field) {
            Column::Word(line) => line.map(|word| test.holds(word.as_deref())),
            _ => Timeline::always(false),
        },
        Rule::Ago { field, age } => match context.instants(*field) {
            Some(line) => ago(&line, *age),
            None => Timeline::always(false),
        },
        Rule::DaysSince { field, days } => match context.instants(*field) {
            Some(line) => days_since(&line, *days, context.bearer.zone),
            None => Timeline::always(false),
        },
        Rule::Anniversary { field, within_days } => anniversary(*field, *within_days, context),
        Rule::Event(test) => event::holds(test, context),
        Rule::Record(test) => record::holds(test, context),
        Rule::Share(share) => Timeline::always(share.holds(context.bearer.id)),
        Rule::Tag { key, test, since } => {
            // Nobody has a tag that there isn't.
            let nothing = Timeline::always(None);
            let line = context.tags.get(key).unwrap_or(&nothing);
            match since {
                None => line.map(|value| test.holds(value.as_deref())),
                Some(age) => held_for(line, test, *age, context.profile.first_at),
            }
        }
        Rule::Segment { key, since } => {
            let Some(line) = context.tags.get(&node_key(key)) else { return Timeline::always(false) };
            match since {
                None => line.map(Option::is_some),
                Some(age) => held_for(line, &TagTest::Present, *age, context.profile.first_at),
            }
        }
    }
}

type Combine = fn(&Timeline<bool>, &Timeline<bool>) -> Timeline<bool>;

fn fold(rules: &[Rule], context: &Context<'_>, combine: Combine) -> Timeline<bool> {
    let lines = rules.iter().map(|rule| eval(rule, context));
    lines.reduce(|a, b| combine(&a, &b)).unwrap_or_else(|| Timeline::always(false))
}

fn profile(field: Field, test: &Comparison<i64>, context: &Context<'_>) -> Timeline<bool> {
    // Rules speak in millionths of the major unit, whatever the currency's places.
    let major = 10i128.pow(6 - context.currency.exponent().min(6));
    let ratio = |line: &Timeline<Option<Ratio>>, scale: i128| {
        line.map(|ratio| test.holds(ratio.map(|(part, whole)| (i128::from(part) * scale, i128::from(whole)))))
    };
    match context.column(field) {
        Column::Minor(line) => line.map(|minor| test.holds(Some((i128::from(*minor) * major, 1)))),
        Column::Count(line) => line.map(|count| test.holds(Some((i128::from(*count), 1)))),
        Column::Known(line) => line.map(|count| test.holds(count.map(|count| (i128::from(count), 1)))),
        Column::MinorMean(line) => ratio(&line, major),
        Column::Part(line) => ratio(&line, 1_000_000),
        Column::Order(_) | Column::At(_) | Column::Fixed(_) => {
            let line = context.instants(field).unwrap_or_default();
            line.map(|at| test.holds(at.map(|at| (i128::from(at.micros()), 1))))
        }
        Column::Word(line) => line.map(|word| test.holds(word.as_ref().map(|_| (0, 1)))),
        Column::Birthday => Timeline::always(test.holds(context.bearer.birthday.map(|_| (0, 1)))),
    }
}

impl Comparison<i64> {
    /// Of a fraction, its denominator above 0: compared across, so that nothing is rounded.
    pub fn holds(&self, value: Option<Fraction>) -> bool {
        let Some((part, whole)) = value else { return *self == Self::Absent };
        let against = |v: &i64| part.cmp(&(i128::from(*v) * whole));
        match self {
            Self::Eq(v) => against(v).is_eq(),
            Self::Ne(v) => against(v).is_ne(),
            Self::Lt(v) => against(v).is_lt(),
            Self::Lte(v) => against(v).is_le(),
            Self::Gt(v) => against(v).is_gt(),
            Self::Gte(v) => against(v).is_ge(),
            Self::In(list) => list.iter().any(|v| against(v).is_eq()),
            Self::Between(low, high) => against(low).is_ge() && against(high).is_le(),
            Self::Present => true,
            Self::Absent => false,
        }
    }
}

impl TextTest {
    fn holds(&self, value: Option<&str>) -> bool {
        value.map_or(*self == Self::Absent, |value| self.folded().holds_of_folded(&folded(value)))
    }

    /// With its words folded.
    pub(crate) fn folded(&self) -> Self {
        match self {
            Self::Eq(v) => Self::Eq(folded(v)),
            Self::Ne(v) => Self::Ne(folded(v)),
            Self::In(list) => Self::In(list.iter().map(|v| folded(v)).collect()),
            Self::Contains(v) => Self::Contains(folded(v)),
            Self::StartsWith(v) => Self::StartsWith(folded(v)),
            Self::Present => Self::Present,
            Self::Absent => Self::Absent,
        }
    }

    /// Of a word, both folded already.
    pub(crate) fn holds_of_folded(&self, value: &str) -> bool {
        match self {
            Self::Eq(v) => value == v,
            Self::Ne(v) => value != v,
            Self::In(list) => list.iter().any(|v| value == v),
            Self::Contains(v) => value.contains(v.as_str()),
            Self::StartsWith(v) => value.starts_with(v.as_str()),
            Self::Present => true,
            Self::Absent => false,
        }
    }
}

impl TagTest {
    pub(crate) fn holds(&self, value: Option<&str>) -> bool {
        let Some(value) = value else { return *self == Self::Absent };
        match self {
            Self::Eq(v) => value == v,
            Self::Ne(v) => value != v,
            Self::In(list) => list.iter().any(|v| value == v),
            Self::Present => true,
            Self::Absent => false,
        }
    }
}

/// Turns each stretch over which `line` has one value into when something about that value holds: `[begin, end)` as
/// far as the stretch goes. Nothing holds of what isn't there.
pub(super) fn bounded<T: PartialEq>(
    line: &Timeline<Option<T>>,
    bounds: impl Fn(&T, Option<Instant>) -> (Option<Instant>, Option<Instant>),
) -> Timeline<bool> {
    let mut points = Vec::new();
    for segment in line.segments() {
        let Some(value) = segment.value else {
            points.extend(segment.from.map(|from| (from, false)));
            continue;
        };
        let (begin, end) = bounds(value, segment.from);
        let within = |at: Instant| begin.is_none_or(|b| b <= at) && end.is_none_or(|e| at < e);
        let from = segment.from.unwrap_or(Instant::MIN);
        let inside = |at: &Instant| from < *at && segment.until.is_none_or(|until| *at < until);
        points.push((from, within(from)));
        points.extend(begin.into_iter().chain(end).filter(inside).map(|at| (at, within(at))));
    }
    Timeline::from_points(false, points)
}

/// Day `n` after a date begins at the first instant of that later date, which needn't be 00:00.
fn days_since(line: &Timeline<Option<Instant>>, days: DayRange, zone: Tz) -> Timeline<bool> {
    bounded(line, |at, _| {
        let date = at.local_date(zone);
        let day = |n: u32| Instant::first_of(add_days(date, i64::from(n)), zone);
        (days.from.map(day), days.to.map(|to| day(to + 1)))
    })
}

impl Age {
    /// When what is dated `at` is of this age.
    pub(super) fn bounds(self, at: Instant) -> (Option<Instant>, Option<Instant>) {
        match self {
            Self::Within(span) => (None, Some(at.saturating_add(span))),
            Self::OlderThan(span) => (Some(at.saturating_add(span)), None),
        }
    }
}

pub(super) fn ago(line: &Timeline<Option<Instant>>, age: Age) -> Timeline<bool> {
    bounded(line, |at, _| age.bounds(*at))
}

/// A value that was always there began with the first known fact.
fn held_for(
    line: &Timeline<Option<TagValue>>,
    test: &TagTest,
    age: Age,
    first_at: Option<Instant>,
) -> Timeline<bool> {
    // Each stretch of one value by itself, absence among them.
    let there = line.map(|value| Some(value.clone()));
    let aged = bounded(&there, |_, from| match from.or(first_at) {
        Some(from) => age.bounds(from),
        None => (Some(Instant::MAX), None),
    });
    aged.and(&line.map(|value| test.holds(value.as_deref())))
}

/// Years around the facts and the present in which a day may come round.
fn years(context: &Context<'_>) -> std::ops::RangeInclusive<i32> {
    let zone = context.bearer.zone;
    let last = context.horizon.local_date(zone).year();
    let first = context.profile.first_at.map_or(last, |at| at.local_date(zone).year());
    // Beyond that nobody has asked, or will; the present, which may be before the first fact, is three years before the last.
    first.max(last - 60).min(last - 3) - 1..=last + 1
}

/// `[first of the date − n days, end of the date)`, each year.
fn anniversary(field: Field, within_days: u32, context: &Context<'_>) -> Timeline<bool> {
    let zone = context.bearer.zone;
    let around = |date: NaiveDate| {
        let begin = Instant::first_of(add_days(date, -i64::from(within_days)), zone);
        (begin, Instant::first_of(add_days(date, 1), zone))
    };
    let line = |dates: Vec<NaiveDate>| {
        let mut points: Vec<(Instant, i64)> = Vec::new();
        for (begin, end) in dates.into_iter().map(around) {
            points.extend([(begin, 1), (end, -1)]);
        }
        Timeline::sums(points).map(|n| *n > 0)
    };
    if field == Field::Birthday {
        let Some(birthday) = context.bearer.birthday else { return Timeline::always(false) };
        return line(years(context).filter_map(|year| birthday.in_year(year)).collect());
    }
    let Some(instants) = context.instants(field) else { return Timeline::always(false) };
    let mut holds = Timeline::always(false);
    // Each value for the stretch over which it stands.
    for segment in instants.segments() {
        let Some(at) = segment.value else { continue };
        let day = at.local_date(zone);
        // The day itself is no anniversary of itself.
        let each = years(context).filter(|year| *year > day.year());
        let dates = each.filter_map(|year| solar_in_year(day.month(), day.day(), year)).collect();
        let begin = segment.from.map(|from| (from, true));
        let end = segment.until.map(|until| (until, false));
        let stands = Timeline::from_points(begin.is_none(), begin.into_iter().chain(end));
        holds = holds.or(&line(dates).and(&stands));
    }
    holds
}

/// A day of the year; 29 February is 28 February in common years.
pub(crate) fn solar_in_year(month: u32, day: u32, year: i32) -> Option<NaiveDate> {
    let there = NaiveDate::from_ymd_opt(year, month, day);
    there.or_else(|| NaiveDate::from_ymd_opt(year, month, day - 1).filter(|_| (month, day) == (2, 29)))
}

/// Local calendar dates gone by between two instants, each date beginning at its first instant.
pub(super) fn days_between(earlier: Instant, later: Instant, zone: Tz) -> i64 {
    let date = later.local_date(zone);
    let tomorrow = add_days(date, 1);
    // Where clocks go back across midnight the later date has begun already, though they show the earlier.
    let reached = if Instant::first_of(tomorrow, zone) <= later { tomorrow } else { date };
    (reached - earlier.local_date(zone)).num_days()
}
