//! Handing messages over to the outside: what a channel is, and how a hand-over can end.
//!
//! Nothing here reads a database or decides whether somebody may be written to; the dispatcher does
//! both before it calls. Each channel only says, honestly, what became of one message.

pub mod file;
pub mod message;
pub mod smtp;

use async_trait::async_trait;
use message::BuiltMail;
use std::fmt;

/// A way out of the house for mail.
#[async_trait]
pub trait Channel: Send + Sync {
    /// Stable name, as in touchpoints and settings.
    fn name(&self) -> &'static str;

    /// How many connections may be leased at once. More callers wait in [`Channel::lease`].
    fn connections(&self) -> usize;

    /// Waits for a free connection and makes sure that it is open. Dropping it gives it back.
    ///
    /// # Errors
    /// `Transient`: nothing was handed over, since nothing was begun.
    async fn lease(&self) -> Result<Box<dyn Connection>, SendError>;

    /// One message on a connection of its own, for notices and tests. The dispatcher leases instead, so
    /// that it can mark its rows between [`Connection::ready`] and [`Connection::deliver`].
    async fn send(&self, mail: &BuiltMail) -> Outcome {
        self.lease().await?.deliver(mail).await
    }
}

/// One leased connection; messages go over it one after another.
#[async_trait]
pub trait Connection: Send {
    /// Waits until at least one message could begin at once (connection open and in order, rate permits
    /// in hand) and returns how many, at most `at_most`. Called *before* rows are marked `sending`, so
    /// that nothing slow lies between the mark and the hand-over.
    ///
    /// # Errors
    /// `Transient`: no connection could be opened.
    async fn ready(&mut self, at_most: usize) -> Result<usize, SendError>;

    /// Hands one message over.
    ///
    /// Not cancel-safe for the caller's books: when this future is dropped, the message counts as
    /// [`SendError::Unknown`]. The connection it ran on is closed then, never reused.
    async fn deliver(&mut self, mail: &BuiltMail) -> Outcome;
}

/// How the hand-over of one message ended.
pub type Outcome = Result<Delivered, SendError>;

/// The other side took responsibility for the message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivered {
    /// The other side's own name for the message, where its answer holds one.
    pub provider_ref: Option<String>,
    /// Its answer, cleaned and cut. May repeat the recipient's address: store it, don't log it.
    pub reply: String,
}

/// The message was not taken, or nobody knows. `detail` is for people, may repeat the recipient's
/// address (store it, don't log it), and never holds a secret of ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// Nothing was handed over; the same message may be tried again later.
    #[error("not handed over, may be tried again: {detail}")]
    Transient { detail: String, relay: RelayAdvice },
    /// Refused for good; trying again would give the same answer.
    #[error("refused for good ({reason}): {detail}")]
    Permanent { reason: PermanentReason, detail: String },
    /// Handed over, at least in part, and the answer was lost or made no sense.
    #[error("handed over, answer lost: {detail}")]
    Unknown { detail: String },
}

/// What a failure says about the relay rather than the recipient.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RelayAdvice {
    /// The trouble was this message's; the next may go at once.
    KeepUsing,
    /// The relay itself refuses or is away; other messages would fare alike, and their recipients
    /// aren't to blame. Hold it for a while.
    Pause,
}

/// Why a message can never be handed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PermanentReason {
    /// The recipient's address isn't one, or no relay of ours can carry it.
    BadAddress,
    /// The message can't be built from what was given.
    BadMessage,
    /// The relay refused the recipient.
    RecipientRefused,
    /// The relay refused the message.
    MessageRefused,
}

impl PermanentReason {
    /// Stable word for storage and reports.
    pub const fn code(self) -> &'static str {
        match self {
            Self::BadAddress => "bad_address",
            Self::BadMessage => "bad_message",
            Self::RecipientRefused => "recipient_refused",
            Self::MessageRefused => "message_refused",
        }
    }
}

impl fmt::Display for PermanentReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}
