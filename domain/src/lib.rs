//! What kinkeeper knows and decides, as pure functions of their arguments.
//!
//! No input or output, no async, no ambient clock or randomness, no database types live here: an
//! instant is a parameter, randomness is bytes handed in, and a decision is a value somebody else
//! carries out. Cargo keeps it so, since this crate depends on nothing that could do otherwise.

pub mod access;
pub mod calendar;
pub mod callback;
pub mod campaign;
pub mod column;
pub mod contact;
pub mod coupon;
pub mod customer;
pub mod document;
pub mod entropy;
pub mod estimate;
pub mod event;
pub mod hook;
pub mod ids;
pub mod import;
pub mod insight;
pub mod mask;
pub mod money;
mod names;
pub mod problem;
pub mod product;
pub mod quarantine;
pub mod rates;
pub mod ratio;
pub mod retention;
pub mod rule;
pub mod segment;
pub mod tag;
pub mod template;
pub mod text;
pub mod time;
pub mod timeline;
