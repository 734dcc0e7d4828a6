//! What rules over the whole book ask of a customer beside the aggregates.

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
-- Whether they are somebody: neither erased nor another by now. 0 until they are looked at.
ALTER TABLE profile ADD COLUMN counts BIGINT NOT NULL DEFAULT 0;
-- Whose local time is theirs: an IANA name.
ALTER TABLE profile ADD COLUMN zone TEXT NOT NULL DEFAULT '';
-- The earliest known fact.
ALTER TABLE profile ADD COLUMN first_at BIGINT;
ALTER TABLE profile ADD COLUMN registered_at BIGINT;
-- month * 100 + day; 10000 more in the lunar calendar, 20000 more in a leap month of it. 0 of what stands for no day.
ALTER TABLE profile ADD COLUMN birthday_code BIGINT;
-- NFKC and without case, computed outside the database.
ALTER TABLE profile ADD COLUMN top_category_folded TEXT;
ALTER TABLE profile ADD COLUMN top_style_folded TEXT;
ALTER TABLE profile ADD COLUMN top_brand_folded TEXT;
ALTER TABLE profile ADD COLUMN preferred_channel_folded TEXT;
-- In millionths.
ALTER TABLE profile ADD COLUMN p_order_180 BIGINT;
ALTER TABLE profile ADD COLUMN clv_365 BIGINT;

-- Nobody's are there yet: everybody is looked at again.
-- (Not who waits for the end of an import.)
UPDATE customer_due SET due_at = 0 WHERE failed IS NULL AND due_at <> 9223372036854775806;
";
