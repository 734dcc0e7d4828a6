//! Conditions on events: who has so many of a name within a window, whose first or last was then, and what their properties come to.
//! Which events fit is `properties`'s.

use super::compare::{ALWAYS, NEVER};
use super::condition::{Reach, Writer};
use domain::event::property::Path;
use domain::rule::event::{Aggregate, End, InstantTest, Measure, PropertyTest, Window};
use domain::rule::{Comparison, EventTest, ForNew, TextTest};
use domain::time::Span;

impl Writer<'_> {
    pub(super) fn event(&mut self, test: &EventTest) -> String {
        let held = match &test.measure {
            Measure::Count(count) => {
                let events = self.events(test);
                self.so_often(&events, count)
            }
            Measure::At { end, test: at } => {
                let events = self.events(test);
                self.at(&events, *end, at)
            }
            Measure::Number { by, of, test: number } => self.number(test, *by, of, number),
            Measure::Value { end, of, test: value } => self.value(test, *end, of, value),
        };
        match (test.for_new, test.window.reach()) {
            (ForNew::Exclude, Some(span)) => {
                let bound = self.back(span);
                let known = "COALESCE(p.registered_at, p.first_at)";
                format!("({known} IS NOT NULL AND {known} <= {bound} AND {held})")
            }
            _ => held,
        }
    }

    /// Those that count, by customer.
    fn events(&mut self, test: &EventTest) -> String {
        let (counting, fitting) = (self.counting(test), self.fitting(test, None));
        format!("SELECT e.customer_id FROM event e WHERE {counting}{fitting}")
    }

    /// The values at a path of those that count, in the elements that the conditions leave: `columns` of the event `e` and the value `m`.
    fn measured(&mut self, test: &EventTest, of: &Path, columns: &str) -> String {
        let counting = self.counting(test);
        let (property, seen) = (self.property(&test.name, of), self.seen("m"));
        let fitting = self.fitting(test, Some(of));
        format!(
            "SELECT {columns} FROM event e JOIN event_property m ON m.event_id = e.id \
             WHERE {counting} AND m.property_id = {property}{seen}{fitting}"
        )
    }

    /// Whether the event `e` is one that counts, whatever it says.
    fn counting(&mut self, test: &EventTest) -> String {
        let (name, now) = (self.bind(&test.name), self.now());
        let window = self.window(test.window);
        // SQLite would look one customer's events up by their name, among everybody's.
        let plus = if self.reach == Reach::Each && !self.postgres { "+" } else { "" };
        format!(
            "{plus}e.kind = {name} AND e.effective = 1 AND e.received_at <= {now} AND e.occurred_at <= {now} AND {window}"
        )
    }

    /// Numbers taken together: of none the sum is 0, and else there is none.
    fn number(&mut self, test: &EventTest, by: Aggregate, of: &Path, number: &Comparison<i64>) -> String {
        // Not asked of the index: SQLite would go through all numbers again for each event.
        let events = format!("{} AND +m.number IS NOT NULL", self.measured(test, of, "e.customer_id"));
        let held = match (by, number) {
            (Aggregate::Sum, Comparison::Present) => return ALWAYS.to_owned(),
            (Aggregate::Sum, Comparison::Absent) => return NEVER.to_owned(),
            (_, Comparison::Present) => return self.among(&events, "e"),
            (_, Comparison::Absent) => return format!("NOT {}", self.among(&events, "e")),
            (Aggregate::Sum, number) => {
                let held = self.total("1", number);
                return self.grouped(&events, &held, number.holds(Some((0, 1))));
            }
            (Aggregate::Avg, number) => self.total("COUNT(*)", number),
            (Aggregate::Min, number) => self.compared("MIN(m.number)", 1, number),
            (Aggregate::Max, number) => self.compared("MAX(m.number)", 1, number),
        };
        self.grouped(&events, &held, false)
    }

    /// What stands first or last.
    fn value(&mut self, test: &EventTest, end: End, of: &Path, value: &PropertyTest) -> String {
        let is_absent = match value {
            PropertyTest::Text(TextTest::Absent) | PropertyTest::Number(Comparison::Absent) => Some(true),
            PropertyTest::Text(TextTest::Present) | PropertyTest::Number(Comparison::Present) => Some(false),
            _ => None,
        };
        if let Some(is_absent) = is_absent {
            let events = self.measured(test, of, "e.customer_id");
            let not = if is_absent { "NOT " } else { "" };
            return format!("{not}{}", self.among(&events, "e"));
        }
        let to = match end {
            End::First => "",
            End::Last => " DESC",
        };
        // As memory compares texts.
        let bytewise = if self.postgres { " COLLATE \"C\"" } else { "" };
        let place = format!(
            "e.customer_id, m.text, m.number, ROW_NUMBER() OVER (PARTITION BY e.customer_id ORDER BY e.occurred_at{to}, \
             e.message_id{bytewise}{to}, e.source_id{to}, m.n{to}) AS place"
        );
        let (events, held) = (self.measured(test, of, &place), self.said("r", value));
        match self.reach {
            Reach::Book => {
                format!(
                    "p.customer_id IN (SELECT r.customer_id FROM ({events}) r WHERE r.place = 1 AND {held})"
                )
            }
            Reach::Each => format!(
                "EXISTS (SELECT 1 FROM ({events} AND e.customer_id = p.customer_id) r WHERE r.place = 1 AND {held})"
            ),
        }
    }

    pub(super) fn window(&mut self, window: Window) -> String {
        match window {
            Window::Ever => ALWAYS.to_owned(),
            Window::Within(span) => format!("e.occurred_at > {}", self.back(span)),
            Window::Before(span) => format!("e.occurred_at <= {}", self.back(span)),
            Window::BeforeInstant(end) => format!("e.occurred_at < {}", self.bind(end)),
            Window::Between(first, last) => {
                format!("e.occurred_at >= {} AND e.occurred_at <= {}", self.bind(first), self.bind(last))
            }
            Window::Ages { older, younger } => {
                format!("e.occurred_at > {} AND e.occurred_at <= {}", self.back(older), self.back(younger))
            }
        }
    }

    /// The instant so long before now.
    fn back(&mut self, span: Span) -> String {
        let at = self.asking.now - span;
        self.bind(at)
    }

    /// Whoever has none isn't among `events`: where none would do, it is asked who has a number that doesn't.
    pub(super) fn so_often(&mut self, events: &str, test: &Comparison<i64>) -> String {
        match test {
            Comparison::Gte(1) | Comparison::Gt(0) => self.among(events, "e"),
            Comparison::Lt(1) | Comparison::Lte(0) | Comparison::Eq(0) => {
                format!("NOT {}", self.among(events, "e"))
            }
            test => {
                let often = self.compared("COUNT(*)", 1, test);
                self.grouped(events, &often, test.holds(Some((0, 1))))
            }
        }
    }

    /// Of whom something holds of all their events together; `of_none` is whether it does of those without.
    fn grouped(&self, events: &str, held: &str, of_none: bool) -> String {
        let [not, held] = if of_none { ["NOT ", &format!("NOT ({held})")] } else { ["", held] };
        match self.reach {
            Reach::Book => format!("{not}p.customer_id IN ({events} GROUP BY e.customer_id HAVING {held})"),
            Reach::Each => format!(
                "{not}EXISTS ({events} AND e.customer_id = p.customer_id GROUP BY e.customer_id HAVING {held})"
            ),
        }
    }

    fn at(&mut self, events: &str, end: End, test: &InstantTest) -> String {
        let at = match end {
            End::First => "MIN(e.occurred_at)",
            End::Last => "MAX(e.occurred_at)",
        };
        let held = match test {
            InstantTest::Age(age) => self.aged(at, *age),
            InstantTest::Compare(Comparison::Present) => return self.among(events, "e"),
            InstantTest::Compare(Comparison::Absent) => return format!("NOT {}", self.among(events, "e")),
            InstantTest::Compare(test) => self.compared(at, 1, test),
        };
        self.grouped(events, &held, false)
    }
}
