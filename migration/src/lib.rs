//! The schema, the same on SQLite and PostgreSQL. Never imports `entity`: a migration describes the past.
//!
//! Written as SQL, since the two dialects differ in one word that matters here (the database-given key).
//! Instants are microseconds UTC in BIGINT, truth values are 0 or 1 in BIGINT, JSON is TEXT: one order,
//! one index, one reading on both.

pub use sea_orm_migration::MigratorTrait;
use sea_orm_migration::prelude::*;

mod ddl;
mod m20261122_000001_house;
mod m20261122_000002_customers;
mod m20261122_000003_facts;
mod m20261122_000004_book;
mod m20261122_000005_care;
mod m20261122_000006_people;
mod m20261122_000007_imports;
mod m20261122_000008_set_aside;
mod m20261122_000009_identities;
mod m20261122_000010_facts;
mod m20261122_000012_import_batches;
mod m20261122_000013_repair;
mod m20261122_000014_looking;
mod m20261122_000015_erasure;
mod m20261122_000016_accounts;
mod m20261122_000017_lists;
mod m20261122_000018_import_undo;
mod m20261122_000019_own_work;
mod m20261122_000021_housekeeping;
mod m20261122_000022_retention_list;
mod m20261122_000024_consent_slices;
mod m20261122_000025_aggregates;
mod m20261122_000026_due_order;
mod m20261122_000029_runs;
mod m20261122_000030_products;
mod m20261122_000031_turns;
mod m20261122_000032_courses;
mod m20261123_000033_asked;
mod m20261123_000034_tag_ended;
mod m20261123_000035_properties;
mod m20261123_000036_records;
mod m20261123_000037_point_hashes;
mod m20261123_000038_profile_change;
mod m20261123_000040_event_kind;

/// All migrations, oldest first.
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20261122_000001_house::Migration),
            Box::new(m20261122_000002_customers::Migration),
            Box::new(m20261122_000003_facts::Migration),
            Box::new(m20261122_000004_book::Migration),
            Box::new(m20261122_000005_care::Migration),
            Box::new(m20261122_000006_people::Migration),
            Box::new(m20261122_000007_imports::Migration),
            Box::new(m20261122_000008_set_aside::Migration),
            Box::new(m20261122_000009_identities::Migration),
            Box::new(m20261122_000010_facts::Migration),
            Box::new(m20261122_000012_import_batches::Migration),
            Box::new(m20261122_000013_repair::Migration),
            Box::new(m20261122_000014_looking::Migration),
            Box::new(m20261122_000015_erasure::Migration),
            Box::new(m20261122_000016_accounts::Migration),
            Box::new(m20261122_000017_lists::Migration),
            Box::new(m20261122_000018_import_undo::Migration),
            Box::new(m20261122_000019_own_work::Migration),
            Box::new(m20261122_000021_housekeeping::Migration),
            Box::new(m20261122_000022_retention_list::Migration),
            Box::new(m20261122_000024_consent_slices::Migration),
            Box::new(m20261122_000025_aggregates::Migration),
            Box::new(m20261122_000026_due_order::Migration),
            Box::new(m20261122_000029_runs::Migration),
            Box::new(m20261122_000030_products::Migration),
            Box::new(m20261122_000031_turns::Migration),
            Box::new(m20261122_000032_courses::Migration),
            Box::new(m20261123_000033_asked::Migration),
            Box::new(m20261123_000034_tag_ended::Migration),
            Box::new(m20261123_000035_properties::Migration),
            Box::new(m20261123_000036_records::Migration),
            Box::new(m20261123_000037_point_hashes::Migration),
            Box::new(m20261123_000038_profile_change::Migration),
            Box::new(m20261123_000040_event_kind::Migration),
        ]
    }
}
