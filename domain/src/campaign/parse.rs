//! Reading a campaign document. Every problem is found in one pass and named by its place; what a later
//! issue builds is refused as such, never taken in and ignored.

use super::condition::{Condition, MICRO_PLACES};
use super::definition::{
    Audience, Channel, Definition, EventTrigger, ExitCondition, Expires, Goal, LocalName, Occasion, Purpose,
    Reentry, Step, TagChange, TagTrigger, Trigger, WindowKind,
};
use crate::calendar::occasion::{MonthDay, SolarOccasion};
use crate::document::{Fields, Reader, place};
use crate::problem::Problem;
use crate::segment::node_key;
use crate::time::Span;
use chrono::NaiveTime;
use serde_json::Value;
use std::collections::BTreeSet;

mod steps;

const KEYS: &[&str] = &[
    "kind", "key", "name", "purpose", "audience", "trigger", "reentry", "holdout", "steps", "exit",
    "expires", "window", "priority", "budget", "goal", "owner",
];

/// Facts whose trigger conditions can look at the ticket they are about.
const TICKET_EVENTS: &[&str] =
    &["Ticket Opened", "Ticket Updated", "Ticket Escalated", "Ticket Resolved", "Ticket Reopened"];

/// The most steps one journey may have.
const MAX_STEPS: usize = 50;

/// Reads a campaign document: the definition, if there is no problem at all, and the problems.
pub fn parse(document: &Value) -> (Option<Definition>, Vec<Problem>) {
    let mut r = Reader::new();
    let found = read(&mut r, document);
    r.finish(found)
}

fn read(r: &mut Reader, document: &Value) -> Option<Definition> {
    let doc = r.map("", document, KEYS)?;
    r.kind(&doc, "campaign");
    let key = doc.need(r, "key").and_then(|v| r.key("key", v));
    let name = doc.need(r, "name").and_then(|v| local_name(r, "name", v));
    let purpose = doc.need(r, "purpose").and_then(|v| r.choice("purpose", v, &Purpose::choices()));
    let audience = audience(r, &doc);
    let trigger = doc.need(r, "trigger").and_then(|v| trigger(r, v));
    let reentry = reentry(r, &doc);
    let holdout_percent = holdout(r, &doc);
    let steps = doc.need(r, "steps").and_then(|v| all_steps(r, v, purpose));
    let exits = exits(r, &doc);
    let sends = steps.as_ref().is_none_or(|s| s.iter().any(|s| matches!(s, Step::Send(_))));
    let expires = expires(r, &doc, sends);
    let window = window(r, &doc, purpose);
    let priority = doc.need(r, "priority").and_then(|v| r.whole("priority", v, 0, 100));
    let budget_micros = budget(r, &doc);
    let goal = goal(r, &doc);
    let owner = doc.need(r, "owner").and_then(|v| r.text("owner", v));
    Some(Definition {
        key: key?,
        name: name?,
        purpose: purpose?,
        audience: audience?,
        trigger: trigger?,
        reentry,
        holdout_percent: holdout_percent?,
        steps: steps?,
        exits,
        expires: expires?,
        window: window?,
        priority: u8::try_from(priority?).ok()?,
        budget_micros,
        goal,
        owner: owner?,
    })
}

fn local_name(r: &mut Reader, at: &str, value: &Value) -> Option<LocalName> {
    let fields = r.map(at, value, &["en", "zh"])?;
    let en = fields.need(r, "en").and_then(|v| r.text(&fields.place("en"), v));
    let zh = fields.need(r, "zh").and_then(|v| r.text(&fields.place("zh"), v));
    Some(LocalName { en: en?, zh: zh? })
}

fn audience(r: &mut Reader, doc: &Fields<'_>) -> Option<Audience> {
    match doc.get("audience") {
        None => Some(Audience::Everyone),
        Some(Value::String(word)) if word == "everyone" => Some(Audience::Everyone),
        Some(rule @ Value::Object(_)) => match crate::rule::parse(rule) {
            Ok(_) => Some(Audience::Rule(rule.clone())),
            Err(problems) => {
                problems.into_iter().for_each(|p| r.push(p.under("audience")));
                None
            }
        },
        Some(_) => {
            r.report("audience", "not_an_audience", "write `everyone` or a rule such as {tag: vip}");
            None
        }
    }
}

fn trigger(r: &mut Reader, value: &Value) -> Option<Trigger> {
    const BUILT: &[&str] = &["occasion", "tag", "segment", "event"];
    const LATER: &[&str] = &["cron", "anniversary", "date", "manual"];
    let fields = r.map("trigger", value, &[BUILT, LATER].concat())?;
    let mut given = BUILT.iter().chain(LATER).filter_map(|k| fields.get(k).map(|v| (*k, v)));
    let (Some((kind, inner)), None) = (given.next(), given.next()) else {
        r.report("trigger", "not_one_trigger", format!("exactly one of {} is needed", BUILT.join(", ")));
        return None;
    };
    let at = fields.place(kind);
    match kind {
        "occasion" => occasion(r, &at, inner).map(Trigger::Occasion),
        "tag" => tag(r, &at, inner).map(Trigger::Tag),
        "segment" => segment(r, &at, inner).map(Trigger::Tag),
        "event" => event(r, &at, inner).map(Trigger::Event),
        later => {
            let detail =
                format!("triggers of kind `{later}` are not yet supported; use {}", BUILT.join(", "));
            r.report(at, "not_yet_supported", detail);
            None
        }
    }
}

fn occasion(r: &mut Reader, at: &str, value: &Value) -> Option<Occasion> {
    let fields = r.map(at, value, &["name", "title", "solar", "lunar", "at", "offset_days"])?;
    if fields.get("lunar").is_some() {
        r.report(
            fields.place("lunar"),
            "not_yet_supported",
            "lunar dates are not yet supported; use `solar`",
        );
        return None;
    }
    let name = fields.need(r, "name").and_then(|v| r.text(&fields.place("name"), v));
    let title = fields.need(r, "title").and_then(|v| local_name(r, &fields.place("title"), v));
    let date = fields.need(r, "solar").and_then(|v| {
        let date = v.as_str().and_then(MonthDay::parse);
        if date.is_none() {
            r.report(fields.place("solar"), "not_a_date", "write month and day as \"12-25\"");
        }
        date
    });
    let time = fields.need(r, "at").and_then(|v| {
        let time = v.as_str().and_then(|t| NaiveTime::parse_from_str(t, "%H:%M").ok());
        if time.is_none() {
            r.report(fields.place("at"), "not_a_time", "write the local time as \"10:00\"");
        }
        time
    });
    let offset = match fields.get("offset_days") {
        None => Some(0),
        Some(v) => r.whole(&fields.place("offset_days"), v, -180, 180),
    };
    match SolarOccasion::new(&name?, date?, time?, offset?) {
        Ok(solar) => Some(Occasion { title: title?, solar }),
        Err(problem) => {
            r.push(problem.under(at));
            None
        }
    }
}

fn tag(r: &mut Reader, at: &str, value: &Value) -> Option<TagTrigger> {
    let fields = r.map(at, value, &["key", "entered", "left", "changed"])?;
    let key = fields.need(r, "key").and_then(|v| r.key(&fields.place("key"), v));
    let mut given = ["entered", "left", "changed"].into_iter().filter_map(|k| fields.get(k).map(|v| (k, v)));
    let (Some((how, inner)), None) = (given.next(), given.next()) else {
        r.report(
            at,
            "not_one_change",
            "exactly one of entered, left, changed is needed, such as `entered: true`",
        );
        return None;
    };
    let at = fields.place(how);
    let change = match (how, inner) {
        ("entered", Value::Bool(true)) => Some(TagChange::Entered { value: None }),
        ("left", Value::Bool(true)) => Some(TagChange::Left { value: None }),
        ("changed", Value::Bool(true)) => Some(TagChange::Changed { from: None, to: None }),
        ("entered", v) => r.text(&at, v).map(|v| TagChange::Entered { value: Some(v) }),
        ("left", v) => r.text(&at, v).map(|v| TagChange::Left { value: Some(v) }),
        (_, v) => r.map(&at, v, &["from", "to"]).map(|ends| TagChange::Changed {
            from: ends.get("from").and_then(|v| r.text(&ends.place("from"), v)),
            to: ends.get("to").and_then(|v| r.text(&ends.place("to"), v)),
        }),
    };
    Some(TagTrigger { key: key?, change: change? })
}

/// Coming into a segment or leaving it: the change of what it is called among tags.
fn segment(r: &mut Reader, at: &str, value: &Value) -> Option<TagTrigger> {
    let fields = r.map(at, value, &["key", "entered", "left"])?;
    let key = fields.need(r, "key").and_then(|v| r.key(&fields.place("key"), v));
    let member = || Some("true".to_owned());
    let change = match (fields.get("entered"), fields.get("left")) {
        (Some(Value::Bool(true)), None) => TagChange::Entered { value: member() },
        (None, Some(Value::Bool(true))) => TagChange::Left { value: member() },
        _ => {
            r.report(at, "not_one_change", "exactly one of `entered: true` and `left: true` is needed");
            return None;
        }
    };
    Some(TagTrigger { key: node_key(&key?), change })
}

fn event(r: &mut Reader, at: &str, value: &Value) -> Option<EventTrigger> {
    let fields = r.map(at, value, &["name", "where"])?;
    let name = fields.need(r, "name").and_then(|v| r.text(&fields.place("name"), v));
    let Some(condition) = fields.get("where") else {
        return Some(EventTrigger { name: name?, when: None });
    };
    let at = fields.place("where");
    if name.as_deref().is_some_and(|n| !TICKET_EVENTS.contains(&n)) {
        let detail = format!("conditions are only supported on {} so far", TICKET_EVENTS.join(", "));
        r.report(&at, "not_yet_supported", detail);
    }
    let when = Condition::read(r, &at, condition)?;
    Some(EventTrigger { name: name?, when: Some(when) })
}

fn reentry(r: &mut Reader, doc: &Fields<'_>) -> Reentry {
    let Some(fields) = doc.get("reentry").and_then(|v| r.map("reentry", v, &["cool_down"])) else {
        return Reentry::default();
    };
    Reentry { cool_down: fields.need(r, "cool_down").and_then(|v| r.span("reentry.cool_down", v)) }
}

fn holdout(r: &mut Reader, doc: &Fields<'_>) -> Option<u8> {
    let percent = match doc.get("holdout") {
        None => return Some(0),
        Some(Value::String(text)) => text.strip_suffix('%').and_then(|n| n.trim().parse().ok()),
        Some(value) => value.as_u64(),
    };
    match percent.and_then(|n| u8::try_from(n).ok()).filter(|n| *n <= 100) {
        Some(0) => Some(0),
        Some(_) => {
            r.report("holdout", "not_yet_supported", "control groups are not yet supported; write 0");
            None
        }
        None => {
            r.report("holdout", "not_in_range", "write per cent from 0 to 100, such as 10%");
            None
        }
    }
}

fn all_steps(r: &mut Reader, value: &Value, purpose: Option<Purpose>) -> Option<Vec<Step>> {
    let items = r.list("steps", value)?;
    if items.is_empty() || items.len() > MAX_STEPS {
        r.report("steps", "not_in_range", format!("1 to {MAX_STEPS} steps are needed, not {}", items.len()));
    }
    let read: Vec<Option<Step>> = items
        .iter()
        .enumerate()
        .map(|(i, item)| steps::step(r, &format!("steps[{i}]"), item, purpose))
        .collect();
    if let Some(Some(Step::Wait(_))) = read.last() {
        let at = format!("steps[{}].wait", read.len() - 1);
        r.report(at, "wait_at_the_end", "nothing comes after this wait; leave it out");
    }
    read.into_iter().collect()
}

fn exits(r: &mut Reader, doc: &Fields<'_>) -> BTreeSet<ExitCondition> {
    let Some(items) = doc.get("exit").and_then(|v| r.list("exit", v)) else {
        return BTreeSet::new();
    };
    let choices = ExitCondition::choices();
    items.iter().enumerate().filter_map(|(i, v)| r.choice(&format!("exit[{i}]"), v, &choices)).collect()
}

fn expires(r: &mut Reader, doc: &Fields<'_>, sends: bool) -> Option<Expires> {
    match doc.get("expires") {
        Some(Value::String(word)) if word == "same_local_day" => Some(Expires::SameLocalDay),
        Some(value) => r.span("expires", value).map(Expires::After),
        // Only messages expire; a callback has its due time.
        None if !sends => Some(Expires::After(Span::days(3))),
        None => {
            r.report(
                "expires",
                "missing",
                "`expires` is needed: same_local_day for greetings, or such as 3d",
            );
            None
        }
    }
}

fn window(r: &mut Reader, doc: &Fields<'_>, purpose: Option<Purpose>) -> Option<WindowKind> {
    let own =
        if purpose.is_none_or(Purpose::needs_opt_in) { WindowKind::Marketing } else { WindowKind::Service };
    let Some(value) = doc.get("window") else {
        return Some(own);
    };
    let asked = r.choice("window", value, &WindowKind::choices())?;
    if own == WindowKind::Marketing && asked == WindowKind::Service {
        let detail = "marketing and surveys keep the marketing window (09:00–20:00); leave `window` out";
        r.report("window", "window_too_wide", detail);
        return None;
    }
    Some(asked)
}

fn budget(r: &mut Reader, doc: &Fields<'_>) -> Option<i64> {
    match doc.get("budget") {
        None => None,
        Some(Value::String(word)) if word == "unset" => None,
        Some(value) => r.amount("budget", value, MICRO_PLACES),
    }
}

fn goal(r: &mut Reader, doc: &Fields<'_>) -> Option<Goal> {
    let fields = doc.get("goal").and_then(|v| r.map("goal", v, &["order_within"]))?;
    let order_within = fields.need(r, "order_within").and_then(|v| r.span("goal.order_within", v))?;
    Some(Goal { order_within })
}

/// The channels that can be sent over.
fn channel(r: &mut Reader, at: &str, value: &Value) -> Option<Channel> {
    match value.as_str() {
        Some(later @ ("sms" | "wecom" | "webhook" | "app_push")) => {
            let detail = format!("`{later}` is not yet supported; use email");
            r.report(at, "not_yet_supported", detail);
            None
        }
        _ => r.choice(at, value, &[(Channel::Email.as_str(), Channel::Email)]),
    }
}

/// `at[i]` for each item of a list under `key`.
fn items_of<'v>(
    r: &mut Reader,
    fields: &Fields<'v>,
    at: &str,
    key: &str,
) -> Option<Vec<(String, &'v Value)>> {
    let list = fields.need(r, key).and_then(|v| r.list(&place(at, key), v))?;
    Some(list.iter().enumerate().map(|(i, v)| (format!("{}[{i}]", place(at, key)), v)).collect())
}

#[cfg(test)]
#[path = "parse_tests.rs"]
mod tests;
