//! Who somebody is, by what they are known by: names in one spelling, which of them identify, and whether two
//! customers may be one. Reads and writes nothing; whoever merges does that elsewhere.

pub mod blocked;
mod decide;
#[cfg(test)]
mod laws;
mod name;
#[cfg(test)]
mod tests;

pub use decide::{Candidate, Decision, Known, Merge};
pub use name::{Given, Kind, Name, SHARED_FROM, in_place_of_user_id, is_blocked, names, platform_of};
