//! What only the whole book tells: where cut-offs lie among all buyers, and what follows for one of them. Runs over the book
//! ask for the numbers and keep the answers elsewhere; nothing here reads a book.

mod pace;
pub mod rank;
pub mod rfm;
mod run;
mod settle;
mod slot;

pub use pace::{PAIRS, days_a_piece, pace};
pub use run::{Amounts, RunKind, amount_rank};
pub use settle::{Given, settle};
pub use slot::next_slot;
