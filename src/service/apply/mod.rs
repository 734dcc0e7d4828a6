//! Declared documents (`apply -f`): read, checked, compared with the book, and written all or nothing.

pub mod read;
