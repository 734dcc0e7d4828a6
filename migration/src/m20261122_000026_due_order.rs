//! Whose turn it is, in the order in which the keeper takes them.

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
-- Everybody in an import, or after a rule is published, is due at one instant: without the customer in the index
-- each batch would sort all who are left.
DROP INDEX customer_due_at;
CREATE INDEX customer_due_waiting ON customer_due (due_at, customer_id) WHERE failed IS NULL;
CREATE INDEX customer_due_failed ON customer_due (customer_id) WHERE failed IS NOT NULL;
";
