//! The decision, event by event in the log's order: somebody known, somebody new, two who are one, two who may be.

use super::blocked::Blocked;
use super::name::{Kind, Name, SHARED_FROM};
use crate::ids::CustomerId;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// What is known of the names that some events carry, and of whoever has them. Grows with each decision.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// Who was first known by a name: the customer as resolved then.
    holders: HashMap<Name, CustomerId>,
    /// Merged customers with whoever they are now; flat.
    merged: HashMap<CustomerId, CustomerId>,
    /// The exclusive names of each customer, by canonical id.
    exclusive: HashMap<CustomerId, BTreeSet<(Kind, String)>>,
    /// Who has said a phone number or mail address, by canonical id; as far as needed to tell whether it is shared.
    carriers: HashMap<Name, BTreeSet<CustomerId>>,
    blocked: Blocked,
    /// Pairs, the lower first, of which a person said that they aren't one.
    parted: HashSet<(CustomerId, CustomerId)>,
}

/// Two customers that one event showed to be one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Merge {
    /// Stays.
    pub into: CustomerId,
    /// Is one with it from now on.
    pub from: CustomerId,
    pub by: Kind,
}

/// Two customers that a person should look at; `a < b`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Candidate {
    pub a: CustomerId,
    pub b: CustomerId,
    /// What they share.
    pub by: Kind,
}

/// Who one event is about, and what follows from its naming them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// As resolved; whoever they are merged into is [`Known::canonical`]'s to say, once all is decided.
    pub customer: CustomerId,
    pub is_new: bool,
    /// Names that were nobody's and are theirs now.
    pub added: Vec<Name>,
    pub merges: Vec<Merge>,
    pub candidates: Vec<Candidate>,
}

impl Known {
    /// A name in the book: who was given it, and who that is now.
    pub fn hold(&mut self, name: Name, origin: CustomerId, canonical: CustomerId) {
        self.holders.insert(name, origin);
        if origin != canonical {
            self.merged.insert(origin, canonical);
        }
    }

    /// The customer has an exclusive name in this scope. `customer` is canonical.
    pub fn is_known_by(&mut self, customer: CustomerId, kind: Kind, scope: &str) {
        if kind.is_exclusive() {
            self.exclusive.entry(customer).or_default().insert((kind, scope.to_owned()));
        }
    }

    /// The customer has said this phone number or mail address. `customer` is canonical.
    pub fn carries(&mut self, customer: CustomerId, name: Name) {
        self.carriers.entry(name).or_default().insert(customer);
    }

    /// People said that these values never identify.
    pub fn block(&mut self, blocked: Blocked) {
        self.blocked = blocked;
    }

    /// A person said that these two aren't one: nothing makes them so again but a person.
    pub fn part(&mut self, a: CustomerId, b: CustomerId) {
        self.parted.insert((a.min(b), a.max(b)));
    }

    /// Who this customer is, after all merges.
    pub fn canonical(&self, customer: CustomerId) -> CustomerId {
        self.merged.get(&customer).copied().unwrap_or(customer)
    }

    /// Everybody merged, with who they are now.
    pub fn merged(&self) -> impl Iterator<Item = (CustomerId, CustomerId)> {
        self.merged.iter().map(|(from, into)| (*from, *into))
    }

    /// Whether any of these names is nobody's yet.
    pub fn is_unheld(&self, named: &[Vec<Name>]) -> bool {
        named
            .iter()
            .any(|names| names.is_empty() || names.iter().any(|name| !self.holders.contains_key(name)))
    }

    fn holder(&self, name: &Name) -> Option<CustomerId> {
        self.holders.get(name).map(|origin| self.canonical(*origin))
    }

    /// Whether this phone or mail address still says who somebody is.
    fn identifies(&self, name: &Name) -> bool {
        let carriers = self.carriers.get(name).map_or(0, BTreeSet::len);
        carriers < SHARED_FROM && !self.blocked.holds(name)
    }

    /// Whether `customer` has another exclusive name where one of `wanted` would stand.
    fn conflicts(&self, customer: CustomerId, wanted: &BTreeSet<(Kind, String)>) -> bool {
        self.exclusive.get(&customer).is_some_and(|have| !have.is_disjoint(wanted))
    }

    /// Decides who the event with these names (the strongest first) is about. `fresh` gives an unused id.
    pub fn decide(&mut self, names: &[Name], fresh: impl FnOnce() -> CustomerId) -> Decision {
        let names: Vec<&Name> = names.iter().filter(|name| self.identifies(name)).collect();
        let unheld: BTreeSet<(Kind, String)> = names
            .iter()
            .filter(|name| name.kind.is_exclusive() && self.holder(name).is_none())
            .map(|name| (name.kind, name.scope.clone()))
            .collect();
        let named = |name: &&&Name| match self.holder(name) {
            // A user id names somebody for good; others only whom the event's own new ids don't contradict.
            Some(holder) => name.kind == Kind::UserId || !self.conflicts(holder, &unheld),
            None => false,
        };
        let found = names.iter().find(named).and_then(|name| self.holders.get(*name).copied());
        let is_new = found.is_none();
        let customer = found.unwrap_or_else(fresh);
        Decision { is_new, ..self.settle(customer, &names) }
    }

    /// What follows from these names of somebody whom a person points at, whoever else the names may speak of.
    pub fn decide_about(&mut self, customer: CustomerId, names: &[Name]) -> Decision {
        let names: Vec<&Name> = names.iter().filter(|name| self.identifies(name)).collect();
        self.settle(customer, &names)
    }

    fn settle(&mut self, customer: CustomerId, names: &[&Name]) -> Decision {
        let added = self.name(customer, names);
        let (merges, candidates) = self.compare(customer, names);
        for name in names.iter().filter(|name| matches!(name.kind, Kind::Phone | Kind::Email)) {
            self.carries(self.canonical(customer), (*name).clone());
        }
        Decision { customer, is_new: false, added, merges, candidates }
    }

    /// Gives the customer whatever names are nobody's.
    fn name(&mut self, customer: CustomerId, names: &[&Name]) -> Vec<Name> {
        let mut added = Vec::new();
        for name in names {
            if !self.holders.contains_key(*name) {
                self.holders.insert((*name).clone(), customer);
                self.is_known_by(self.canonical(customer), name.kind, &name.scope);
                added.push((*name).clone());
            }
        }
        added
    }

    /// Holds the customer against everybody else whom the event names by something strong.
    fn compare(&mut self, customer: CustomerId, names: &[&Name]) -> (Vec<Merge>, Vec<Candidate>) {
        let (mut merges, mut candidates) = (Vec::new(), BTreeMap::new());
        for name in names.iter().filter(|name| name.kind.is_strong()) {
            let this = self.canonical(customer);
            let Some(other) = self.holder(name).filter(|other| *other != this) else { continue };
            if self.parted.contains(&(this.min(other), this.max(other))) {
                continue;
            }
            let theirs = self.exclusive.get(&other).cloned().unwrap_or_default();
            if !self.conflicts(this, &theirs) {
                merges.push(self.merge(this, other, name.kind));
            } else if !self.becomes_shared(this, name) {
                let (a, b) = (this.min(other), this.max(other));
                candidates.entry((a, b)).or_insert(name.kind);
            }
        }
        // Whoever an event merged later is no candidate any more.
        let open: BTreeMap<_, _> = candidates
            .into_iter()
            .map(|((a, b), by)| ((self.canonical(a), self.canonical(b)), by))
            .filter(|((a, b), _)| a != b)
            .map(|((a, b), by)| ((a.min(b), a.max(b)), by))
            .collect();
        (merges, open.into_iter().map(|((a, b), by)| Candidate { a, b, by }).collect())
    }

    /// Whether a phone or mail address is one that too many share, this customer counted in.
    fn becomes_shared(&self, customer: CustomerId, name: &Name) -> bool {
        let carriers = self.carriers.get(name).map_or(0, |c| c.len() + usize::from(!c.contains(&customer)));
        carriers >= SHARED_FROM
    }

    /// Who has a user id stays, else who was there first.
    fn merge(&mut self, a: CustomerId, b: CustomerId, by: Kind) -> Merge {
        let rank = |id: CustomerId| {
            let has_user_id = self
                .exclusive
                .get(&id)
                .is_some_and(|have| have.iter().any(|(kind, _)| *kind == Kind::UserId));
            (!has_user_id, id)
        };
        let (into, from) = if rank(a) <= rank(b) { (a, b) } else { (b, a) };
        for canonical in self.merged.values_mut().filter(|canonical| **canonical == from) {
            *canonical = into;
        }
        self.merged.insert(from, into);
        let names = self.exclusive.remove(&from).unwrap_or_default();
        self.exclusive.entry(into).or_default().extend(names);
        for carriers in self.carriers.values_mut() {
            if carriers.remove(&from) {
                carriers.insert(into);
            }
        }
        Merge { into, from, by }
    }
}
