//! Rules asked of the whole book: in memory, customer by customer, and by each database's SQL they are the same.

mod by_hand;
mod cases;
mod columns;
mod differential;
mod index;
mod limits;
mod plans;
mod quick;
mod records;
mod said;
pub(crate) mod trees;
