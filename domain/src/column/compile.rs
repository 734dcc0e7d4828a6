//! A rule as what it asks of columns, in the same terms in which SQL asks the database (`store::rule_sql`): what it compares stands in the
//! profile and among the tags. What events say is in no column.

use super::plan::{Fraction, Name, Part, Plan, WordTest};
use super::ranges::{ranges, up_to};
use crate::money::Currency;
use crate::rule::{Age, Comparison, Field, Rule, ScoreNumber, TagTest, TextTest};
use crate::segment::{Hand, Keep, node_key};
use crate::tag::Catalogue;
use crate::time::Instant;
use chrono_tz::Tz;

/// As of when, and in what terms a rule is asked.
#[derive(Debug, Clone, Copy)]
pub struct Terms<'a> {
    /// What segments are.
    pub catalogue: &'a Catalogue,
    pub now: Instant,
    /// The book's base currency.
    pub currency: Currency,
    /// Every zone that anybody lives in.
    pub zones: &'a [Tz],
}

/// The rule asks for what is in no column, or for too much.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotInColumns;

/// Nodes of a rule together with those of the segments on demand that it asks for, as SQL allows.
const MOST_NODES: usize = 2_000;

/// A field as the profile has it.
pub(super) enum Stored {
    /// Minor units of the base currency.
    Minor(&'static str),
    /// A whole number, or an instant, that may be unknown where the profile allows it.
    Whole(&'static str),
    MinorMean(&'static str, &'static str),
    /// A part of a whole that may be 0, which counts so often.
    Part(&'static str, &'static str, i64),
    /// Twice a number.
    Halves(&'static str),
    At(&'static str),
    Word(&'static str),
    /// Said, but of something to come until then.
    Registered,
    Birthday,
}

pub(super) const fn stored(field: Field) -> Stored {
    match field {
        Field::Spend365 => Stored::Minor("spend_365_minor"),
        Field::SpendEver => Stored::Minor("spend_ever_minor"),
        Field::Orders365 => Stored::Whole("orders_365"),
        Field::OrdersEver => Stored::Whole("orders_ever"),
        Field::OrderDays => Stored::Whole("order_days"),
        Field::FirstOrderAt => Stored::At("first_order_at"),
        Field::LastOrderAt => Stored::At("last_order_at"),
        Field::AvgOrder365 => Stored::MinorMean("counted_net_365_minor", "orders_365"),
        Field::RefundRate365 => Stored::Part("refunded_365_minor", "gross_365_minor", 1),
        Field::CouponShare365 => Stored::Part("coupon_orders_365", "orders_365", 1),
        Field::MedianGapDays => Stored::Halves("gap_halves"),
        Field::ActiveHour => Stored::Whole("active_hour"),
        Field::Lines365 => Stored::Whole("lines_365"),
        Field::TopCategory => Stored::Word("top_category_folded"),
        Field::TopCategoryShare => Stored::Part("top_category_lines", "lines_365", 1),
        Field::TopStyle => Stored::Word("top_style_folded"),
        Field::TopStyleShare => Stored::Part("top_style_lines", "lines_365", 1),
        Field::TopBrand => Stored::Word("top_brand_folded"),
        Field::TopBrandShare => Stored::Part("top_brand_lines", "lines_365", 1),
        Field::OpenComplaints => Stored::Whole("open_complaints"),
        Field::Complaints90 => Stored::Whole("complaints_90"),
        Field::Complaints365 => Stored::Whole("complaints_365"),
        Field::ComplaintClosedAt => Stored::At("complaint_closed_at"),
        Field::Tickets => Stored::Whole("tickets"),
        Field::Reviews => Stored::Whole("reviews"),
        Field::ReviewMean => Stored::Part("review_milli", "reviews", 1_000),
        Field::CsatLast => Stored::Whole("csat_last"),
        Field::CsatMean => Stored::Part("csat_sum", "csat_count", 1),
        Field::NpsLast => Stored::Whole("nps_last"),
        Field::NpsMean => Stored::Part("nps_sum", "nps_count", 1),
        Field::UnhappyAt => Stored::At("unhappy_at"),
        Field::RecommendedAt => Stored::At("recommended_at"),
        Field::LastContactAt => Stored::At("last_contact_at"),
        Field::LastInboundAt => Stored::At("last_inbound_at"),
        Field::PreferredChannel => Stored::Word("preferred_channel_folded"),
        Field::WonBackAt => Stored::At("won_back_at"),
        Field::RegisteredAt => Stored::Registered,
        Field::Birthday => Stored::Birthday,
    }
}

pub(super) const REGISTERED: Name = Name::Number("registered_at");
pub(super) const BIRTHDAY: Name = Name::Number("birthday_code");

/// The column of an instant; of a field that is none there is none.
pub(super) const fn instant(field: Field) -> Option<Name> {
    match stored(field) {
        Stored::At(column) => Some(Name::Number(column)),
        Stored::Registered => Some(REGISTERED),
        _ => None,
    }
}

/// What the rule asks of columns.
pub fn compile(rule: &Rule, terms: &Terms<'_>) -> Result<Plan, NotInColumns> {
    Compiler { terms, nodes: 0 }.rule(rule).map(Plan)
}

impl Plan {
    /// The same, of those who let themselves be personalised.
    #[must_use]
    pub fn of_personalised(self) -> Self {
        Self(Part::All(vec![self.0, Part::Flag(Name::Flag("personalised"))]))
    }
}

pub(super) struct Compiler<'a> {
    pub terms: &'a Terms<'a>,
    nodes: usize,
}

impl Compiler<'_> {
    fn rule(&mut self, rule: &Rule) -> Result<Part, NotInColumns> {
        self.nodes += 1;
        if self.nodes > MOST_NODES {
            return Err(NotInColumns);
        }
        Ok(match rule {
            Rule::All(rules) => Part::All(self.each(rules)?),
            Rule::Any(rules) => Part::Any(self.each(rules)?),
            Rule::Not(rule) => not(self.rule(rule)?),
            Rule::Profile { field, test } => self.profile(*field, test),
            Rule::Score { number, test } => known(score(*number), 1, test),
            Rule::Text { field, test } => match stored(*field) {
                Stored::Word(column) => Part::Word(Name::Word(column), WordTest::Text(test.folded())),
                _ => Part::Always(false),
            },
            Rule::Ago { field, age } => match instant(*field) {
                Some(name) => self.within(name, *age),
                None => Part::Always(false),
            },
            Rule::DaysSince { field, days } => self.days_since(*field, *days),
            Rule::Anniversary { field, within_days } => self.anniversary(*field, *within_days),
            Rule::Tag { key, test, since } => self.tag(key, test, *since),
            Rule::Share(share) => Part::Share { coefficients: share.coefficients(), bound: share.bound() },
            Rule::Segment { key, since } => self.segment(key, *since)?,
            // What stands beside profile and tags.
            Rule::Event(_) | Rule::Record(_) => return Err(NotInColumns),
        })
    }

    fn each(&mut self, rules: &[Rule]) -> Result<Vec<Part>, NotInColumns> {
        rules.iter().map(|rule| self.rule(rule)).collect()
    }

    fn profile(&self, field: Field, test: &Comparison<i64>) -> Part {
        // Rules speak in millionths of the major unit, whatever the currency's places.
        let major = 10_i64.pow(6 - self.terms.currency.exponent().min(6));
        let fraction = |part, times, whole, often| {
            let (part, whole) = (Name::Number(part), Name::Number(whole));
            Part::Fraction(Fraction { part, times, whole, often, test: test.clone() })
        };
        match stored(field) {
            Stored::Minor(column) => known(Name::Number(column), major, test),
            Stored::Whole(column) | Stored::At(column) => known(Name::Number(column), 1, test),
            Stored::Halves(column) => known(Name::Number(column), 500_000, test),
            Stored::MinorMean(part, whole) => fraction(part, major, whole, 1),
            Stored::Part(part, whole, often) => fraction(part, 1_000_000, whole, often),
            Stored::Word(column) => match test {
                Comparison::Absent => Part::Word(Name::Word(column), WordTest::Text(TextTest::Absent)),
                _ => Part::Word(Name::Word(column), WordTest::Text(TextTest::Present)),
            },
            Stored::Birthday => match test {
                Comparison::Absent => not(Part::Known(BIRTHDAY)),
                _ => Part::Known(BIRTHDAY),
            },
            Stored::Registered => match test {
                Comparison::Absent => not(self.registered()),
                test => Part::Within(REGISTERED, up_to(self.terms.now.micros(), ranges(test, 1))),
            },
        }
    }

    /// Registered by now.
    fn registered(&self) -> Part {
        Part::Within(REGISTERED, vec![(i64::MIN, self.terms.now.micros())])
    }

    /// An instant that is there, and of this age.
    pub(super) fn within(&self, name: Name, age: Age) -> Part {
        let now = self.terms.now;
        let (low, high) = match age {
            Age::Within(span) => ((now - span).micros().saturating_add(1), i64::MAX),
            Age::OlderThan(span) => (i64::MIN, (now - span).micros()),
        };
        let high = if name == REGISTERED { high.min(now.micros()) } else { high };
        if low > high { Part::Always(false) } else { Part::Within(name, vec![(low, high)]) }
    }

    fn tag(&self, key: &str, test: &TagTest, since: Option<Age>) -> Part {
        let holds = Part::Word(Name::Tag(key.to_owned()), WordTest::Tag(test.clone()));
        let Some(age) = since else { return holds };
        if *test != TagTest::Absent {
            return Part::All(vec![holds, self.within(Name::TagSince(key.to_owned()), age)]);
        }
        // Who never had it hasn't had it since the first fact.
        let ended = Name::Ended(key.to_owned());
        let ever = not(Part::Known(ended.clone()));
        let first = self.within(Name::Number("first_at"), age);
        Part::All(vec![holds, Part::Any(vec![self.within(ended, age), Part::All(vec![ever, first])])])
    }

    fn segment(&mut self, key: &str, since: Option<Age>) -> Result<Part, NotInColumns> {
        let catalogue = self.terms.catalogue;
        let Some(segment) = catalogue.segment(key) else { return Ok(Part::Always(false)) };
        if segment.keep() != Some(Keep::OnDemand) {
            return Ok(self.tag(&node_key(key), &TagTest::Present, since));
        }
        let said = |hand: Hand| {
            Part::Word(Name::Tag(node_key(key)), WordTest::Tag(TagTest::Eq(hand.as_str().to_owned())))
        };
        let mut ruled = match segment.rules().next() {
            Some(rule) => self.rule(rule)?,
            None => Part::Always(false),
        };
        if segment.waits_for().is_some() {
            ruled = Part::All(vec![ruled, Part::Flag(Name::Flag("personalised"))]);
        }
        Ok(Part::All(vec![Part::Any(vec![ruled, said(Hand::Pinned)]), not(said(Hand::Banned))]))
    }
}

pub(super) fn not(part: Part) -> Part {
    Part::Not(Box::new(part))
}

/// A column in which a number may be missing.
fn known(name: Name, unit: i64, test: &Comparison<i64>) -> Part {
    match test {
        Comparison::Present => Part::Known(name),
        Comparison::Absent => not(Part::Known(name)),
        test => Part::Within(name, ranges(test, unit)),
    }
}

const fn score(number: ScoreNumber) -> Name {
    Name::Number(number.as_str())
}
