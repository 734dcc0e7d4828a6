//! The book as columns in memory, for counting of whom a rule holds while somebody types it: a row a customer, only what rules were asked
//! of lately, each number in few bytes. A rule is compiled to what it asks of columns ([`compile`]) and looked at in chunks of rows.
//!
//! It means what `domain::rule::eval` says of one customer and what SQL says of the book; where columns can't say, they say so. Who loads
//! them and keeps them fresh is not decided here.

mod bits;
mod cells;
mod compile;
mod local;
mod packed;
mod plan;
mod ranges;
mod run;
mod table;
#[cfg(test)]
mod tests;

pub use bits::Bits;
pub use cells::{Cell, Column};
pub use compile::{NotInColumns, Terms, compile};
pub use packed::Packed;
pub use plan::{Name, Plan};
pub use run::{Counted, Missing};
pub use table::Columns;
