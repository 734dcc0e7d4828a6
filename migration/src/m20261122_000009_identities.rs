//! Who is who: customers that are one, what each row's customer was before, and who may be one.

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
-- merged_into: whoever this customer is one with now; flat, never another merged one. Null: is themselves.
ALTER TABLE customer ADD COLUMN merged_into BIGINT;
ALTER TABLE customer ADD COLUMN merged_at BIGINT;
CREATE INDEX customer_merged ON customer (merged_into) WHERE merged_into IS NOT NULL;

-- origin_customer_id: the customer a row was resolved to. Null: the one in customer_id. customer_id is the canonical
-- one. A row whose unique key is taken there waits under the negative of its origin, where nobody reads it.
ALTER TABLE event_personal ADD COLUMN origin_customer_id BIGINT;
ALTER TABLE identifier ADD COLUMN origin_customer_id BIGINT;
ALTER TABLE consent ADD COLUMN origin_customer_id BIGINT;
ALTER TABLE refund ADD COLUMN origin_customer_id BIGINT;
ALTER TABLE ticket ADD COLUMN origin_customer_id BIGINT;
ALTER TABLE trigger_queue ADD COLUMN origin_customer_id BIGINT;
ALTER TABLE enrollment ADD COLUMN origin_customer_id BIGINT;
ALTER TABLE touchpoint ADD COLUMN origin_customer_id BIGINT;
ALTER TABLE contact_day ADD COLUMN origin_customer_id BIGINT;
ALTER TABLE contact_ledger ADD COLUMN origin_customer_id BIGINT;
ALTER TABLE coupon ADD COLUMN origin_customer_id BIGINT;
ALTER TABLE callback ADD COLUMN origin_customer_id BIGINT;

-- 1: merged or parted since it was last kept; what changes at once has the cause merge.
ALTER TABLE customer_due ADD COLUMN regrouped BIGINT NOT NULL DEFAULT 0;

-- Found by the customer too: a merge moves these rows.
CREATE INDEX coupon_customer ON coupon (customer_id);
CREATE INDEX trigger_queue_customer ON trigger_queue (customer_id);

-- Two customers that may be one; a person decides. first_id < second_id. by_kind: the kind of identifier they share.
-- state: open | merged | parted (a person took them apart; no event makes them one again).
CREATE TABLE merge_candidate (
  {id},
  first_id BIGINT NOT NULL,
  second_id BIGINT NOT NULL,
  by_kind TEXT NOT NULL,
  state TEXT NOT NULL,
  seen_at BIGINT NOT NULL,
  UNIQUE (first_id, second_id)
);
CREATE INDEX merge_candidate_state ON merge_candidate (state, id);

-- Values that never identify anybody, beside those that are shipped. kind: external | phone | email; value as
-- normalised, an external id with its platform.
CREATE TABLE blocked_identifier (
  {id},
  kind TEXT NOT NULL,
  value TEXT NOT NULL,
  reason TEXT NOT NULL,
  actor TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  UNIQUE (kind, value)
);
";
