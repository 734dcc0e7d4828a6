//! What an import brought is told apart from what else is known, so that it can be taken back.

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
-- The import an event came by, and the one that first gave somebody this name. Null: no import, or one of before this.
ALTER TABLE event ADD COLUMN import_id BIGINT;
ALTER TABLE identifier ADD COLUMN import_id BIGINT;

-- Between which ids of the log its events lie; null: none yet, or of before this.
ALTER TABLE import_batch ADD COLUMN first_event_id BIGINT;
ALTER TABLE import_batch ADD COLUMN last_event_id BIGINT;
-- Taking it back was begun, and ended; who did.
ALTER TABLE import_batch ADD COLUMN undo_begun_at BIGINT;
ALTER TABLE import_batch ADD COLUMN undone_at BIGINT;
ALTER TABLE import_batch ADD COLUMN undone_by TEXT;
";
