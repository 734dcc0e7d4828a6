//! Rows as the database holds them: one file a table, derive only.
