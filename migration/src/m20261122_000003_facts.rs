//! Facts: the event log, the keys that make it idempotent, and what is projected from it.

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
-- The log. No unique key, so that it can be partitioned by customer; its promises live in event_key and order_effect.
-- kind is the event's name; order_key is '<shop key>:<order id>', ref_key a refund's key within its order or
-- '<shop key>:<ticket id>'; the typed columns hold what rules read, properties (JSON) the rest.
CREATE TABLE event (
  {id},
  customer_id BIGINT NOT NULL,
  origin_customer_id BIGINT NOT NULL,
  source_id BIGINT NOT NULL,
  message_id TEXT NOT NULL,
  kind TEXT NOT NULL,
  occurred_at BIGINT NOT NULL,
  received_at BIGINT NOT NULL,
  effective BIGINT NOT NULL,
  historical BIGINT NOT NULL,
  order_key TEXT,
  ref_key TEXT,
  amount_minor BIGINT,
  properties TEXT NOT NULL
);
CREATE INDEX event_customer ON event (customer_id, occurred_at);

-- Personal values of an event (JSON), apart from the log.
CREATE TABLE event_personal (
  event_id BIGINT PRIMARY KEY,
  customer_id BIGINT NOT NULL,
  payload TEXT NOT NULL
);
CREATE INDEX event_personal_customer ON event_personal (customer_id);

CREATE TABLE event_key (
  source_id BIGINT NOT NULL,
  message_id TEXT NOT NULL,
  event_id BIGINT NOT NULL,
  PRIMARY KEY (source_id, message_id)
);

-- Business keys: an order is completed once, a refund counts once. kind: completed | cancelled | refunded.
CREATE TABLE order_effect (
  {id},
  shop_id BIGINT NOT NULL,
  order_key TEXT NOT NULL,
  kind TEXT NOT NULL,
  ref_key TEXT NOT NULL,
  event_id BIGINT NOT NULL,
  UNIQUE (shop_id, order_key, kind, ref_key)
);

-- paid_at null: named by a refund, update or cancellation, and not paid as far as is known.
CREATE TABLE orders (
  {id},
  shop_id BIGINT NOT NULL,
  order_key TEXT NOT NULL,
  customer_id BIGINT NOT NULL,
  origin_customer_id BIGINT NOT NULL,
  paid_at BIGINT,
  cancelled_at BIGINT,
  total_minor BIGINT NOT NULL,
  refunded_minor BIGINT NOT NULL,
  currency TEXT NOT NULL,
  coupon_code_hash TEXT,
  version_at BIGINT NOT NULL,
  version_id TEXT NOT NULL,
  UNIQUE (shop_id, order_key)
);
CREATE INDEX orders_customer ON orders (customer_id, paid_at);

-- order_key '' is an unlinked refund; amount_minor null refunds what is left.
CREATE TABLE refund (
  {id},
  shop_id BIGINT NOT NULL,
  order_key TEXT NOT NULL,
  ref_key TEXT NOT NULL,
  customer_id BIGINT NOT NULL,
  occurred_at BIGINT NOT NULL,
  amount_minor BIGINT,
  UNIQUE (shop_id, order_key, ref_key)
);
CREATE INDEX refund_customer ON refund (customer_id, occurred_at);

-- state: open | closed, as of the latest event by (occurred_at, message_id).
CREATE TABLE ticket (
  {id},
  shop_id BIGINT NOT NULL,
  ticket_key TEXT NOT NULL,
  customer_id BIGINT NOT NULL,
  order_key TEXT,
  state TEXT NOT NULL,
  opened_at BIGINT,
  resolved_at BIGINT,
  reopened BIGINT NOT NULL,
  complaint BIGINT NOT NULL,
  important BIGINT NOT NULL,
  complex BIGINT NOT NULL,
  amount_minor BIGINT,
  category TEXT,
  severity TEXT,
  channel TEXT,
  version_at BIGINT NOT NULL,
  version_id TEXT NOT NULL,
  UNIQUE (shop_id, ticket_key)
);
CREATE INDEX ticket_customer ON ticket (customer_id, opened_at);

-- Refused events kept for repair. state: open | retried | discarded.
CREATE TABLE quarantine (
  {id},
  source_id BIGINT NOT NULL,
  message_id TEXT,
  code TEXT NOT NULL,
  detail TEXT NOT NULL,
  payload TEXT NOT NULL,
  state TEXT NOT NULL,
  received_at BIGINT NOT NULL
);
CREATE INDEX quarantine_state ON quarantine (state, received_at);
CREATE INDEX quarantine_message ON quarantine (source_id, message_id);

-- received_at is the one instant at which all rows of the file count as taken in.
CREATE TABLE import_batch (
  {id},
  kind TEXT NOT NULL,
  file_name TEXT NOT NULL,
  file_hash TEXT NOT NULL,
  source_id BIGINT NOT NULL,
  historical BIGINT NOT NULL,
  received_at BIGINT NOT NULL,
  started_at BIGINT NOT NULL,
  finished_at BIGINT,
  cursor_row BIGINT NOT NULL,
  accepted BIGINT NOT NULL,
  duplicate BIGINT NOT NULL,
  rejected BIGINT NOT NULL,
  without_customer BIGINT NOT NULL
);
CREATE INDEX import_batch_file ON import_batch (file_hash, kind);
";
