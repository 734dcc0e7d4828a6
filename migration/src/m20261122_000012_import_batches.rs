//! What a list of imports tells beyond their counts.

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
-- Who began it; unknown of older ones.
ALTER TABLE import_batch ADD COLUMN actor TEXT;
-- What was said of the file's form and profile, as flags, so that it can be gone on with alike.
ALTER TABLE import_batch ADD COLUMN said TEXT NOT NULL DEFAULT '';
";
