//! What a field of the profile is as a column, and comparing it as the rule does: exactly, and never unknown.

use super::condition::Writer;
use domain::rule::{Comparison, Field};

/// Nothing of anybody, or everything of everybody.
pub(super) const NEVER: &str = "1 = 0";
pub(super) const ALWAYS: &str = "1 = 1";

/// A field as the table has it.
pub(super) enum Column {
    /// Minor units of the base currency.
    Minor(&'static str),
    Count(&'static str),
    /// A number that may be unknown.
    Known(&'static str),
    /// Of minor units, and of a count that may be 0.
    MinorMean(&'static str, &'static str),
    /// A part of a whole that may be 0, which counts so often.
    Part(&'static str, &'static str, i64),
    /// Twice a number that may be unknown.
    Halves(&'static str),
    At(&'static str),
    /// Folded.
    Word(&'static str),
    /// Said, but of something to come until then.
    Registered,
    Birthday,
}

pub(super) const fn column(field: Field) -> Column {
    match field {
        Field::Spend365 => Column::Minor("p.spend_365_minor"),
        Field::SpendEver => Column::Minor("p.spend_ever_minor"),
        Field::Orders365 => Column::Count("p.orders_365"),
        Field::OrdersEver => Column::Count("p.orders_ever"),
        Field::OrderDays => Column::Count("p.order_days"),
        Field::FirstOrderAt => Column::At("p.first_order_at"),
        Field::LastOrderAt => Column::At("p.last_order_at"),
        Field::AvgOrder365 => Column::MinorMean("p.counted_net_365_minor", "p.orders_365"),
        Field::RefundRate365 => Column::Part("p.refunded_365_minor", "p.gross_365_minor", 1),
        Field::CouponShare365 => Column::Part("p.coupon_orders_365", "p.orders_365", 1),
        Field::MedianGapDays => Column::Halves("p.gap_halves"),
        Field::ActiveHour => Column::Known("p.active_hour"),
        Field::Lines365 => Column::Count("p.lines_365"),
        Field::TopCategory => Column::Word("p.top_category_folded"),
        Field::TopCategoryShare => Column::Part("p.top_category_lines", "p.lines_365", 1),
        Field::TopStyle => Column::Word("p.top_style_folded"),
        Field::TopStyleShare => Column::Part("p.top_style_lines", "p.lines_365", 1),
        Field::TopBrand => Column::Word("p.top_brand_folded"),
        Field::TopBrandShare => Column::Part("p.top_brand_lines", "p.lines_365", 1),
        Field::OpenComplaints => Column::Count("p.open_complaints"),
        Field::Complaints90 => Column::Count("p.complaints_90"),
        Field::Complaints365 => Column::Count("p.complaints_365"),
        Field::ComplaintClosedAt => Column::At("p.complaint_closed_at"),
        Field::Tickets => Column::Count("p.tickets"),
        Field::Reviews => Column::Count("p.reviews"),
        Field::ReviewMean => Column::Part("p.review_milli", "p.reviews", 1_000),
        Field::CsatLast => Column::Known("p.csat_last"),
        Field::CsatMean => Column::Part("p.csat_sum", "p.csat_count", 1),
        Field::NpsLast => Column::Known("p.nps_last"),
        Field::NpsMean => Column::Part("p.nps_sum", "p.nps_count", 1),
        Field::UnhappyAt => Column::At("p.unhappy_at"),
        Field::RecommendedAt => Column::At("p.recommended_at"),
        Field::LastContactAt => Column::At("p.last_contact_at"),
        Field::LastInboundAt => Column::At("p.last_inbound_at"),
        Field::PreferredChannel => Column::Word("p.preferred_channel_folded"),
        Field::WonBackAt => Column::At("p.won_back_at"),
        Field::RegisteredAt => Column::Registered,
        Field::Birthday => Column::Birthday,
    }
}

/// The column of an instant that may be unknown; of a field that is none there is none.
pub(super) const fn instant(field: Field) -> Option<&'static str> {
    match column(field) {
        Column::At(column) => Some(column),
        Column::Registered => Some("p.registered_at"),
        _ => None,
    }
}

impl Writer<'_> {
    pub(super) fn profile(&mut self, field: Field, test: &Comparison<i64>) -> String {
        // Rules speak in millionths of the major unit, whatever the currency's places.
        let major = 10_i64.pow(6 - self.asking.currency.exponent().min(6));
        match column(field) {
            Column::Minor(column) => self.compared(column, major, test),
            Column::Count(column) => self.compared(column, 1, test),
            Column::Known(column) | Column::At(column) => self.known(column, 1, test),
            Column::Registered => {
                let there = self.registered();
                match test {
                    Comparison::Absent => format!("NOT {there}"),
                    test => format!("({there} AND {})", self.compared("p.registered_at", 1, test)),
                }
            }
            Column::MinorMean(part, whole) => self.fraction((part, major), (whole, 1), test),
            Column::Part(part, whole, often) => self.fraction((part, 1_000_000), (whole, often), test),
            Column::Halves(column) => self.known(column, 500_000, test),
            Column::Word(column) => there(column, test),
            Column::Birthday => there("p.birthday_code", test),
        }
    }

    /// Registered by now.
    pub(super) fn registered(&mut self) -> String {
        let now = self.now();
        format!("(p.registered_at IS NOT NULL AND p.registered_at <= {now})")
    }

    /// A column that may be unknown.
    pub(super) fn known(&mut self, column: &str, unit: i64, test: &Comparison<i64>) -> String {
        match test {
            Comparison::Present => format!("{column} IS NOT NULL"),
            Comparison::Absent => format!("{column} IS NULL"),
            test => format!("({column} IS NOT NULL AND {})", self.compared(column, unit, test)),
        }
    }

    /// A whole number of units, each of `unit` of what the rule compares with. The column stays as it is, and the bounds are
    /// rounded to it, so that an index could be used and nothing overflows.
    pub(super) fn compared(&mut self, column: &str, unit: i64, test: &Comparison<i64>) -> String {
        let floor = |v: &i64| v.div_euclid(unit);
        let ceil = |v: &i64| floor(v) + i64::from(v.rem_euclid(unit) > 0);
        let whole = |v: &i64| (v.rem_euclid(unit) == 0).then(|| floor(v));
        match test {
            Comparison::Eq(v) => match whole(v) {
                Some(v) => format!("{column} = {}", self.bind(v)),
                None => NEVER.to_owned(),
            },
            Comparison::Ne(v) => match whole(v) {
                Some(v) => format!("{column} <> {}", self.bind(v)),
                None => ALWAYS.to_owned(),
            },
            Comparison::Lt(v) => format!("{column} < {}", self.bind(ceil(v))),
            Comparison::Lte(v) => format!("{column} <= {}", self.bind(floor(v))),
            Comparison::Gt(v) => format!("{column} > {}", self.bind(floor(v))),
            Comparison::Gte(v) => format!("{column} >= {}", self.bind(ceil(v))),
            Comparison::In(list) => {
                let places: Vec<String> = list.iter().filter_map(whole).map(|v| self.bind(v)).collect();
                if places.is_empty() {
                    NEVER.to_owned()
                } else {
                    format!("{column} IN ({})", places.join(", "))
                }
            }
            Comparison::Between(low, high) => {
                let (low, high) = (self.bind(ceil(low)), self.bind(floor(high)));
                format!("({column} >= {low} AND {column} <= {high})")
            }
            Comparison::Present => ALWAYS.to_owned(),
            Comparison::Absent => NEVER.to_owned(),
        }
    }

    /// `part · times ÷ (whole · often)`, absent where the whole is 0: compared across, so that nothing is rounded.
    fn fraction(
        &mut self,
        (part, times): (&str, i64),
        (whole, often): (&str, i64),
        test: &Comparison<i64>,
    ) -> String {
        let there = format!("{whole} > 0");
        let mut against = |op: &str, v: &i64| {
            let by = gcd(times, i128::from(*v) * i128::from(often));
            // A product may be too large for 64 bits: PostgreSQL counts on in its decimals; SQLite in its floating-point numbers, which
            // are then only near where nobody spends so much.
            let exact = if self.postgres { ["CAST(", " AS NUMERIC)"] } else { ["", ""] };
            let [open, close] = exact;
            let times = self.bind(times / by);
            let v = i128::from(*v) * i128::from(often) / i128::from(by);
            match i64::try_from(v) {
                Ok(v) => {
                    format!("{open}{part}{close} * {times} {op} {open}{whole}{close} * {}", self.bind(v))
                }
                // Beyond every number there is.
                Err(_) => {
                    (if (v > 0) == op.starts_with('<') || op == "<>" { ALWAYS } else { NEVER }).to_owned()
                }
            }
        };
        let compared = match test {
            Comparison::Eq(v) => against("=", v),
            Comparison::Ne(v) => against("<>", v),
            Comparison::Lt(v) => against("<", v),
            Comparison::Lte(v) => against("<=", v),
            Comparison::Gt(v) => against(">", v),
            Comparison::Gte(v) => against(">=", v),
            Comparison::In(list) => {
                let each: Vec<String> = list.iter().map(|v| against("=", v)).collect();
                format!("({})", each.join(" OR "))
            }
            Comparison::Between(low, high) => format!("{} AND {}", against(">=", low), against("<=", high)),
            Comparison::Present => return there,
            Comparison::Absent => return format!("NOT ({there})"),
        };
        format!("({there} AND {compared})")
    }
}

/// What can be there or not, and no more.
fn there(column: &str, test: &Comparison<i64>) -> String {
    match test {
        Comparison::Absent => format!("{column} IS NULL"),
        _ => format!("{column} IS NOT NULL"),
    }
}

/// The greatest number that both are multiples of; of the first alone where the second is 0.
fn gcd(a: i64, b: i128) -> i64 {
    let (mut a, mut b) = (i128::from(a), b.unsigned_abs().cast_signed());
    while b != 0 {
        (a, b) = (b, a % b);
    }
    i64::try_from(a).unwrap_or(1)
}
