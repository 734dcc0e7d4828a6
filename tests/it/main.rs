//! One test binary for everything that needs the whole daemon.

mod access;
mod callbacks;
mod cli;
mod contention;
mod crash;
mod daemon;
mod december;
mod declaring;
mod delivery;
mod dispatch;
mod engine;
mod handbook;
mod harness;
mod imports;
mod ingest;
mod licences;
mod profile;
mod sdk;
mod segment;
mod store_claims;
mod store_clock;
mod store_schema;
mod store_traps;
mod store_writes;
mod support;
mod tidy;
