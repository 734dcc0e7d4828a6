//! What the gate says of many, counted by reason: the figures of a dry run. Whom to ask about is others'.

use super::explain::explain;
use super::gate::{Inputs, Verdict, decide};
use super::touch::Reason;
use crate::money::Currency;
use crate::time::Instant;
use serde::Serialize;
use std::collections::BTreeMap;

/// Verdicts counted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// May go out.
    pub send: u64,
    /// Would wait, by reason.
    pub held: BTreeMap<&'static str, u64>,
    /// Would never go out, by reason.
    pub skipped: BTreeMap<&'static str, u64>,
    /// What would change it, as the first of each reason was told.
    #[serde(skip)]
    remedies: BTreeMap<&'static str, String>,
}

impl Tally {
    /// Asks the gate once more and counts its answer. `base` prints amounts.
    pub fn count(&mut self, inputs: &Inputs, at: Instant, base: Currency) {
        let (reason, counts) = match decide(inputs, at) {
            Verdict::Send => {
                self.send += 1;
                return;
            }
            Verdict::Defer { reason, .. } => (reason, &mut self.held),
            Verdict::Skip { reason } => (reason, &mut self.skipped),
        };
        *counts.entry(reason.as_str()).or_default() += 1;
        self.remedies.entry(reason.as_str()).or_insert_with(|| remedy(inputs, reason, at, base));
    }

    /// How many were asked about.
    pub fn all(&self) -> u64 {
        self.send + self.held.values().chain(self.skipped.values()).sum::<u64>()
    }

    /// What fails for over half of them, and its remedy (domain §7).
    pub fn headline(&self) -> Option<String> {
        let (reason, n) = most(self.held.iter().chain(&self.skipped), self.all())?;
        let remedy = self.remedies.get(reason)?;
        Some(format!("{n} of {} fail on {reason}; it would take: {remedy}", self.all()))
    }
}

/// The reason that more than half of `all` have, if one has.
pub fn most<'a>(
    counts: impl IntoIterator<Item = (&'a &'static str, &'a u64)>,
    all: u64,
) -> Option<(&'static str, u64)> {
    let (reason, n) = counts.into_iter().max_by_key(|(_, n)| **n)?;
    (*n * 2 > all).then_some((*reason, *n))
}

fn remedy(inputs: &Inputs, reason: Reason, at: Instant, base: Currency) -> String {
    let checks = explain(inputs, at, base).into_iter();
    checks
        .filter(|check| check.reason == Some(reason))
        .find_map(|check| check.what_would_change_it)
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::campaign::gate::tests::{fine, noon};
    use crate::campaign::gate::{Consent, ContactPoint};

    #[test]
    fn verdicts_are_counted_by_their_first_reason() {
        let at = noon();
        let base = Currency::parse("GBP").expect("a currency");
        let mut tally = Tally::default();
        let sound = fine();
        let refused = Inputs { consent: Consent::Refused, ..sound.clone() };
        let both = Inputs { contact_point: ContactPoint::Missing, ..refused.clone() };
        let held = Inputs { open_complaint: Some("77".into()), ..sound.clone() };
        for one in [&sound, &refused, &both, &held] {
            tally.count(one, at, base);
        }
        assert_eq!((tally.send, tally.all()), (1, 4));
        assert_eq!(Vec::from_iter(tally.skipped.clone()), [("no_consent", 2)]);
        assert_eq!(Vec::from_iter(tally.held.clone()), [("complaint_open", 1)]);
        assert_eq!(tally.headline(), None, "half isn't more than half");
        tally.count(&refused, at, base);
        let headline = tally.headline().expect("3 of 5");
        assert!(headline.starts_with("3 of 5 fail on no_consent; it would take: the customer's consent"));
    }
}
