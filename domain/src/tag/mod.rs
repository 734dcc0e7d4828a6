//! Computed tags, and segments, which are kept as they are: what they are, what they say of a customer, and how their history comes about.
//!
//! Nothing here writes: [`step`] gives the changes to record.

pub mod calibrate;
mod catalogue;
mod course;
mod definition;
pub(crate) mod document;
mod evaluate;
mod hand;
mod member;
mod rulebook;
mod said;
pub(crate) mod schema;
mod step;
mod why;

pub use catalogue::Catalogue;
pub use course::{Course, Courses, courses};
pub use definition::{
    Apply, Band, ByHand, Expires, Kind, Level, NamedValue, Names, Role, Shape, TagDefinition,
};
pub use document::{Of, TagDocument};
pub use evaluate::{Evaluation, Source, TagState, evaluate};
pub use member::Said;
pub use rulebook::{Rulebook, Turn};
pub use said::{SaidBy, SaidValue, System};
pub use schema::schema;
pub use step::{Cause, CurrentTag, Meanwhile, Stand, Stepped, TagChange, step};
pub use why::Standing;

#[cfg(test)]
mod tests;
