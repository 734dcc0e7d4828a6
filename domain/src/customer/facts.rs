//! The fold of one customer's events into orders, refunds and tickets.
//!
//! The same events give the same facts in any order of arrival and however often they arrive: every
//! field is a least or greatest element, or a set. What the facts amount to is [`super::profile`]'s.

use super::dealings::Dealings;
use super::records::Records;
use crate::event::{Detail, Event, Fact, OrderLine};
use crate::time::Instant;
use crate::timeline::Timeline;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Orders versions of one thing: (occurred_at, message_id), then whatever the version says, so that
/// two sources using one message id can't make the result depend on arrival.
pub(super) type Stamped<T> = (Instant, String, T);

/// What one customer's events say together.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CustomerFacts {
    first_at: Option<Instant>,
    orders: BTreeMap<String, OrderFacts>,
    refunds: BTreeMap<RefundKey, Stamped<Option<i64>>>,
    tickets: BTreeMap<String, TicketFacts>,
    dealings: Dealings,
    records: Arc<Records>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct OrderFacts {
    /// The first completion; later ones are resends.
    completed: Option<Stamped<i64>>,
    updates: BTreeSet<Stamped<i64>>,
    cancelled_at: Option<Instant>,
    /// What each version that has lines says was bought.
    lines: BTreeSet<Stamped<Vec<OrderLine>>>,
    /// Whether any version was paid with a coupon.
    coupon: bool,
    /// When the first parcel arrived.
    delivered_at: Option<Instant>,
}

/// What makes a refund one refund.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum RefundKey {
    Named { order_id: Option<String>, refund_id: String },
    Fingerprint { order_id: Option<String>, occurred_at: Instant, amount_minor: Option<i64> },
}

impl RefundKey {
    fn order_id(&self) -> Option<&str> {
        match self {
            Self::Named { order_id, .. } | Self::Fingerprint { order_id, .. } => order_id.as_deref(),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct TicketFacts {
    opened_at: Option<Instant>,
    /// Whether each version of the ticket called it a complaint.
    complaint: BTreeSet<Stamped<bool>>,
    /// Whether each resolution or reopening left it closed.
    closed: BTreeSet<Stamped<bool>>,
}

impl CustomerFacts {
    /// The facts of these events, whatever their order.
    pub fn fold<'a>(events: impl IntoIterator<Item = &'a Event>) -> Self {
        let mut facts = Self::default();
        for event in events {
            facts.add(event);
        }
        facts
    }

    /// Takes in one more event. Taking in the same one again changes nothing.
    pub fn add(&mut self, event: &Event) {
        let at = event.occurred_at;
        // No event: nothing begins with it, and nothing counts it.
        if let Fact::Recorded(record) = &event.fact {
            return Arc::make_mut(&mut self.records).add(at, record);
        }
        self.first_at = earliest(self.first_at, at);
        self.dealings.add(event);
        self.detail(event);
        match &event.fact {
            Fact::OrderCompleted { order_id, total_minor } => {
                let completion = stamped(event, *total_minor);
                let known = &mut self.order(order_id).completed;
                if known.as_ref().is_none_or(|first| completion < *first) {
                    *known = Some(completion);
                }
            }
            Fact::OrderUpdated { order_id, total_minor } => {
                self.order(order_id).updates.insert(stamped(event, *total_minor));
            }
            Fact::OrderCancelled { order_id } => {
                let order = self.order(order_id);
                order.cancelled_at = earliest(order.cancelled_at, at);
            }
            Fact::OrderRefunded { order_id, refund_id, amount_minor } => {
                self.refund(
                    event,
                    order_id.clone(),
                    refund_id.clone(),
                    amount_minor.map(i64::saturating_abs),
                );
            }
            Fact::TicketOpened(ticket) => {
                let known = self.tickets.entry(ticket.ticket_id.clone()).or_default();
                known.opened_at = earliest(known.opened_at, at);
                known.complaint.insert(stamped(event, ticket.complaint));
            }
            Fact::TicketUpdated(ticket) | Fact::TicketEscalated(ticket) => {
                let known = self.tickets.entry(ticket.ticket_id.clone()).or_default();
                known.complaint.insert(stamped(event, ticket.complaint));
            }
            Fact::TicketResolved { ticket_id } => self.close(event, ticket_id, true),
            Fact::TicketReopened { ticket_id } => self.close(event, ticket_id, false),
            Fact::Identified | Fact::ConsentChanged { .. } | Fact::Custom { .. } | Fact::Recorded(_) => {}
        }
    }

    /// What an event of an order says beside its total.
    fn detail(&mut self, event: &Event) {
        let (Some(order_id), Some(detail)) = (event.order_id(), &event.detail) else { return };
        match detail {
            Detail::Order(said) => {
                let order = self.order(order_id);
                order.coupon |= said.coupon.is_some();
                if let Some(lines) = &said.lines {
                    order.lines.insert(stamped(event, lines.clone()));
                }
            }
            Detail::Shipment(_) if event.fact.name() == "Order Delivered" => {
                let order = self.order(order_id);
                order.delivered_at = earliest(order.delivered_at, event.occurred_at);
            }
            _ => {}
        }
    }

    /// Everything beside orders and tickets.
    pub fn dealings(&self) -> &Dealings {
        &self.dealings
    }

    /// What stands beside the log.
    pub fn records(&self) -> &Arc<Records> {
        &self.records
    }

    fn order(&mut self, order_id: &str) -> &mut OrderFacts {
        self.orders.entry(order_id.to_owned()).or_default()
    }

    fn refund(
        &mut self,
        event: &Event,
        order_id: Option<String>,
        refund_id: Option<String>,
        amount: Option<i64>,
    ) {
        let key = match refund_id {
            Some(refund_id) => RefundKey::Named { order_id, refund_id },
            None => RefundKey::Fingerprint { order_id, occurred_at: event.occurred_at, amount_minor: amount },
        };
        let refund = stamped(event, amount);
        self.refunds
            .entry(key)
            .and_modify(|first| {
                if refund < *first {
                    first.clone_from(&refund);
                }
            })
            .or_insert(refund);
    }

    fn close(&mut self, event: &Event, ticket_id: &str, closed: bool) {
        let ticket = self.tickets.entry(ticket_id.to_owned()).or_default();
        ticket.closed.insert(stamped(event, closed));
    }

    /// When the earliest known fact happened.
    pub fn first_at(&self) -> Option<Instant> {
        self.first_at
    }

    /// Every paid order with its net and whether it counts, over time.
    pub fn orders(&self) -> Vec<OrderCourse> {
        let mut linked: BTreeMap<&str, Vec<&Stamped<Option<i64>>>> = BTreeMap::new();
        for (key, refund) in &self.refunds {
            if let Some(order_id) = key.order_id() {
                linked.entry(order_id).or_default().push(refund);
            }
        }
        self.orders
            .iter()
            .filter_map(|(id, order)| order.course(id, linked.get(id.as_str()).map_or(&[], Vec::as_slice)))
            .collect()
    }

    /// Refunds whose order isn't known: when, and how much (minor units, ≥ 0).
    pub fn unlinked_refunds(&self) -> impl Iterator<Item = (Instant, i64)> {
        self.refunds
            .iter()
            .filter(|(key, _)| !key.order_id().is_some_and(|id| self.is_paid(id)))
            .map(|(_, (at, _, amount))| (*at, amount.unwrap_or(0)))
    }

    /// These facts as if such products had never stood in them: by order, where they are of one, and SKU.
    pub fn hiding(&self, hidden: impl Fn(Option<&str>, &str) -> bool) -> Self {
        let mut facts = self.clone();
        for (id, order) in &mut facts.orders {
            let bare = |(at, message, mut lines): Stamped<Vec<OrderLine>>| {
                lines.retain(|line| line.sku.as_deref().is_none_or(|sku| !hidden(Some(id), sku)));
                (at, message, lines)
            };
            order.lines = std::mem::take(&mut order.lines).into_iter().map(bare).collect();
        }
        facts.dealings.hide(hidden);
        facts
    }

    fn is_paid(&self, order_id: &str) -> bool {
        self.orders.get(order_id).is_some_and(|order| order.completed.is_some())
    }

    /// Every opened ticket, over time.
    pub fn tickets(&self) -> impl Iterator<Item = TicketCourse> {
        self.tickets.values().filter_map(TicketFacts::course)
    }
}

pub(super) fn stamped<T>(event: &Event, value: T) -> Stamped<T> {
    (event.occurred_at, event.message_id.clone(), value)
}

fn earliest(known: Option<Instant>, at: Instant) -> Option<Instant> {
    Some(known.map_or(at, |known| known.min(at)))
}

/// A paid order over time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderCourse {
    pub order_id: String,
    pub paid_at: Instant,
    /// Total less linked refunds, minor units, never below 0; 0 before payment and from a cancellation on.
    pub net: Timeline<i64>,
    /// Paid, not cancelled, not fully refunded by linked refunds. An order of 0 counts.
    pub counted: Timeline<bool>,
    /// Total before refunds; 0 before payment and from a cancellation on.
    pub gross: Timeline<i64>,
    /// What was bought, by the order's newest version.
    pub lines: Vec<OrderLine>,
    /// Paid with a coupon.
    pub coupon: bool,
    pub delivered_at: Option<Instant>,
}

/// What can happen to an order, in the order in which things of one instant are applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum OrderStep {
    Total(i64),
    Refund(i64),
    RefundOfTheRest,
    Cancelled,
}

impl OrderFacts {
    fn course(&self, id: &str, refunds: &[&Stamped<Option<i64>>]) -> Option<OrderCourse> {
        let completed = self.completed.as_ref()?;
        let paid_at = completed.0;
        // What happened before payment shows from payment on.
        let mut steps: Vec<(Instant, OrderStep)> = self
            .updates
            .range(completed.clone()..)
            .map(|(at, _, total)| (*at, OrderStep::Total(*total)))
            .chain(refunds.iter().map(|(at, _, amount)| {
                ((*at).max(paid_at), amount.map_or(OrderStep::RefundOfTheRest, OrderStep::Refund))
            }))
            .chain(self.cancelled_at.map(|at| (at.max(paid_at), OrderStep::Cancelled)))
            .collect();
        // Stable, and totals compare equal, so versions of one instant stay in the order of their message ids.
        steps.sort_by_key(|(at, step)| {
            (*at, if let OrderStep::Total(_) = step { OrderStep::Total(0) } else { *step })
        });

        let mut state = OrderState { total: completed.2, ..OrderState::default() };
        let mut points = vec![(paid_at, state)];
        for (at, step) in steps {
            state.apply(step);
            points.push((at, state));
        }
        let course = Timeline::from_points(None, points.into_iter().map(|(at, state)| (at, Some(state))));
        Some(OrderCourse {
            order_id: id.to_owned(),
            paid_at,
            net: course.map(|state| state.map_or(0, OrderState::net)),
            counted: course.map(|state| state.is_some_and(OrderState::counts)),
            gross: course.map(|state| state.map_or(0, OrderState::gross)),
            lines: self.lines.last().map(|(_, _, lines)| lines.clone()).unwrap_or_default(),
            coupon: self.coupon,
            delivered_at: self.delivered_at,
        })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct OrderState {
    total: i64,
    refunded: Option<i64>,
    cancelled: bool,
}

impl OrderState {
    fn apply(&mut self, step: OrderStep) {
        let refunded = self.refunded.unwrap_or(0);
        match step {
            OrderStep::Total(total) => self.total = total,
            OrderStep::Refund(amount) => self.refunded = Some(refunded.saturating_add(amount)),
            OrderStep::RefundOfTheRest => self.refunded = Some(refunded.max(self.total)),
            OrderStep::Cancelled => self.cancelled = true,
        }
    }

    fn net(self) -> i64 {
        if self.cancelled { 0 } else { self.total.saturating_sub(self.refunded.unwrap_or(0)).max(0) }
    }

    fn gross(self) -> i64 {
        if self.cancelled { 0 } else { self.total }
    }

    fn counts(self) -> bool {
        !self.cancelled && self.refunded.is_none_or(|refunded| refunded < self.total)
    }
}

/// An opened ticket over time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TicketCourse {
    pub opened_at: Instant,
    /// Opened, and a complaint by its latest version.
    pub complaint: Timeline<bool>,
    /// Opened, and not closed: by its latest resolution or reopening.
    pub open: Timeline<bool>,
}

impl TicketFacts {
    fn course(&self) -> Option<TicketCourse> {
        let opened_at = self.opened_at?;
        let flags = |versions: &BTreeSet<Stamped<bool>>| {
            Timeline::from_points(false, versions.iter().map(|(at, _, flag)| (*at, *flag)))
        };
        let opened = Timeline::from_points(false, [(opened_at, true)]);
        Some(TicketCourse {
            opened_at,
            complaint: opened.and(&flags(&self.complaint)),
            open: opened.and(&flags(&self.closed).not()),
        })
    }
}
