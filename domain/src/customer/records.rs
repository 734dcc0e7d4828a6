//! What stands in the book about a customer beside the log of events, over time: what they consented to, their coupons, the campaigns
//! they came into. Rules read it as they read events: a record is known from the instant it was written down on, and speaks of the
//! instant it is about. What rules ask of it is [`crate::rule::record`]'s.

use super::consent::Word;
use crate::ids::CustomerId;
use crate::time::Instant;
use crate::timeline::Timeline;
use std::collections::{BTreeMap, BTreeSet};

/// A row of the book beside the log. Its instant is that of the [`crate::event::Event`] that carries it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Record {
    /// A line of the ledger of consents. `side`: who said it, of those who are one by now.
    Consent { line: i64, side: CustomerId, channel: String, purpose: String, granted: bool },
    /// That line says nothing any more, and never did.
    TakenBack { line: i64 },
    /// A coupon of this batch was issued to them.
    Coupon { coupon: i64, batch: String, expires_at: Option<Instant> },
    /// They used it.
    Redeemed { coupon: i64 },
    /// They came into a campaign, on the side that gets its messages or on the one that is kept for comparison.
    Entered { enrollment: i64, campaign: String, treated: bool },
    /// Their way through it ended, however it did.
    Left { enrollment: i64, campaign: String },
    /// Where a message of this kind of contact points would go, as it is now: there is one that may be used. The scope under which it is
    /// on the list of refusals, if it is.
    Target { points: String, refused: Option<String> },
}

/// Which kinds of records somebody wants to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Kinds {
    pub consents: bool,
    pub coupons: bool,
    pub campaigns: bool,
    pub points: bool,
}

impl Kinds {
    const NONE: Self = Self { consents: false, coupons: false, campaigns: false, points: false };
    pub const CONSENTS: Self = Self { consents: true, ..Self::NONE };
    pub const COUPONS: Self = Self { coupons: true, ..Self::NONE };
    pub const CAMPAIGNS: Self = Self { campaigns: true, ..Self::NONE };
    pub const POINTS: Self = Self { points: true, ..Self::NONE };
    pub const ALL: Self = Self { consents: true, coupons: true, campaigns: true, points: true };

    /// Whether any kind is in both.
    pub const fn meets(self, other: Self) -> bool {
        self.consents && other.consents
            || self.coupons && other.coupons
            || self.campaigns && other.campaigns
            || self.points && other.points
    }

    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self {
            consents: self.consents || other.consents,
            coupons: self.coupons || other.coupons,
            campaigns: self.campaigns || other.campaigns,
            points: self.points || other.points,
        }
    }
}

/// What counts of a consent: the word, and when it was last said.
pub type Said = (Word, Instant);

/// When something was, and which of several rows of one instant is the later.
type Stamp = (Instant, i64);

/// All records of one customer: the same in whatever order they come and however often.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Records {
    /// By channel and purpose what each side said.
    consents: BTreeMap<(String, String), BTreeMap<CustomerId, BTreeMap<Stamp, bool>>>,
    taken_back: BTreeSet<i64>,
    coupons: BTreeMap<i64, Coupon>,
    redeemed: BTreeMap<i64, Instant>,
    /// By campaign: entries, and whether they were treated.
    entered: BTreeMap<String, BTreeMap<Stamp, bool>>,
    left: BTreeMap<String, BTreeSet<Stamp>>,
    /// By kind of contact points the scope under which the one that would be used is refused.
    targets: BTreeMap<String, Option<String>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Coupon {
    batch: String,
    issued_at: Instant,
    expires_at: Option<Instant>,
}

impl Records {
    /// Takes in one more.
    pub fn add(&mut self, at: Instant, record: &Record) {
        match record {
            Record::Consent { line, side, channel, purpose, granted } => {
                let sides = self.consents.entry((channel.clone(), purpose.clone())).or_default();
                sides.entry(*side).or_default().insert((at, *line), *granted);
            }
            Record::TakenBack { line } => drop(self.taken_back.insert(*line)),
            Record::Coupon { coupon, batch, expires_at } => {
                let issued = Coupon { batch: batch.clone(), issued_at: at, expires_at: *expires_at };
                self.coupons.insert(*coupon, issued);
            }
            Record::Redeemed { coupon } => {
                let known = self.redeemed.entry(*coupon).or_insert(at);
                *known = at.min(*known);
            }
            Record::Entered { enrollment, campaign, treated } => {
                let entries = self.entered.entry(campaign.clone()).or_default();
                entries.insert((at, *enrollment), *treated);
            }
            Record::Left { enrollment, campaign } => {
                self.left.entry(campaign.clone()).or_default().insert((at, *enrollment));
            }
            Record::Target { points, refused } => {
                let known = self.targets.entry(points.clone()).or_insert_with(|| refused.clone());
                *known = refused.clone().max(known.take());
            }
        }
    }

    /// What counts of a channel and purpose: each side's last word, of several the strictest, of equal ones the latest. Nothing before
    /// anybody said anything.
    pub fn consent(&self, channel: &str, purpose: &str) -> Timeline<Option<Said>> {
        let sides = self.consents.get(&(channel.to_owned(), purpose.to_owned()));
        sides.into_iter().flat_map(BTreeMap::values).fold(Timeline::always(None), |strictest, side| {
            let counts = side.iter().filter(|((_, line), _)| !self.taken_back.contains(line));
            let word = |granted: bool| if granted { Word::Granted } else { Word::Denied };
            let points = counts.map(|((at, _), granted)| (*at, Some((word(*granted), *at))));
            strictest.zip_with(&Timeline::from_points(None, points), |one, other| *one.max(other))
        })
    }

    /// How many coupons they hold, of this batch where one is named: issued, not used, not past their time.
    pub fn coupons(&self, batch: Option<&str>) -> Timeline<i64> {
        let asked = self.coupons.iter().filter(|(_, coupon)| batch.is_none_or(|batch| coupon.batch == batch));
        let mut deltas = Vec::new();
        for (id, coupon) in asked {
            let end = coupon.expires_at.into_iter().chain(self.redeemed.get(id).copied()).min();
            if end.is_none_or(|end| coupon.issued_at < end) {
                deltas.push((coupon.issued_at, 1));
                deltas.extend(end.map(|end| (end, -1)));
            }
        }
        Timeline::sums(deltas)
    }

    /// When they came into a campaign.
    pub fn entries(&self, campaign: &str) -> Vec<Instant> {
        self.entered.get(campaign).into_iter().flatten().map(|((at, _), _)| *at).collect()
    }

    /// When a way of theirs through a campaign ended.
    pub fn ends(&self, campaign: &str) -> Vec<Instant> {
        self.left.get(campaign).into_iter().flatten().map(|(at, _)| *at).collect()
    }

    /// Whether they were treated when they last came into a campaign; nothing before they ever did.
    pub fn treated(&self, campaign: &str) -> Timeline<Option<bool>> {
        let entries = self.entered.get(campaign).into_iter().flatten();
        Timeline::from_points(None, entries.map(|((at, _), treated)| (*at, Some(*treated))))
    }

    /// The contact point of this kind that a message would go to, as it is now: the scope under which it is refused, if it is. `None`: there
    /// is none.
    pub fn target(&self, points: &str) -> Option<Option<&str>> {
        self.targets.get(points).map(Option::as_deref)
    }
}
