//! What couldn't be worked on keeps why: triggers set aside, enrollments that failed.

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
-- Why a trigger couldn't be worked off. Such a row waits for a person; emptied, it is planned again, and whoever
-- it let in already stays in once.
ALTER TABLE trigger_queue ADD COLUMN failed TEXT;

-- Why an enrollment in state failed couldn't go on.
ALTER TABLE enrollment ADD COLUMN detail TEXT;
";
