//! kinkeeper: the daemon as a library. `main` and the tests are its only users.

pub mod app;
pub mod cli;
pub mod delivery;
pub mod http;
pub mod service;
pub mod settings;
pub mod store;
pub mod system;
pub mod telemetry;
pub mod worker;
