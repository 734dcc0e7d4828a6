//! What the demos show: that the cases of their reports are those of the book, counted another way, and that what
//! they say will flip is what the keeper then writes.

mod retail;
mod shop_zh;
