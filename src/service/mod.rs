//! Use cases: load, let the domain decide, save — in one transaction. No HTTP, no terminal, no SQL here.

pub mod apply;
mod book;
mod error;
pub mod ingest;
pub mod secrets;

pub use book::Book;
pub use error::ServiceError;
