//! Use cases: load, let the domain decide, save — in one transaction. No HTTP, no terminal, no SQL here.

pub mod access;
pub mod apply;
pub mod approval;
pub mod backup;
pub mod book;
pub mod callbacks;
pub mod campaigns;
pub mod defaults;
pub mod definitions;
pub mod dispatch;
pub mod doctor;
pub mod eligibility;
mod error;
pub mod hooks;
pub mod import;
pub mod ingest;
pub mod journeys;
pub mod keeping;
pub mod keys;
pub mod live;
pub mod optout;
pub mod planning;
mod poison;
pub mod profile;
pub mod profiles;
pub mod quarantine;
pub mod report;
pub mod secrets;
pub mod shop;
pub mod sources;
pub mod staff;
mod staffing;
pub mod suppressions;

pub use book::Book;
pub use error::ServiceError;
pub use staffing::{Member, Staffing, StaffingMemory};
