//! Rules asked of the whole book: in memory, customer by customer, and by each database's SQL they are the same.

mod cases;
mod differential;
mod limits;
pub(crate) mod trees;
