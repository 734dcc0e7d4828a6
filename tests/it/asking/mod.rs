//! Rules asked of the whole book: in memory, customer by customer, and by each database's SQL they are the same.

mod by_hand;
mod cases;
mod differential;
mod index;
mod limits;
mod plans;
mod quick;
mod said;
pub(crate) mod trees;
