//! What the shop says of its products, and how fast buyers use them up.

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
-- days_milli: how long one piece lasts, in thousandths of a day. sensitive is 0 or 1: never makes a tag or a text.
CREATE TABLE product (
  {id},
  shop_id BIGINT NOT NULL REFERENCES shop (id),
  sku TEXT NOT NULL,
  name TEXT,
  days_milli BIGINT,
  sensitive BIGINT NOT NULL DEFAULT 0,
  changed_at BIGINT NOT NULL,
  UNIQUE (shop_id, sku)
);

-- The median of the days that one piece lasted between two orders of one buyer, over so many pairs, by the last run.
CREATE TABLE product_pace (
  shop_id BIGINT NOT NULL,
  sku TEXT NOT NULL,
  days BIGINT NOT NULL,
  pairs BIGINT NOT NULL,
  run_id BIGINT NOT NULL,
  PRIMARY KEY (shop_id, sku)
);

-- A run's count of pairs by days, while it goes on.
CREATE TABLE refill_gap (
  run_id BIGINT NOT NULL,
  shop_id BIGINT NOT NULL,
  sku TEXT NOT NULL,
  days BIGINT NOT NULL,
  pairs BIGINT NOT NULL,
  PRIMARY KEY (run_id, shop_id, sku, days)
);
";
