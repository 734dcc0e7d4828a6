//! Campaigns (关怀活动): what they declare, how one customer goes through them, and when they may act.
//!
//! Everything here is a plan or a verdict; making rows, sending and storing happen elsewhere. Contact
//! windows, rules and working days are judged by their own rooms and arrive as values.

pub mod condition;
pub mod definition;
pub mod entry;
pub mod explain;
pub mod gate;
pub mod guard;
pub mod journey;
pub mod occasion_key;
pub mod parse;
pub mod reach;
pub mod state;
pub mod story;
pub mod tally;
pub mod touch;
pub mod trigger;
