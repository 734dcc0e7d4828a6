//! Reads one tag's document, collecting every problem with its place.

use super::definition::{Band, ByHand, Expires, Level, NamedValue, Names, Role, Shape, TagDefinition};
use super::said::{SaidBy, SaidValue, System};
use crate::customer::dealings::Score;
use crate::problem::{Problem, nearest};
use crate::rule::{Field, FieldKind, MAX_DAYS, Rule, parse};
use crate::segment::{self, key_of};
use crate::text::turns_writing;
use crate::time::{Instant, Span};
use serde_json::{Map, Value};
use std::sync::Arc;

pub(super) const FIELDS: [&str; 19] = [
    "key",
    "name",
    "group",
    "rule",
    "levels",
    "otherwise",
    "value_of",
    "scores",
    "bands",
    "values",
    "supply",
    "set_by",
    "ended_by",
    "lasts",
    "system",
    "hold",
    "settle",
    "unless",
    "by_hand",
];
pub(super) const NAMED_FIELDS: [&str; 2] = ["value", "name"];
pub(super) const BAND_FIELDS: [&str; 3] = ["value", "name", "share"];
pub(super) const SAID_FIELDS: [&str; 3] = ["value", "name", "events"];
pub(super) const LEVEL_FIELDS: [&str; 3] = ["value", "name", "rule"];
pub(super) const NAME_FIELDS: [&str; 2] = ["en", "zh-CN"];

/// A tag's document as stored: parsed YAML or JSON, with what publishing gave it.
#[derive(Debug, Clone, PartialEq)]
pub struct TagDocument {
    /// What it is read as.
    pub of: Of,
    pub version: i64,
    /// `None` for what has always been there.
    pub published_at: Option<Instant>,
    pub body: Value,
}

/// What a document defines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Of {
    Tag,
    Segment,
}

impl TagDocument {
    /// The first version of a tag's document, published at no particular instant.
    pub fn first(body: Value) -> Self {
        Self { of: Of::Tag, version: 1, published_at: None, body }
    }

    /// The same of what is stored under this key, a tag's or a segment's.
    pub fn first_of(node: &str, body: Value) -> Self {
        Self { of: key_of(node).map_or(Of::Tag, |_| Of::Segment), ..Self::first(body) }
    }
}

/// Longest duration a tag may speak of: a century.
const LONGEST: Span = Span::days(MAX_DAYS);
/// Most levels, values or events a tag may list.
pub(super) const MOST_LISTED: usize = 100;

type Fields = Map<String, Value>;

/// Reads one document. Places are relative to it.
pub(super) fn read(document: &TagDocument) -> Result<TagDefinition, Vec<Problem>> {
    if document.of == Of::Segment {
        return segment::read(document);
    }
    let Some(fields) = document.body.as_object() else {
        return Err(vec![Problem::new(
            "",
            "not_a_tag",
            "a tag is an object with key, name and rule or levels",
        )]);
    };
    let mut problems = Vec::new();
    known(fields, &FIELDS, "", &mut problems);
    let key = word(fields, "key", "", &mut problems);
    let name = names(fields, "", &mut problems);
    let hold = span(fields, "hold", &mut problems);
    let settle = span(fields, "settle", &mut problems);
    let unless = fields.get("unless").and_then(|value| rule(value, "unless", &mut problems));
    let group = fields.get("group").and_then(|_| word(fields, "group", "", &mut problems));
    let shape = shape(fields, &mut problems);
    let by_hand = by_hand(fields, shape.as_ref(), &mut problems);
    match (key, name, shape) {
        (Some(key), Some(name), Some(shape)) if problems.is_empty() => Ok(TagDefinition {
            key,
            name,
            shape,
            hold,
            settle,
            unless,
            by_hand,
            group,
            role: Role::Tag,
            version: document.version,
            published_at: document.published_at,
        }),
        _ => Err(problems),
    }
}

fn place(at: &str, field: &str) -> String {
    if at.is_empty() { field.to_owned() } else { format!("{at}.{field}") }
}

pub(crate) fn known(fields: &Fields, allowed: &[&str], at: &str, problems: &mut Vec<Problem>) {
    for key in fields.keys().filter(|key| !allowed.contains(&key.as_str())) {
        let remedy = match nearest(key, allowed.iter().copied()) {
            Some(near) => format!("did you mean {near}?"),
            None => format!("known are {}", allowed.join(", ")),
        };
        problems.push(Problem::new(place(at, key), "unknown_field", format!("no such field; {remedy}")));
    }
}

/// Keys and values: lower-case words, so that they can stand in rules, columns and addresses.
pub(crate) fn word(fields: &Fields, field: &str, at: &str, problems: &mut Vec<Problem>) -> Option<String> {
    let text = fields.get(field).and_then(Value::as_str).unwrap_or_default();
    let plain = text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    if plain && text.starts_with(|c: char| c.is_ascii_lowercase()) {
        return Some(text.to_owned());
    }
    let detail = format!("give {field} as lower-case letters, digits and _, beginning with a letter");
    problems.push(Problem::new(place(at, field), "bad_word", detail));
    None
}

fn names(fields: &Fields, at: &str, problems: &mut Vec<Problem>) -> Option<Names> {
    texts(fields, "name", at, problems)
}

/// A name or another text in both languages.
pub(crate) fn texts(fields: &Fields, field: &str, at: &str, problems: &mut Vec<Problem>) -> Option<Names> {
    let at = place(at, field);
    let code = if field == "name" { "no_name" } else { "no_text" };
    let Some(given) = fields.get(field).and_then(Value::as_object) else {
        problems.push(Problem::new(at, code, format!("give the {field} as {{en: …, zh-CN: …}}")));
        return None;
    };
    known(given, &NAME_FIELDS, &at, problems);
    let mut text = |lang: &str| {
        let text = given.get(lang).and_then(Value::as_str).filter(|text| !text.trim().is_empty());
        let marked = |text: &str| text.chars().any(|c| (c.is_control() && c != '\n') || turns_writing(c));
        match text {
            None => {
                let detail = format!("the {field} in this language is missing, or no text");
                problems.push(Problem::new(place(&at, lang), code, detail));
            }
            // People decide by what they read.
            Some(text) if marked(text) => {
                let detail = format!("{text:?} has characters that nobody sees; write it without");
                problems.push(Problem::new(place(&at, lang), "bad_text", detail));
            }
            Some(_) => {}
        }
        text.map(str::to_owned)
    };
    let (en, zh_cn) = (text("en"), text("zh-CN"));
    Some(Names { en: en?, zh_cn: zh_cn? })
}

fn span(fields: &Fields, field: &str, problems: &mut Vec<Problem>) -> Span {
    let Some(value) = fields.get(field) else { return Span::ZERO };
    value.as_str().and_then(Span::parse).filter(|span| *span <= LONGEST).unwrap_or_else(|| {
        let detail = format!(
            "{value} is not a duration; write for example \"30d\" or \"12h\", at most \"{MAX_DAYS}d\""
        );
        problems.push(Problem::new(field, "bad_duration", detail));
        Span::ZERO
    })
}

pub(crate) fn rule(value: &Value, at: &str, problems: &mut Vec<Problem>) -> Option<Rule> {
    match parse(value) {
        Ok(rule) => Some(rule),
        Err(found) => {
            problems.extend(found.into_iter().map(|problem| problem.under(at)));
            None
        }
    }
}

/// What gives a tag its values: exactly one of these stands in its document.
pub(super) const SHAPES: [&str; 8] =
    ["rule", "levels", "value_of", "scores", "values", "supply", "set_by", "system"];

fn shape(fields: &Fields, problems: &mut Vec<Problem>) -> Option<Shape> {
    let given: Vec<&str> = SHAPES.into_iter().filter(|shape| fields.contains_key(*shape)).collect();
    if fields.contains_key("otherwise") && !given.contains(&"levels") {
        let detail = "only a tag with levels has a value otherwise; leave it out";
        problems.push(Problem::new("otherwise", "unknown_field", detail));
    }
    if !given.contains(&"set_by") {
        without(fields, &["ended_by", "lasts"], "only a tag that events set (set_by) is ended so", problems);
    }
    if !given.contains(&"scores") {
        without(fields, &["bands"], "only a tag of runs (scores) has bands", problems);
    }
    match given[..] {
        ["rule"] => rule(&fields["rule"], "rule", problems).map(Shape::Flag),
        ["levels"] => levels(fields, &fields["levels"], problems),
        ["rule", "value_of"] => value_of(fields, problems),
        ["value_of"] => {
            problems.push(Problem::new("rule", "no_rule", "say in a rule when the tag has this value"));
            None
        }
        ["scores"] => scores(fields, problems),
        ["supply"] if fields["supply"] == "due" => Some(Shape::Supply),
        ["supply"] => {
            let detail = format!("{} is nothing to know of a supply; there is due", fields["supply"]);
            problems.push(Problem::new("supply", "unknown_supply", detail));
            None
        }
        ["values"] => named_values(&fields["values"], problems),
        ["set_by"] => said_by(fields, problems),
        ["system"] => system(fields, problems),
        [] | [_] => {
            let detail = "give a rule, or levels with a rule each, or scores, values that people give, or set_by with events";
            problems.push(Problem::new("", "no_rule", detail));
            None
        }
        [_, second, ..] => {
            let detail =
                format!("a tag has one of {}; only value_of stands beside a rule", SHAPES.join(", "));
            problems.push(Problem::new(second, "two_shapes", detail));
            None
        }
    }
}

/// What a document must not have beside what gives its tag values; it would do nothing.
fn without(fields: &Fields, names: &[&str], why: &str, problems: &mut Vec<Problem>) {
    for name in names.iter().filter(|name| fields.contains_key(**name)) {
        problems.push(Problem::new(*name, "unknown_field", format!("{why}; leave it out")));
    }
}

fn system(fields: &Fields, problems: &mut Vec<Problem>) -> Option<Shape> {
    let why = "what the program itself knows is neither held nor given by hand";
    without(fields, &["hold", "settle", "unless", "by_hand"], why, problems);
    let written = &fields["system"];
    let system = written.as_str().and_then(System::parse);
    if system.is_none() {
        let known: Vec<&str> = System::ALL.iter().map(|system| system.as_str()).collect();
        let remedy = match nearest(written.as_str().unwrap_or_default(), known.iter().copied()) {
            Some(near) => format!("did you mean {near}?"),
            None => format!("there are {}", known.join(", ")),
        };
        let detail = format!("{written} is nothing the program knows of a customer; {remedy}");
        problems.push(Problem::new("system", "unknown_system", detail));
    }
    system.map(Shape::System)
}

/// `set_by: [Newsletter Liked]`, or `set_by: [{value, name, events: […]}]`.
fn said_by(fields: &Fields, problems: &mut Vec<Problem>) -> Option<Shape> {
    let why = "events set this tag, no condition that could be held; say with lasts for how long";
    without(fields, &["hold", "settle"], why, problems);
    let before = problems.len();
    let mut seen = Vec::new();
    let detail = "give a list of events' names, or of values with value, name and events";
    let values = match listed(&fields["set_by"], "set_by", detail, problems).map(Vec::as_slice) {
        Some([first, ..]) if !first.is_object() => {
            let events = event_names(&fields["set_by"], "set_by", &mut seen, problems);
            vec![SaidValue { value: Arc::from("true"), name: None, events }]
        }
        Some(items @ [_, ..]) => said_values(items, &mut seen, problems),
        Some(_) => {
            problems.push(Problem::new("set_by", "empty", detail));
            Vec::new()
        }
        None => Vec::new(),
    };
    let ended_by = match fields.get("ended_by") {
        Some(names) => event_names(names, "ended_by", &mut seen, problems),
        None => Vec::new(),
    };
    let lasts = fields.get("lasts").map(|_| span(fields, "lasts", problems));
    if lasts == Some(Span::ZERO) && problems.len() == before {
        problems.push(Problem::new(
            "lasts",
            "bad_duration",
            "lasts no time; leave it out for a tag that stays",
        ));
    }
    (problems.len() == before).then_some(Shape::Said(SaidBy { values, ended_by, lasts }))
}

fn said_values(items: &[Value], seen: &mut Vec<String>, problems: &mut Vec<Problem>) -> Vec<SaidValue> {
    let mut values: Vec<SaidValue> = Vec::new();
    for (i, item) in items.iter().enumerate() {
        let at = format!("set_by[{i}]");
        let Some(given) = item.as_object() else {
            let detail =
                "a value is an object with value, name and events; a tag without values is a list of names";
            problems.push(Problem::new(at, "not_a_value", detail));
            continue;
        };
        known(given, &SAID_FIELDS, &at, problems);
        let (value, name) = (word(given, "value", &at, problems), names(given, &at, problems));
        let events_at = place(&at, "events");
        let events = event_names(given.get("events").unwrap_or(&Value::Null), &events_at, seen, problems);
        let Some(value) = value else { continue };
        if values.iter().any(|known| *known.value == *value) {
            let detail = format!("{value} is there already; name all its events there");
            problems.push(Problem::new(place(&at, "value"), "duplicate", detail));
        }
        values.push(SaidValue { value: Arc::from(value), name, events });
    }
    values
}

/// Names of events, none of which was seen before.
fn event_names(list: &Value, at: &str, seen: &mut Vec<String>, problems: &mut Vec<Problem>) -> Vec<String> {
    let Some(items) = listed(list, at, "give a list of at least one event's name", problems) else {
        return Vec::new();
    };
    let mut names = Vec::with_capacity(items.len());
    for (i, item) in items.iter().enumerate() {
        let at = format!("{at}[{i}]");
        match parse(&serde_json::json!({ "event": item })) {
            Ok(Rule::Event(test)) if seen.contains(&test.name) => {
                let detail = format!("{} says something already; name it once", test.name);
                problems.push(Problem::new(at, "duplicate", detail));
            }
            Ok(Rule::Event(test)) => {
                seen.push(test.name.clone());
                names.push(test.name);
            }
            Ok(_) => {}
            Err(found) => {
                problems.extend(found.into_iter().map(|p| Problem::new(at.clone(), p.code, p.detail)))
            }
        }
    }
    names
}

fn value_of(fields: &Fields, problems: &mut Vec<Problem>) -> Option<Shape> {
    let written = fields["value_of"].as_str().unwrap_or_default();
    let fits = |field: &&Field| matches!(field.kind(), FieldKind::Text | FieldKind::Count);
    let field = Field::named(written).filter(|field| fits(&field));
    if field.is_none() {
        let known: Vec<&str> = Field::ALL.iter().filter(fits).map(|field| field.key()).collect();
        let remedy = match nearest(written, known.iter().copied()) {
            Some(near) => format!("did you mean {near}?"),
            None => format!("known are {}", known.join(", ")),
        };
        let detail = format!("{} is no word or count of the profile; {remedy}", fields["value_of"]);
        problems.push(Problem::new("value_of", "unknown_profile", detail));
    }
    let rule = rule(&fields["rule"], "rule", problems);
    Some(Shape::Field { field: field?, rule: rule? })
}

fn scores(fields: &Fields, problems: &mut Vec<Problem>) -> Option<Shape> {
    let value = &fields["scores"];
    let score = value.as_str().and_then(Score::parse);
    if score.is_none() {
        let known: Vec<&str> = Score::ALL.iter().map(|score| score.as_str()).collect();
        let detail = format!("{value} is no run over the book; there are {}", known.join(", "));
        problems.push(Problem::new("scores", "unknown_scores", detail));
    }
    if score == Some(Score::Rfm) {
        without(fields, &["bands"], "rfm has segments of its own", problems);
    }
    let before = problems.len();
    let bands = fields.get("bands").map_or_else(Vec::new, |list| bands(list, problems));
    (problems.len() == before).then_some(Shape::Scored { score: score?, bands })
}

/// From the top: parts of all, and behind them the others.
fn bands(list: &Value, problems: &mut Vec<Problem>) -> Vec<Band> {
    let items = list.as_array().map_or(&[][..], Vec::as_slice);
    if items.len() < 2 {
        let detail = "give a list of at least two bands, from the top: each with value, name and share, the last without share";
        problems.push(Problem::new("bands", "empty", detail));
    }
    if items.len() > MOST_LISTED {
        let detail = format!("has {} entries, at most {MOST_LISTED} fit", items.len());
        problems.push(Problem::new("bands", "too_many_values", detail));
        return Vec::new();
    }
    let (mut bands, mut sum): (Vec<Band>, i64) = (Vec::new(), 0);
    for (i, item) in items.iter().enumerate() {
        let at = format!("bands[{i}]");
        let Some(given) = item.as_object() else {
            problems.push(Problem::new(at, "not_a_band", "a band is an object with value, name and share"));
            continue;
        };
        known(given, &BAND_FIELDS, &at, problems);
        let (value, name) = (word(given, "value", &at, problems), names(given, &at, problems));
        let share =
            given.get("share").and_then(Value::as_str).and_then(|text| FieldKind::Share.operand(text));
        let (share_at, whole) = (place(&at, "share"), 1_000_000);
        sum = sum.saturating_add(share.unwrap_or(0));
        match (share, i + 1 == items.len()) {
            (None, true) if !given.contains_key("share") => {}
            (_, true) => {
                let detail = "the last band is all the others; leave its share out";
                problems.push(Problem::new(share_at, "unknown_field", detail));
            }
            (Some(share), false) if share > 0 && sum < whole => {}
            (Some(_), false) => {
                let detail = "shares are above 0 and leave something for the last band";
                problems.push(Problem::new(share_at, "bad_value", detail));
            }
            (None, false) => {
                problems.push(Problem::new(share_at, "bad_value", "give a share such as \"10%\""));
            }
        }
        let (Some(value), Some(name)) = (value, name) else { continue };
        if bands.iter().any(|known| *known.value == *value) {
            let detail = format!("{value} is there already");
            problems.push(Problem::new(place(&at, "value"), "duplicate", detail));
        }
        bands.push(Band { value: Arc::from(value), name, share });
    }
    bands
}

/// A list of so many as a tag may have.
fn listed<'v>(
    list: &'v Value,
    at: &str,
    remedy: &str,
    problems: &mut Vec<Problem>,
) -> Option<&'v Vec<Value>> {
    let Some(items) = list.as_array().filter(|items| !items.is_empty()) else {
        problems.push(Problem::new(at, "empty", remedy));
        return None;
    };
    if items.len() > MOST_LISTED {
        let detail =
            format!("has {} entries, at most {MOST_LISTED} fit; make several tags of it", items.len());
        problems.push(Problem::new(at, "too_many_values", detail));
        return None;
    }
    Some(items)
}

fn named_values(list: &Value, problems: &mut Vec<Problem>) -> Option<Shape> {
    let items = listed(list, "values", "give a list of at least one value", problems)?;
    let mut values: Vec<NamedValue> = Vec::new();
    for (i, item) in items.iter().enumerate() {
        let at = format!("values[{i}]");
        let Some(given) = item.as_object() else {
            problems.push(Problem::new(at, "not_a_value", "a value is an object with value and name"));
            continue;
        };
        known(given, &NAMED_FIELDS, &at, problems);
        let (value, name) = (word(given, "value", &at, problems), names(given, &at, problems));
        let (Some(value), Some(name)) = (value, name) else { continue };
        if values.iter().any(|known| *known.value == *value) {
            let detail = format!("{value} is there already");
            problems.push(Problem::new(place(&at, "value"), "duplicate", detail));
            continue;
        }
        values.push(NamedValue { value: Arc::from(value), name });
    }
    Some(Shape::Named(values))
}

/// `by_hand: {}`, `by_hand: {expires: 365d}` or `by_hand: {expires: required}`. A tag whose values people give is by hand
/// in any case.
fn by_hand(fields: &Fields, shape: Option<&Shape>, problems: &mut Vec<Problem>) -> Option<ByHand> {
    let Some(given) = fields.get("by_hand") else {
        return matches!(shape, Some(Shape::Named(_))).then_some(ByHand { expires: Expires::Never });
    };
    let Some(given) = given.as_object() else {
        let detail = "says for how long: {}, {expires: 365d} or {expires: required}";
        problems.push(Problem::new("by_hand", "not_an_object", detail));
        return None;
    };
    known(given, &["expires"], "by_hand", problems);
    let expires = match given.get("expires").map(|value| (value, value.as_str())) {
        None => Expires::Never,
        Some((_, Some("required"))) => Expires::Required,
        Some((value, text)) => {
            match text.and_then(Span::parse).filter(|span| *span > Span::ZERO && *span <= LONGEST) {
                Some(span) => Expires::After(span),
                None => {
                    let detail = format!(
                        "{value} is not a duration such as \"365d\" of at most {MAX_DAYS}d, nor required"
                    );
                    problems.push(Problem::new("by_hand.expires", "bad_duration", detail));
                    return None;
                }
            }
        }
    };
    Some(ByHand { expires })
}

fn levels(fields: &Fields, list: &Value, problems: &mut Vec<Problem>) -> Option<Shape> {
    let (otherwise, otherwise_name) = match fields.get("otherwise").and_then(Value::as_object) {
        None => (word(fields, "otherwise", "", problems), None),
        Some(given) => {
            known(given, &NAMED_FIELDS, "otherwise", problems);
            (word(given, "value", "otherwise", problems), names(given, "otherwise", problems))
        }
    };
    let items = listed(list, "levels", "give a list of at least one level, lowest first", problems)?;
    let mut seen: Vec<String> = otherwise.iter().cloned().collect();
    let mut levels = Vec::new();
    for (i, item) in items.iter().enumerate() {
        let at = format!("levels[{i}]");
        let Some(level) = item.as_object() else {
            problems.push(Problem::new(at, "not_a_level", "a level is an object with value, name and rule"));
            continue;
        };
        known(level, &LEVEL_FIELDS, &at, problems);
        let value = word(level, "value", &at, problems);
        let name = names(level, &at, problems);
        let rule_at = place(&at, "rule");
        let rule = match level.get("rule") {
            Some(value) => rule(value, &rule_at, problems),
            None => {
                problems.push(Problem::new(rule_at, "no_rule", "the level has no rule"));
                None
            }
        };
        if let Some(value) = value.as_ref() {
            if seen.contains(value) {
                problems.push(Problem::new(
                    place(&at, "value"),
                    "duplicate",
                    format!("{value} is there already"),
                ));
            }
            seen.push(value.clone());
        }
        if let (Some(value), Some(name), Some(rule)) = (value, name, rule) {
            levels.push(Level { value: Arc::from(value), name, rule });
        }
    }
    Some(Shape::Levels { otherwise: Arc::from(otherwise?), otherwise_name, levels })
}
