//! The rest of the aggregates of a profile.

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
ALTER TABLE profile ADD COLUMN complaint_closed_at BIGINT;
-- Divided by orders_365: what a counted order comes to.
ALTER TABLE profile ADD COLUMN counted_net_365_minor BIGINT NOT NULL DEFAULT 0;
-- refunded_365_minor / gross_365_minor is the refund rate.
ALTER TABLE profile ADD COLUMN gross_365_minor BIGINT NOT NULL DEFAULT 0;
ALTER TABLE profile ADD COLUMN refunded_365_minor BIGINT NOT NULL DEFAULT 0;
ALTER TABLE profile ADD COLUMN coupon_orders_365 BIGINT NOT NULL DEFAULT 0;
-- Twice the median of the days between order-days.
ALTER TABLE profile ADD COLUMN gap_halves BIGINT;
ALTER TABLE profile ADD COLUMN active_hour BIGINT;
ALTER TABLE profile ADD COLUMN lines_365 BIGINT NOT NULL DEFAULT 0;
-- top_*_lines / lines_365 is the share.
ALTER TABLE profile ADD COLUMN top_category TEXT;
ALTER TABLE profile ADD COLUMN top_category_lines BIGINT NOT NULL DEFAULT 0;
ALTER TABLE profile ADD COLUMN top_style TEXT;
ALTER TABLE profile ADD COLUMN top_style_lines BIGINT NOT NULL DEFAULT 0;
ALTER TABLE profile ADD COLUMN top_brand TEXT;
ALTER TABLE profile ADD COLUMN top_brand_lines BIGINT NOT NULL DEFAULT 0;
-- A JSON list of names, for people to see.
ALTER TABLE profile ADD COLUMN last_products TEXT NOT NULL DEFAULT '[]';
-- review_milli / reviews / 1000 is the mean in stars.
ALTER TABLE profile ADD COLUMN reviews BIGINT NOT NULL DEFAULT 0;
ALTER TABLE profile ADD COLUMN review_milli BIGINT NOT NULL DEFAULT 0;
ALTER TABLE profile ADD COLUMN csat_last BIGINT;
ALTER TABLE profile ADD COLUMN csat_count BIGINT NOT NULL DEFAULT 0;
ALTER TABLE profile ADD COLUMN csat_sum BIGINT NOT NULL DEFAULT 0;
ALTER TABLE profile ADD COLUMN nps_last BIGINT;
ALTER TABLE profile ADD COLUMN nps_count BIGINT NOT NULL DEFAULT 0;
ALTER TABLE profile ADD COLUMN nps_sum BIGINT NOT NULL DEFAULT 0;
ALTER TABLE profile ADD COLUMN unhappy_at BIGINT;
ALTER TABLE profile ADD COLUMN recommended_at BIGINT;
-- A JSON object, instants by channel, for people to see.
ALTER TABLE profile ADD COLUMN last_contacts TEXT NOT NULL DEFAULT '{}';
ALTER TABLE profile ADD COLUMN last_contact_at BIGINT;
ALTER TABLE profile ADD COLUMN last_inbound_at BIGINT;
ALTER TABLE profile ADD COLUMN preferred_channel TEXT;
ALTER TABLE profile ADD COLUMN won_back_at BIGINT;

-- Aggregates that weren't there before: everybody is looked at again.
UPDATE customer_due SET due_at = 0 WHERE failed IS NULL;
";
