//! Files of the shop's own systems: what their columns mean, how a cell is read, and which profile fits a header.
//!
//! Reading bytes, encodings and spreadsheets is the callers' affair; here are texts only.

mod cell;
mod guess;
mod kind;
mod layout;
mod profile;
mod undo;

pub use cell::{Held, amount, held, instant, is_destroyed};
pub use guess::{Column, Guess, Seen, guess, mapping};
pub use kind::{Kind, consent_of};
pub use layout::{Around, Layout, MOST_COLUMNS, Taken, Unknown, plain};
pub use profile::{Alternative, Fit, Profile, Scope, Table, best, fits, named};
pub use undo::{Giver, UNDO_WITHIN, names_to_take};
