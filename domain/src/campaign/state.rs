//! The life of a campaign and of an enrollment: which state may follow which. Who may cause a change, and
//! what it does to rows, is decided elsewhere.

use crate::names::stable_names;

stable_names! {
    /// A campaign's state. Shipped ones begin in review.
    CampaignState {
        Draft = "draft",
        InReview = "in_review",
        Approved = "approved",
        Running = "running",
        Paused = "paused",
        Done = "done",
    }
}

/// What happens to a campaign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CampaignEvent {
    Submit,
    /// Back to the author.
    Withdraw,
    Approve,
    Start,
    Pause,
    Resume,
    /// Ends it for good; refused while rows are open, since nobody may be skipped silently (G5).
    Finish {
        open_rows: u64,
    },
}

/// A change that isn't in the table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{event} isn't possible from {from}")]
pub struct TransitionError {
    pub from: &'static str,
    pub event: String,
}

impl TransitionError {
    pub(super) fn new(from: &'static str, event: impl std::fmt::Debug) -> Self {
        Self { from, event: format!("{event:?}") }
    }
}

impl CampaignState {
    /// The state after `event`.
    pub fn apply(self, event: CampaignEvent) -> Result<Self, TransitionError> {
        use CampaignEvent as E;
        match (self, event) {
            (Self::Draft, E::Submit) => Ok(Self::InReview),
            (Self::InReview | Self::Approved, E::Withdraw) => Ok(Self::Draft),
            (Self::InReview, E::Approve) => Ok(Self::Approved),
            (Self::Approved, E::Start) | (Self::Paused, E::Resume) => Ok(Self::Running),
            (Self::Running, E::Pause) => Ok(Self::Paused),
            (Self::Running | Self::Paused, E::Finish { open_rows: 0 }) => Ok(Self::Done),
            (from, event) => Err(TransitionError::new(from.as_str(), event)),
        }
    }
}

stable_names! {
    /// One customer's way through a campaign.
    EnrollmentState {
        Active = "active",
        /// Every step came to its end.
        Done = "done",
        /// An exit condition or goal happened.
        Exited = "exited",
        /// Made too late: no step could still go out.
        Expired = "expired",
        /// Ended because the customer was merged and the other side's enrollment is more advanced.
        Merged = "merged",
        /// It couldn't be worked on: a row or a version it needs can't be read, or a step couldn't be carried out.
        Failed = "failed",
    }
}

/// What happens to an enrollment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EnrollmentEvent {
    Finish,
    Exit,
    Expire,
    Merge,
    Fail,
}

impl EnrollmentState {
    /// The state after `event`; an ended enrollment stays as it ended, except that a merge may still mark it.
    pub fn apply(self, event: EnrollmentEvent) -> Result<Self, TransitionError> {
        use EnrollmentEvent as E;
        match (self, event) {
            (Self::Active, E::Finish) => Ok(Self::Done),
            (Self::Active, E::Exit) => Ok(Self::Exited),
            (Self::Active, E::Expire) => Ok(Self::Expired),
            (Self::Active, E::Fail) => Ok(Self::Failed),
            (Self::Active | Self::Done | Self::Exited | Self::Expired | Self::Failed, E::Merge) => {
                Ok(Self::Merged)
            }
            (from, event) => Err(TransitionError::new(from.as_str(), event)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_campaign_goes_its_way_and_no_other() {
        use CampaignEvent as E;
        let way = [E::Submit, E::Approve, E::Start, E::Pause, E::Resume, E::Finish { open_rows: 0 }];
        let end = way.iter().try_fold(CampaignState::Draft, |s, e| s.apply(*e));
        assert_eq!(end, Ok(CampaignState::Done));
        assert!(CampaignState::InReview.apply(E::Start).is_err(), "nothing starts unapproved");
        assert!(CampaignState::Done.apply(E::Resume).is_err());
        let refused = CampaignState::Running.apply(E::Finish { open_rows: 1 }).expect_err("open rows");
        assert_eq!(refused.to_string(), "Finish { open_rows: 1 } isn't possible from running");
    }

    #[test]
    fn names_read_back() {
        for state in CampaignState::ALL {
            assert_eq!(CampaignState::parse(state.as_str()), Some(*state));
        }
        for state in EnrollmentState::ALL {
            assert_eq!(EnrollmentState::parse(state.as_str()), Some(*state));
        }
    }

    #[test]
    fn an_ended_enrollment_stays_ended() {
        use EnrollmentEvent as E;
        assert_eq!(EnrollmentState::Active.apply(E::Exit), Ok(EnrollmentState::Exited));
        assert!(EnrollmentState::Exited.apply(E::Finish).is_err());
        assert!(EnrollmentState::Merged.apply(E::Merge).is_err());
        assert_eq!(EnrollmentState::Active.apply(E::Fail), Ok(EnrollmentState::Failed));
        assert!(EnrollmentState::Failed.apply(E::Finish).is_err());
    }
}
