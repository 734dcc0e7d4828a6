//! Rules published and products declared while a keeper is behind: each stretch is walked by what held then.

use super::stepping::{arrivals, change, current_of, moves};
use super::supply::bought;
use super::{SHIPPED, yaml};
use crate::customer::{Bearer, fixture::*};
use crate::event::Event;
use crate::money::Currency;
use crate::product::{Product, Products};
use crate::tag::{Catalogue, Cause, Rulebook, Stand, Stepped, TagDocument, Turn, step};
use crate::time::{Instant, Span};
use chrono_tz::UTC;
use proptest::prelude::*;
use serde_json::json;
use std::sync::Arc;

/// What a turn says: from which spend on somebody is a diamond, how many days a piece of tea lasts, and whether tea is sensitive.
#[derive(Debug, Clone, Copy)]
struct Says {
    diamond: i64,
    days: Option<i64>,
    sensitive: bool,
}

const FIRST: Says = Says { diamond: 10_000, days: None, sensitive: false };

/// The tier, who follows it, the risk and refills, as of one turn. The tier's document is of this version.
fn saying(says: Says, version: i64, published: Instant) -> Arc<Catalogue> {
    let mut documents = Vec::new();
    for text in [SHIPPED[0], SHIPPED[1], SHIPPED[2], SHIPPED[19], SHIPPED[7]] {
        let mut document = TagDocument::first(yaml(text));
        if document.body["key"] == "value_tier" {
            document.body["levels"][3]["rule"]["gte"] = json!(format!("{}.00", says.diamond));
            (document.version, document.published_at) = (version, (version > 1).then_some(published));
        }
        documents.push(document);
    }
    let mut known = Products::default();
    let days_milli = says.days.map(|days| days * 1_000);
    known.insert("tea", "green", Product { days_milli, sensitive: says.sensitive, ..Product::default() });
    let currency = Currency::parse("CNY").expect("code");
    Arc::new(Catalogue::parse(&documents, currency).expect("right").knowing(Arc::new(known)))
}

/// As [`FIRST`] from the beginning, and each of these from its instant on.
fn book(turns: &[(Instant, Says)]) -> Rulebook {
    let (mut version, mut at, mut diamond) = (1, Instant::MIN, FIRST.diamond);
    let turn = |(epoch, (published, says)): (i64, &(Instant, Says))| {
        if says.diamond != diamond {
            (version, at, diamond) = (version + 1, *published, says.diamond);
        }
        Turn { epoch, at: *published, catalogue: saying(*says, version, at) }
    };
    Rulebook::new(saying(FIRST, 1, Instant::MIN), (2..).zip(turns).map(turn).collect())
}

fn walked(rules: &Rulebook, events: &[Event], stand: Stand<'_>, now: Instant) -> Stepped {
    step(rules, events, Bearer::consumer(UTC), stand, Some(day(0)), now)
}

#[test]
fn what_a_stretch_was_judged_by_is_what_held_then() {
    let events = [order("A", 6_000_00, day(0)), order("B", 1_00, day(40))];
    let rules = book(&[(day(30), Says { diamond: 5_000, ..FIRST }), (day(50), FIRST)]);
    let stepped = walked(&rules, &events, Stand::NEVER, day(60));
    // A punctual keeper's ledger: gold by the first rules, diamond only while the second held.
    assert_eq!(
        moves(&stepped, "value_tier"),
        [
            change("-", "gold", day(0), Cause::Event),
            change("gold", "diamond", day(30), Cause::Rule),
            change("diamond", "gold", day(50), Cause::Rule),
        ]
    );
    // Who follows the tier changes for the rule's sake too, and starts nothing: it was so before.
    assert_eq!(
        moves(&stepped, "vip"),
        [change("-", "true", day(30), Cause::Rule), change("true", "-", day(50), Cause::Rule)]
    );
    let historical = |key: &str| {
        let of_it = stepped.changes.iter().filter(|c| c.key == key);
        of_it.map(|c| (c.historical, c.rule_version)).collect::<Vec<_>>()
    };
    assert_eq!(historical("value_tier"), [(false, 1), (true, 2), (true, 3)]);
    assert_eq!(historical("vip"), [(true, 1), (true, 1)]);
}

#[test]
fn a_product_is_spoken_of_from_when_it_was_declared() {
    let events = bought("tea:1", "green", 1, day(0));
    // Due on day 8; nobody knew before day 9.
    let says = Says { days: Some(10), ..FIRST };
    let ledger = |declared| {
        let stepped = walked(&book(&[(declared, says)]), &events, Stand::NEVER, day(15));
        let of_it = stepped.changes.iter().filter(|c| c.key == "replenish_due");
        of_it.map(|c| (c.to.clone(), c.as_of, c.cause, c.historical)).collect::<Vec<_>>()
    };
    assert_eq!(ledger(day(9)), [(Some("green".to_owned()), day(9), Cause::Rule, true)]);
    assert_eq!(ledger(day(3)), [(Some("green".to_owned()), day(8), Cause::Time, false)]);
    let hushed = [(day(3), says), (day(9), Says { sensitive: true, ..says })];
    let stepped = walked(&book(&hushed), &events, Stand::NEVER, day(15));
    assert_eq!(
        moves(&stepped, "replenish_due"),
        [change("-", "green", day(8), Cause::Time), change("green", "-", day(9), Cause::Rule)]
    );
}

#[test]
fn what_a_clock_ahead_published_counts_at_once_and_only_once() {
    let events = [order("A", 6_000_00, day(0))];
    let rules = book(&[(day(30), Says { diamond: 5_000, ..FIRST })]);
    let before = walked(&rules, &events, Stand::NEVER, day(20));
    assert_eq!(
        moves(&before, "value_tier"),
        [change("-", "gold", day(0), Cause::Event), change("gold", "diamond", day(20), Cause::Rule)]
    );
    let tags = current_of(&before.current);
    assert_eq!(walked(&rules, &events, Stand::kept(day(20), 2, &tags), day(40)).changes, []);
}

fn any_turns() -> impl Strategy<Value = Vec<(Instant, Says)>> {
    let says = (prop::sample::select(vec![10_000, 5_000, 3_000]), prop::option::of(5i64..40), any::<bool>())
        .prop_map(|(diamond, days, sensitive)| Says { diamond, days, sensitive });
    // At no instant at which anything else happens.
    let published = |n: i64| day(n) + Span::hours(5) + Span::micros(1);
    prop::collection::btree_map(0i64..600, says, 0..5)
        .prop_map(move |turns| turns.into_iter().map(|(n, says)| (published(n), says)).collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    /// One late run, and runs at any instants in between by what had been published until then, agree.
    #[test]
    fn a_keeper_that_slept_through_publications_writes_what_a_punctual_one_does(
        events in arrivals(),
        refills in prop::collection::vec((0i64..300, 1i64..4), 0..4),
        turns in any_turns(),
        mut cuts in proptest::collection::vec(0i64..700, 0..12),
        punctual in any::<bool>(),
    ) {
        let refills = refills.iter().enumerate();
        let refills = refills.flat_map(|(i, (n, pieces))| bought(&format!("tea:{i}"), "green", *pieces, day(*n)));
        let events: Vec<Event> = events.into_iter().chain(refills).collect();
        let end = day(700);
        let start = events.iter().map(|event| event.received_at).min().expect("at least one");
        let whole = walked(&book(&turns), &events, Stand::NEVER, end);
        cuts.sort_unstable();
        // At the instant of a publication too: before it was committed, and after.
        let mut runs: Vec<(Instant, usize)> = Vec::new();
        let known = |now: Instant| turns.iter().filter(|(at, _)| *at <= now).count();
        runs.extend(cuts.into_iter().map(|n| (day(n), known(day(n)))));
        if punctual {
            runs.extend(turns.iter().enumerate().flat_map(|(i, (at, _))| [(*at, i), (*at, i + 1)]));
        }
        runs.retain(|(at, _)| *at >= start);
        runs.sort_unstable();
        runs.push((end, turns.len()));
        let (mut kept, mut current, mut changes, mut last) = (None, Vec::new(), Vec::new(), None);
        for (now, published) in runs {
            let here: Vec<Event> = events.iter().filter(|event| event.received_at <= now).cloned().collect();
            let stand = kept.map_or(Stand::NEVER, |(at, epoch)| Stand::kept(at, epoch, &current));
            let stepped = walked(&book(&turns[..published]), &here, stand, now);
            changes.extend(stepped.changes.clone());
            (kept, current) = (Some((now, 1 + published as i64)), current_of(&stepped.current));
            last = Some(stepped);
        }
        prop_assert_eq!(&changes, &whole.changes);
        let last = last.expect("ran");
        prop_assert_eq!((last.current, last.profile, last.next_due), (whole.current, whole.profile, whole.next_due));
    }
}
