//! The rules that a book is kept by, one after the other: whoever looks late walks each stretch by those that held then.
//! How a stretch is walked is [`super::step`]'s.

use super::catalogue::Catalogue;
use crate::time::Instant;
use std::sync::Arc;

/// Other rules than before, or other things known of products.
#[derive(Debug, Clone)]
pub struct Turn {
    /// Rises with every turn of a book.
    pub epoch: i64,
    /// When it was published.
    pub at: Instant,
    /// What holds from then on.
    pub catalogue: Arc<Catalogue>,
}

/// The catalogues of a book over time.
#[derive(Debug, Clone)]
pub struct Rulebook {
    first: Arc<Catalogue>,
    turns: Vec<Turn>,
}

/// How far somebody has come in a rulebook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Kept by the rules of this epoch.
    Epoch(i64),
    /// Never kept; nothing was known of them before this instant.
    Instant(Instant),
}

impl Rulebook {
    /// `first` holds until the first turn. Turns come in order of their epochs; one that says it was before the one before it (two
    /// machines' clocks) counts as at the same instant.
    pub fn new(first: Arc<Catalogue>, mut turns: Vec<Turn>) -> Self {
        turns.sort_by_key(|turn| turn.epoch);
        let mut last = Instant::MIN;
        for turn in &mut turns {
            last = last.max(turn.at);
            turn.at = last;
        }
        Self { first, turns }
    }

    /// What somebody at this place was kept by so far, and what comes behind it between `start` and `now`. What was published before the start,
    /// or by a clock that is ahead of this one, counts as at the start and as now; of several at an instant the last holds.
    pub(super) fn ahead_of(
        &self,
        place: Place,
        start: Instant,
        now: Instant,
    ) -> (&Catalogue, Vec<(Instant, &Catalogue)>) {
        let behind = self.turns.partition_point(|turn| match place {
            Place::Epoch(epoch) => turn.epoch <= epoch,
            Place::Instant(at) => turn.at <= at,
        });
        let first = behind.checked_sub(1).map_or(&self.first, |last| &self.turns[last].catalogue);
        let mut ahead: Vec<(Instant, &Catalogue)> = Vec::new();
        for turn in &self.turns[behind..] {
            let at = turn.at.clamp(start, now);
            match ahead.last_mut() {
                Some((same, catalogue)) if *same == at => *catalogue = &turn.catalogue,
                _ => ahead.push((at, &turn.catalogue)),
            }
        }
        (first, ahead)
    }
}

impl From<Arc<Catalogue>> for Rulebook {
    /// These all along.
    fn from(first: Arc<Catalogue>) -> Self {
        Self { first, turns: Vec::new() }
    }
}

impl From<Catalogue> for Rulebook {
    fn from(first: Catalogue) -> Self {
        Self::from(Arc::new(first))
    }
}
