//! The one sentence that answers why somebody got a campaign's message or not: what they lived through, why
//! not more, and what comes next. The rows behind it are `entry`'s and `explain`'s.

use super::entry::{Entry, Refusal};
use super::gate::Verdict;
use super::state::EnrollmentState;
use super::touch::{Reason, TouchState};
use super::trigger::Words;
use crate::ids::CustomerId;
use crate::names::stable_names;
use crate::time::Instant;
use chrono_tz::Tz;
use std::fmt;

/// A message of the campaign: `winback_d7 (step 2, with a coupon of winback-50)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Index among the campaign's steps, as everywhere.
    pub step: usize,
    pub template: String,
    /// The batch its coupon is from.
    pub coupon: Option<String>,
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (step {}", self.template, self.step)?;
        if let Some(batch) = &self.coupon {
            write!(f, ", with a coupon of {batch}")?;
        }
        f.write_str(")")
    }
}

/// A message that was decided on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Touched {
    pub message: Message,
    pub state: TouchState,
    pub reason: Option<Reason>,
    /// Of the hand-over, else of the decision.
    pub at: Instant,
}

/// The way of an entry, as far as it went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Way {
    /// The cause it entered by.
    pub entered_at: Instant,
    pub state: EnrollmentState,
    /// Why it ended, where that needs one: `order`.
    pub reason: Option<String>,
    /// The last message that isn't waiting.
    pub last: Option<Touched>,
}

stable_names! {
    /// What a message that is asked about hangs on.
    Comes {
        /// It exists and waits.
        Waits = "waits",
        /// The next step of somebody on their way.
        Enrolled = "enrolled",
        /// The first of an entry that comes by itself, if nothing new happens.
        Foreseen = "foreseen",
        /// The first of an entry that a new cause would make.
        NewCause = "new_cause",
    }
}

/// The next message and what the gate says of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ahead {
    pub comes: Comes,
    pub message: Message,
    /// The instant it is judged for: when it would go out.
    pub at: Instant,
    pub verdict: Verdict,
}

/// Everything the sentence is made of.
#[derive(Debug, Clone, Copy)]
pub struct Story<'a> {
    pub customer: CustomerId,
    /// The customer's, else the shop's.
    pub zone: Tz,
    pub words: &'a Words,
    pub entry: &'a Entry,
    /// The entry that goes on, else the last.
    pub way: Option<&'a Way>,
    pub ahead: Option<&'a Ahead>,
}

/// `cus_7 was sent winback_d7 (step 2) on …; nothing more comes of this enrollment (done)`.
pub fn headline(story: &Story<'_>) -> String {
    let mut clauses = match story.way {
        Some(way) => lived(story, way),
        None => vec![never(story)],
    };
    clauses.extend(story.ahead.and_then(|ahead| coming(story, ahead)));
    format!("{} {}", story.customer, clauses.join("; "))
}

fn never(story: &Story<'_>) -> String {
    match story.entry.refusal() {
        Some(Refusal::Waiting) => format!("is about to enter: {}", why(story, Refusal::Waiting)),
        Some(refusal) => format!("never entered: {}", why(story, refusal)),
        None => "never entered".to_owned(),
    }
}

fn why(story: &Story<'_>, refusal: Refusal) -> String {
    story.entry.why(refusal, story.words, story.zone)
}

fn lived(story: &Story<'_>, way: &Way) -> Vec<String> {
    let mut clauses = Vec::new();
    match &way.last {
        Some(touched) => clauses.push(touched.tell(story.zone)),
        None => {
            let Words { noun, did, .. } = story.words;
            clauses.push(format!("entered when {noun} {did}, {}", way.entered_at.shown_in(story.zone)));
        }
    }
    if way.state != EnrollmentState::Active {
        let reason = way.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
        clauses.push(format!("nothing more comes of this enrollment ({}{reason})", way.state));
        // A cause after it that let nobody in is why there is no other.
        let newer = story.entry.cause.as_ref().and(story.entry.refusal());
        clauses.extend(newer.map(|refusal| why(story, refusal)));
    }
    clauses
}

impl Touched {
    fn tell(&self, zone: Tz) -> String {
        let Self { message, state, .. } = self;
        let at = self.at.shown_in(zone);
        let because = self.reason.map(|reason| format!(" ({reason})")).unwrap_or_default();
        match state {
            TouchState::Sent | TouchState::Delivered => format!("was sent {message} on {at}"),
            TouchState::Bounced => format!("was sent {message} on {at}, and it bounced"),
            TouchState::Unknown => {
                format!("may have got {message}: it was handed over on {at} and the answer is lost (unknown)")
            }
            TouchState::Sending => format!("is being sent {message}"),
            state => format!("wasn't sent {message}: {state}{because} on {at}"),
        }
    }
}

fn coming(story: &Story<'_>, ahead: &Ahead) -> Option<String> {
    let Ahead { message, .. } = ahead;
    let at = ahead.at.shown_in(story.zone);
    let verdict = match ahead.verdict {
        Verdict::Send => format!("gets {message} on {at}"),
        Verdict::Defer { reason, until: Some(until) } => {
            format!("waits for {message}, held by {reason} until {}", until.shown_in(story.zone))
        }
        Verdict::Defer { reason, until: None } => format!("waits for {message}, held by {reason}"),
        Verdict::Skip { reason } => {
            format!("won't get {message} as things stand: skipped ({reason}) on {at}")
        }
    };
    match ahead.comes {
        Comes::Waits | Comes::Enrolled => Some(verdict),
        Comes::Foreseen => {
            let entry = story.entry.coming().filter(|entry| *entry != ahead.at);
            let enters = entry.map(|at| format!("enters at {} and ", at.shown_in(story.zone)));
            Some(format!("if nothing new happens, {}{verdict}", enters.unwrap_or_default()))
        }
        Comes::NewCause => None,
    }
}

#[cfg(test)]
#[path = "story_tests.rs"]
mod tests;
