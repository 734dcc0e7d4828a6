//! What service, reviews, answers and contacts say: complaints, how content somebody is, who turned to whom.

use super::{QUARTER, Scored, YEAR, deltas};
use crate::customer::dealings::{Direction, Question};
use crate::customer::facts::CustomerFacts;
use crate::rule::ScoreNumber;
use crate::time::{Instant, Span};
use crate::timeline::Timeline;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A contact counts for the preferred channel over `(now − 180·86,400 s, now]`.
const PREFERENCE: Span = Span::days(180);
/// From so many contacts over one channel on it may be the preferred one.
const TRIED: i64 = 3;
/// An order within so long after coming into a win-back is won by it.
const WON: Span = Span::days(60);
/// Campaigns that win back: `winback` and whatever begins so.
const WINBACK: &str = "winback";

#[derive(Default)]
pub(super) struct Complaints {
    pub open: Vec<(Instant, i64)>,
    pub in_90: Vec<(Instant, i64)>,
    pub in_365: Vec<(Instant, i64)>,
    pub tickets: Vec<(Instant, i64)>,
    pub closed: Timeline<Option<Instant>>,
}

impl Complaints {
    pub fn of(facts: &CustomerFacts) -> Self {
        let mut sums = Self::default();
        let mut turns: Vec<(Instant, usize, bool)> = Vec::new();
        for (i, ticket) in facts.tickets().enumerate() {
            let complaint = ticket.complaint.map(|on| i64::from(*on));
            deltas(&ticket.complaint.and(&ticket.open).map(|on| i64::from(*on)), None, &mut sums.open);
            deltas(&complaint, Some(ticket.opened_at + QUARTER), &mut sums.in_90);
            deltas(&complaint, Some(ticket.opened_at + YEAR), &mut sums.in_365);
            sums.tickets.push((ticket.opened_at, 1));
            let closed = ticket.complaint.and(&ticket.open.not());
            turns.extend(closed.changes().map(|(at, on)| (at, i, *on)));
        }
        sums.closed = latest_standing(turns);
        sums
    }
}

/// Of things that stand from some instants on and cease to at others, when the latest that stands began.
fn latest_standing(mut turns: Vec<(Instant, usize, bool)>) -> Timeline<Option<Instant>> {
    turns.sort_unstable();
    let mut since: BTreeMap<usize, Instant> = BTreeMap::new();
    let points = turns.into_iter().map(|(at, i, stands)| {
        if stands {
            since.insert(i, at);
        } else {
            since.remove(&i);
        }
        (at, since.values().max().copied())
    });
    Timeline::from_points(None, points)
}

/// Answers to one questionnaire.
pub(super) struct Answers {
    pub last: Timeline<Option<i64>>,
    pub count: Timeline<i64>,
    pub sum: Timeline<i64>,
}

impl Answers {
    pub fn of(facts: &CustomerFacts, question: Question) -> Self {
        let (mut last, mut count, mut sum) = (Vec::new(), Vec::new(), Vec::new());
        for versions in facts.dealings().answers(question) {
            let mut before = None;
            for (at, score) in versions {
                last.push((at, score));
                count.extend(before.is_none().then_some((at, 1)));
                sum.push((at, score - before.unwrap_or(0)));
                before = Some(score);
            }
        }
        last.sort_unstable();
        let last = Timeline::from_points(None, last.into_iter().map(|(at, score)| (at, Some(score))));
        Self { last, count: Timeline::sums(count), sum: Timeline::sums(sum) }
    }
}

/// How many reviews with stars, and their stars in thousandths added up.
pub(super) fn reviews(facts: &CustomerFacts) -> (Timeline<i64>, Timeline<i64>) {
    let (mut count, mut stars) = (Vec::new(), Vec::new());
    for versions in facts.dealings().reviews() {
        let mut before = None;
        for (at, now) in versions {
            count.push((at, i64::from(now.is_some()) - i64::from(before.is_some())));
            stars.push((at, now.unwrap_or(0) - before.unwrap_or(0)));
            before = now;
        }
    }
    (Timeline::sums(count), Timeline::sums(stars))
}

/// When somebody last said that they are unhappy (CSAT ≤ 2, NPS ≤ 6) and no later CSAT ≥ 4 took it back, and when they
/// last would have recommended us (NPS ≥ 9).
pub(super) fn mood(facts: &CustomerFacts) -> (Timeline<Option<Instant>>, Timeline<Option<Instant>>) {
    let of = |question| facts.dealings().answers(question).flatten().collect::<Vec<_>>();
    let (csat, nps) = (of(Question::Csat), of(Question::Nps));
    let low = csat.iter().filter(|(_, n)| *n <= 2).chain(nps.iter().filter(|(_, n)| *n <= 6));
    let mut turns: Vec<(Instant, Option<Instant>)> = low.map(|(at, _)| (*at, Some(*at))).collect();
    turns.extend(csat.iter().filter(|(_, n)| *n >= 4).map(|(at, _)| (*at, None)));
    // At one instant the bad word stays: only a later good one takes it back.
    turns.sort_unstable();
    let mut keen: Vec<Instant> = nps.iter().filter(|(_, n)| *n >= 9).map(|(at, _)| *at).collect();
    keen.sort_unstable();
    (
        Timeline::from_points(None, turns),
        Timeline::from_points(None, keen.into_iter().map(|at| (at, Some(at)))),
    )
}

/// Contacts over time.
pub(super) struct Contacts {
    /// When we last turned to them, by channel.
    pub last: BTreeMap<String, Timeline<Option<Instant>>>,
    pub last_any: Timeline<Option<Instant>>,
    /// When they last turned to us, or answered.
    pub inbound: Timeline<Option<Instant>>,
    pub preferred: Timeline<Option<Arc<str>>>,
}

impl Contacts {
    pub fn of(facts: &CustomerFacts) -> Self {
        let mut by_channel: BTreeMap<String, Vec<Instant>> = BTreeMap::new();
        let (mut any, mut inbound) = (Vec::new(), Vec::new());
        let mut turns: Vec<(Instant, Arc<str>, (i64, i64))> = Vec::new();
        for (at, channel, direction) in facts.dealings().contacts() {
            let answered = direction == Direction::Inbound;
            if answered {
                inbound.push(at);
            } else {
                by_channel.entry(channel.to_owned()).or_default().push(at);
                any.push(at);
            }
            let n = if answered { (0, 1) } else { (1, 0) };
            let channel: Arc<str> = Arc::from(channel);
            turns.push((at, channel.clone(), n));
            turns.push((at + PREFERENCE, channel, (-n.0, -n.1)));
        }
        let line = |instants: Vec<Instant>| {
            Timeline::from_points(None, instants.into_iter().map(|at| (at, Some(at))))
        };
        Self {
            last: by_channel.into_iter().map(|(channel, at)| (channel, line(at))).collect(),
            last_any: line(any),
            inbound: line(inbound),
            preferred: preferred(turns),
        }
    }
}

/// The channel that is answered best: of those tried often enough the greatest share of answers, then the most
/// contacts, then the first by name. None where nothing was ever answered.
fn preferred(mut turns: Vec<(Instant, Arc<str>, (i64, i64))>) -> Timeline<Option<Arc<str>>> {
    turns.sort_unstable();
    let mut tally: BTreeMap<Arc<str>, (i64, i64)> = BTreeMap::new();
    let points = turns.into_iter().map(|(at, channel, (made, answered))| {
        let counts = tally.entry(channel).or_default();
        *counts = (counts.0 + made, counts.1 + answered);
        let best = tally.iter().filter(|(_, (made, answered))| *made >= TRIED && *answered > 0).reduce(
            |best, other| {
                let (a, b) = (best.1, other.1);
                let (left, right) = (i128::from(a.1) * i128::from(b.0), i128::from(b.1) * i128::from(a.0));
                if (right, b.0) > (left, a.0) { other } else { best }
            },
        );
        (at, best.map(|(channel, _)| channel.clone()))
    });
    Timeline::from_points(None, points)
}

/// The payment of the latest counted order that was the first within 60 d after coming into a win-back, whether it
/// wrote to them or kept them for comparison.
pub(super) fn won_back(
    facts: &CustomerFacts,
    orders: &[crate::customer::facts::OrderCourse],
) -> Timeline<Option<Instant>> {
    let entries: Vec<Instant> =
        facts.dealings().entered().filter(|(_, key)| key.starts_with(WINBACK)).map(|(at, _)| at).collect();
    if entries.is_empty() {
        return Timeline::always(None);
    }
    let mut turns: Vec<(Instant, Instant, usize, bool)> = Vec::new();
    for (i, order) in orders.iter().enumerate() {
        turns.extend(order.counted.changes().map(|(at, on)| (at, order.paid_at, i, *on)));
    }
    turns.sort_unstable();
    let mut counting: BTreeSet<(Instant, usize)> = BTreeSet::new();
    let points = turns.into_iter().map(|(at, paid_at, i, on)| {
        if on {
            counting.insert((paid_at, i));
        } else {
            counting.remove(&(paid_at, i));
        }
        let won = |entry: &Instant| {
            let after = counting.range((*entry + Span::micros(1), 0)..).next();
            after.map(|(paid, _)| *paid).filter(|paid| *paid <= *entry + WON)
        };
        (at, entries.iter().filter_map(won).max())
    });
    Timeline::from_points(None, points)
}

/// What runs over the whole book gave: of whoever objects to being personalised, nothing.
pub(super) fn scores(facts: &CustomerFacts) -> BTreeMap<ScoreNumber, Timeline<Option<Scored>>> {
    let mut found = BTreeMap::new();
    for number in ScoreNumber::ALL {
        let said = facts.dealings().scores(number.score());
        let points: Vec<(Instant, Option<Scored>)> = said
            .map(|(at, settled)| {
                let millionths = settled.parts.get(number.as_str()).copied();
                (at, millionths.map(|millionths| Scored { millionths, as_of: at }))
            })
            .collect();
        if !points.is_empty() {
            let may = facts.dealings().personalised();
            let line = Timeline::from_points(None, points);
            found.insert(*number, line.zip_with(&may, |found, may| found.filter(|_| *may)));
        }
    }
    found
}
