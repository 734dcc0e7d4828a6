//! What a row says, as the events an SDK would have sent: so that files and feeds take one way in.
//!
//! Message ids follow from the row's own id, so the same file twice changes nothing. A customer's row has
//! its file in it too: it says how the person stands now, and a later file may say it otherwise.

use super::Kind;
use super::columns::Cells;
use chrono_tz::Tz;
use domain::contact;
use domain::problem::Problem;
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
    /// Reads a record: for orders every row of one order, else one row.
    pub fn read(&self, rows: &[Cells<'_>]) -> Result<Said, Problem> {
        let first = rows.first().expect("a record has a row");
        if let Some(shop) = rows.iter().find_map(|row| row.get("shop").filter(|shop| *shop != self.shop_key))
        {
            let detail = format!(
                "\"{shop}\" is another shop than {}; import each shop's rows by themselves",
                self.shop_key
            );
            return Err(first.problem("shop", "other_shop", detail));
        }
        let Some(customer) = first.id("customer_id")? else { return Ok(Said::NoCustomer) };
        match self.kind {
            Kind::Customers => self.customer(first, customer),
            Kind::Orders => self.order(rows, customer),
            Kind::Tickets => self.ticket(first, customer),
        }
        .map(Said::Events)
    }

    fn message_id(&self, what: &str, id: &str, part: &str) -> String {
        let full = format!("{what}:{}:{id}{part}", self.shop_key);
        if full.len() <= LONGEST_ID {
            return full;
        }
        let hash: String = Sha256::digest(&full).iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{what}:{hash}")
    }

    fn track(
        &self,
        id: String,
        customer: &str,
        name: &str,
        at: Instant,
        properties: Map<String, Value>,
    ) -> Dated {
        let event = json!({
            "type": "track", "messageId": id, "userId": customer, "event": name,
            "timestamp": at.to_rfc3339(), "properties": properties,
        });
        Dated { at: Some(at), event }
    }

    fn customer(&self, row: &Cells<'_>, customer: &str) -> Result<Vec<Dated>, Problem> {
        let registered = row.instant("registered_at", self.zone)?;
        let mut traits: Map<String, Value> =
            row.extra().map(|(name, value)| (name.to_owned(), json!(value))).collect();
        for column in
            ["name", "public_tier", "email", "phone", "birthday", "timezone", "locale", "jurisdiction"]
        {
            if let Some(value) = row.get(column) {
                traits.insert(column.to_owned(), json!(value));
            }
        }
        if let Some(zone) = row.get("timezone").filter(|zone| zone.parse::<Tz>().is_err()) {
            let detail = format!("\"{zone}\" is no IANA time zone such as Europe/London");
            return Err(row.problem("timezone", "bad_zone", detail));
        }
        if let Some(email) = row.get("email").filter(|email| contact::email(email).is_none()) {
            let detail = format!("a mail address of {} bytes is too long", email.len());
            return Err(row.problem("email", "too_long", detail));
        }
        if let Some(at) = registered {
            traits.insert("created_at".to_owned(), json!(at.to_rfc3339()));
        }
        let file = &self.file_hash[..self.file_hash.len().min(12)];
        let id = self.message_id("customers", customer, &format!("@{file}"));
        let event = json!({"type": "identify", "messageId": id, "userId": customer, "traits": traits});
        let mut events = vec![Dated { at: registered, event }];
        for (column, channel, purpose, text) in row.consents() {
            let granted = consent(row, column, text)?;
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
        Ok(events)
    }

    fn order(&self, rows: &[Cells<'_>], customer: &str) -> Result<Vec<Dated>, Problem> {
        let first = rows.first().expect("a record has a row");
        let order_id =
            first.id("order_id")?.ok_or_else(|| first.problem("order_id", "missing_field", "is empty"))?;
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
                return Err(other.problem(column, "rows_disagree", detail));
            }
        }
        first.required("paid_at")?;
        let paid_at = first.instant("paid_at", self.zone)?.expect("required above");
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
            "refund" => return self.refund(first, order_id, customer, paid_at, properties),
            other => {
                let detail = format!("\"{other}\" is neither purchase nor refund");
                return Err(first.problem("kind", "bad_kind", detail));
            }
        }
        properties.insert("order_id".to_owned(), json!(order_id));
        let id = |part| self.message_id("orders", order_id, part);
        let mut events = vec![self.track(id(""), customer, "Order Completed", paid_at, properties)];
        let only_order = Map::from_iter([("order_id".to_owned(), json!(order_id))]);
        if first.get("status").is_some_and(cancelled) {
            events.push(self.track(
                id(":cancelled"),
                customer,
                "Order Cancelled",
                paid_at,
                only_order.clone(),
            ));
        }
        if let Some(at) = first.instant("delivered_at", self.zone)? {
            events.push(self.track(id(":delivered"), customer, "Order Delivered", at, only_order));
        }
        Ok(events)
    }

    /// A refund row's order_id is its own id; `refund_of` is the order. The sign of the total is ignored.
    fn refund(
        &self,
        row: &Cells<'_>,
        refund_id: &str,
        customer: &str,
        at: Instant,
        mut properties: Map<String, Value>,
    ) -> Result<Vec<Dated>, Problem> {
        properties.insert("refund_id".to_owned(), json!(refund_id));
        if let Some(order_id) = row.id("refund_of")? {
            properties.insert("order_id".to_owned(), json!(order_id));
        }
        let id = self.message_id("refunds", refund_id, "");
        Ok(vec![self.track(id, customer, "Order Refunded", at, properties)])
    }

    fn ticket(&self, row: &Cells<'_>, customer: &str) -> Result<Vec<Dated>, Problem> {
        let ticket_id =
            row.id("ticket_id")?.ok_or_else(|| row.problem("ticket_id", "missing_field", "is empty"))?;
        row.required("opened_at")?;
        let opened_at = row.instant("opened_at", self.zone)?.expect("required above");
        let resolved_at = row.instant("resolved_at", self.zone)?;
        if let Some(at) = resolved_at.filter(|at| *at < opened_at) {
            let detail = format!("{at} is before opened_at, {opened_at}");
            return Err(row.problem("resolved_at", "before_opened", detail));
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
        row.id("order_id")?;
        properties.insert("ticket_id".to_owned(), json!(ticket_id));
        let id = |part| self.message_id("tickets", ticket_id, part);
        let mut events = vec![self.track(id(""), customer, "Ticket Opened", opened_at, properties)];
        let only_ticket = Map::from_iter([("ticket_id".to_owned(), json!(ticket_id))]);
        if let Some(at) = resolved_at {
            events.push(self.track(id(":resolved"), customer, "Ticket Resolved", at, only_ticket.clone()));
        }
        if let Some(score) = row.get("csat") {
            if !matches!(score, "1" | "2" | "3" | "4" | "5") {
                return Err(row.problem("csat", "bad_score", format!("\"{score}\" is no score from 1 to 5")));
            }
            let mut said = only_ticket;
            said.insert("score".to_owned(), json!(score));
            events.push(self.track(
                id(":csat"),
                customer,
                "CSAT Submitted",
                resolved_at.unwrap_or(opened_at),
                said,
            ));
        }
        Ok(events)
    }
}

/// The line of an order that a row is, if it says anything about one.
fn line(row: &Cells<'_>) -> Option<Value> {
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
