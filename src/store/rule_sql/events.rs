//! Conditions on events: who has so many of a name within a window.

use super::condition::Writer;
use domain::rule::{Comparison, EventTest, ForNew};
use domain::time::Span;

impl Writer<'_> {
    pub(super) fn event(&mut self, test: &EventTest) -> String {
        let (name, now) = (self.bind(&test.name), self.now());
        let mut events = format!(
            "SELECT e.customer_id FROM event e WHERE e.kind = {name} AND e.effective = 1 AND e.received_at <= {now} \
             AND e.occurred_at <= {now}"
        );
        if let Some(span) = test.within {
            let from = self.ago_bound(span);
            events += &format!(" AND e.occurred_at > {from}");
        }
        let held = self.so_often(&events, &test.count);
        match (test.for_new, test.within) {
            (ForNew::Exclude, Some(span)) => {
                let bound = self.ago_bound(span);
                let known = "COALESCE(p.registered_at, p.first_at)";
                format!("({known} IS NOT NULL AND {known} <= {bound} AND {held})")
            }
            _ => held,
        }
    }

    fn ago_bound(&mut self, span: Span) -> String {
        let at = self.asking.now - span;
        self.bind(at)
    }

    /// Whoever has none isn't in `events`: where none would do, it is asked who has another number.
    fn so_often(&mut self, events: &str, test: &Comparison<i64>) -> String {
        match test {
            Comparison::Gte(1) | Comparison::Gt(0) => self.among(events, "e"),
            Comparison::Lt(1) | Comparison::Lte(0) | Comparison::Eq(0) => {
                format!("NOT {}", self.among(events, "e"))
            }
            test => {
                let often = self.compared("COUNT(*)", 1, test);
                let [not, often] = match test.holds(Some((0, 1))) {
                    true => ["NOT ", &format!("NOT ({often})")],
                    false => ["", &often],
                };
                format!("{not}p.customer_id IN ({events} GROUP BY e.customer_id HAVING {often})")
            }
        }
    }
}
