//! Conditions on events: who has so many of a name within a window, or whose first or last was then.

use super::compare::{ALWAYS, NEVER};
use super::condition::Writer;
use domain::rule::event::{End, InstantTest, Measure, Window};
use domain::rule::{Comparison, EventTest, ForNew};
use domain::time::Span;

impl Writer<'_> {
    pub(super) fn event(&mut self, test: &EventTest) -> String {
        if let Some(property) = test.properties().next() {
            return self.give_up_for(&test.name, property);
        }
        let events = self.events(test);
        let held = match &test.measure {
            Measure::Count(count) => self.so_often(&events, count),
            Measure::At { end, test } => self.at(&events, *end, test),
            // These name a property.
            Measure::Number { .. } | Measure::Value { .. } => NEVER.to_owned(),
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
        let (name, now) = (self.bind(&test.name), self.now());
        let window = self.window(test.window);
        format!(
            "SELECT e.customer_id FROM event e WHERE e.kind = {name} AND e.effective = 1 AND e.received_at <= {now} \
             AND e.occurred_at <= {now} AND {window}"
        )
    }

    fn window(&mut self, window: Window) -> String {
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
    fn so_often(&mut self, events: &str, test: &Comparison<i64>) -> String {
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
        format!("{not}p.customer_id IN ({events} GROUP BY e.customer_id HAVING {held})")
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
