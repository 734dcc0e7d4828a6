//! What went wrong in which phase, and what that means for the message, the relay and the connection.
//! This one table decides; nothing else interprets a relay's answers.

use crate::delivery::{PermanentReason, RelayAdvice, SendError};
use lettre::transport::smtp::response::Response;
use std::error::Error;
use std::fmt;
use std::time::Duration;

/// How much of a relay's text is kept, in characters.
const MAX_TEXT: usize = 300;

/// Where a connection or transaction stood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Connect,
    Hello,
    Tls,
    Auth,
    Reset,
    Mail,
    Rcpt,
    Data,
    /// The message is being written; its final dot is not begun, so the relay can't have taken it.
    Body,
    /// From the first byte of the final dot on the relay may have taken the message.
    AfterDot,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Failure {
    /// A 4xx or 5xx answer.
    Refused {
        code: u16,
        text: String,
    },
    /// A positive answer that isn't the one this phase ends with, or one nobody asked for.
    OutOfOrder {
        code: u16,
        text: String,
    },
    /// Closed, or said something that isn't SMTP.
    Lost(String),
    TimedOut(Duration),
    /// The relay doesn't offer what is needed.
    NotOffered(&'static str),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Trouble {
    pub(super) phase: Phase,
    pub(super) failure: Failure,
}

/// Whether the connection may be used for another message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// The next thing may be MAIL.
    Clean,
    /// RSET comes first.
    NeedsReset,
    /// Not to be used again.
    Broken,
}

impl Failure {
    pub(super) fn from_lettre(error: &lettre::transport::smtp::Error) -> Self {
        let text = error.source().map_or_else(|| error.to_string(), ToString::to_string);
        match error.status() {
            Some(code) => Self::Refused { code: code.into(), text: clean(&text) },
            None => Self::Lost(clean(&text)),
        }
    }

    pub(super) fn out_of_order(response: &Response) -> Self {
        Self::OutOfOrder { code: response.code().into(), text: reply_text(response) }
    }

    pub(super) fn at(self, phase: Phase) -> Trouble {
        Trouble { phase, failure: self }
    }
}

impl Trouble {
    /// The connection stays in step only after a proper refusal within a transaction. After 421 the
    /// relay closes by itself.
    pub(super) fn state_after(&self) -> State {
        match (&self.failure, self.phase) {
            (Failure::Refused { code, .. }, Phase::Mail | Phase::Rcpt | Phase::Data | Phase::AfterDot)
                if *code != 421 =>
            {
                State::NeedsReset
            }
            (Failure::NotOffered(_), Phase::Rcpt) => State::Clean,
            _ => State::Broken,
        }
    }

    pub(super) fn into_error(self) -> SendError {
        let detail = self.to_string();
        let transient = |relay| SendError::Transient { detail: detail.clone(), relay };
        let permanent = |reason| SendError::Permanent { reason, detail: detail.clone() };
        match (self.phase, self.failure) {
            (Phase::Connect | Phase::Hello | Phase::Tls | Phase::Auth | Phase::Reset, _) => {
                transient(RelayAdvice::Pause)
            }
            (_, Failure::NotOffered(_)) => permanent(PermanentReason::BadAddress),
            // Shutting down, or wants a login it didn't get: the relay's affair in any phase.
            (_, Failure::Refused { code: 421 | 530 | 534 | 535 | 538, .. }) => transient(RelayAdvice::Pause),
            // MAIL names only the sender: whoever the recipient is, the answer would be the same.
            (Phase::Mail, Failure::Refused { code: 500.., .. }) => transient(RelayAdvice::Pause),
            (Phase::Rcpt, Failure::Refused { code: 500.., .. }) => {
                permanent(PermanentReason::RecipientRefused)
            }
            (_, Failure::Refused { code: 500.., .. }) => permanent(PermanentReason::MessageRefused),
            (_, Failure::Refused { .. }) => transient(RelayAdvice::KeepUsing),
            (Phase::AfterDot, _) => SendError::Unknown { detail },
            (Phase::Mail | Phase::Rcpt | Phase::Data | Phase::Body, _) => transient(RelayAdvice::KeepUsing),
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = match self.phase {
            Phase::Connect => "connecting to the relay",
            Phase::Hello => "greeting the relay",
            Phase::Tls => "changing to TLS",
            Phase::Auth => "logging in",
            Phase::Reset => "RSET",
            Phase::Mail => "MAIL",
            Phase::Rcpt => "RCPT",
            Phase::Data => "DATA",
            Phase::Body => "writing the message",
            Phase::AfterDot => "the end of the message",
        };
        match &self.failure {
            Failure::Refused { code, text } => write!(f, "{place}: {code} {text}"),
            Failure::OutOfOrder { code, text } => write!(f, "{place}: answered out of order, {code} {text}"),
            Failure::Lost(why) => write!(f, "{place}: connection lost, {why}"),
            Failure::TimedOut(after) => write!(f, "{place}: no answer within {} ms", after.as_millis()),
            Failure::NotOffered(what) => write!(f, "{place}: the relay doesn't offer {what}"),
        }
    }
}

/// All lines of an answer on one, cleaned and cut.
pub(super) fn reply_text(response: &Response) -> String {
    clean(&response.message().collect::<Vec<_>>().join(" "))
}

/// The relay's own name for a message, in the ways the common ones write it: `queued as X` (Postfix),
/// `id=X` (Exim).
pub(super) fn provider_ref(reply: &str) -> Option<String> {
    let words: Vec<&str> = reply.split_whitespace().collect();
    let queued = words.windows(3).find(|w| w[0] == "queued" && w[1] == "as").map(|w| w[2]);
    let found = queued.or_else(|| words.iter().find_map(|w| w.strip_prefix("id=")))?;
    Some(found.trim_end_matches(['.', ',', ';', ')']).to_owned()).filter(|id| !id.is_empty())
}

fn clean(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(MAX_TEXT)
        .collect::<String>()
        .trim()
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_found_where_relays_put_them() {
        assert_eq!(provider_ref("2.0.0 Ok: queued as 4F1B2C3D4E").as_deref(), Some("4F1B2C3D4E"));
        assert_eq!(provider_ref("OK id=1rXyZ2-0000aB-C3").as_deref(), Some("1rXyZ2-0000aB-C3"));
        assert_eq!(provider_ref("2.0.0 thanks, queued as"), None);
        assert_eq!(provider_ref(""), None);
    }

    #[test]
    fn only_the_time_after_the_dot_makes_a_message_unknown() {
        let lost = || Failure::Lost("closed".into());
        for phase in [Phase::Mail, Phase::Rcpt, Phase::Data, Phase::Body] {
            assert!(matches!(lost().at(phase).into_error(), SendError::Transient { .. }), "{phase:?}");
        }
        assert!(matches!(lost().at(Phase::AfterDot).into_error(), SendError::Unknown { .. }));
    }
}
