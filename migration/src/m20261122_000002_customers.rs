//! Who: customers, what identifies them, where to reach them, what they allowed.

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
CREATE TABLE customer (
  {id},
  shop_id BIGINT NOT NULL REFERENCES shop (id),
  account_kind TEXT NOT NULL,
  locale TEXT,
  zone TEXT,
  registered_at BIGINT,
  created_at BIGINT NOT NULL,
  erased_at BIGINT
);

-- Personal values, apart from the row so that erasing is deleting. traits: a JSON object of
-- field → [value, occurred_at, message_id], so that the greatest version of each field wins.
CREATE TABLE customer_personal (
  customer_id BIGINT PRIMARY KEY REFERENCES customer (id),
  name TEXT,
  birthday TEXT,
  traits TEXT NOT NULL
);

-- Says who somebody is.
CREATE TABLE identifier (
  {id},
  customer_id BIGINT NOT NULL REFERENCES customer (id),
  kind TEXT NOT NULL,
  namespace TEXT NOT NULL,
  value TEXT NOT NULL,
  UNIQUE (kind, namespace, value)
);
CREATE INDEX identifier_customer ON identifier (customer_id);

-- Says where to reach them; may be shared between customers.
CREATE TABLE contact_point (
  {id},
  customer_id BIGINT NOT NULL REFERENCES customer (id),
  channel TEXT NOT NULL,
  value TEXT NOT NULL,
  class TEXT NOT NULL,
  usable BIGINT NOT NULL,
  is_primary BIGINT NOT NULL,
  UNIQUE (customer_id, channel, value)
);
CREATE INDEX contact_point_value ON contact_point (channel, value);

-- Append-only ledger; the latest by (occurred_at, id) counts. state: granted | denied.
CREATE TABLE consent (
  {id},
  customer_id BIGINT NOT NULL REFERENCES customer (id),
  channel TEXT NOT NULL,
  purpose TEXT NOT NULL,
  state TEXT NOT NULL,
  source TEXT NOT NULL,
  evidence TEXT NOT NULL,
  occurred_at BIGINT NOT NULL,
  recorded_at BIGINT NOT NULL
);
CREATE INDEX consent_latest ON consent (customer_id, channel, purpose, occurred_at);

-- By keyed hash of the contact point, so that it survives erasure. scope: all | marketing.
CREATE TABLE suppression (
  {id},
  channel TEXT NOT NULL,
  value_hash TEXT NOT NULL,
  scope TEXT NOT NULL,
  reason TEXT NOT NULL,
  actor TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  UNIQUE (channel, value_hash)
);
";
