//! The demo's report: what was decided in the month, short enough to read at a glance.

use super::super::output::table;
use super::cases;
use super::data::ZONE;
use crate::service::flips::Flips;
use crate::service::report::{Example, Report};
use crate::service::showcase::Shown;
use domain::money::{Currency, Money};
use domain::rule::Lang;
use domain::time::Instant;
use std::fmt::Write;

const TIERS: [&str; 5] = ["diamond", "gold", "silver", "regular", "none"];

/// What stands around the numbers: one customer in full, where things lie, what to try next.
pub struct Around<'a> {
    pub example: &'a Example,
    pub cases: &'a [Shown],
    pub flips: &'a Flips,
    pub names: &'a cases::Names,
    pub mail_folder: &'a str,
    pub commands: &'a [String],
}

pub fn render(report: &Report, around: &Around<'_>) -> String {
    let mut out = String::new();
    let mut section = |title: &str, body: String| cases::section(&mut out, title, &body);
    section("The book", book(report));
    section("Five customers worth a look", cases::told(around.cases, ZONE, Lang::En));
    section(
        &cases::flips_title(around.flips, ZONE, Lang::En),
        cases::flips(around.flips, around.names, ZONE, Lang::En),
    );
    section("One customer, with the numbers behind each tag", example(around.example));
    section("Mails, and why others got none", touches(report));
    section("Journeys", journeys(report));
    section("Coupons against their budget", coupons(report));
    section("Callbacks", callbacks(report));
    let mut next =
        format!("The mails lie in {} (.eml, readable with any mail program).\n", around.mail_folder);
    next.push_str("Names, addresses, consents and tickets are synthetic; the orders are a real shop's (UCI Online Retail, CC0).\n\n");
    for command in around.commands {
        let _ = writeln!(next, "  {command}");
    }
    section("What next", next.trim_end().to_owned());
    out
}

fn book(report: &Report) -> String {
    let tiers = table(
        ["value tier", "customers"],
        TIERS.map(|tier| [tier.to_owned(), report.tagged("value_tier", tier).to_string()]),
    );
    format!(
        "{} customers as of {}.\n{tiers}\nAt risk of churn: {} now, {} of them since the book went live on 1 December.\n\
         VIPs: {}. With an open complaint: {}.",
        report.customers,
        report.at.to_rfc3339_in(ZONE),
        report.tagged("churn_risk", "true"),
        report.churn_begun,
        report.tagged("vip", "true"),
        report.tagged("complaint_open", "true"),
    )
}

fn example(example: &Example) -> String {
    let rows = example.tags.iter().map(|tag| {
        let value = if tag.value == "true" { String::new() } else { format!("={}", tag.value) };
        let since = tag.since.local(ZONE).format("%Y-%m-%d %H:%M").to_string();
        [format!("{}{value}", tag.key), since, numbers(&tag.evidence)]
    });
    format!("Customer {} ({}):\n{}", example.shop_id, example.id, table(["tag", "since", "because"], rows))
}

/// `{"a": 1}` as `a 1`.
fn numbers(evidence: &serde_json::Value) -> String {
    let text = |value: &serde_json::Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let numbers = evidence.as_object().into_iter().flatten();
    numbers.map(|(name, value)| format!("{name} {}", text(value))).collect::<Vec<_>>().join(", ")
}

fn touches(report: &Report) -> String {
    let rows = report.touches.iter().map(|t| {
        [
            t.campaign.clone(),
            t.step.to_string(),
            t.state.clone(),
            t.reason.clone().unwrap_or_default(),
            t.touches.to_string(),
        ]
    });
    table(["campaign", "step", "outcome", "why", "customers"], rows)
}

fn journeys(report: &Report) -> String {
    let rows = report.enrollments.iter().map(|e| {
        [e.campaign.clone(), e.state.clone(), e.reason.clone().unwrap_or_default(), e.enrollments.to_string()]
    });
    table(["campaign", "state", "why", "customers"], rows)
}

fn coupons(report: &Report) -> String {
    let rows = report.batches.iter().map(|b| {
        let money = |minor| {
            Currency::parse(&b.currency).map_or_else(String::new, |c| Money::new(minor, c).to_string())
        };
        [
            b.key.clone(),
            format!("{} from {}", money(b.face_minor), money(b.threshold_minor)),
            b.issued.to_string(),
            money(b.outstanding_minor),
            money(b.budget_minor),
        ]
    });
    table(["batch", "worth", "codes issued", "face outstanding", "budget"], rows)
}

fn callbacks(report: &Report) -> String {
    let sums = table(
        ["kind", "VIP", "state", "callbacks", "past due"],
        report.callbacks.iter().map(|c| {
            let vip = if c.vip { "yes" } else { "" };
            [c.kind.clone(), vip.to_owned(), c.state.clone(), c.callbacks.to_string(), c.late.to_string()]
        }),
    );
    let Some(first) = report.pulls.first() else { return sums };
    let day = first.at.local_date(ZONE).format("%A %-d %B %Y");
    let pulls = table(
        ["at", "agent", "callback", "VIP", "due", "chosen by"],
        report.pulls.iter().map(|p| {
            [
                clock(p.at),
                p.actor.clone(),
                p.callback_id.to_string(),
                if p.vip { "yes" } else { "" }.to_owned(),
                p.due_at.local(ZONE).format("%a %-d %H:%M").to_string(),
                chosen_by(&p.detail),
            ]
        }),
    );
    format!("{sums}\n\nThe first {} taken on {day}:\n{pulls}", report.pulls.len())
}

fn clock(at: Instant) -> String {
    at.local(ZONE).format("%H:%M").to_string()
}

/// Band, rank and ring as the log keeps them.
fn chosen_by(detail: &str) -> String {
    let detail: serde_json::Value = serde_json::from_str(detail).unwrap_or_default();
    let rank = detail["rank_at"]
        .as_str()
        .and_then(|text| Instant::parse(text, ZONE))
        .or_else(|| detail["rank_at"].as_i64().map(Instant::from_micros))
        .map_or_else(String::new, |at| at.local(ZONE).format("%a %-d %H:%M").to_string());
    format!("band {}, rank {rank}, ring {}", detail["band"], detail["ring"])
}
