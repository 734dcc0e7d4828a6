//! What a row says, as the events an SDK would have sent: so that files and feeds take one way in.
//!
//! Message ids follow from the row's own id, so the same file twice changes nothing. A customer's row has
//! its file in it too: it says how the person stands now, and a later file may say it otherwise.

use super::Kind;
use super::columns::Cells;
use chrono_tz::Tz;
use domain::problem::{Problem, Problems};
use domain::time::Instant;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

/// What rows need to know of where they come from.
#[derive(Debug, Clone)]
pub(super) struct Origin {
    pub kind: Kind,
    pub shop_key: String,
    pub zone: Tz,
    pub file_hash: String,
}

/// What one record (a row, or the rows of one order) says.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Said {
    /// Nobody is named: counted, not refused.
    NoCustomer,
    Events(Vec<Dated>),
}

/// An event in Segment's shape, and when it happens; `None` is whenever it is taken in.
#[derive(Debug, Clone, PartialEq)]
pub struct Dated {
    pub at: Option<Instant>,
    pub event: Value,
}

/// Longest message id (`domain::event`).
const LONGEST_ID: usize = 100;

impl Origin {
    /// Reads a record: for orders every row of one order, else one row. Reads on past what can't be read, so
    /// that everything is told; what it gives counts only where it kept no problem.
    pub fn read(&self, rows: &[Cells<'_>], problems: &mut Problems) -> Said {
        let first = rows.first().expect("a record has a row");
        let foreign =
            rows.iter().find_map(|row| Some((row, row.get("shop").filter(|s| *s != self.shop_key)?)));
        if let Some((row, shop)) = foreign {
            let detail = format!(
                "\"{shop}\" is another shop than {}; import each shop's rows by themselves",
                self.shop_key
            );
            problems.push(row.problem("shop", "other_shop", detail));
        }
        let customer = match first.id("customer_id") {
            Ok(Some(customer)) => customer,
            Ok(None) => return Said::NoCustomer,
            Err(problem) => {
                problems.push(problem);
                // Nobody's; only for what else there may be to tell.
                "?"
            }
        };
        Said::Events(match self.kind {
            Kind::Customers => self.customer(first, customer, problems),
            Kind::Orders => self.order(rows, customer, problems),
            Kind::Tickets => self.ticket(first, customer, problems),
        })
    }

    fn message_id(&self, what: &str, id: &str, part: &str) -> String {
        let full = format!("{what}:{}:{id}{part}", self.shop_key);
        if full.len() <= LONGEST_ID {
            return full;
        }
        let hash: String = Sha256::digest(&full).iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{what}:{hash}")
    }

    /// An event at an instant, or at none where that couldn't be read.
    fn track(
        &self,
        id: String,
        customer: &str,
        name: &str,
        at: Option<Instant>,
        properties: Map<String, Value>,
    ) -> Dated {
        let event = json!({
            "type": "track", "messageId": id, "userId": customer, "event": name,
            "timestamp": at.map(Instant::to_rfc3339), "properties": properties,
        });
        Dated { at, event }
    }

    fn customer(&self, row: &Cells<'_>, customer: &str, problems: &mut Problems) -> Vec<Dated> {
        let registered = problems.note(row.instant("registered_at", self.zone));
        let mut traits: Map<String, Value> =
            row.extra().map(|(name, value)| (name.to_owned(), json!(value))).collect();
        for column in
            ["name", "public_tier", "email", "phone", "birthday", "timezone", "locale", "jurisdiction"]
        {
            if let Some(value) = row.get(column) {
                traits.insert(column.to_owned(), json!(value));
            }
        }
        if let Some(at) = registered {
            traits.insert("created_at".to_owned(), json!(at.to_rfc3339()));
        }
        let file = &self.file_hash[..self.file_hash.len().min(12)];
        let id = self.message_id("customers", customer, &format!("@{file}"));
        let event = json!({"type": "identify", "messageId": id, "userId": customer, "traits": traits});
        let mut events = vec![Dated { at: registered, event }];
        for (column, channel, purpose, text) in row.consents() {
            let Some(granted) = problems.note(consent(row, column, text).map(Some)) else { continue };
            let part = format!(":{channel}:{purpose}@{file}");
            let id = self.message_id("consents", customer, &part);
            let said = json!({"channel": channel, "purpose": purpose, "granted": granted});
            let mut event = json!({
                "type": "track", "messageId": id, "userId": customer, "event": "Consent Changed", "properties": said,
            });
            // A file doesn't say when. A yes counts from registration, so that a later no stands; a no from now.
            if let Some(at) = registered.filter(|_| granted) {
                event["timestamp"] = json!(at.to_rfc3339());
            }
            events.push(Dated { at: registered, event });
        }
        events
    }

    fn order(&self, rows: &[Cells<'_>], customer: &str, problems: &mut Problems) -> Vec<Dated> {
        let first = rows.first().expect("a record has a row");
        let order_id = needed(first, "order_id", problems);
        for column in [
            "customer_id",
            "paid_at",
            "total",
            "currency",
            "kind",
            "refund_of",
            "coupon",
            "status",
            "delivered_at",
        ] {
            if let Some(other) = rows.iter().find(|row| row.get(column) != first.get(column)) {
                let detail = format!("differs from line {}, a row of the same order {order_id}", first.line);
                problems.push(other.problem(column, "rows_disagree", detail));
            }
        }
        let paid_at = instant_needed(first, "paid_at", self.zone, problems);
        let mut properties = Map::new();
        for column in ["total", "currency", "coupon", "status"] {
            if let Some(value) = first.get(column) {
                properties.insert(column.to_owned(), json!(value));
            }
        }
        properties.extend(first.extra().map(|(name, value)| (name.to_owned(), json!(value))));
        let lines: Vec<Value> = rows.iter().filter_map(line).collect();
        if !lines.is_empty() {
            properties.insert("products".to_owned(), json!(lines));
        }
        match first.get("kind").unwrap_or("purchase") {
            "purchase" => {}
            other => {
                if other != "refund" {
                    let detail = format!("\"{other}\" is neither purchase nor refund");
                    problems.push(first.problem("kind", "bad_kind", detail));
                }
                // What is neither is read on as a refund, which needs the least.
                return self.refund(first, order_id, customer, paid_at, properties, problems);
            }
        }
        properties.insert("order_id".to_owned(), json!(order_id));
        let id = |part| self.message_id("orders", order_id, part);
        let mut events = vec![self.track(id(""), customer, "Order Completed", paid_at, properties)];
        let only_order = Map::from_iter([("order_id".to_owned(), json!(order_id))]);
        if first.get("status").is_some_and(cancelled) {
            let cancelled = id(":cancelled");
            events.push(self.track(cancelled, customer, "Order Cancelled", paid_at, only_order.clone()));
        }
        if let Some(at) = problems.note(first.instant("delivered_at", self.zone)) {
            events.push(self.track(id(":delivered"), customer, "Order Delivered", Some(at), only_order));
        }
        events
    }

    /// A refund row's order_id is its own id; `refund_of` is the order. The sign of the total is ignored.
    fn refund(
        &self,
        row: &Cells<'_>,
        refund_id: &str,
        customer: &str,
        at: Option<Instant>,
        mut properties: Map<String, Value>,
        problems: &mut Problems,
    ) -> Vec<Dated> {
        properties.insert("refund_id".to_owned(), json!(refund_id));
        if let Some(order_id) = problems.note(row.id("refund_of")) {
            properties.insert("order_id".to_owned(), json!(order_id));
        }
        let id = self.message_id("refunds", refund_id, "");
        vec![self.track(id, customer, "Order Refunded", at, properties)]
    }

    fn ticket(&self, row: &Cells<'_>, customer: &str, problems: &mut Problems) -> Vec<Dated> {
        let ticket_id = needed(row, "ticket_id", problems);
        let opened_at = instant_needed(row, "opened_at", self.zone, problems);
        let resolved_at = problems.note(row.instant("resolved_at", self.zone));
        if let (Some(opened), Some(resolved)) = (opened_at, resolved_at)
            && resolved < opened
        {
            let cell = |column| row.get(column).unwrap_or_default();
            let detail = format!(
                "\"{}\" is before opened_at, \"{}\"; correct the one that is wrong",
                cell("resolved_at"),
                cell("opened_at")
            );
            problems.push(row.problem("resolved_at", "before_opened", detail));
        }
        let mut properties: Map<String, Value> =
            row.extra().map(|(name, value)| (name.to_owned(), json!(value))).collect();
        for column in [
            "order_id",
            "category",
            "severity",
            "channel",
            "complaint",
            "important",
            "complex",
            "amount",
            "sku",
            "theme",
        ] {
            if let Some(value) = row.get(column) {
                properties.insert(column.to_owned(), json!(value));
            }
        }
        problems.note(row.id("order_id"));
        properties.insert("ticket_id".to_owned(), json!(ticket_id));
        let id = |part| self.message_id("tickets", ticket_id, part);
        let mut events = vec![self.track(id(""), customer, "Ticket Opened", opened_at, properties)];
        let only_ticket = Map::from_iter([("ticket_id".to_owned(), json!(ticket_id))]);
        if resolved_at.is_some() {
            let resolved = id(":resolved");
            events.push(self.track(resolved, customer, "Ticket Resolved", resolved_at, only_ticket.clone()));
        }
        if let Some(score) = row.get("csat") {
            if !matches!(score, "1" | "2" | "3" | "4" | "5") {
                let detail = format!("\"{score}\" is no score from 1 to 5; correct it, or leave it empty");
                problems.push(row.problem("csat", "bad_score", detail));
                return events;
            }
            let mut said = only_ticket;
            said.insert("score".to_owned(), json!(score));
            let at = resolved_at.or(opened_at);
            events.push(self.track(id(":csat"), customer, "CSAT Submitted", at, said));
        }
        events
    }
}

/// An id that must be there; nothing where it isn't.
fn needed<'a>(row: &Cells<'a>, column: &str, problems: &mut Problems) -> &'a str {
    let id = row.id(column).and_then(|_| row.required(column));
    problems.note(id)
}

fn instant_needed(row: &Cells<'_>, column: &str, zone: Tz, problems: &mut Problems) -> Option<Instant> {
    let at = row.required(column).and_then(|_| row.instant(column, zone));
    problems.note(at)
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

fn consent(row: &Cells<'_>, column: &str, text: &str) -> Result<bool, Problem> {
    match text.to_lowercase().as_str() {
        "granted" | "yes" | "y" | "true" | "1" | "是" => Ok(true),
        "denied" | "no" | "n" | "false" | "0" | "否" => Ok(false),
        _ => {
            let detail =
                format!("\"{text}\" is neither granted nor denied; leave it empty where nobody was asked");
            Err(row.problem(column, "bad_consent", detail))
        }
    }
}
