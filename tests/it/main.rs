//! One test binary for everything that needs the whole daemon.

mod harness;
mod ingest;
mod licences;
mod store_writes;
mod support;
mod tidy;
