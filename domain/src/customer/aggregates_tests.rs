//! The aggregates against a slow second implementation that adds up events at each instant and walks no timeline.

#![allow(clippy::inconsistent_digit_grouping, reason = "amounts are written as 10_000_00: yuan, then fen")]

use super::fixture::*;
use super::profile::More;
use super::{CustomerFacts, ProfileTimelines};
use crate::event::own::{Arm, Own};
use crate::event::{ContactSaid, Detail, Event, Fact, FeedbackSaid, OrderDetail, OrderLine, ReviewSaid};
use crate::ids::EnrollmentId;
use crate::time::{Instant, Span};
use chrono::Timelike;
use chrono_tz::Tz;
use proptest::prelude::*;
use std::collections::BTreeMap;

const ZONE: Tz = chrono_tz::Asia::Shanghai;

fn quarter(n: i64) -> Instant {
    day(0) + Span::hours(6 * n)
}

fn said(name: &str, subject: &str, detail: Detail, at: Instant) -> Event {
    let event = event(at, Fact::Custom { name: name.to_owned() });
    let message_id = format!("{}/{name}/{subject}/{detail:?}", at.micros());
    Event { subject: Some(subject.to_owned()), detail: Some(detail), message_id, ..event }
}

fn sold(id: &str, total: i64, categories: &[&str], coupon: bool, at: Instant) -> Event {
    let line = |category: &&str| OrderLine {
        category: Some((*category).to_owned()),
        name: Some((*category).to_uppercase()),
        ..OrderLine::default()
    };
    let lines = Some(categories.iter().map(line).collect());
    let detail = OrderDetail { lines, coupon: coupon.then(|| "C".to_owned()), ..OrderDetail::default() };
    Event { detail: Some(Detail::Order(detail)), ..order(id, total, at) }
}

/// Anything that the aggregates speak of, over two hundred quarters of a day; each order once.
pub(crate) fn story() -> impl Strategy<Value = Vec<Event>> {
    let when = 0i64..200;
    let category = prop::sample::select(vec!["lip", "eye", "skin"]);
    let order = (when.clone(), 0i64..9, prop::collection::vec(category, 0..3), any::<bool>());
    let back = prop::option::of((0i64..200, prop::option::of(0i64..9)));
    let orders = prop::collection::vec((order, back, prop::option::of(0i64..200)), 0..8);
    let answer = (when.clone(), any::<bool>(), 0i64..11, 0u8..4);
    let review = (when.clone(), 0u8..3, prop::option::of(0i64..6));
    let channel = prop::sample::select(vec!["email", "sms", "call"]);
    let contact = (when.clone(), channel, any::<bool>());
    let entered = (when, prop::sample::select(vec!["winback", "festival", "winback_vip"]));
    (
        orders,
        prop::collection::vec(answer, 0..5),
        prop::collection::vec(review, 0..5),
        prop::collection::vec(contact, 0..9),
        prop::collection::vec(entered, 0..3),
    )
        .prop_map(|(orders, answers, reviews, contacts, entered)| {
            let mut events = Vec::new();
            for (i, ((at, total, categories, coupon), back, cancelled)) in orders.into_iter().enumerate() {
                let id = format!("O{i}");
                events.push(sold(&id, total * 1_00, &categories, coupon, quarter(at)));
                if let Some((later, amount)) = back {
                    let amount = amount.map(|n| n * 1_00);
                    events.push(refund(Some(&id), Some("r"), amount, quarter(at + later)));
                }
                events.extend(cancelled.map(|later| cancel(&id, quarter(at + later))));
            }
            for (at, is_nps, score, id) in answers {
                let (name, score) =
                    if is_nps { ("NPS Submitted", score) } else { ("CSAT Submitted", 1 + score % 5) };
                let answer = Detail::Feedback(FeedbackSaid { score, ticket_id: None });
                events.push(said(name, &format!("f{id}"), answer, quarter(at)));
            }
            for (at, id, stars) in reviews {
                let rating_milli = stars.map(|n| n * 1_000);
                let review = Detail::Review(ReviewSaid { rating_milli, ..ReviewSaid::default() });
                events.push(said("Product Reviewed", &format!("v{id}"), review, quarter(at)));
            }
            for (i, (at, channel, inbound)) in contacts.into_iter().enumerate() {
                let contact = Detail::Contact(ContactSaid {
                    channel: channel.to_owned(),
                    inbound,
                    ..ContactSaid::default()
                });
                events.push(said("Contact Made", &format!("c{i}"), contact, quarter(at)));
            }
            for (i, (at, campaign)) in entered.into_iter().enumerate() {
                let own = Own::CampaignEntered {
                    campaign: campaign.to_owned(),
                    enrollment: EnrollmentId(i as i64),
                    arm: Arm::Control,
                    occasion: "o".to_owned(),
                };
                events.push(said(
                    "Campaign Entered",
                    &format!("e{i}"),
                    Detail::Own(Box::new(own)),
                    quarter(at),
                ));
            }
            events
        })
}

/// An order as it stands at an instant.
struct Bought {
    paid_at: Instant,
    id: String,
    gross: i64,
    net: i64,
    counted: bool,
    lines: Vec<OrderLine>,
    coupon: bool,
}

fn orders_at(known: &[&Event]) -> Vec<Bought> {
    let mut orders = Vec::new();
    for event in known {
        let (Fact::OrderCompleted { order_id, total_minor }, Some(Detail::Order(detail))) =
            (&event.fact, &event.detail)
        else {
            continue;
        };
        let of_it = known.iter().filter(|other| other.order_id() == Some(order_id));
        let cancelled = of_it.clone().any(|e| matches!(e.fact, Fact::OrderCancelled { .. }));
        let back = of_it.clone().find_map(|e| match e.fact {
            Fact::OrderRefunded { amount_minor, .. } => Some(amount_minor.unwrap_or(*total_minor)),
            _ => None,
        });
        orders.push(Bought {
            paid_at: event.occurred_at,
            id: order_id.clone(),
            gross: if cancelled { 0 } else { *total_minor },
            net: if cancelled { 0 } else { (total_minor - back.unwrap_or(0)).max(0) },
            counted: !cancelled && back.is_none_or(|back| back < *total_minor),
            lines: detail.lines.clone().unwrap_or_default(),
            coupon: detail.coupon.is_some(),
        });
    }
    orders.sort_by(|a, b| (a.paid_at, &a.id).cmp(&(b.paid_at, &b.id)));
    orders
}

/// The newest version of each thing of these names: its instant and what it says.
fn newest<'e>(known: &[&'e Event], names: &[&str]) -> Vec<&'e Event> {
    let mut by_id: BTreeMap<(&str, &str), &Event> = BTreeMap::new();
    for event in known.iter().filter(|event| names.contains(&event.fact.name())) {
        let id = (event.fact.name(), event.subject.as_deref().unwrap_or_default());
        let other = by_id.entry(id).or_insert(event);
        if (event.occurred_at, &event.message_id) > (other.occurred_at, &other.message_id) {
            *other = event;
        }
    }
    by_id.into_values().collect()
}

fn score(event: &Event) -> i64 {
    match &event.detail {
        Some(Detail::Feedback(said)) => said.score,
        other => panic!("{other:?}"),
    }
}

/// Every aggregate as of `now`, added up anew.
fn slowly(events: &[Event], now: Instant) -> More {
    let known: Vec<&Event> = events.iter().filter(|event| event.occurred_at <= now).collect();
    let orders = orders_at(&known);
    let in_year = |at: Instant| now - at < Span::days(365);
    let counted: Vec<&Bought> = orders.iter().filter(|order| order.counted).collect();
    let recent: Vec<&Bought> = counted.iter().copied().filter(|order| in_year(order.paid_at)).collect();
    let paid: Vec<&Bought> = orders.iter().filter(|order| in_year(order.paid_at)).collect();
    let mut more = More {
        counted_net_365_minor: recent.iter().map(|order| order.net).sum(),
        gross_365_minor: paid.iter().map(|order| order.gross).sum(),
        refunded_365_minor: paid.iter().map(|order| order.gross - order.net).sum(),
        coupon_orders_365: recent.iter().filter(|order| order.coupon).count() as i64,
        lines_365: recent.iter().map(|order| order.lines.len() as i64).sum(),
        ..More::default()
    };
    let mut days: Vec<_> = counted.iter().map(|order| order.paid_at.local_date(ZONE)).collect();
    days.dedup();
    let mut gaps: Vec<i64> = days.windows(2).map(|pair| (pair[1] - pair[0]).num_days()).collect();
    gaps.sort_unstable();
    if !gaps.is_empty() {
        more.gap_halves = Some(gaps[(gaps.len() - 1) / 2] + gaps[gaps.len() / 2]);
    }
    if counted.len() >= 5 {
        let hours: Vec<u32> = counted.iter().map(|order| order.paid_at.local(ZONE).hour()).collect();
        let often = |hour: &u32| hours.iter().filter(|other| *other == hour).count();
        let most = hours.iter().map(often).max();
        more.active_hour =
            hours.iter().filter(|hour| Some(often(hour)) == most).min().map(|hour| i64::from(*hour));
    }
    let categories: Vec<&str> =
        recent.iter().flat_map(|order| &order.lines).filter_map(|line| line.category.as_deref()).collect();
    let often = |category: &str| categories.iter().filter(|other| **other == category).count();
    if let Some(most) = categories.iter().map(|category| often(category)).max() {
        let top = categories.iter().filter(|category| often(category) == most).min().expect("there is one");
        (more.top_category, more.top_category_lines) = (Some((*top).to_owned()), most as i64);
    }
    for line in counted.iter().rev().flat_map(|order| &order.lines) {
        let name = line.name.clone().expect("the story names them");
        if !more.last_products.contains(&name) && more.last_products.len() < 3 {
            more.last_products.push(name);
        }
    }
    for review in newest(&known, &["Product Reviewed"]) {
        if let Some(Detail::Review(ReviewSaid { rating_milli: Some(stars), .. })) = review.detail {
            (more.reviews, more.review_milli) = (more.reviews + 1, more.review_milli + stars);
        }
    }
    moods(&known, &mut more);
    contacts(&known, now, &mut more);
    let won = |entry: &&Event| {
        let Some(Detail::Own(own)) = &entry.detail else { return None };
        let Own::CampaignEntered { campaign, .. } = &**own else { return None };
        let first = counted.iter().find(|order| order.paid_at > entry.occurred_at)?;
        (campaign.starts_with("winback") && first.paid_at - entry.occurred_at <= Span::days(60))
            .then_some(first.paid_at)
    };
    more.won_back_at = known.iter().filter_map(won).max();
    more
}

fn moods(known: &[&Event], more: &mut More) {
    let answers = |name: &'static str| known.iter().copied().filter(move |e| e.fact.name() == name);
    let of = |name| {
        let standing: Vec<i64> = newest(known, &[name]).into_iter().map(score).collect();
        let last = answers(name).map(|e| (e.occurred_at, score(e))).max().map(|(_, score)| score);
        (last, standing.len() as i64, standing.iter().sum::<i64>())
    };
    (more.csat_last, more.csat_count, more.csat_sum) = of("CSAT Submitted");
    (more.nps_last, more.nps_count, more.nps_sum) = of("NPS Submitted");
    let low = answers("CSAT Submitted").filter(|e| score(e) <= 2);
    let low = low.chain(answers("NPS Submitted").filter(|e| score(e) <= 6));
    let pleased = answers("CSAT Submitted").filter(|e| score(e) >= 4).map(|e| e.occurred_at).max();
    let last_low = low.map(|e| e.occurred_at).max();
    more.unhappy_at = last_low.filter(|low| pleased.is_none_or(|pleased| pleased <= *low));
    more.recommended_at = answers("NPS Submitted").filter(|e| score(e) >= 9).map(|e| e.occurred_at).max();
}

fn contacts(known: &[&Event], now: Instant, more: &mut More) {
    let mut tally: BTreeMap<String, (i64, i64)> = BTreeMap::new();
    for event in known {
        let Some(Detail::Contact(said)) = &event.detail else { continue };
        let (at, recent) = (event.occurred_at, now - event.occurred_at < Span::days(180));
        let counts = tally.entry(said.channel.clone()).or_default();
        if said.inbound {
            more.last_inbound_at = more.last_inbound_at.max(Some(at));
            counts.1 += i64::from(recent);
        } else {
            more.last_contact_at = more.last_contact_at.max(Some(at));
            let last = more.last_contacts.entry(said.channel.clone()).or_insert(at);
            *last = at.max(*last);
            counts.0 += i64::from(recent);
        }
    }
    let tried = tally.iter().filter(|(_, (made, answered))| *made >= 3 && *answered > 0);
    let mut best: Vec<_> = tried.collect();
    // Greatest share, then most contacts, then the first by name.
    best.sort_by(|(a, (m, x)), (b, (n, y))| (y * m).cmp(&(x * n)).then(n.cmp(m)).then(a.cmp(b)));
    more.preferred_channel = best.first().map(|(channel, _)| (*channel).clone());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn every_aggregate_is_what_adding_up_gives_whenever_somebody_looks(events in story(), probes in prop::collection::vec(0i64..1_900, 24)) {
        let timelines = ProfileTimelines::build(&CustomerFacts::fold(&events), ZONE);
        for n in probes {
            let now = quarter(n);
            prop_assert_eq!(timelines.at(now).more, slowly(&events, now), "at {}", now);
        }
    }

    #[test]
    fn nothing_changes_before_the_next_change_is_due(events in story(), from in 0i64..800) {
        let timelines = ProfileTimelines::build(&CustomerFacts::fold(&events), ZONE);
        let now = quarter(from);
        let next = timelines.next_after(now);
        let is = slowly(&events, now);
        for n in from..from + 400 {
            let at = quarter(n);
            if next.is_none_or(|next| at < next) {
                prop_assert_eq!(&slowly(&events, at), &is, "at {}, due {:?}", at, next);
            }
        }
    }

    #[test]
    fn the_order_of_arrival_and_resends_change_no_aggregate(
        (events, shuffled) in story().prop_flat_map(|events| (Just(events.clone()), Just([events.clone(), events].concat()).prop_shuffle())),
        n in 0i64..1_900,
    ) {
        let more = |events: &[Event]| ProfileTimelines::build(&CustomerFacts::fold(events), ZONE).at(quarter(n)).more;
        prop_assert_eq!(more(&events), more(&shuffled));
    }
}
