//! kinkeeper: the daemon as a library.
