//! What the rows of one order say: a purchase with its lines, a refund, or an order nobody has paid for yet, and
//! who the buyer is where the row says so.

use super::columns::Cells;
use super::events::{Dated, Origin, instant_needed, needed};
use domain::import::Table;
use domain::money::{Money, parse_minor};
use domain::problem::Problems;
use domain::time::Instant;
use serde_json::{Map, Value, json};

/// Fields of the order, alike on all of its rows.
const OF_ORDER: [&str; 15] = [
    "customer_id",
    "paid_at",
    "total",
    "currency",
    "kind",
    "refund_of",
    "coupon",
    "status",
    "delivered_at",
    "created_at",
    "refunded",
    "refunded_at",
    "name",
    "email",
    "phone",
];
/// What an order's status means to us. A profile says which of them its words are.
const STATUSES: [&str; 7] =
    ["paid", "shipped", "completed", "unpaid", "cancelled", "refunded", "partially_refunded"];

/// An order's rows, read together.
struct Order<'a, 'r> {
    origin: &'a Origin,
    rows: &'a [Cells<'r>],
    first: &'a Cells<'r>,
    customer: &'a str,
    id: &'r str,
    status: &'r str,
}

impl Origin {
    pub(super) fn order(&self, rows: &[Cells<'_>], customer: &str, problems: &mut Problems) -> Vec<Dated> {
        let first = rows.first().expect("a record has a row");
        let id = needed(first, "order_id", problems);
        alike(rows, id, problems);
        let status = problems.note(first.word("status", &STATUSES)).unwrap_or_default();
        let order = Order { origin: self, rows, first, customer, id, status };
        let mut events = order.said(problems);
        events.extend(order.person(&events));
        events
    }
}

/// Tells where a row of an order says otherwise than its first.
fn alike(rows: &[Cells<'_>], order_id: &str, problems: &mut Problems) {
    let Some(first) = rows.first() else { return };
    let Table { first_row, sums, .. } = first.table();
    for field in OF_ORDER {
        if sums.iter().any(|sum| sum == field) {
            continue;
        }
        let once = first_row.iter().any(|name| name == field);
        let other =
            |row: &&Cells<'_>| row.get(field) != first.get(field) && !(once && row.get(field).is_none());
        if let Some(other) = rows.iter().find(other) {
            let detail = format!("differs from line {}, a row of the same order {order_id}", first.line);
            problems.push(other.problem(field, "rows_disagree", detail));
        }
    }
}

impl Order<'_, '_> {
    fn said(&self, problems: &mut Problems) -> Vec<Dated> {
        let kind = self.first.get("kind").unwrap_or("purchase");
        let unpaid = self.first.get("paid_at").is_none()
            && (matches!(self.status, "unpaid" | "cancelled") || cancelled(self.status))
            && self.first.get("created_at").is_some();
        if unpaid && kind == "purchase" {
            return self.placed(problems);
        }
        let paid_at = instant_needed(self.first, "paid_at", problems);
        if kind == "purchase" {
            return self.purchase(paid_at, problems);
        }
        if kind != "refund" {
            let detail = format!("\"{kind}\" is neither purchase nor refund");
            problems.push(self.first.problem("kind", "bad_kind", detail));
        }
        // What is neither is read on as a refund, which needs the least.
        vec![self.refund(paid_at, problems)]
    }

    fn message_id(&self, part: &str) -> String {
        self.origin.message_id("orders", self.id, part)
    }

    fn track(&self, part: &str, name: &str, at: Option<Instant>, said: Map<String, Value>) -> Dated {
        self.origin.track(self.message_id(part), self.customer, name, at, said)
    }

    /// What the rows say of the order beyond its id.
    fn properties(&self, problems: &mut Problems) -> Map<String, Value> {
        let mut said = Map::new();
        for field in ["coupon", "status"] {
            if let Some(value) = self.first.get(field) {
                said.insert(field.to_owned(), json!(value));
            }
        }
        if let Some(currency) = self.first.currency() {
            said.insert("currency".to_owned(), json!(currency));
        }
        if let Some(total) = self.amount("total", problems) {
            said.insert("total".to_owned(), json!(total));
        }
        said.extend(self.first.extra().map(|(name, value)| (name.to_owned(), json!(value))));
        let lines: Vec<Value> = self.rows.iter().filter_map(line).collect();
        if !lines.is_empty() {
            said.insert("products".to_owned(), json!(lines));
        }
        said
    }

    /// An amount of the order: of its first row, or of all where the profile says that they add up.
    fn amount(&self, field: &str, problems: &mut Problems) -> Option<String> {
        if !self.first.table().sums.iter().any(|sum| sum == field) {
            return self.first.get(field).map(str::to_owned);
        }
        let (currency, mut sum, mut any) = (self.origin.currency, 0_i64, false);
        for row in self.rows {
            let Some(text) = row.get(field) else { continue };
            any = true;
            match parse_minor(text, currency.exponent()) {
                Some(minor) => sum = sum.saturating_add(minor),
                None => {
                    let detail = format!("\"{text}\" must be a plain decimal such as 12.50");
                    problems.push(row.problem(field, "amount_not_a_number", detail));
                }
            }
        }
        any.then(|| Money::new(sum, currency).decimal())
    }

    fn only_order(&self) -> Map<String, Value> {
        Map::from_iter([("order_id".to_owned(), json!(self.id))])
    }

    /// Nobody has paid.
    fn placed(&self, problems: &mut Problems) -> Vec<Dated> {
        let at = problems.note(self.first.instant("created_at"));
        let mut said = self.properties(problems);
        said.extend(self.only_order());
        let mut events = vec![self.track(":placed", "Order Placed", at, said)];
        if self.status != "unpaid" {
            events.push(self.track(":cancelled", "Order Cancelled", at, self.only_order()));
        }
        events
    }

    fn purchase(&self, paid_at: Option<Instant>, problems: &mut Problems) -> Vec<Dated> {
        let mut said = self.properties(problems);
        said.extend(self.only_order());
        let mut events = vec![self.track("", "Order Completed", paid_at, said)];
        if cancelled(self.status) {
            events.push(self.track(":cancelled", "Order Cancelled", paid_at, self.only_order()));
        }
        if let Some(at) = problems.note(self.first.instant("delivered_at")) {
            events.push(self.track(":delivered", "Order Delivered", Some(at), self.only_order()));
        }
        events.extend(self.refunded(paid_at, problems));
        events
    }

    /// What the order's own row says was paid back: all that is left, or a sum so far. The row doesn't say when,
    /// so it counts from the payment unless there is an instant.
    fn refunded(&self, paid_at: Option<Instant>, problems: &mut Problems) -> Option<Dated> {
        let at = problems.note(self.first.instant("refunded_at")).or(paid_at);
        let sum = self.amount("refunded", problems).filter(|sum| !is_nothing(sum));
        let strict = self.first.words_are_listed("status");
        let all = strict && self.status == "refunded";
        let part = match (all, &sum) {
            (true, _) => "all",
            (false, Some(_)) => "sum",
            (false, None) => return None,
        };
        let mut said = self.only_order();
        said.insert("refund_id".to_owned(), json!(format!("{}~{part}", self.id)));
        if let (false, Some(sum)) = (all, sum) {
            said.insert("total".to_owned(), json!(sum));
        }
        Some(self.track(&format!(":refunded-{part}"), "Order Refunded", at, said))
    }

    /// A refund row's order_id is its own id; `refund_of` is the order. The sign of the total is ignored.
    fn refund(&self, at: Option<Instant>, problems: &mut Problems) -> Dated {
        let mut said = self.properties(problems);
        said.insert("refund_id".to_owned(), json!(self.id));
        if let Some(order_id) = problems.note(self.first.id("refund_of")) {
            said.insert("order_id".to_owned(), json!(order_id));
        }
        let id = self.origin.message_id("refunds", self.id, "");
        self.origin.track(id, self.customer, "Order Refunded", at, said)
    }

    /// Who bought, as far as the order's row says: known from the order's instant on.
    fn person(&self, events: &[Dated]) -> Option<Dated> {
        let mut traits = Map::new();
        for field in ["name", "email", "phone"] {
            if let Some(value) = self.first.get(field) {
                traits.insert(field.to_owned(), json!(value));
            }
        }
        let at = events.first()?.at;
        (!traits.is_empty()).then(|| {
            let event = json!({
                "type": "identify", "messageId": self.message_id(":buyer"), "userId": self.customer,
                "timestamp": at.map(Instant::to_rfc3339), "traits": traits,
            });
            Dated { at, event }
        })
    }
}

fn is_nothing(amount: &str) -> bool {
    parse_minor(amount, 4) == Some(0)
}

/// The line of an order that a row is, if it says anything about one.
pub(super) fn line(row: &Cells<'_>) -> Option<Value> {
    let mut line = Map::new();
    for (column, name) in [
        ("sku", "sku"),
        ("product", "name"),
        ("category", "category"),
        ("style", "style"),
        ("brand", "brand"),
        ("quantity", "quantity"),
        ("price", "price"),
    ] {
        if let Some(value) = row.get(column) {
            line.insert(name.to_owned(), json!(value));
        }
    }
    (!line.is_empty()).then_some(Value::Object(line))
}

fn cancelled(status: &str) -> bool {
    matches!(status.to_lowercase().as_str(), "cancelled" | "canceled" | "已取消")
}
