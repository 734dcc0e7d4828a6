//! Why a touch may or may not go out: every check the gate asks, with what it saw and what would change it.
//! It asks the same questions as `gate::decide`, so the two can't disagree.

use super::gate::{
    Check, Consent, ContactDay, ContactPoint, CouponNeed, Inputs, Live, Stop, Suppression, Verdict,
    caps_allow_at, refusal,
};
use super::touch::Reason;
use crate::calendar::window::WindowDecision;
use crate::customer::AccountKind;
use crate::money::{Currency, Money};
use crate::time::{Instant, Span};
use serde::Serialize;

/// One row of an explanation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CheckResult {
    pub check: Check,
    pub passed: bool,
    /// The reason that would be stored, where it refuses.
    pub reason: Option<Reason>,
    /// What the check looked at, for people.
    pub value: String,
    /// What would make it pass; none where it passed.
    pub what_would_change_it: Option<String>,
}

/// All built checks in order, refused or not. `base` prints amounts.
pub fn explain(inputs: &Inputs, now: Instant, base: Currency) -> Vec<CheckResult> {
    Check::chain()
        .map(|check| {
            let verdict = refusal(check, inputs, now);
            let reason = verdict.and_then(|v| match v {
                Verdict::Send => None,
                Verdict::Defer { reason, .. } | Verdict::Skip { reason } => Some(reason),
            });
            CheckResult {
                check,
                passed: verdict.is_none(),
                reason,
                value: value(check, inputs, now, base),
                what_would_change_it: verdict.map(|v| remedy(check, inputs, v, now)),
            }
        })
        .collect()
}

/// An instant as the customer's clock shows it, with that clock's offset from UTC.
fn shown(at: Instant, i: &Inputs) -> String {
    at.shown_in(i.zone)
}

fn value(check: Check, i: &Inputs, now: Instant, base: Currency) -> String {
    match check {
        Check::Live => match i.live {
            Live::Onboarding => "the book is in onboarding".into(),
            Live::Since(at) => format!("live since {}", shown(at, i)),
        },
        Check::Stop => match i.stop {
            Stop::None => "no stop in force".into(),
            Stop::All => "everything is stopped".into(),
            Stop::Channel => "this channel is stopped".into(),
            Stop::Campaign => "this campaign is stopped".into(),
        },
        Check::Campaign => format!("the campaign is {}", i.campaign),
        Check::Budget => match i.coupon {
            CouponNeed::NotNeeded => "no coupon to be paid for".into(),
            CouponNeed::Reserved => "its coupon is reserved".into(),
            CouponNeed::Needed { face_minor, left_minor } => coupon(face_minor, left_minor, base),
        },
        Check::Expiry => format!("may go out until {}", shown(i.expires_at, i)),
        Check::Consent => {
            let word = match i.consent {
                Consent::Granted => "granted",
                Consent::Refused => "refused",
                Consent::Unknown => "unknown",
            };
            format!("consent to {} is {word}", i.purpose)
        }
        Check::Suppression => match i.suppression {
            Suppression::Clear => "not on the suppression list".into(),
            Suppression::Suppressed => "the contact point is on the suppression list".into(),
        },
        Check::Account => format!("the account is {}", i.account),
        Check::Complaint => match &i.open_complaint {
            None => "no open complaint".into(),
            Some(id) => format!("complaint {id} is open"),
        },
        Check::ContactDay => match &i.contact_day {
            ContactDay::Free => "the day is free".into(),
            ContactDay::Waiting { campaign, priority } => {
                format!("held by {campaign} ({priority}), not begun")
            }
            ContactDay::Begun { campaign, priority } => format!("taken by {campaign} ({priority})"),
        },
        Check::FrequencyCap => contacts(i, now),
        Check::ContactWindow => match i.window {
            WindowDecision::Open => "inside the contact window".into(),
            WindowDecision::ClosedUntil(at) => format!("quiet hours until {}", shown(at, i)),
        },
        Check::ContactPoint => match i.contact_point {
            ContactPoint::Usable => "there is a usable contact point".into(),
            ContactPoint::Missing => "there is no contact point on this channel".into(),
            ContactPoint::Unusable => "the contact point isn't usable".into(),
        },
        unbuilt => format!("{unbuilt} isn't asked yet"),
    }
}

fn coupon(face_minor: i64, left_minor: Option<i64>, base: Currency) -> String {
    let face = Money::new(face_minor, base);
    match left_minor {
        Some(left) => format!("a coupon of {face}; {} of the budget is free", Money::new(left, base)),
        None => format!("a coupon of {face}; no budget is set"),
    }
}

/// The contacts that count now, against the caps.
fn contacts(i: &Inputs, now: Instant) -> String {
    let within = |span: Span| i.contacts.iter().filter(|c| **c + span > now).count();
    let today = now.local_date(i.zone);
    let on_day = i.contacts.iter().filter(|c| c.local_date(i.zone) == today).count();
    let last = i.contacts.iter().max().map_or_else(|| "never".to_owned(), |at| shown(*at, i));
    format!(
        "{on_day} of {} today, {} of {} in 7 d, {} of {} in 30 d, last {last}",
        i.caps.per_local_day,
        within(Span::days(7)),
        i.caps.per_7_d,
        within(Span::days(30)),
        i.caps.per_30_d,
    )
}

fn remedy(check: Check, i: &Inputs, verdict: Verdict, now: Instant) -> String {
    match check {
        Check::Live => "go live; nothing from before that is sent".into(),
        Check::Stop => "resume what was stopped, before the touch expires".into(),
        Check::Campaign => "start or resume the campaign, before the touch expires".into(),
        Check::Budget => "raise the coupon batch's budget; this touch isn't sent without its coupon".into(),
        Check::Expiry => "nothing: it isn't sent late".into(),
        Check::Consent => format!("the customer's consent to {} on this channel", i.purpose),
        Check::Suppression => "the person themselves, by asking to be taken off the list".into(),
        Check::Account => format!(
            "the account being a consumer's; if it is one: customer set account_kind={}",
            AccountKind::Consumer
        ),
        Check::Complaint => match &i.open_complaint {
            Some(id) => format!("closing complaint {id}, before the touch expires"),
            None => "closing the complaint".into(),
        },
        Check::ContactDay => match verdict {
            Verdict::Defer { until: Some(at), .. } => {
                format!("the day becoming free, else asked again at {}", shown(at, i))
            }
            _ => "a higher priority, or a later end".into(),
        },
        Check::FrequencyCap => match caps_allow_at(i, now) {
            Some(at) if at < Instant::MAX => match verdict {
                Verdict::Skip { .. } => format!("time: earliest {}, but it expires before", shown(at, i)),
                _ => format!("time: earliest {}", shown(at, i)),
            },
            _ => "caps above 0".into(),
        },
        Check::ContactWindow => match i.window {
            WindowDecision::ClosedUntil(at) => format!("the window opening at {}", shown(at, i)),
            WindowDecision::Open => "nothing".into(),
        },
        Check::ContactPoint => "a usable contact point on this channel".into(),
        _ => "nothing yet".into(),
    }
}
