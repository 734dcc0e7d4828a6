//! What the events of one key amount to, as rows of the projected tables. The order of arrival doesn't count:
//! events come sorted by version, and each rule looks at versions only.

use super::log::{Entry, Group};
use super::table::Row;
use domain::event::{ContactSaid, Detail, OrderLine, TicketPatch, TicketSaid, TicketState, TicketStep};
use domain::time::Instant;
use std::collections::BTreeMap;

/// `row![a, b]`: cells of whatever they are.
macro_rules! row {
    ($($e:expr),* $(,)?) => { vec![$(super::table::Cell::from($e)),*] };
}

/// The order's row, its lines, its refunds.
pub(super) fn orders(group: &Group) -> Vec<Vec<Row>> {
    let first = |kind: &str| group.entries.iter().find(|entry| entry.kind == kind);
    let (placed, paid) = (first("Order Placed"), first("Order Completed"));
    let cancelled = first("Order Cancelled");
    // Whoever paid it; until somebody did, one of those who named it, whichever came first.
    let owner =
        paid.or_else(|| group.entries.iter().min_by_key(|entry| entry.origin)).unwrap_or(&group.entries[0]);
    let version = group
        .entries
        .iter()
        .rfind(|entry| matches!(entry.kind.as_str(), "Order Completed" | "Order Updated"));
    let total = version.and_then(|entry| entry.amount_minor).unwrap_or(0);
    let foreign = version.and_then(|entry| entry.foreign.clone());
    let (foreign_currency, foreign_minor, rate) = match foreign {
        Some((currency, minor, rate)) => (Some(currency), Some(minor), Some(rate)),
        None => (None, None, None),
    };
    let lines = group.entries.iter().rev().find_map(|entry| Some((entry, lines_of(entry)?)));
    let pay_by = placed.and_then(|entry| match &entry.detail {
        Some(Detail::Order(said)) => said.pay_by,
        _ => None,
    });
    let refunds = self::refunds(group, &group.key);
    let order = row![
        group.shop,
        group.key.clone(),
        owner.customer,
        owner.origin,
        placed.map(|entry| entry.at),
        pay_by,
        paid.map(|entry| entry.at),
        cancelled.map(|entry| entry.at),
        total,
        refunded(group, total),
        group.currency.clone(),
        foreign_currency,
        foreign_minor,
        rate,
        version.map_or(Instant::MIN, |entry| entry.at),
        version.map(|entry| entry.message_id.clone()).unwrap_or_default(),
        lines.map(|(entry, _)| entry.at),
        lines.map(|(entry, _)| entry.message_id.clone()),
    ];
    let lines = lines.map_or(&[][..], |(_, lines)| lines);
    vec![vec![order], lines.iter().enumerate().map(|(n, line)| self::line(group, n, line)).collect(), refunds]
}

fn lines_of(entry: &Entry) -> Option<&[OrderLine]> {
    match &entry.detail {
        Some(Detail::Order(said)) => said.lines.as_deref(),
        _ => None,
    }
}

fn line(group: &Group, n: usize, line: &OrderLine) -> Row {
    row![
        group.shop,
        group.key.clone(),
        n as i64 + 1,
        line.sku.clone(),
        line.product_id.clone(),
        line.name.clone(),
        line.category.clone(),
        line.style.clone(),
        line.brand.clone(),
        line.quantity_milli,
        line.price_minor,
        line.amount_minor(),
    ]
}

/// Never more than the total: an order's net doesn't go below 0.
fn refunded(group: &Group, total: i64) -> i64 {
    let refunds = group.entries.iter().filter(|entry| entry.kind == "Order Refunded");
    let sum = refunds.map(|entry| entry.amount_minor).try_fold(0_i64, |sum, amount| sum.checked_add(amount?));
    sum.map_or(total, |sum| sum.min(total))
}

/// The refunds among the events.
pub(super) fn refunds(group: &Group, order_key: &str) -> Vec<Row> {
    let mut once: BTreeMap<&str, &Entry> = BTreeMap::new();
    for entry in group.entries.iter().filter(|entry| entry.kind == "Order Refunded") {
        once.entry(entry.ref_key.as_deref().unwrap_or_default()).or_insert(entry);
    }
    once.into_iter()
        .map(|(reference, entry)| {
            row![group.shop, order_key, reference, entry.customer, entry.origin, entry.at, entry.amount_minor]
        })
        .collect()
}

/// What the events say about a ticket, for the domain to fold.
pub(in crate::store) fn ticket_said(group: &Group) -> Vec<TicketSaid> {
    let said = group.entries.iter().filter_map(|entry| {
        let step = TicketStep::of_event(&entry.kind)?;
        let patch = match &entry.detail {
            Some(Detail::Ticket(patch)) => patch.clone(),
            _ => TicketPatch {
                order_id: entry.order_key.clone(),
                amount_minor: entry.amount_minor,
                ..TicketPatch::default()
            },
        };
        Some(TicketSaid { at: entry.at, message_id: entry.message_id.clone(), step, patch })
    });
    said.collect()
}

pub(super) fn ticket(group: &Group) -> Row {
    let state = TicketState::fold(ticket_said(group));
    let TicketPatch {
        order_id,
        complaint,
        important,
        complex,
        amount_minor,
        category,
        severity,
        channel,
        theme,
        sku,
        first_reply_at,
        chased,
    } = state.fields;
    let (version_at, version_id) = state.version.unwrap_or((Instant::MIN, String::new()));
    row![
        group.shop,
        group.key.clone(),
        group.entries[0].customer,
        group.entries[0].origin,
        order_id,
        if state.open { "open" } else { "closed" },
        state.opened_at,
        state.resolved_at,
        state.reopened,
        state.escalated,
        complaint.unwrap_or_default(),
        important.unwrap_or_default(),
        complex.unwrap_or_default(),
        amount_minor,
        category,
        severity,
        channel,
        sku,
        theme,
        first_reply_at,
        chased,
        version_at,
        version_id,
    ]
}

/// Field by field what was said last; delivered when that was first said.
pub(super) fn shipment(group: &Group) -> Row {
    let last = group.entries.last().unwrap_or(&group.entries[0]);
    let said = || {
        group.entries.iter().rev().filter_map(|entry| match &entry.detail {
            Some(Detail::Shipment(said)) => Some(said),
            _ => None,
        })
    };
    let delivered = group.entries.iter().find(|entry| entry.kind == "Order Delivered");
    let exception = group.entries.iter().rfind(|entry| entry.kind == "Shipment Exception");
    let status = group.entries.iter().rev().find_map(|entry| match &entry.detail {
        Some(Detail::Shipment(said)) if said.status.is_some() => said.status.clone(),
        _ if entry.kind == "Order Delivered" => Some("delivered".to_owned()),
        _ => None,
    });
    row![
        group.shop,
        group.key.clone(),
        group.entries[0].customer,
        group.entries[0].origin,
        group.entries.iter().rev().find_map(|entry| entry.order_key.clone()),
        status,
        said().find_map(|said| said.promised_by),
        said().find_map(|said| said.carrier.clone()),
        said().find_map(|said| said.place.clone()),
        exception.map(|entry| entry.at),
        said().find_map(|said| said.reason.clone()),
        said().find_map(|said| said.new_eta),
        delivered.map(|entry| entry.at),
        last.at,
        last.message_id.clone(),
    ]
}

pub(super) fn review(group: &Group) -> Row {
    let (first, last) = (&group.entries[0], group.entries.last().unwrap_or(&group.entries[0]));
    let said = match &last.detail {
        Some(Detail::Review(said)) => said.clone(),
        _ => domain::event::ReviewSaid::default(),
    };
    row![
        group.shop,
        group.key.clone(),
        first.customer,
        first.origin,
        last.order_key.clone(),
        said.product_id,
        said.sku,
        said.rating_milli,
        first.at,
        last.at,
        last.message_id.clone(),
    ]
}

/// One row a kind of questionnaire.
pub(super) fn feedback(group: &Group) -> Vec<Row> {
    let of = |kind: &str, word: &str| {
        let first = group.entries.iter().find(|entry| entry.kind == kind)?;
        let last = group.entries.iter().rfind(|entry| entry.kind == kind)?;
        let Some(Detail::Feedback(said)) = &last.detail else { return None };
        let ticket_key = said.ticket_id.as_ref().map(|id| format!("{}:{id}", group.shop_key));
        Some(row![
            group.shop,
            group.key.clone(),
            word,
            first.customer,
            first.origin,
            ticket_key,
            last.order_key.clone(),
            said.score,
            last.at,
            last.message_id.clone(),
        ])
    };
    [of("CSAT Submitted", "csat"), of("NPS Submitted", "nps")].into_iter().flatten().collect()
}

/// One row a kind of contact.
pub(super) fn contacts(group: &Group) -> Vec<Row> {
    let of = |kind: &str, word: &str| {
        let first = group.entries.iter().find(|entry| entry.kind == kind)?;
        let last = group.entries.iter().rfind(|entry| entry.kind == kind)?;
        let Some(Detail::Contact(said)) = &last.detail else { return None };
        let ContactSaid { channel, purpose, tool, inbound, seconds } = said.clone();
        Some(row![
            group.shop,
            group.key.clone(),
            word,
            first.customer,
            first.origin,
            channel,
            purpose,
            tool,
            inbound,
            seconds,
            last.at,
            last.at,
            last.message_id.clone(),
        ])
    };
    [of("Contact Made", "contact"), of("Call Logged", "call")].into_iter().flatten().collect()
}
