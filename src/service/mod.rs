//! Use cases: load, let the domain decide, save — in one transaction. No HTTP, no terminal, no SQL here.

pub mod apply;
mod book;
pub mod campaigns;
pub mod defaults;
mod error;
pub mod ingest;
pub mod keys;
pub mod live;
pub mod profiles;
pub mod secrets;
pub mod staff;

pub use book::Book;
pub use error::ServiceError;
