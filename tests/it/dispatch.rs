//! Sending: from a planned touchpoint to its result, on both databases.

mod coupons;
mod days;
mod explaining;
mod gate_order;
mod hand_over;
mod opt_out;
mod reach;
mod refusals;
