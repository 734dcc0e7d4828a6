//! What a profile was kept as: the kind of account, and how many orders of late where they are suspiciously many.

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
-- account_kind: what customer.account_kind was when the profile was kept. many_orders_30: counted orders of the last
-- 30 d while they are 20 or more; NULL below.
ALTER TABLE profile ADD COLUMN account_kind TEXT NOT NULL DEFAULT 'consumer';
ALTER TABLE profile ADD COLUMN many_orders_30 BIGINT;
-- Whom this concerns is kept again.
UPDATE customer_due SET due_at = (SELECT p.kept_at FROM profile p WHERE p.customer_id = customer_due.customer_id)
  WHERE failed IS NULL AND customer_id IN (SELECT p.customer_id FROM profile p JOIN customer c ON c.id = p.customer_id
    WHERE (c.account_kind <> 'consumer' OR p.orders_365 >= 20) AND c.merged_into IS NULL)
  AND due_at > (SELECT p.kept_at FROM profile p WHERE p.customer_id = customer_due.customer_id);
";
