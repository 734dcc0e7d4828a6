//! Since when the book is kept by which rules, and what was known of products before.

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
-- A change of what everybody is kept by: from `at` on, by the rules of this epoch.
CREATE TABLE rule_turn (
  epoch BIGINT NOT NULL PRIMARY KEY,
  at BIGINT NOT NULL
);

-- With which epoch it came; 0: before epochs were written down.
ALTER TABLE rule_version ADD COLUMN epoch BIGINT NOT NULL DEFAULT 0;

-- What was known of a product until that epoch came. what is `said` (by the shop; days_milli and sensitive) or `pace` (by the last run;
-- days_milli); days_milli is NULL where nothing was.
CREATE TABLE product_was (
  shop_id BIGINT NOT NULL,
  sku TEXT NOT NULL,
  what TEXT NOT NULL,
  until_epoch BIGINT NOT NULL,
  days_milli BIGINT,
  sensitive BIGINT NOT NULL DEFAULT 0,
  PRIMARY KEY (shop_id, sku, what, until_epoch)
);
CREATE INDEX product_was_until ON product_was (until_epoch);

-- A book that has rules is kept by them since they were published: what comes next is a turn from these.
INSERT INTO rule_turn (epoch, at)
  SELECT CAST(m.value AS BIGINT), COALESCE((SELECT MAX(published_at) FROM rule_version), 0) FROM meta m WHERE m.key = 'rule_epoch';
";
