//! One test binary for everything that needs the whole daemon.

mod cli;
mod delivery;
mod harness;
mod ingest;
mod licences;
mod store_writes;
mod support;
mod tidy;
