//! One test binary for everything that needs the whole daemon.

mod harness;
mod support;
mod tidy;
