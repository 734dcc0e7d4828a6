//! Reading the steps of a campaign document.

use super::{channel, items_of};
use crate::callback::{Kind, Level};
use crate::campaign::definition::{Callback, CallbackTerms, Purpose, Send, Step};
use crate::document::{Fields, Reader};
use serde_json::Value;

const BUILT: &[&str] = &["send", "callback", "wait"];
const LATER: &[&str] = &["wait_until", "branch", "tag", "exit"];

/// One step: a map with the step's kind as its only key.
pub(super) fn step(r: &mut Reader, at: &str, value: &Value, purpose: Option<Purpose>) -> Option<Step> {
    let fields = r.map(at, value, &[BUILT, LATER].concat())?;
    let mut given = BUILT.iter().chain(LATER).filter_map(|k| fields.get(k).map(|v| (*k, v)));
    let (Some((kind, inner)), None) = (given.next(), given.next()) else {
        r.report(at, "not_one_step", format!("a step is exactly one of {}", BUILT.join(", ")));
        return None;
    };
    let at = fields.place(kind);
    match kind {
        "send" => send(r, &at, inner).map(Step::Send),
        "callback" => callback(r, &at, inner, purpose).map(Step::Callback),
        "wait" => wait(r, &at, inner),
        later => {
            let detail = format!("`{later}` steps are not yet supported; use {}", BUILT.join(", "));
            r.report(at, "not_yet_supported", detail);
            None
        }
    }
}

fn send(r: &mut Reader, at: &str, value: &Value) -> Option<Send> {
    let fields = r.map(at, value, &["channels", "template", "coupon"])?;
    let channels = channels(r, &fields, at);
    let template = fields.need(r, "template").and_then(|v| r.key(&fields.place("template"), v));
    let coupon = match fields.get("coupon") {
        None => Some(None),
        Some(v) => r.key(&fields.place("coupon"), v).map(Some),
    };
    Some(Send { channels: channels?, template: template?, coupon: coupon? })
}

fn channels(
    r: &mut Reader,
    fields: &Fields<'_>,
    at: &str,
) -> Option<Vec<crate::campaign::definition::Channel>> {
    let items = items_of(r, fields, at, "channels")?;
    if items.is_empty() {
        r.report(fields.place("channels"), "empty_list", "at least one channel is needed, such as [email]");
        return None;
    }
    let mut found = Vec::new();
    for (at, item) in items {
        let one = channel(r, &at, item)?;
        if found.contains(&one) {
            r.report(at, "named_twice", format!("`{one}` stands here twice"));
        }
        found.push(one);
    }
    Some(found)
}

fn wait(r: &mut Reader, at: &str, value: &Value) -> Option<Step> {
    let fields = r.map(at, value, &["for", "until", "working_days"])?;
    for later in ["until", "working_days"] {
        if fields.get(later).is_some() {
            let detail = format!("waiting by `{later}` is not yet supported; use {{for: 7d}}");
            r.report(fields.place(later), "not_yet_supported", detail);
            return None;
        }
    }
    let span = fields.need(r, "for").and_then(|v| r.span(&fields.place("for"), v))?;
    Some(Step::Wait(span))
}

fn callback(r: &mut Reader, at: &str, value: &Value, purpose: Option<Purpose>) -> Option<Callback> {
    if purpose.is_some_and(Purpose::needs_opt_in) {
        let detail = "courtesy calls are not yet supported; callbacks need purpose service or recovery";
        r.report(at, "not_yet_supported", detail);
        return None;
    }
    let keys = ["kind", "working_days", "vip_working_days", "level", "vip_level"];
    let fields = r.map(at, value, &keys)?;
    let kind = fields.need(r, "kind").and_then(|v| r.choice(&fields.place("kind"), v, &Kind::choices()));
    let days = fields.need(r, "working_days").and_then(|v| days(r, &fields.place("working_days"), v));
    let vip_days = match fields.get("vip_working_days") {
        None => days,
        Some(v) => self::days(r, &fields.place("vip_working_days"), v),
    };
    let level = level(r, &fields, "level", Level::Junior);
    let vip_level = self::level(r, &fields, "vip_level", Level::Senior);
    if vip_level.is_some_and(|l| l < Level::Senior) {
        r.report(fields.place("vip_level"), "level_too_low", "a VIP's callback never goes below `senior`");
    }
    let terms = |(first_working_day, last_working_day), level| CallbackTerms {
        first_working_day,
        last_working_day,
        level,
    };
    Some(Callback { kind: kind?, ordinary: terms(days?, level?), vip: terms(vip_days?, vip_level?) })
}

fn level(r: &mut Reader, fields: &Fields<'_>, key: &str, default: Level) -> Option<Level> {
    match fields.get(key) {
        None => Some(default),
        Some(v) => r.choice(&fields.place(key), v, &Level::choices()),
    }
}

/// `[first, last]`, both counted from 1 for the first working day after the cause.
fn days(r: &mut Reader, at: &str, value: &Value) -> Option<(u16, u16)> {
    let found = value.as_array().and_then(|list| {
        let [first, last] = list.as_slice() else { return None };
        let day = |v: &Value| v.as_u64().and_then(|n| u16::try_from(n).ok()).filter(|n| (1..=60).contains(n));
        let (first, last) = (day(first)?, day(last)?);
        (first <= last).then_some((first, last))
    });
    if found.is_none() {
        r.report(at, "not_working_days", "write [first, last] working day after the cause, such as [1, 3]");
    }
    found
}
