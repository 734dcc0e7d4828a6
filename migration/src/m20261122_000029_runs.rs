//! Runs over the whole book, and what they gave each customer.

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
-- Begun once as_of is known, as of which everybody is looked at; cuts is a JSON object, whose shape kind and version say.
-- Customers up to cursor_id have been gone through; done_at null: not all have.
CREATE TABLE run (
  {id},
  kind TEXT NOT NULL,
  version BIGINT NOT NULL,
  due_at BIGINT NOT NULL,
  as_of BIGINT,
  cuts TEXT,
  cursor_id BIGINT NOT NULL DEFAULT 0,
  looked_at BIGINT NOT NULL DEFAULT 0,
  changed BIGINT NOT NULL DEFAULT 0,
  done_at BIGINT,
  UNIQUE (kind, due_at)
);
CREATE INDEX run_due ON run (due_at) WHERE done_at IS NULL;

-- What the last run said of a customer, and what counts. customer_id is canonical; whoever is merged or parted begins anew.
CREATE TABLE score (
  customer_id BIGINT NOT NULL,
  kind TEXT NOT NULL,
  run_id BIGINT NOT NULL,
  said TEXT,
  settled TEXT,
  PRIMARY KEY (customer_id, kind)
);
";
