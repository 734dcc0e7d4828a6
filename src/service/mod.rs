//! Use cases: load, let the domain decide, save — in one transaction. No HTTP, no terminal, no SQL here.

mod error;

pub use error::ServiceError;
