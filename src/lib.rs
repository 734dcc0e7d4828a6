//! kinkeeper: the daemon as a library. `main` and the tests are its only users.

pub mod store;
