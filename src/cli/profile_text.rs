//! A customer's profile for the terminal: the same content as the API's, in the customer's local time. What is
//! shown is decided by the service; here it is only laid out.

use super::output::table;
use super::profile_numbers::{numbers, tags};
use crate::service::profile::{JourneyView, ProfileView, TouchView};
use chrono_tz::Tz;
use domain::time::Instant;

/// The whole profile as text, without colour or control characters.
pub fn render(view: &ProfileView) -> String {
    let clock = Clock { zone: view.zone.parse().unwrap_or(Tz::UTC) };
    let sections = [
        head(view, clock),
        warnings(view),
        numbers(view, clock),
        tags(view, clock),
        contacts(view, clock),
        orders(view, clock),
        tickets(view, clock),
        coupons(view, clock),
        journeys(view, clock),
        next_touches(view, clock),
        touches(view, clock),
        callbacks(view, clock),
    ];
    let told: Vec<String> = sections.into_iter().filter(|text| !text.is_empty()).collect();
    plain(&told.join("\n\n"))
}

/// Names and ids come from outside; a terminal must not obey them.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' { '·' } else { c }).collect()
}

/// The customer's local time.
#[derive(Clone, Copy)]
pub(super) struct Clock {
    zone: Tz,
}

impl Clock {
    pub(super) fn at(self, at: Instant) -> String {
        at.local(self.zone).format("%Y-%m-%d %H:%M").to_string()
    }
    pub(super) fn on(self, at: Option<Instant>) -> String {
        at.map_or_else(|| "-".to_owned(), |at| at.local_date(self.zone).to_string())
    }
}

fn or_dash(text: Option<&str>) -> String {
    text.unwrap_or("-").to_owned()
}

/// A section with its title; nothing where it has no rows.
fn section<const N: usize>(
    title: &str,
    headers: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
) -> String {
    let mut rows = rows.into_iter().peekable();
    if rows.peek().is_none() {
        return String::new();
    }
    let body = table(headers, rows);
    let indented: Vec<String> = body.lines().map(|line| format!("  {}", line.trim_end())).collect();
    format!("{title}\n{}", indented.join("\n"))
}

fn head(view: &ProfileView, clock: Clock) -> String {
    let own = or_dash(view.customer_id.as_deref());
    let name = view.name.as_ref().map(|name| format!("  {name}")).unwrap_or_default();
    let merged: Vec<String> = view.merged_from.iter().map(ToString::to_string).collect();
    let merged =
        if merged.is_empty() { String::new() } else { format!("\n  one with {}", merged.join(", ")) };
    format!(
        "{}  {own} at {}{name}{merged}\n  {}, {}, {}\n  known since {}, as of {} there",
        view.id,
        view.shop,
        view.account_kind,
        view.locale,
        view.zone,
        clock.on(Some(view.registered_at.unwrap_or(view.created_at))),
        clock.at(view.as_of),
    )
}

fn warnings(view: &ProfileView) -> String {
    let mut lines: Vec<String> = view.warnings.iter().map(|w| format!("! {}", w.text.en)).collect();
    lines.extend(view.suspicion.iter().map(|s| {
        let what = match s.rule {
            "orders_30d" => format!("{} counted orders in 30 d ({} are suspicious)", s.value, s.threshold),
            _ => format!("{} spent in 365 d (more than {} is suspicious)", s.value, s.threshold),
        };
        format!("? {what}: if this is no consumer, say so with `customer set {} account_kind=…`", view.id)
    }));
    lines.join("\n")
}

fn contacts(view: &ProfileView, clock: Clock) -> String {
    let points = section(
        "Contact points",
        ["channel", "", "usable", "suppressed"],
        view.contact_points.iter().map(|c| {
            let usable = if c.usable { "yes" } else { "no" };
            [c.channel.clone(), c.masked.clone(), usable.to_owned(), or_dash(c.suppressed.as_deref())]
        }),
    );
    let consents = section(
        "Consents",
        ["channel", "purpose", "", "since", "source"],
        view.consents.iter().map(|c| {
            let since = clock.on(Some(c.occurred_at));
            [c.channel.clone(), c.purpose.clone(), c.state.clone(), since, c.source.clone()]
        }),
    );
    [points, consents].into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join("\n\n")
}

fn orders(view: &ProfileView, clock: Clock) -> String {
    section(
        "Last orders",
        ["order", "paid", "total", "refunded", "state"],
        view.orders.iter().map(|o| {
            let state = serde_json::to_value(o.state).ok();
            let state = state.as_ref().and_then(|state| state.as_str()).unwrap_or_default().to_owned();
            let refunded = if o.refunded.minor == 0 { "-".to_owned() } else { o.refunded.to_string() };
            [o.order_id.clone(), clock.at(o.paid_at), o.total.to_string(), refunded, state]
        }),
    )
}

fn tickets(view: &ProfileView, clock: Clock) -> String {
    section(
        "Tickets",
        ["ticket", "opened", "state", "about", "order", "amount"],
        view.tickets.iter().map(|t| {
            let marks = [(t.complaint, "complaint"), (t.important, "important"), (t.complex, "complex")];
            let marks = marks.iter().filter(|(is, _)| *is).map(|(_, word)| *word);
            let about: Vec<&str> = marks.chain(t.severity.as_deref()).chain(t.category.as_deref()).collect();
            let amount = t.amount.map_or_else(|| "-".to_owned(), |amount| amount.to_string());
            let about = if about.is_empty() { "-".to_owned() } else { about.join(", ") };
            let order = or_dash(t.order_id.as_deref());
            [t.ticket_id.clone(), clock.on(t.opened_at), t.state.to_owned(), about, order, amount]
        }),
    )
}

fn coupons(view: &ProfileView, clock: Clock) -> String {
    section(
        "Coupons",
        ["coupon", "batch", "code", "face", "state", "expires"],
        view.coupons.iter().map(|c| {
            let code = format!("…{}", c.last4);
            let expires = clock.on(c.expires_at);
            [c.id.to_string(), c.batch.clone(), code, c.face.to_string(), c.state.clone(), expires]
        }),
    )
}

fn journeys(view: &ProfileView, clock: Clock) -> String {
    let next = |journey: &JourneyView| match &journey.next {
        Some(next) => format!("{} {} at {}", next.does, next.what, clock.at(next.at)),
        None => "nothing".to_owned(),
    };
    section(
        "Journeys under way",
        ["campaign", "entered", "next"],
        view.journeys.iter().map(|j| [j.campaign.clone(), clock.at(j.entered_at), next(j)]),
    )
}

fn next_touches(view: &ProfileView, clock: Clock) -> String {
    section(
        "Messages to come",
        ["from", "campaign", "channel", "template", "state"],
        view.next_touches.iter().map(|t| {
            let state = t.state.map_or_else(|| "-".to_owned(), |state| state.to_string());
            [clock.at(t.at), t.campaign.clone(), t.channel.clone(), t.template.clone(), state]
        }),
    )
}

fn touches(view: &ProfileView, clock: Clock) -> String {
    let outcome = |touch: &TouchView| match touch.reason {
        Some(reason) => format!("{} ({reason})", touch.state),
        None => touch.state.to_string(),
    };
    section(
        "Contacts, and decisions not to",
        ["when", "campaign", "channel", "template", "outcome"],
        view.touches
            .iter()
            .map(|t| [clock.at(t.at), t.campaign.clone(), t.channel.clone(), t.template.clone(), outcome(t)]),
    )
}

fn callbacks(view: &ProfileView, clock: Clock) -> String {
    section(
        "Callbacks",
        ["callback", "kind", "state", "due", "attempts", "who", "ended"],
        view.callbacks.iter().map(|c| {
            [
                c.id.to_string(),
                c.kind.clone(),
                c.state.clone(),
                clock.at(c.due_at),
                c.attempts.to_string(),
                or_dash(c.staff.as_deref()),
                clock.on(c.ended_at),
            ]
        }),
    )
}
