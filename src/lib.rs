//! kinkeeper: the daemon as a library. `main` and the tests are its only users.

pub mod service;
pub mod store;
pub mod worker;
