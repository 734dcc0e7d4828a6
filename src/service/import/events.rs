//! What a row says, as the events an SDK would have sent: so that files and feeds take one way in.
//!
//! Message ids follow from the row's own id, so the same file twice changes nothing. A customer's row has
//! its file and its line in it too: it says how the person stands now, and a later row or file may say it
//! otherwise. Ids that are somebody's contact or nick are hashed there, since message ids outlive an erasure.

use super::Kind;
use super::columns::Cells;
use chrono_tz::Tz;
use domain::contact::{self, Class};
use domain::customer::identity::{self, is_blocked};
use domain::money::Currency;
use domain::problem::{Problem, Problems};
use domain::time::Instant;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

/// What rows need to know of where they come from.
#[derive(Debug, Clone)]
pub(super) struct Origin {
    pub kind: Kind,
    pub shop_key: String,
    pub currency: Currency,
    /// Of events' instants without offset; other kinds' are read by their profile.
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
        if self.kind == Kind::Events {
            return Said::Events(self.event(first, problems));
        }
        let customer = match first.id("customer_id") {
            Ok(Some(customer)) => customer,
            // A touch may name a telephone number instead.
            Ok(None) if self.kind == Kind::Contacts && first.get("phone").is_some() => "",
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
            Kind::Contacts => self.contact(first, customer, problems),
            Kind::Events => Vec::new(),
        })
    }

    /// `part` stays as it is, whatever the length: rows of one customer are ordered by it.
    pub(super) fn message_id(&self, what: &str, id: &str, part: &str) -> String {
        let full = format!("{what}:{}:{id}{part}", self.shop_key);
        if full.len() <= LONGEST_ID && !id.contains(':') {
            return full;
        }
        format!("{what}:{}{part}", short_hash(&format!("{}:{id}", self.shop_key)))
    }

    /// An event as its sender wrote it. Without a message id its own text is one, so that the same line again
    /// is the same event.
    fn event(&self, row: &Cells<'_>, problems: &mut Problems) -> Vec<Dated> {
        let text = problems.note(row.required("event"));
        let Ok(mut event @ Value::Object(_)) = serde_json::from_str::<Value>(text) else {
            let detail = "is no JSON object; write {\"type\": \"track\", \"userId\": …, \"event\": …}";
            problems.push(row.problem("event", "not_an_object", detail));
            return Vec::new();
        };
        if ["messageId", "message_id"].iter().all(|name| event.get(name).is_none_or(Value::is_null)) {
            // The object's own order of keys, whatever the file's.
            event["messageId"] = json!(format!("events:{}", short_hash(&event.to_string())));
        }
        let at = event.get("timestamp").and_then(Value::as_str).and_then(|at| Instant::parse(at, self.zone));
        vec![Dated { at, event }]
    }

    /// What tells this row of this file from every other, in the order of rows.
    fn row_of_file(&self, row: &Cells<'_>) -> String {
        format!("@{}#{:08}", &self.file_hash[..self.file_hash.len().min(12)], row.line)
    }

    /// An event at an instant, or at none where that couldn't be read.
    pub(super) fn track(
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
        let registered = problems.note(row.instant("registered_at"));
        let mut traits: Map<String, Value> =
            row.extra().map(|(name, value)| (name.to_owned(), json!(value))).collect();
        for column in [
            "name",
            "first_name",
            "last_name",
            "gender",
            "public_tier",
            "email",
            "phone",
            "birthday",
            "timezone",
            "locale",
            "jurisdiction",
        ] {
            if let Some(value) = row.get(column) {
                traits.insert(column.to_owned(), json!(value));
            }
        }
        problems.note(row.id("phone"));
        if let Some(at) = registered {
            traits.insert("created_at".to_owned(), json!(at.to_rfc3339()));
        }
        let file = self.row_of_file(row);
        let id = self.message_id("customers", customer, &file);
        let event = json!({"type": "identify", "messageId": id, "userId": customer, "traits": traits});
        let mut events = vec![Dated { at: registered, event }];
        for (column, channel, purpose, text) in row.consents() {
            let Some(granted) = problems.note(consent(row, column, text).map(Some)) else { continue };
            let part = format!(":{channel}:{purpose}{file}");
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

    fn ticket(&self, row: &Cells<'_>, customer: &str, problems: &mut Problems) -> Vec<Dated> {
        let ticket_id = needed(row, "ticket_id", problems);
        let opened_at = instant_needed(row, "opened_at", problems);
        let resolved_at = problems.note(row.instant("resolved_at"));
        if let (Some(opened), Some(resolved)) = (opened_at, resolved_at)
            && resolved < opened
        {
            let cell = |column| row.written(column).unwrap_or_default();
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

    /// A touch by another tool. The same customer, instant, channel and source are the same touch.
    fn contact(&self, row: &Cells<'_>, customer: &str, problems: &mut Problems) -> Vec<Dated> {
        let at = instant_needed(row, "at", problems);
        let channel = problems.note(row.required("channel"));
        let phone = problems.note(row.id("phone"));
        let customer = match (customer, phone) {
            ("", Some(phone)) => phone_user(row, phone, problems),
            (customer, _) => customer.to_owned(),
        };
        let mut said: Map<String, Value> =
            row.extra().map(|(name, value)| (name.to_owned(), json!(value))).collect();
        for column in ["channel", "purpose", "source"] {
            if let Some(value) = row.get(column) {
                said.insert(column.to_owned(), json!(value));
            }
        }
        let source = row.get("source").unwrap_or_default();
        let micros = at.map_or(0, Instant::micros);
        // Hashed whole: it may hold a telephone number.
        let touch = format!(":{customer}:{micros}:{channel}:{source}");
        vec![self.track(self.message_id("contacts", &touch, ""), &customer, "Contact Made", at, said)]
    }
}

/// Half of a SHA-256, hex.
fn short_hash(text: &str) -> String {
    Sha256::digest(text)[..16].iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Who a telephone number names, as a customer's id.
fn phone_user(row: &Cells<'_>, phone: &str, problems: &mut Problems) -> String {
    match contact::phone(phone) {
        Some(phone)
            if phone.usable
                && phone.class == Class::Real
                && !is_blocked(identity::Kind::Phone, &phone.value) =>
        {
            format!("phone:{}", phone.value)
        }
        _ => {
            let detail = format!("\"{phone}\" names nobody; put a whole telephone number or a customer_id");
            problems.push(row.problem("phone", "bad_phone", detail));
            // Nobody's; only for what else there may be to tell.
            "?".to_owned()
        }
    }
}

/// An id that must be there; nothing where it isn't.
pub(super) fn needed<'a>(row: &Cells<'a>, column: &str, problems: &mut Problems) -> &'a str {
    let id = row.id(column).and_then(|_| row.required(column));
    problems.note(id)
}

pub(super) fn instant_needed(row: &Cells<'_>, column: &str, problems: &mut Problems) -> Option<Instant> {
    let at = row.required(column).and_then(|_| row.instant(column));
    problems.note(at)
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
