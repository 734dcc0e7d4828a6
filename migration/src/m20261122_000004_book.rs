//! The book: who is due, the profile, the tags and their ledger.

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
-- due_at is the earliest instant at which anything about the customer can change without a new fact.
-- fact_rev rises with every new fact; the keeper stores its result only if it is still what it read.
CREATE TABLE customer_due (
  customer_id BIGINT PRIMARY KEY,
  due_at BIGINT NOT NULL,
  fact_rev BIGINT NOT NULL,
  rule_epoch BIGINT NOT NULL,
  leased_until BIGINT,
  lease_owner TEXT,
  fence BIGINT NOT NULL
);
CREATE INDEX customer_due_at ON customer_due (due_at);
CREATE INDEX customer_due_leased ON customer_due (leased_until) WHERE leased_until IS NOT NULL;

-- The fold of the facts as of kept_at. Instants and sums; days since are never stored.
CREATE TABLE profile (
  customer_id BIGINT PRIMARY KEY,
  kept_at BIGINT NOT NULL,
  spend_365_minor BIGINT NOT NULL,
  spend_ever_minor BIGINT NOT NULL,
  orders_365 BIGINT NOT NULL,
  orders_ever BIGINT NOT NULL,
  order_days BIGINT NOT NULL,
  first_order_at BIGINT,
  last_order_at BIGINT,
  last_order_key TEXT,
  tickets BIGINT NOT NULL,
  complaints_90 BIGINT NOT NULL,
  complaints_365 BIGINT NOT NULL,
  open_complaints BIGINT NOT NULL
);

CREATE TABLE tag_current (
  customer_id BIGINT NOT NULL,
  key TEXT NOT NULL,
  value TEXT NOT NULL,
  since BIGINT NOT NULL,
  as_of BIGINT NOT NULL,
  source TEXT NOT NULL,
  rule_version BIGINT NOT NULL,
  evidence TEXT NOT NULL,
  PRIMARY KEY (customer_id, key)
);
CREATE INDEX tag_current_value ON tag_current (key, value, customer_id);

-- The ledger of what the daemon decided; its fold equals tag_current. cause: event | time | rule | merge | rebuild | manual.
CREATE TABLE tag_history (
  {id},
  customer_id BIGINT NOT NULL,
  key TEXT NOT NULL,
  from_value TEXT,
  to_value TEXT,
  since BIGINT NOT NULL,
  as_of BIGINT NOT NULL,
  recorded_at BIGINT NOT NULL,
  cause TEXT NOT NULL,
  historical BIGINT NOT NULL,
  rule_version BIGINT NOT NULL,
  evidence TEXT NOT NULL
);
CREATE INDEX tag_history_customer ON tag_history (customer_id, key, as_of);
{append_only tag_history};

CREATE TABLE rule_version (
  {id},
  key TEXT NOT NULL,
  version BIGINT NOT NULL,
  document TEXT NOT NULL,
  document_hash TEXT NOT NULL,
  published_at BIGINT NOT NULL,
  UNIQUE (key, version)
);

-- What starts campaigns: written in the transaction of its cause, emptied by the planner.
-- kind: tag | event. origin_key is what makes the cause once for its campaign kind.
CREATE TABLE trigger_queue (
  {id},
  customer_id BIGINT NOT NULL,
  kind TEXT NOT NULL,
  key TEXT NOT NULL,
  from_value TEXT,
  to_value TEXT,
  cause_at BIGINT NOT NULL,
  origin_key TEXT NOT NULL,
  payload TEXT NOT NULL,
  due_at BIGINT NOT NULL,
  leased_until BIGINT,
  lease_owner TEXT,
  fence BIGINT NOT NULL
);
CREATE INDEX trigger_queue_due ON trigger_queue (due_at);
CREATE INDEX trigger_queue_leased ON trigger_queue (leased_until) WHERE leased_until IS NOT NULL;
";
