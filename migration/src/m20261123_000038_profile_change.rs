//! Whose profile or tags changed, for daemons that hold columns of the book in memory.

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
-- One row a transaction that wrote profiles, current tags or their ends; the latest few thousand stay.
-- turn: on PostgreSQL the transaction's own id, by which a snapshot says whom it hasn't seen; on SQLite the row's.
-- customers: their ids with commas between them.
CREATE TABLE profile_change (
  {id},
  turn BIGINT NOT NULL,
  customers TEXT NOT NULL
);
CREATE INDEX profile_change_turn ON profile_change (turn);
";
