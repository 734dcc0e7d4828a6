//! A sender's JSON to a fact and the person it is about: always an answer or a problem, never a panic.
//!
//! Takes the Segment spec's shapes (`identify`, `track`, …). What happened when is settled later, by
//! [`occurred_at`], since only the door knows when it was received.

use super::commerce::Track;
use super::own::Own;
use super::values::{Fields, LONGEST_WORD, flag, instant, snake, sound};
use super::{Detail, Fact, Foreign, commerce, person, shapes};
use crate::customer::consent::{self, Purpose};
use crate::customer::identity::{self, Given, Name};
use crate::money::Currency;
use crate::problem::{Problem, Problems};
use crate::time::{Instant, MachineInstant, Span};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What the shop adds to what its senders leave out.
#[derive(Debug, Clone, Copy)]
pub struct Context {
    /// Zone of instants without offset.
    pub zone: Tz,
    /// Currency of amounts without one.
    pub currency: Currency,
    /// What the book counts in. Amounts in other currencies are taken over later ([`Said::take_over`]).
    pub base: Currency,
    /// The book's clock, where it is known already: nobody was born after it.
    pub clock: Option<Instant>,
    pub speaker: Speaker,
}

/// Who says an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speaker {
    /// What the daemon itself would say of this name is an event of theirs like any other.
    Sender,
    /// The book itself, source `kinkeeper`: what it did counts as done.
    Book,
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
    /// Platforms' ids, `platform:id`, from `context.externalIds`.
    pub external_ids: Vec<String>,
    pub timestamp: Option<Instant>,
    /// The sender's clock when it sent: machine time, on a virtual book too.
    pub sent_at: Option<MachineInstant>,
    /// Order and ticket ids are the sender's own; amounts in minor units.
    pub fact: Fact,
    /// The sender's ids of the order …
    pub order_id: Option<String>,
    /// … and of the refund, ticket, shipment, review, answer or contact it is about.
    pub subject_id: Option<String>,
    /// What it says beside name, instant and amount, where its name is known.
    pub detail: Option<Detail>,
    /// What its amounts are in, where that isn't the base currency.
    pub currency: Option<Currency>,
    /// Its amount as said in another currency, once it is taken over into the base currency.
    pub foreign: Option<Foreign>,
    /// An identify's traits, reserved ones in snake_case.
    pub traits: Map<String, Value>,
    pub consents: Vec<ConsentSaid>,
    /// What may stand in the log.
    pub properties: Map<String, Value>,
    /// What is kept apart from it: contacts, names, addresses, free text.
    pub personal: Map<String, Value>,
    /// What of an identify can't be so, and is no part of the rest.
    pub refused: Option<RefusedTraits>,
}

/// Traits that can't be so (an impossible birthday, an address that is none).
#[derive(Debug, Clone, PartialEq)]
pub struct RefusedTraits {
    /// As they were sent.
    pub traits: Map<String, Value>,
    /// Never empty. `at` is `traits.<name>`; the detail doesn't repeat the value.
    pub problems: Vec<Problem>,
}

/// One consent given or refused.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
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
/// Properties that hold personal values or free text.
const PERSONAL: [&str; 24] = [
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
    "content",
    "feedback",
    "recipient",
    "review_body",
    "share_message",
    "transcript",
];

/// Reads one event, or says everything that keeps it from being taken in.
pub fn parse(json: &Value, context: &Context) -> Result<Reading, Vec<Problem>> {
    let one = |problem| vec![problem];
    sound(json, DEEPEST, LARGEST).map_err(one)?;
    let Value::Object(map) = json else {
        return Err(one(Problem::new("", "not_an_object", "an event must be a JSON object")));
    };
    let envelope = Fields { map, at: "" };
    let kind = envelope.word("type").map_err(one)?.unwrap_or_else(|| "track".to_owned());
    let kind = kind.to_ascii_lowercase();
    match kind.as_str() {
        "page" | "screen" => Ok(Reading::Browsing),
        "identify" | "track" | "group" | "alias" => {
            let mut problems = Problems::default();
            let said = event(&kind, envelope, context, &mut problems);
            problems.or(Reading::Event(Box::new(said)))
        }
        other => {
            let detail =
                format!("\"{}\" is none of identify, track, page, screen, group, alias", clip(other));
            Err(one(Problem::new("type", "unknown_type", detail)))
        }
    }
}

/// Reads on past what can't be read, so that everything is told.
fn event(kind: &str, envelope: Fields<'_>, context: &Context, problems: &mut Problems) -> Said {
    let user_id = problems.note(envelope.word("user_id"));
    let mut anonymous_id = problems.note(envelope.word("anonymous_id"));
    if kind == "alias" && anonymous_id.is_none() {
        // Whoever was known by it without a user id has this one from now on; whoever has another stays themselves.
        anonymous_id = problems.note(envelope.word("previous_id"));
    }
    if user_id.is_none() && anonymous_id.is_none() && problems.is_empty() {
        problems.push(Problem::new("userId", "nobody", "names nobody; send userId or anonymousId"));
    }
    let message_id = problems.note(envelope.word("message_id"));
    if message_id.as_ref().is_some_and(|id| id.len() > LONGEST_MESSAGE_ID) {
        let detail = format!("is longer than {LONGEST_MESSAGE_ID} bytes");
        problems.push(Problem::new("messageId", "too_long", detail));
    }
    let timestamp = envelope.get("timestamp").map(|value| instant(value, "timestamp", context.zone));
    let timestamp = problems.note(timestamp.transpose());
    // A sender's broken clock is no reason to refuse what it says.
    let sent_at = envelope.get("sent_at").and_then(|value| instant(value, "sentAt", context.zone).ok());
    let mut said = Said {
        message_id,
        user_id,
        anonymous_id,
        external_ids: Vec::new(),
        timestamp,
        sent_at: sent_at.map(|at| MachineInstant::from_micros(at.micros())),
        fact: Fact::Identified,
        order_id: None,
        subject_id: None,
        detail: None,
        currency: None,
        foreign: None,
        traits: Map::new(),
        consents: Vec::new(),
        properties: Map::new(),
        personal: Map::new(),
        refused: None,
    };
    match kind {
        "identify" => problems.note(identify(&mut said, envelope, context)),
        "track" => track(&mut said, envelope, context, problems),
        other => {
            let name = if other == "group" { "Group" } else { "Alias" };
            said.fact = Fact::Custom { name: name.to_owned() };
            split(problems.note(object(envelope, "traits")).unwrap_or(&Map::new()), &mut said);
        }
    }
    // Only what the sender knows of the person; its library, address and device are dropped.
    if let Some(traits) = context_traits(envelope).filter(|_| kind != "identify" || has_traits(envelope)) {
        said.personal.insert("context_traits".to_owned(), Value::Object(traits.clone()));
    }
    if let Some(given) = envelope.get("context").and_then(|about| about.get("externalIds")) {
        said.external_ids = external_ids(given);
    }
    said
}

fn has_traits(envelope: Fields<'_>) -> bool {
    matches!(envelope.get("traits"), Some(Value::Object(traits)) if !traits.is_empty())
}

fn context_traits(envelope: Fields<'_>) -> Option<&Map<String, Value>> {
    envelope.get("context")?.get("traits")?.as_object()
}

/// The most platforms' ids one event may name somebody by.
const MOST_EXTERNAL: usize = 20;

/// `[{"type": "taobao", "id": "买家会员名"}]`; what isn't written so says nothing.
fn external_ids(value: &Value) -> Vec<String> {
    let one = |entry: &Value| {
        let text = |name| entry.get(name).and_then(Value::as_str).filter(|text| text.len() <= LONGEST_WORD);
        Some(format!("{}:{}", text("type")?, text("id")?))
    };
    value.as_array().into_iter().flatten().take(MOST_EXTERNAL).filter_map(one).collect()
}

impl Said {
    /// This fact and nothing else; it names nobody, and whoever logs it says whose it is.
    pub fn of(fact: Fact) -> Self {
        Self {
            message_id: None,
            user_id: None,
            anonymous_id: None,
            external_ids: Vec::new(),
            timestamp: None,
            sent_at: None,
            fact,
            order_id: None,
            subject_id: None,
            detail: None,
            currency: None,
            foreign: None,
            traits: Map::new(),
            consents: Vec::new(),
            properties: Map::new(),
            personal: Map::new(),
            refused: None,
        }
    }

    /// The names by which it says who it is about, the strongest first. What an identify says of phone and mail
    /// counts, and what the sender knows of the person beside (`context.traits`).
    pub fn names(&self, namespace: &str) -> Vec<Name> {
        let beside = self.personal.get("context_traits").and_then(Value::as_object);
        let said = |field: &str| {
            let text = |traits: &Map<String, Value>| traits.get(field).and_then(trait_text);
            text(&self.traits).or_else(|| beside.and_then(text))
        };
        let (phone, email) = (said("phone"), said("email"));
        let given = Given {
            user_id: self.user_id.as_deref(),
            anonymous_id: self.anonymous_id.as_deref(),
            external_ids: &self.external_ids,
            phone: phone.as_deref(),
            email: email.as_deref(),
        };
        identity::names(given, namespace)
    }
}

fn trait_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn identify(said: &mut Said, envelope: Fields<'_>, context: &Context) -> Result<(), Problem> {
    // RudderStack's server-side SDKs put what an identify says into its context.
    let given = object(envelope, "traits")?.filter(|_| has_traits(envelope)).or(context_traits(envelope));
    let Some(given) = given else { return Ok(()) };
    let read = person::read(given, said.timestamp, context, consents)?;
    for name in ["timezone", "locale"] {
        if let Some(value) = read.traits.get(name) {
            said.properties.insert(name.to_owned(), value.clone());
        }
    }
    said.personal = read.traits.clone();
    said.traits = read.traits;
    said.consents = read.consents;
    let problems = read.problems.into_vec();
    said.refused = (!problems.is_empty()).then_some(RefusedTraits { traits: read.refused, problems });
    Ok(())
}

fn track(said: &mut Said, envelope: Fields<'_>, context: &Context, problems: &mut Problems) {
    let Some(name) = problems.note(envelope.word("event")) else {
        return problems.push(Problem::new("event", "no_name", "is missing; a track event needs its name"));
    };
    let empty = Map::new();
    let properties = problems.note(object(envelope, "properties")).unwrap_or(&empty);
    let fields = Fields { map: properties, at: "properties" };
    let name = commerce::canonical(&name);
    if name == "Consent Changed" {
        if let Some(consent) = problems.note(consent_changed(fields).map(Some)) {
            said.fact = Fact::ConsentChanged {
                channel: consent.channel.clone(),
                purpose: consent.purpose.clone(),
                granted: consent.granted,
            };
            said.detail = Some(Detail::Consent(consent.clone()));
            said.consents.push(consent);
        }
    } else if context.speaker == Speaker::Book && shapes::is_own(name) {
        said.fact = Fact::Custom { name: name.to_owned() };
        let own = problems.note(Own::read(name, properties).map(Some));
        said.detail = own.map(|own| Detail::Own(Box::new(own)));
    } else {
        let Track { fact, order_id, subject_id, detail, currency } =
            commerce::fact(name, fields, context, problems);
        (said.fact, said.order_id, said.subject_id) = (fact, order_id, subject_id);
        (said.detail, said.currency) = (detail, currency);
    }
    split(properties, said);
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
    let Some(channel) = consent::channel(channel) else {
        return Err(Problem::new(at, "bad_consent", "names no channel such as email or sms"));
    };
    let purpose = purpose.trim().to_ascii_lowercase();
    if Purpose::parse(&purpose).is_none() {
        let known: Vec<&str> = Purpose::ALL.iter().map(|purpose| purpose.as_str()).collect();
        let detail = format!("\"{}\" is no purpose; use one of {}", clip(&purpose), known.join(", "));
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
