//! The one rule language: segments, computed tags, audiences, exits and branches are trees of it.
//!
//! A rule denotes a step function over all of time. So its value now, since when, and when it flips
//! next are look-ups, the same whenever somebody looks and in whatever order the facts came.

pub mod ast;
mod describe;
mod eval;
mod explain;
mod hold;
mod parse;

pub use ast::{Comparison, DayRange, Field, FieldKind, Rule, TagTest};
pub use describe::{Lang, describe};
pub(crate) use describe::{clause, name as field_name};
pub use eval::{Context, TagTimelines, TagValue, eval};
pub use explain::{Explained, explain, leaf_value};
pub use hold::hold;
pub use parse::{MAX_DEPTH, MAX_NODES, parse};

#[cfg(test)]
mod tests;
