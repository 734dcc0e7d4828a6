//! A service ticket over its events: fields as last said, open or closed by the latest resolution or
//! reopening, whatever the order of arrival.

use super::Ticket;
use super::values::Fields;
use crate::problem::{Problem, Problems};
use crate::time::Instant;
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What one event says about a ticket. `None` says nothing, so a partial update leaves the rest alone.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct TicketPatch {
    /// In the log in a column of its own, as the amount is.
    #[serde(skip)]
    pub order_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub complaint: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub important: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub complex: Option<bool>,
    #[serde(skip)]
    pub amount_minor: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub severity: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub theme: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sku: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_reply_at: Option<Instant>,
    /// How often the customer asked after it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chased: Option<i64>,
}

/// What an event does to a ticket, besides its fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TicketStep {
    Opened,
    Updated,
    Escalated,
    Resolved,
    Reopened,
}

impl TicketStep {
    /// By the event's name in the log.
    pub fn of_event(name: &str) -> Option<Self> {
        Some(match name {
            "Ticket Opened" => Self::Opened,
            "Ticket Updated" => Self::Updated,
            "Ticket Escalated" => Self::Escalated,
            "Ticket Resolved" => Self::Resolved,
            "Ticket Reopened" => Self::Reopened,
            _ => return None,
        })
    }
}

/// One ticket event with its version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TicketSaid {
    pub at: Instant,
    pub message_id: String,
    pub step: TicketStep,
    pub patch: TicketPatch,
}

/// A ticket as of its latest event.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TicketState {
    pub open: bool,
    pub opened_at: Option<Instant>,
    /// The latest resolution, kept while reopened.
    pub resolved_at: Option<Instant>,
    /// How often it was reopened.
    pub reopened: i64,
    /// How often it was escalated.
    pub escalated: i64,
    pub fields: TicketPatch,
    /// `(occurred_at, message_id)` of the latest event.
    pub version: Option<(Instant, String)>,
}

impl TicketPatch {
    /// Reads the fields of a ticket event's properties; the amount, being money, is read apart. Each field that
    /// can't be read is a problem.
    pub fn read(properties: &Map<String, Value>, zone: Tz) -> Result<Self, Vec<Problem>> {
        let mut problems = Problems::default();
        let patch = Self::note(properties, zone, &mut problems);
        problems.or(patch)
    }

    pub(super) fn note(properties: &Map<String, Value>, zone: Tz, problems: &mut Problems) -> Self {
        let fields = Fields { map: properties, at: "properties" };
        Self {
            order_id: problems.note(fields.word("order_id")),
            complaint: problems.note(fields.flag("complaint")),
            important: problems.note(fields.flag("important")),
            complex: problems.note(fields.flag("complex")),
            amount_minor: None,
            category: problems.note(fields.word("category")),
            severity: problems.note(fields.word("severity")),
            channel: problems.note(fields.word("channel")),
            theme: problems.note(fields.word("theme")),
            sku: problems.note(fields.word("sku")),
            first_reply_at: problems.note(fields.instant("first_reply_at", zone)),
            chased: problems.note(chased(fields)),
        }
    }

    /// Overlays a newer patch.
    pub fn overlay(&mut self, newer: &Self) {
        fn take<T: Clone>(field: &mut Option<T>, newer: &Option<T>) {
            if newer.is_some() {
                field.clone_from(newer);
            }
        }
        take(&mut self.order_id, &newer.order_id);
        take(&mut self.complaint, &newer.complaint);
        take(&mut self.important, &newer.important);
        take(&mut self.complex, &newer.complex);
        take(&mut self.amount_minor, &newer.amount_minor);
        take(&mut self.category, &newer.category);
        take(&mut self.severity, &newer.severity);
        take(&mut self.channel, &newer.channel);
        take(&mut self.theme, &newer.theme);
        take(&mut self.sku, &newer.sku);
        take(&mut self.first_reply_at, &newer.first_reply_at);
        take(&mut self.chased, &newer.chased);
    }

    /// The ticket these fields make; what was never said is false or absent.
    pub fn ticket(&self, ticket_id: &str) -> Ticket {
        Ticket {
            ticket_id: ticket_id.to_owned(),
            order_id: self.order_id.clone(),
            complaint: self.complaint.unwrap_or_default(),
            important: self.important.unwrap_or_default(),
            complex: self.complex.unwrap_or_default(),
            amount_minor: self.amount_minor,
            category: self.category.clone(),
            severity: self.severity.clone(),
            channel: self.channel.clone(),
            theme: self.theme.clone(),
            sku: self.sku.clone(),
        }
    }
}

/// A count, or just that they did.
fn chased(fields: Fields<'_>) -> Result<Option<i64>, Problem> {
    match fields.get("chased") {
        Some(Value::Bool(did)) => Ok(Some(i64::from(*did))),
        _ => fields.whole("chased", 0..=1_000),
    }
}

impl TicketState {
    /// Folds a ticket's events, in any order. A ticket is open from its first mention until the latest
    /// resolution without a later reopening.
    pub fn fold(mut said: Vec<TicketSaid>) -> Self {
        said.sort_by(|a, b| (a.at, &a.message_id, a.step).cmp(&(b.at, &b.message_id, b.step)));
        let mut state = Self { open: true, ..Self::default() };
        for event in said {
            state.fields.overlay(&event.patch);
            match event.step {
                TicketStep::Opened => {
                    state.opened_at.get_or_insert(event.at);
                }
                TicketStep::Updated => {}
                TicketStep::Escalated => state.escalated += 1,
                TicketStep::Resolved => {
                    state.open = false;
                    state.resolved_at = Some(event.at);
                }
                TicketStep::Reopened => {
                    state.open = true;
                    state.reopened += 1;
                }
            }
            state.version = Some((event.at, event.message_id));
        }
        state
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use TicketStep::{Opened, Reopened, Resolved, Updated};

    fn said(at: i64, step: TicketStep, patch: TicketPatch) -> TicketSaid {
        TicketSaid { at: Instant::from_micros(at), message_id: format!("m{at}"), step, patch }
    }

    #[test]
    fn a_partial_update_leaves_the_rest_and_order_doesnt_matter() {
        let complaint =
            TicketPatch { complaint: Some(true), severity: Some("S3".into()), ..Default::default() };
        let severity = TicketPatch { severity: Some("S1".into()), ..Default::default() };
        let events = vec![
            said(1, Opened, complaint),
            said(2, Updated, severity),
            said(3, Resolved, TicketPatch::default()),
            said(4, Reopened, TicketPatch::default()),
        ];
        let state = TicketState::fold(events.clone());
        assert_eq!((state.open, state.reopened), (true, 1));
        assert_eq!(state.fields.complaint, Some(true));
        assert_eq!(state.fields.severity.as_deref(), Some("S1"));
        assert_eq!(state.resolved_at, Some(Instant::from_micros(3)));
        let backwards = events.into_iter().rev().collect();
        assert_eq!(TicketState::fold(backwards), state);
    }
}
