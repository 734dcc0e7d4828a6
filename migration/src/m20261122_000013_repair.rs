//! What a person needs to repair what was refused or couldn't be worked on.

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
-- The machine's clock when the event came: the sender's clock was off by so much then, not when it is retried.
ALTER TABLE quarantine ADD COLUMN machine_at BIGINT;
-- Who retried or discarded it, when, and why it was discarded.
ALTER TABLE quarantine ADD COLUMN decided_at BIGINT;
ALTER TABLE quarantine ADD COLUMN decided_by TEXT;
ALTER TABLE quarantine ADD COLUMN reason TEXT;
CREATE INDEX quarantine_code ON quarantine (state, code, id);

-- Why a customer can't be kept: a row of theirs can't be read. A new fact, or a person, lets the keeper try again.
ALTER TABLE customer_due ADD COLUMN failed TEXT;
";
