//! A rule as what it asks of columns.

use super::ranges::Ranges;
use crate::rule::{Comparison, TagTest, TextTest};
use chrono::NaiveDate;
use chrono_tz::Tz;
use std::collections::BTreeSet;

/// What is held as a column.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Name {
    /// A number of the profile, by its column.
    Number(&'static str),
    /// A word of the profile, folded, by its column.
    Word(&'static str),
    /// Whether something of the profile is so, by its column.
    Flag(&'static str),
    /// The value of a tag, or of a segment under what it is called among tags.
    Tag(String),
    /// Since when they have it.
    TagSince(String),
    /// Since when they haven't it any more.
    Ended(String),
}

impl Plan {
    /// The columns that are asked.
    pub fn names(&self) -> BTreeSet<Name> {
        let mut names = BTreeSet::new();
        self.0.collect(&mut names);
        names
    }
}

impl Part {
    fn collect(&self, names: &mut BTreeSet<Name>) {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().for_each(|part| part.collect(names)),
            Self::Not(part) => part.collect(names),
            Self::Known(name) | Self::Within(name, _) | Self::Word(name, _) | Self::Flag(name) => {
                names.insert(name.clone());
            }
            Self::Fraction(of) => names.extend([of.part.clone(), of.whole.clone()]),
            Self::ComesRound { name, .. } => names.extend([name.clone(), Name::Word("zone")]),
            Self::Always(_) | Self::Share { .. } => {}
        }
    }
}

impl Name {
    /// The tag it is about.
    pub fn tag(&self) -> Option<&str> {
        match self {
            Self::Tag(key) | Self::TagSince(key) | Self::Ended(key) => Some(key),
            Self::Number(_) | Self::Word(_) | Self::Flag(_) => None,
        }
    }

    /// The column of the profile that it is.
    pub fn of_profile(&self) -> Option<&'static str> {
        match self {
            Self::Number(column) | Self::Word(column) | Self::Flag(column) => Some(column),
            Self::Tag(_) | Self::TagSince(_) | Self::Ended(_) => None,
        }
    }
}

/// What is asked of a word, or of there being none.
#[derive(Debug, Clone)]
pub(super) enum WordTest {
    /// Folded.
    Text(TextTest),
    Tag(TagTest),
    Zone(BTreeSet<&'static str>),
}

/// What a rule asks of columns. Each part is true or false of a row, never unknown.
#[derive(Debug, Clone)]
pub struct Plan(pub(super) Part);

#[derive(Debug, Clone)]
pub(super) enum Part {
    Always(bool),
    All(Vec<Part>),
    Any(Vec<Part>),
    Not(Box<Part>),
    Known(Name),
    /// Known, and in one of them.
    Within(Name, Ranges),
    Word(Name, WordTest),
    Flag(Name),
    Fraction(Fraction),
    Share {
        coefficients: [i64; 4],
        bound: i64,
    },
    /// A local date that comes round on one of these: which instants these are shows with the earliest of the column.
    ComesRound {
        name: Name,
        by_zone: Vec<(BTreeSet<NaiveDate>, Vec<Tz>)>,
    },
}

/// `part · times ÷ (whole · often)`, absent where the whole is 0.
#[derive(Debug, Clone)]
pub(super) struct Fraction {
    pub part: Name,
    pub times: i64,
    pub whole: Name,
    pub often: i64,
    pub test: Comparison<i64>,
}
