//! Looks that belong to somebody's own work, which are no reason for a word with them.

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
-- own_work: 1 when whoever looked held the lease of a callback of this customer.
ALTER TABLE access_log ADD COLUMN own_work BIGINT NOT NULL DEFAULT 0;
-- Who looked at many within the last hour; what is old enough to go.
CREATE INDEX access_log_at ON access_log (at);
";
