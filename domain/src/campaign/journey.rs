//! How one customer goes through a campaign: the next thing to do, as a plan. Making rows, asking the gate
//! and sending belong to others.
//!
//! Nominal instants come from the entry and the waits alone, never from when anything ran: a step due seven
//! days after entry is due then also if the daemon slept through it. Exits act whenever `advance` is asked,
//! not at the end of a wait, so whoever learns a fact that may be an exit makes the enrollment due.

use super::definition::{CallbackTerms, Channel, Definition, ExitCondition, Step};
use super::touch::{Reason, TouchState};
use crate::callback::Kind;
use crate::time::Instant;
use chrono_tz::Tz;
use std::collections::BTreeSet;

/// What is stored of somebody's way through a campaign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Enrollment {
    /// Index of the step it stands at; one past the last when nothing is left.
    pub step: usize,
    /// The true instant of the cause: the occasion's slot, the tag's `since`, the event's `occurred_at`.
    pub entered_at: Instant,
}

/// A touchpoint this enrollment already has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Touch {
    pub step: usize,
    pub channel: Channel,
    pub state: TouchState,
    /// Why it was skipped or failed.
    pub reason: Option<Reason>,
    pub expires_at: Instant,
}

/// Whether something that ends enrollments happened since the entry, or holds now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Happened {
    #[default]
    No,
    Yes,
}

/// Who the customer is to a callback.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Standing {
    #[default]
    Ordinary,
    Vip,
}

/// What is known of the customer and the enrollment at this instant.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// A counted order since the entry.
    pub ordered: Happened,
    /// Marketing consent withdrawn since the entry.
    pub opted_out: Happened,
    /// A complaint is open, or was opened since the entry.
    pub complained: Happened,
    pub standing: Standing,
    /// All touchpoints of this enrollment, in the order they were made.
    pub touches: Vec<Touch>,
    /// Callback steps whose callback was made.
    pub called: BTreeSet<usize>,
}

/// What to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Make this touchpoint; the enrollment then stands at its step and is due again when it ends.
    CreateTouchpoint { step: usize, channel: Channel, not_before: Instant, expires_at: Instant },
    /// Make this callback; the enrollment then stands at the step after it and is due at once.
    CreateCallback { step: usize, kind: Kind, terms: CallbackTerms, caused_at: Instant },
    /// End a touchpoint that waited past its time, whatever its daemon is doing.
    ExpireTouchpoint { step: usize, channel: Channel },
    /// A touchpoint is under way: due when it ends, at the latest at `until`. None while it is being handed
    /// over, which ends by itself.
    AwaitTouchpoint { step: usize, until: Option<Instant> },
    /// Nothing before `at`; then at `step`.
    WaitUntil { at: Instant, step: usize },
    /// Leave now; waiting touchpoints end as skipped(exited).
    Exit(ExitCondition),
    /// Every step came to its end.
    Done,
}

/// The next thing to do for somebody in zone `zone`.
pub fn advance(
    definition: &Definition,
    enrollment: &Enrollment,
    facts: &Facts,
    now: Instant,
    zone: Tz,
) -> Decision {
    if let Some(exit) = exit(definition, facts) {
        // What is being handed over ends by itself; no enrollment ends before its touchpoints.
        return match facts.touches.iter().find(|t| t.state == TouchState::Sending) {
            Some(touch) => Decision::AwaitTouchpoint { step: touch.step, until: None },
            None => Decision::Exit(exit),
        };
    }
    for (index, step) in definition.steps.iter().enumerate().skip(enrollment.step) {
        let nominal = definition.nominal_at(enrollment.entered_at, index);
        if now < nominal {
            return Decision::WaitUntil { at: nominal, step: index };
        }
        match step {
            // The next round compares with the nominal instant behind the wait.
            Step::Wait(_) => {}
            Step::Callback(callback) => {
                if !facts.called.contains(&index) {
                    let terms = match facts.standing {
                        Standing::Ordinary => callback.ordinary,
                        Standing::Vip => callback.vip,
                    };
                    let kind = callback.kind;
                    return Decision::CreateCallback { step: index, kind, terms, caused_at: nominal };
                }
            }
            Step::Send(send) => {
                let expires_at = definition.expires.at(nominal, zone);
                if let Some(decision) = next_touch(index, &send.channels, facts, now, (nominal, expires_at)) {
                    return decision;
                }
            }
        }
    }
    Decision::Done
}

/// The next message of somebody on their way, if nothing ends it: its step, and when the campaign wants it out.
/// Those that exist already are none.
pub fn next_send(
    definition: &Definition,
    enrollment: &Enrollment,
    touches: &[Touch],
) -> Option<(usize, Instant)> {
    let made = |step: usize| touches.iter().any(|touch| touch.step == step);
    let (step, _) = definition.sends().find(|(step, _)| *step >= enrollment.step && !made(*step))?;
    Some((step, definition.nominal_at(enrollment.entered_at, step)))
}

fn exit(definition: &Definition, facts: &Facts) -> Option<ExitCondition> {
    definition.exits.iter().copied().find(|condition| {
        let happened = match condition {
            ExitCondition::Order => facts.ordered,
            ExitCondition::OptOut => facts.opted_out,
            ExitCondition::Complaint => facts.complained,
        };
        happened == Happened::Yes
    })
}

/// What a sending step still needs; none when it came to its end.
fn next_touch(
    step: usize,
    channels: &[Channel],
    facts: &Facts,
    now: Instant,
    (not_before, expires_at): (Instant, Instant),
) -> Option<Decision> {
    let create = |channel| Decision::CreateTouchpoint { step, channel, not_before, expires_at };
    let Some(last) = facts.touches.iter().rfind(|t| t.step == step) else {
        return channels.first().copied().map(create);
    };
    if last.state == TouchState::Sending {
        return Some(Decision::AwaitTouchpoint { step, until: None });
    }
    if last.state.is_waiting() {
        return Some(if now >= last.expires_at {
            Decision::ExpireTouchpoint { step, channel: last.channel }
        } else {
            Decision::AwaitTouchpoint { step, until: Some(last.expires_at) }
        });
    }
    // A fallback only after an end that surely reached nobody, and only where another channel can differ.
    let falls_back =
        last.state.ended_without_hand_over() && last.reason.is_some_and(Reason::is_about_the_channel);
    if !falls_back || now >= expires_at {
        return None;
    }
    let tried = |c: &Channel| facts.touches.iter().any(|t| t.step == step && t.channel == *c);
    channels.iter().copied().find(|c| !tried(c)).map(create)
}

#[cfg(test)]
#[path = "journey_tests.rs"]
mod tests;
