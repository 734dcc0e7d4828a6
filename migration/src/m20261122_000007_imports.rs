//! Imports: rows left for a feed are counted, and whether anybody still works on one is known.

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
-- accepted, duplicate, rejected, without_customer and left_out count rows, each row once.
ALTER TABLE import_batch ADD COLUMN left_out BIGINT NOT NULL DEFAULT 0;

-- By the machine's clock. Null: nobody works on it, and no customer waits for its end.
ALTER TABLE import_batch ADD COLUMN leased_until BIGINT;
UPDATE import_batch SET leased_until = 0 WHERE finished_at IS NULL;
CREATE INDEX import_batch_unfinished ON import_batch (leased_until) WHERE finished_at IS NULL;
";
