//! What becomes of a customer's tags if no new fact comes.

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
-- A JSON object, by tag, of what is known of its future as of kept_at: at and value of its next change, suppressed_until. A tag
-- that never changes and wasn't taken away isn't in it.
ALTER TABLE profile ADD COLUMN courses TEXT NOT NULL DEFAULT '{}';

-- Nobody's are there yet: everybody is looked at again.
-- (Not who waits for the end of an import.)
UPDATE customer_due SET due_at = 0 WHERE failed IS NULL AND due_at <> 9223372036854775806;
";
