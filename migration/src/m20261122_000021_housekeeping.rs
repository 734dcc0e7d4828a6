//! What a day's housekeeping has done, and how far it is.

use crate::ddl;
use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        ddl::run(manager, SCHEMA).await
    }
}

const SCHEMA: &str = r"
-- One row a local date of the shop. step: domain::retention::Step, null once it is finished. done: JSON, how much went by
-- step. Whoever does a page holds the row.
CREATE TABLE housekeeping (
  {id},
  day TEXT NOT NULL UNIQUE,
  step TEXT,
  done TEXT NOT NULL,
  begun_at BIGINT NOT NULL,
  finished_at BIGINT
);
CREATE INDEX housekeeping_open ON housekeeping (day) WHERE finished_at IS NULL;
";
