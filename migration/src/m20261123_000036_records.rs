//! What rules ask of consents and coupons over the whole book.

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
-- Whose words there are of a channel and purpose; each side's last one is found by consent_latest.
CREATE INDEX consent_about ON consent (channel, purpose, state, occurred_at);

-- Who was issued a coupon of whatever batch.
CREATE INDEX coupon_issued ON coupon (issued_at, customer_id) WHERE issued_at IS NOT NULL;
";
