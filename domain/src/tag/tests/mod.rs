//! Tests of the shipped catalogue, of tag states and of history: domain.md §4, "Boundaries to test".

#![allow(clippy::inconsistent_digit_grouping, reason = "amounts are written as 10_000_00: yuan, then fen")]

mod accounts;
mod brute;
mod by_eye;
mod catalogue;
mod known;
mod oracle;
mod said;
mod schema;
mod scored;
mod segments;
mod states;
mod stepping;
mod supply;
mod turns;
mod why;

use super::{Catalogue, Evaluation, TagDocument, TagState};
use crate::customer::{Bearer, CustomerFacts};
use crate::event::Event;
use crate::money::Currency;
use crate::time::Instant;
use chrono_tz::{Tz, UTC};
use serde_json::Value;

/// The first five are those that the early tests are about.
const SHIPPED: [&str; 26] = [
    include_str!("../../../../config/tags/vip.yaml"),
    include_str!("../../../../config/tags/value_tier.yaml"),
    include_str!("../../../../config/tags/churn_risk.yaml"),
    include_str!("../../../../config/tags/complaint_open.yaml"),
    include_str!("../../../../config/tags/complaint_history.yaml"),
    include_str!("../../../../config/tags/active_hour.yaml"),
    include_str!("../../../../config/tags/birthday_soon.yaml"),
    include_str!("../../../../config/tags/category_affinity.yaml"),
    include_str!("../../../../config/tags/channel_pref.yaml"),
    include_str!("../../../../config/tags/churn_early.yaml"),
    include_str!("../../../../config/tags/clv_band.yaml"),
    include_str!("../../../../config/tags/comm_style.yaml"),
    include_str!("../../../../config/tags/complaint_recent.yaml"),
    include_str!("../../../../config/tags/detractor.yaml"),
    include_str!("../../../../config/tags/discount_seeker.yaml"),
    include_str!("../../../../config/tags/lapsed.yaml"),
    include_str!("../../../../config/tags/new_customer.yaml"),
    include_str!("../../../../config/tags/promoter.yaml"),
    include_str!("../../../../config/tags/returning.yaml"),
    include_str!("../../../../config/tags/replenish_due.yaml"),
    include_str!("../../../../config/tags/rfm_segment.yaml"),
    include_str!("../../../../config/tags/style_affinity.yaml"),
    include_str!("../../../../config/tags/vip_candidate.yaml"),
    include_str!("../../../../config/tags/won_back.yaml"),
    include_str!("../../../../config/tags/account_kind.yaml"),
    include_str!("../../../../config/tags/personalization_off.yaml"),
];

fn yaml(text: &str) -> Value {
    serde_saphyr::from_str(text).expect("test YAML")
}

fn parse(texts: &[&str]) -> Result<Catalogue, Vec<String>> {
    let documents: Vec<TagDocument> = texts.iter().map(|text| TagDocument::first(yaml(text))).collect();
    Catalogue::parse(&documents, Currency::parse("CNY").expect("code"))
        .map_err(|problems| problems.iter().map(ToString::to_string).collect())
}

fn shipped() -> Catalogue {
    parse(&SHIPPED).expect("the shipped catalogue is right")
}

/// Tier, VIP, churn and complaints, and nothing that flips besides.
fn core() -> Catalogue {
    parse(&SHIPPED[..5]).expect("the shipped catalogue is right")
}

fn state_in(catalogue: &Catalogue, events: &[Event], zone: Tz, key: &str, now: Instant) -> TagState {
    let states =
        Evaluation::of(catalogue, &CustomerFacts::fold(events), Bearer::consumer(zone), now).states(now);
    states.into_iter().find(|state| state.key == key).expect("in the catalogue")
}

fn state(events: &[Event], key: &str, now: Instant) -> TagState {
    state_in(&shipped(), events, UTC, key, now)
}

fn tier(events: &[Event], now: Instant) -> String {
    state(events, "value_tier", now).value.expect("value_tier always has a value")
}
