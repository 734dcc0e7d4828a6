//! A profile's numbers and tags for the terminal: short lines, in the words of those who care for customers. What is shown
//! is decided by the service.

use super::profile_text::Clock;
use crate::service::aggregates::{AggregatesView, MeanView, TopView};
use crate::service::profile::{AbsentTagView, NextValueView, ProfileView, SegmentView, TagView};
use domain::ratio::percent;

/// The aggregates, a line for each thing there is anything to say of.
pub fn numbers(view: &ProfileView, clock: Clock) -> String {
    let a = &view.aggregates;
    let Some(kept_at) = a.kept_at else {
        return "Numbers\n  not counted yet; `kinkeeper drain` does it, a running daemon by itself"
            .to_owned();
    };
    let lines = [
        ("spend", spend(a)),
        ("orders", orders(a, clock)),
        ("bought", bought(a)),
        ("service", service(a, clock)),
        ("says", says(a, clock)),
        ("contacts", contacts(a, clock)),
    ];
    let told = lines.iter().filter(|(_, parts)| !parts.is_empty());
    let lines: Vec<String> =
        told.map(|(title, parts)| format!("  {title:<9} {}", parts.join("; "))).collect();
    format!("Numbers, as of {}\n{}", clock.at(kept_at), lines.join("\n"))
}

fn spend(a: &AggregatesView) -> Vec<String> {
    let mut parts = vec![format!("{} in 365 d, {} ever", a.spend_365, a.spend_ever)];
    parts.extend(a.avg_order_365.as_ref().map(|avg| format!("average order {}", avg.mean)));
    let refunds = a.refund_rate_365.as_ref().filter(|share| share.n.minor != 0);
    let rate = refunds.and_then(|r| Some((percent(r.n.minor, r.of.minor)?, r)));
    parts.extend(rate.map(|(rate, r)| format!("refunded {rate} ({} of {})", r.n, r.of)));
    parts
}

fn orders(a: &AggregatesView, clock: Clock) -> Vec<String> {
    let last = a.last_order_id.as_ref().map(|id| format!(" ({id})")).unwrap_or_default();
    let mut parts = vec![
        format!("{} in 365 d, {} ever, on {} days", a.orders_365, a.orders_ever, a.order_days),
        format!("first {}, last {}{last}", clock.on(a.first_order_at), clock.on(a.last_order_at)),
    ];
    parts.extend(a.median_gap_days.as_ref().map(|days| format!("every {days} days (median)")));
    parts.extend(a.active_hour.map(|hour| format!("mostly at {hour}:00–{}:00", hour + 1)));
    let coupons = a.coupon_share_365.as_ref().filter(|share| share.n > 0);
    parts.extend(
        coupons.and_then(|c| Some(format!("with a coupon {} ({} of {})", percent(c.n, c.of)?, c.n, c.of))),
    );
    parts.extend(a.won_back_at.map(|at| format!("won back {}", clock.on(Some(at)))));
    parts
}

fn bought(a: &AggregatesView) -> Vec<String> {
    let top = |name: &str, top: &Option<TopView>| {
        let TopView { value, lines } = top.as_ref()?;
        Some(format!("{name} {value} {} ({} of {} lines)", percent(lines.n, lines.of)?, lines.n, lines.of))
    };
    let tops = [("category", &a.top_category), ("style", &a.top_style), ("brand", &a.top_brand)];
    let mut parts: Vec<String> = tops.into_iter().filter_map(|(name, value)| top(name, value)).collect();
    if !a.last_products.is_empty() {
        parts.push(format!("last {}", a.last_products.join(", ")));
    }
    parts
}

fn service(a: &AggregatesView, clock: Clock) -> Vec<String> {
    let closed = a.complaint_closed_at.map(|at| format!(", the last one closed {}", clock.on(Some(at))));
    vec![format!(
        "{} tickets; complaints: {} in 90 d, {} in 365 d, {} open{}",
        a.tickets,
        a.complaints_90,
        a.complaints_365,
        a.open_complaints,
        closed.unwrap_or_default()
    )]
}

fn says(a: &AggregatesView, clock: Clock) -> Vec<String> {
    let mean = |m: &MeanView| format!("{} on average of {}", m.mean, m.n);
    let answer = |name: &str, last: Option<i64>, mean_of: &Option<MeanView>| {
        last.zip(mean_of.as_ref()).map(|(last, of)| format!("{name} {last} last, {}", mean(of)))
    };
    let mut parts: Vec<String> = a.review_mean.iter().map(|m| format!("reviews {} stars", mean(m))).collect();
    parts.extend(answer("CSAT", a.csat_last, &a.csat_mean));
    parts.extend(answer("NPS", a.nps_last, &a.nps_mean));
    parts.extend(a.unhappy_at.map(|at| format!("unhappy {}", clock.on(Some(at)))));
    parts.extend(a.recommended_at.map(|at| format!("would recommend us {}", clock.on(Some(at)))));
    parts
}

fn contacts(a: &AggregatesView, clock: Clock) -> Vec<String> {
    let by_channel = a.last_contacts.iter().map(|(channel, at)| format!("{channel} {}", clock.on(Some(*at))));
    let by_channel: Vec<String> = by_channel.collect();
    let mut parts = Vec::new();
    if !by_channel.is_empty() {
        parts.push(format!("our last by {}", by_channel.join(", ")));
    }
    parts.extend(a.last_inbound_at.map(|at| format!("their last word {}", clock.on(Some(at)))));
    parts.extend(a.preferred_channel.as_ref().map(|channel| format!("answers {channel} best")));
    parts
}

/// The tags that stand, each with why and what becomes of it; then those that don't but may; then the segments.
pub fn tags(view: &ProfileView, clock: Clock) -> String {
    let standing: Vec<String> = view.tags.iter().map(|tag| standing(tag, view, clock)).collect();
    let absent: Vec<String> = view.absent_tags.iter().map(|tag| absent(tag, clock)).collect();
    let segments: Vec<String> = view.segments.iter().map(|segment| in_segment(segment, clock)).collect();
    let sections = [("Tags", standing), ("Tags that aren't there", absent), ("Segments", segments)];
    let told = sections.into_iter().filter(|(_, lines)| !lines.is_empty());
    told.map(|(title, lines)| format!("{title}\n{}", lines.join("\n"))).collect::<Vec<_>>().join("\n\n")
}

fn in_segment(segment: &SegmentView, clock: Clock) -> String {
    let next = segment.next_at.map(|at| format!("\n      changes {} if nothing new comes", clock.at(at)));
    let SegmentView { key, stands, version, why, .. } = segment;
    format!("  {key} (v{version}), {stands}\n      {}{}", why.en, next.unwrap_or_default())
}

fn standing(tag: &TagView, view: &ProfileView, clock: Clock) -> String {
    let shown = if tag.value == "true" { tag.key.clone() } else { format!("{}={}", tag.key, tag.value) };
    let why = tag.why.as_ref().map_or(tag.source.as_str(), |why| why.en.as_str());
    let mut text = format!("  {shown} (v{})\n      {why}", tag.rule_version);
    if let Some(until) = tag.suppressed_until {
        text += &format!("\n      taken away by hand until {}", clock.at(until));
    }
    if let Some(next) = &tag.next {
        text += &format!("\n      {}", becomes(next, view, clock));
    }
    text
}

fn becomes(next: &NextValueView, view: &ProfileView, clock: Clock) -> String {
    let becomes = next.value.as_ref().map_or("ends".to_owned(), |value| format!("becomes {value}"));
    if next.at <= view.as_of {
        return format!("{becomes} as soon as the keeper comes by");
    }
    format!("{becomes} {} if nothing new comes", clock.at(next.at))
}

fn absent(tag: &AbsentTagView, clock: Clock) -> String {
    let mut told: Vec<String> = tag.waits_for.clone().into_iter().collect();
    told.extend(tag.suppressed_until.map(|until| format!("taken away by hand until {}", clock.at(until))));
    told.extend(tag.next.as_ref().map(|next| {
        let value = next.value.as_ref().filter(|value| *value != "true");
        let value = value.map(|value| format!(" as {value}")).unwrap_or_default();
        format!("comes{value} {} if nothing new does", clock.at(next.at))
    }));
    format!("  {:<20} {}", tag.key, told.join("; "))
}
