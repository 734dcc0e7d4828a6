//! A sender's JSON to a fact and the person it is about: always an answer or a problem, never a panic.
//!
//! Takes the Segment spec's shapes (`identify`, `track`, …). What happened when is settled later, by
//! [`occurred_at`], since only the door knows when it was received.

use super::values::{Fields, LONGEST_WORD, flag, instant, snake, sound};
use super::{Fact, TicketPatch, commerce};
use crate::money::Currency;
use crate::problem::Problem;
use crate::time::{Instant, MachineInstant, Span};
use chrono_tz::Tz;
use serde_json::{Map, Value};

/// What the shop adds to what its senders leave out.
#[derive(Debug, Clone, Copy)]
pub struct Context {
    /// Zone of instants without offset.
    pub zone: Tz,
    /// Currency of amounts without one, and the only one taken.
    pub currency: Currency,
}

/// What an incoming event turned out to be.
#[derive(Debug, Clone, PartialEq)]
pub enum Reading {
    Event(Box<Said>),
    /// `page` and `screen`: counted, not stored.
    Browsing,
}

/// An event as its sender put it, read.
#[derive(Debug, Clone, PartialEq)]
pub struct Said {
    pub message_id: Option<String>,
    pub user_id: Option<String>,
    pub anonymous_id: Option<String>,
    pub timestamp: Option<Instant>,
    /// The sender's clock when it sent: machine time, on a virtual book too.
    pub sent_at: Option<MachineInstant>,
    /// Order and ticket ids are the sender's own; amounts in minor units.
    pub fact: Fact,
    /// A ticket event's fields, as far as said.
    pub ticket: Option<TicketPatch>,
    /// An identify's traits, reserved ones in snake_case.
    pub traits: Map<String, Value>,
    pub consents: Vec<ConsentSaid>,
    /// What may stand in the log.
    pub properties: Map<String, Value>,
    /// What is kept apart from it: contacts, names, addresses, free text.
    pub personal: Map<String, Value>,
}

/// One consent given or refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsentSaid {
    pub channel: String,
    pub purpose: String,
    pub granted: bool,
}

/// Deepest nesting of one event.
const DEEPEST: usize = 32;
/// Largest event, in bytes.
const LARGEST: usize = 32 * 1024;
const LONGEST_MESSAGE_ID: usize = 100;
const PURPOSES: [&str; 4] = ["service", "marketing", "survey", "personalization"];
/// Traits with a meaning, in the spelling they are stored under.
const RESERVED: [&str; 9] =
    ["email", "phone", "birthday", "name", "first_name", "last_name", "created_at", "gender", "address"];
/// Properties that hold personal values or free text.
const PERSONAL: [&str; 18] = [
    "email",
    "phone",
    "mobile",
    "name",
    "first_name",
    "last_name",
    "birthday",
    "address",
    "shipping_address",
    "billing_address",
    "receiver",
    "comment",
    "message",
    "note",
    "notes",
    "text",
    "body",
    "description",
];

/// Reads one event.
pub fn parse(json: &Value, context: &Context) -> Result<Reading, Problem> {
    sound(json, DEEPEST, LARGEST)?;
    let Value::Object(map) = json else {
        return Err(Problem::new("", "not_an_object", "an event must be a JSON object"));
    };
    let envelope = Fields { map, at: "" };
    let kind = envelope.word("type")?.unwrap_or_else(|| "track".to_owned()).to_ascii_lowercase();
    match kind.as_str() {
        "page" | "screen" => Ok(Reading::Browsing),
        "identify" | "track" | "group" | "alias" => {
            event(&kind, envelope, context).map(|said| Reading::Event(Box::new(said)))
        }
        other => Err(Problem::new(
            "type",
            "unknown_type",
            format!("\"{}\" is none of identify, track, page, screen, group, alias", clip(other)),
        )),
    }
}

fn event(kind: &str, envelope: Fields<'_>, context: &Context) -> Result<Said, Problem> {
    let (user_id, anonymous_id) = (envelope.word("user_id")?, envelope.word("anonymous_id")?);
    if user_id.is_none() && anonymous_id.is_none() {
        return Err(Problem::new("userId", "nobody", "names nobody; send userId or anonymousId"));
    }
    let message_id = envelope.word("message_id")?;
    if message_id.as_ref().is_some_and(|id| id.len() > LONGEST_MESSAGE_ID) {
        let detail = format!("is longer than {LONGEST_MESSAGE_ID} bytes");
        return Err(Problem::new("messageId", "too_long", detail));
    }
    let timestamp =
        envelope.get("timestamp").map(|value| instant(value, "timestamp", context.zone)).transpose()?;
    // A sender's broken clock is no reason to refuse what it says.
    let sent_at = envelope.get("sent_at").and_then(|value| instant(value, "sentAt", context.zone).ok());
    let mut said = Said {
        message_id,
        user_id,
        anonymous_id,
        timestamp,
        sent_at: sent_at.map(|at| MachineInstant::from_micros(at.micros())),
        fact: Fact::Identified,
        ticket: None,
        traits: Map::new(),
        consents: Vec::new(),
        properties: Map::new(),
        personal: Map::new(),
    };
    match kind {
        "identify" => identify(&mut said, envelope)?,
        "track" => track(&mut said, envelope, context)?,
        other => {
            let name = if other == "group" { "Group" } else { "Alias" };
            said.fact = Fact::Custom { name: name.to_owned() };
            split(object(envelope, "traits")?.unwrap_or(&Map::new()), &mut said);
        }
    }
    if let Some(Value::Object(about)) = envelope.get("context") {
        // Only what the sender knows of the person; its library, address and device are dropped.
        if let Some(traits @ Value::Object(_)) = about.get("traits") {
            said.personal.insert("context_traits".to_owned(), traits.clone());
        }
    }
    Ok(said)
}

fn identify(said: &mut Said, envelope: Fields<'_>) -> Result<(), Problem> {
    let Some(given) = object(envelope, "traits")? else { return Ok(()) };
    for (name, value) in given.iter().filter(|(_, value)| !value.is_null()) {
        let plain = snake(name);
        match plain.as_str() {
            "consents" => said.consents = consents(value)?,
            "timezone" | "locale" => {
                said.properties.insert(plain.clone(), value.clone());
                said.traits.insert(plain, value.clone());
            }
            reserved if RESERVED.contains(&reserved) => drop(said.traits.insert(plain, value.clone())),
            _ => drop(said.traits.insert(name.clone(), value.clone())),
        }
    }
    said.personal = said.traits.clone();
    Ok(())
}

fn track(said: &mut Said, envelope: Fields<'_>, context: &Context) -> Result<(), Problem> {
    let name = envelope
        .word("event")?
        .ok_or_else(|| Problem::new("event", "no_name", "is missing; a track event needs its name"))?;
    let empty = Map::new();
    let properties = object(envelope, "properties")?.unwrap_or(&empty);
    let fields = Fields { map: properties, at: "properties" };
    let name = commerce::canonical(&name);
    if name == "Consent Changed" {
        let consent = consent_changed(fields)?;
        said.fact = Fact::ConsentChanged {
            channel: consent.channel.clone(),
            purpose: consent.purpose.clone(),
            granted: consent.granted,
        };
        said.consents.push(consent);
    } else {
        (said.fact, said.ticket) = commerce::fact(name, fields, context.currency)?;
    }
    split(properties, said);
    Ok(())
}

/// Parts properties into what may stand in the log and what is kept apart.
fn split(properties: &Map<String, Value>, said: &mut Said) {
    for (name, value) in properties.iter().filter(|(_, value)| !value.is_null()) {
        let apart = PERSONAL.contains(&snake(name).as_str());
        let side = if apart { &mut said.personal } else { &mut said.properties };
        side.insert(name.clone(), value.clone());
    }
}

fn object<'a>(envelope: Fields<'a>, name: &str) -> Result<Option<&'a Map<String, Value>>, Problem> {
    match envelope.get(name) {
        None => Ok(None),
        Some(Value::Object(map)) => Ok(Some(map)),
        Some(_) => Err(Problem::new(name, "not_an_object", "must be an object")),
    }
}

/// `{email: {marketing: granted}}`.
fn consents(value: &Value) -> Result<Vec<ConsentSaid>, Problem> {
    const AT: &str = "traits.consents";
    let wrong =
        || Problem::new(AT, "bad_consent", "must look like {\"email\": {\"marketing\": \"granted\"}}");
    let mut said = Vec::new();
    for (channel, purposes) in value.as_object().ok_or_else(wrong)? {
        for (purpose, state) in purposes.as_object().ok_or_else(wrong)? {
            let fields = Fields { map: purposes.as_object().ok_or_else(wrong)?, at: AT };
            if state.is_null() {
                continue;
            }
            let granted = match state {
                Value::Bool(granted) => Some(*granted),
                Value::String(text) => flag(text),
                _ => None,
            };
            let granted = granted
                .ok_or_else(|| fields.problem(&clip(purpose), "bad_consent", "must be granted or denied"))?;
            said.push(consent(AT, channel, purpose, granted)?);
        }
    }
    Ok(said)
}

fn consent_changed(fields: Fields<'_>) -> Result<ConsentSaid, Problem> {
    let channel = fields.required("channel", "a consent is for a channel such as email")?;
    let purpose = fields.word("purpose")?.unwrap_or_else(|| "marketing".to_owned());
    let mut granted = None;
    for name in ["granted", "state", "status"] {
        if granted.is_none() {
            granted = fields.flag(name)?;
        }
    }
    let granted = granted.ok_or_else(|| {
        fields.problem("granted", "missing_field", "is missing; send granted: true or false")
    })?;
    consent(fields.at, &channel, &purpose, granted)
}

fn consent(at: &str, channel: &str, purpose: &str, granted: bool) -> Result<ConsentSaid, Problem> {
    let (channel, purpose) = (channel.trim().to_ascii_lowercase(), purpose.trim().to_ascii_lowercase());
    if channel.is_empty() || channel.len() > 32 {
        return Err(Problem::new(at, "bad_consent", "names no channel such as email or sms"));
    }
    if !PURPOSES.contains(&purpose.as_str()) {
        let detail = format!("\"{}\" is no purpose; use one of {}", clip(&purpose), PURPOSES.join(", "));
        return Err(Problem::new(at, "bad_consent", detail));
    }
    Ok(ConsentSaid { channel, purpose, granted })
}

/// At most a word's length of what a sender wrote, for problems.
fn clip(text: &str) -> String {
    text.chars().take(LONGEST_WORD / 8).collect()
}

/// A sender's clock this far off is corrected.
const SKEW_ALLOWED: Span = Span::seconds(60);
/// What claims to happen further ahead than this happened when it was received.
const AHEAD_ALLOWED: Span = Span::minutes(5);

/// When an event happened: its timestamp, corrected by the sender's clock error where that is more than
/// 60 s; else when it was received. `machine_now` is the machine's clock at receipt: on a real book the
/// same instant as `received_at`.
pub fn occurred_at(
    timestamp: Option<Instant>,
    sent_at: Option<MachineInstant>,
    received_at: Instant,
    machine_now: MachineInstant,
) -> Instant {
    let Some(timestamp) = timestamp else { return received_at };
    let skew = sent_at.map_or(Span::ZERO, |sent| sent - machine_now);
    let off = skew > SKEW_ALLOWED || skew < Span::micros(-SKEW_ALLOWED.as_micros());
    let at = if off { timestamp - skew } else { timestamp };
    if at > received_at + AHEAD_ALLOWED { received_at } else { at }
}

#[cfg(test)]
#[path = "parse_tests.rs"]
mod tests;
