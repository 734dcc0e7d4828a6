//! What is known of one customer: facts folded together, and the numbers that follow from them.
//!
//! No rule and no tag lives here.

pub mod facts;
pub mod profile;

pub use facts::CustomerFacts;
pub use profile::{OrderRef, Profile, ProfileTimelines};

#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod tests;
