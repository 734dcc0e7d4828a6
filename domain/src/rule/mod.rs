//! The one rule language: segments, computed tags, audiences, exits and branches are trees of it.
//!
//! A rule denotes a step function over all of time. So its value now, since when, and when it flips
//! next are look-ups, the same whenever somebody looks and in whatever order the facts came.

pub mod ast;
pub mod dates;
mod describe;
mod eval;
pub mod event;
mod explain;
mod field;
mod hold;
mod parse;
pub mod record;
mod schema;
mod score;
mod share;

pub use ast::{Age, Comparison, DayRange, Rule, TagTest, TextTest};
pub(crate) use describe::span_zh;
pub use describe::{Lang, clause, describe};
pub(crate) use eval::solar_in_year;
pub use eval::{Context, TagTimelines, TagValue, eval};
pub use event::{EventTest, ForNew};
pub use explain::{Explained, explain, leaf_value};
pub use field::{Field, FieldKind};
pub use hold::hold;
pub use parse::{MAX_DAYS, MAX_DEPTH, MAX_NODES, parse};
pub use record::RecordTest;
pub use schema::{definitions as schema_definitions, schema};
pub use score::ScoreNumber;
pub use share::{PRIME, Share};

#[cfg(test)]
pub(crate) mod brute;
#[cfg(test)]
mod brute_tests;
#[cfg(test)]
mod leaf_tests;
#[cfg(test)]
pub(crate) mod schema_tests;
#[cfg(test)]
mod sentence_tests;
#[cfg(test)]
mod tests;
