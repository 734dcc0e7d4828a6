//! Batches of consents are taken in slice by slice, and taken back so.

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
-- How far the file is taken in, by its lines; when all of it was. One that was interrupted has no finished_at.
ALTER TABLE consent_batch ADD COLUMN read_to BIGINT NOT NULL DEFAULT 0;
ALTER TABLE consent_batch ADD COLUMN finished_at BIGINT;
UPDATE consent_batch SET finished_at = created_at;

-- A batch is walked by its lines' ids.
DROP INDEX consent_of_batch;
CREATE INDEX consent_of_batch ON consent (batch_id, id) WHERE batch_id IS NOT NULL;
";
