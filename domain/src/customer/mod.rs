//! What is known of one customer: facts folded together, and the numbers that follow from them.
//!
//! No rule and no tag lives here.

pub mod account;
mod bearer;
mod birthday;
pub mod consent;
mod correction;
pub mod dealings;
pub mod facts;
mod happening;
pub mod identity;
pub mod marks;
pub mod name;
pub mod profile;
pub mod records;
pub mod supply;

pub use account::AccountKind;
pub use bearer::{Bearer, Bearers, Told};
pub use birthday::Birthday;
pub use correction::Correction;
pub use facts::CustomerFacts;
pub use happening::Happening;
pub use marks::Marks;
pub use profile::{OrderRef, Profile, ProfileTimelines};

#[cfg(test)]
pub(crate) mod aggregates_tests;
#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod tests;
