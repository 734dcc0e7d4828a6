//! Sending: from a planned touchpoint to its result, on both databases.

mod coupons;
mod days;
mod hand_over;
mod refusals;
