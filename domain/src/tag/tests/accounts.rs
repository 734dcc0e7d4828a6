//! Accounts that aren't a consumer's: no tier above the lowest, said so at once and why.

use super::{parse, shipped};
use crate::customer::fixture::*;
use crate::customer::{AccountKind, Bearer, CustomerFacts};
use crate::event::Event;
use crate::tag::{Cause, CurrentTag, Evaluation, Meanwhile, Stand, Stepped, TagState, step};
use crate::time::Instant;
use chrono_tz::UTC;
use proptest::prelude::*;
use serde_json::json;

fn at_once(events: &[Event], account: AccountKind, key: &str, now: Instant) -> TagState {
    let bearer = Bearer { account, ..Bearer::consumer(UTC) };
    let catalogue = shipped();
    let states = Evaluation::of(&catalogue, &CustomerFacts::fold(events), bearer, now).states(now);
    states.into_iter().find(|state| state.key == key).expect("in the catalogue")
}

#[test]
fn only_a_consumer_gets_above_regular() {
    let events = [order("A", 50_000_00, day(0))];
    for account in AccountKind::ALL {
        let (tier, vip) = if account.is_consumer() { ("diamond", Some("true")) } else { ("regular", None) };
        let state = at_once(&events, *account, "value_tier", day(20));
        assert_eq!((state.value.as_deref(), state.condition_value.as_deref()), (Some(tier), Some(tier)));
        let vip_is = at_once(&events, *account, "vip", day(20));
        assert_eq!(vip_is.value.as_deref(), vip);
        let told = (!account.is_consumer()).then(|| json!(account));
        assert_eq!(state.evidence.get("account_kind").cloned(), told);
        assert_eq!(vip_is.evidence.get("account_kind").cloned(), told);
        // Other tags don't look at it.
        assert_eq!(at_once(&events, *account, "churn_risk", day(180)).value.as_deref(), Some("true"));
        assert_eq!(at_once(&[], *account, "value_tier", day(20)).value.as_deref(), Some("none"));
    }
}

#[test]
fn a_vip_by_another_rule_is_none_either() {
    let catalogue = parse(&["{key: vip, name: {en: VIP, zh-CN: VIP}, rule: {profile: orders_ever, gte: 1}}"]);
    let catalogue = catalogue.expect("right");
    let facts = CustomerFacts::fold(&[order("A", 1_00, day(0))]);
    for (account, vip) in [(AccountKind::Consumer, Some("true")), (AccountKind::Test, None)] {
        let states = Evaluation::of(&catalogue, &facts, Bearer { account, ..Bearer::consumer(UTC) }, day(1))
            .states(day(1));
        assert_eq!(states[0].value.as_deref(), vip);
    }
}

fn current_of(stepped: &Stepped) -> Vec<CurrentTag> {
    let of = |s: &TagState| CurrentTag {
        key: s.key.clone(),
        value: s.value.clone(),
        rule_version: s.rule_version,
    };
    stepped.current.iter().filter(|state| state.value.is_some()).map(of).collect()
}

#[test]
fn what_changes_by_naming_an_account_says_so() {
    let (rules, events) = (shipped().into(), [order("A", 50_000_00, day(0))]);
    let walk = |account, stand: Stand<'_>, now| {
        let bearer = Bearer { account, ..Bearer::consumer(UTC) };
        step(&rules, &events, bearer, stand, Some(day(0)), now)
    };
    let first = walk(AccountKind::Consumer, Stand::NEVER, day(20));
    let current = current_of(&first);
    let meanwhile = Meanwhile { named: Some(AccountKind::Reseller), regrouped: false };
    let stand = Stand { meanwhile, ..Stand::kept(day(20), 1, &current) };
    let named = walk(AccountKind::Reseller, stand, day(21));
    let told: Vec<_> = named
        .changes
        .iter()
        .map(|c| (c.key.as_str(), c.to.as_deref(), c.as_of, c.cause, c.evidence["account_kind"].clone()))
        .collect();
    assert_eq!(
        told,
        [
            ("value_tier", Some("regular"), day(20), Cause::Manual, json!("reseller")),
            ("vip", None, day(20), Cause::Manual, json!("reseller")),
            ("account_kind", Some("reseller"), day(20), Cause::Manual, json!("reseller")),
        ]
    );
    let current = current_of(&named);
    let meanwhile = Meanwhile { named: Some(AccountKind::Consumer), regrouped: false };
    let stand = Stand { meanwhile, ..Stand::kept(day(21), 1, &current) };
    let back = walk(AccountKind::Consumer, stand, day(22));
    let told: Vec<_> =
        back.changes.iter().map(|c| (c.to.as_deref(), c.cause, &c.evidence["account_kind"])).collect();
    let consumer = json!("consumer");
    let wanted = [Some("diamond"), Some("true"), None].map(|to| (to, Cause::Manual, &consumer));
    assert_eq!(told, wanted);
}

fn many(n: i64, first: Instant) -> Vec<Event> {
    (0..n).map(|i| order(&format!("o{i}"), 1_00, first + crate::time::Span::hours(i))).collect()
}

#[test]
fn twenty_counted_orders_in_thirty_days_are_suspicious_until_one_leaves() {
    let look = |events: &[Event], now| {
        let facts = CustomerFacts::fold(events);
        let catalogue = shipped();
        let evaluation = Evaluation::of(&catalogue, &facts, Bearer::consumer(UTC), day(0));
        (evaluation.profile().at(now).many_orders_30, evaluation.next_due(now))
    };
    let events = many(20, day(0));
    let (last, first_leaves) = (day(0) + crate::time::Span::hours(19), day(30));
    let micro = crate::time::Span::micros(1);
    assert_eq!(look(&events[..19], last).0, None, "nineteen are many");
    assert_eq!(look(&events, last - micro).0, None);
    assert_eq!(look(&events, last), (Some(20), Some(first_leaves)), "it ends by itself, at its instant");
    assert_eq!(look(&events, first_leaves - micro).0, Some(20));
    assert_eq!(look(&events, first_leaves).0, None);
    // One that is cancelled counts no more.
    let mut less = events.clone();
    less.push(cancel("o3", day(5)));
    assert_eq!((look(&less, day(4)).0, look(&less, day(5)).0), (Some(20), None));
    // Above the threshold each that leaves is a change of what is shown.
    assert_eq!(look(&many(22, day(0)), day(2)), (Some(22), Some(first_leaves)));
}

proptest! {
    /// Whatever anybody did: who is no consumer has no tier above the lowest, at any time, and nothing else of theirs
    /// differs from a consumer's.
    #[test]
    fn the_account_bounds_tiers_and_nothing_else(
        events in prop::collection::vec(any_event(), 0..12),
        now in 0i64..800,
    ) {
        let (catalogue, facts) = (shipped(), CustomerFacts::fold(&events));
        let of = |account| Evaluation::of(&catalogue, &facts, Bearer { account, ..Bearer::consumer(UTC) }, day(now)).states(day(now));
        for (staff, consumer) in of(AccountKind::Staff).into_iter().zip(of(AccountKind::Consumer)) {
            match staff.key.as_str() {
                "value_tier" => {
                    let lowest = if consumer.value.as_deref() == Some("none") { "none" } else { "regular" };
                    prop_assert_eq!(staff.value.as_deref(), Some(lowest));
                }
                "vip" | "vip_candidate" => prop_assert_eq!(staff.value, None),
                "account_kind" => prop_assert_eq!((staff.value.as_deref(), consumer.value), (Some("staff"), None)),
                _ => prop_assert_eq!(staff, consumer),
            }
        }
    }
}
