//! Computed tags: what they are, what they say of a customer, and how their history comes about.
//!
//! Nothing here writes: [`step`] gives the changes to record.

pub mod calibrate;
mod course;
mod definition;
mod document;
mod evaluate;
mod rulebook;
mod said;
mod schema;
mod step;
mod why;

pub use course::{Course, Courses, courses};
pub use definition::{
    Apply, Band, ByHand, Catalogue, Expires, Kind, Level, NamedValue, Names, Shape, TagDefinition,
};
pub use document::TagDocument;
pub use evaluate::{Evaluation, Source, TagState, evaluate};
pub use rulebook::{Rulebook, Turn};
pub use said::{SaidBy, SaidValue, System};
pub use schema::schema;
pub use step::{Cause, CurrentTag, Meanwhile, Stand, Stepped, TagChange, step};
pub use why::Standing;

#[cfg(test)]
mod tests;
