//! One test binary for everything that needs the whole daemon.

mod harness;
mod licences;
mod support;
mod tidy;
