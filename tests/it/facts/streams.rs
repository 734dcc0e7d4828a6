//! Random streams of events about a few people, and the state of the projected tables as text.

use crate::support::retail::Retail;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::{Value, json};

/// A stream: who there is, and what is said of them.
pub struct Stream {
    people: Vec<Value>,
    events: Vec<Value>,
    seed: u64,
}

/// One thing that happens. What makes it one of its kind is `thing`; the rest of what is said follows from
/// both and, for versions, from `at`.
#[derive(Debug, Clone)]
struct Happening {
    what: usize,
    thing: usize,
    who: usize,
    at: usize,
    resent: bool,
}

const PEOPLE: usize = 3;

fn runner(seed: u64) -> TestRunner {
    let mut bytes = [7; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    TestRunner::new_with_rng(Config::default(), TestRng::from_seed(RngAlgorithm::ChaCha, &bytes))
}

impl Stream {
    pub fn random(seed: u64) -> Self {
        let happening = (0..13_usize, 0..3_usize, 0..PEOPLE, 0..6_usize, any::<bool>())
            .prop_map(|(what, thing, who, at, resent)| Happening { what, thing, who, at, resent });
        let happenings = prop::collection::vec(happening, 60..90);
        let happenings = happenings.new_tree(&mut runner(seed)).expect("a stream").current();
        let mut events = Vec::new();
        for happening in &happenings {
            let event = happening.event();
            if happening.resent {
                let mut again = event.clone();
                again["messageId"] = json!(format!("{}x", event["messageId"].as_str().expect("text")));
                events.push(again);
            }
            events.push(event);
        }
        let people = (0..PEOPLE)
            .map(|n| json!({"type": "identify", "messageId": format!("p{n}"), "userId": format!("u{n}"), "traits": {}}))
            .collect();
        Self { people, events, seed }
    }

    /// The people first, so that they have the same numbers; then everything in some order and some batches.
    pub fn in_order(&self, turn: u64) -> Vec<Vec<Value>> {
        let shuffled = Just(self.events.clone()).prop_shuffle();
        let events = shuffled.new_tree(&mut runner(self.seed * 100 + turn)).expect("an order").current();
        let size = [1, 7, 1_000][turn as usize % 3];
        std::iter::once(self.people.clone()).chain(events.chunks(size).map(<[Value]>::to_vec)).collect()
    }
}

impl Happening {
    fn event(&self) -> Value {
        // The last order is never paid: who has it is settled among those who name it.
        let (thing, at) = (if self.what == 0 { self.thing % 2 } else { self.thing }, self.at);
        let day = format!("2011-11-{:02}T10:00:00Z", 10 + at);
        // Completed, cancelled, placed and refunded once: said again, they say the same.
        let once = "2011-11-09T10:00:00Z".to_owned();
        let who = self.who;
        let order = format!("o{thing}");
        let lines = |n: usize| {
            json!(
                (0..n % 3)
                    .map(|i| json!({"sku": format!("s{i}"), "price": 1.115 * n as f64, "quantity": i + 1}))
                    .collect::<Vec<_>>()
            )
        };
        let (name, id, when, said) = match self.what {
            0 => (
                "Order Completed",
                format!("c{thing}"),
                once,
                json!({"order_id": order, "total": 100 + thing, "products": lines(thing)}),
            ),
            1 => (
                "Order Updated",
                format!("u{thing}-{at}"),
                day,
                json!({"order_id": order, "total": 50 + at, "products": lines(at)}),
            ),
            2 => ("Order Cancelled", format!("x{thing}"), once, json!({"order_id": order})),
            3 => (
                "Order Refunded",
                format!("r{thing}-{at}"),
                day,
                json!({"order_id": order, "refund_id": format!("f{at}"), "amount": 30}),
            ),
            4 => (
                "Order Refunded",
                format!("n{at}"),
                day,
                json!({"refund_id": format!("n{at}"), "amount": at}),
            ),
            5 => (
                "Order Placed",
                format!("a{thing}"),
                once,
                json!({"order_id": order, "pay_by": "2011-11-10T00:00:00Z"}),
            ),
            6 => (
                "Shipment Updated",
                format!("s{thing}-{at}"),
                day,
                json!({"order_id": order, "carrier": format!("carrier {at}"), "status": (at % 2 == 0).then_some("in_transit"), "place": format!("p{at}")}),
            ),
            7 => (
                "Shipment Exception",
                format!("e{thing}-{at}"),
                day,
                json!({"order_id": order, "reason": "lost", "new_eta": "2011-12-24"}),
            ),
            8 => ("Order Delivered", format!("d{thing}-{at}"), day, json!({"order_id": order})),
            9 => (
                "Product Reviewed",
                format!("v{thing}-{at}"),
                day,
                json!({"review_id": format!("v{thing}"), "rating": at, "review_body": "so so"}),
            ),
            10 => (
                "CSAT Submitted",
                format!("q{thing}-{at}"),
                day,
                json!({"feedback_id": format!("q{thing}"), "score": at.clamp(1, 5), "ticket_id": "t0"}),
            ),
            11 => (
                "Contact Made",
                format!("k{thing}-{at}"),
                day,
                json!({"contact_id": format!("k{thing}"), "channel": "SMS", "purpose": "marketing", "source": "desk"}),
            ),
            _ => {
                let step = ["Opened", "Updated", "Escalated", "Resolved", "Reopened", "Updated"][at];
                let said = json!({"ticket_id": format!("t{thing}"), "severity": (at % 2 == 0).then(|| format!("S{at}")), "complaint": at > 2, "chased": at});
                let id = format!("t{thing}-{at}");
                return Self::track(&format!("Ticket {step}"), &id, &day, thing, said);
            }
        };
        // Whoever says it about whomever: who has a thing is settled by what is said, not by who comes first.
        Self::track(name, &id, &when, if matches!(self.what, 3 | 6 | 8) { who } else { thing }, said)
    }

    fn track(name: &str, id: &str, when: &str, who: usize, said: Value) -> Value {
        // One message says one thing; of several people it is several messages.
        json!({"type": "track", "messageId": format!("{id}-{who}"), "userId": format!("u{who}"), "event": name, "timestamp": when, "properties": said})
    }
}

/// Everything projected, as text. Which of two equal events took effect isn't part of it.
pub async fn state(book: &Retail) -> Vec<String> {
    let mut state = Vec::new();
    for sql in STATE {
        state.extend(book.lines(sql).await);
    }
    state
}

/// What is projected; rows in an order of their own.
pub const STATE: [&str; 8] = [
    "SELECT order_key, customer_id, placed_at, pay_by, paid_at, cancelled_at, total_minor, refunded_minor, lines_at FROM orders ORDER BY order_key",
    "SELECT order_key, line_no, sku, quantity_milli, price_minor, amount_minor FROM order_line ORDER BY order_key, line_no",
    "SELECT order_key, ref_key, occurred_at, amount_minor FROM refund ORDER BY order_key, ref_key",
    "SELECT ticket_key, customer_id, state, opened_at, resolved_at, reopened, escalated, complaint, severity, chased FROM ticket ORDER BY ticket_key",
    "SELECT shipment_key, customer_id, order_key, status, carrier, place, exception_at, reason, new_eta, delivered_at, version_at FROM shipment ORDER BY shipment_key",
    "SELECT review_key, customer_id, rating_milli, reviewed_at, version_at FROM review ORDER BY review_key",
    "SELECT feedback_key, kind, ticket_key, score, version_at FROM feedback ORDER BY feedback_key",
    "SELECT contact_key, kind, channel, purpose, tool, made_at FROM contact_made ORDER BY contact_key",
];

/// A table, and a statement that makes it differ from the log.
pub const CORRUPTIONS: &[(&str, &str)] = &[
    ("orders", "UPDATE orders SET total_minor = total_minor + 1"),
    ("orders", "DELETE FROM orders WHERE order_key LIKE '%:o1'"),
    (
        "order_line",
        "INSERT INTO order_line (shop_id, order_key, line_no, quantity_milli, amount_minor) VALUES (1, 'retail:nothing', 1, 1000, 0)",
    ),
    ("refund", "UPDATE refund SET amount_minor = 1 WHERE order_key = ''"),
    ("refund", "DELETE FROM refund WHERE order_key <> ''"),
    ("ticket", "UPDATE ticket SET state = CASE state WHEN 'open' THEN 'closed' ELSE 'open' END"),
    ("shipment", "UPDATE shipment SET carrier = NULL"),
    ("review", "UPDATE review SET customer_id = 99"),
    ("feedback", "UPDATE feedback SET score = 0"),
    ("contact_made", "DELETE FROM contact_made"),
    ("event", "UPDATE event SET effective = 0 WHERE kind = 'Order Completed'"),
    ("order_effect", "DELETE FROM order_effect WHERE kind = 'completed'"),
];
