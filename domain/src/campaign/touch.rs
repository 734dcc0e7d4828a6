//! A touchpoint's life (触达) and the reasons that end or hold one. The table of transitions is the only
//! place that says which state may follow which; who may cause a change is decided elsewhere.

use super::state::TransitionError;
use crate::names::stable_names;

stable_names! {
    /// Where one planned contact stands.
    TouchState {
        Planned = "planned",
        /// Held by the gate until an instant or a change.
        Deferred = "deferred",
        /// May go out as soon as the gate agrees again at hand-over.
        Queued = "queued",
        /// Marked and committed directly before the hand-over.
        Sending = "sending",
        /// The relay took it.
        Sent = "sent",
        Delivered = "delivered",
        Bounced = "bounced",
        Skipped = "skipped",
        Expired = "expired",
        /// The relay or the template refused it for good.
        Failed = "failed",
        /// Handed over, answer lost (结果不明); never sent again by itself.
        Unknown = "unknown",
        /// Kept back as control group.
        Control = "control",
    }
}

/// What happens to a touchpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TouchEvent {
    /// The gate says later.
    Defer,
    /// The gate says yes.
    Queue,
    /// Marked for hand-over.
    Begin,
    /// Not begun in time, or the relay asks to come back: nothing reached it.
    Requeue,
    /// The relay took it.
    Accept,
    /// Refused for good.
    Fail,
    /// No answer came.
    Lose,
    /// A receipt.
    Deliver,
    /// A bounce.
    Bounce,
    /// The gate or an exit says no.
    Skip,
    Expire,
    HoldOut,
}

impl TouchState {
    /// The state after `event`; anything not in this table is refused.
    pub fn apply(self, event: TouchEvent) -> Result<Self, TransitionError> {
        use TouchEvent as E;
        match (self, event) {
            (Self::Planned, E::HoldOut) => Ok(Self::Control),
            (Self::Planned | Self::Deferred | Self::Queued, E::Defer) => Ok(Self::Deferred),
            (Self::Planned | Self::Deferred, E::Queue) => Ok(Self::Queued),
            (Self::Planned | Self::Deferred | Self::Queued, E::Skip) => Ok(Self::Skipped),
            (Self::Planned | Self::Deferred | Self::Queued, E::Expire) => Ok(Self::Expired),
            (Self::Planned | Self::Deferred | Self::Queued, E::Fail) => Ok(Self::Failed),
            (Self::Queued, E::Begin) => Ok(Self::Sending),
            (Self::Sending, E::Requeue) => Ok(Self::Queued),
            (Self::Sending | Self::Unknown, E::Accept) => Ok(Self::Sent),
            (Self::Sending | Self::Unknown, E::Fail) => Ok(Self::Failed),
            (Self::Sending, E::Lose) => Ok(Self::Unknown),
            (Self::Sent | Self::Unknown, E::Deliver) => Ok(Self::Delivered),
            (Self::Sent | Self::Unknown, E::Bounce) => Ok(Self::Bounced),
            (from, event) => Err(TransitionError::new(from.as_str(), event)),
        }
    }

    /// Not yet handed over and not ended: may still be skipped, expired or deferred.
    pub const fn is_waiting(self) -> bool {
        matches!(self, Self::Planned | Self::Deferred | Self::Queued)
    }

    /// Neither waiting nor in the middle of a hand-over: one of G5's outcomes.
    pub const fn has_ended(self) -> bool {
        !self.is_waiting() && !matches!(self, Self::Sending)
    }

    /// Ended and surely never reached a relay, so a fallback channel may be tried.
    pub const fn ended_without_hand_over(self) -> bool {
        matches!(self, Self::Skipped | Self::Expired | Self::Failed)
    }
}

stable_names! {
    /// Why a touchpoint is held or ended. Stored with it, counted in reports.
    Reason {
        NotLive = "not_live",
        Stopped = "stopped",
        CampaignNotRunning = "campaign_not_running",
        /// No budget for its coupon; never sent without it.
        Budget = "budget",
        Expired = "expired",
        NoConsent = "no_consent",
        Suppressed = "suppressed",
        /// A reseller's, staff's, test or brushing account; about their own order or ticket they are still written to.
        NotConsumer = "not_consumer",
        ComplaintOpen = "complaint_open",
        LowerPriority = "lower_priority",
        FrequencyCap = "frequency_cap",
        QuietHours = "quiet_hours",
        NoContactPoint = "no_contact_point",
        /// Somebody else at the same contact point is reached on this occasion.
        ContactShared = "contact_shared",
        /// The enrollment ended by an exit condition.
        Exited = "exited",
        /// The customer was merged into another.
        Merged = "merged",
        /// A backfilled or late cause past the campaign's `expires`.
        TooLate = "too_late",
        /// The template doesn't render for this customer.
        Template = "template",
        /// The relay refused it for good.
        Refused = "refused",
    }
}

impl Reason {
    /// Whether another channel could succeed where this one was refused.
    pub const fn is_about_the_channel(self) -> bool {
        matches!(
            self,
            Self::NoConsent | Self::Suppressed | Self::NoContactPoint | Self::Template | Self::Refused
        )
    }

    /// The end a touchpoint comes to when the gate refuses it for this reason.
    pub const fn end(self) -> TouchEvent {
        match self {
            Self::Expired => TouchEvent::Expire,
            Self::Template | Self::Refused => TouchEvent::Fail,
            _ => TouchEvent::Skip,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENTS: [TouchEvent; 12] = [
        TouchEvent::Defer,
        TouchEvent::Queue,
        TouchEvent::Begin,
        TouchEvent::Requeue,
        TouchEvent::Accept,
        TouchEvent::Fail,
        TouchEvent::Lose,
        TouchEvent::Deliver,
        TouchEvent::Bounce,
        TouchEvent::Skip,
        TouchEvent::Expire,
        TouchEvent::HoldOut,
    ];

    #[test]
    fn the_whole_table() {
        let mut table = String::new();
        for state in TouchState::ALL {
            let ways: Vec<String> =
                EVENTS.iter().filter_map(|e| state.apply(*e).ok().map(|to| format!("{e:?}→{to}"))).collect();
            table.push_str(&format!("{state}: {}\n", ways.join(" ")));
        }
        assert_eq!(
            table,
            "planned: Defer→deferred Queue→queued Fail→failed Skip→skipped Expire→expired HoldOut→control\n\
             deferred: Defer→deferred Queue→queued Fail→failed Skip→skipped Expire→expired\n\
             queued: Defer→deferred Begin→sending Fail→failed Skip→skipped Expire→expired\n\
             sending: Requeue→queued Accept→sent Fail→failed Lose→unknown\n\
             sent: Deliver→delivered Bounce→bounced\n\
             delivered: \nbounced: \nskipped: \nexpired: \nfailed: \n\
             unknown: Accept→sent Fail→failed Deliver→delivered Bounce→bounced\n\
             control: \n"
        );
    }

    #[test]
    fn nothing_unknown_goes_out_again() {
        for event in [TouchEvent::Queue, TouchEvent::Requeue, TouchEvent::Begin, TouchEvent::Defer] {
            assert!(TouchState::Unknown.apply(event).is_err());
        }
        assert!(!TouchState::Unknown.ended_without_hand_over());
        assert!(TouchState::Unknown.has_ended() && !TouchState::Sending.has_ended());
    }

    #[test]
    fn names_read_back() {
        for state in TouchState::ALL {
            assert_eq!(TouchState::parse(state.as_str()), Some(*state));
        }
        for reason in Reason::ALL {
            assert_eq!(Reason::parse(reason.as_str()), Some(*reason));
        }
        assert_eq!(Reason::parse("because"), None);
    }
}
