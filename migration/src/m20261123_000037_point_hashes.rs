//! Contact points with their keyed hash beside them, by which the list of refusals has them.

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
-- Filled by whoever holds the key and asks whom a channel reaches; not there until then.
ALTER TABLE contact_point ADD COLUMN value_hash TEXT;
CREATE INDEX contact_point_unhashed ON contact_point (id) WHERE value_hash IS NULL;
";
