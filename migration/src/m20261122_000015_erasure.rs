//! Whom the book has forgotten: only so much that what still comes of them is dropped.

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
-- hash: salted, of the kind, scope and value of an identifier whose bearer was erased. What they are said to have done
-- up to then is taken in and dropped.
CREATE TABLE erased_name (
  hash TEXT PRIMARY KEY,
  erased_at BIGINT NOT NULL
);
-- In the book from its first day, so that every copy of it has the same one.
INSERT INTO meta (key, value) VALUES ('erasure_salt', {random});
";
