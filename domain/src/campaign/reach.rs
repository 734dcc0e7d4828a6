//! How many can be reached: the gate's lasting questions (contact point, consent, suppression) asked of everybody, each
//! stage within the one before. What passes with time (caps, windows, complaints) isn't asked.

use super::definition::Purpose;
use super::gate::{Consent, ContactPoint, Suppression, allows};
use serde::Serialize;

/// How far a customer comes on a channel for a purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// In the book, with no contact point of the channel.
    InTheBook,
    /// There is one, but none that may be used.
    Known,
    /// One can be used, but they don't agree.
    Usable,
    /// They agree, but the point is on the list of refusals.
    Consenting,
    Reachable,
}

/// How far somebody comes.
pub fn stage(point: ContactPoint, consent: Consent, suppression: Suppression, purpose: Purpose) -> Stage {
    match point {
        ContactPoint::Missing => Stage::InTheBook,
        ContactPoint::Unusable => Stage::Known,
        ContactPoint::Usable if !allows(consent, purpose) => Stage::Usable,
        ContactPoint::Usable => match suppression {
            Suppression::Suppressed => Stage::Consenting,
            Suppression::Clear => Stage::Reachable,
        },
    }
}

/// Customers counted by how far they come; each number is part of the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Stages {
    pub customers: u64,
    /// Have a contact point of the channel.
    pub known: u64,
    /// Have one that may be used: real, not bounced, not blocked.
    pub usable: u64,
    /// Agree to the purpose; for service: haven't refused.
    pub consenting: u64,
    /// And the point isn't on the list of refusals.
    pub reachable: u64,
}

impl Stages {
    pub fn count(&mut self, stage: Stage) {
        self.customers += 1;
        self.known += u64::from(stage >= Stage::Known);
        self.usable += u64::from(stage >= Stage::Usable);
        self.consenting += u64::from(stage >= Stage::Consenting);
        self.reachable += u64::from(stage == Stage::Reachable);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::campaign::gate::tests::{fine, noon};
    use crate::campaign::gate::{Inputs, Verdict, decide};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn who_is_reachable_is_whom_the_gate_would_let_through_and_the_stages_nest(
            people in prop::collection::vec((0..3_usize, 0..3_usize, any::<bool>()), 0..30),
            purpose in 0..4_usize,
        ) {
            let purpose = Purpose::ALL[purpose];
            let (mut stages, mut sent) = (Stages::default(), 0);
            for (point, consent, suppressed) in people {
                let contact_point = [ContactPoint::Missing, ContactPoint::Unusable, ContactPoint::Usable][point];
                let consent = [Consent::Unknown, Consent::Granted, Consent::Refused][consent];
                let suppression = if suppressed { Suppression::Suppressed } else { Suppression::Clear };
                stages.count(stage(contact_point, consent, suppression, purpose));
                let asked = Inputs { contact_point, consent, suppression, purpose, ..fine() };
                sent += u64::from(decide(&asked, noon()) == Verdict::Send);
            }
            prop_assert_eq!(stages.reachable, sent);
            let nested = [stages.customers, stages.known, stages.usable, stages.consenting, stages.reachable];
            prop_assert!(nested.is_sorted_by(|a, b| a >= b), "{:?}", nested);
        }
    }
}
