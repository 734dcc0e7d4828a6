//! People nobody has heard of for long, and who may still be kept.

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
-- Forgotten from due_at on, unless somebody vetoes it before. customer_id is canonical.
CREATE TABLE retention_person (
  customer_id BIGINT PRIMARY KEY,
  listed_at BIGINT NOT NULL,
  due_at BIGINT NOT NULL,
  vetoed_at BIGINT,
  vetoed_by TEXT,
  veto_reason TEXT
);
CREATE INDEX retention_person_due ON retention_person (due_at) WHERE vetoed_at IS NULL;

-- Behind which customer a step goes on.
ALTER TABLE housekeeping ADD COLUMN cursor_id BIGINT NOT NULL DEFAULT 0;
";
